"""
What recording asks of the file system, in one place, so that faults can be put in between.

Every call either does all of its work or raises the ``OSError``; a short write is gone on with.
"""

import os
from pathlib import Path
from typing import Final, Protocol

PRIVATE: Final = 0o600
"""Recordings hold what people typed: only their owner reads them."""


class Files(Protocol):
    """
    The operations of a writer.
    """

    def create(self, path: Path, data: bytes) -> None:
        """
        Create *path*, which must not exist, with *data*.
        """

    def append(self, path: Path, data: bytes, *, offset: int) -> None:
        """
        Write *data* at *offset*, the end of *path*.
        """

    def truncate(self, path: Path, size: int) -> None:
        """
        Cut *path* to *size* bytes.
        """

    def sync(self, path: Path) -> None:
        """
        Make the content of *path*, a file or a directory, survive power loss.
        """

    def rename(self, old: Path, new: Path) -> None:
        """
        Move *old* to *new* in one step, replacing it.
        """

    def remove(self, path: Path) -> None:
        """
        Remove *path*; fine if it is not there.
        """

    def make_directory(self, path: Path) -> None:
        """
        Create the directory *path*; fine if it is there.
        """


class OsFiles:
    """
    The operating system's files.
    """

    def create(self, path: Path, data: bytes) -> None:
        """
        See `Files.create`.
        """
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        try:
            self._write(fd, data, 0)
        finally:
            os.close(fd)

    def append(self, path: Path, data: bytes, *, offset: int) -> None:
        """
        See `Files.append`. The file is opened for each call: ten thousand recordings need no descriptor each.
        """
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            self._write(fd, data, offset)
        finally:
            os.close(fd)

    def truncate(self, path: Path, size: int) -> None:
        """
        See `Files.truncate`.
        """
        os.truncate(path, size)

    def sync(self, path: Path) -> None:
        """
        See `Files.sync`.
        """
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        """
        See `Files.rename`.
        """
        os.replace(old, new)  # noqa: PTH105 -- Path.replace wraps it and adds only a new Path

    def remove(self, path: Path) -> None:
        """
        See `Files.remove`.
        """
        path.unlink(missing_ok=True)

    def make_directory(self, path: Path) -> None:
        """
        See `Files.make_directory`.
        """
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _write(self, fd: int, data: bytes, offset: int) -> None:
        written = os.pwrite(fd, data, offset)
        while written < len(data):
            written += os.pwrite(fd, memoryview(data)[written:], offset + written)
