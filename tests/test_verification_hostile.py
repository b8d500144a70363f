"""
Files that were made to do harm: verifying reports on any of them, salvage knows one family of errors, and both stay small.
"""

import struct
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from forging import recomputed
from recordings import (
    SID,
    Places,
    QuickFiles,
    bomb,
    count,
    lines_of,
    parts,
    query,
    recording_bytes,
    sealed_name,
    session,
)
from recordkit.container.chunks import Counts, encode_chunk, first_position, frame_chunk
from recordkit.container.frames import Compressor
from recordkit.container.header import read_header
from recordkit.container.source import MemorySource
from recordkit.errors import FormatError
from recordkit.limits import DEFAULT_LIMITS, MIB, Limits
from recordkit.verification import Evidence, Report, salvage, verify_recording

CHUNKS = session(4, 3)
SEALED = recording_bytes(CHUNKS, sealed=True)
HEADER = read_header(MemorySource(SEALED), DEFAULT_LIMITS)


def examined(data, **options):
    """
    Verify and salvage these bytes; only errors of the format are caught, and only from salvage.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / sealed_name()
        path.write_bytes(data)
        report = verify_recording(path, **options)
        try:
            result = salvage(path, Path(directory) / "out.zst", files=QuickFiles())
        except FormatError:
            assert report.events == 0
            assert [item.name for item in Path(directory).iterdir()] == [sealed_name()]
        else:
            kinds = {finding.kind.value for finding in verify_recording(result.path).errors}
            assert kinds <= {"sid"}  # events are never dropped for what they say
    return report


def with_chunk(raw, counts=None, *, frame=None, raw_size=None):
    """
    An open recording with one chunk, sound but for what is in it.
    """
    position = first_position(HEADER.frame)
    if frame is None:
        return SEALED[: HEADER.end] + encode_chunk(position, raw, counts or Counts(), Compressor()).data
    return SEALED[: HEADER.end] + frame_chunk(position, frame, raw_size, counts or Counts()).data


@given(st.binary(max_size=300))
@settings(max_examples=60)
def test_any_bytes_get_a_report(data):
    """
    Bytes that are no recording are an error in a report, never an exception.
    """
    assert isinstance(examined(data), Report)
    assert not examined(SEALED[: HEADER.end] + data).sound


@given(st.integers(0, len(SEALED)), st.binary(min_size=1, max_size=60), st.booleans())
@settings(max_examples=120)
def test_any_bytes_within_a_recording_get_a_report(place, data, replace):
    """
    Whatever stands in the middle of a recording, the rest is salvaged to something sound.
    """
    made = SEALED[:place] + data + SEALED[place + len(data) * replace :]
    report = examined(made)
    assert report.sound is (made == SEALED)


@given(
    st.lists(
        st.sampled_from(
            [b"[]", b"7", b'"x"', b"{", b"", b'{"ei":1}', b'{"ei":true,"time":5,"sid":[]}', b'{"event":{},"count":-1}']
        )
    )
)
@settings(max_examples=60)
def test_any_lines_get_a_report(lines):
    """
    Lines of other JSON, of no JSON and with fields of other types are told of, and never an exception.
    """
    counts = Counts()
    counts.events = len(lines)
    examined(with_chunk(b"".join(line + b"\n" for line in lines), counts))


def test_extreme_places_are_survived():
    """
    Numbers at the ends of 64 bits in events and headers, and gaps that claim all of them, are told of in moderate time.
    """
    huge = 2**63 - 1
    gap = {"event": "recordkit.gap", "from": -huge, "to": huge, "count": huge, "reason": 5}
    events = [query(n) | more for n, more in enumerate([{}, {"ei": -huge}, {"ei": huge}, gap, gap, {"ei": 2**64 - 1}])]
    report = examined(with_chunk(lines_of(events), count(events, Places())))
    assert [finding.kind.value for finding in report.errors] == ["torn"]
    beyond = [query(0) | {"ei": huge}, {"sid": SID, "event": "x"}, {"sid": SID, "event": "x", "ei": 2**63}]
    counts = Counts()
    counts.events = 3
    report = examined(with_chunk(lines_of(beyond), counts))
    assert [finding.kind.value for finding in report.errors] == ["counts", "torn"]
    assert report.named_lost <= huge


def test_an_index_that_names_a_million_missing_chunks_is_survived():
    """
    A forged index whose last entry has an enormous sequence costs neither memory nor time.
    """
    data = bytearray(recomputed(SEALED, CHUNKS))
    index = next(part for part in parts(bytes(data)) if part.name == "index")
    import zlib

    last = index.offset + 40 + 88 * 3
    struct.pack_into("<Q", data, last + 8, 2**63)
    entries = bytes(data[index.offset + 40 : index.offset + 40 + 88 * 4])
    struct.pack_into("<I", data, index.end - 20, zlib.crc32(entries))
    head = bytes(data[index.offset + 8 : index.offset + 40])
    struct.pack_into("<I", data, index.end - 8, zlib.crc32(head + data[index.end - 52 : index.end - 8]))
    data[HEADER.end + 160] ^= 1
    assert not examined(bytes(data)).sound


def test_a_bomb_is_refused():
    """
    A frame that would become more than the limit is corrupt, and is not opened.
    """
    counts = Counts()
    counts.events = 1
    frame = bomb(256 * MIB)
    report = examined(with_chunk(b"", counts, frame=frame, raw_size=256 * MIB), limits=Limits(raw_chunk=MIB))
    assert report.errors[0].what == "chunk's raw size is over the limit"


def test_many_heads_and_no_chunks_are_quick():
    """
    A recording is held against thousands of noted heads at once.
    """
    heads = tuple(number.to_bytes(32, "big") for number in range(2000))
    report = examined(SEALED, evidence=Evidence(heads=heads))
    assert len(report.errors) == 2000
