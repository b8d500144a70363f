"""
Lines of one layout to columns, without parsing them: cut where all of them have the same text.

Lines that a program writes for one kind of event differ in few values only. A `Layout` is learned from one
of them: the texts between the values, and what the values are. Arrow then compares these texts in many lines
at a time and cuts out what is between; a field that all lines share is never looked at again.

The answer is taken only if the lines can't be anything else. A line that is text, value, text, value, …, text
with each text from a sound line, whole in itself, is that very JSON object if each value is

- of a text: without quote, backslash and control character (escapes are `marked` before),
- of an integer: digits without a leading zero, in 64 bits,
- of a time: ``YYYY-MM-DDTHH:MM:SS[.digits]Z``, with any number of digits up to nine.

All of that is checked, in a few passes over the memory of a column. What differs is left to others
(`recordkit.analytics.parsing`, `recordkit.analytics.rows`).
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from recordkit.analytics.moments import SHORTEST, fraction_digits, has_form, moments_of
from recordkit.analytics.rows import BY_FIELD, Row, row_of
from recordkit.analytics.schema import TIME_DIGITS, ColumnType
from recordkit.errors import InvalidEventError, UndecodableEventError
from recordkit.events import CONSTANT_FIELDS, decode_line
from recordkit.events.codec import encode_value

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, "pa.Array"]
"""Arrays by column; those that are null throughout are left out."""

_SHARED: Final = frozenset(CONSTANT_FIELDS) | {"event", "code"}
"""Texts that have few values, and so are part of a layout."""
_QUOTE, _BACKSLASH = b"\x01", b"\x02"
_ESCAPES: Final[Mapping[bytes, bytes]] = {
    rb"\n": b"\n", rb"\t": b"\t", rb"\r": b"\r", rb"\b": b"\b", rb"\f": b"\f", rb"\/": b"/",
    rb"\u003c": b"<", rb"\u003e": b">", rb"\u0026": b"&",
}  # fmt: skip
"""As programs write them; the last three are a habit of Go. Any other one is left to others."""
_SEPARATOR: Final = b'","'  # between the items of a list
END: Final = 2**32
"""Of a slice that goes to the end: Arrow 26 multiplies it with the number of lines, without regard to overflow."""
_INTEGER: Final = r"^(0|-?[1-9][0-9]{0,18})$"
_ONES: Final = 0x0101010101010101
_CONTROLS: Final = bytes(range(0x20))


class SlotType(Enum):
    """
    What stands in a slot.
    """

    TEXT = auto()
    INTEGER = auto()
    TIME = auto()
    TEXT_LIST = auto()


_SLOT_TYPES: Final = {
    ColumnType.TEXT: SlotType.TEXT,
    ColumnType.CATEGORY: SlotType.TEXT,
    ColumnType.INTEGER: SlotType.INTEGER,
    ColumnType.TIME: SlotType.TIME,
    ColumnType.TEXT_LIST: SlotType.TEXT_LIST,
}
_AROUND: Final = {
    SlotType.TEXT: (b'"', b'"'),
    SlotType.INTEGER: (b"", b""),
    SlotType.TIME: (b'"', b'"'),
    SlotType.TEXT_LIST: (b'["', b'"]'),
}
"""What belongs to the texts around a slot."""


class Slot(NamedTuple):
    """
    A place where lines of a layout differ.

    Attributes:
        column: Where its values go.
        type: What they are.
        width: Bytes of the value that the layout was learned with.
        after: The text behind it.
    """

    column: str
    type: SlotType
    width: int
    after: bytes

    @property
    def steady(self) -> bool:
        """
        Whether another width makes another layout.
        """
        return self.column == "uid"

    @property
    def shortest(self) -> int:
        """
        Bytes that a value has at least.
        """
        if self.steady:
            return self.width
        return SHORTEST if self.type is SlotType.TIME else 0


class Others(Exception):  # noqa: N818 -- not an error: an answer from deep inside
    """
    Not all lines have the layout.

    Attributes:
        fitting: Whether each line may have it; None if nothing can be said of any.
    """

    def __init__(self, fitting: "pa.BooleanArray | None" = None) -> None:
        super().__init__()
        self.fitting = fitting


class Layout(NamedTuple):
    """
    What lines have in common.

    Attributes:
        head: The text before the first slot.
        slots: One at least.
        shared: Columns of the fields that are in the texts.
        names: All fields.
    """

    head: bytes
    slots: tuple[Slot, ...]
    shared: Row
    names: frozenset[str]

    @classmethod
    def learn(cls, line: bytes) -> "Layout | None":
        """
        Return the layout of a `marked` *line* without its newline; None if others had better read it.
        """
        try:
            event = decode_line(unmarked(line))
            fields = [(name, marked(encode_value(name, field="")), marked(encode_value(event[name], field=name)))
                      for name in event]  # fmt: skip
        except (UndecodableEventError, InvalidEventError):  # the latter: deeper than we write
            return None
        if b"{%b}" % b",".join([b"%b:%b" % (key, text) for _, key, text in fields]) != line:
            return None  # spaces, other escapes, a field twice
        texts, slots, shared = [b"{"], list[tuple[str, SlotType, int]](), dict[str, Any]()
        for name, key, text in fields:
            before = b"%b%b:" % (b"," if shared or slots else b"", key)
            kind = _slot_type(name, event[name])
            if kind is None:
                shared[name] = event[name]
                texts[-1] += before + text
            else:
                left, right = _AROUND[kind]
                texts[-1] += before + left
                texts.append(right)
                slots.append((BY_FIELD[name].name, kind, len(text) - len(left) - len(right)))
        texts[-1] += b"}"
        times = [name for name in event if name in BY_FIELD and BY_FIELD[name].type is ColumnType.TIME]
        if times != ["time"] or "time" in shared:
            return None
        made = [Slot(*slot, text) for slot, text in zip(slots, texts[1:], strict=True)]
        return cls(texts[0], tuple(made), row_of(shared), frozenset(event))

    def read(self, lines: "pa.BinaryArray") -> Columns:
        """
        Return the columns of *lines*, `marked`, without those that are shared.

        Raises:
            Others: Some have another layout.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        tail = self.slots[-1].after
        if self.head:
            _demand(pc.starts_with(lines, self.head))
        _demand(pc.ends_with(lines, tail))
        shortest = len(self.head) + sum(len(slot.after) + slot.shortest for slot in self.slots)
        _demand(
            pc.greater_equal(pc.binary_length(lines), pa.scalar(shortest, pa.int32()))
        )  # else texts may lie over each other
        at = len(self.head)
        found: list[pa.BinaryArray] = []
        for slot in self.slots[:-1]:
            values, lines, at = _cut(lines, at, slot)
            found.append(values)
        found.append(pc.binary_slice(lines, at, -len(tail)))
        columns: Columns = {}
        for slot, values in zip(self.slots, found, strict=True):  # not before all texts are there
            columns |= _converted(slot, values)
        return columns


def marked(text: bytes) -> bytes:
    """
    Return JSON with escaped quotes and backslashes as one control character each, so that every quote is JSON's.

    Raises:
        Others: It has these characters already, so it is no JSON.
    """
    if _QUOTE in text or _BACKSLASH in text:
        raise Others
    if b"\\" not in text:
        return text
    return text.replace(rb"\\", _BACKSLASH).replace(rb"\"", _QUOTE)


def unmarked(text: bytes) -> bytes:
    """
    Return what `marked` was given.
    """
    return text.replace(_BACKSLASH, rb"\\").replace(_QUOTE, rb"\"")


def _slot_type(name: str, value: Any) -> SlotType | None:
    """
    Return what the slot of this field holds; None if the field is part of the layout.
    """
    column = BY_FIELD.get(name)
    kind = None if column is None or name in _SHARED else _SLOT_TYPES.get(column.type)
    match kind:
        case SlotType.TEXT | SlotType.TIME if type(value) is str:
            return kind
        case SlotType.INTEGER if type(value) is int:
            return kind
        case SlotType.TEXT_LIST if type(value) is list and value and all(type(item) is str for item in value):
            return kind
        case _:
            return None


def _cut(lines: "pa.BinaryArray", at: int, slot: Slot) -> "tuple[pa.BinaryArray, pa.BinaryArray, int]":
    """
    Return the values at *at*, and the lines and where in them the next value begins.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    after = pa.scalar(slot.after, pa.binary())
    end = at + slot.width
    same = pc.equal(pc.binary_slice(lines, end, end + len(slot.after)), after)
    if slot.steady or pc.all(same).as_py():
        _demand(same)
        return pc.binary_slice(lines, at, end), lines, end + len(slot.after)
    halves = pc.split_pattern(pc.binary_slice(lines, at, END) if at else lines, slot.after, max_splits=1)
    _demand(pc.equal(pc.list_value_length(halves), pa.scalar(2, pa.int32())))
    firsts = pc.cumulative_sum(pa.repeat(pa.scalar(2, pa.int64()), len(lines)), start=-2)
    flat = halves.flatten()  # twice as fast as `list_element`
    return flat.take(firsts), flat.take(pc.add(firsts, pa.scalar(1, pa.int64()))), 0


def _converted(slot: Slot, values: "pa.BinaryArray") -> Columns:
    match slot.type:
        case SlotType.TEXT:
            return {slot.column: _texts(values)}
        case SlotType.TEXT_LIST:
            return {slot.column: _lists(values)}
        case SlotType.INTEGER:
            return {slot.column: _integers(values)}
        case SlotType.TIME:
            return _times(values, slot)


def _texts(values: "pa.BinaryArray") -> "pa.StringArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    data = _data_of(values)
    if b'"' in data:
        _demand(pc.invert(pc.match_substring(values, b'"')))
    escaped = _QUOTE in data or _BACKSLASH in data or b"\\" in data
    if _has_control(data.translate(None, _QUOTE + _BACKSLASH) if escaped else data):
        _demand(pc.invert(pc.match_substring_regex(values, r"[\x00\x03-\x1f]")))
    if escaped:
        for escape, character in _ESCAPES.items():
            if escape in data:
                values = pc.replace_substring(values, escape, character)
        if b"\\" in _data_of(values):
            _demand(pc.invert(pc.match_substring(values, b"\\")))
        values = pc.replace_substring(pc.replace_substring(values, _QUOTE, b'"'), _BACKSLASH, b"\\")
    return values.view(pa.string())


def _lists(values: "pa.BinaryArray") -> "pa.ListArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = pc.split_pattern(values, _SEPARATOR)
    items = lists.flatten()
    if b'"' in _data_of(items):
        _demand(pc.invert(pc.match_substring_regex(values, r'(^|[^,])"|"([^,]|$)')))
        raise Others
    try:
        return pa.ListArray.from_arrays(lists.offsets, _texts(items))
    except Others:
        raise Others from None  # what it says is of items, not of lines


def _integers(values: "pa.BinaryArray") -> "pa.Int64Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    firsts = _data_of(pc.binary_slice(values, 0, 1))
    if len(firsts) < len(values) or b"0" in firsts or b"-" in firsts:
        _demand(pc.match_substring_regex(values, _INTEGER))
    try:
        return values.view(pa.string()).cast(pa.int64())
    except pa.ArrowInvalid:
        _demand(pc.match_substring_regex(values, _INTEGER))
        raise Others from None  # one is beyond 64 bits


def _times(values: "pa.BinaryArray", slot: Slot) -> Columns:
    import pyarrow as pa

    texts = values.view(pa.string())
    moments = moments_of(texts)
    if moments is None:
        _demand(has_form(texts))
        raise Others  # no such day
    return {slot.column: moments, TIME_DIGITS: fraction_digits(texts)}


def _demand(fitting: "pa.BooleanArray") -> None:
    import pyarrow.compute as pc

    if not pc.all(fitting).as_py():
        raise Others(fitting)


def _data_of(values: "pa.BinaryArray") -> bytes:
    """
    Return the bytes of all *values* behind each other.
    """
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return b""
    places = memoryview(offsets).cast("i")
    first, last = places[values.offset], places[values.offset + len(values)]
    found: bytes = data.slice(first, last - first).to_pybytes()
    return found


def _has_control(data: bytes) -> bool:
    """
    Return whether a byte is below a space's; eight bytes at a time.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = len(data) // 8
    if data[whole * 8 :].translate(None, _CONTROLS) != data[whole * 8 :]:
        return True
    if not whole:
        return False
    words = pa.Array.from_buffers(pa.uint64(), whole, [None, pa.py_buffer(data)])
    # (word - 0x2020…) & ~word & 0x8080…: not zero exactly if a byte of the word is below 0x20
    borrowed = pc.subtract(words, pa.scalar(_ONES * 0x20, pa.uint64()))
    high = pa.scalar(_ONES * 0x80, pa.uint64())
    return bool(pc.max(pc.bit_wise_and(pc.bit_wise_and(borrowed, pc.bit_wise_not(words)), high)).as_py())
