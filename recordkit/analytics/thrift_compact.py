"""
Structs in Thrift's compact protocol, as Parquet's footer is one: read as far as needed, copied where not.

Thrift's own library for Python can't pass over a binary value (it takes each for UTF-8, which the least and greatest
values of a column are not), checks its input by ``assert`` alone, and takes 22 ms for the footer of a file of 122
columns, with the interpreter lock held; this takes 8.

Source: thrift, doc/specs/thrift-compact-protocol.md.
"""

from typing import Any, Final

TRUE, FALSE, I32, I64, BINARY, LIST, STRUCT = 1, 2, 5, 6, 8, 9, 12
_BYTE, _I16, _DOUBLE, _SET = 3, 4, 7, 10
_INTEGERS: Final = frozenset({_I16, I32, I64})
_LISTS: Final = frozenset({LIST, _SET})

Fields = dict[int, tuple[int, Any]]
"""
A struct: the number of each field -> its type and value.

A value is None for booleans (their type says it), an integer, bytes; for a list the type of its items and the items,
each as `Raw`; else `Raw`. Structs to be written are `Fields` again.
"""


class Raw(bytes):
    """
    A value as it is encoded.
    """

    __slots__ = ()


def read(data: bytes) -> Fields:
    """
    Return the struct that *data* begins with.

    Raises:
        IndexError: It is cut off.
        ValueError: It has a type that the protocol does not know.
    """
    found: Fields = {}
    number = at = 0
    while data[at]:
        kind, number, at = _header(data, at, number)
        start, at = at, _behind(data, at, kind)
        value: Any = Raw(data[start:at])
        if kind in (TRUE, FALSE):
            value = None
        elif kind in _INTEGERS:
            value = _signed(_varint(data, start)[0])
        elif kind == BINARY:
            value = data[_varint(data, start)[1] : at]
        elif kind == LIST:
            value = _items(data, start)
        found[number] = kind, value
    return found


def written(fields: Fields) -> bytes:
    """
    Return the bytes of a struct.
    """
    out = bytearray()
    _struct(out, fields)
    return bytes(out)


def varint(number: int) -> bytes:
    """
    Return a number from 0 on, seven bits a byte, the lowest first.
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _struct(out: bytearray, fields: Fields) -> None:
    last = 0
    for number in sorted(fields):
        kind, value = fields[number]
        if 0 < number - last < 16:
            out.append((number - last) << 4 | kind)
        else:
            out.append(kind)
            out += varint(_unsigned(number))
        last = number
        if value is not None:
            _value(out, kind, value)
    out.append(0)


def _value(out: bytearray, kind: int, value: Any) -> None:
    if type(value) is Raw:
        out += value
    elif kind in _INTEGERS:
        out += varint(_unsigned(value))
    elif kind == BINARY:
        out += varint(len(value)) + value
    elif kind == LIST:
        items, values = value
        out += bytes([len(values) << 4 | items]) if len(values) < 15 else bytes([0xF0 | items]) + varint(len(values))
        for one in values:
            _value(out, items, one)
    elif kind == STRUCT:
        _struct(out, value)
    else:
        raise ValueError(f"type: expected an integer, binary, a list or a struct, found {kind}")


def _header(data: bytes, at: int, last: int) -> tuple[int, int, int]:
    """
    Return a field's type, its number, and where its value begins.
    """
    kind, delta = data[at] & 15, data[at] >> 4
    if delta:
        return kind, last + delta, at + 1
    number, at = _varint(data, at + 1)
    return kind, _signed(number), at


def _items(data: bytes, at: int) -> tuple[int, list[Raw]]:
    kind, count, at = _list_header(data, at)
    found = []
    for _ in range(count):
        start, at = at, _behind_item(data, at, kind)
        found.append(Raw(data[start:at]))
    return kind, found


def _list_header(data: bytes, at: int) -> tuple[int, int, int]:
    kind, count = data[at] & 15, data[at] >> 4
    return (kind, count, at + 1) if count < 15 else (kind, *_varint(data, at + 1))


def _behind(data: bytes, at: int, kind: int) -> int:
    """
    Return where what follows a value begins.
    """
    if kind in (TRUE, FALSE):
        return at
    if kind in _INTEGERS:
        return _varint(data, at)[1]
    if kind == _BYTE:
        return at + 1
    if kind == _DOUBLE:
        return at + 8
    if kind == BINARY:
        size, at = _varint(data, at)
        return at + size
    if kind in _LISTS:
        items, count, at = _list_header(data, at)
        for _ in range(count):
            at = _behind_item(data, at, items)
        return at
    if kind == STRUCT:
        number = 0
        while data[at]:
            field, number, at = _header(data, at, number)
            at = _behind(data, at, field)
        return at + 1
    raise ValueError(f"a type {kind}")


def _behind_item(data: bytes, at: int, kind: int) -> int:
    return at + 1 if kind in (TRUE, FALSE) else _behind(data, at, kind)  # here a boolean is a byte of its own


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _signed(number: int) -> int:
    return number >> 1 ^ -(number & 1)


def _unsigned(number: int) -> int:
    return number << 1 if number >= 0 else ~(number << 1)
