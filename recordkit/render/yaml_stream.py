r"""
A session as a stream of YAML documents, one an event, with ``---`` between.

What is read back equals the event. Three things make that so where a plain dump would not:

- Text that another version of YAML would take for a number or a boolean is quoted.
- Text of several lines is a literal block, so that SQL can be read; where a block can't hold it, the
  dumper falls back to quotes by itself.
- Text with characters that a terminal could obey is in double quotes, where they stand as escapes.
"""

import json
import re
from functools import cache
from typing import Any, Final

from recordkit.events import Event
from recordkit.render.control_chars import is_safe, safe_json

# Source: YAML 1.2, section 10.3.2, and the booleans of YAML 1.1 that PyYAML does not know.
_OTHER_SCALAR: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|[yYnN]")


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
    import yaml

    fast, slow = _dumpers()
    try:
        text: str = yaml.dump(event, Dumper=fast, **_OPTIONS)
    except UnicodeEncodeError:  # a lone surrogate: libyaml takes UTF-8 alone
        text = yaml.dump(event, Dumper=slow, **_OPTIONS)
    except RecursionError:  # JSON is YAML too, and needs less of the stack
        text = json.dumps(event, ensure_ascii=False) + "\n"
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
