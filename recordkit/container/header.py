"""
What a recording says of itself before its first chunk.
"""

from typing import NamedTuple
from uuid import UUID

import orjson

from recordkit.container.layout import CRC, HEADER, MAGIC, SKIPPABLE, SKIPPABLE_MAGIC, chain_start, unpack_header
from recordkit.container.source import ByteSource
from recordkit.container.summary import State, Summary, Totals, summarise
from recordkit.errors import BadMagicError, ChecksumError, FormatError, LimitExceededError, TruncatedError
from recordkit.limits import Limits


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
