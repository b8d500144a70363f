"""
Values cut out of many lines, to columns: checked and converted a column at a time.

The text between two of JSON's own pieces of text is one value if it is

- of a text: without quote, backslash and control character (escapes are `marked` before, and lines with control
  characters are set aside),
- of a list of texts: the same, but for the quotes between them,
- of an integer: digits without a leading zero, in 64 bits,
- of a time: ``YYYY-MM-DDTHH:MM:SS[.digits]Z``, with any number of digits up to nine.

All of that is checked, in a few passes over the memory of a column.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from recordkit.analytics.moments import SHORTEST, fraction_digits, has_form, moments_of
from recordkit.analytics.schema import TIME_DIGITS, ColumnType
from recordkit.analytics.spans import UnfitError, demand, occurs

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, "pa.Array"]
"""Arrays by column; those that are null throughout are left out."""

_QUOTE, _BACKSLASH = b"\xfe\xfe", b"\xff\xff"
_ESCAPES: Final[Mapping[bytes, bytes]] = {
    rb"\n": b"\n", rb"\t": b"\t", rb"\r": b"\r", rb"\b": b"\b", rb"\f": b"\f", rb"\/": b"/",
    rb"\u003c": b"<", rb"\u003e": b">", rb"\u0026": b"&",
}  # fmt: skip
"""As programs write them; the last three are a habit of Go. Any other one is left to others."""
_SEPARATOR: Final = b'","'  # between the items of a list
_INTEGER: Final = r"^(0|-?[1-9][0-9]{0,18})$"


class Slot(Enum):
    """
    What stands in a place where lines differ.
    """

    TEXT = auto()
    INTEGER = auto()
    TIME = auto()
    TEXT_LIST = auto()

    @property
    def opening(self) -> bytes:
        """
        What is before a value, of its field.
        """
        return _AROUND[self][0]

    @property
    def closing(self) -> bytes:
        """
        What is behind it; a value does not have it.
        """
        return _AROUND[self][1]

    @property
    def shortest(self) -> int:
        """
        Bytes that a value has at least.
        """
        return SHORTEST if self is Slot.TIME else 0


_AROUND: Final = {
    Slot.TEXT: (b'"', b'"'),
    Slot.INTEGER: (b"", b""),
    Slot.TIME: (b'"', b'"'),
    Slot.TEXT_LIST: (b'["', b'"]'),
}
SLOT_OF: Final[Mapping[ColumnType, Slot]] = {
    ColumnType.TEXT: Slot.TEXT,
    ColumnType.CATEGORY: Slot.TEXT,
    ColumnType.INTEGER: Slot.INTEGER,
    ColumnType.TIME: Slot.TIME,
    ColumnType.TEXT_LIST: Slot.TEXT_LIST,
}


def marked(text: bytes) -> bytes:
    """
    Return JSON with escaped quotes and backslashes as other bytes, as many, so that every quote is JSON's.

    Args:
        text: In UTF-8, which has none of these bytes.
    """
    if b"\\" not in text:
        return text
    return text.replace(rb"\\", _BACKSLASH).replace(rb"\"", _QUOTE)


def unmarked(text: bytes) -> bytes:
    """
    Return what `marked` was given.
    """
    return text.replace(_BACKSLASH, rb"\\").replace(_QUOTE, rb"\"")


def converted(column: str, slot: Slot, values: "pa.BinaryArray") -> Columns:
    """
    Return the columns that *values*, `marked`, are in *column*: that one, and what a time needs beside it.

    Raises:
        UnfitError: Some are no such values.
    """
    match slot:
        case Slot.TEXT:
            return {column: _texts(values)}
        case Slot.TEXT_LIST:
            return {column: _lists(values)}
        case Slot.INTEGER:
            return {column: _integers(values)}
        case Slot.TIME:
            moments, digits = _times(values)
            return {column: moments, TIME_DIGITS: digits}


def _texts(values: "pa.BinaryArray") -> "pa.StringArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    data = _data_of(values)
    if occurs(b'"', data):
        demand(pc.invert(pc.match_substring(values, b'"')))
    if any(occurs(mark[:1], data) for mark in (_QUOTE, _BACKSLASH, b"\\")):
        data = data.to_pybytes()
        for escape, character in _ESCAPES.items():
            if escape in data:
                values = pc.replace_substring(values, escape, character)
        if occurs(b"\\", _data_of(values)):
            demand(pc.invert(pc.match_substring(values, b"\\")))
        values = pc.replace_substring(pc.replace_substring(values, _QUOTE, b'"'), _BACKSLASH, b"\\")
    return values.view(pa.string())


def _lists(values: "pa.BinaryArray") -> "pa.ListArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = pc.split_pattern(values, _SEPARATOR)
    items = lists.flatten()
    if occurs(b'"', _data_of(items)):
        demand(pc.invert(pc.match_substring_regex(values, r'(^|[^,])"|"([^,]|$)')))
        raise UnfitError
    try:
        return pa.ListArray.from_arrays(lists.offsets, _texts(items))
    except UnfitError:
        raise UnfitError from None  # what it says is of items, not of lines


def _integers(values: "pa.BinaryArray") -> "pa.Int64Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    firsts = _data_of(pc.binary_slice(values, 0, 1)).to_pybytes()
    if len(firsts) < len(values) or b"0" in firsts or b"-" in firsts:
        demand(pc.match_substring_regex(values, _INTEGER))
    try:
        return values.view(pa.string()).cast(pa.int64())
    except pa.ArrowInvalid:
        demand(pc.match_substring_regex(values, _INTEGER))
        raise UnfitError from None  # one is beyond 64 bits


def _times(values: "pa.BinaryArray") -> "tuple[pa.TimestampArray, pa.Int8Array]":
    import pyarrow as pa

    texts = values.view(pa.string())
    moments = moments_of(texts)
    if moments is None:
        demand(has_form(texts))
        raise UnfitError  # no such day
    return moments, fraction_digits(texts)


def _data_of(values: "pa.BinaryArray") -> "pa.Buffer":
    """
    Return the bytes of all *values* behind each other.
    """
    import pyarrow as pa

    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return pa.py_buffer(b"")
    places = memoryview(offsets).cast("i")
    first, last = places[values.offset], places[values.offset + len(values)]
    return data.slice(first, last - first)
