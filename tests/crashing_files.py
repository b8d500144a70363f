"""
Files whose N-th operation, whatever it is, meets a full disk or is the last thing that the process does.
"""

import errno
from pathlib import Path

from recordkit.container.files import OsFiles


class Died(BaseException):
    """
    The process is gone: nothing that it would do any more happens.
    """


class CrashingFiles(OsFiles):
    """
    The operating system's files until operation number *at*, counted from 0.

    Args:
        at: Which operation fails.
        how: ``refused``: an error, nothing done · ``half``: an error after half of a write · ``dies before`` ·
            ``dies half-way`` · ``dies behind``.
        times: How many operations from *at* on are refused; a process dies once and for all.
    """

    HOW = ("refused", "half", "dies before", "dies half-way", "dies behind")

    def __init__(self, at: int, how: str, *, times: int = 1) -> None:
        self.at = at
        self.how = how
        self.times = times
        self.done: list[str] = []
        self.dead = False

    @property
    def failed(self) -> bool:
        """
        Whether the fault has happened.
        """
        return len(self.done) > self.at

    def create(self, path: Path, data: bytes) -> None:
        # where the file system can't name a file later, a process that dies leaves a part of it
        half = (lambda: _write_half(path, data)) if self.how == "dies half-way" else lambda: None
        self._step("create", lambda: OsFiles.create(self, path, data), half)

    def append(self, path: Path, data: bytes, *, offset: int) -> None:
        self._step(
            "append",
            lambda: OsFiles.append(self, path, data, offset=offset),
            lambda: OsFiles.append(self, path, data[: len(data) // 2], offset=offset),
        )

    def truncate(self, path: Path, size: int) -> None:
        self._step("truncate", lambda: OsFiles.truncate(self, path, size))

    def sync(self, path: Path) -> None:
        self._step("sync", lambda: None)

    def rename(self, old: Path, new: Path) -> None:
        self._step("rename", lambda: OsFiles.rename(self, old, new))

    def remove(self, path: Path) -> None:
        self._step("remove", lambda: OsFiles.remove(self, path))

    def make_directory(self, path: Path) -> None:
        self._step("make_directory", lambda: OsFiles.make_directory(self, path))

    def _step(self, name, whole, half=lambda: None) -> None:
        if self.dead:
            raise Died
        number = len(self.done)
        self.done.append(name)
        if not self.at <= number < self.at + self.times:
            whole()
            return
        self.dead = self.how.startswith("dies")
        if self.how in ("half", "dies half-way"):
            half()
        elif self.how == "dies behind":
            whole()
        if self.dead:
            raise Died
        raise OSError(errno.ENOSPC, "No space left on device", name)


def _write_half(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data[: len(data) // 2])
