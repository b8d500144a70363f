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

No byte of any of them makes a terminal do anything but show text: see `recordkit.render.control_chars`.
"""

from collections.abc import Callable

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

_OF_TRANSCRIPTS: dict[Format, Callable[[Translator | None], Renderer]] = {
    Format.TEXT: TextRenderer,
    Format.ASCIICAST: AsciicastRenderer,
    Format.HTML: HtmlRenderer,
}
_OF_EVENTS: dict[Format, Callable[[], Renderer]] = {
    Format.JSON: JsonArrayRenderer,
    Format.JSONL: JsonLinesRenderer,
    Format.YAML: YamlStreamRenderer,
}


def renderer_for(name: str, *, translator: Translator | None = None) -> Renderer:
    """
    Return a new renderer of the format *name*.

    Args:
        name: A `Format`.
        translator: Makes the transcript in the formats that show one, a new one if there is none given. To begin
            in the middle of a session, give one that was fed the events before.

    Raises:
        ValueError: There is no such format.
    """
    form = Format(name)
    return _OF_TRANSCRIPTS[form](translator) if form in _OF_TRANSCRIPTS else _OF_EVENTS[form]()
