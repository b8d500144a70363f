"""
Chunks of a recording, decoded one at a time: a few are kept, so memory does not grow with the recording.

A chunk that can't be read is one without events and with a fault, so that what is sound around it plays.
The index is only a hint: when a chunk is not the one that it names, the table is made anew from the chunk
headers, once.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Final, NamedTuple

from recordkit.container import Recording
from recordkit.container.layout import ChunkEntry
from recordkit.container.table import ChunkTable
from recordkit.errors import FormatError
from recordkit.events import KINDS, Event, Role, decode_line
from recordkit.events.place import place_of

KEPT: Final = 64
KEPT_BYTES: Final = 4 * 1024 * 1024
"""Lines of kept chunks: some 16 of the usual size, or 64 that were flushed each second. Two are always kept."""


class Address(NamedTuple):
    """
    Where a moment stands: number of its chunk in the recording, and its own number in it, both from 0.
    """

    chunk: int
    number: int


class DecodedChunk:
    """
    One chunk's events.

    Attributes:
        entry: What its header says.
        raw: Its lines; none if it can't be read.
        fault: What is wrong with it; None if it is sound. Events before a bad line are there.
    """

    def __init__(
        self,
        entry: ChunkEntry,
        raw: bytes,
        *,
        start_ns: int,
        fault: FormatError | None = None,
        met: Callable[[FormatError], None] | None = None,
    ) -> None:
        self.entry = entry
        self.raw = raw
        self.fault = fault
        self._met = met
        self._start_ns = start_ns

    @cached_property
    def events(self) -> list[Event]:
        """
        The events, parsed when they are first asked for.
        """
        events: list[Event] = []
        try:
            events.extend(map(decode_line, self.raw.split(b"\n")[:-1]))
        except FormatError as error:
            error.offset, error.chunk = self.entry.offset, self.entry.sequence
            self.fault = error
            if self._met is not None:
                self._met(error)
        return events

    @cached_property
    def delays_ns(self) -> list[int]:
        """
        Of each event, the nanoseconds since the session's start, >= 0.
        """
        place = place_of(self.entry.lowest_ei, self.entry.earliest_ns)
        times = (place.next(event)[1] for event in self.events)
        return [0 if time_ns is None else max(0, time_ns - self._start_ns) for time_ns in times]


class Chunks:
    """
    The chunks of one recording, read when they are asked for. Not for several threads at once.

    Attributes:
        table: Where they are.
        start_ns: Time of the earliest event; 0 if none has a time.
        duration_ns: From there to the latest.
        reads: How many chunks were read so far.
        renewed: How often all that was read so far became stale: the index was found to lie and the table made
            anew, or an event came that is earlier than the first.
        damage: What was found to be damaged so far.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.table = recording.table()
        self.reads = self.renewed = 0
        self._kept: OrderedDict[int, DecodedChunk] = OrderedDict()
        self.damage: list[FormatError] = [fault.error for fault in self.table.faults]
        self._measure()

    def __len__(self) -> int:
        return len(self.table)

    def get(self, number: int) -> DecodedChunk:
        """
        Return a chunk, from memory if it was read lately.
        """
        kept = self._kept.get(number)
        if kept is not None:
            self._kept.move_to_end(number)
            return kept
        chunk = self._read(number)
        self._kept[number] = chunk
        while too_many(self._kept.values()):
            self._kept.popitem(last=False)
        return chunk

    def peek(self, number: int) -> DecodedChunk:
        """
        Return a chunk without keeping it: for passes over the whole recording.
        """
        return self._kept.get(number) or self._read(number)

    def extend(self) -> bool:
        """
        Take in what was written since; tell whether that was anything.
        """
        before, faults, start_ns = len(self.table), len(self.table.faults), self.start_ns
        self.recording.extend(self.table)
        if len(self.table) == before and len(self.table.faults) == faults:
            return False
        self.damage.extend(fault.error for fault in self.table.faults[faults:])
        self._measure()
        if self.start_ns != start_ns:
            self._kept.clear()
            self.renewed += 1
        return True

    def _read(self, number: int) -> DecodedChunk:
        self.reads += 1
        try:
            raw, fault = self.recording.read_chunk(self.table, number), None
        except FormatError as error:
            raw, fault = b"", error
            if self.table.indexed and self._renew():
                self._meet(error)
                return self._read(number) if number < len(self.table) else self._nothing(error)
            self._meet(error)
        return DecodedChunk(self.table[number], raw, start_ns=self.start_ns, fault=fault, met=self._meet)

    def _meet(self, error: FormatError) -> None:
        if all(known.offset != error.offset for known in self.damage):
            error.path = error.path or self.recording.path
            self.damage.append(error)

    def _nothing(self, error: FormatError) -> DecodedChunk:
        entry = ChunkEntry(*[0] * len(ChunkEntry._fields))
        return DecodedChunk(entry, b"", start_ns=self.start_ns, fault=error)

    def _renew(self) -> bool:
        """
        Take the chunk headers' word instead of the index's; tell whether they differ.
        """
        walked: ChunkTable = self.recording.table(indexed=False)
        if list(walked) == list(self.table):
            self.table.indexed = False
            return False
        self.renewed += 1
        self.table = walked
        for fault in walked.faults:
            self._meet(fault.error)
        self._kept.clear()
        self._measure()
        return True

    def _measure(self) -> None:
        bounds = self.table.bounds_ns()
        self.start_ns, self.duration_ns = (0, 0) if bounds is None else (bounds[0], bounds[1] - bounds[0])


def too_many(chunks: Collection[DecodedChunk]) -> bool:
    """
    Tell whether *chunks* are more than are kept.
    """
    return len(chunks) > KEPT or (len(chunks) > 2 and sum(len(one.raw) for one in chunks) > KEPT_BYTES)


def role_of(event: Event) -> Role:
    """
    Return what *event* means to playback.
    """
    kind = event.get("event")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    return Role.OTHER if known is None else known.role
