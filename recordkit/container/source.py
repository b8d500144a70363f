"""
Where a decoder gets its bytes: anything that can be read at an offset.
"""

import os
from pathlib import Path
from typing import Final, Protocol

from recordkit.errors import ClosedError

_LAST_OFFSET: Final = 2**62
"""No file reaches so far; an index may say so, and the system call knows no more than 63 bits."""


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

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def size(self) -> int:
        """
        See `ByteSource.size`.
        """
        return os.fstat(self._checked()).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """
        See `ByteSource.read_at`.
        """
        if offset > _LAST_OFFSET:
            return b""
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

    def _checked(self) -> int:
        if self._fd < 0:
            raise ClosedError(f"{self.path}: the recording is closed")
        return self._fd
