"""
Values of MongoDB's Extended JSON as mongosh writes them: ``ObjectId('…')``, ``ISODate('…')``, ``Long('5')``, ``/a/i``.

Source: MongoDB Extended JSON (v2), canonical and relaxed.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from recordkit.events import format_time
from recordkit.transcript.document_text import Style
from recordkit.transcript.phrases import json_text

_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_NUMBER: Final = re.compile(r"-?[\d.]+(?:[eE][+-]?\d+)?|-?Infinity|NaN", re.ASCII)
_SPECIAL: Final = re.compile(r"[\x00-\x1f\x7f'\\]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v", "'": "\\'", "\\": "\\\\"}


def _quoted(text: str) -> str:
    return "'" + _SPECIAL.sub(lambda match: _SHORT.get(match[0]) or f"\\x{ord(match[0]):02x}", text) + "'"


def _key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else _quoted(name)


def _bare(value: Any) -> str | None:
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _called(name: str) -> Callable[[Any], str | None]:
    def write(value: Any) -> str | None:
        return f"{name}({_quoted(value)})" if isinstance(value, str) else None

    return write


def _date(value: Any) -> str | None:
    if isinstance(value, dict) and value.keys() == {"$numberLong"}:
        value = value["$numberLong"]
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}", value, re.ASCII):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return f"ISODate('{format_time(value * 1_000_000)}')"
        except ValueError:  # no calendar has it
            return f"new Date({json_text(value)})"
    return f"ISODate({_quoted(value)})" if isinstance(value, str) else None


def _binary(value: Any) -> str | None:
    match value:
        case {"base64": str(text), "subType": str(kind), **rest} if not rest:
            return f"Binary.createFromBase64({_quoted(text)}, {_hexadecimal(kind)})"
    return None


def _hexadecimal(kind: str) -> str:
    return str(int(kind, 16)) if re.fullmatch(r"[0-9a-fA-F]{1,2}", kind) else _quoted(kind)


def _expression(value: Any) -> str | None:
    match value:
        case {"pattern": str(pattern), "options": str(options), **rest} if not rest:
            if pattern and not re.search(r"[\n/]", pattern) and (options.isalpha() or not options):
                return f"/{pattern}/{options}"
    return None


def _timestamp(value: Any) -> str | None:
    match value:
        case {"t": int(seconds), "i": int(number), **rest} if not rest:
            return f"Timestamp({{ t: {json_text(seconds)}, i: {json_text(number)} }})"
    return None


_WRITERS: Final[dict[str, Callable[[Any], str | None]]] = {
    "$oid": _called("ObjectId"),
    "$date": _date,
    "$numberInt": _bare,
    "$numberDouble": _bare,
    "$numberLong": _called("Long"),
    "$numberDecimal": _called("Decimal128"),
    "$uuid": _called("UUID"),
    "$binary": _binary,
    "$regularExpression": _expression,
    "$timestamp": _timestamp,
    "$symbol": _called("BSONSymbol"),
    "$code": _called("Code"),
    "$minKey": lambda value: "MinKey()" if value == 1 else None,
    "$maxKey": lambda value: "MaxKey()" if value == 1 else None,
    "$undefined": lambda value: "undefined" if value is True else None,
}


def _scalar(value: Any) -> str | None:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        if len(value) != 1:
            return None
        ((name, member),) = value.items()
        write = _WRITERS.get(name)
        return None if write is None else write(member)
    return None if isinstance(value, list) else json_text(value)


SHELL_STYLE: Final = Style(scalar=_scalar, key=_key, inline=True, padding=" ")
"""As mongosh prints documents: names bare where they can be, on one line what fits there."""
