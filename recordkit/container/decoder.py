"""
A recording's bytes in, chunks and damage out: no files, no threads, no clock.

The decoder walks the recording from chunk to chunk and believes nothing before its check: length,
magic, header CRC, declared sizes against the limits, place in the recording (id, sequence), the frame's
hash chained to the one before. Decompressing is left to `Chunk.raw`, so that a walk over headers alone
costs one small read a chunk at most. Chunks that are as they should be come by a quick way, `ReadAhead`.

Where something is wrong it says so with a `Damage` and looks for the next chunk header of the same
recording whose CRC holds; so one bad byte costs one chunk. Strict reading is a caller that stops at
the first damage. What stands after damage can't be held against a hash it does not know: such a
chunk's own checksums must do, and the chain goes on from it. Where chunks are out of order, the longest run
that is in order decides which of them were moved.

A tail that ends inside a chunk is damage only to a recording that nobody writes any more
(`growing=False`).
"""

import re
from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from recordkit.container.agreement import Agreement
from recordkit.container.damage import Damage, damage_of, index_damage
from recordkit.container.frames import Decompressor
from recordkit.container.header import Header, read_header
from recordkit.container.index import Index, index_offset, read_bounds, read_index
from recordkit.container.layout import (
    CHUNK,
    CHUNK_FRAME_SIZE,
    CHUNK_TAG,
    CRC,
    FOOTER,
    INDEX_TAG,
    SEEKABLE_FOOTER_MAGIC,
    SKIPPABLE,
    SKIPPABLE_MAGIC,
    ChunkEntry,
    ChunkHeader,
    chain_value,
    entry_of,
    unpack_chunk_header,
)
from recordkit.container.line_count import line_count
from recordkit.container.longest_run import left_out
from recordkit.container.read_ahead import ReadAhead
from recordkit.container.source import ByteSource
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
_PATIENCE: Final = 1000
"""Headers that claim more than there is which `Decoder._moved` looks behind; a search takes up to a millisecond."""
_END: Final = SEEKABLE_FOOTER_MAGIC.to_bytes(4, "little")
CANDIDATE: Final = re.compile(
    re.escape(SKIPPABLE.pack(SKIPPABLE_MAGIC, 0)[:4]) + b"....(?:" + CHUNK_TAG + b"|" + INDEX_TAG + b")", re.DOTALL
)
"""
How a chunk header or an index begins. Chunks' lines can't hold it as they are: JSON escapes the byte 0x18.
"""


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

    @property
    def header_size(self) -> int:
        """
        Size of its skippable frame.
        """
        return self.end - self.header.stored_size - self.offset

    def raw(self, decompressor: Decompressor, limits: Limits) -> bytes:
        """
        Return the chunk's lines, checked.

        Raises:
            LimitExceededError, ChecksumError: See `Decompressor.raw`; or the lines are not as many as declared.
        """
        raw = decompressor.raw(self.frame, raw_size=self.header.raw_size, max_raw_size=limits.raw_chunk)
        lines = line_count(raw)
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

    def __init__(self, source: ByteSource, limits: Limits, *, header: Header | None = None) -> None:
        """
        Read the header, unless it is given: for a recording whose own is damaged.

        Raises:
            FormatError: It is missing, damaged or of a newer format.
        """
        self._source = source
        self._limits = limits
        self._decompressor = Decompressor()
        self.header = read_header(source, limits) if header is None else header
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
        moved: set[int] | None = None  # of the chunks behind the first jump
        whole = Agreement(self.header) if offset == self.header.end else None
        self.head = self.header.chain
        ahead = ReadAhead(self._source, self.header.chain[:8], self._limits)
        while True:
            if sequence is not None and (chain is not None or not frames):
                sound = ahead.chunk(offset, sequence, chain if frames else None)
                if sound is not None:
                    header, frame, end = sound
                    if whole is not None:
                        whole.add(offset, header, header_size=CHUNK_FRAME_SIZE)
                    yield Chunk(offset, header, frame, end)
                    self.head = chain = header.chain
                    offset = end
                    least = sequence = sequence + 1
                    continue
            size = self._source.size() if growing else 0
            put_in = False
            try:
                item = self.item_at(offset, frames=frames)
                if item is None:
                    return
                if isinstance(item, Index):
                    self._check_index(item)
                    self.index = item
                    yield from self._seal(item, whole, sequence, chain if frames else None, growing=growing)
                    return
                if item.header.sequence > least:
                    moved = self._moved(offset, least) if moved is None else moved
                    put_in = offset in moved
                if put_in or item.header.sequence < least or sequence not in (None, item.header.sequence):
                    raise ChainError("chunk is out of order", expected=least, found=item.header.sequence)
                if frames and chain is not None:
                    self._check_chain(chain, item)
                elif frames:
                    item.raw(self._decompressor, self._limits)  # a header alone may be a copy out of a later place
            except UnsupportedVersionError as error:
                error.offset, error.chunk = offset, sequence
                raise
            except FormatError as error:
                found = self._resume(offset, error, least, known=chain is not None, put_in=put_in)
                cut = isinstance(error, TruncatedError)
                if growing and ((cut and found is None) or (self._source.size() != size and (cut or found is None))):
                    return  # the writer was at work while we looked; the next walk sees what it did
                whole = None
                end = self._source.size() if found is None else found.offset
                chunk = least if sequence is None else sequence
                yield self._damage(error, offset, end - offset, chunk, at_end=found is None)
                if found is None:
                    return
                offset, sequence, chain = found
                least = least if sequence is None else sequence
                continue
            if whole is not None:
                whole.add(offset, item.header, header_size=item.header_size)
            yield item
            self.head = chain = item.header.chain
            offset, sequence = item.end, item.header.sequence + 1
            least = sequence

    def _damage(self, error: FormatError, offset: int, length: int, chunk: int | None, *, at_end: bool) -> Damage:
        if at_end and offset == index_offset(self._source):
            return index_damage(error, offset, length)  # whatever it says, it is not cut: the file's end is there
        if at_end and self._source.read_at(offset + SKIPPABLE.size, len(INDEX_TAG)) == INDEX_TAG:
            if not isinstance(error, TruncatedError):
                return index_damage(error, offset, length)
            chunk = None
        return damage_of(error, offset=offset, length=length, chunk=chunk, at_end=at_end)

    def item_at(self, offset: int, *, frames: bool = False, bounds: bool = False) -> Chunk | Index | None:
        """
        Return the chunk or the index that begins at *offset*, or None where the bytes end.

        Args:
            offset: Of its skippable frame.
            frames: Read the chunk's stored bytes.
            bounds: Don't read what is in the index.

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
            return (read_bounds if bounds else read_index)(self._source, offset, self._limits)
        if not CHUNK.size + CRC.size <= size <= _MAX_CHUNK_HEADER:
            raise LimitExceededError(
                "chunk header size is impossible",
                expected=f"{CHUNK.size + CRC.size} to {_MAX_CHUNK_HEADER}",
                found=size,
            )
        payload = self._source.read_at(offset + SKIPPABLE.size, size)
        if len(payload) < size:
            if len(payload) >= CHUNK.size and (own := ChunkHeader(*CHUNK.unpack_from(payload)).size) != size:
                raise ChecksumError("chunk header sizes differ", expected=own, found=size)  # changed, not cut
            raise TruncatedError("chunk header is cut", expected=size, found=len(payload))
        header = unpack_chunk_header(payload, recording_id=self.header.chain[:8])
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
        try:
            frame = self._source.read_at(begin, header.stored_size) if frames else b""
        except MemoryError as error:
            full = LimitExceededError("not enough memory for the chunk", expected="less", found=header.stored_size)
            raise full from error
        return Chunk(offset, header, frame, end)

    def _check_chain(self, chain: bytes, chunk: Chunk) -> None:
        payload_at = chunk.offset + SKIPPABLE.size
        payload = self._source.read_at(payload_at, chunk.end - chunk.header.stored_size - payload_at)
        if chain_value(chain, payload, chunk.frame) == chunk.header.chain:
            return
        # Either these bytes were changed, or they are sound and belong elsewhere: their own checksum tells.
        chunk.raw(self._decompressor, self._limits)
        raise ChainError("chunk does not follow the one before it", expected=chunk.header.chain, found=b"another hash")

    def _check_index(self, index: Index) -> None:
        if index.fields.recording_id != self.header.chain[:8]:
            raise ChainError(
                "index of another recording", expected=self.header.chain[:8], found=index.fields.recording_id
            )
        end = index_offset(self._source)
        if end != index.offset and (end is not None or self._search(index.offset + index.size) is not None):
            raise ChainError("an index before the end")

    def _moved(self, offset: int, least: int) -> set[int]:
        """
        Return the places of chunks from *offset* on that others would be lost for, if they were taken for what is due.

        Their headers are sound; they were copied or moved there from a later place. Reads headers only.
        """
        places, numbers = array("Q"), array("Q")
        here, behind, patience = offset, offset, _PATIENCE
        while True:
            try:
                item = self.item_at(here, bounds=True)
            except (UnsupportedVersionError, OSError):
                break  # the walk meets it itself, if it comes there
            except FormatError:
                if behind < here and patience:  # a header that claims too much may hide others
                    patience, here = patience - 1, behind
                found = self._search(here + 1)
                if found is None:
                    break
                behind = here = found.offset
                continue
            if item is None:
                break
            behind = here
            if isinstance(item, Index):
                behind = here = item.offset + item.size
                continue
            if item.header.sequence >= least:
                places.append(here)
                numbers.append(item.header.sequence)
            here = item.end
        return {places[number] for number in left_out(numbers)}

    def _resume(self, offset: int, error: FormatError, least: int, *, known: bool, put_in: bool) -> Start | None:
        """
        Return where reading goes on after *error* at *offset*; None if nothing of this recording follows.

        Args:
            offset: Of what could not be used.
            error: Why.
            least: The sequence that was to come.
            known: Nothing before it was damaged: the chain leads here.
            put_in: It is a chunk in a wrong place.
        """
        try:
            item = self.item_at(offset, bounds=True)
        except FormatError:
            item = None
        if isinstance(item, Index):
            return self._search(item.offset + item.size)  # only what is in it is bad
        if item is None:
            return self._search(offset + 1)
        if not isinstance(error, ChainError) and not known and item.header.sequence > least:
            return self._search(offset + 1)  # it would make all chunks up to its number seem to be repeated
        if not isinstance(error, ChainError):
            inside = None if self._is_ours(item.end) else self._search(item.end - item.header.stored_size, item.end)
            return inside or Start(item.end, item.header.sequence + 1, item.header.chain)  # only its frame is bad
        if item.header.sequence > least and not put_in:
            return Start(offset, None, None)  # chunks are missing before it: it is sound, go on with it
        # seen before, moved, or another's: pass over it; if it is but a copy of its header, others stand behind that
        return self._search(item.end if self._holds(item) else offset + 1)

    def _holds(self, chunk: Chunk) -> bool:
        """
        Whether the frame behind this header is its own.
        """
        try:
            whole = self.item_at(chunk.offset, frames=True)
            if isinstance(whole, Chunk):
                whole.raw(self._decompressor, self._limits)
        except FormatError:
            return False
        return True

    def _is_ours(self, offset: int) -> bool:
        """
        Whether a sound header of this recording, or an index, begins at *offset*: so the frame before is all there.
        """
        try:
            return self.item_at(offset, bounds=True) is not None
        except UnsupportedVersionError:
            return True
        except FormatError:
            return False

    def _search(self, offset: int, until: int | None = None) -> Start | None:
        """
        Return the next sound header of this recording at or after *offset*, and before *until*.
        """
        overlap = SKIPPABLE.size + len(CHUNK_TAG) - 1
        size = _SEARCH_BLOCK // 64  # the next one is near, as a rule
        while True:
            block = self._source.read_at(offset, size)
            for candidate in CANDIDATE.finditer(block):
                place = offset + candidate.start()
                if until is not None and place >= until:
                    return None
                try:
                    self.item_at(place, bounds=True)
                except UnsupportedVersionError:
                    pass  # sound, and not to be passed over: reading it raises
                except FormatError:
                    continue
                return Start(place, None, None)
            offset += len(block) - overlap
            if len(block) < size or (until is not None and offset >= until):
                return None
            size = min(4 * size, _SEARCH_BLOCK)

    def _seal(
        self, index: Index, whole: Agreement | None, sequence: int | None, chain: bytes | None, *, growing: bool
    ) -> Iterator[Damage]:
        """
        Yield what is wrong with the end of a sealed recording, which should have *sequence* chunks and end in *chain*.
        """
        if sequence is not None and index.fields.entries > sequence and chain not in (None, index.trailer.chain):
            missing = ChainError(
                "the last chunks are missing", expected=f"{index.fields.entries} chunks", found=sequence
            )
            yield damage_of(missing, offset=index.offset, length=0, chunk=sequence)
            whole = None
        offset, size = index.offset + index.size, self._source.size()
        table = self._source.read_at(offset, min(size - offset, self._limits.index))
        least = SKIPPABLE.size + FOOTER.size
        needed = SKIPPABLE.size + SKIPPABLE.unpack_from(table)[1] if len(table) >= SKIPPABLE.size else least
        if len(table) < needed:
            if len(table) >= least and table.endswith(_END):
                wrong = ChecksumError("seek table's size is wrong", expected=len(table), found=needed)
                yield index_damage(wrong, offset, len(table))
            elif not growing:
                cut = TruncatedError("seek table is cut", expected=f">= {least} bytes", found=len(table))
                yield damage_of(cut, offset=offset, length=len(table), chunk=None, at_end=True)
            return
        if len(table) > needed:
            behind = ChecksumError("bytes behind the end", expected=offset + needed, found=size)
            yield index_damage(behind, offset + needed, size - offset - needed)
        if whole is not None:
            for error in whole.disagreements(index, table[:needed], chain):
                yield index_damage(error, index.offset, size - index.offset)
