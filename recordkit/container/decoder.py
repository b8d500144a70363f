"""
A recording's bytes in, chunks and damage out: no files, no threads, no clock.

The decoder walks the recording from chunk to chunk and believes nothing before its check: length,
magic, header CRC, declared sizes against the limits, place in the recording (id, sequence), the frame's
hash chained to the one before. Decompressing is left to `Chunk.raw`, so that a walk over headers alone
costs one small read a chunk.

Where something is wrong it says so with a `Damage` and looks for the next chunk header of the same
recording whose CRC holds; so one bad byte costs one chunk. Strict reading is a caller that stops at
the first damage. What stands after damage can't be held against a hash it does not know: such a
chunk's own checksums must do, and the chain goes on from it.

A tail that ends inside a chunk is damage only to a recording that nobody writes any more
(`growing=False`).
"""

import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple
from uuid import UUID

import orjson

from recordkit.container.damage import Damage, damage_of, index_damage
from recordkit.container.frames import Decompressor
from recordkit.container.index import Index, index_offset, read_index
from recordkit.container.layout import (
    CHUNK_TAG,
    CRC,
    ENTRY,
    FOOTER,
    HEADER,
    INDEX_TAG,
    MAGIC,
    SEEK_ENTRY,
    SEEK_TABLE_MAGIC,
    SEEKABLE_FOOTER_MAGIC,
    SKIPPABLE,
    SKIPPABLE_MAGIC,
    ChunkEntry,
    ChunkHeader,
    chain_start,
    chain_value,
    entry_of,
    unpack_chunk_header,
    unpack_header,
)
from recordkit.container.source import ByteSource
from recordkit.container.summary import State, Summary, Totals, summarise
from recordkit.errors import (
    BadMagicError,
    ChainError,
    ChecksumError,
    FormatError,
    LimitExceededError,
    TruncatedError,
    UnsupportedVersionError,
)
from recordkit.limits import Limits

_MAX_CHUNK_HEADER: Final = 4096
"""A chunk header's payload; 132 bytes today, the rest is room for later writers."""
_SEARCH_BLOCK: Final = 1024 * 1024


class Header(NamedTuple):
    """
    What a recording says of itself before its first chunk.

    Attributes:
        sid: As text.
        owner: Hex name of the recorder that wrote it.
        created_ns: Nanoseconds since the Unix epoch.
        attributes: See FORMAT.md section 3.
        chain: Chain value before the first chunk; its first eight bytes are the recording id.
        frame: The header frame as stored.
        end: Offset of the first chunk.
    """

    sid: str
    owner: str
    created_ns: int
    attributes: dict[str, object]
    chain: bytes
    frame: bytes
    end: int

    def summary(self, state: State, totals: Totals, *, stored_bytes: int, head: str) -> Summary:
        """
        Return the summary of the recording that has this header and these chunks.
        """
        return summarise(
            sid=self.sid, state=state, attributes=self.attributes, created_ns=self.created_ns,
            totals=totals, stored_bytes=stored_bytes, head=head,
        )  # fmt: skip


class Chunk(NamedTuple):
    """
    A chunk whose header, place and stored bytes hold.

    Attributes:
        offset: Of its skippable frame.
        header: As stored.
        frame: Stored bytes; empty on a walk over headers.
        end: Offset behind it.
    """

    offset: int
    header: ChunkHeader
    frame: bytes
    end: int

    @property
    def entry(self) -> ChunkEntry:
        """
        What an index says of this chunk.
        """
        return entry_of(self.offset, self.header)

    def raw(self, decompressor: Decompressor, limits: Limits) -> bytes:
        """
        Return the chunk's lines, checked.

        Raises:
            LimitExceededError, ChecksumError: See `Decompressor.raw`; or the lines are not as many as declared.
        """
        raw = decompressor.raw(self.frame, raw_size=self.header.raw_size, max_raw_size=limits.raw_chunk)
        lines = raw.count(b"\n")
        if lines != self.header.events or (raw and not raw.endswith(b"\n")):
            raise ChecksumError(
                "chunk holds another number of lines", chunk=self.header.sequence, offset=self.offset,
                expected=self.header.events, found=lines,
            )  # fmt: skip
        return raw


class Start(NamedTuple):
    """
    Where a walk begins, and what the first chunk there must follow; None where that is not known.
    """

    offset: int
    sequence: int | None
    chain: bytes | None


class Decoder:
    """
    Walks one recording.

    Attributes:
        header: Parsed on construction.
        index: The sealed recording's index, once a walk has reached it.
        head: Chain value of the last chunk that a walk has passed.
    """

    def __init__(self, source: ByteSource, limits: Limits) -> None:
        """
        Read the header.

        Raises:
            FormatError: It is missing, damaged or of a newer format.
        """
        self._source = source
        self._limits = limits
        self._decompressor = Decompressor()
        self.header = read_header(source, limits)
        self.index: Index | None = None
        self.head = self.header.chain

    @property
    def first(self) -> Start:
        """
        Where the first chunk is.
        """
        return Start(self.header.end, 0, self.header.chain)

    def walk(
        self, start: Start | None = None, *, frames: bool = True, growing: bool = False
    ) -> Iterator[Chunk | Damage]:
        """
        Yield the chunks from *start* (default: the first), and the damage between them.

        Args:
            start: Must come from `first`, from a chunk seen before, or from an index entry.
            frames: Read and hash stored bytes; without it only headers are read and nothing is chained.
            growing: Somebody may be writing: a cut tail is no damage, the walk just ends.

        Raises:
            UnsupportedVersionError: A part needs a newer recordkit.
        """
        offset, sequence, chain = start or self.first
        least = sequence or 0
        whole = _WholeWalk(self.header) if offset == self.header.end else None
        self.head = self.header.chain
        while True:
            try:
                item = self.item_at(offset, frames=frames)
                if item is None:
                    return
                if isinstance(item, Index):
                    self.index = item
                    yield from self._seal(item, whole, chained=frames)
                    return
                if item.header.sequence < least or sequence not in (None, item.header.sequence):
                    raise ChainError("chunk is out of order", expected=least, found=item.header.sequence)
                if frames and chain is not None:
                    self._check_chain(chain, item)
            except UnsupportedVersionError as error:
                error.offset, error.chunk = offset, sequence
                raise
            except FormatError as error:
                found = self._resume(offset, error, least)
                if found is None and growing and isinstance(error, TruncatedError):
                    return
                whole = None
                end = self._source.size() if found is None else found.offset
                yield self._damage(error, offset, end - offset, sequence, at_end=found is None)
                if found is None:
                    return
                offset, sequence, chain = found
                least = least if sequence is None else sequence
                continue
            if whole is not None:
                whole.add(item)
            yield item
            self.head = chain = item.header.chain
            offset, sequence = item.end, item.header.sequence + 1
            least = sequence

    def _damage(self, error: FormatError, offset: int, length: int, chunk: int | None, *, at_end: bool) -> Damage:
        tag = self._source.read_at(offset + SKIPPABLE.size, len(INDEX_TAG))
        if at_end and (tag == INDEX_TAG or offset == index_offset(self._source)):
            if not isinstance(error, TruncatedError):
                return index_damage(error, offset, length)
            chunk = None
        return damage_of(error, offset=offset, length=length, chunk=chunk, at_end=at_end)

    def item_at(self, offset: int, *, frames: bool = False) -> Chunk | Index | None:
        """
        Return the chunk or the index that begins at *offset*, or None where the bytes end.

        Raises:
            FormatError: There is neither, or it is damaged, cut or of another recording.
        """
        head = self._source.read_at(offset, SKIPPABLE.size + len(CHUNK_TAG))
        if not head:
            return None
        if len(head) < SKIPPABLE.size + len(CHUNK_TAG):
            raise TruncatedError("chunk header is cut", expected=SKIPPABLE.size + len(CHUNK_TAG), found=len(head))
        magic, size = SKIPPABLE.unpack_from(head)
        tag = head[SKIPPABLE.size :]
        if magic != SKIPPABLE_MAGIC or tag not in (CHUNK_TAG, INDEX_TAG):
            raise BadMagicError("neither a chunk nor the index", expected=CHUNK_TAG, found=head)
        if tag == INDEX_TAG:
            return read_index(self._source, offset, self._limits)
        if size > _MAX_CHUNK_HEADER:
            raise LimitExceededError(
                "chunk header is over the size limit", expected=f"<= {_MAX_CHUNK_HEADER}", found=size
            )
        payload = self._source.read_at(offset + SKIPPABLE.size, size)
        if len(payload) < size:
            raise TruncatedError("chunk header is cut", expected=size, found=len(payload))
        header = unpack_chunk_header(payload)
        if header.recording_id != self.header.chain[:8]:
            raise ChainError("chunk of another recording", expected=self.header.chain[:8], found=header.recording_id)
        for name, found, limit in (
            ("stored", header.stored_size, self._limits.stored_chunk),
            ("raw", header.raw_size, self._limits.raw_chunk),
        ):
            if found > limit:
                raise LimitExceededError(f"chunk's {name} size is over the limit", expected=f"<= {limit}", found=found)
        begin = offset + SKIPPABLE.size + size
        end = begin + header.stored_size
        there = self._source.size()
        if end > there:
            raise TruncatedError("chunk is cut", expected=header.stored_size, found=there - begin)
        frame = self._source.read_at(begin, header.stored_size) if frames else b""
        return Chunk(offset, header, frame, end)

    def _check_chain(self, chain: bytes, chunk: Chunk) -> None:
        payload_at = chunk.offset + SKIPPABLE.size
        payload = self._source.read_at(payload_at, chunk.end - chunk.header.stored_size - payload_at)
        if chain_value(chain, payload, chunk.frame) == chunk.header.chain:
            return
        # Either these bytes were changed, or they are sound and belong elsewhere: their own checksum tells.
        chunk.raw(self._decompressor, self._limits)
        raise ChainError("chunk does not follow the one before it", expected=chunk.header.chain, found=b"another hash")

    def _resume(self, offset: int, error: FormatError, least: int) -> Start | None:
        """
        Return where reading goes on after *error* at *offset*; None if nothing of this recording follows.
        """
        try:
            item = self.item_at(offset)
        except FormatError:
            item = None
        if not isinstance(item, Chunk):
            return self._search(offset + 1)
        if not isinstance(error, ChainError):
            return Start(item.end, item.header.sequence + 1, item.header.chain)  # only its frame is bad
        if item.header.sequence > least:
            return Start(offset, None, None)  # chunks are missing before it: it is sound, go on with it
        return self._search(item.end)  # seen before, or another's: pass over it

    def _search(self, offset: int) -> Start | None:
        """
        Return the next sound header of this recording at or after *offset*.
        """
        overlap = SKIPPABLE.size + len(CHUNK_TAG) - 1
        while True:
            block = self._source.read_at(offset, _SEARCH_BLOCK)
            place = -1
            while True:
                hits = [
                    hit
                    for tag in (CHUNK_TAG, INDEX_TAG)
                    if (hit := block.find(tag, max(place + 1, SKIPPABLE.size))) >= 0
                ]
                if not hits:
                    break
                place = min(hits)
                try:
                    item = self.item_at(offset + place - SKIPPABLE.size)
                except FormatError:
                    continue
                if item is not None:
                    return Start(offset + place - SKIPPABLE.size, None, None)
            if len(block) < _SEARCH_BLOCK:
                return None
            offset += len(block) - overlap

    def _seal(self, index: Index, whole: "_WholeWalk | None", *, chained: bool) -> Iterator[Damage]:
        """
        Yield what is wrong with the end of a sealed recording.
        """
        if index.fields.recording_id != self.header.chain[:8]:
            foreign = ChainError(
                "index of another recording", expected=self.header.chain[:8], found=index.fields.recording_id
            )
            yield index_damage(foreign, index.offset, index.size)
            whole = None
        offset, size = index.offset + index.size, self._source.size()
        table = self._source.read_at(offset, min(size - offset, self._limits.index))
        if len(table) < SKIPPABLE.size or len(table) < (needed := SKIPPABLE.size + SKIPPABLE.unpack_from(table)[1]):
            cut = TruncatedError(
                "seek table is cut", expected=f">= {SKIPPABLE.size + FOOTER.size} bytes", found=len(table)
            )
            yield damage_of(cut, offset=offset, length=len(table), chunk=None, at_end=True)
            return
        if len(table) > needed:
            behind = ChecksumError("bytes behind the end", expected=offset + needed, found=size)
            yield index_damage(behind, offset + needed, size - offset - needed)
        if whole is not None:
            for error in whole.disagreements(index, table[:needed], self.head if chained else None):
                yield index_damage(error, index.offset, size - index.offset)


class _WholeWalk:
    """
    What the index, summary and seek table must say after a walk over all chunks; constant memory.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self._totals = Totals()
        self._entries_crc = 0
        sizes = SEEK_ENTRY.pack(len(MAGIC), 0) + SEEK_ENTRY.pack(header.end - len(MAGIC), 0)
        self._seek_crc = zlib.crc32(sizes)

    def add(self, chunk: Chunk) -> None:
        entry = chunk.entry
        self._totals.add(entry)
        self._entries_crc = zlib.crc32(ENTRY.pack(*entry), self._entries_crc)
        head_size = chunk.end - chunk.header.stored_size - chunk.offset
        sizes = SEEK_ENTRY.pack(head_size, 0) + SEEK_ENTRY.pack(entry.stored_size, entry.raw_size)
        self._seek_crc = zlib.crc32(sizes, self._seek_crc)

    def disagreements(self, index: Index, table: bytes, head: bytes | None) -> Iterator[FormatError]:
        chunks = self._totals.chunks
        if index.fields.entries != chunks:
            yield ChecksumError("index names another number of chunks", expected=chunks, found=index.fields.entries)
        elif index.fields.entry_size == ENTRY.size and index.trailer.entries_crc != self._entries_crc:
            yield ChecksumError(
                "index does not agree with the chunk headers",
                expected=f"{self._entries_crc:#010x}",
                found=f"{index.trailer.entries_crc:#010x}",
            )
        if head is not None and index.trailer.chain != head:
            yield ChecksumError("index names another head of the chain", expected=head, found=index.trailer.chain)
        if index.ordered and not self._totals.ordered:
            yield ChecksumError("index says that times and ei rise, which they do not")
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


def read_header(source: ByteSource, limits: Limits) -> Header:
    """
    Return the header of a recording.

    Raises:
        FormatError: It is missing, cut, damaged, over the limits or of a newer format.
    """
    head = source.read_at(0, len(MAGIC) + SKIPPABLE.size)
    if not MAGIC.startswith(head[: len(MAGIC)]):
        raise BadMagicError("not a recording", offset=0, expected=MAGIC, found=head[: len(MAGIC)])
    if len(head) < len(MAGIC) + SKIPPABLE.size:
        raise TruncatedError(
            "the file ends before its header", offset=0, expected=len(MAGIC) + SKIPPABLE.size, found=len(head)
        )
    magic, size = SKIPPABLE.unpack_from(head, len(MAGIC))
    if magic != SKIPPABLE_MAGIC:
        raise BadMagicError(
            "not a recording's header", offset=len(MAGIC), expected=f"{SKIPPABLE_MAGIC:#x}", found=f"{magic:#x}"
        )
    if not HEADER.size + CRC.size <= size <= limits.header:
        raise LimitExceededError(
            "header size is impossible",
            offset=len(MAGIC),
            expected=f"{HEADER.size + CRC.size} to {limits.header}",
            found=size,
        )
    payload = source.read_at(len(head), size)
    if len(payload) < size:
        raise TruncatedError("the header is cut", offset=len(MAGIC), expected=size, found=len(payload))
    try:
        fields, text = unpack_header(payload)
        attributes = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError as error:
        raise ChecksumError(f"header attributes are not JSON: {error}", offset=len(MAGIC)) from error
    except FormatError as error:
        error.offset = len(MAGIC)
        raise
    if type(attributes) is not dict:
        raise ChecksumError("header attributes are not a JSON object", offset=len(MAGIC))
    frame = head[len(MAGIC) :] + payload
    return Header(
        str(UUID(bytes=fields.sid)),
        fields.owner.hex(),
        fields.created_ns,
        attributes,
        chain_start(frame),
        frame,
        len(head) + size,
    )
