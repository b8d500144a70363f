"""
What a recording's header said, put together from what is left when the header itself is damaged.

Chunk headers name the recording by the first bytes of the header's hash, so chunks that belong together are
told without it. Everything else stands again in the index's summary, or, in a recording that was never
sealed, in the session's first events.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

from recordkit.container.damage import Damage, damage_of
from recordkit.container.decoder import CANDIDATE, Start
from recordkit.container.frames import Decompressor
from recordkit.container.header import Header
from recordkit.container.index import find_index
from recordkit.container.layout import CHUNK, CHUNK_TAG, CRC, INT64_MAX, SKIPPABLE, ChunkHeader, unpack_chunk_header
from recordkit.container.source import FileSource
from recordkit.container.summary import ATTRIBUTES
from recordkit.errors import FormatError, InvalidEventError, UnsupportedVersionError
from recordkit.events import decode_line, parse_sid
from recordkit.limits import Limits

_SEARCH_BLOCK: Final = 1024 * 1024
_LARGEST_HEADER: Final = 4096
_NO_OWNER: Final = "00" * 16


class FoundHeader(NamedTuple):
    """
    A header that was put together.

    Attributes:
        header: With a chain that is known as far as the recording id.
        start: The first chunk that is left.
        damage: Of the header that was to be.
    """

    header: Header
    start: Start
    damage: Damage


class _Place(NamedTuple):
    offset: int
    header: ChunkHeader
    end: int


def find_header(source: FileSource, fault: FormatError, *, path: Path, limits: Limits) -> FoundHeader:
    """
    Return what the damaged header of *source* must have said.

    Reads the whole file once. Memory: O(chunks).

    Raises:
        FormatError: *fault*, if no chunk is left, or nothing says which session it was.
    """
    places = _chunk_headers(source)
    if isinstance(fault, UnsupportedVersionError) or not places:
        raise fault
    (recording_id, _), *_ = Counter(place.header.recording_id for place in places).most_common(1)
    ours = [place for place in places if place.header.recording_id == recording_id]
    summary = _summary(source, recording_id, limits)
    first = _first_event(source, ours, limits)
    sid = _sid((summary.get("sid"), first.get("sid"), path.name[:36]))
    if sid is None:
        raise fault
    known = summary or first
    texts = {name: known[name] for name in (*ATTRIBUTES, "writer") if isinstance(known.get(name), str)}
    created = summary.get("created_ns")
    if type(created) is not int:
        earliest = min(place.header.earliest_ns for place in ours)
        created = earliest if earliest < INT64_MAX else 0
    begin = ours[0].offset
    header = Header(sid, _NO_OWNER, created, dict(texts), recording_id + bytes(24), b"", -1)
    damage = damage_of(fault, offset=0, length=begin, chunk=None)
    return FoundHeader(header, Start(begin, None, None), damage)


def _chunk_headers(source: FileSource) -> list[_Place]:
    """
    Return all sound chunk headers, of whichever recording.
    """
    found: list[_Place] = []
    offset = 0
    overlap = SKIPPABLE.size + len(CHUNK_TAG) - 1
    while True:
        block = source.read_at(offset, _SEARCH_BLOCK)
        for candidate in CANDIDATE.finditer(block):
            place = _chunk_header(source, offset + candidate.start())
            if place is not None:
                found.append(place)
        if len(block) < _SEARCH_BLOCK:
            return found
        offset += len(block) - overlap


def _chunk_header(source: FileSource, offset: int) -> _Place | None:
    head = source.read_at(offset, SKIPPABLE.size)
    size = SKIPPABLE.unpack_from(head)[1]
    if not CHUNK.size + CRC.size <= size <= _LARGEST_HEADER:
        return None
    try:
        header = unpack_chunk_header(source.read_at(offset + SKIPPABLE.size, size))
    except FormatError:
        return None
    return _Place(offset, header, offset + SKIPPABLE.size + size)


def _summary(source: FileSource, recording_id: bytes, limits: Limits) -> dict[str, Any]:
    try:
        index = find_index(source, source.size(), limits, with_entries=False)
    except FormatError:
        return {}
    return index.summary if index.fields.recording_id == recording_id else {}


def _first_event(source: FileSource, places: list[_Place], limits: Limits) -> dict[str, Any]:
    decompressor = Decompressor()
    for place in places:
        header = place.header
        if header.stored_size > limits.stored_chunk:
            continue
        frame = source.read_at(place.end, header.stored_size)
        try:
            raw = decompressor.raw(frame, raw_size=header.raw_size, max_raw_size=limits.raw_chunk)
            return decode_line(raw.partition(b"\n")[0])
        except FormatError:
            continue
    return {}


def _sid(candidates: tuple[Any, ...]) -> str | None:
    for candidate in candidates:
        try:
            return parse_sid(candidate)
        except InvalidEventError:
            continue
    return None
