"""
What turns events into output, and which ones there are.
"""

from enum import StrEnum
from typing import Protocol

from recordkit.events import Event


class Format(StrEnum):
    """
    The forms in which a session can be written out.
    """

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    YAML = "yaml"
    ASCIICAST = "asciicast"
    HTML = "html"


class Renderer(Protocol):
    """
    Turns the events of one session, in their order, into the bytes of one output.

    `end` is called only when all events were written: output that lacks it is not whole, and a
    format that can say so does.
    """

    def begin(self) -> bytes:
        """
        Return what stands before the first event.
        """

    def write(self, event: Event) -> bytes:
        """
        Return what *event* adds.
        """

    def end(self) -> bytes:
        """
        Return what stands after the last event.
        """
