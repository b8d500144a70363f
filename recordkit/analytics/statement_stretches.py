"""
Long stretches of plain rows: queries, results, and PostgreSQL's parse, bind and execute, looked at in columns.

A stretch has no gap, no session's start and no row that has to be asked, so all there is to find out is

- which result is whose: results come in the order of statements, so it is counting (`answered`),
- which parse a bind means and which bind an execute means: the latest one before it of that name (`_latest`).

What was there before the stretch is asked from `Pairing` and `Statements`, which then know what they would behind it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.event_columns import Code, EventColumns
from recordkit.analytics.pairing import Pairing
from recordkit.analytics.spans import numbers
from recordkit.analytics.statement_places import Own, Places
from recordkit.analytics.statements import Statement, Statements

if TYPE_CHECKING:
    import pyarrow as pa

_STATEMENTS: Final = frozenset({Code.QUERY, Code.FAILED, Code.EXECUTE})
_WAITING: Final = frozenset({Code.QUERY, Code.EXECUTE})


class Answers(NamedTuple):
    """
    Whose the results of a stretch are.

    Attributes:
        before: Statements from before it by number, each with the row of its result.
        rows: For each statement of the stretch the row of its result; null without.
    """

    before: list[tuple[int, int]]
    rows: "pa.Int64Array"


def answered(columns: EventColumns, begin: int, end: int, pairing: Pairing, number: int) -> Answers:
    """
    Return whose the results in the rows from *begin* to before *end* are, and have *pairing* know it.

    Args:
        columns: Of the block.
        begin: The first row.
        end: The row behind the last.
        pairing: Without doubt.
        number: That *pairing* has for the stretch's first statement.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = columns.coded[begin:end]
    waits = _are(coded, _WAITING)
    sent = pc.cumulative_sum(waits.cast(pa.int32()))
    came = pc.indices_nonzero(_expected(coded, waits, pairing.sent - pairing.answered)).cast(pa.int64())
    # The results are for statements answered + 1, answered + 2, …, counted as they were sent. Those behind which too
    # many have been sent are given up; and so are some from before the stretch, the first ones.
    whose = pc.add(numbers(len(came)).cast(pa.int64()), _int64(pairing.answered + 1))
    behind = pc.subtract(pc.add(sent.take(came).cast(pa.int64()), _int64(pairing.sent)), whose)
    rows = pc.add(came, _int64(begin))
    if pairing.waiting.maxlen is not None:
        rows = pc.if_else(pc.less(behind, _int64(pairing.waiting.maxlen)), rows, None)
    old = pairing.sent - pairing.answered
    given_up = old - len(pairing.waiting)
    before = [
        (statement, row)
        for statement, row in zip(pairing.waiting, rows[given_up:old].to_pylist(), strict=False)
        if row is not None
    ]
    count = waits.true_count
    mine = rows[old : old + count]
    mine = pa.concat_arrays([mine, pa.nulls(count - len(mine), pa.int64())])
    statements = pc.indices_nonzero(_are(coded, _STATEMENTS))
    places = numbers(count)
    if len(statements) > count:  # some tell by themselves how they went
        waiting = waits.take(statements)
        which = pc.subtract(pc.cumulative_sum(waiting.cast(pa.int32())), pa.scalar(1, pa.int32()))
        mine = mine.take(pc.if_else(waiting, which, None))
        places = pc.indices_nonzero(waiting).cast(pa.int32())
    pairing.advance(
        count, len(came), lambda kept: pc.add(places[count - kept :].cast(pa.int64()), _int64(number)).to_pylist()
    )
    return Answers(before, mine)


def _expected(coded: "pa.Int8Array", waits: "pa.BooleanArray", outstanding: int) -> "pa.BooleanArray":
    """
    Tell which rows are results that some statement waits for.

    That is all of them, unless there are more results than statements at some row: then those that bring the count to a
    new low below zero are nobody's.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    results = _are(coded, {Code.RESULT})
    steps = pc.subtract(waits.cast(pa.int32()), results.cast(pa.int32()))
    lowest = pc.cumulative_min(pc.add(pc.cumulative_sum(steps), pa.scalar(outstanding, pa.int32())))
    if not len(lowest) or lowest[-1].as_py() >= 0:
        return results
    lowest = pc.min_element_wise(lowest, pa.scalar(0, pa.int32()))
    before = pa.concat_arrays([pa.array([0], pa.int32()), lowest[:-1]])
    return pc.and_(results, pc.equal(lowest, before))


def failed_rows(columns: EventColumns, rows: "pa.Int64Array") -> Iterator[tuple[int, int]]:
    """
    Yield the places and rows of those statements that tell by themselves that they failed.
    """
    import pyarrow.compute as pc

    places = pc.indices_nonzero(_are(columns.coded.take(rows), {Code.FAILED}))
    yield from zip(places.to_pylist(), rows.take(places).to_pylist(), strict=True)


def statements_of(columns: EventColumns, begin: int, end: int, statements: Statements, own: Own) -> Places | None:
    """
    Return the statements in the rows from *begin* to before *end*, and have *statements* know what was prepared.

    None, with nothing changed, if so much is prepared that some has to be forgotten: that depends on each step.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = columns.coded[begin:end]
    rows = _rows(coded, _STATEMENTS, begin)
    if not columns.prepares or not _are(coded, {Code.PARSE, Code.BIND, Code.EXECUTE}).true_count:
        return Places(rows)
    executed = _Prepared(columns, begin, end, statements, own).executed()
    if executed is None or not len(executed.rows):
        return None if executed is None else Places(rows)
    executes = _are(columns.coded.take(rows), {Code.EXECUTE})
    which = pc.subtract(pc.cumulative_sum(executes.cast(pa.int32())), pa.scalar(1, pa.int32()))
    which = pc.if_else(executes, which, None)
    plain = Places(rows).whole()
    return Places(
        *(pc.if_else(executes, theirs.take(which), mine) for theirs, mine in zip(executed.whole(), plain, strict=True))
    )


class _Prepared:
    """
    PostgreSQL's prepared statements in a stretch.
    """

    def __init__(self, columns: EventColumns, begin: int, end: int, statements: Statements, own: Own) -> None:
        self._columns = columns
        self._coded = columns.coded[begin:end]
        self._begin = begin
        self._statements = statements
        self._own = own
        self._names = columns.words("statement_name")
        self._portals = columns.words("portal_name")

    def executed(self) -> Places | None:
        """
        Return what is executed; None, with nothing changed, if there is no room for what is prepared.
        """
        import pyarrow.compute as pc

        parses = self._rows(Code.PARSE)
        texts = self._parsed(parses)
        names = self._names.codes.take(parses)
        portals = pc.unique(self._portals.codes.take(self._rows(Code.BIND)))
        chars = pc.sum(pc.binary_length(texts), min_count=0).as_py()
        if not self._statements.has_room(len(pc.unique(names)), chars, len(portals)):
            return None
        bound = self._bound(parses, texts)
        found = self._found(bound)
        for place in _last_of_each(names):
            self._statements.parse(self._names.texts[names[place].as_py()], texts[place].as_py())
        self._hold(bound)
        return found

    def _rows(self, code: Code) -> "pa.Int64Array":
        return _rows(self._coded, {code}, self._begin)

    def _parsed(self, parses: "pa.Int64Array") -> "pa.StringArray":
        import pyarrow as pa

        texts = self._columns.column("query")
        return pa.nulls(len(parses), pa.string()) if texts is None else texts.take(parses)

    def _bound(self, parses: "pa.Int64Array", texts: "pa.StringArray") -> Places:
        """
        Return what each bind's portal stands for.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        count, rows = self._columns.count, self._rows(Code.BIND)
        names = self._names.codes.take(rows)
        parse = self._latest(Code.PARSE, Code.BIND, self._names.codes)
        places = pc.if_else(pc.is_valid(texts), pc.add(parses, _int64(count)), None).take(parse)
        resolved = pc.is_valid(places)
        before = pc.is_null(parse)
        if before.true_count:
            known: list[tuple[int | None, bool]] = [(None, False)] * len(self._names.texts)
            for code in pc.unique(names.filter(before)).to_pylist():
                text, sure = self._statements.prepared(self._names.texts[code])
                known[code] = self._own.text(text), sure
            own = pa.array([place for place, _ in known], pa.int64()).take(names)
            places = pc.if_else(before, own, places)
            resolved = pc.if_else(before, pa.array([sure for _, sure in known], pa.bool_()).take(names), resolved)
        given = self._columns.column("parameters")
        if given is None:
            return Places(rows, places, pa.nulls(len(rows), pa.int64()), rows, resolved)
        some = pc.greater(pc.fill_null(pc.list_value_length(given.take(rows)), 0), pa.scalar(0, pa.int32()))
        return Places(rows, places, pc.if_else(some, pc.add(rows, _int64(count)), None), rows, resolved)

    def _found(self, bound: Places) -> Places:
        """
        Return what each execute means.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = self._rows(Code.EXECUTE)
        bind = self._latest(Code.BIND, Code.EXECUTE, self._portals.codes)
        found = [values.take(bind) for values in bound.whole()[1:]]
        before = pc.is_null(bind)
        if before.true_count:
            codes = self._portals.codes.take(rows)
            known: list[tuple[int | None, int | None, int | None, bool]] = [(None, None, None, False)]
            known *= len(self._portals.texts)
            for code in pc.unique(codes.filter(before)).to_pylist():
                text, parameters, name, sure, _ = self._statements.execute(self._portals.texts[code])
                known[code] = self._own.text(text), self._own.parameters(parameters), self._own.name(name), sure
            own = [pa.array(values, kind.type) for values, kind in zip(zip(*known, strict=True), found, strict=True)]
            found = [pc.if_else(before, mine.take(codes), theirs) for mine, theirs in zip(own, found, strict=True)]
        return Places(rows, *found)

    def _hold(self, bound: Places) -> None:
        """
        Keep what portals stand for now.
        """
        rows, *places, resolved = bound.whole()
        portals = self._portals.codes.take(rows)
        names = self._names.codes.take(rows)
        for one in _last_of_each(portals):
            text, parameters, _ = (values[one].as_py() for values in places)
            statement = Statement(
                self._text(text),
                None if parameters is None else parameters - self._columns.count,
                self._names.texts[names[one].as_py()],
                resolved[one].as_py(),
            )
            self._statements.hold(self._portals.texts[portals[one].as_py()], statement)

    def _text(self, place: int | None) -> str | None:
        if place is None:
            return None
        if place >= 2 * self._columns.count:
            return self._own.texts[place - 2 * self._columns.count]
        text: str = self._columns.batch["query"][place - self._columns.count].as_py()
        return text

    def _latest(self, made_by: Code, used_by: Code, keys: "pa.Int32Array") -> "pa.Int64Array":
        """
        Return, for each row of code *used_by*, which row of code *made_by* is the last one before it with its key.

        Of one key, it is counting. Of several, rows are sorted by key; in that order, the number of the row that makes,
        above all numbers of keys before, can only rise, and its maximum so far is the latest.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        coded = self._coded
        both = _rows(coded, {made_by, used_by}, self._begin)
        makes = _are(self._columns.coded.take(both), {made_by})
        number = pc.cumulative_sum(makes.cast(pa.int64()))
        key = keys.take(both)
        if len(pc.unique(key)) <= 1:
            latest = number.filter(pc.invert(makes))
            return pc.if_else(pc.greater(latest, _int64(0)), pc.subtract(latest, _int64(1)), None)
        order = pc.array_sort_indices(key)  # of equal ones, the first comes first
        makes, number, key = makes.take(order), number.take(order), key.take(order).cast(pa.int64())
        floor = pc.multiply(key, _int64(makes.true_count + 1))
        latest = pc.subtract(pc.cumulative_max(pc.add(floor, pc.if_else(makes, number, _int64(0)))), floor)
        uses = pc.invert(makes)
        back = pc.array_sort_indices(order.filter(uses))
        latest = latest.filter(uses).take(back)
        return pc.if_else(pc.greater(latest, _int64(0)), pc.subtract(latest, _int64(1)), None)


def _last_of_each(keys: "pa.Int32Array") -> list[int]:
    """
    Return the place of the last one of each key, in order.
    """
    return sorted(dict(zip(keys.to_pylist(), range(len(keys)), strict=True)).values())


def _are(coded: "pa.Int8Array", codes: "frozenset[Code] | set[Code]") -> "pa.BooleanArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(codes) == 1:
        return pc.equal(coded, pa.scalar(next(iter(codes)), pa.int8()))
    return pa.array([code in codes for code in Code], pa.bool_()).take(coded)


def _rows(coded: "pa.Int8Array", codes: "frozenset[Code] | set[Code]", begin: int) -> "pa.Int64Array":
    """
    Return the rows with one of *codes*; the first is row *begin*.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.add(pc.indices_nonzero(_are(coded, codes)).cast(pa.int64()), _int64(begin))


def _int64(value: int) -> "pa.Int64Scalar":
    import pyarrow as pa

    return pa.scalar(value, pa.int64())
