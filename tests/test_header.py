"""
What a recording says of itself at its beginning: read as it was written, or refused before it is believed.
"""

import struct
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import NOON, OWNER, SID, MemorySource, Watched, pieces, recording_bytes, session
from recordkit.container.chunks import begin
from recordkit.container.header import read_header
from recordkit.container.layout import CRC, HEADER_TAG, MAGIC, SKIPPABLE, SKIPPABLE_MAGIC, skippable
from recordkit.container.summary import State, Totals
from recordkit.errors import BadMagicError, ChecksumError, LimitExceededError, TruncatedError, UnsupportedVersionError
from recordkit.limits import DEFAULT_LIMITS, Limits

START, CHUNK, *_ = pieces(recording_bytes(session(2, 1), sealed=False))


@given(
    st.uuids(),
    st.binary(min_size=16, max_size=16),
    st.integers(-(2**63), 2**63 - 1),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(0, 9) | st.none(), max_size=4),
)
def test_a_header_is_read_as_it_was_written(sid, owner, created_ns, attributes):
    """
    Session, owner, time and attributes come out as they went in, and the chain begins where the writer's does.
    """
    start, position = begin(sid=sid.bytes, owner=owner, created_ns=created_ns, attributes=orjson.dumps(attributes))
    header = read_header(MemorySource(start + b"behind"), DEFAULT_LIMITS)
    assert (header.sid, header.owner, header.created_ns) == (str(sid), owner.hex(), created_ns)
    assert header.attributes == attributes
    assert (header.chain, header.end) == (position.chain, position.offset)
    assert start == MAGIC + header.frame


def test_a_header_without_attributes_has_none():
    """
    No bytes of attributes are an empty object.
    """
    start, _ = begin(sid=bytes(16), owner=bytes(16), created_ns=0, attributes=b"")
    assert read_header(MemorySource(start), DEFAULT_LIMITS).attributes == {}


def test_a_summary_begins_with_what_the_header_says():
    """
    The header gives a summary its session, its texts and its time of creation.
    """
    header = read_header(MemorySource(START), DEFAULT_LIMITS)
    summary = header.summary(State.OPEN, Totals(), stored_bytes=7, head="00")
    assert (summary.sid, summary.user, summary.created_ns) == (SID, "alice", NOON)
    assert (summary.stored_bytes, summary.head, header.owner) == (7, "00", OWNER)


def test_the_callers_limit_holds_exactly():
    """
    A header at the limit is read, one byte more is refused.
    """
    size = len(START) - len(MAGIC) - SKIPPABLE.size
    assert read_header(MemorySource(START), Limits(header=size)).sid == SID
    with pytest.raises(LimitExceededError):
        read_header(MemorySource(START), Limits(header=size - 1))


@given(st.integers(0, len(START) - 1))
def test_a_cut_header_is_truncated(size):
    """
    A file that ends within magic or header is called cut, also an empty one.
    """
    with pytest.raises(TruncatedError):
        read_header(MemorySource(START[:size]), DEFAULT_LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        b"PAR1" + bytes(100),
        b"\x28\xb5\x2f\xfd\x04" + bytes(100),
        MAGIC + CHUNK,
        MAGIC + struct.pack("<II", 0x184D2A5E, 60) + bytes(60),
    ],
)
def test_something_else_is_no_recording(data):
    """
    Other files are told from damaged recordings.
    """
    with pytest.raises(BadMagicError):
        read_header(MemorySource(data), DEFAULT_LIMITS)


@pytest.mark.parametrize("size", [0, 59, DEFAULT_LIMITS.header + 1, 2**32 - 1])
def test_an_impossible_header_size_is_refused_before_reading(size):
    """
    A header is not read if it is too small for its fields or over the limit.
    """
    source = Watched(MAGIC + struct.pack("<II", SKIPPABLE_MAGIC, size) + HEADER_TAG + bytes(200))
    with pytest.raises(LimitExceededError):
        read_header(source, DEFAULT_LIMITS)
    assert source.asked_for < 200


@pytest.mark.parametrize("attributes", [b"{", b"[]", b"7", b"\xff", b"[" * 3000])
def test_attributes_that_are_no_object_are_refused(attributes):
    """
    A header whose checksum holds but whose attributes are not a JSON object is an error.
    """
    start, _ = begin(sid=bytes(16), owner=bytes(16), created_ns=0, attributes=attributes)
    with pytest.raises(ChecksumError):
        read_header(MemorySource(start), DEFAULT_LIMITS)


def test_a_newer_version_is_refused_with_its_place():
    """
    A recording of a later format is refused by name before anything else of it is believed.
    """
    body = bytearray(START[len(MAGIC) + SKIPPABLE.size : -CRC.size])
    body[4] = 2
    with pytest.raises(UnsupportedVersionError) as caught:
        read_header(MemorySource(MAGIC + skippable(bytes(body) + CRC.pack(zlib.crc32(body)))), DEFAULT_LIMITS)
    assert caught.value.offset == len(MAGIC)
