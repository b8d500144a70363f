"""
Which rows of a block of events are statements, and which rows are their results.

A walk over whole numbers: each row has a code for what it does, taken from the column of kinds at once. Most rows,
plain queries and results and PostgreSQL's prepared statements, need no more than that and a name. An event of another
kind, or one that has an unusual value in a field that matters, is made an event again and asked
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
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from recordkit.analytics.pairing import Pairing
from recordkit.analytics.rows import rest_fields, to_events
from recordkit.analytics.schema import REST
from recordkit.analytics.statements import PLAIN, STATEMENT_FIELDS, Statement, Statements
from recordkit.events import Event

if TYPE_CHECKING:
    import pyarrow as pa

_PASS, _QUERY, _FAILED, _RESULT, _PARSE, _BIND, _EXECUTE, _START, _GAP, _ASK, _ODD_RESULT = range(11)
_WAITING: Final = frozenset({_QUERY, _EXECUTE})
_RESULTS: Final = frozenset({_RESULT, _ODD_RESULT})
_PREPARING: Final = frozenset({_PARSE, _BIND, _EXECUTE})
_CODES: Final = dict.fromkeys(Statements().kinds, _ASK) | {
    "db.session.query": _QUERY,
    "db.session.query.failed": _FAILED,
    "db.session.result": _RESULT,
    "db.session.postgres.statements.parse": _PARSE,
    "db.session.postgres.statements.bind": _BIND,
    "db.session.postgres.statements.execute": _EXECUTE,
    "db.session.start": _START,
    "recordkit.gap": _GAP,
}
RESULT_FIELDS: Final = ("ei", "time", "success", "error", "message", "affected_records", "sqlstate")
_MATTERS: Final = frozenset(STATEMENT_FIELDS) | frozenset(RESULT_FIELDS) - {"time"}


class Walk:
    """
    The statements of one block, as its rows are walked over.

    Attributes:
        rows: Each statement's row.
        unusual: Statements that are not what their row's ``db_query`` says, by their place in `rows`.
        results: Each one's result, those that waited before the block among them; None without.
        failures: Whether some statement's event tells of its failure.
        own_results: What other statements say themselves of how they went, and results with unusual values.
    """

    def __init__(self, columns: "EventColumns", results: list[int | None], kept: int) -> None:
        self._columns = columns
        self._kept = kept
        self.rows: list[int] = []
        self.unusual: dict[int, Statement] = {}
        self.results = results
        self.failures = False
        self.own_results: list[Event] = []

    def result_of_row(self, row: int) -> int:
        """
        Return the number of the result in this row.
        """
        return self._kept + row

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


class EventColumns:
    """
    What the walk needs of a block, each column looked at once.

    Attributes:
        batch: The block's rows.
        count: How many.
        codes: What each row does.
        prepares: Some rows are PostgreSQL's prepared statements.
        eis: Of each row.
        jumps: Rows where it goes up by more than one, if `eis` is an array.
    """

    def __init__(self, batch: "pa.RecordBatch") -> None:
        self.batch = batch
        self.count: int = batch.num_rows
        self.prepares = False
        self._odd = self._odd_rows()
        self.codes = self._codes()
        self.eis, self.jumps = self._places()
        self._asked: dict[int, Event] | None = None

    def column(self, name: str) -> "pa.Array | None":
        """
        Return a column; None if it is null throughout.
        """
        place = self.batch.schema.get_field_index(name)
        return None if place < 0 else self.batch.column(place)

    @cached_property
    def prepared(self) -> tuple[list[str], list[str], list[str | None], list[int]]:
        """
        What PostgreSQL's prepared statements say: portals, names ("" for null), texts, how many parameters.
        """
        import pyarrow.compute as pc

        texts, parameters = self.column("query"), self.column("parameters")
        return (
            self._names("portal_name"),
            self._names("statement_name"),
            [None] * self.count if texts is None else texts.to_pylist(),
            [0] * self.count if parameters is None else pc.fill_null(pc.list_value_length(parameters), 0).to_pylist(),
        )

    def _names(self, column: str) -> list[str]:
        values = self.column(column)
        if values is None:
            return [""] * self.count
        words = [*values.dictionary.to_pylist(), ""]
        return [words[-1 if index is None else index] for index in values.indices.to_pylist()]

    def event(self, row: int) -> Event:
        """
        Return the event of a row that has to be asked, with the fields that matter.
        """
        if self._asked is None:
            import pyarrow as pa

            rows = [row for row, code in enumerate(self.codes) if code in (_ASK, _ODD_RESULT)]
            wanted = [name for name in (*STATEMENT_FIELDS, *RESULT_FIELDS, "time_digits", REST)
                      if self.batch.schema.get_field_index(name) >= 0]  # fmt: skip
            some = self.batch.select(list(dict.fromkeys(wanted))).take(pa.array(rows, pa.int64()))
            self._asked = dict(zip(rows, to_events(some), strict=True))
        return self._asked[row]

    def _odd_rows(self) -> dict[int, frozenset[str]]:
        """
        Return which fields that matter have an unusual value, by row.
        """
        values = self.column(REST)
        if values is None or values.null_count == len(values):
            return {}
        known: dict[str | None, frozenset[str]] = {None: frozenset()}
        found = {}
        for row, text in enumerate(values.to_pylist()):
            names = known.get(text)
            if names is None:
                names = known[text] = _MATTERS.intersection(rest_fields(text))
            if names:
                found[row] = names
        return found

    def _codes(self) -> list[int]:
        import pyarrow as pa
        import pyarrow.compute as pc

        kinds = self.column("event")
        if kinds is None:
            return [_PASS] * self.count
        known = [_CODES.get(kind, _PASS) for kind in kinds.dictionary.to_pylist()]
        self.prepares = not _PREPARING.isdisjoint(known)
        of_kind = pa.array(known, pa.int8())
        codes = pc.fill_null(of_kind.take(kinds.indices), _PASS)
        query = pc.equal(codes, pa.scalar(_QUERY, pa.int8()))
        success = self.column("success")
        if success is not None:
            failed = pc.and_(query, pc.fill_null(pc.invert(success), fill_value=False))
            codes = pc.if_else(failed, pa.scalar(_FAILED, pa.int8()), codes)
        codes = self._without_numbered(codes)
        found: list[int] = codes.to_pylist()
        for row, names in self._odd.items():
            code = found[row]
            if code == _RESULT:
                if not names.isdisjoint(RESULT_FIELDS):
                    found[row] = _ODD_RESULT
            elif code not in (_PASS, _START, _GAP):
                found[row] = _ASK
        return found

    def _without_numbered(self, codes: "pa.Int8Array") -> "pa.Int8Array":
        """
        Ask MySQL's PREPARE: it takes a number, too.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        protocols, texts = self.column("db_protocol"), self.column("db_query")
        if protocols is None or texts is None or "mysql" not in protocols.dictionary.to_pylist():
            return codes
        prepares = pc.starts_with(texts, "prepare", ignore_case=True)
        mine = pc.and_(prepares, pc.equal(protocols.cast(pa.string()), "mysql"))
        mine = pc.and_(pc.fill_null(mine, fill_value=False), pc.less_equal(codes, pa.scalar(_FAILED, pa.int8())))
        mine = pc.and_(mine, pc.greater(codes, pa.scalar(_PASS, pa.int8())))
        return pc.if_else(mine, pa.scalar(_ASK, pa.int8()), codes)

    def _places(self) -> "tuple[pa.Int64Array | list[int | None], list[int]]":
        """
        Return each row's ``ei``, and the rows where it goes up by more than one; these of an array only.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        values = self.column("ei")
        unusual = [row for row, names in self._odd.items() if "ei" in names]
        if values is not None and not values.null_count and not unusual:
            steps = pc.subtract(values[1:], values[:-1])
            rows = pc.indices_nonzero(pc.greater(steps, pa.scalar(1, pa.int64())))
            return values, [row + 1 for row in rows.to_pylist()]
        eis: list[int | None] = [None] * self.count if values is None else values.to_pylist()
        for row in unusual:
            ei = rest_fields(self.batch[REST][row].as_py())["ei"]
            eis[row] = ei if type(ei) is int else None
        return eis, []


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
            self._walk(walk, columns, start, stop, first)

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

    def _walk(self, walk: Walk, columns: EventColumns, begin: int, end: int, first: int) -> None:
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
        if code in _RESULTS:
            number = self.pairing.result()
            if number is not None:
                result = walk.result_of_row(row) if code == _RESULT else walk.own_result(columns.event(row))
                walk.results[number - first] = result
        elif code == _START:
            self.pairing.start()
        elif code == _GAP:
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
