"""
Locks between processes, by ``flock`` on a file that may be removed and made again.

The kernel lets go of a ``flock`` when its holder dies, so there is no stale lock to guess about. But
the lock belongs to the *file*, not to its name: between our opening and our locking another process
may have removed the name, and we would hold a lock that nobody else can see. Hence after each locking
we look whether the name still leads to the file that we locked, and start over if not.
"""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
"""Mode of the files that a store makes beside its recordings: for their owner, as the recordings are."""

_POLL_S: Final = 0.005  # a lock is held for a few milliseconds at most; flock itself has no time-out


def lock_file(path: Path, *, shared: bool = False, create: bool = True, wait_s: float | None = 0.0) -> int | None:
    """
    Return a descriptor that holds the lock of the file at *path*.

    Close the descriptor to let go. A child made by ``fork`` shares the lock, until it closes its copy.

    Args:
        path: Its directory must exist.
        shared: Let others in that want to share as well.
        create: Make the file if it is missing.
        wait_s: Give up after so many seconds; None waits for ever.

    Returns:
        None if another holds the lock for all that time.

    Raises:
        FileNotFoundError: It is missing, and *create* is false.
        OSError: The file can't be opened or made.
    """
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = None if wait_s is None else time.monotonic() + wait_s
    while True:
        descriptor = _opened(path, create=create)
        locked = False
        try:
            locked = _locked(descriptor, operation, deadline)
            if not locked:
                return None
            if names(path, descriptor):
                kept, descriptor = descriptor, -1
                return kept
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def names(path: Path, descriptor: int) -> bool:
    """
    Whether *path* leads to the file that *descriptor* has open.
    """
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _opened(path: Path, *, create: bool) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), PRIVATE)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        # a reader may have no right to write here; flock asks for none
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _locked(descriptor: int, operation: int, deadline: float | None) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, operation if deadline is None else operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if deadline is None or time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        else:
            return True
