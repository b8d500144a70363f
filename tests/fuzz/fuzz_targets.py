"""
What is fuzzed: each target takes any bytes and must end in a value or in an error of one family.

Checksums would stop a fuzzer at the first byte that it changes. So where a target takes a whole file, the first byte
of the input says which checksums are made right again before it is read: 1 header · 2 chunk headers · 4 chain ·
8 index. Whatever comes out then is held against the independent reader, which knows nothing of recordkit.
"""

import hashlib
import os
import struct
import sys
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [path for path in (str(TESTS), str(TESTS.parent)) if path not in sys.path]

import orjson  # noqa: E402

import independent_reader  # noqa: E402
from recordkit.container import open_recording, seal  # noqa: E402
from recordkit.container.decoder import Chunk, Decoder  # noqa: E402
from recordkit.container.files import OsFiles  # noqa: E402
from recordkit.container.frames import Decompressor  # noqa: E402
from recordkit.container.header import read_header  # noqa: E402
from recordkit.container.index import find_index, read_bounds, read_index  # noqa: E402
from recordkit.container.layout import INT64_MAX, INT64_MIN, unpack_chunk_header, unpack_header  # noqa: E402
from recordkit.container.source import MemorySource  # noqa: E402
from recordkit.errors import (  # noqa: E402
    FormatError,
    InvalidEventError,
    RecordKitError,
    UndecodableEventError,
    UnsupportedVersionError,
)
from recordkit.events.codec import decode_input_line, decode_line, encode_line  # noqa: E402
from recordkit.events.timestamps import parse_time  # noqa: E402
from recordkit.limits import MIB, Limits  # noqa: E402

LIMITS = Limits(raw_chunk=MIB, stored_chunk=MIB, header=64 << 10, index=MIB)
"""Small, so that memory is no reason to be slow; the independent reader gets the same."""
independent_reader.MAX_RAW = independent_reader.MAX_STORED = independent_reader.MAX_INDEX = MIB

HEADER, CHUNK, INDEX, CHAIN, ENDS = 1, 2, 8, 4, b"RKIE"
_PLACE = Path(tempfile.gettempdir()) / f"recordkit-fuzz-{os.getpid()}"


class QuickFiles(OsFiles):
    """
    Files that need not survive power loss.
    """

    def sync(self, path):
        pass


def repaired(data, which):
    """
    The file with the checksums *which* made right, as far as it can be walked.
    """
    data = bytearray(data)
    offset, chain = 13, b""
    while offset + 8 <= len(data):
        magic, size = struct.unpack_from("<II", data, offset)
        end = offset + 8 + size
        tag = bytes(data[offset + 8 : offset + 12])
        if magic != 0x184D2A5B or end > len(data) or size < 60:
            return bytes(data)
        if tag == b"RKHD":
            if which & HEADER:
                _fix_crc(data, offset + 8, end)
            chain = hashlib.sha256(data[:end]).digest()
        elif tag == b"RKCH" and size >= 132:
            (stored,) = struct.unpack_from("<I", data, offset + 32)
            if which & CHAIN:
                data[offset + 16 : offset + 24] = hashlib.sha256(data[: _header_end(data)]).digest()[:8]
                frame = data[end : end + stored]
                chain = hashlib.sha256(
                    chain + data[offset + 8 : offset + 104] + data[offset + 136 : end - 4] + frame
                ).digest()
                data[offset + 104 : offset + 136] = chain
            if which & CHUNK:
                _fix_crc(data, offset + 8, end)
            end += stored
        elif tag == b"RKIX" and size >= 84 and which & INDEX:
            _fix_index(data, offset, end)
        offset = end
    return bytes(data)


def _header_end(data):
    return 21 + struct.unpack_from("<I", data, 17)[0]


def _fix_crc(data, begin, end):
    struct.pack_into("<I", data, end - 4, zlib.crc32(data[begin : end - 4]))


def _fix_index(data, offset, end):
    fixed, _, _, _, entry_size, entries, text = struct.unpack_from("<HH8sIIII", data, offset + 12)
    first = offset + 8 + fixed
    second = first + entry_size * entries
    if second + text + 52 != end:
        return
    struct.pack_into(
        "<III", data, end - 20, zlib.crc32(data[first:second]), zlib.crc32(data[second : end - 52]), end - offset
    )
    struct.pack_into("<I", data, end - 8, zlib.crc32(data[offset + 8 : first] + data[end - 52 : end - 8]))
    data[end - 4 : end] = ENDS


def header(data):
    """
    The header of a file, and the fixed structures from their payloads.
    """
    for unpack in (unpack_header, unpack_chunk_header):
        with suppress(FormatError):
            unpack(data)
    with suppress(FormatError):
        read_header(MemorySource(repaired(data[1:], data[0]) if data else data), LIMITS)


def index(data):
    """
    The end of a file, read from both sides.
    """
    source = MemorySource(repaired(data[1:], data[0]) if data else data)
    for entries in (True, False):
        with suppress(FormatError):
            find_index(source, source.size(), LIMITS, with_entries=entries)
    for offset in (0, source._data.find(b"RKIX") - 8):
        for look in (read_bounds, read_index):
            if offset >= 0:
                with suppress(FormatError):
                    look(source, offset, LIMITS)


def frame(data):
    """
    One zstd frame.
    """
    for size in (0, len(data), int.from_bytes(data[5:7], "little")):
        with suppress(FormatError):
            assert len(Decompressor().raw(data, raw_size=size, max_raw_size=MIB)) == size


def line(data):
    """
    One line, as stored and as given; what is taken comes back equal.
    """
    with suppress(UndecodableEventError):
        assert type(decode_line(data)) is dict
    try:
        event = decode_input_line(data)
    except (InvalidEventError, UndecodableEventError):
        return
    assert decode_line(encode_line(event)[:-1]) == event


def time(data):
    """
    One time, by both readers.
    """
    text = data.decode("utf-8", "replace")
    try:
        time_ns = parse_time(text)
    except ValueError:
        time_ns = None
    if time_ns is not None and not INT64_MIN < time_ns < INT64_MAX:
        time_ns = None
    assert independent_reader.time_ns_of(text) == time_ns


def walk(data):
    """
    The decoder over a whole file, from the first chunk and beside a writer.
    """
    source = MemorySource(repaired(data[1:], data[0]) if data else data)
    for growing in (False, True):
        with suppress(FormatError):
            decoder = Decoder(source, LIMITS)
            for item in decoder.walk(growing=growing):
                if isinstance(item, Chunk):
                    with suppress(FormatError):
                        item.raw(Decompressor(), LIMITS)


def recording(data):
    """
    A file in all modes and from all sides; events and damage as the independent reader finds them.
    """
    data = repaired(data[1:], data[0]) if data else data
    for suffix in (".jsonl.zst", ".jsonl.zst.open"):
        path = _PLACE.with_suffix(suffix)
        path.write_bytes(data)
        theirs = independent_reader.read(data, name=path.name)
        for mode in ("strict", "tail", "salvage"):
            events, found, error = _read(path, mode)
            if mode == "strict":
                assert _same(events, theirs.events[: theirs.before_damage]), "strict events"
                assert (error is None) == (not theirs.findings and not theirs.refused), "strict error"
            elif mode == "salvage":
                assert _same(events, theirs.events), "events"
                assert theirs.refused or found == list(
                    dict.fromkeys((one.kind, one.chunk, one.offset, one.length) for one in theirs.findings)
                ), "damage"


def _same(ours, theirs):
    # the other one reads floats and long integers with `json`, which differs in the last digit of neither
    return orjson.dumps(ours, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        [orjson.loads(orjson.dumps(event)) for event in theirs], option=orjson.OPT_SORT_KEYS
    )


def _read(path, mode):
    events, error = [], None
    try:
        with open_recording(path, mode=mode, limits=LIMITS, live=False) as opened:
            try:
                events.extend(opened.events())
            except FormatError as failed:
                error = failed
            found = [(one.kind.value, one.chunk, one.offset, one.length) for one in opened.damage]
            with suppress(UnsupportedVersionError):
                _look_from_all_sides(opened, mode)
    except FormatError as failed:
        return [], [], failed
    return events, list(dict.fromkeys(found)), error


def _look_from_all_sides(opened, mode):
    summary = opened.summary
    assert summary.duration_s >= 0
    entries = list(opened.chunks())
    with suppress(FormatError):
        for _ in opened.lines():
            pass
    with suppress(FormatError):
        for _ in opened.follow(entries[0] if entries else None):
            pass
    for start in ({"start_ei": 2}, {"start_delay": 1.5}):
        with suppress(FormatError):
            for _ in opened.events(**start):
                pass
    table = opened.table()
    for number in range(min(len(table), 20)):
        with suppress(FormatError):
            opened.read_chunk(table, number)


def sealing(data):
    """
    An open file is sealed, without a change in what can be read, or left as it is.
    """
    data = repaired(data[1:], data[0]) if data else data
    path, target = _PLACE.with_suffix(".jsonl.zst.open"), _PLACE.with_suffix(".sealed.jsonl.zst")
    path.write_bytes(data)
    target.unlink(missing_ok=True)
    before = independent_reader.read(data, name=path.name)
    try:
        seal(path, target, files=QuickFiles(), limits=LIMITS, chunk_bytes=4096 if data and data[-1] & 1 else 1)
    except RecordKitError:
        assert path.read_bytes() == data, "changed, though it can't be sealed"
        return
    after = independent_reader.read(target.read_bytes(), name=target.name)
    assert _same(after.events, before.events), "sealing changed events"


TARGETS = {
    one.__name__: one for one in (header, index, frame, line, time, walk, recording, sealing)
}  # fmt: skip


def seeds(name):
    """
    Where a fuzzer begins: the corpus, cut to what the target takes.
    """
    files = [path.read_bytes() for path in sorted((TESTS / "conformance").glob("*.rec"))]
    if name == "line":
        made = {raw for data in files for raw in _lines(data)}
        return sorted(made | {b'{"a":[1,2.5,"\\u00e9",null,true,{"b":-0.0}]}', b'{"a":1e400}', b'{"a":"\\ud800"}'})
    if name == "time":
        return [b"2026-07-20T12:00:00.123456789Z", b"2016-12-31T23:59:60+01:30", b"0001-01-01t00:00:00-00:00"]
    if name == "frame":
        return sorted({data[at:] for data in files if (at := data.find(b"\x28\xb5\x2f\xfd", 13)) > 0})[:60]
    return [bytes([which]) + data for data in files for which in (0, HEADER | CHUNK | CHAIN | INDEX)]


def _lines(data):
    reading = independent_reader.read(data, name="x")
    for event in reading.events:
        yield orjson.dumps(event)
