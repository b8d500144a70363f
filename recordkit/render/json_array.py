"""
A session as one JSON array, one event a line, that parses only when it is complete.
"""

from recordkit.events import Event
from recordkit.render.event_json import json_line


class JsonArrayRenderer:
    """
    The `Renderer` of a JSON array.
    """

    def __init__(self) -> None:
        self._separator = b""

    def begin(self) -> bytes:
        """
        See `Renderer.begin`.
        """
        return b"[\n"

    def write(self, event: Event) -> bytes:
        """
        See `Renderer.write`.

        Raises:
            InvalidEventError: The event is not JSON; none that was read from a recording is so.
        """
        text = self._separator + json_line(event).rstrip(b"\n")
        self._separator = b",\n"
        return text

    def end(self) -> bytes:
        """
        See `Renderer.end`.
        """
        return b"\n]\n" if self._separator else b"]\n"
