"""
A session as text: the transcript, safe for a terminal.
"""

from recordkit.events import Event
from recordkit.render.control_chars import safe_text
from recordkit.transcript import Segment, SessionTranslator, Translator


def segment_bytes(segment: Segment) -> bytes:
    """
    Return the lines of *segment*, safe for a terminal, in UTF-8; none of an aside, which plain text leaves out.
    """
    return b"" if segment.aside else safe_text(segment.text).encode()


class TextRenderer:
    """
    The `Renderer` of transcripts, in UTF-8 with line feeds.
    """

    def __init__(self, translator: Translator | None = None) -> None:
        self._translator = translator or SessionTranslator()

    def begin(self) -> bytes:
        """
        See `Renderer.begin`.
        """
        return b""

    def write(self, event: Event) -> bytes:
        """
        See `Renderer.write`.
        """
        return b"".join(map(segment_bytes, self._translator.feed(event)))

    def end(self) -> bytes:
        """
        See `Renderer.end`.
        """
        return b""
