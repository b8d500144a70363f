"""
A recording that lies in a file: its summary, its events from any moment on, its damage.

Sealed recordings are opened from the end (summary and index), open and torn ones by walking their
chunk headers. Either way the answers are the same: a position found through the index is held
against the chunk headers that it names, and if they differ the headers are walked instead.

Reading is strict unless another mode is asked for by name. The file is read by offset, a chunk at a
time; memory does not grow with its length.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import orjson

from recordkit.container.damage import Damage, DamageKind, damage_of
from recordkit.container.decoder import Chunk, Decoder, Start
from recordkit.container.frames import Decompressor
from recordkit.container.index import Index, find_index
from recordkit.container.layout import SKIPPABLE, ChunkEntry, ChunkHeader, entry_of
from recordkit.container.source import FileSource
from recordkit.container.summary import State, Summary, Totals, summary_from_json
from recordkit.errors import FormatError, TruncatedError, UndecodableEventError
from recordkit.events.codec import Event, decode_line
from recordkit.events.place import place_of
from recordkit.limits import DEFAULT_LIMITS, Limits

Mode = Literal["strict", "tail", "salvage"]
"""
What reading does at damage: ``strict`` raises after the last sound event before it; ``tail`` accepts a
torn end and raises at other damage; ``salvage`` goes on with the next sound chunk.
"""

OPEN_SUFFIX: Final = ".jsonl.zst.open"
SEALED_SUFFIX: Final = ".jsonl.zst"


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
        OSError: The file can't be opened.
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
        self._source = FileSource(path)
        self._decompressor = Decompressor()
        self._damage: list[Damage] = []
        self._index: Index | None = None
        self._end: _End | None = None
        try:
            self._decoder = Decoder(self._source, limits)
        except FormatError as error:
            self._source.close()
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
        elif end.damage or not self.path.name.endswith(".open"):
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
            first_ns = self.summary.start_ns
            if first_ns is not None:
                target = first_ns + round(start_delay * 1e9)
                start = self._seek(lambda entry: entry.latest_ns >= target)
                early = lambda _ei, time_ns: time_ns is None or time_ns < target  # noqa: E731
        elif start_ei is not None:
            start = self._seek(lambda entry: entry.highest_ei >= start_ei)
            early = lambda ei, _time_ns: ei < start_ei  # noqa: E731
        if start is not None and start.offset < 0:
            return
        for chunk, raw in self._payloads(start):
            events = self._decode(chunk, raw)
            if early is not None:
                place = place_of(chunk.header.lowest_ei, chunk.header.earliest_ns)
                drop = next((n for n, event in enumerate(events) if not early(*place.next(event))), len(events))
                early = None if drop < len(events) else early
                del events[:drop]
            if wanted is None:
                yield from events
            else:
                yield from (event for event in events if event.get("event") in wanted)

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

        For a reader beside a writer: call it again, with the last entry it gave, to see what came since.
        """
        start = None
        if after is not None:
            header = self._header_at(after)
            if header is not None:
                end = after.offset + SKIPPABLE.size + header.size + header.stored_size
                start = Start(end, after.sequence + 1, header.chain)
        for chunk, raw in self._payloads(start):
            yield chunk.entry, raw

    def chunks(self) -> Iterator[ChunkEntry]:
        """
        Yield where the chunks are and what is in them; no payload is read.
        """
        index = self._load_index()
        if index is not None:
            yield from index.all_entries()
            return
        for item in self._decoder.walk(frames=False, growing=self._live):
            if isinstance(item, Chunk):
                yield item.entry

    def _payloads(self, start: Start | None) -> Iterator[tuple[Chunk, bytes]]:
        self._damage = []
        decoder = self._decoder
        decoder.index = None
        for item in decoder.walk(start, growing=self._live):
            if isinstance(item, Damage):
                self._meet(item)
                continue
            try:
                raw = item.raw(self._decompressor, self._limits)
            except FormatError as error:
                self._meet(
                    damage_of(error, offset=item.offset, length=item.end - item.offset, chunk=item.header.sequence)
                )
                continue
            yield item, raw
        if decoder.index is None and not self._live and not self._damage and not self.path.name.endswith(".open"):
            size = self._source.size()
            torn = TruncatedError("the recording ends without its index", expected="an index", found="the end")
            self._meet(damage_of(torn, offset=size, length=0, chunk=None, at_end=True))

    def _meet(self, damage: Damage) -> None:
        damage.error.path = self.path
        self._damage.append(damage)
        if self.mode == "salvage" or (self.mode == "tail" and damage.kind is DamageKind.TORN):
            return
        raise damage.error

    def _decode(self, chunk: Chunk, raw: bytes) -> list[Event]:
        """
        Return the chunk's events; one call of the parser for all of them is 1.5 times as fast as one a line.
        """
        if not raw:
            return []
        try:
            events: list[Event] = orjson.loads(b"[%b]" % raw[:-1].replace(b"\n", b","))
        except orjson.JSONDecodeError:
            events = []
        if len(events) == chunk.header.events and all(type(event) is dict for event in events):
            return events
        events = []
        for line in raw.splitlines():
            try:
                events.append(decode_line(line))
            except UndecodableEventError as error:
                self._meet(
                    damage_of(error, offset=chunk.offset, length=chunk.end - chunk.offset, chunk=chunk.header.sequence)
                )
        return events

    def _sealed_summary(self) -> Summary | None:
        try:
            index = self._index or find_index(self._source, self._source.size(), self._limits, with_entries=False)
            if index.fields.recording_id != self._decoder.header.chain[:8]:
                return None
            return summary_from_json(index.summary, stored_bytes=self._source.size())
        except (FormatError, ValueError, TypeError):
            return None

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
        totals, damage = Totals(), False
        head = self._decoder.header.chain
        for item in self._decoder.walk(frames=False, growing=self._live):
            if isinstance(item, Damage):
                damage = True
            else:
                totals.add(item.entry)
                head = item.header.chain
        self._end = _End(size, totals, head.hex(), damage)
        return self._end

    def _seek(self, reaches: Callable[[ChunkEntry], bool]) -> Start:
        """
        Return the first chunk that *reaches* what is looked for; offset -1 if none does.
        """
        index = self._load_index()
        if index is not None:
            start = self._seek_index(index, reaches)
            if start is not None:
                return start
        previous: bytes | None = self._decoder.header.chain
        for item in self._decoder.walk(frames=False, growing=self._live):
            if isinstance(item, Damage):
                self._damage = []
                self._meet(item)
                previous = None
                continue
            if reaches(item.entry):
                return Start(item.offset, item.header.sequence, previous)
            previous = item.header.chain
        return Start(-1, None, None)

    def _seek_index(self, index: Index, reaches: Callable[[ChunkEntry], bool]) -> Start | None:
        """
        Return the chunk that the index gives, if the headers on disk agree; else None.
        """
        count = index.fields.entries
        if index.ordered:
            low, high = 0, count
            while low < high:
                middle = (low + high) // 2
                if reaches(index.entry(middle)):
                    high = middle
                else:
                    low = middle + 1
            number = low
        else:
            number = next((n for n in range(count) if reaches(index.entry(n))), count)
        previous: bytes | None = self._decoder.header.chain
        if number > 0:
            before = index.entry(number - 1)
            header = self._header_at(before)
            if header is None or entry_of(before.offset, header) != before:
                return None
            previous = header.chain
        if number == count:
            return Start(-1, None, None)
        entry = index.entry(number)
        header = self._header_at(entry)
        if header is None or entry_of(entry.offset, header) != entry:
            return None
        return Start(entry.offset, entry.sequence, previous)

    def _header_at(self, entry: ChunkEntry) -> ChunkHeader | None:
        """
        Return the sound chunk header at an entry's offset, or None.
        """
        try:
            item = self._decoder.item_at(entry.offset)
        except FormatError:
            return None
        return item.header if isinstance(item, Chunk) else None


class _End:
    """
    What a walk over the headers found, and how long the file was then.
    """

    def __init__(self, size: int, totals: Totals, head: str, damage: bool) -> None:  # noqa: FBT001
        self.size = size
        self.totals = totals
        self.head = head
        self.damage = damage
