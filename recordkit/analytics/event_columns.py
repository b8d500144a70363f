"""
The columns of a block of events that tell which rows are statements, and what each row does to them.

Each row has a code, taken from the column of kinds at once. An event of a kind that needs more than that, or one that
has an unusual value in a field that matters, is made an event again and asked.
"""

from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.rows import rest_fields, to_events
from recordkit.analytics.schema import REST
from recordkit.analytics.statements import STATEMENT_FIELDS, Statements
from recordkit.events import Event

if TYPE_CHECKING:
    import pyarrow as pa


class Code(IntEnum):
    """
    What a row does; those from `START` on are for one row at a time.
    """

    PASS = 0
    QUERY = 1
    FAILED = 2
    RESULT = 3
    PARSE = 4
    BIND = 5
    EXECUTE = 6
    START = 7
    GAP = 8
    ASK = 9
    ODD_RESULT = 10


_PREPARING: Final = frozenset({Code.PARSE, Code.BIND, Code.EXECUTE})
_CODES: Final = dict.fromkeys(Statements().kinds, Code.ASK) | {
    "db.session.query": Code.QUERY,
    "db.session.query.failed": Code.FAILED,
    "db.session.result": Code.RESULT,
    "db.session.postgres.statements.parse": Code.PARSE,
    "db.session.postgres.statements.bind": Code.BIND,
    "db.session.postgres.statements.execute": Code.EXECUTE,
    "db.session.start": Code.START,
    "recordkit.gap": Code.GAP,
}
RESULT_FIELDS: Final = ("ei", "time", "success", "error", "message", "affected_records", "sqlstate")
_MATTERS: Final = frozenset(STATEMENT_FIELDS) | frozenset(RESULT_FIELDS) - {"time"}


class Words(NamedTuple):
    """
    A column of names.

    Attributes:
        codes: Of each row, the place of its name.
        texts: The names, each once.
    """

    codes: "pa.Int32Array"
    texts: list[str]


class EventColumns:
    """
    What the walk needs of a block, each column looked at once.

    Attributes:
        batch: The block's rows.
        count: How many.
        coded: The `Code` of each row.
        special: The rows that are for one at a time.
        prepares: Some rows are PostgreSQL's prepared statements.
        eis: Of each row.
        jumps: Rows where it goes up by more than one, if `eis` is an array.
    """

    def __init__(self, batch: "pa.RecordBatch") -> None:
        self.batch = batch
        self.count: int = batch.num_rows
        self.prepares = False
        self._odd = self._odd_rows()
        self.coded = self._codes()
        self.special = self._special()
        self.eis, self.jumps = self._places()
        self._asked: dict[int, Event] | None = None
        self._words: dict[str, Words] = {}

    def column(self, name: str) -> "pa.Array | None":
        """
        Return a column; None if it is null throughout.
        """
        place = self.batch.schema.get_field_index(name)
        return None if place < 0 else self.batch.column(place)

    @cached_property
    def codes(self) -> list[int]:
        """
        The `Code` of each row.
        """
        found: list[int] = self.coded.to_pylist()
        return found

    @cached_property
    def prepared(self) -> tuple[list[str], list[str], list[str | None], list[int]]:
        """
        What PostgreSQL's prepared statements say: portals, names ("" for null), texts, how many parameters.
        """
        import pyarrow.compute as pc

        portals, names = self.words("portal_name"), self.words("statement_name")
        texts, parameters = self.column("query"), self.column("parameters")
        return (
            [portals.texts[code] for code in portals.codes.to_pylist()],
            [names.texts[code] for code in names.codes.to_pylist()],
            [None] * self.count if texts is None else texts.to_pylist(),
            [0] * self.count if parameters is None else pc.fill_null(pc.list_value_length(parameters), 0).to_pylist(),
        )

    def words(self, column: str) -> Words:
        """
        Return a column of names, "" for null.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        known = self._words.get(column)
        if known is None:
            values = self.column(column)
            if values is None:
                known = Words(pa.repeat(pa.scalar(0, pa.int32()), self.count), [""])
            else:
                texts = values.dictionary.to_pylist()
                if "" not in texts:
                    texts.append("")
                known = Words(pc.fill_null(values.indices, texts.index("")), texts)
            self._words[column] = known
        return known

    def event(self, row: int) -> Event:
        """
        Return the event of a row that has to be asked, with the fields that matter.
        """
        if self._asked is None:
            import pyarrow as pa

            rows = [row for row in self.special if self.codes[row] in (Code.ASK, Code.ODD_RESULT)]
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

    def _codes(self) -> "pa.Int8Array":
        import pyarrow as pa
        import pyarrow.compute as pc

        kinds = self.column("event")
        if kinds is None:
            return pa.repeat(pa.scalar(Code.PASS, pa.int8()), self.count)
        known = [_CODES.get(kind, Code.PASS) for kind in kinds.dictionary.to_pylist()]
        self.prepares = not _PREPARING.isdisjoint(known)
        of_kind = pa.array(known, pa.int8())
        codes = pc.fill_null(of_kind.take(kinds.indices), Code.PASS)
        query = pc.equal(codes, pa.scalar(Code.QUERY, pa.int8()))
        success = self.column("success")
        if success is not None:
            failed = pc.and_(query, pc.fill_null(pc.invert(success), fill_value=False))
            codes = pc.if_else(failed, pa.scalar(Code.FAILED, pa.int8()), codes)
        codes = self._without_numbered(codes)
        return self._with_odd(codes) if self._odd else codes

    def _with_odd(self, codes: "pa.Int8Array") -> "pa.Int8Array":
        """
        Have the rows asked that have an unusual value.
        """
        import pyarrow as pa

        found = codes.to_pylist()
        for row, names in self._odd.items():
            code = found[row]
            if code == Code.RESULT:
                if not names.isdisjoint(RESULT_FIELDS):
                    found[row] = Code.ODD_RESULT
            elif code not in (Code.PASS, Code.START, Code.GAP):
                found[row] = Code.ASK
        return pa.array(found, pa.int8())

    def _special(self) -> list[int]:
        import pyarrow as pa
        import pyarrow.compute as pc

        special = pc.greater_equal(self.coded, pa.scalar(Code.START, pa.int8()))
        rows: list[int] = pc.indices_nonzero(special).to_pylist()
        return rows

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
        mine = pc.and_(pc.fill_null(mine, fill_value=False), pc.less_equal(codes, pa.scalar(Code.FAILED, pa.int8())))
        mine = pc.and_(mine, pc.greater(codes, pa.scalar(Code.PASS, pa.int8())))
        return pc.if_else(mine, pa.scalar(Code.ASK, pa.int8()), codes)

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
