"""
Move a sealed recording to its place so that the catalog need not list the directory because of it.

A directory that changed is compared with its rows by the next reader. With a million recordings that is
4000 files a directory, and a busy proxy changes all 256 of them within minutes. So a recorder notes down
the directory's status before and after its move, a *step*. If the catalog's word is for the status
before, then adding the row makes it as good for the status after.

That holds only if nothing else came between the two looks. Recorders keep each other out by a lock on
the directory, and set its time to one that it never had before, so that each step leads to a status of
its own, also within one tick of the file system's clock. A step that does not join on (another process
has not yet added its row, or somebody copied a file in) changes nothing, and the directory is compared.
What is left is a file that somebody else puts there within the microseconds between the two looks; it is
seen at the next change of the directory.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Final, NamedTuple

from recordkit.container.files import Files
from recordkit.store.paths import SEALED_SUFFIX

_WAIT_S: Final = 0.05  # a move takes microseconds; a stopped process must not stop the others' sealing
_POLL_S: Final = 0.001


class Step(NamedTuple):
    """
    A directory of sealed recordings before and after a move into it.
    """

    shard: str
    before: str
    after: str


class PlacingFiles:
    """
    `Files` that note down the step when a recording is moved to its sealed path. For one sealing.

    Attributes:
        step: What moving came to; None if it was not done, or can't vouch for anything.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self.step: Step | None = None
        self.create = files.create
        self.append = files.append
        self.read = files.read
        self.truncate = files.truncate
        self.sync = files.sync
        self.remove = files.remove
        self.make_directory = files.make_directory

    def rename(self, old: Path, new: Path) -> None:
        """
        See `recordkit.container.files.Files.rename`.
        """
        if new.name.endswith(SEALED_SUFFIX):
            self.step = place(self._files, old, new)
        else:
            self._files.rename(old, new)


def place(files: Files, old: Path, new: Path) -> Step | None:
    """
    Move *old* to *new*, in an existing directory, and return the step if there is one.

    Raises:
        OSError: It can't be moved.
    """
    descriptor = -1
    try:
        descriptor = _locked(new.parent)
        before = os.fstat(descriptor)
    except OSError:
        before = None
    try:
        files.rename(old, new)
        if before is None:
            return None
        try:
            # later than any time that it had, and between two ticks
            unique_ns = max(time.time_ns(), before.st_mtime_ns + 1)
            os.utime(descriptor, ns=(before.st_atime_ns, unique_ns))
            after = os.fstat(descriptor)
        except OSError:  # not our directory: somebody else's right to change it suffices for moving, not for this
            return None
        if after.st_mtime_ns != unique_ns:
            return None  # a file system with a coarser clock: the next change might leave the same status
        return Step(new.parent.name, status_text(before), status_text(after))
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def status_text(status: os.stat_result) -> str:
    """
    Return what tells one state of a directory from another.
    """
    return f"{status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}"


def _locked(directory: Path) -> int:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return
