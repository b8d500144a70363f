"""
The index at the end of a sealed recording, and the zstd seek table behind it.

Both only repeat what the chunk headers say, so that a reader finds a moment without walking the file
and stock tools can seek. Losing them loses time, never events.

The index is read from the file's end: the seek table's footer gives its size, the index's trailer
stands before it and gives the index's.
"""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from recordkit.container.layout import (
    CHUNK_FRAME_SIZE,
    CRC,
    ENTRY,
    FOOTER,
    INDEX,
    INDEX_END_TAG,
    INDEX_TAG,
    MAGIC,
    MARK_ORDERED,
    SEEK_ENTRY,
    SEEK_TABLE_MAGIC,
    SEEKABLE_FOOTER_MAGIC,
    SKIPPABLE,
    SKIPPABLE_MAGIC,
    TRAILER,
    ChunkEntry,
    IndexFields,
    Trailer,
    check_flags,
    skippable,
)
from recordkit.container.source import ByteSource
from recordkit.container.summary import Summary, Totals
from recordkit.errors import BadMagicError, ChecksumError, FormatError, LimitExceededError, TruncatedError
from recordkit.limits import MIB, Limits

MAX_SUMMARY: Final = MIB
"""Bytes of the stored summary; parsed, hostile JSON is thirty times as large."""
_SEEK_TABLE_OVERHEAD: Final = SKIPPABLE.size + FOOTER.size


class IndexBuilder:
    """
    Collects chunk entries while a recording is sealed; about 100 bytes a chunk.
    """

    def __init__(self, header_frame_size: int) -> None:
        self._entries = bytearray()
        self._seek = bytearray(SEEK_ENTRY.pack(len(MAGIC), 0) + SEEK_ENTRY.pack(header_frame_size, 0))
        self.totals = Totals()

    def add(self, entry: ChunkEntry, *, header_size: int = CHUNK_FRAME_SIZE) -> None:
        """
        Add the next chunk, whose skippable frame is *header_size* bytes.
        """
        self._entries += ENTRY.pack(*entry)
        self._seek += SEEK_ENTRY.pack(header_size, 0) + SEEK_ENTRY.pack(entry.stored_size, entry.raw_size)
        self.totals.add(entry)

    def finish(
        self, *, recording_id: bytes, chain: bytes, summary: Summary, notes: Mapping[str, object] | None = None
    ) -> bytes:
        """
        Return the index frame and the seek table.

        Args:
            recording_id: As in the chunk headers.
            chain: The recording's head.
            summary: Of all chunks that were added.
            notes: Keys of the stored summary beside those of *summary*: signatures, what salvage lost.
        """
        values = summary.to_json() | dict(notes or {})
        del values["stored_bytes"]  # the file's size is known best by the file
        text = orjson.dumps(values)
        fixed = INDEX.pack(
            INDEX_TAG,
            INDEX.size,
            0,
            recording_id,
            0,
            ENTRY.size,
            self.totals.chunks,
            len(text),
        )
        frame_size = SKIPPABLE.size + len(fixed) + len(self._entries) + len(text) + TRAILER.size
        trailer = _trailer(fixed, chain, zlib.crc32(self._entries), zlib.crc32(text), frame_size)
        index = skippable(fixed + bytes(self._entries) + text + trailer)
        self._seek += SEEK_ENTRY.pack(len(index), 0)
        frames = len(self._seek) // SEEK_ENTRY.size
        return index + skippable(
            bytes(self._seek) + FOOTER.pack(frames, 0, SEEKABLE_FOOTER_MAGIC), magic=SEEK_TABLE_MAGIC
        )


def _trailer(fixed: bytes, chain: bytes, entries_crc: int, summary_crc: int, frame_size: int) -> bytes:
    body = TRAILER.pack(chain, entries_crc, summary_crc, frame_size, 0, INDEX_END_TAG)
    return TRAILER.pack(
        chain, entries_crc, summary_crc, frame_size, zlib.crc32(fixed + body[: -len(INDEX_END_TAG) - CRC.size]),
        INDEX_END_TAG,
    )  # fmt: skip


class Index(NamedTuple):
    """
    An index whose own checksums hold.

    Attributes:
        offset: Of its skippable frame.
        size: Of that frame; the seek table follows.
        fields, trailer: As stored.
        entries: Packed `ChunkEntry` items, checked; empty if only the summary was asked for.
        summary: Parsed JSON.
    """

    offset: int
    size: int
    fields: IndexFields
    trailer: Trailer
    entries: bytes
    summary: dict[str, Any]

    @property
    def ordered(self) -> bool:
        """
        Whether entries rise in time and ``ei``, as the last one says, so that they may be searched by halves.
        """
        last = self.fields.entries - 1
        return last >= 0 and bool(self.entry(last).marks & MARK_ORDERED)

    def entry(self, number: int) -> ChunkEntry:
        """
        Return entry *number* >= 0.
        """
        return ChunkEntry(*ENTRY.unpack_from(self.entries, number * self.fields.entry_size))

    def all_entries(self) -> Iterator[ChunkEntry]:
        """
        Yield the entries in file order.
        """
        for number in range(self.fields.entries):
            yield self.entry(number)


def packed_entries(index: Index) -> bytes:
    """
    Return the index's entries without the fields that a later writer may have added to each.
    """
    size = index.fields.entry_size
    if size == ENTRY.size:
        return index.entries
    return b"".join(index.entries[begin : begin + ENTRY.size] for begin in range(0, len(index.entries), size))


def seek_table_size(source: ByteSource, size: int) -> int:
    """
    Return the size of the seek table's frame that ends at *size*.

    Raises:
        TruncatedError, BadMagicError, ChecksumError: There is no sound one.
    """
    if size < _SEEK_TABLE_OVERHEAD:
        raise TruncatedError("no room for a seek table", offset=0, expected=_SEEK_TABLE_OVERHEAD, found=size)
    frames, descriptor, magic = FOOTER.unpack(_exactly(source, size - FOOTER.size, FOOTER.size))
    if magic != SEEKABLE_FOOTER_MAGIC:
        raise BadMagicError("no seek table at the end", expected=f"{SEEKABLE_FOOTER_MAGIC:#x}", found=f"{magic:#x}")
    table = _SEEK_TABLE_OVERHEAD + int(frames) * SEEK_ENTRY.size
    if descriptor or table > size:
        raise ChecksumError("seek table's footer is wrong", expected=f"<= {size} bytes", found=table)
    magic, payload = SKIPPABLE.unpack(_exactly(source, size - table, SKIPPABLE.size))
    if magic != SEEK_TABLE_MAGIC or payload != table - SKIPPABLE.size:
        raise ChecksumError("seek table's frame is wrong", expected=table - SKIPPABLE.size, found=payload)
    return table


def index_offset(source: ByteSource) -> int | None:
    """
    Return where the end of the file says that the index begins; None if it doesn't say.
    """
    try:
        end, trailer = _find_trailer(source, source.size())
    except FormatError:
        return None
    return end - trailer.frame_size


def _find_trailer(source: ByteSource, size: int) -> tuple[int, Trailer]:
    """
    Return where the index frame ends, and its trailer; only its tag was checked.
    """
    end = size - seek_table_size(source, size)
    if end < TRAILER.size:
        raise TruncatedError("no room for an index", offset=0, expected=TRAILER.size, found=end)
    trailer = Trailer(*TRAILER.unpack(_exactly(source, end - TRAILER.size, TRAILER.size)))
    if trailer.tag != INDEX_END_TAG:
        raise BadMagicError("no index before the seek table", expected=INDEX_END_TAG, found=trailer.tag)
    return end, trailer


def _exactly(source: ByteSource, offset: int, size: int) -> bytes:
    block = source.read_at(offset, size)
    if len(block) < size:  # the file was cut since its size was asked
        raise TruncatedError("the file became shorter", offset=offset, expected=size, found=len(block))
    return block


def find_index(source: ByteSource, size: int, limits: Limits, *, with_entries: bool) -> Index:
    """
    Return the index of the sealed recording of *size* bytes.

    Reads the file's end only; the entries when *with_entries* is set.

    Raises:
        FormatError: There is no index, or it is damaged.
    """
    end, trailer = _find_trailer(source, size)
    if not INDEX.size + TRAILER.size < trailer.frame_size <= min(end, limits.index):
        raise LimitExceededError(
            "index size is impossible", expected=f"<= {min(end, limits.index)}", found=trailer.frame_size
        )
    return read_index(source, end - trailer.frame_size, limits, with_entries=with_entries)


def read_index(source: ByteSource, offset: int, limits: Limits, *, with_entries: bool = True) -> Index:
    """
    Return the index whose skippable frame begins at *offset*; without entries if they are not wanted.

    Raises:
        FormatError: It is cut, damaged or needs a newer recordkit.
    """
    bounds = read_bounds(source, offset, limits)
    fields, trailer = bounds.fields, bounds.trailer
    check_flags(fields.critical_flags, "index")
    room = bounds.size - SKIPPABLE.size - TRAILER.size - fields.size
    entries_size = fields.entry_size * fields.entries
    if fields.size < INDEX.size or fields.entry_size < ENTRY.size or entries_size + fields.summary_size != room:
        raise ChecksumError(
            "index sizes differ", offset=offset, expected=room, found=entries_size + fields.summary_size
        )
    if fields.summary_size > MAX_SUMMARY:
        raise LimitExceededError(
            "summary is over the size limit", offset=offset, expected=f"<= {MAX_SUMMARY}", found=fields.summary_size
        )
    first = offset + SKIPPABLE.size + fields.size
    entries = source.read_at(first, entries_size) if with_entries else b""
    text = source.read_at(first + entries_size, fields.summary_size)
    if with_entries and zlib.crc32(entries) != trailer.entries_crc:
        raise ChecksumError(
            "index entries' checksum differs",
            offset=first,
            expected=f"{trailer.entries_crc:#010x}",
            found=f"{zlib.crc32(entries):#010x}",
        )
    if zlib.crc32(text) != trailer.summary_crc:
        raise ChecksumError(
            "summary checksum differs",
            offset=first + entries_size,
            expected=f"{trailer.summary_crc:#010x}",
            found=f"{zlib.crc32(text):#010x}",
        )
    try:
        summary = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ChecksumError(f"summary is not JSON: {error}", offset=first + entries_size) from error
    except (MemoryError, SystemError) as error:  # the second is orjson's, where memory ends in the middle of its work
        raise LimitExceededError("not enough memory for the summary", offset=offset, found=len(text)) from error
    if type(summary) is not dict:
        raise ChecksumError("summary is not a JSON object", offset=first + entries_size)
    return bounds._replace(entries=entries, summary=summary)


def read_bounds(source: ByteSource, offset: int, limits: Limits) -> Index:
    """
    Return the index whose skippable frame begins at *offset*: head and trailer, checked, not what is between.

    Raises:
        FormatError: There is none, or its head or trailer is cut or damaged.
    """
    head = source.read_at(offset, SKIPPABLE.size + INDEX.size)
    if len(head) < SKIPPABLE.size + INDEX.size:
        raise TruncatedError("index is cut", offset=offset, expected=SKIPPABLE.size + INDEX.size, found=len(head))
    magic, payload_size = SKIPPABLE.unpack_from(head)
    fields = IndexFields(*INDEX.unpack_from(head, SKIPPABLE.size))
    if magic != SKIPPABLE_MAGIC or fields.tag != INDEX_TAG:
        raise BadMagicError("not an index", offset=offset, expected=INDEX_TAG, found=fields.tag)
    if payload_size > limits.index:
        raise LimitExceededError(
            "index is over the size limit", offset=offset, expected=f"<= {limits.index}", found=payload_size
        )
    size = SKIPPABLE.size + payload_size
    end = source.read_at(offset + size - TRAILER.size, TRAILER.size)
    if len(end) < TRAILER.size:
        raise TruncatedError("index is cut", offset=offset, expected=size, found=source.size() - offset)
    trailer = Trailer(*TRAILER.unpack(end))
    if fields.size > INDEX.size:  # fields of a later writer
        head += source.read_at(offset + len(head), min(fields.size - INDEX.size, payload_size))
    computed = zlib.crc32(head[SKIPPABLE.size :] + end[: -len(INDEX_END_TAG) - CRC.size])
    if trailer.tag != INDEX_END_TAG or trailer.crc != computed or trailer.frame_size != size:
        raise ChecksumError(
            "index checksum differs", offset=offset, expected=f"{trailer.crc:#010x}", found=f"{computed:#010x}"
        )
    return Index(offset, size, fields, trailer, b"", {})
