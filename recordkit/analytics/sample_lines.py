"""
A line taken as a sample: its fields, and which of them others like it may have with other values.
"""

from typing import Any, Final, NamedTuple

from recordkit.analytics.rows import BY_FIELD
from recordkit.analytics.schema import ColumnType
from recordkit.analytics.slots import SLOT_OF, Slot, marked, unmarked
from recordkit.errors import InvalidEventError, UndecodableEventError
from recordkit.events import CONSTANT_FIELDS, decode_line
from recordkit.events.codec import encode_value

_SHARED: Final = frozenset(CONSTANT_FIELDS) | {"event", "code"}
"""Texts that have few values: often, but not always, the same in all lines."""


class Field(NamedTuple):
    """
    A field of a line.

    Attributes:
        name: Its own.
        value: What it says.
        text: The key with its colon, `marked`, and the value's text.
        key: Length of the key with its colon.
        slot: What others may have in the value's place; None: lines with other values are other lines.
        shared: They probably have the same.
    """

    name: str
    value: Any
    text: bytes
    key: int
    slot: Slot | None
    shared: bool

    @property
    def column(self) -> str:
        """
        Where the values of its slot go.
        """
        return BY_FIELD[self.name].name

    @property
    def repeats(self) -> bool:
        """
        Whether it may have few other values, in lines that are not others for that: not the kind of an event.
        """
        return self.shared and self.slot is not None and self.name != "event"

    @property
    def opening(self) -> bytes:
        """
        What is before the value of a slot.
        """
        return self.text[: self.key] + (b"" if self.slot is None else self.slot.opening)

    @property
    def width(self) -> int:
        """
        Bytes of a slot's value.
        """
        around = 0 if self.slot is None else len(self.slot.opening) + len(self.slot.closing)
        return len(self.text) - self.key - around


def fields_of(line: bytes) -> tuple[Field, ...] | None:
    """
    Return the fields of a `marked` *line* without its newline; None if others had better read it.
    """
    try:
        event = decode_line(unmarked(line))
        fields = [_field(name, value) for name, value in event.items()]
    except (UndecodableEventError, InvalidEventError):  # the latter: deeper than we write
        return None
    if b"{%b}" % b",".join([field.text for field in fields]) != line:
        return None  # spaces, other escapes, a field twice
    times = [name for name in event if name in BY_FIELD and BY_FIELD[name].type is ColumnType.TIME]
    if times != ["time"] or type(event["time"]) is not str:
        return None
    return tuple(fields)


def _field(name: str, value: Any) -> Field:
    key = marked(encode_value(name, field="")) + b":"
    text = key + marked(encode_value(value, field=name))
    return Field(name, value, text, len(key), _slot_of(name, value), name in _SHARED)


def _slot_of(name: str, value: Any) -> Slot | None:
    column = BY_FIELD.get(name)
    slot = None if column is None else SLOT_OF.get(column.type)
    match slot:
        case Slot.TEXT | Slot.TIME if type(value) is str:
            return slot
        case Slot.INTEGER if type(value) is int:
            return slot
        case Slot.TEXT_LIST if type(value) is list and value and all(type(item) is str for item in value):
            return slot
        case _:
            return None
