"""
Where a decoder gets its bytes: anything that can be read at an offset.
"""

import os
from pathlib import Path
from typing import Final, Protocol

from recordkit.errors import ClosedError
from recordkit.limits import KIB

_LAST_OFFSET: Final = 2**62
"""No file reaches so far; an index may say so, and the system call knows no more than 63 bits."""
_SMALL: Final = 64 * KIB
"""Most sessions' recordings; a dozen of reads less, each of which gives up the interpreter lock."""


class ByteSource(Protocol):
    """
    Bytes that may still grow at the end.
    """

    def size(self) -> int:
        """
        Return how many bytes there are now.
        """

    def read_at(self, offset: int, size: int) -> bytes:
        """
        Return *size* bytes from *offset*, fewer only where the bytes end.
        """


class MemorySource:
    """
    Bytes in memory.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def size(self) -> int:
        """
        See `ByteSource.size`.
        """
        return len(self._data)

    def read_at(self, offset: int, size: int) -> bytes:
        """
        See `ByteSource.read_at`.
        """
        return self._data[offset : offset + size]


class FileSource:
    """
    A file, read by offset, so that several readers may share it; also after it was renamed.
    """

    def __init__(self, path: Path, *, settled: bool = False) -> None:
        """
        Open *path*; if it is *settled*, not to be written any more, and small, it is read at once.
        """
        self.path = path
        self._whole: bytes | None = None
        self._fd = -1
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if settled:
            self._whole = self._small()

    def size(self) -> int:
        """
        See `ByteSource.size`.
        """
        fd = self._checked()
        return os.fstat(fd).st_size if self._whole is None else len(self._whole)

    def read_at(self, offset: int, size: int) -> bytes:
        """
        See `ByteSource.read_at`.
        """
        if offset > _LAST_OFFSET:
            return b""
        if self._whole is not None:
            self._checked()
            return self._whole[offset : offset + size]
        block = os.pread(self._checked(), size, offset)
        while len(block) < size:
            more = os.pread(self._fd, size - len(block), offset + len(block))
            if not more:
                break
            block += more
        return block

    def close(self) -> None:
        """
        Give the file back; closing twice is fine.
        """
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def _small(self) -> bytes | None:
        """
        Return all of a small file; None of a larger one, and where the disk refuses some of it.
        """
        try:
            found = os.pread(self._fd, _SMALL + 1, 0)
        except OSError:
            return None
        return found if len(found) <= _SMALL and len(found) == os.fstat(self._fd).st_size else None

    def _checked(self) -> int:
        if self._fd < 0:
            raise ClosedError(f"{self.path}: the recording is closed")
        return self._fd
