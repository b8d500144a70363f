"""
The bytes of format version 1, field by field; FORMAT.md has the same tables, and a test compares them.

Everything is little-endian. Each structure is one `Struct` made from the field list beside it, one
`NamedTuple`, one ``pack`` and one ``unpack``. Unpacking checks length, tag and CRC in this order, then
version, critical flags and sizes; nothing is believed, nor allocated, before its check.
"""

import hashlib
import struct
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from recordkit.errors import (
    BadMagicError,
    ChainError,
    ChecksumError,
    LimitExceededError,
    TruncatedError,
    UnsupportedVersionError,
)

FORMAT_VERSION: Final = 1

MAGIC: Final = bytes.fromhex("28b52ffd240001000099e9d851")
"""An empty zstd frame with checksum: some tools refuse a file that begins with a skippable frame."""

SKIPPABLE_MAGIC: Final = 0x184D2A5B
SEEK_TABLE_MAGIC: Final = 0x184D2A5E
SEEKABLE_FOOTER_MAGIC: Final = 0x8F92EAB1
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"

_HASHED_AT_ONCE: Final = 2047
"""
From 2048 bytes on hashlib gives the interpreter lock up, and beside a busy thread waits up to 5 ms to have it
back. A chunk is hashed in 15 µs.
"""

SKIPPABLE: Final = struct.Struct("<II")
"""What begins every skippable frame: magic, size of what follows."""

HEADER_TAG: Final = b"RKHD"
CHUNK_TAG: Final = b"RKCH"
INDEX_TAG: Final = b"RKIX"
INDEX_END_TAG: Final = b"RKIE"

CRC: Final = struct.Struct("<I")
CHAIN_SIZE: Final = 32

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
MAX_SEQUENCE: Final = INT64_MAX
"""So the number that is to come behind any chunk is within 64 bits, too; nobody writes so many."""

MARK_START: Final = 1
"""The chunk holds a ``db.session.start``."""
MARK_END: Final = 2
"""The chunk holds a ``db.session.end``."""
MARK_ORDERED: Final = 4
"""
Neither ``ei`` nor time falls from one chunk to the next, up to and including this one. It stands here and not
in the index, so that two headers prove what an index claims: what this chunk hasn't reached, none before has.
"""

ANNOUNCED: Final = {
    0x0001: "is encrypted",
    0x0002: "is redacted",
}
"""
Critical flags of the header that FORMAT.md section 12 sets aside for later writers. Today's reader refuses them
like any other, but says what it refuses.
"""

# name, struct code: one line per row of the tables in FORMAT.md
HEADER_FIELDS: Final = (
    ("tag", "4s"),
    ("version", "H"),
    ("critical_flags", "H"),
    ("size", "I"),
    ("sid", "16s"),
    ("owner", "16s"),
    ("created_ns", "q"),
    ("attributes_size", "I"),
)
CHUNK_FIELDS: Final = (
    ("tag", "4s"),
    ("size", "H"),
    ("critical_flags", "H"),
    ("recording_id", "8s"),
    ("sequence", "Q"),
    ("stored_size", "I"),
    ("raw_size", "I"),
    ("events", "I"),
    ("queries", "I"),
    ("errors", "I"),
    ("marks", "I"),
    ("lost", "Q"),
    ("lowest_ei", "q"),
    ("highest_ei", "q"),
    ("earliest_ns", "q"),
    ("latest_ns", "q"),
    ("longest_wait_ns", "Q"),
    ("chain", "32s"),
)
_NOT_INDEXED: Final = {"tag", "size", "critical_flags", "recording_id", "chain"}
ENTRY_FIELDS: Final = (
    ("offset", "Q"),
    *((name, code) for name, code in CHUNK_FIELDS if name not in _NOT_INDEXED),
)  # fmt: skip
INDEX_FIELDS: Final = (
    ("tag", "4s"),
    ("size", "H"),
    ("critical_flags", "H"),
    ("recording_id", "8s"),
    ("flags", "I"),
    ("entry_size", "I"),
    ("entries", "I"),
    ("summary_size", "I"),
)
TRAILER_FIELDS: Final = (
    ("chain", "32s"),
    ("entries_crc", "I"),
    ("summary_crc", "I"),
    ("frame_size", "I"),
    ("crc", "I"),
    ("tag", "4s"),
)
FOOTER_FIELDS: Final = (("frames", "I"), ("descriptor", "B"), ("magic", "I"))
STATEMENT_FIELDS: Final = (
    ("context", "16s"),
    ("version", "H"),
    ("role", "H"),
    ("sid", "16s"),
    ("head", "32s"),
    ("chunks", "Q"),
    ("events", "Q"),
    ("signed_ns", "q"),
)
STATEMENT_CONTEXT: Final = b"recordkit-seal-1"
"""What a key signs here can't be taken for anything else that it signs."""


def _struct(fields: tuple[tuple[str, str], ...]) -> struct.Struct:
    return struct.Struct("<" + "".join(code for _, code in fields))


HEADER: Final = _struct(HEADER_FIELDS)
CHUNK: Final = _struct(CHUNK_FIELDS)
ENTRY: Final = _struct(ENTRY_FIELDS)
INDEX: Final = _struct(INDEX_FIELDS)
TRAILER: Final = _struct(TRAILER_FIELDS)
FOOTER: Final = _struct(FOOTER_FIELDS)
STATEMENT: Final = _struct(STATEMENT_FIELDS)
SEEK_ENTRY: Final = struct.Struct("<II")
SEEK_PAIR: Final = struct.Struct("<IIII")
"""The seek entries of a chunk's header and of its frame."""

CHUNK_FRAME_SIZE: Final = SKIPPABLE.size + CHUNK.size + CRC.size
"""Bytes of a chunk's skippable frame as we write it; a later writer may append fields."""


class HeaderFields(NamedTuple):
    """
    The header frame's fixed part.
    """

    tag: bytes
    version: int
    critical_flags: int
    size: int
    sid: bytes
    owner: bytes
    created_ns: int
    attributes_size: int


class ChunkHeader(NamedTuple):
    """
    What stands before each chunk.
    """

    tag: bytes
    size: int
    critical_flags: int
    recording_id: bytes
    sequence: int
    stored_size: int
    raw_size: int
    events: int
    queries: int
    errors: int
    marks: int
    lost: int
    lowest_ei: int
    highest_ei: int
    earliest_ns: int
    latest_ns: int
    longest_wait_ns: int
    chain: bytes


class ChunkEntry(NamedTuple):
    """
    A chunk as the index knows it.
    """

    offset: int
    sequence: int
    stored_size: int
    raw_size: int
    events: int
    queries: int
    errors: int
    marks: int
    lost: int
    lowest_ei: int
    highest_ei: int
    earliest_ns: int
    latest_ns: int
    longest_wait_ns: int


class IndexFields(NamedTuple):
    """
    The index frame's fixed part.
    """

    tag: bytes
    size: int
    critical_flags: int
    recording_id: bytes
    flags: int
    entry_size: int
    entries: int
    summary_size: int


class Trailer(NamedTuple):
    """
    The index frame's last bytes, from which a reader finds its beginning.
    """

    chain: bytes
    entries_crc: int
    summary_crc: int
    frame_size: int
    crc: int
    tag: bytes


def skippable(payload: bytes, magic: int = SKIPPABLE_MAGIC) -> bytes:
    """
    Return the skippable frame that holds *payload*.

    Source: RFC 8878, section 3.1.2.
    """
    return SKIPPABLE.pack(magic, len(payload)) + payload


def pack_header(*, sid: bytes, owner: bytes, created_ns: int, attributes: bytes) -> bytes:
    """
    Return the header frame.
    """
    size = HEADER.size + len(attributes) + CRC.size
    fixed = HEADER.pack(HEADER_TAG, FORMAT_VERSION, 0, size, sid, owner, created_ns, len(attributes))
    body = fixed + attributes
    return skippable(_with_crc(body))


def unpack_header(payload: bytes) -> tuple[HeaderFields, bytes]:
    """
    Return the header's fixed part and its attributes (JSON).

    Raises:
        TruncatedError, BadMagicError, ChecksumError, UnsupportedVersionError: In this order.
    """
    if len(payload) < HEADER.size + CRC.size:
        raise TruncatedError("header is too short", expected=f">= {HEADER.size + CRC.size} bytes", found=len(payload))
    fields = HeaderFields(*HEADER.unpack_from(payload))
    if fields.tag != HEADER_TAG:
        raise BadMagicError("not a recording's header", expected=HEADER_TAG, found=fields.tag)
    check_crc(payload, "header")
    if fields.version > FORMAT_VERSION or fields.version == 0:
        raise UnsupportedVersionError(
            "format version is not known to this recordkit; use a newer one",
            expected=f"1 to {FORMAT_VERSION}",
            found=fields.version,
        )
    check_flags(fields.critical_flags, "header", announced=ANNOUNCED)
    if fields.size != len(payload) or HEADER.size + fields.attributes_size + CRC.size > len(payload):
        raise ChecksumError("header sizes differ", expected=len(payload), found=fields.size)
    return fields, payload[HEADER.size : HEADER.size + fields.attributes_size]


def pack_chunk_header(header: ChunkHeader) -> bytes:
    """
    Return the skippable frame that stands before a chunk.
    """
    return skippable(_with_crc(CHUNK.pack(*header)))


def unpack_chunk_header(payload: bytes, *, recording_id: bytes | None = None) -> ChunkHeader:
    """
    Return the header of a chunk from its skippable frame's payload.

    Args:
        payload: As stored.
        recording_id: What it must name; default: any recording's will do.

    Raises:
        TruncatedError, BadMagicError, ChecksumError, ChainError, UnsupportedVersionError, LimitExceededError: In this
            order: critical flags of another recording's chunk say nothing of this one.
    """
    if len(payload) < CHUNK.size + CRC.size:
        raise TruncatedError(
            "chunk header is too short", expected=f">= {CHUNK.size + CRC.size} bytes", found=len(payload)
        )
    header = ChunkHeader(*CHUNK.unpack_from(payload))
    if header.tag != CHUNK_TAG:
        raise BadMagicError("not a chunk header", expected=CHUNK_TAG, found=header.tag)
    check_crc(payload, "chunk header")
    if header.size != len(payload):
        raise ChecksumError("chunk header sizes differ", expected=len(payload), found=header.size)
    if recording_id is not None and header.recording_id != recording_id:
        raise ChainError("chunk of another recording", expected=recording_id, found=header.recording_id)
    check_flags(header.critical_flags, "chunk header")
    if header.sequence > MAX_SEQUENCE:
        raise LimitExceededError(
            "chunk's sequence is over the limit", expected=f"<= {MAX_SEQUENCE}", found=header.sequence
        )
    return header


def chain_value(previous: bytes, payload: bytes, frame: bytes | memoryview) -> bytes:
    """
    Return a chunk's chain value: SHA-256 over the previous one, the header but for chain and CRC, the frame.

    The chain before the first chunk is `chain_start`. *payload* is the chunk header's, as stored, so that
    fields of later writers are covered too.
    """
    digest = hashlib.sha256(previous)
    digest.update(payload[: CHUNK.size - CHAIN_SIZE])
    digest.update(payload[CHUNK.size : -CRC.size])
    view = memoryview(frame)
    for begin in range(0, len(view), _HASHED_AT_ONCE):
        digest.update(view[begin : begin + _HASHED_AT_ONCE])
    return digest.digest()


def chain_start(header_frame: bytes) -> bytes:
    """
    Return the chain value before the first chunk: SHA-256 over the magic and the header frame.

    Its first eight bytes are the recording id that every chunk names.
    """
    return hashlib.sha256(MAGIC + header_frame).digest()


def entry_of(offset: int, header: ChunkHeader) -> ChunkEntry:
    """
    Return the index entry of the chunk whose skippable frame begins at *offset*.
    """
    return ChunkEntry(offset, *header[4:17])


def _with_crc(body: bytes) -> bytes:
    return body + CRC.pack(zlib.crc32(body))


def check_crc(payload: bytes, what: str) -> None:
    """
    Hold *payload* against the CRC-32 in its last four bytes.

    Raises:
        ChecksumError: They differ.
    """
    (stored,) = CRC.unpack_from(payload, len(payload) - CRC.size)
    computed = zlib.crc32(memoryview(payload)[: -CRC.size])
    if stored != computed:
        raise ChecksumError(f"{what} checksum differs", expected=f"{stored:#010x}", found=f"{computed:#010x}")


def check_flags(flags: int, what: str, *, announced: Mapping[int, str] = MappingProxyType({})) -> None:
    """
    Refuse critical flags: version 1 knows none.

    Args:
        flags: As stored.
        what: The structure that has them.
        announced: What a flag says of the recording, where that is settled already.

    Raises:
        UnsupportedVersionError: One is set.
    """
    if flags:
        meanings = " and ".join(meaning for flag, meaning in announced.items() if flags & flag)
        raise UnsupportedVersionError(
            f"the recording {meanings}, which this recordkit can't read (critical flag of its {what}); use a newer one"
            if meanings and not flags & ~sum(announced)
            else f"{what} has a critical flag that this recordkit does not know; use a newer one",
            expected="0x0000",
            found=f"{flags:#06x}",
        )
