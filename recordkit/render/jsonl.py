"""
A session as JSON Lines: one compact object a line.
"""

from recordkit.events import Event
from recordkit.render.event_json import json_line


class JsonLinesRenderer:
    """
    The `Renderer` of JSON Lines.
    """

    def begin(self) -> bytes:
        """
        See `Renderer.begin`.
        """
        return b""

    def write(self, event: Event) -> bytes:
        """
        See `Renderer.write`.

        Raises:
            InvalidEventError: The event is not JSON; none that was read from a recording is so.
        """
        return json_line(event)

    def end(self) -> bytes:
        """
        See `Renderer.end`.
        """
        return b""
