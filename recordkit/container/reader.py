"""
A recording that lies in a file: its summary, its events from any moment on, its damage.

Sealed recordings are opened from the end (summary and index), open and torn ones by walking their
chunk headers. Either way events are the same from any start on: what the index says is only a hint. It
is followed if the header of the chunk before says itself that neither it nor any before it reaches the
start; otherwise the headers are walked.

Reading is strict unless another mode is asked for by name. The file is read by offset, a chunk at a
time, and parsed some lines at a time; memory does not grow with the recording's length.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

from recordkit.container.damage import Damage, DamageKind, damage_of
from recordkit.container.decoder import Chunk, Decoder, Start
from recordkit.container.frames import Decompressor
from recordkit.container.index import Index, find_index, packed_entries
from recordkit.container.layout import MARK_ORDERED, ChunkEntry
from recordkit.container.parsing import PIECE_BYTES, decoded, small_lines
from recordkit.container.source import FileSource
from recordkit.container.summary import State, Summary, Totals, summary_from_json
from recordkit.container.table import ChunkTable, Fault
from recordkit.container.unreadable import PatchedSource
from recordkit.errors import (
    ChainError,
    FormatError,
    TruncatedError,
    UnsupportedVersionError,
)
from recordkit.events.codec import Event
from recordkit.events.place import place_of
from recordkit.limits import DEFAULT_LIMITS, Limits

Mode = Literal["strict", "tail", "salvage"]
"""
What reading does at damage: ``strict`` raises after the last sound event before it; ``tail`` accepts a
torn end and raises at other damage; ``salvage`` goes on with the next sound chunk. Where the disk can't read
a block, the first two raise the ``OSError``; to salvage it is damage of that place.
"""

OPEN_SUFFIX: Final = ".jsonl.zst.open"
SEALED_SUFFIX: Final = ".jsonl.zst"
_LONGEST_S: Final = 2**64 / 1e9
"""Seconds from the earliest to the latest time that there can be."""


def open_recording(
    path: str | Path, *, mode: Mode = "strict", limits: Limits = DEFAULT_LIMITS, live: bool | None = None
) -> "Recording":
    """
    Open the recording at *path*.

    Args:
        path: A sealed recording, or an open one (named ``….open``).
        mode: See `Mode`.
        limits: Sizes to accept.
        live: Whether somebody still writes it; default: if its name says that it is open.

    Raises:
        OSError: The file can't be opened, or its header can't be read.
        FormatError: It is no recording, its header is damaged, or it needs a newer recordkit.

    Example:
        >>> with open_recording("session.jsonl.zst") as recording:  # doctest: +SKIP
        ...     for event in recording.events(start_delay=90.0):
        ...         print(event["time"], event["event"])
    """
    return Recording(Path(path), mode=mode, limits=limits, live=live)


class Recording:
    """
    One recording, open for reading; a context manager. One thread at a time.

    Attributes:
        path: The file. It is read on after it was renamed by sealing.
        sid: The session.
        owner: Hex name of the recorder that wrote it.
        mode: See `Mode`.
    """

    def __init__(self, path: Path, *, mode: Mode, limits: Limits, live: bool | None) -> None:
        if mode not in ("strict", "tail", "salvage"):
            raise ValueError(f"mode: expected strict, tail or salvage, found {mode!r}")
        self.path = path
        self.mode: Mode = mode
        self._limits = limits
        self._live = path.name.endswith(".open") if live is None else live
        self._source = PatchedSource(path) if mode == "salvage" else FileSource(path)
        self._decompressor = Decompressor()
        self._damage: list[Damage] = []
        self._index: Index | None = None
        self._end: _End | None = None
        try:
            self._decoder = Decoder(self._source, limits)
        except FormatError as error:
            self._source.close()
            if isinstance(self._source, PatchedSource) and self._source.failure is not None:
                raise self._source.failure from error
            error.path = path
            raise
        self.sid = self._decoder.header.sid
        self.owner = self._decoder.header.owner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        Give the file back; closing twice is fine.
        """
        self._source.close()

    @property
    def summary(self) -> Summary:
        """
        What the recording is about. No payload is decompressed.

        Sealed: from the index, one read at the file's end. Otherwise by a walk over the chunk headers,
        made anew each time while the recording grows.

        Raises:
            ClosedError: The recording is closed.
        """
        sealed = self._sealed_summary()
        if sealed is not None:
            return sealed
        end = self._walk_headers()
        if self._live:
            state = State.OPEN
        elif end.torn:
            state = State.TORN
        else:
            state = State.COMPLETE if end.totals.ended else State.INTERRUPTED
        return self._decoder.header.summary(state, end.totals, stored_bytes=self._source.size(), head=end.head)

    @property
    def state(self) -> State:
        """
        How the recording ended; see `summary`.
        """
        return self.summary.state

    @property
    def damage(self) -> tuple[Damage, ...]:
        """
        What the last iteration met, in file order; complete once it came to its end.
        """
        return tuple(self._damage)

    @property
    def sealed(self) -> bool:
        """
        Whether an index stands at the end.
        """
        return self._sealed_summary() is not None

    def events(
        self,
        *,
        start_delay: float | None = None,
        start_ei: int | None = None,
        kinds: Collection[str] | None = None,
    ) -> Iterator[Event]:
        """
        Yield the events in the order in which they were recorded.

        Args:
            start_delay: Begin with the first event that is at least so many seconds, >= 0, after the
                recording's earliest one.
            start_ei: Begin with the first event whose ``ei`` is at least this.
            kinds: Only events of these kinds (``event`` fields).

        Raises:
            FormatError: Damage, after the last sound event before it; see `Mode`.
            ClosedError: The recording was closed.
        """
        if start_delay is not None and start_ei is not None:
            raise ValueError("start_delay and start_ei exclude each other")
        if start_delay is not None and not start_delay >= 0:
            raise ValueError(f"start_delay: expected seconds >= 0, found {start_delay}")
        wanted = None if kinds is None else frozenset(kinds)
        early: Callable[[int, int | None], bool] | None = None  # is an event, by ei and time, before the start?
        start: Start | None = None
        if start_delay is not None:
            first_ns = self._earliest_ns()
            if first_ns is not None:
                target = first_ns + round(min(start_delay, _LONGEST_S) * 1e9)
                start = self._seek(lambda entry: entry.latest_ns >= target)
                early = lambda _ei, time_ns: time_ns is None or time_ns < target  # noqa: E731
        elif start_ei is not None:
            start = self._seek(lambda entry: entry.highest_ei >= start_ei)
            early = lambda ei, _time_ns: ei < start_ei  # noqa: E731
        for chunk, raw in self._payloads(start):
            if early is None and wanted is None and len(raw) <= PIECE_BYTES:  # a recording may have a million of these
                found = small_lines(raw, chunk.header.events)
                if found is not None:
                    yield from found
                    continue
            place = None if early is None else place_of(chunk.header.lowest_ei, chunk.header.earliest_ns)
            for events, damage in decoded(chunk, raw, salvage=self.mode == "salvage"):
                if early is not None and place is not None:
                    drop = next((n for n, event in enumerate(events) if not early(*place.next(event))), len(events))
                    early = None if drop < len(events) else early
                    del events[:drop]
                if wanted is None:
                    yield from events
                else:
                    yield from (event for event in events if _kind(event) in wanted)
                for item in damage:
                    self._meet(item)

    def lines(self) -> Iterator[bytes]:
        """
        Yield the stored JSON lines, one chunk's at a time, each with its newline.

        Raises:
            FormatError: As in `events`; lines are not parsed.
        """
        for _, raw in self._payloads(None):
            yield raw

    def follow(self, after: "ChunkEntry | None" = None) -> Iterator[tuple[ChunkEntry, bytes]]:
        """
        Yield the chunks behind *after* (default: from the first) that are there now, with their lines.

        For a reader beside a writer: call it again, with the last entry it gave, to see what came since. If *after* is
        not where it says, all chunks before it are read, too.
        """
        chunk = None if after is None else self._chunk_at(after.offset)
        if chunk is not None and after is not None and chunk.header.sequence != after.sequence:
            chunk = None
        start = None if chunk is None else Start(chunk.end, chunk.header.sequence + 1, chunk.header.chain)
        for chunk, raw in self._payloads(start):
            if after is None or chunk.header.sequence > after.sequence:
                yield chunk.entry, raw

    def chunks(self) -> Iterator[ChunkEntry]:
        """
        Yield where the sound chunks are and what is in them, by their headers; no payload is read.
        """
        for item in self._walk(frames=False):
            if isinstance(item, Chunk):
                yield item.entry

    def table(self, *, indexed: bool = True) -> ChunkTable:
        """
        Return where the chunks are: as the index says, in one read, or by a walk over the chunk headers.

        Args:
            indexed: Believe the index, if there is a sound one. `read_chunk` finds out where it lies.
        """
        index = self._load_index() if indexed else None
        if index is not None:
            return ChunkTable(packed_entries(index), indexed=True)
        table = ChunkTable()
        self.extend(table)
        return table

    def extend(self, table: ChunkTable) -> None:
        """
        Add to *table* what stands behind its last chunk now: for a reader beside a writer.
        """
        start = None
        if len(table):
            last = self._chunk_at(table[len(table) - 1].offset)
            if last is None:
                return
            start = Start(last.end, last.header.sequence + 1, last.header.chain)
        try:
            for item in self._walk(start, frames=False):
                if isinstance(item, Chunk):
                    table.add(item.entry)
                else:
                    item.error.path = self.path
                    table.faults.append(Fault(len(table), item.error))
        except UnsupportedVersionError as error:
            table.faults.append(Fault(len(table), error))

    def read_chunk(self, table: ChunkTable, number: int) -> bytes:
        """
        Return the lines of chunk *number* of *table*, checked; one chunk is read, whatever stands before it.

        Raises:
            FormatError: It is damaged, or it is not the chunk that *table* says.
            ClosedError: The recording is closed.
        """
        entry, chain = table[number], None
        before = self._chunk_at(table[number - 1].offset) if number else None
        if before is not None and before.end == entry.offset:
            chain = before.header.chain
        elif entry.offset == self._decoder.first.offset:
            chain = self._decoder.first.chain
        try:
            item = next(self._walk(Start(entry.offset, entry.sequence, chain), frames=True), None)
            if isinstance(item, Damage):
                raise item.error
            if item is None or item.entry != entry:
                raise ChainError("another chunk than the index says", expected=entry.sequence, found="another")
            return item.raw(self._decompressor, self._limits)
        except FormatError as error:
            error.path, error.offset, error.chunk = self.path, entry.offset, entry.sequence
            raise

    def _walk(self, start: Start | None = None, *, frames: bool) -> Iterator[Chunk | Damage]:
        try:
            walk = self._decoder.walk(start, frames=frames, growing=self._live)
            if not isinstance(self._source, PatchedSource):
                yield from walk
                return
            for item in walk:
                yield self._source.explained(item) if isinstance(item, Damage) else item
        except UnsupportedVersionError as error:
            error.path = self.path
            raise

    def _payloads(self, start: Start | None) -> Iterator[tuple[Chunk, bytes]]:
        self._damage = []
        decoder = self._decoder
        decoder.index = None
        told = False  # that the end is missing
        for item in self._walk(start, frames=True):
            if isinstance(item, Damage):
                told = item.offset + item.length >= self._source.size()
                self._meet(item)
                continue
            try:
                raw = item.raw(self._decompressor, self._limits)
            except FormatError as error:
                bad = damage_of(error, offset=item.offset, length=item.end - item.offset, chunk=item.header.sequence)
                self._meet(self._source.explained(bad) if isinstance(self._source, PatchedSource) else bad)
                continue
            yield item, raw
        if decoder.index is None and not told and not self._live and not self.path.name.endswith(".open"):
            torn = TruncatedError("the recording ends without its index", expected="an index", found="the end")
            self._meet(damage_of(torn, offset=self._source.size(), length=0, chunk=None, at_end=True))
        if isinstance(self._source, PatchedSource):
            for damage in self._source.untold(self._damage, begin=0 if start is None else start.offset):
                self._meet(damage)

    def _meet(self, damage: Damage) -> None:
        damage.error.path = self.path
        self._damage.append(damage)
        if self.mode == "salvage" or (self.mode == "tail" and damage.kind is DamageKind.TORN):
            return
        raise damage.error

    def _sealed_summary(self) -> Summary | None:
        try:
            index = self._index or find_index(self._source, self._source.size(), self._limits, with_entries=False)
            summary = summary_from_json(index.summary, stored_bytes=self._source.size())
        except (FormatError, ValueError, TypeError):
            return None
        ours = index.fields.recording_id == self._decoder.header.chain[:8] and summary.sid == self.sid
        return summary if ours else None

    def _load_index(self) -> Index | None:
        if self._index is None:
            try:
                index = find_index(self._source, self._source.size(), self._limits, with_entries=True)
            except FormatError:
                return None
            if index.fields.recording_id != self._decoder.header.chain[:8]:
                return None
            self._index = index
        return self._index

    def _walk_headers(self) -> "_End":
        """
        Walk the chunk headers once; again only for what has been added since.
        """
        known = self._end
        size = self._source.size()
        if known is not None and known.size == size:
            return known
        totals, last = Totals(), None
        decoder = self._decoder
        decoder.index = None
        head = decoder.header.chain
        for item in self._walk(frames=False):
            if isinstance(item, Damage):
                last = item
            else:
                totals.add(item.header)
                head, last = item.header.chain, None
        if last is not None:
            torn = last.kind is not DamageKind.INDEX and last.offset + last.length >= size
        else:
            torn = decoder.index is None and not self.path.name.endswith(".open")
        self._end = _End(size, totals, head.hex(), torn)
        return self._end

    def _earliest_ns(self) -> int | None:
        """
        Return the time of the earliest event; None if none has a time.
        """
        index = self._load_index()
        if index is not None and index.ordered:
            last = self._chunk_at(index.entry(index.fields.entries - 1).offset)
            first = self._chunk_at(self._decoder.first.offset)
            rises = last is not None and last.end == index.offset and last.header.marks & MARK_ORDERED
            if rises and first is not None and first.header.earliest_ns <= first.header.latest_ns:
                return first.header.earliest_ns
        totals = self._walk_headers().totals
        return totals.earliest_ns if totals.timed else None

    def _seek(self, reaches: Callable[[ChunkEntry], bool]) -> Start:
        """
        Return a place before which no sound chunk *reaches* what is looked for, nor any that damage may hide.
        """
        index = self._load_index()
        if index is not None and index.ordered:
            start = self._seek_index(index, reaches)
            if start is not None:
                return start
        here, doubtful = self._decoder.first, None
        for item in self._walk(frames=False):
            if isinstance(item, Damage):
                doubtful = doubtful or here
                continue
            if reaches(item.entry):
                break
            here = Start(item.end, item.header.sequence + 1, item.header.chain)
            if item.header.marks & MARK_ORDERED:
                doubtful = None  # what was damaged before is below this one
        return doubtful or here

    def _seek_index(self, index: Index, reaches: Callable[[ChunkEntry], bool]) -> Start | None:
        """
        Return the place that the index gives, if the header of the chunk before proves it; else None.
        """
        low, high = 0, index.fields.entries
        while low < high:
            middle = (low + high) // 2
            if reaches(index.entry(middle)):
                high = middle
            else:
                low = middle + 1
        if low == 0:
            return self._decoder.first
        before = self._chunk_at(index.entry(low - 1).offset)
        if before is None or reaches(before.entry) or not before.header.marks & MARK_ORDERED:
            return None
        return Start(before.end, before.header.sequence + 1, before.header.chain)

    def _chunk_at(self, offset: int) -> Chunk | None:
        """
        Return the chunk at *offset*, without its stored bytes; None if there is no sound one of this recording.
        """
        try:
            item = self._decoder.item_at(offset, bounds=True)
        except FormatError:
            return None
        return item if isinstance(item, Chunk) else None


def _kind(event: Event) -> str | None:
    kind = event.get("event")
    return kind if type(kind) is str else None  # a list could not be looked up


class _End(NamedTuple):
    """
    What a walk over the headers found, and how long the file was then.
    """

    size: int
    totals: Totals
    head: str
    torn: bool
