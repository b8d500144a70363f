r"""
A session as a stream of YAML documents, one an event, with ``---`` between.

What is read back equals the event. Three things make that so where a plain dump would not:

- Text that another version of YAML would take for a number or a boolean is quoted.
- Text of several lines is a literal block, so that SQL can be read; where a block can't hold it, the
  dumper falls back to quotes by itself.
- Text with characters that a terminal could obey is in double quotes, where they stand as escapes.

The dumper takes 10 µs a field. What nearly all fields hold needs no dumper: whole numbers, and text that is
plain to every version of YAML. For these a line is written at once, the same that the dumper would write.
"""

import re
from functools import cache
from typing import Any, Final

from recordkit.events import Event
from recordkit.render.control_chars import is_safe, safe_json
from recordkit.render.event_json import json_line

# Source: YAML 1.2, section 10.3.2, and the booleans of YAML 1.1 that PyYAML does not know.
_OTHER_SCALAR: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|[yYnN]")

# Plain in all versions and for all readers: begins with a letter, has no mark of YAML behind it; or is a UUID.
_PLAIN: Final = re.compile(
    r"[A-Za-z](?:[\w ./@=;,*+<>()'\"$%&!?|{}\[\]^`~\\-]|:(?=[^ ])|(?<! )#)*(?<! )"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.ASCII,
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_OPEN_END: Final = b"\n...\n"
"""What the dumper writes behind a block that keeps its last line ends; only at the end of a document."""
_KEY_CHARS: Final = 100
"""Longer keys have another form."""


class YamlStreamRenderer:
    """
    The `Renderer` of YAML documents.
    """

    def __init__(self) -> None:
        self._separator = b""

    def begin(self) -> bytes:
        """
        See `Renderer.begin`.
        """
        return b""

    def write(self, event: Event) -> bytes:
        """
        See `Renderer.write`.
        """
        text = self._separator + _document(event)
        self._separator = b"---\n"
        return text

    def end(self) -> bytes:
        """
        See `Renderer.end`.
        """
        return b""


def _document(event: Event) -> bytes:
    try:
        lines = [_line(name, value) for name, value in event.items()]
        if not lines or any(line.endswith(_OPEN_END) for line in lines):
            return _dumped(event)
    except RecursionError:  # JSON is YAML too, and needs nothing of the stack
        return json_line(event)
    return b"".join(lines)


def _line(name: str, value: object) -> bytes:
    shown = _shown(value) if _is_plain(name) and len(name) <= _KEY_CHARS else None
    return _dumped({name: value}) if shown is None else f"{name}: {shown}\n".encode()


def _shown(value: object) -> str | None:
    """
    Return *value* as the dumper would write it; None if that is not plain to see.
    """
    if isinstance(value, str):
        if _is_plain(value):
            return value
        return f"'{value}'" if _TIME.fullmatch(value) else None
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if type(value) is int else None


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _dumped(event: Event) -> bytes:
    import yaml

    fast, slow = _dumpers()
    try:
        text: str = yaml.dump(event, Dumper=fast, **_OPTIONS)
    except UnicodeEncodeError:  # a lone surrogate: libyaml takes UTF-8 alone
        text = yaml.dump(event, Dumper=slow, **_OPTIONS)
    return safe_json(text.encode("utf-8"))


_OPTIONS: Final[dict[str, Any]] = {"allow_unicode": True, "sort_keys": False, "width": 2**31 - 1}


@cache
def _dumpers() -> tuple[Any, Any]:
    """
    Return the fast dumper, if PyYAML was built with libyaml, and the one in Python.
    """
    import yaml

    return _made(getattr(yaml, "CSafeDumper", yaml.SafeDumper)), _made(yaml.SafeDumper)


def _made(base: Any) -> Any:
    def represent_text(dumper: Any, text: str) -> Any:
        style = None
        if not is_safe(text) or _OTHER_SCALAR.fullmatch(text):
            style = '"'
        elif "\n" in text:
            style = "|"
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    # No aliases: what stands twice in an event is written twice.
    made = type("_EventDumper", (base,), {"ignore_aliases": lambda _self, _value: True})
    made.add_representer(str, represent_text)  # type: ignore[attr-defined]
    return made
