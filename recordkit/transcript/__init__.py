r"""
Events as the person at the database saw them.

    >>> from recordkit import transcript
    >>> events = [{"event": "db.session.query", "db_protocol": "mysql", "db_query": "SELECT 1"}]
    >>> [segment.text for segment in transcript.translate(events)]
    ['\nmysql> SELECT 1\n']

One `Translator` a protocol, one file each; `for_protocol` chooses. A translator is fed the events
of one session from the first on, since a later statement may refer to an earlier one.
"""

from collections.abc import Iterable, Iterator

from recordkit.events import Event
from recordkit.transcript.generic import GenericTranslator
from recordkit.transcript.postgres import PostgresTranslator
from recordkit.transcript.segments import Delays, Segment, SegmentKind, Translator

__all__ = ["Segment", "SegmentKind", "SessionTranslator", "Translator", "for_protocol", "translate"]


def for_protocol(db_protocol: str | None, *, delays: Delays | None = None) -> Translator:
    """
    Return a new translator for sessions of *db_protocol*; the generic one where it has none of its own.
    """
    if db_protocol == "postgres":
        return PostgresTranslator(delays=delays)
    return GenericTranslator(db_protocol, delays=delays)


class SessionTranslator:
    """
    The `Translator` that finds out by itself which protocol the session speaks.

    `db.session.start` decides; before it, or without it, the first event that names a protocol.
    """

    def __init__(self) -> None:
        self._delays = Delays()
        self._protocol: str | None = None
        self._translator = for_protocol(None, delays=self._delays)

    def feed(self, event: Event) -> list[Segment]:
        """
        See `Translator.feed`.
        """
        protocol = event.get("db_protocol")
        undecided = self._protocol is None or event.get("event") == "db.session.start"
        if undecided and protocol != self._protocol and isinstance(protocol, str):
            self._protocol = protocol
            self._translator = for_protocol(protocol, delays=self._delays)
        return self._translator.feed(event)


def translate(events: Iterable[Event]) -> Iterator[Segment]:
    """
    Yield the transcript of one session's *events*, given from the first on.
    """
    translator = SessionTranslator()
    for event in events:
        yield from translator.feed(event)
