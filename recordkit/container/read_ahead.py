"""
The quick way from chunk to chunk: a block of the file at a time, and one look at chunks that are as they should be.

Asked for the chunk at an offset, it says what is there, or nothing. It says something only where each check holds
that the decoder makes (magic, sizes, tag, flags, recording id, header CRC, sequence, limits, the file's end, the hash
chained to the one before) and the header has no fields of later writers. Of all else, and of every fault, the decoder
finds out itself what it is, from bytes that it reads anew.

Blocks begin small and grow while they are used up, so that a walk over the headers of large chunks reads a page for
each, and one over tiny chunks a thousand of them at once.
"""

import hashlib
import zlib
from functools import partial
from typing import Final

from recordkit.container.layout import (
    CHAIN_SIZE,
    CHUNK,
    CHUNK_FRAME_SIZE,
    CHUNK_TAG,
    CRC,
    MAX_SEQUENCE,
    SKIPPABLE,
    SKIPPABLE_MAGIC,
    ChunkHeader,
    chain_value,
)
from recordkit.container.source import ByteSource
from recordkit.limits import KIB, Limits

_LEAST: Final = 4 * KIB
_MOST: Final = 256 * KIB
_SMALL: Final = 1024
"""Frames up to here are hashed with their header in one call, which does not give up the interpreter lock."""

_PAYLOAD: Final = SKIPPABLE.size
_CHAIN: Final = CHUNK_FRAME_SIZE - CRC.size - CHAIN_SIZE
_CRC: Final = CHUNK_FRAME_SIZE - CRC.size
_header_of: Final = partial(tuple.__new__, ChunkHeader)

Sound = tuple[ChunkHeader, bytes, int]
"""A chunk of which all is as it should be, but for what is in its frame: header, frame, offset behind it."""


class ReadAhead:
    """
    Reads a recording for one walk over it; what was read is forgotten with the walk.
    """

    def __init__(self, source: ByteSource, recording_id: bytes, limits: Limits) -> None:
        size = CHUNK.size + CRC.size
        self._source = source
        self._limits = limits
        # all that stands before sequence: frame magic and size, tag, size, no critical flag, id
        self._begin = SKIPPABLE.pack(SKIPPABLE_MAGIC, size) + CHUNK_TAG + size.to_bytes(2, "little") + bytes(2)
        self._begin += recording_id
        self._block = b""
        self._offset = 0  # of the block
        self._ahead = _LEAST // 2
        self._size = 0  # of the file

    def chunk(self, offset: int, sequence: int, chain: bytes | None) -> Sound | None:
        """
        Return the chunk at *offset* if it has this *sequence* and follows *chain*; None if anything is amiss.

        Args:
            offset: Of its skippable frame.
            sequence: The one that is due.
            chain: Value behind the chunk before; None: the stored bytes are not wanted, nor checked.
        """
        at, block = offset - self._offset, self._block
        if at < 0 or at + CHUNK_FRAME_SIZE > len(block):
            at, block = 0, self._read(offset, CHUNK_FRAME_SIZE)
        if not block.startswith(self._begin, at):
            return None
        crc = at + _CRC
        if crc + CRC.size > len(block) or CRC.unpack_from(block, crc)[0] != zlib.crc32(block[at + _PAYLOAD : crc]):
            return None
        header: ChunkHeader = _header_of(CHUNK.unpack_from(block, at + _PAYLOAD))
        stored, limits = header.stored_size, self._limits
        if header.sequence != sequence or stored > limits.stored_chunk or header.raw_size > limits.raw_chunk:
            return None
        if sequence > MAX_SEQUENCE:
            return None
        end = offset + CHUNK_FRAME_SIZE + stored
        if end > self._size:
            self._size = self._source.size()
            if end > self._size:
                return None
        if chain is None:
            return header, b"", end
        payload = block[at + _PAYLOAD : at + CHUNK_FRAME_SIZE]
        begin = at + CHUNK_FRAME_SIZE
        if begin + stored > len(block):
            if stored > _MOST:
                return None  # the decoder reads it, and nothing beside it
            begin, block = 0, self._read(offset + CHUNK_FRAME_SIZE, stored)
        frame = block[begin : begin + stored]
        if len(frame) <= _SMALL:
            found = hashlib.sha256(b"".join((chain, payload[: _CHAIN - _PAYLOAD], frame))).digest()
        else:
            found = chain_value(chain, payload, frame)
        return (header, frame, end) if found == header.chain and len(frame) == stored else None

    def _read(self, offset: int, size: int) -> bytes:
        """
        Return a block that begins at *offset*; *size* bytes of it are wanted now.
        """
        used_up = 0 <= offset - self._offset <= len(self._block)
        self._ahead = min(2 * self._ahead, _MOST) if used_up else _LEAST
        try:
            self._block = self._source.read_at(offset, max(size, self._ahead))
            self._size = self._source.size()
        except (OSError, MemoryError):
            self._block = b""  # it may stand behind what is wanted
        self._offset = offset
        return self._block
