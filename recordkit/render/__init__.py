r"""
Events to bytes that can be printed, piped or kept: text, JSON, JSON Lines, YAML.

    >>> from recordkit.render import renderer_for
    >>> renderer = renderer_for("json")
    >>> events = [{"event": "db.session.query", "db_query": "SELECT 1"}]
    >>> b"".join([renderer.begin(), *map(renderer.write, events), renderer.end()])
    b'[\n{"event":"db.session.query","db_query":"SELECT 1"}\n]\n'

No byte of any of them makes a terminal do anything but show text: see `recordkit.render.control_chars`.
"""

from recordkit.render.json_array import JsonArrayRenderer
from recordkit.render.jsonl import JsonLinesRenderer
from recordkit.render.renderer import Format, Renderer
from recordkit.render.text import TextRenderer
from recordkit.render.yaml_stream import YamlStreamRenderer

__all__ = ["Format", "Renderer", "renderer_for"]

_RENDERERS: dict[Format, type[Renderer]] = {
    Format.TEXT: TextRenderer,
    Format.JSON: JsonArrayRenderer,
    Format.JSONL: JsonLinesRenderer,
    Format.YAML: YamlStreamRenderer,
}


def renderer_for(name: str) -> Renderer:
    """
    Return a new renderer of the format *name*.

    Raises:
        ValueError: There is no such format.
    """
    return _RENDERERS[Format(name)]()
