"""
Structures of the format: what is packed comes out again, and what was changed is refused for the right reason.
"""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.container.layout import (
    CHUNK,
    CHUNK_FRAME_SIZE,
    CHUNK_TAG,
    CRC,
    ENTRY_FIELDS,
    FORMAT_VERSION,
    HEADER,
    HEADER_TAG,
    MAGIC,
    MAX_SEQUENCE,
    SKIPPABLE,
    SKIPPABLE_MAGIC,
    ChunkEntry,
    ChunkHeader,
    HeaderFields,
    chain_start,
    chain_value,
    check_flags,
    entry_of,
    pack_chunk_header,
    pack_header,
    skippable,
    unpack_chunk_header,
    unpack_header,
)
from recordkit.errors import BadMagicError, ChecksumError, FormatError, TruncatedError, UnsupportedVersionError

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)

HEADERS = st.fixed_dictionaries(
    {
        "sid": st.binary(min_size=16, max_size=16),
        "owner": st.binary(min_size=16, max_size=16),
        "created_ns": I64,
        "attributes": st.binary(max_size=100),
    }
)
CHUNK_HEADERS = st.builds(
    ChunkHeader,
    tag=st.just(CHUNK_TAG),
    size=st.just(CHUNK.size + CRC.size),
    critical_flags=st.just(0),
    recording_id=st.binary(min_size=8, max_size=8),
    sequence=st.integers(0, MAX_SEQUENCE),
    **dict.fromkeys(("lost", "longest_wait_ns"), U64),
    **dict.fromkeys(("stored_size", "raw_size", "events", "queries", "errors", "marks"), U32),
    **dict.fromkeys(("lowest_ei", "highest_ei", "earliest_ns", "latest_ns"), I64),
    chain=st.binary(min_size=32, max_size=32),
)
SOME = {"sid": bytes(16), "owner": bytes(range(16)), "created_ns": 7, "attributes": b'{"user":"alice"}'}
SOME_CHUNK = ChunkHeader(
    CHUNK_TAG, CHUNK.size + CRC.size, 0, b"recordid", 3, 100, 200, 2, 1, 0, 1, 0, 5, 6, 10, 20, 3, bytes(range(32))
)


def with_crc(body):
    """
    The payload with a checksum that holds.
    """
    return body + CRC.pack(zlib.crc32(body))


def changed(payload, offset, value):
    """
    The payload with other bytes at *offset*, and a checksum that holds.
    """
    return with_crc(payload[:offset] + value + payload[offset + len(value) : -CRC.size])


@given(HEADERS)
def test_a_packed_header_is_unpacked_to_the_same_values(values):
    """
    Packing and unpacking a header gives back each field and the attributes.
    """
    frame = pack_header(**values)
    magic, size = SKIPPABLE.unpack_from(frame)
    assert (magic, size) == (SKIPPABLE_MAGIC, len(frame) - SKIPPABLE.size)
    fields, attributes = unpack_header(frame[SKIPPABLE.size :])
    assert attributes == values["attributes"]
    assert fields == HeaderFields(
        HEADER_TAG, FORMAT_VERSION, 0, size, values["sid"], values["owner"], values["created_ns"], len(attributes)
    )


@given(CHUNK_HEADERS)
def test_a_packed_chunk_header_is_unpacked_to_the_same_values(header):
    """
    Packing and unpacking a chunk header gives back each field.
    """
    frame = pack_chunk_header(header)
    assert len(frame) == CHUNK_FRAME_SIZE
    assert unpack_chunk_header(frame[SKIPPABLE.size :]) == header


@given(CHUNK_HEADERS, U64)
def test_an_index_entry_repeats_the_chunk_header_field_by_field(header, offset):
    """
    Each field of an index entry is the chunk header's of the same name, behind the offset.
    """
    entry = entry_of(offset, header)
    assert ChunkEntry._fields == tuple(name for name, _ in ENTRY_FIELDS)
    assert entry.offset == offset
    assert all(getattr(entry, name) == getattr(header, name) for name in ChunkEntry._fields[1:])


@pytest.mark.parametrize(
    ("pack", "unpack"),
    [
        (lambda: pack_header(**SOME), unpack_header),
        (lambda: pack_chunk_header(SOME_CHUNK), unpack_chunk_header),
    ],
)
class TestEachStructure:
    """
    What holds for header and chunk header alike.
    """

    def test_cut_at_every_byte_it_is_refused(self, pack, unpack):
        """
        A payload that is cut anywhere raises an error of the format.
        """
        payload = pack()[SKIPPABLE.size :]
        for size in range(len(payload)):
            with pytest.raises(FormatError):
                unpack(payload[:size])

    def test_every_flipped_bit_is_noticed(self, pack, unpack):
        """
        A payload with any one bit flipped raises an error of the format.
        """
        payload = pack()[SKIPPABLE.size :]
        for bit in range(len(payload) * 8):
            damaged = bytearray(payload)
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(FormatError):
                unpack(bytes(damaged))

    def test_bytes_behind_it_are_refused(self, pack, unpack):
        """
        A payload that is longer than it says is refused even if its checksum holds.
        """
        payload = pack()[SKIPPABLE.size :]
        with pytest.raises(ChecksumError, match="sizes differ"):
            unpack(with_crc(payload[: -CRC.size] + b"more"))

    def test_another_tag_comes_before_the_checksum(self, pack, unpack):
        """
        Bytes that are something else altogether are called that, not damaged.
        """
        with pytest.raises(BadMagicError):
            unpack(b"ELSE" + pack()[SKIPPABLE.size + 4 :])

    def test_an_unknown_critical_flag_is_refused_by_name(self, pack, unpack):
        """
        A critical flag of a newer version raises an error that names it.
        """
        payload = pack()[SKIPPABLE.size :]
        with pytest.raises(UnsupportedVersionError, match="0x0100"):
            unpack(changed(payload, 6, (0x0100).to_bytes(2, "little")))


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, 0xFFFF])
def test_an_unknown_version_is_refused_by_name(version):
    """
    A header of another format version raises an error that says which are known.
    """
    payload = pack_header(**SOME)[SKIPPABLE.size :]
    with pytest.raises(UnsupportedVersionError, match=f"1 to {FORMAT_VERSION}.*found {version}\\)"):
        unpack_header(changed(payload, 4, version.to_bytes(2, "little")))


def test_fields_of_later_writers_behind_the_attributes_are_passed_over():
    """
    A header that is longer than version 1 knows is read; what is more is left out.
    """
    body = pack_header(**SOME)[SKIPPABLE.size : -CRC.size] + b"later field"
    longer = body[:8] + (len(body) + CRC.size).to_bytes(4, "little") + body[12:]
    fields, attributes = unpack_header(with_crc(longer))
    assert attributes == SOME["attributes"]
    assert fields.sid == SOME["sid"]


def test_fields_of_later_writers_in_a_chunk_header_are_passed_over():
    """
    A chunk header that is longer than version 1 knows is read; what is more is left out.
    """
    longer = SOME_CHUNK._replace(size=CHUNK.size + 11 + CRC.size)
    assert unpack_chunk_header(with_crc(CHUNK.pack(*longer) + b"later field")) == longer


def test_attributes_that_reach_beyond_the_header_are_refused():
    """
    The declared size of the attributes is held against the header's before they are cut out.
    """
    payload = pack_header(**SOME)[SKIPPABLE.size :]
    beyond = (len(payload) - HEADER.size - CRC.size + 1).to_bytes(4, "little")
    with pytest.raises(ChecksumError):
        unpack_header(changed(payload, HEADER.size - 4, beyond))


def test_a_short_payload_is_cut_not_wrong():
    """
    A payload without room for the fixed part is called too short.
    """
    with pytest.raises(TruncatedError):
        unpack_header(HEADER_TAG)
    with pytest.raises(TruncatedError):
        unpack_chunk_header(CHUNK_TAG)


@given(CHUNK_HEADERS, st.binary(max_size=50), st.binary(min_size=32, max_size=32), st.integers(0), st.integers(0, 7))
def test_the_chain_covers_every_bit(header, frame, previous, at, bit):
    """
    A chain value changes with each bit of the value before, of the header but for chain and CRC, and of the frame.
    """
    payload = pack_chunk_header(header)[SKIPPABLE.size :]
    covered = bytearray(previous + payload[: CHUNK.size - 32] + frame)
    at %= len(covered)
    covered[at] ^= 1 << bit
    head = covered[32 : 32 + CHUNK.size - 32]
    changed_chain = chain_value(
        bytes(covered[:32]), bytes(head) + payload[CHUNK.size - 32 :], bytes(covered[CHUNK.size :])
    )
    assert changed_chain != chain_value(previous, payload, frame)
    assert chain_value(previous, payload[: CHUNK.size - 32] + bytes(36), frame) == chain_value(previous, payload, frame)


def test_the_chain_covers_fields_of_later_writers():
    """
    What a later writer appends to a chunk header is part of the chain, too.
    """
    longer = CHUNK.pack(*SOME_CHUNK) + b"later field" + bytes(CRC.size)
    other = CHUNK.pack(*SOME_CHUNK) + b"later FIELD" + bytes(CRC.size)
    assert chain_value(bytes(32), longer, b"frame") != chain_value(bytes(32), other, b"frame")


def test_the_chain_begins_with_the_whole_header():
    """
    Recordings that differ in any part of their header have other chains and recording ids.
    """
    starts = {
        chain_start(pack_header(**SOME | other))[:8]
        for other in (
            {},
            {"sid": b"1" * 16},
            {"owner": b"1" * 16},
            {"created_ns": 8},
            {"attributes": b"{}"},
        )
    }
    assert len(starts) == 5


def test_the_magic_is_an_empty_frame_with_checksum():
    """
    The first bytes of a recording are a real zstd frame of no content.
    """
    import zstandard

    parameters = zstandard.get_frame_parameters(MAGIC)
    assert (parameters.content_size, parameters.has_checksum) == (0, True)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(MAGIC) == b""
    assert zstandard.ZstdCompressor(level=1, write_checksum=True).compress(b"") == MAGIC


def test_a_skippable_frame_is_magic_size_and_payload():
    """
    A skippable frame is as RFC 8878 has it.
    """
    assert skippable(b"abc").hex() == "5b2a4d1803000000616263"


def test_no_flags_are_fine():
    """
    A structure without critical flags is accepted.
    """
    check_flags(0, "header")
