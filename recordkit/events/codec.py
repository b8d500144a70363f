"""
Events to JSON lines and back; the home of orjson.

What goes in comes out, equal as JSON values, or is refused by name. orjson is exact but for four
things, and each is met here:

===============================  ======================================================
orjson                           here
===============================  ======================================================
NaN and infinities become null   refused (a line without ``null`` can't hold one: cheap)
ints outside 64 bits raise       refused, with the field's path
lone surrogates raise            refused, with the field's path
2**64 is *read* as a float       `decode_input_line` refuses it; we never write one
===============================  ======================================================
"""

import codecs
import json
import math
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, NoReturn
from uuid import UUID

import orjson

from recordkit.errors import InvalidEventError, UndecodableEventError, shown
from recordkit.limits import MIB

Event = dict[str, Any]
"""One event: JSON types only, keys are text."""

# Dates, dataclasses and subclasses would come back as something else: refuse them. Three types that only
# Python tells from JSON's are taken for what they hold: tuples, members of enumerations, UUIDs.
_EXACT: Final = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
LINE_OPTIONS: Final = _EXACT | orjson.OPT_APPEND_NEWLINE
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**64 - 1
MAX_DEPTH: Final = 254
"""Levels of lists and objects, the event itself among them; orjson writes no more."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def encode_line(event: Event) -> bytes:
    """
    Return *event* as one JSON line, newline included.

    Raises:
        InvalidEventError: A value is not JSON, a number does not fit, text is not Unicode.
    """
    try:
        line = orjson.dumps(event, option=LINE_OPTIONS)
    except (TypeError, orjson.JSONEncodeError, RecursionError) as error:
        refuse(event, error)
    if b"null" in line:
        check_finite(event)
    return line


def encode_value(value: Any, *, field: str) -> bytes:
    """
    Return the JSON of one field's *value*, without a newline.

    Raises:
        InvalidEventError: As in `encode_line`.
    """
    try:
        encoded = orjson.dumps(value, option=_EXACT)
    except (TypeError, orjson.JSONEncodeError, RecursionError) as error:
        refuse({field: value}, error)
    if b"null" in encoded:
        check_finite({field: value})
    return encoded


def is_utf8(lines: bytes) -> bool:
    """
    Tell whether whole *lines* are UTF-8; takes some mebibytes beside them at most.
    """
    if lines.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for begin in range(0, len(lines), MIB):
            decoder.decode(lines[begin : begin + MIB])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def decode_line(line: bytes | memoryview) -> Event:
    """
    Return the event of one stored line.

    Raises:
        UndecodableEventError: It is not one JSON object.
    """
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UndecodableEventError(f"a line is not JSON: {error}", expected="{…}", found=bytes(line[:40])) from error
    if type(event) is not dict:
        raise UndecodableEventError("a line is not a JSON object", expected="{…}", found=bytes(line[:40]))
    return event


def decode_input_line(line: bytes) -> Event:
    """
    Return the event of a line that a stranger wrote, only if writing it again loses nothing.

    A number with a fraction or an exponent is read as a double, as all readers of JSON do.

    Raises:
        InvalidEventError: Not a JSON object; a number outside 64 bits, NaN or infinite; a key given
            twice; text that is not Unicode.
    """
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidEventError("", expected="a JSON object", found=f"{shown(line)}: {error}") from error
    if type(event) is not dict:
        raise InvalidEventError("", expected="a JSON object", found=shown(line))
    # What comes out as it went in needs no second look; other spacing and escapes take the slow way.
    try:
        same = orjson.dumps(event) == line
    except (TypeError, RecursionError) as error:
        raise InvalidEventError("", expected=f"at most {MAX_DEPTH} levels", found=str(error)) from error
    if not same:
        _check_literal(line)
    return event


def _check_literal(line: bytes) -> None:
    def integer(text: str) -> int:
        # Python refuses to convert very long digits; the length alone decides then
        if len(text) > 21 or not INT_MIN <= int(text) <= INT_MAX:
            raise InvalidEventError("", expected="an integer within 64 bits", found=shown(text))
        return 0

    def constant(text: str) -> NoReturn:
        raise InvalidEventError("", expected="a finite number", found=text)

    def pairs(items: list[tuple[str, Any]]) -> None:
        seen = set()
        for key, _ in items:
            if key in seen:
                raise InvalidEventError(key, expected="each field once", found="it twice")
            seen.add(key)

    try:
        json.loads(line, parse_int=integer, parse_constant=constant, object_pairs_hook=pairs)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEventError("", expected="a JSON object", found=str(error)) from error


def check_finite(event: Event) -> None:
    """
    Refuse NaN and infinities anywhere in *event*, which orjson would write as null.

    Raises:
        InvalidEventError: With the path of the first one.
    """
    # Most lines that hold ``null`` hold it in SQL: look without paths first, they cost ten times as much.
    waiting: list[Any] = [event]
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is str or kind is int:
            continue
        if kind is dict:
            waiting += value.values()
        elif kind is list or kind is tuple:
            waiting += value
        elif isinstance(value, Enum):
            waiting.append(value.value)
        elif kind is float and not math.isfinite(value):
            break
    else:
        return
    for path, value in _walk(event):
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidEventError(path, expected="a finite number", found=str(value))


def refuse(event: Any, cause: Exception) -> NoReturn:
    """
    Raise the error that names what orjson refused in *event*.

    Raises:
        InvalidEventError: Always.
    """
    if type(event) is not dict:
        raise InvalidEventError("", expected="a plain dict", found=type(event).__name__) from cause
    for path, value in _walk(event):
        found = _fault(value)
        if found is not None:
            raise InvalidEventError(path, expected=found[0], found=found[1]) from cause
    raise InvalidEventError("", expected="JSON values", found=str(cause)) from cause


def _fault(value: Any) -> tuple[str, str] | None:
    match value:
        case None | bool():
            return None
        case int():
            if type(value) is int and INT_MIN <= value <= INT_MAX:
                return None
            return "an integer within 64 bits", f"{type(value).__name__} {shown(value)[:40]}"
        case float():
            if not math.isfinite(value):
                return "a finite number", str(value)
            return None if type(value) is float else ("a plain float", type(value).__name__)
        case str():
            if _SURROGATE.search(value):
                return "Unicode text", f"a lone surrogate in {shown(value)}"
            return None if type(value) is str else ("plain text", type(value).__name__)
        case dict():
            bad = [key for key in value if type(key) is not str or _SURROGATE.search(key)][:1]
            if bad:
                return "keys that are Unicode text", f"the key {shown(bad[0])} ({type(bad[0]).__name__})"
            return None if type(value) is dict else ("a plain dict", type(value).__name__)
        case list() | tuple():
            return None if type(value) in {list, tuple} else ("a plain list", type(value).__name__)
        case UUID():
            return None
    return "a JSON value (text, number, boolean, null, list or dict)", type(value).__name__


def _walk(event: Event) -> Iterator[tuple[str, Any]]:
    """
    Yield *event* and all values in it with their paths, each list and object before what it holds.

    Keeps its own stack: Python's may be nearly full where it is called from.
    """
    levels: list[Iterator[tuple[str, Any]]] = [iter([("", event)])]
    while levels:
        for path, found in levels[-1]:
            value = found.value if isinstance(found, Enum) else found
            if isinstance(value, dict | list | tuple) and len(levels) > MAX_DEPTH:
                expected = f"at most {MAX_DEPTH} levels of lists and objects"
                raise InvalidEventError(path, expected=expected, found="more")
            yield path, value
            if isinstance(value, dict | list | tuple):
                levels.append(_inside(path, value))
                break
        else:
            levels.pop()


def _inside(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}.{key}" if path else key, item
    else:
        for index, item in enumerate(value):
            yield f"{path}[{index}]", item
