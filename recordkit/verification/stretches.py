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
from recordkit.container.unreadable import PatchedSource
from recordkit.errors import ChainError, FormatError, TruncatedError
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
        made_up: Whether bytes that can't be read are known all the same: checksums hold with zeros in their place.
    """

    damage: Damage
    events: int | None
    first_ei: int | None
    last_ei: int | None
    made_up: bool = False


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
    source: PatchedSource,
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
    waiting: list[Damage] = [] if before is None else [source.explained(before)]
    unreadable = [damage for damage in waiting if damage.kind is DamageKind.UNREADABLE]
    decompressor = Decompressor()
    told = False  # that the end is missing
    for item in decoder.walk(start, growing=live):
        if isinstance(item, Damage):
            told = item.offset + item.length >= source.size()
            waiting.append(source.explained(item))
            unreadable += waiting[-1:] if source.failure else []
            continue
        try:
            raw = item.raw(decompressor, limits)
        except FormatError as error:
            bad = damage_of(error, offset=item.offset, length=item.end - item.offset, chunk=item.header.sequence)
            waiting.append(source.explained(bad))
            unreadable += waiting[-1:] if source.failure else []
            continue
        yield from costs.of(waiting, behind=item)
        waiting = []
        yield SoundChunk(item, raw)
        costs.pass_over(item)
    if decoder.index is None and not told and not live and not _named_open(source.path):
        torn = TruncatedError("the recording ends without its index", expected="an index", found="the end")
        waiting.append(damage_of(torn, offset=source.size(), length=0, chunk=None, at_end=True))
    yield from costs.of(waiting, behind=None)
    yield from costs.never_came()
    for damage in source.untold(unreadable):
        yield Stretch(damage=damage, events=0, first_ei=None, last_ei=None, made_up=True)


def _named_open(path: Path) -> bool:
    return path.name.endswith(".open")


class _Costs:
    """
    Finds out what damage cost, chunk after chunk.
    """

    def __init__(self, decoder: Decoder, source: PatchedSource, limits: Limits) -> None:
        self._decoder = decoder
        self._source = source
        self._limits = limits
        self._next = 0  # the sequence that should come
        self._next_ei = 0  # the ei that should come
        self._indexed: dict[int, ChunkEntry] | None = None
        self._put_in: dict[int, ChunkEntry] = {}  # sound chunks that stand before their place

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
        alone = [self._is_alone(damage, header) for damage, header in zip(group, headers, strict=True)]
        shares = _shares(missing, group, headers, may_cost, alone)
        costs: list[_Cost | None] = []
        for damage, header, share, may, one in zip(group, headers, shares, may_cost, alone, strict=True):
            named = {} if header is None else {header.sequence: header}
            if share:
                costs.append(_known([index.get(number, named.get(number)) for number in share]) or _from(header, share))
            elif end is not None or not may or (header and header.sequence < self._next):
                costs.append(_NOTHING)  # no chunk is missing here: something was put in, or it is behind the chunks
            elif damage.kind is DamageKind.TORN:
                costs.append(None)  # nobody knows what stood behind
            elif header is not None and not one:
                costs.append(_from(header, [header.sequence]))  # others may have stood behind it
            else:
                costs.append(_known([header]))
        behind_ei = INT64_MAX if behind is None else behind.header.lowest_ei
        for header in headers:
            if header is not None and behind is not None and header.sequence > behind.header.sequence:
                self._put_in[header.sequence] = header
            elif header is not None and behind is None:
                self._put_in.pop(header.sequence, None)
        for damage, cost in zip(group, _between(costs, self._next_ei, behind_ei), strict=True):
            yield Stretch(damage=damage, events=cost.events, first_ei=cost.first_ei, last_ei=cost.last_ei)

    def never_came(self) -> Iterator[Stretch]:
        """
        Yield what was passed over before its place, and did not come there: behind the last chunk that did.
        """
        missing = [entry for number, entry in sorted(self._put_in.items()) if number >= self._next]
        if missing and not self._index():  # else it is told of already
            error = ChainError(
                "the last chunks are missing", expected=f"{missing[-1].sequence + 1} chunks", found=self._next
            )
            damage = damage_of(error, offset=self._source.size(), length=0, chunk=self._next)
            cost = _sum(missing)
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
            payload = self._source.read_at(damage.offset + SKIPPABLE.size, size)
            header = unpack_chunk_header(payload, recording_id=self._decoder.header.chain[:8])
        except FormatError:
            return None
        return entry_of(damage.offset, header)

    def _is_alone(self, damage: Damage, header: ChunkEntry | None) -> bool:
        """
        Whether *damage*, which begins with this chunk's header, is no longer than the chunk.
        """
        if header is None:
            return False
        head = self._source.read_at(damage.offset, SKIPPABLE.size)
        size: int = SKIPPABLE.unpack(head)[1]
        return damage.length <= SKIPPABLE.size + size + header.stored_size

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
    missing: list[int],
    group: list[Damage],
    headers: list[ChunkEntry | None],
    may_cost: list[bool],
    alone: list[bool],
) -> list[list[int]]:
    """
    Return for each item of a group of damage the *missing* chunks that it stands for.

    That is its own; those that nobody names fall to the item at whose place they should have come, unless there was
    room for its own *alone*.
    """
    rest = dict.fromkeys(missing)
    shares: list[list[int]] = [[] for _ in group]
    for share, header in zip(shares, headers, strict=True):
        if header is not None and header.sequence in rest:
            share.append(header.sequence)
            del rest[header.sequence]
    heirs = [n for n, share in enumerate(shares) if may_cost[n] and not (share and alone[n])] or [0]
    due = list(accumulate((max(shares[n], default=group[n].chunk or 0) for n in heirs), max))
    for sequence in rest:
        shares[heirs[max(bisect_right(due, sequence) - 1, 0)]].append(sequence)
    return shares


def _between(costs: list[_Cost | None], first: int, behind: int) -> Iterator[_Cost]:
    """
    Yield the costs of a group, those that are not known reckoned from the events around them, as far as these tell.

    Args:
        costs: None where not known; without a number where only the first ei is.
        first: The ei that should come before the group.
        behind: The lowest ei behind it; 2**63 - 1 if nothing is.
    """
    for number, cost in enumerate(costs):
        if cost is None or cost.events is None:
            begin = first if cost is None or cost.first_ei is None else cost.first_ei
            # the event where the next stretch, or the next sound chunk, begins
            later = next((other for other in islice(costs, number + 1, None) if other != _NOTHING), _NOTHING)
            end = INT64_MAX if later is None else behind if later == _NOTHING else later.first_ei
            if end is None or end == INT64_MAX or end <= begin:
                cost = _Cost(None, begin, None)  # noqa: PLW2901 - it is reckoned here
            else:
                cost = _Cost(end - begin, begin, end - 1)  # noqa: PLW2901 - as above
        if cost.last_ei is not None:
            first = max(first, cost.last_ei + 1)
        yield cost


def _from(header: ChunkEntry | None, share: list[int]) -> _Cost | None:
    """
    Return what *header* tells of a *share* of missing chunks that has more of them: where it begins.
    """
    if header is None or header.sequence != min(share) or header.lowest_ei > header.highest_ei:
        return None
    return _Cost(None, header.lowest_ei, None)


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
