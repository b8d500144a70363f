"""
The table `queries`: from the events of a recording to one row a statement, with its result.

Events go by once. A row is made when its statement comes and filled when its result comes, so the last rows are held
back until then (`pairing` bounds how many). Columns are made of a whole batch at a time (`query_arrays`).

Every event whose kind has the role QUERY gives exactly one row, whatever else it says.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from recordkit.analytics.pairing import Pairing
from recordkit.analytics.query_arrays import Rows, query_batch
from recordkit.analytics.query_columns import SESSION_FIELDS
from recordkit.analytics.query_lines import Fields, Run, runs_of
from recordkit.analytics.statements import PLAIN, Statements
from recordkit.container import Recording
from recordkit.errors import FormatError
from recordkit.sql.derivation import Deriver

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS: Final = 8192
"""Events wait as dicts for their batch, and the garbage collector looks at them again and again: 8192 rows took 5 µs
an event where 65 536 took 6.5."""
_MAX_HELD: Final = 16_384
"""Rows beyond a batch that wait for the result of one before them."""
_PROTOCOL: Final = SESSION_FIELDS.index("db_protocol")

_memories = threading.local()


def query_batches(
    recording: Recording,
    *,
    batch_rows: int = BATCH_ROWS,
    deriver: Deriver | None = None,
    fault: Callable[[FormatError], None] | None = None,
) -> Iterator["pa.RecordBatch"]:
    """
    Yield the statements of *recording*, in their order, as batches of at most *batch_rows* rows.

    Damage raises, or is passed over and left in ``recording.damage``, as the recording's mode says. What is
    missing counts as a gap.

    Args:
        recording: Read from its beginning to its end.
        batch_rows: Also a bound of memory: about two kilobytes a row, with the texts.
        deriver: What remembers texts from recording to recording; default: one a thread.
        fault: Is told of sound lines that are no events, which then count as a gap. None: they raise, unless the
            recording is read in salvage mode.
    """
    if deriver is None:
        deriver = getattr(_memories, "deriver", None)
        if deriver is None:
            deriver = _memories.deriver = Deriver()
    rows = QueryRows(deriver, batch_rows=batch_rows)
    yield from rows.batches(runs_of(recording, fault))
    yield from rows.rest()


class QueryRows:
    """
    Collects the statements of one session.

    Args:
        deriver: Remembers what was derived.
        batch_rows: Rows of a batch, at most.
    """

    def __init__(self, deriver: Deriver, *, batch_rows: int = BATCH_ROWS) -> None:
        if batch_rows < 1:
            raise ValueError(f"batch_rows: expected a positive number, found {batch_rows}")
        self._derive = deriver.derive
        self._batch_rows = batch_rows
        self._statements = Statements()
        self._pairing = Pairing()
        self._rows = Rows()
        self._first = 0  # number of the row at the lists' beginning, from the session's first
        self._ei = -1
        self._sessions: dict[Fields, int] = {}
        self._fields: Fields = ()
        self._session = -1
        self._protocol: str | None = None

    def batches(self, runs: Iterable[Run]) -> Iterator["pa.RecordBatch"]:
        """
        Take events and yield the batches that are full.
        """
        kinds = self._statements.kinds
        ready = self._batch_rows
        pairing, derive = self._pairing, self._derive
        # the lists stay the same: `Rows.take` empties them
        rows = self._rows
        add_event, add_result, add_session = rows.events.append, rows.results.append, rows.sessions.append
        add_statement, add_derived = rows.statements.append, rows.derived.append
        last = self._ei
        for fields, run, broken in runs:
            if broken:
                self._gap()
            if fields is not None and fields != self._fields:
                self._change(fields)
            for event in run:
                kind = event.get("event")
                ei = event.get("ei")
                if type(ei) is int:
                    if ei > last + 1:
                        self._gap()
                    last = self._ei = ei
                if kind == "db.session.result":
                    row = pairing.result()
                    if row is not None:
                        rows.results[row - self._first] = event
                    continue
                make = kinds.get(kind) if type(kind) is str else None
                if make is None:
                    if kind == "recordkit.gap":
                        self._gap()
                    elif kind == "db.session.start":
                        pairing.start()
                    continue
                if fields is None:
                    own = tuple(map(event.get, SESSION_FIELDS))
                    if own != self._fields:
                        self._change(own)
                statement = make(event)
                if statement is None:
                    continue
                if statement is PLAIN:
                    text, failed = event["db_query"], None
                else:
                    text, failed = statement.text or "", statement.failed
                if failed is None:
                    pairing.statement(self._first + len(rows.events))
                    add_result(None)
                else:
                    add_result({"success": not failed, "error": event.get("error"), "message": event.get("message")})
                add_event(event)
                add_session(self._session)
                add_statement(statement)
                add_derived(derive(text, self._protocol))
                if len(rows.events) >= ready:
                    yield from self._full()

    def rest(self) -> Iterator["pa.RecordBatch"]:
        """
        Yield the rows that are left: the session is over.
        """
        self._pairing.start()
        while self._rows.events:
            yield self._take(min(self._batch_rows, len(self._rows.events)))

    def _gap(self) -> None:
        self._statements.gap()
        self._pairing.gap()

    def _change(self, fields: tuple[Any, ...]) -> None:
        """
        Take over the session's fields that change with this event.
        """
        known: Fields = fields
        if any(type(value) is not str and value is not None for value in fields):
            known = tuple(value if type(value) is str else None for value in fields)
        if len(self._sessions) > self._batch_rows and known not in self._sessions:
            known = tuple(None for _ in known)  # more than rows: never in good faith
        self._session = self._sessions.setdefault(known, len(self._sessions))
        self._fields = known
        self._protocol = self._statements.protocol = known[_PROTOCOL]

    def _full(self) -> Iterator["pa.RecordBatch"]:
        """
        Yield batches as long as enough rows wait for nothing.
        """
        waiting = self._pairing.waiting
        while True:
            count = len(self._rows.events)
            settled = waiting[0] - self._first if waiting else count
            if settled >= self._batch_rows:
                yield self._take(self._batch_rows)
            elif count - settled > _MAX_HELD:
                self._pairing.give_up()
            else:
                return

    def _take(self, count: int) -> "pa.RecordBatch":
        batch = query_batch(self._rows.take(count), list(self._sessions))
        self._first += count
        return batch
