"""
Small recordings for the tests of the container: always the same bytes for the same arguments, no recorder, no sync.
"""

import struct
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from recordkit.container import Mode, State, open_recording
from recordkit.container.chunks import Counts, begin, encode_chunk
from recordkit.container.damage import Damage
from recordkit.container.files import OsFiles
from recordkit.container.frames import Compressor
from recordkit.container.header import read_header
from recordkit.container.index import IndexBuilder
from recordkit.container.layout import MARK_END, MARK_START
from recordkit.container.source import MemorySource
from recordkit.errors import FormatError
from recordkit.events import KINDS, encode_line, format_time, parse_time
from recordkit.events.kinds import Role
from recordkit.limits import DEFAULT_LIMITS, Limits

SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"
OWNER = "0f" * 16
NOON = 1_784_548_800_000_000_000  # 2026-07-20T12:00:00Z
SECOND = 1_000_000_000

Chunks = Sequence[Sequence[dict[str, Any]]]


class QuickFiles(OsFiles):
    """
    Files that need not survive power loss.
    """

    def sync(self, path: Path) -> None:
        pass


class Watched(MemorySource):
    """
    Bytes in memory that count what is read of them; never before their start.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked_for = self.reads = 0

    def read_at(self, offset: int, size: int) -> bytes:
        """
        See `MemorySource.read_at`.
        """
        assert offset >= 0
        self.reads += 1
        found = super().read_at(offset, size)
        self.asked_for += len(found)
        return found


def query(ei: int, sql: str = "SELECT 1;", **fields: Any) -> dict[str, Any]:
    """
    A statement, *ei* seconds after noon.
    """
    time = format_time(NOON + ei * SECOND)
    return {"sid": SID, "user": "alice", "event": "db.session.query", "ei": ei, "time": time, "db_query": sql} | fields


def session(chunks: int, events: int, *, ended: bool = True) -> list[list[dict[str, Any]]]:
    """
    A plain session in so many chunks of so many events each.
    """
    made = [[query(chunk * events + n, f"SELECT {chunk};") for n in range(events)] for chunk in range(chunks)]
    if ended and chunks:
        made[-1][-1]["event"] = "db.session.end"
    return made


def flat(chunks: Chunks) -> list[dict[str, Any]]:
    """
    All events.
    """
    return [event for chunk in chunks for event in chunk]


def lines_of(events: Iterable[dict[str, Any]]) -> bytes:
    """
    The events as they are stored.
    """
    return b"".join(encode_line(event) for event in events)


class Places:
    """
    The ei and the time of each event of a run, by FORMAT.md section 5.
    """

    def __init__(self, ei: int = 0, time_ns: int | None = None) -> None:
        self.ei = ei - 1
        self.time_ns = time_ns

    def next(self, event: dict[str, Any]) -> tuple[int, int | None]:
        """
        The next event's.
        """
        own = event.get("ei")
        self.ei = own if type(own) is int and -(2**63) <= own < 2**63 else self.ei + 1
        with suppress(ValueError, TypeError):
            time_ns = parse_time(event.get("time"))
            if -(2**63) < time_ns < 2**63 - 1:
                self.time_ns = time_ns
        return self.ei, self.time_ns


def count(events: Iterable[dict[str, Any]], place: Places | None = None) -> Counts:
    """
    What a chunk header says of these events, by FORMAT.md section 4; *place* goes from chunk to chunk.
    """
    place = place or Places()
    counts = Counts()
    asked_ns = None
    for event in events:
        ei, time_ns = place.next(event)
        name = event.get("event")
        kind = KINDS.get(name) if isinstance(name, str) else None
        role = Role.OTHER if kind is None else kind.role
        counts.events += 1
        counts.errors += event.get("success") is False
        counts.lowest_ei, counts.highest_ei = min(counts.lowest_ei, ei), max(counts.highest_ei, ei)
        if time_ns is not None:
            counts.earliest_ns = min(counts.earliest_ns, time_ns)
            counts.latest_ns = max(counts.latest_ns, time_ns)
        if role is Role.QUERY:
            counts.queries += 1
            asked_ns = time_ns
        elif role is Role.RESULT and asked_ns is not None and time_ns is not None:
            counts.longest_wait_ns = max(counts.longest_wait_ns, time_ns - asked_ns)
            asked_ns = None
        elif role is Role.GAP:
            lost = event.get("count")
            counts.lost += lost if type(lost) is int and lost > 0 else 0
        counts.marks |= {Role.START: MARK_START, Role.END: MARK_END}.get(role, 0)
    return counts


def recording_bytes(
    chunks: Chunks, *, sealed: bool, sid: str = SID, created_ns: int = NOON, attributes: bytes = b'{"user":"alice"}'
) -> bytes:
    """
    A whole recording with exactly these chunks.
    """
    start, position = begin(
        sid=uuid.UUID(sid).bytes, owner=bytes.fromhex(OWNER), created_ns=created_ns, attributes=attributes
    )
    header = read_header(MemorySource(start), DEFAULT_LIMITS)
    builder, place, made = IndexBuilder(len(header.frame)), Places(), [start]
    compressor = Compressor()
    for events in chunks:
        chunk = encode_chunk(position, lines_of(events), count(events, place), compressor)
        made.append(chunk.data)
        builder.add(chunk.entry)
        position = chunk.after
    if sealed:
        state = State.COMPLETE if builder.totals.ended else State.INTERRUPTED
        summary = header.summary(state, builder.totals, stored_bytes=0, head=position.chain.hex())
        made.append(builder.finish(recording_id=position.recording_id, chain=position.chain, summary=summary))
    return b"".join(made)


def open_name(sid: str = SID) -> str:
    """
    The file name of an open recording.
    """
    return f"{sid}.jsonl.zst.open"


def sealed_name(sid: str = SID) -> str:
    """
    The file name of a sealed recording.
    """
    return f"{sid}.jsonl.zst"


def write(directory: Path, chunks: Chunks, *, sealed: bool, **options: Any) -> Path:
    """
    Write a recording under the name that belongs to it.
    """
    path = directory / (sealed_name() if sealed else open_name())
    path.write_bytes(recording_bytes(chunks, sealed=sealed, **options))
    return path


@dataclass(frozen=True)
class Part:
    """
    One frame of a recording: ``magic``, ``header``, ``head`` (a chunk's header), ``body`` (its frame), ``index``, ``table``.
    """

    name: str
    chunk: int | None
    offset: int
    end: int


def parts(data: bytes) -> list[Part]:
    """
    The frames of a sound recording, found by their sizes alone.
    """
    found = [Part("magic", None, 0, 13)]
    offset, chunk = 13, 0
    while offset < len(data):
        magic, size = struct.unpack_from("<II", data, offset)
        tag = data[offset + 8 : offset + 12]
        end = offset + 8 + size
        name = "table" if magic == 0x184D2A5E else {b"RKHD": "header", b"RKCH": "head", b"RKIX": "index"}[tag]
        found.append(Part(name, chunk if name == "head" else None, offset, end))
        if name == "head":
            (stored,) = struct.unpack_from("<I", data, offset + 32)
            found.append(Part("body", chunk, end, end + stored))
            end += stored
            chunk += 1
        offset = end
    return found


def pieces(data: bytes) -> list[bytes]:
    """
    A recording taken apart: magic with header, each chunk with its header, and what stands behind the last.
    """
    cut = [part for part in parts(data) if part.name in ("head", "index")]
    edges = [0, *(part.offset for part in cut), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


@dataclass(frozen=True)
class Reading:
    """
    What reading a file came to.
    """

    events: list[dict[str, Any]]
    error: FormatError | None
    damage: tuple[Damage, ...]
    state: State | None

    @property
    def kinds(self) -> list[str]:
        """
        The kinds of damage met.
        """
        return [item.kind.value for item in self.damage]


def read(
    path: Path, *, mode: Mode = "strict", live: bool | None = None, limits: Limits = DEFAULT_LIMITS, **start: Any
) -> Reading:
    """
    Read events until the end or the first error; only errors of the format are caught.
    """
    events: list[dict[str, Any]] = []
    try:
        recording = open_recording(path, mode=mode, live=live, limits=limits)
    except FormatError as error:
        return Reading([], error, (), None)
    with recording:
        failure = None
        try:
            events.extend(recording.events(**start))
        except FormatError as error:
            failure = error
        damage = recording.damage
        try:
            state = recording.state
        except FormatError as error:
            failure, state = failure or error, None
    return Reading(events, failure, damage, state)


def from_start(
    chunks: Chunks, *, start_ei: int | None = None, start_delay: float | None = None
) -> list[dict[str, Any]]:
    """
    What seeking must give, by FORMAT.md sections 5 and 10 and without any of the code that seeks.
    """
    placed = list(_placed(chunks))
    if start_ei is not None:
        found = [ei >= start_ei for ei, _ in placed]
    else:
        times = [time_ns for _, time_ns in placed if time_ns is not None]
        if not times:
            return flat(chunks)
        first_ns = min(count_of.earliest_ns for count_of in _counts(chunks))
        found = [time_ns is not None and time_ns >= first_ns + round(start_delay * 1e9) for _, time_ns in placed]
    return flat(chunks)[found.index(True) :] if any(found) else []


def _counts(chunks: Chunks) -> list[Counts]:
    place = Places()
    return [count(events, place) for events in chunks]


def _placed(chunks: Chunks) -> Iterator[tuple[int, int | None]]:
    for events, counts in zip(chunks, _counts(chunks), strict=True):
        place = Places(counts.lowest_ei, counts.earliest_ns if counts.earliest_ns <= counts.latest_ns else None)
        yield from (place.next(event) for event in events)


def bomb(size: int, *, declared: int | None = None) -> bytes:
    """
    A frame of zeros, a few bytes for each 128 KiB, that declares its size or another one.
    """
    blocks = []
    left = size
    while left:
        block = min(left, 1 << 17)
        left -= block
        blocks.append(((block << 3) | 2 | (not left)).to_bytes(3, "little") + b"\0")
    return b"\x28\xb5\x2f\xfd\xa4" + struct.pack("<I", size if declared is None else declared) + b"".join(blocks)
