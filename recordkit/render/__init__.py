r"""
Events to bytes that can be printed, piped, kept or mailed: text, JSON, JSON Lines, YAML, asciicast, HTML.

    >>> from recordkit.render import renderer_for
    >>> renderer = renderer_for("json")
    >>> events = [{"event": "db.session.query", "db_query": "SELECT 1"}]
    >>> b"".join([renderer.begin(), *map(renderer.write, events), renderer.end()])
    b'[\n{"event":"db.session.query","db_query":"SELECT 1"}\n]\n'

Each renderer can be made by itself, too, with options of its own:

    >>> from recordkit.render import AsciicastRenderer
    >>> AsciicastRenderer(columns=120, rows=40, colour=False).begin()
    b''

Each is loaded when it is first used. No byte of any of them makes a terminal do anything but show text:
see `recordkit.render.control_chars`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from recordkit.lazy_names import on_first_use

if TYPE_CHECKING:
    from recordkit.render.asciicast import AsciicastRenderer
    from recordkit.render.html_page import HtmlRenderer
    from recordkit.render.json_array import JsonArrayRenderer
    from recordkit.render.jsonl import JsonLinesRenderer
    from recordkit.render.renderer import Format, Renderer
    from recordkit.render.text import TextRenderer
    from recordkit.render.yaml_stream import YamlStreamRenderer
    from recordkit.transcript import Translator

__all__ = [
    "AsciicastRenderer",
    "Format",
    "HtmlRenderer",
    "JsonArrayRenderer",
    "JsonLinesRenderer",
    "Renderer",
    "TextRenderer",
    "YamlStreamRenderer",
    "renderer_for",
]

_HOMES: Final[Mapping[str, str]] = {
    "AsciicastRenderer": "asciicast",
    "Format": "renderer",
    "HtmlRenderer": "html_page",
    "JsonArrayRenderer": "json_array",
    "JsonLinesRenderer": "jsonl",
    "Renderer": "renderer",
    "TextRenderer": "text",
    "YamlStreamRenderer": "yaml_stream",
}
# by the values of `Format`
_OF_TRANSCRIPTS: Final[Mapping[str, str]] = {
    "text": "TextRenderer",
    "asciicast": "AsciicastRenderer",
    "html": "HtmlRenderer",
}
_OF_EVENTS: Final[Mapping[str, str]] = {
    "json": "JsonArrayRenderer",
    "jsonl": "JsonLinesRenderer",
    "yaml": "YamlStreamRenderer",
}
__getattr__, __dir__ = on_first_use(__name__, _HOMES)


def renderer_for(name: str, *, translator: "Translator | None" = None) -> "Renderer":
    """
    Return a new renderer of the format *name*.

    Args:
        name: A `Format`.
        translator: Makes the transcript in the formats that show one, a new one if there is none given. To begin
            in the middle of a session, give one that was fed the events before.

    Raises:
        ValueError: There is no such format.
    """
    from recordkit.render.renderer import Format

    form = Format(name)
    made: Renderer
    if form in _OF_TRANSCRIPTS:
        made = __getattr__(_OF_TRANSCRIPTS[form])(translator)
    else:
        made = __getattr__(_OF_EVENTS[form])()
    return made
