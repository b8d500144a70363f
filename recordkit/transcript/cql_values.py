"""
Values bound to a CQL statement: bytes and what type they have, as a person reads them.

The audit log gives each value a number. 0 is a value whose type the protocol did not say: its bytes are
shown as CQL's blob, with the text beside it where they are text. 2**32 - 1 and 2**32 - 2 stand for
-1 (NULL) and -2 (not set). A number from 1 on is taken for the type's number in the native protocol.

Source: Cassandra, native_protocol_v4.spec, sections 3 ([value]) and 4.2.5.2, 6.
"""

from array import array
from collections.abc import Callable
from sys import byteorder
from typing import Any, Final

from recordkit.transcript.phrases import cut, decoded_bytes, json_text, sql_literal, text_of

NULL: Final = 2**32 - 1
UNSET: Final = 2**32 - 2

MAX_BYTES: Final = 256
"""Of a value that is shown in hexadecimal digits."""


def cql_value(value: object) -> str:
    """
    Return a batch's ``{type, contents}`` as CQL writes the value.
    """
    if not isinstance(value, dict):
        return sql_literal(value)
    kind = value.get("type", 0)
    if kind in (NULL, -1):
        return "NULL"
    if kind in (UNSET, -2):
        return "UNSET"
    contents = decoded_bytes(value.get("contents"))
    if contents is None:
        return sql_literal(cut(text_of(value.get("contents")), MAX_BYTES))
    decode = _DECODERS.get(kind) if isinstance(kind, int) else None
    decoded = None if decode is None else decode(contents)
    return _blob(contents) if decoded is None else decoded


def _blob(contents: bytes) -> str:
    shown = f"0x{contents[:MAX_BYTES].hex()}{'…' if len(contents) > MAX_BYTES else ''}"
    text = _text(contents)
    return shown if text is None or len(contents) > MAX_BYTES else f"{shown} ({text})"


def _text(contents: bytes) -> str | None:
    try:
        text = contents.decode()
    except UnicodeDecodeError:
        return None
    return sql_literal(text) if text.isprintable() and text else None


def _varchar(contents: bytes) -> str:
    return sql_literal(contents.decode(errors="backslashreplace"))


def _integer(*sizes: int) -> Callable[[bytes], str | None]:
    def decode(contents: bytes) -> str | None:
        if not contents or (sizes and len(contents) not in sizes):
            return None
        return json_text(int.from_bytes(contents, "big", signed=True)) if len(contents) <= MAX_BYTES else None

    return decode


def _floating(code: str) -> Callable[[bytes], str | None]:
    def decode(contents: bytes) -> str | None:
        number = array(code)
        if len(contents) != number.itemsize:
            return None
        number.frombytes(contents if byteorder == "big" else contents[::-1])
        return f"{number[0]:.9g}" if code == "f" else repr(number[0])

    return decode


def _boolean(contents: bytes) -> str | None:
    return None if len(contents) != 1 else "false" if contents == b"\0" else "true"


def _decimal(contents: bytes) -> str | None:
    if not 4 < len(contents) <= MAX_BYTES:
        return None
    scale = int.from_bytes(contents[:4], "big", signed=True)
    digits = str(int.from_bytes(contents[4:], "big", signed=True))
    if not 0 < scale <= MAX_BYTES:
        return digits if scale == 0 else f"{digits}E{-scale}"
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    digits = digits.rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def _uuid(contents: bytes) -> str | None:
    text = contents.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])) if len(contents) == 16 else None


def _timestamp(contents: bytes) -> str | None:
    from recordkit.events import format_time

    if len(contents) != 8:
        return None
    milliseconds = int.from_bytes(contents, "big", signed=True)
    try:
        return f"'{format_time(milliseconds * 1_000_000)}'"
    except ValueError:  # no calendar has it
        return str(milliseconds)


def _inet(contents: bytes) -> str | None:
    from ipaddress import ip_address

    return f"'{ip_address(contents)}'" if len(contents) in (4, 16) else None


_DECODERS: Final[dict[Any, Callable[[bytes], str | None]]] = {
    0x01: _varchar,  # ascii
    0x02: _integer(8),  # bigint
    0x04: _boolean,
    0x05: _integer(8),  # counter
    0x06: _decimal,
    0x07: _floating("d"),
    0x08: _floating("f"),
    0x09: _integer(4),  # int
    0x0B: _timestamp,
    0x0C: _uuid,
    0x0D: _varchar,
    0x0E: _integer(),  # varint
    0x0F: _uuid,  # timeuuid
    0x10: _inet,
    0x13: _integer(2),  # smallint
    0x14: _integer(1),  # tinyint
}
