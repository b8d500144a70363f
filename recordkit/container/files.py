"""
What recording asks of the file system, in one place, so that faults can be put in between.

Every call either does all of its work or raises the ``OSError``; a short write is gone on with.
"""

import contextlib
import errno
import os
from pathlib import Path
from typing import Final, Protocol

PRIVATE: Final = 0o600
"""Recordings hold what people typed: only their owner reads them."""

PRIVATE_DIRECTORY: Final = 0o700

_NAMELESS: Final = getattr(os, "O_TMPFILE", os.O_DIRECTORY)  # elsewhere than on Linux opening fails, as wanted
_UNABLE: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT, errno.EPERM, errno.EXDEV})
"""What a system says that can't name a file later: file system, kernel, no ``/proc``."""


class Files(Protocol):
    """
    The operations of a writer.
    """

    def create(self, path: Path, data: bytes) -> None:
        """
        Create *path*, which must not exist, with *data*: it appears with all of it, or not at all.
        """

    def append(self, path: Path, data: bytes, *, offset: int) -> None:
        """
        Write *data* at *offset*, the end of *path*.
        """

    def read(self, path: Path, size: int, *, offset: int) -> bytes:
        """
        Return *size* bytes of *path* from *offset* on, or all if there are fewer.
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
        Create the directory *path*; fine if it is there. Its name survives power loss.
        """


class OsFiles:
    """
    The operating system's files.
    """

    _named: frozenset[Path] = frozenset()
    """Directories whose names have been synced. Another process may make one and not have come to that yet."""

    def create(self, path: Path, data: bytes) -> None:
        """
        See `Files.create`.

        The file is written before it has a name. Otherwise a reader may meet it empty, and a process that dies
        between leaves an empty file, of which nobody can say whose it is. File systems that can't do this
        (network ones) leave that gap open.
        """
        try:
            fd = os.open(path.parent, _NAMELESS | os.O_WRONLY | os.O_CLOEXEC, PRIVATE)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            self._create_named(path, data)
            return
        try:
            self._write(fd, data, 0)
            # Only with a directory given does Python follow the link in /proc; the path is absolute all the same.
            os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            self._create_named(path, data)
        finally:
            os.close(fd)

    def _create_named(self, path: Path, data: bytes) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        try:
            self._write(fd, data, 0)
        except BaseException:
            path.unlink()  # ours: it was not there before
            raise
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

    def read(self, path: Path, size: int, *, offset: int) -> bytes:
        """
        See `Files.read`.
        """
        parts: list[bytes] = []
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while size and (part := os.pread(fd, size, offset)):
                parts.append(part)
                size -= len(part)
                offset += len(part)
        finally:
            with contextlib.suppress(OSError):  # nothing was written
                os.close(fd)
        return b"".join(parts)

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
        if path in self._named and path.is_dir():
            return
        missing = [parent for parent in path.parents if not parent.exists()]
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        for made in (path, *missing):
            self.sync(made.parent)
        self._named |= {path}

    def _write(self, fd: int, data: bytes, offset: int) -> None:
        written = os.pwrite(fd, data, offset)
        while written < len(data):
            written += os.pwrite(fd, memoryview(data)[written:], offset + written)
