"""
Where a recording's chunks are, in the form in which the index holds it: 88 bytes a chunk.

Ten million events are twenty thousand chunks, so a player keeps the packed entries, not twenty thousand
tuples, and unpacks the one that it looks at.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from recordkit.container.layout import ENTRY, INT64_MAX, INT64_MIN, MARK_ORDERED, ChunkEntry
from recordkit.errors import FormatError

_ERRORS: Final = ChunkEntry._fields.index("errors")


class Fault(NamedTuple):
    """
    Damage that a walk over the chunk headers met.

    Attributes:
        before: How many sound chunks stand before it.
        error: What strict reading raises for it.
    """

    before: int
    error: FormatError


class ChunkTable:
    """
    The entries of a recording's chunks in file order; grows while the recording does.

    Attributes:
        faults: What is damaged between them, as far as headers tell.
        indexed: Whether the entries come from the index: a hint, to be held against each chunk that is read.
    """

    def __init__(self, packed: bytes = b"", *, indexed: bool = False) -> None:
        self._packed = bytearray(packed)
        self.faults: list[Fault] = []
        self.indexed = indexed

    def __len__(self) -> int:
        return len(self._packed) // ENTRY.size

    def __getitem__(self, number: int) -> ChunkEntry:
        if not 0 <= number < len(self):
            raise IndexError(f"chunk {number} of {len(self)}")
        return ChunkEntry(*ENTRY.unpack_from(self._packed, number * ENTRY.size))

    def __iter__(self) -> Iterator[ChunkEntry]:
        for values in ENTRY.iter_unpack(bytes(self._packed)):
            yield ChunkEntry(*values)

    def failing(self) -> Iterator[ChunkEntry]:
        """
        Yield the entries of chunks that hold errors, in file order.
        """
        for values in ENTRY.iter_unpack(bytes(self._packed)):
            if values[_ERRORS]:
                yield ChunkEntry(*values)

    def add(self, entry: ChunkEntry) -> None:
        """
        Add the next chunk.
        """
        self._packed += ENTRY.pack(*entry)

    @property
    def ordered(self) -> bool:
        """
        Whether times and ``ei`` rise from chunk to chunk, as the last one says.
        """
        return len(self) > 0 and bool(self[len(self) - 1].marks & MARK_ORDERED)

    def bounds_ns(self) -> tuple[int, int] | None:
        """
        Return the times of the earliest and the latest event; None if no event has a time.
        """
        earliest, latest = INT64_MAX, INT64_MIN
        if self.ordered:  # only chunks at the head may be without times, and the last has the latest
            first = next((number for number in range(len(self)) if self[number].earliest_ns < INT64_MAX), 0)
            earliest, latest = self[first].earliest_ns, self[len(self) - 1].latest_ns
            return (earliest, latest) if earliest <= latest else None
        for entry in self:
            earliest, latest = min(earliest, entry.earliest_ns), max(latest, entry.latest_ns)
        return (earliest, latest) if earliest <= latest else None

    def reaching(self, time_ns: int) -> int:
        """
        Return the first chunk that has an event at *time_ns* or later; the number of chunks if none has.
        """
        if not self.ordered:
            return next((number for number, entry in enumerate(self) if entry.latest_ns >= time_ns), len(self))
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle].latest_ns >= time_ns:
                high = middle
            else:
                low = middle + 1
        return low
