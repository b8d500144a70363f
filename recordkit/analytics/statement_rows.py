"""
Which rows of a block of events are statements, and which rows are their results.

Most rows, plain queries and results and PostgreSQL's prepared statements, need no more than their code
(`recordkit.analytics.event_columns`) and a name: long stretches of them are looked at in columns
(`recordkit.analytics.statement_stretches`), short ones row by row. What else there is, is asked
(`recordkit.analytics.statements`).

=========  ==============================================================
a number   is
=========  ==============================================================
of a row   the event's place in the block
of a       counted from the first one that is not yet given out
statement
of a       place among the results that are kept from blocks before, then
result     the block's rows, the rows again as statements that tell their
           own failure, and `Walk.own_results`
=========  ==============================================================
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from recordkit.analytics.event_columns import Code, EventColumns
from recordkit.analytics.pairing import Pairing
from recordkit.analytics.statement_places import Own, Places, joined, of_rows
from recordkit.analytics.statement_stretches import answered, failed_rows, statements_of
from recordkit.analytics.statements import PLAIN, Statement, Statements
from recordkit.events import Event

if TYPE_CHECKING:
    import pyarrow as pa

_QUERY, _FAILED, _RESULT, _PARSE, _BIND, _EXECUTE = (
    int(code) for code in (Code.QUERY, Code.FAILED, Code.RESULT, Code.PARSE, Code.BIND, Code.EXECUTE)
)  # a comparison of an enumeration's members takes twice as long
_PASS: Final = int(Code.PASS)
_WAITING: Final = frozenset({_QUERY, _EXECUTE})
_LONG: Final = 2048
"""Rows for which it pays to look at them in columns."""


class Walk:
    """
    The statements of one block, as its rows are walked over.

    Attributes:
        rows: The rows of statements, since some were `put`.
        unusual: Statements that are not what their row's ``db_query`` says, by their place in `rows`.
        results: Each one's result, those that waited before the block among them; None without.
        failures: Whether some statement's event tells of its failure.
        own_results: What other statements say themselves of how they went, and results with unusual values.
        own: What statements are that stand in no column.
    """

    def __init__(self, columns: EventColumns, results: list[int | None], kept: int) -> None:
        self._columns = columns
        self._kept = kept
        self._places: list[Places] = []
        self.rows: list[int] = []
        self.unusual: dict[int, Statement] = {}
        self.results = results
        self.failures = False
        self.own_results: list[Event] = []
        self.own = Own(columns.count)

    def put(self, places: Places) -> None:
        """
        Add statements behind those of `rows`.
        """
        if len(places.rows):
            self._close()
            self._places.append(places)

    def statements(self) -> Places | None:
        """
        Return all statements; None if there are none.
        """
        self._close()
        return joined(self._places) if self._places else None

    def _close(self) -> None:
        if self.rows:
            self._places.append(of_rows(self.rows, self.unusual, self.own))
            self.rows, self.unusual = [], {}

    def result_of_row(self, row: int) -> int:
        """
        Return the number of the result in this row.
        """
        return self._kept + row

    def results_of_rows(self, rows: "pa.Int64Array") -> list[int | None]:
        """
        Return the numbers of results in these rows; None for null.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers: list[int | None] = pc.add(rows, pa.scalar(self._kept, pa.int64())).to_pylist()
        return numbers

    def failure_of_row(self, row: int) -> int:
        """
        Return the number of what the statement in this row says of itself.
        """
        self.failures = True
        return self._kept + self._columns.count + row

    def own_result(self, event: Event) -> int:
        """
        Return the number of a result that stands in no row.
        """
        self.own_results.append(event)
        return self._kept + 2 * self._columns.count + len(self.own_results) - 1


class Session:
    """
    Follows one session through blocks.
    """

    def __init__(self) -> None:
        self.pairing = Pairing()
        self._statements = Statements()
        self._ei = -1

    def leave(self, columns: EventColumns) -> None:
        """
        Get what is needed later of a block that is left.
        """

        def parameters_at(rows: list[int]) -> list[list[str | None]]:
            import pyarrow as pa

            values = columns.column("parameters")
            return [] if values is None else values.take(pa.array(rows, pa.int64())).to_pylist()

        self._statements.leave(parameters_at)

    def walk(
        self, walk: Walk, columns: EventColumns, begin: int, end: int, *, first: int, broken: Iterable[int]
    ) -> None:
        """
        Add the statements in the rows from *begin* to before *end*.

        Args:
            walk: What is added to.
            columns: Of the block.
            begin: The session's first row in the block.
            end: The row behind its last.
            first: The number that the pairing has for the statement whose result is ``walk.results[0]``.
            broken: Rows before which lines were no events.
        """
        gaps = self._gaps(columns, begin, end).union(broken)
        borders = [begin, *sorted(gaps - {begin}), end]
        for start, stop in pairwise(borders):
            if start in gaps:
                self._gap()
            row = start
            for long_begin, long_end in _stretches(columns.special, start, stop):
                self._walk(walk, columns, row, long_begin, first)
                row = self._stretch(walk, columns, long_begin, long_end, first)
            self._walk(walk, columns, row, stop, first)

    def _gap(self) -> None:
        self._statements.gap()
        self.pairing.gap()

    def _gaps(self, columns: EventColumns, begin: int, end: int) -> set[int]:
        """
        Return the rows before which events are missing, as ``ei`` tells.
        """
        eis = columns.eis
        gaps = set()
        if isinstance(eis, list):
            for row in range(begin, end):
                ei = eis[row]
                if ei is not None:
                    if ei > self._ei + 1:
                        gaps.add(row)
                    self._ei = ei
            return gaps
        if eis[begin].as_py() > self._ei + 1:
            gaps.add(begin)
        self._ei = eis[end - 1].as_py()
        gaps.update(columns.jumps[bisect_right(columns.jumps, begin) : bisect_left(columns.jumps, end)])
        return gaps

    def _stretch(self, walk: Walk, columns: EventColumns, begin: int, end: int, first: int) -> int:
        """
        Add the statements of a stretch of plain rows, in columns; return the row up to which that was possible.
        """
        certain = self._certain(columns, begin, end)
        self._walk(walk, columns, begin, certain, first)
        places = None
        if end - certain >= _LONG:
            places = statements_of(columns, certain, end, self._statements, walk.own)
        if places is None:
            return certain
        answers = answered(columns, certain, end, self.pairing, first + len(walk.results))
        for number, row in answers.before:
            walk.results[number - first] = walk.result_of_row(row)
        place = len(walk.results)
        walk.results += walk.results_of_rows(answers.rows)
        for failed, row in failed_rows(columns, places.rows):
            walk.results[place + failed] = walk.failure_of_row(row)
        walk.put(places)
        return end

    def _certain(self, columns: EventColumns, begin: int, end: int) -> int:
        """
        Return the row from which on it is known whose results are.
        """
        if not self.pairing.doubt:
            return begin
        codes, row = columns.codes, begin
        if not self.pairing.seen_result:
            row = next((row for row in range(begin, end) if codes[row] == _RESULT), end)
        return next((row + 1 for row in range(row, end) if codes[row] in _WAITING), end)

    def _walk(self, walk: Walk, columns: EventColumns, begin: int, end: int, first: int) -> None:
        if begin == end:
            return
        # What most rows need is done here rather than called, and looked up before: half the time.
        statements, pairing = self._statements, self.pairing
        rows, results, unusual = walk.rows, walk.results, walk.unusual
        add_row, add_result, wait, sent = rows.append, results.append, pairing.waiting.append, 0
        portals, names, texts, counts = columns.prepared if columns.prepares else ((), (), (), ())
        execute, bind, parse = statements.execute, statements.bind, statements.parse
        for row, code in enumerate(columns.codes[begin:end], begin):
            if code in _WAITING:
                if code == _EXECUTE:
                    unusual[len(rows)] = execute(portals[row])
                if pairing.doubt:
                    pairing.statement(first + len(results))
                else:
                    wait(first + len(results))
                    sent += 1
                add_row(row)
                add_result(None)
            elif code == _PASS:
                continue
            elif code == _BIND:
                bind(portals[row], names[row], row if counts[row] else None)
            elif code == _PARSE:
                parse(names[row], texts[row])
            elif code == _FAILED:
                add_row(row)
                add_result(walk.failure_of_row(row))
            else:
                pairing.sent += sent
                sent = 0
                self._other(walk, columns, row, code, first)
        pairing.sent += sent

    def _other(self, walk: Walk, columns: EventColumns, row: int, code: int, first: int) -> None:
        if code in {_RESULT, Code.ODD_RESULT}:
            number = self.pairing.result()
            if number is not None:
                result = walk.result_of_row(row) if code == _RESULT else walk.own_result(columns.event(row))
                walk.results[number - first] = result
        elif code == Code.START:
            self.pairing.start()
        elif code == Code.GAP:
            self._gap()
        else:
            self._ask(walk, columns.event(row), row, first)

    def _ask(self, walk: Walk, event: Event, row: int, first: int) -> None:
        protocol = event.get("db_protocol")
        self._statements.protocol = protocol if type(protocol) is str else None
        statement = self._statements.kinds[event["event"]](event)
        if statement is None:
            return
        if statement is not PLAIN:
            walk.unusual[len(walk.rows)] = statement
        walk.rows.append(row)
        if statement.failed is None:
            self.pairing.statement(first + len(walk.results))
            walk.results.append(None)
        else:
            own = {"success": not statement.failed, "error": event.get("error"), "message": event.get("message")}
            walk.results.append(walk.own_result(own))


def _stretches(special: list[int], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """
    Yield the long stretches of rows between *begin* and *end* that are not *special*.
    """
    rows = special[bisect_left(special, begin) : bisect_left(special, end)]
    for row in (*rows, end):
        if row - begin >= _LONG:
            yield begin, row
        begin = row + 1
