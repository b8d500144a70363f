"""
What a recording is about, without its events: values that cross layers.

All of a summary follows from the header and the chunk headers, so a sealed recording's (read from its
index) and an open one's (added up from its chunks) are made by the same code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from recordkit.container.layout import INT64_MAX, INT64_MIN, MARK_END, ChunkEntry, ChunkHeader

ATTRIBUTES: Final = ("cluster_name", "user", "db_service", "db_protocol", "db_type", "db_name", "db_user")
"""Constant fields of a session that its header keeps, so that it can be listed before it is sealed."""


class State(StrEnum):
    """
    How a recording ended.
    """

    OPEN = "open"
    """Being written."""
    COMPLETE = "complete"
    """The session ended, and its last event says so."""
    INTERRUPTED = "interrupted"
    """No ``db.session.end``: the session was left by an error or its process died."""
    TORN = "torn"
    """The file's end is missing: sound up to there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """
    One recording's summary.

    Attributes:
        sid: The session's UUID.
        state: See `State`.
        cluster_name, user, db_service, db_protocol, db_type, db_name, db_user: As the session's first
            event has them; None if it doesn't.
        created_ns: When the recording was begun, by the recorder's clock.
        start_ns, end_ns: Time of its earliest and latest event; None if there is none.
        events, queries, errors: Counts; a query is a statement as its author meant it, an error an
            event with ``success: false``.
        lost: Events that `recordkit.gap` events name as missing.
        chunks: Compressed units.
        stored_bytes, raw_bytes: Size of the file, and of its lines.
        head: Hex of the chain's last value; notes down all that came before.
        writer: Name and version of the program that wrote it.
    """

    sid: str
    state: State
    cluster_name: str | None = None
    user: str | None = None
    db_service: str | None = None
    db_protocol: str | None = None
    db_type: str | None = None
    db_name: str | None = None
    db_user: str | None = None
    created_ns: int
    start_ns: int | None
    end_ns: int | None
    events: int
    queries: int
    errors: int
    lost: int
    chunks: int
    stored_bytes: int
    raw_bytes: int
    head: str
    writer: str

    @property
    def duration_s(self) -> float:
        """
        Seconds from the earliest to the latest event; 0.0 without events, or where forged headers say the reverse.
        """
        return 0.0 if self.start_ns is None or self.end_ns is None else max(0, self.end_ns - self.start_ns) / 1e9

    def to_json(self) -> dict[str, Any]:
        """
        Return the summary as JSON types, field by field.
        """
        return {name: getattr(self, name) for name in _FIELDS} | {"state": self.state.value}


_FIELDS: Final = {field.name: str(getattr(field.type, "__name__", field.type)) for field in fields(Summary)}
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "str | None": (str, type(None)),
    "int | None": (int, type(None)),
    "State": (State,),
}


def summarise(
    *,
    sid: str,
    state: State,
    attributes: Mapping[str, Any],
    created_ns: int,
    totals: "Totals",
    stored_bytes: int,
    head: str,
) -> Summary:
    """
    Return the summary of a recording from its header's attributes and its chunks' totals.
    """
    texts = {name: text for name, text in attributes.items() if isinstance(text, str)}
    return Summary(
        sid=sid,
        state=state,
        created_ns=created_ns,
        start_ns=totals.earliest_ns if totals.timed else None,
        end_ns=totals.latest_ns if totals.timed else None,
        events=totals.events,
        queries=totals.queries,
        errors=totals.errors,
        lost=totals.lost,
        chunks=totals.chunks,
        stored_bytes=stored_bytes,
        raw_bytes=totals.raw_bytes,
        head=head,
        writer=texts.get("writer", ""),
        **{name: texts[name] for name in ATTRIBUTES if name in texts},
    )


def summary_from_json(values: Mapping[str, Any], *, stored_bytes: int) -> Summary:
    """
    Return the summary that `Summary.to_json` wrote; fields of a later writer are passed over.

    Raises:
        ValueError, TypeError: A field is missing or of the wrong type.
    """
    known = {name: value for name, value in values.items() if name in _FIELDS}
    known |= {"state": State(str(known.get("state"))), "stored_bytes": stored_bytes}
    for name, value in known.items():
        kinds = _KINDS[_FIELDS[name]]
        if type(value) not in kinds:
            raise TypeError(f"summary field {name}: expected {_FIELDS[name]}, found {type(value).__name__}")
    return Summary(**known)


class Totals:
    """
    Adds up chunks in file order, from their headers or their entries.

    Attributes:
        rising: Whether ``ei`` and time rise from chunk to chunk, as `Order.rising` has it.
    """

    __slots__ = (
        "chunks", "earliest_ns", "errors", "events", "highest_ei", "latest_ns", "lost", "marks", "queries",
        "raw_bytes", "rising",
    )  # fmt: skip

    def __init__(self, entries: Iterable[ChunkEntry] = ()) -> None:
        self.chunks = self.events = self.queries = self.errors = self.lost = self.raw_bytes = self.marks = 0
        self.earliest_ns = INT64_MAX
        self.highest_ei = self.latest_ns = INT64_MIN
        self.rising = True
        for entry in entries:
            self.add(entry)

    def add(self, chunk: ChunkEntry | ChunkHeader) -> None:
        """
        Count one more chunk.
        """
        # a recording may have a million: `Order.after` and `min` took four fifths of the time
        highest_ei, earliest_ns, latest_ns = chunk.highest_ei, chunk.earliest_ns, chunk.latest_ns
        if (
            highest_ei < self.highest_ei
            or chunk.lowest_ei < self.highest_ei
            or latest_ns < self.latest_ns
            or earliest_ns < self.latest_ns
        ):
            self.rising = False
        if highest_ei > self.highest_ei:  # noqa: PLR1730 - as above
            self.highest_ei = highest_ei
        if earliest_ns < self.earliest_ns:  # noqa: PLR1730 - as above
            self.earliest_ns = earliest_ns
        if latest_ns > self.latest_ns:  # noqa: PLR1730 - as above
            self.latest_ns = latest_ns
        self.chunks += 1
        self.events += chunk.events
        self.queries += chunk.queries
        self.errors += chunk.errors
        if chunk.lost:
            self.lost = min(self.lost + chunk.lost, INT64_MAX)
        self.raw_bytes += chunk.raw_size
        self.marks |= chunk.marks

    @property
    def timed(self) -> bool:
        """
        Whether any event has a time.
        """
        return self.earliest_ns <= self.latest_ns

    @property
    def ended(self) -> bool:
        """
        Whether a ``db.session.end`` is among the events.
        """
        return bool(self.marks & MARK_END)
