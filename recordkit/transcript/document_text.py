"""
Documents over several lines, as people read them: JSON, and the form of mongosh.

A document that fits on a line stays there if its style wants that; else each member has a line. Bounded in lines
and in characters, whatever the document: what is left out is counted or marked, and is whole in the event. The
cost is that of the members written: an attempt to fit a document on a line stops at the line's end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from recordkit.transcript.phrases import json_text

LINE_CHARS: Final = 76
"""A document longer than that is spread over lines: a terminal's 80 columns without a prompt."""

MAX_LINES: Final = 200
MAX_CHARS: Final = 32 * 1024
MAX_DEPTH: Final = 40

MORE: Final = "… (more is in the event)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """
    How a kind of document is written.

    Attributes:
        scalar: Gives the text of a value, None of a list or a document that has members to show.
        key: Gives the text of a member's name.
        inline: Whether what fits on a line is written on one.
        padding: What stands inside the braces of a document on one line.
    """

    scalar: Callable[[Any], str | None]
    key: Callable[[str], str]
    inline: bool
    padding: str = ""


def _json_scalar(value: Any) -> str | None:
    return None if isinstance(value, dict | list) else json_text(value)


JSON_STYLE: Final = Style(scalar=_json_scalar, key=json_text, inline=False)


def document_lines(
    value: Any, style: Style, *, max_lines: int = MAX_LINES, max_chars: int = MAX_CHARS, room: int = LINE_CHARS
) -> list[str]:
    """
    Return the lines of *value*, at least one; a mark stands where lines are left out.

    A document is written on one line where that has not more than *room* characters.
    """
    lines: list[str] = []
    for line in _lines(value, style, "", "", 0, room):
        if len(lines) >= max_lines:
            return [*lines, MORE]
        if len(line) > max_chars:
            return [*lines, line[:max_chars] + MORE]
        lines.append(line)
        max_chars -= len(line)
    return lines


def on_one_line(value: Any, style: Style, room: int = LINE_CHARS) -> str | None:
    """
    Return *value* on one line; None if it takes more than *room* characters there.
    """
    return _inline(value, style, room, 0)


def _lines(value: Any, style: Style, before: str, after: str, depth: int, room: int) -> Iterator[str]:  # noqa: PLR0917
    indent = "  " * depth
    text = style.scalar(value)
    if text is None and not value:
        text = "{}" if isinstance(value, dict) else "[]"
    if text is None and style.inline:
        text = _inline(value, style, room - len(indent) - len(before) - len(after), 0)
    if text is None and depth >= MAX_DEPTH:
        text = "{…}" if isinstance(value, dict) else "[…]"
    if text is not None:
        yield f"{indent}{before}{text}{after}"
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield f"{indent}{before}{opening}"
    last = len(value) - 1
    if isinstance(value, dict):
        for at, (name, member) in enumerate(value.items()):
            key = f"{style.key(name)}: "
            yield from _lines(member, style, key, "," if at < last else "", depth + 1, room)
    else:
        for at, member in enumerate(value):
            yield from _lines(member, style, "", "," if at < last else "", depth + 1, room)
    yield f"{indent}{closing}{after}"


def _inline(value: Any, style: Style, room: int, depth: int) -> str | None:
    if isinstance(value, str) and len(value) > room:  # writing a long text for each document around it costs too much
        return None
    text = style.scalar(value)
    if text is None:
        if depth > MAX_DEPTH:
            return None
        text = _inline_members(value, style, room, depth)
    return text if text is not None and len(text) <= room else None


def _inline_members(value: Any, style: Style, room: int, depth: int) -> str | None:
    is_document = isinstance(value, dict)
    parts: list[str] = []
    left = room - 2
    for member in value.items() if is_document else value:
        if left < 0:
            return None
        if is_document and len(member[0]) > left:
            return None
        key = f"{style.key(member[0])}: " if is_document else ""
        text = _inline(member[1] if is_document else member, style, left - len(key), depth + 1)
        if text is None:
            return None
        parts.append(key + text)
        left -= len(parts[-1]) + 2
    padding = style.padding if parts else ""
    inside = ", ".join(parts)
    return f"{{{padding}{inside}{padding}}}" if is_document else f"[{padding}{inside}{padding}]"
