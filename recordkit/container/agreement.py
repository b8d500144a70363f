"""
Whether the end of a sealed recording says the same as its chunks.
"""

import zlib
from collections.abc import Iterator

from recordkit.container.header import Header
from recordkit.container.index import Index, packed_entries
from recordkit.container.layout import (
    ENTRY,
    FOOTER,
    MAGIC,
    MARK_ORDERED,
    SEEK_ENTRY,
    SEEK_PAIR,
    SEEK_TABLE_MAGIC,
    SEEKABLE_FOOTER_MAGIC,
    SKIPPABLE,
    ChunkHeader,
)
from recordkit.container.summary import State, Totals
from recordkit.errors import ChecksumError, FormatError


class Agreement:
    """
    What the index, summary and seek table must say after a walk over all chunks; constant memory.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self._totals = Totals()
        self._misleading = False
        self._entries_crc = 0
        sizes = SEEK_ENTRY.pack(len(MAGIC), 0) + SEEK_ENTRY.pack(header.end - len(MAGIC), 0)
        self._seek_crc = zlib.crc32(sizes)

    def add(self, offset: int, header: ChunkHeader, *, header_size: int) -> None:
        """
        Note down the next chunk, whose skippable frame is *header_size* bytes and begins at *offset*.
        """
        self._totals.add(header)
        if header.marks & MARK_ORDERED and not self._totals.rising:
            self._misleading = True
        self._entries_crc = zlib.crc32(ENTRY.pack(offset, *header[4:17]), self._entries_crc)  # as in `entry_of`
        sizes = SEEK_PAIR.pack(header_size, 0, header.stored_size, header.raw_size)
        self._seek_crc = zlib.crc32(sizes, self._seek_crc)

    def disagreements(self, index: Index, table: bytes, head: bytes | None) -> Iterator[FormatError]:
        """
        Yield what *index* and seek *table* (a whole skippable frame) say otherwise; *head* is the chain's, if known.
        """
        chunks = self._totals.chunks
        if index.fields.entries != chunks:
            yield ChecksumError("index names another number of chunks", expected=chunks, found=index.fields.entries)
        elif (found := _entries_crc(index)) != self._entries_crc:
            yield ChecksumError(
                "index does not agree with the chunk headers",
                expected=f"{self._entries_crc:#010x}",
                found=f"{found:#010x}",
            )
        if head is not None and index.trailer.chain != head:
            yield ChecksumError("index names another head of the chain", expected=head, found=index.trailer.chain)
        if self._misleading:
            yield ChecksumError("chunk headers say that ei and time rise, which they do not")
        state = State.COMPLETE if self._totals.ended else State.INTERRUPTED
        expected = self._header.summary(state, self._totals, stored_bytes=0, head=index.trailer.chain.hex()).to_json()
        differ = [
            name for name, value in expected.items() if name != "stored_bytes" and index.summary.get(name) != value
        ]
        if differ:
            yield ChecksumError(
                f"summary does not agree with the chunks in {', '.join(differ)}",
                expected=expected[differ[0]],
                found=index.summary.get(differ[0]),
            )
        seek_crc = zlib.crc32(SEEK_ENTRY.pack(index.size, 0), self._seek_crc)
        footer = FOOTER.pack(2 * chunks + 3, 0, SEEKABLE_FOOTER_MAGIC)
        seek_crc = zlib.crc32(footer, seek_crc)
        if SKIPPABLE.unpack_from(table)[0] != SEEK_TABLE_MAGIC or zlib.crc32(table[SKIPPABLE.size :]) != seek_crc:
            yield ChecksumError(
                "seek table does not agree with the frames",
                expected=f"{seek_crc:#010x}",
                found=f"{zlib.crc32(table[SKIPPABLE.size :]):#010x}",
            )


def _entries_crc(index: Index) -> int:
    same = index.fields.entry_size == ENTRY.size
    return index.trailer.entries_crc if same else zlib.crc32(packed_entries(index))  # a later writer's are longer
