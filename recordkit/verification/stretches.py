"""
A recording in file order: sound chunks with their lines, and damaged stretches with what they cost.

What a stretch cost is known from whoever still knows it, the best witness first: the index, whose own
checksums hold; the header of a chunk of which only the frame is bad; else the ``ei`` of the events before
and behind, since a session's events are numbered without holes. So a stretch is told of only once the
next sound chunk, or the end, has been seen.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Final, NamedTuple

from recordkit.container.damage import Damage, DamageKind, damage_of
from recordkit.container.decoder import Chunk, Decoder, Start
from recordkit.container.frames import Decompressor
from recordkit.container.index import find_index
from recordkit.container.layout import (
    CHUNK,
    CRC,
    INDEX_TAG,
    INT64_MAX,
    INT64_MIN,
    SKIPPABLE,
    ChunkEntry,
    entry_of,
    unpack_chunk_header,
)
from recordkit.container.source import FileSource
from recordkit.errors import FormatError, TruncatedError
from recordkit.limits import Limits


class SoundChunk(NamedTuple):
    """
    A chunk that passed all checks but those of its events.
    """

    chunk: Chunk
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """
    A damaged stretch.

    Attributes:
        damage: What is wrong, and where.
        events: How many are lost by it; None if nobody knows.
        first_ei, last_ei: Which; None where nobody knows.
    """

    damage: Damage
    events: int | None
    first_ei: int | None
    last_ei: int | None


class _Cost(NamedTuple):
    events: int | None
    first_ei: int | None
    last_ei: int | None


_MOST_CHUNKS: Final = 1_000_000
"""More missing chunks than an index can name are not counted one by one."""
_LARGEST_HEADER: Final = 4096
_NOTHING: Final = _Cost(0, None, None)


def stretches(
    decoder: Decoder,
    source: FileSource,
    *,
    limits: Limits,
    live: bool,
    start: Start | None = None,
    before: Damage | None = None,
) -> Iterator[SoundChunk | Stretch]:
    """
    Yield what *decoder* finds in *source*, a whole pass.

    Memory: two chunks, and the index's entries if there is damage.

    Args:
        decoder: Of *source*.
        source: The file.
        limits: Sizes to accept.
        live: Somebody writes it: a cut tail is no damage.
        start: Where to begin; default: the first chunk.
        before: Damage that stands before it.

    Raises:
        UnsupportedVersionError: A part needs a newer recordkit.
    """
    costs = _Costs(decoder, source, limits)
    waiting: list[Damage] = [] if before is None else [before]
    decompressor = Decompressor()
    told = False  # that the end is missing
    for item in decoder.walk(start, growing=live):
        if isinstance(item, Damage):
            told = item.offset + item.length >= source.size()
            waiting.append(item)
            continue
        try:
            raw = item.raw(decompressor, limits)
        except FormatError as error:
            waiting.append(
                damage_of(error, offset=item.offset, length=item.end - item.offset, chunk=item.header.sequence)
            )
            continue
        yield from costs.of(waiting, behind=item)
        waiting = []
        yield SoundChunk(item, raw)
        costs.pass_over(item)
    if decoder.index is None and not told and not live and not _named_open(source.path):
        torn = TruncatedError("the recording ends without its index", expected="an index", found="the end")
        waiting.append(damage_of(torn, offset=source.size(), length=0, chunk=None, at_end=True))
    yield from costs.of(waiting, behind=None)


def _named_open(path: Path) -> bool:
    return path.name.endswith(".open")


class _Costs:
    """
    Finds out what damage cost, chunk after chunk.
    """

    def __init__(self, decoder: Decoder, source: FileSource, limits: Limits) -> None:
        self._decoder = decoder
        self._source = source
        self._limits = limits
        self._next = 0  # the sequence that should come
        self._next_ei = 0  # the ei that should come
        self._indexed: dict[int, ChunkEntry] | None = None

    def pass_over(self, chunk: Chunk) -> None:
        """
        Note down a sound chunk.
        """
        header = chunk.header
        self._next = header.sequence + 1
        if header.highest_ei >= header.lowest_ei:
            self._next_ei = header.highest_ei + 1

    def of(self, group: list[Damage], *, behind: Chunk | None) -> Iterator[Stretch]:
        """
        Yield the stretches of *group*, damage that stands between two sound chunks, with what each cost.
        """
        if not group:
            return
        index = self._index()
        if behind is not None:
            end: int | None = behind.header.sequence
        else:
            end = max(index) + 1 if index else None
        headers = [self._header_at(damage) for damage in group]
        may_cost = [self._may_cost(damage) for damage in group]
        missing = [] if end is None else list(range(self._next, min(end, self._next + _MOST_CHUNKS)))
        shares = _shares(missing, group, headers, may_cost)
        costs: list[_Cost | None] = []
        for damage, header, share, may in zip(group, headers, shares, may_cost, strict=True):
            named = {} if header is None else {header.sequence: header}
            if share:
                costs.append(_known([index.get(number, named.get(number)) for number in share]))
            elif end is not None or not may or (header and header.sequence < self._next):
                costs.append(_NOTHING)  # no chunk is missing here: something was put in, or it is behind the chunks
            elif damage.kind is DamageKind.TORN:
                costs.append(None)  # nobody knows what stood behind
            else:
                costs.append(_known([header]))
        behind_ei = INT64_MAX if behind is None else behind.header.lowest_ei
        for damage, cost in zip(group, _between(costs, self._next_ei, behind_ei), strict=True):
            yield Stretch(damage=damage, events=cost.events, first_ei=cost.first_ei, last_ei=cost.last_ei)

    def _may_cost(self, damage: Damage) -> bool:
        """
        Whether events may be lost by *damage*: not if it is behind the last chunk.
        """
        if damage.kind is DamageKind.INDEX:
            return False
        if self._decoder.index is not None and damage.offset > self._decoder.index.offset:
            return False
        return self._source.read_at(damage.offset + SKIPPABLE.size, len(INDEX_TAG)) != INDEX_TAG or damage.length == 0

    def _header_at(self, damage: Damage) -> ChunkEntry | None:
        """
        Return what a sound chunk header of this recording says at the damage, also if its frame is cut or bad.
        """
        head = self._source.read_at(damage.offset, SKIPPABLE.size + CHUNK.size + CRC.size)
        if len(head) < SKIPPABLE.size + CHUNK.size + CRC.size:
            return None
        size = SKIPPABLE.unpack_from(head)[1]
        if size > _LARGEST_HEADER:
            return None
        try:
            header = unpack_chunk_header(self._source.read_at(damage.offset + SKIPPABLE.size, size))
        except FormatError:
            return None
        if header.recording_id != self._decoder.header.chain[:8]:
            return None
        return entry_of(damage.offset, header)

    def _index(self) -> dict[int, ChunkEntry]:
        if self._indexed is None:
            self._indexed = {}
            try:
                index = find_index(self._source, self._source.size(), self._limits, with_entries=True)
            except FormatError:
                return self._indexed
            if index.fields.recording_id == self._decoder.header.chain[:8]:
                self._indexed = {entry.sequence: entry for entry in index.all_entries()}
        return self._indexed


def _shares(
    missing: list[int], group: list[Damage], headers: list[ChunkEntry | None], may_cost: list[bool]
) -> list[list[int]]:
    """
    Return for each item of a group of damage the *missing* chunks that it stands for.

    That is its own; those that nobody names fall to the item at whose place they should have come.
    """
    rest = dict.fromkeys(missing)
    shares: list[list[int]] = [[] for _ in group]
    for share, header in zip(shares, headers, strict=True):
        if header is not None and header.sequence in rest:
            share.append(header.sequence)
            del rest[header.sequence]
    heirs = [n for n, share in enumerate(shares) if not share and may_cost[n]] or [0]
    due = list(accumulate((group[n].chunk or 0 for n in heirs), max))
    for sequence in rest:
        shares[heirs[max(bisect_right(due, sequence) - 1, 0)]].append(sequence)
    return shares


def _between(costs: list[_Cost | None], first: int, behind: int) -> Iterator[_Cost]:
    """
    Yield the costs of a group, those that are not known reckoned from the events around them, as far as these tell.

    Args:
        costs: None where not known.
        first: The ei that should come before the group.
        behind: The lowest ei behind it; 2**63 - 1 if nothing is.
    """
    for number, cost in enumerate(costs):
        if cost is None:
            # the event where the next stretch, or the next sound chunk, begins
            later = next((other for other in islice(costs, number + 1, None) if other != _NOTHING), _NOTHING)
            end = INT64_MAX if later is None else behind if later == _NOTHING else later.first_ei
            if end is None or end == INT64_MAX or end <= first:
                cost = _Cost(None, first, None)  # noqa: PLW2901 - it is reckoned here
            else:
                cost = _Cost(end - first, first, end - 1)  # noqa: PLW2901 - as above
        if cost.last_ei is not None:
            first = max(first, cost.last_ei + 1)
        yield cost


def _known(entries: list[ChunkEntry | None]) -> _Cost | None:
    """
    Return what chunks cost of which all is known; else None.
    """
    known = [entry for entry in entries if entry is not None]
    return _sum(known) if len(known) == len(entries) else None


def _sum(entries: list[ChunkEntry]) -> _Cost:
    lowest = min((entry.lowest_ei for entry in entries), default=INT64_MAX)
    highest = max((entry.highest_ei for entry in entries), default=INT64_MIN)
    events = sum(entry.events for entry in entries)
    return _Cost(events, lowest, highest) if lowest <= highest else _Cost(events, None, None)
