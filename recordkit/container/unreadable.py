"""
Files of which the disk can't give back some blocks: what can be read is read, zeros stand in for the rest.

Zeros are no chunk and no index, and no checksum holds for them that did not hold for what stood there. So the decoder
needs to know nothing of all this: it finds damage there and goes on behind it, and only what the damage is *called*
changes afterwards. Bytes that were zeros anyway cost nothing; that they can't be read is told all the same.

A range that fails is halved down to sectors. Each failing read may take a disk seconds, so the longer a stretch fails,
the larger are the pieces in which it is given up: a dead gigabyte takes some thousands of them. What was given up is
not tried again as long as the file is open.
"""

import errno
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from recordkit.container.damage import Damage, DamageKind, damage_of
from recordkit.container.source import FileSource
from recordkit.errors import FormatError

_MEDIUM: Final = frozenset(
    getattr(errno, name)
    for name in ("EIO", "ENODATA", "EBADMSG", "EILSEQ", "EUCLEAN", "EREMOTEIO")
    if hasattr(errno, name)
)
"""What systems say of a bad block. All else (the device is gone, no memory) is no damage of a place."""

_SECTOR: Final = 512
_TRIES: Final = 2
"""Of a single sector."""
_SHARE: Final = 64
"""What has failed so far, divided by this, is the size in which more is given up."""
_PATIENCE: Final = 4096
"""So many failures, wherever they were, make a sector more."""


class Hole(NamedTuple):
    """
    Bytes that can't be read.
    """

    offset: int
    end: int


class PatchedSource(FileSource):
    """
    A file for salvage: reading it does not end at a bad block.

    Attributes:
        failure: The first error that a block was given up for; None as long as all could be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failure: OSError | None = None
        self._holes: list[Hole] = []
        self._failed = 0
        self._run = Hole(-1, -1)  # the failing stretch that reading is in

    def read_at(self, offset: int, size: int) -> bytes:
        """
        See `ByteSource.read_at`; zeros where nothing can be read.
        """
        if not self._holes or not any(self.holes_in(offset, offset + size)):
            try:
                return super().read_at(offset, size)
            except OSError as error:
                self._note(error)
        return b"".join(self._pieces(offset, min(offset + size, self.size())))

    def holes_in(self, begin: int, end: int) -> Iterator[Hole]:
        """
        Yield what can't be read of the bytes from *begin* to *end*, as far as it was tried.
        """
        if not self._holes:
            return
        for hole in self._holes[max(bisect_right(self._holes, (begin,)) - 1, 0) :]:
            if hole.offset >= end:
                return
            if hole.end > begin:
                yield Hole(max(hole.offset, begin), min(hole.end, end))

    def explained(self, damage: Damage) -> Damage:
        """
        Return *damage*, called by its cause if bytes of it can't be read.
        """
        holes = list(self.holes_in(damage.offset, damage.offset + damage.length))
        return self._damage(damage, holes) if holes else damage

    def untold(self, told: Iterable[Damage], *, begin: int = 0) -> Iterator[Damage]:
        """
        Yield the damage that no one in *told* speaks of, from *begin* on: bytes that must have been zeros.
        """
        if not self._holes:
            return
        spans = [(damage.offset, damage.offset + damage.length) for damage in told]
        for hole in self.holes_in(begin, self.size()):
            if not any(start < hole.end and hole.offset < end for start, end in spans):
                found = damage_of(FormatError(""), offset=hole.offset, length=hole.end - hole.offset, chunk=None)
                yield self._damage(found, [hole])

    def _damage(self, damage: Damage, holes: list[Hole]) -> Damage:
        why = "" if self.failure is None else f": {self.failure.strerror}"
        lost = sum(hole.end - hole.offset for hole in holes)
        error = FormatError(
            f"bytes can't be read{why}",
            path=damage.error.path,
            offset=damage.offset,
            chunk=damage.chunk,
        )
        error.expected = f"{damage.length} bytes"
        error.found = f"{lost} unreadable, from offset {holes[0].offset} on"
        return Damage(
            kind=DamageKind.INDEX if damage.kind is DamageKind.INDEX else DamageKind.UNREADABLE,
            offset=damage.offset, length=damage.length, chunk=damage.chunk, what=error.what,
            expected=error.expected, found=error.found, error=error,
        )  # fmt: skip

    def _pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """
        Yield the bytes from *begin* to *end*, those that can't be read as zeros.
        """
        ranges = [(begin, end)]
        while ranges:
            begin, end = ranges.pop()
            if begin >= end:
                continue
            hole = next(self.holes_in(begin, end), None)
            if hole is not None and hole.offset == begin:
                yield bytes(hole.end - begin)
                ranges.append((hole.end, end))
                continue
            if hole is not None:
                ranges.append((hole.offset, end))
                end = hole.offset
            grain = self._grain(begin)
            single = begin // grain == (end - 1) // grain
            data = self._tried(begin, end, times=_TRIES if single else 1)
            if data is not None:
                yield data
                if len(data) < end - begin:
                    return  # the file became shorter
            elif single:
                self._give_up(begin, end)
                ranges.append((begin, end))
            else:
                middle = max((begin + end) // 2 // grain, begin // grain + 1) * grain
                ranges += [(middle, end), (begin, middle)]

    def _grain(self, begin: int) -> int:
        run = begin - self._run.offset if self._run.end == begin else 0
        return 1 << (max(_SECTOR, run // _SHARE, self._failed // _PATIENCE * _SECTOR).bit_length() - 1)

    def _tried(self, begin: int, end: int, *, times: int) -> bytes | None:
        for _ in range(times):
            try:
                return super().read_at(begin, end - begin)
            except OSError as error:
                self._note(error)
        return None

    def _note(self, error: OSError) -> None:
        """
        Count a failed read.

        Raises:
            OSError: *error*, if it is not about a place.
        """
        if error.errno not in _MEDIUM:
            raise error
        self._failed += 1
        if self.failure is None:
            self.failure = OSError(error.errno, os.strerror(error.errno or 0), str(self.path))

    def _give_up(self, begin: int, end: int) -> None:
        """
        Take whole sectors for unreadable, if they are; a disk reads no less.
        """
        begin = begin // _SECTOR * _SECTOR
        end = min((end + _SECTOR - 1) // _SECTOR * _SECTOR, max(self.size(), end))
        place = bisect_right(self._holes, (begin,))
        while place and self._holes[place - 1].end >= begin:
            place -= 1
        until = place
        while until < len(self._holes) and self._holes[until].offset <= end:
            begin, end = min(begin, self._holes[until].offset), max(end, self._holes[until].end)
            until += 1
        self._holes[place:until] = [Hole(begin, end)]
        self._run = Hole(begin, end)
