"""
An event as one line of JSON, however deep its values: a reader takes more levels than a writer.

orjson reads 1024 levels and writes 254, and Python's own encoder takes some of the stack for each. Events of that
sort are rare (no recorder takes them, another program may have written them), but output must not end there. So
where `encode_line` refuses one, its lists and objects are walked here without recursion.
"""

from collections.abc import Iterator
from typing import Any, Final

from recordkit.errors import InvalidEventError
from recordkit.events import Event, encode_line
from recordkit.events.codec import encode_value
from recordkit.render.control_chars import safe_json

_DEEPEST: Final = 1024
"""Levels that a reader can return."""


def json_line(event: Event) -> bytes:
    """
    Return *event* as JSON with a newline, safe for a terminal.

    Raises:
        InvalidEventError: It is not JSON, or has more than 1024 levels; none that was read from a recording is so.
    """
    try:
        return safe_json(encode_line(event))
    except InvalidEventError as refused:
        try:
            return safe_json(b"".join(_pieces(event)) + b"\n")
        except InvalidEventError:
            raise refused from None  # it names the field


def _pieces(event: Event) -> Iterator[bytes]:
    waiting: list[bytes | tuple[Any, int]] = [(event, 1)]  # last first: text, or a value and its level
    while waiting:
        item = waiting.pop()
        if isinstance(item, bytes):
            yield item
            continue
        value, level = item
        if type(value) not in (dict, list, tuple):
            yield encode_value(value, field="")
            continue
        if level > _DEEPEST:
            raise InvalidEventError("", expected=f"at most {_DEEPEST} levels", found="more")
        brackets = b"{}" if type(value) is dict else b"[]"
        inside: list[bytes | tuple[Any, int]] = [brackets[:1]]
        for number, held in enumerate(value):
            if number:
                inside.append(b",")
            if type(value) is dict:
                inside += [_name(held), (value[held], level + 1)]
            else:
                inside.append((held, level + 1))
        waiting += [brackets[1:], *reversed(inside)]


def _name(key: object) -> bytes:
    if type(key) is not str:
        raise InvalidEventError("", expected="keys that are text", found=type(key).__name__)
    return encode_value(key, field="") + b":"
