"""
Many lines to columns at once, field by field, without parsing them.

Lines that a program writes differ in few values only. A `marked` line is taken as a sample, and all lines are read as
it is: where its fields have fixed texts, keys and what is between values, theirs are compared; the values are cut out,
checked and made a column (`recordkit.analytics.slots`). Each step is one pass over all lines:

    {"ei":1,"code":"TPG00I","time":"…","statement_name":"s1","query":"…"}      all have `ei`, `code`, `time`
    {"ei":2,"code":"TPG01I","time":"…","statement_name":"s1","parameters":[…]}
    {"ei":3,"code":"TDB02I","time":"…","db_query":"…","success":true}          then their ways part

Lines that are other than the sample are a branch of their own from there on, with a sample of their own; what has been
read of them is not read again. What the lines of a session begin with is cut off before
(`recordkit.analytics.prefixes`), so that lines of many sessions go one way.

The answer is taken only if the lines can't be anything else. A line that is text, value, text, value, …, text with each
text from a sound line, whole in itself, and each value whole in itself, is that very JSON object. What differs is left
to others (`recordkit.analytics.parsing`, `recordkit.analytics.rows`). Nothing is remembered from call to call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.column_pieces import Piece, columns_of_rows, either, places_of, put_together
from recordkit.analytics.prefixes import CutLines, Prefix
from recordkit.analytics.rows import Row, row_of
from recordkit.analytics.sample_lines import Field, fields_of
from recordkit.analytics.schema import EVENT_TYPES, REST, arrow_type
from recordkit.analytics.slots import Columns, Slot, converted, marked, unmarked
from recordkit.analytics.spans import Spans, UnfitError, demand, is_ascii, occurs
from recordkit.events.codec import is_utf8

if TYPE_CHECKING:
    import pyarrow as pa

FEW: Final = 16
"""Lines for which a way of their own does not pay."""
_LOOKS: Final = 48
"""Samples taken in one call: kinds of events, with and without this and that."""
_IN_VAIN: Final = 6
"""Of them, those that are of no use."""
_MANY: Final = 7 / 8
"""Of lines: the others can go another way."""
_STEADY: Final = frozenset({"uid", "code"})
"""Texts that have the same width in all lines, as a rule."""


class Group(NamedTuple):
    """
    Lines that were read.

    Attributes:
        columns: Theirs; of text that repeats, with or without dictionaries.
        places: The number of each line.
    """

    columns: Columns
    places: "pa.Int64Array"


class _Branch(NamedTuple):
    """
    Lines that have gone the same way.

    Attributes:
        rows: Their numbers.
        texts: What is still to be read of each.
        read: How many fields have been, behind the prefix.
        same: Of these, the fields whose values all have.
    """

    rows: "pa.Int32Array"
    texts: Spans
    read: int
    same: tuple[Field, ...]

    def where(self, mask: "pa.BooleanArray") -> "_Branch":
        """
        Return those of its lines for which *mask* is true.
        """
        return self._replace(rows=self.rows.filter(mask), texts=self.texts.where(mask))


def columns_of(lines: CutLines) -> tuple[list[Group], list[tuple[int, bytes]]]:
    """
    Return what could be read of *lines*, a group or nothing, and the lines left over, by their numbers.
    """
    walk = _Walk(lines)
    walk.all()
    return walk.result()


class _Walk:
    """
    From lines to columns.
    """

    def __init__(self, lines: CutLines) -> None:
        import pyarrow as pa

        self._lines = lines
        texts = lines.tails.texts() if lines.texts is None else lines.texts
        self._texts = Spans.of(texts)
        self._begun = list[_Branch]()
        data = self._texts.whole
        plain = is_ascii(data) and not occurs(b"\\", data)  # most are, and need no other copy
        if not plain and is_utf8(data.to_pybytes()):
            self._texts = _marked(lines.tails)
            plain = True
        if plain:
            self._begun.append(_Branch(lines.rows, self._texts, 0, ()))
        self._pieces: list[Piece] = []
        self._read: list[pa.Int32Array] = []  # lines that were read to their ends
        self._vain = 0

    def all(self) -> None:
        """
        Read what can be read.
        """
        for _ in range(_LOOKS):
            if not self._begun or self._vain > _IN_VAIN:
                break
            branch = self._begun.pop()
            if len(branch.rows) >= FEW:
                self._follow(branch)

    def _follow(self, branch: _Branch) -> None:
        """
        Read lines as one of them is.
        """
        import pyarrow.compute as pc

        sample = branch.rows[len(branch.rows) // 2]
        fields = fields_of(b"{" + self._texts[pc.index(self._lines.rows, sample).as_py()])
        if fields is None:
            self._vain += 1
            self._begun.append(branch.where(pc.not_equal(branch.rows, sample)))
            return
        while True:
            try:
                going = self._next(branch, fields)
            except UnfitError as answer:
                going = self._parted(branch, answer.fitting)
            if going is None:
                return
            branch = going

    def _parted(self, branch: _Branch, fitting: "pa.BooleanArray | None") -> _Branch | None:
        """
        Return the lines that go on, if they are worth it; the others are a branch.
        """
        import pyarrow.compute as pc

        if fitting is None or fitting.true_count < FEW:
            self._vain += 1
            if fitting is None or not fitting.true_count:
                return None
        self._begun.append(branch.where(pc.invert(fitting)))
        return branch.where(fitting) if fitting.true_count >= FEW else None

    def _next(self, branch: _Branch, fields: Sequence[Field]) -> _Branch | None:
        """
        Read the next value, and what is before it; None if there is no more.

        Raises:
            UnfitError: Some lines are other than the sample, whose *fields* these are.
        """
        import pyarrow.compute as pc

        begin, end = branch.read, _next_varying(fields, branch.read)
        head = _text(fields, begin, end) + (b"}" if end == len(fields) else _opening(fields, end))
        same = branch.texts.starts_with(head)
        if same.true_count < len(same):
            if begin < end and fields[begin].repeats:
                keys = branch.texts.starts_with(_opening(fields, begin))
                if same.true_count < _MANY * keys.true_count:  # it has several values here
                    demand(keys)
                    return self._value(branch, fields, begin, _opening(fields, begin))
            raise UnfitError(same)
        if end < len(fields):
            return self._value(branch, fields, end, head)
        rest = branch.texts.behind(len(head))
        demand(pc.equal(rest.begins, rest.ends))
        self._finish(branch.rows, fields, (*branch.same, *fields[begin:]))
        return None

    def _value(self, branch: _Branch, fields: Sequence[Field], place: int, head: bytes) -> _Branch | None:
        """
        Read the value at this place behind *head*; none is to be read any more if it is the last that varies.
        """
        field, texts = fields[place], branch.texts.behind(len(head))
        same = (*branch.same, *fields[branch.read : place])
        slot = field.slot
        if slot is None:
            raise UnfitError
        behind = fields[place + 1 :]
        if _next_varying(fields, place + 1) == len(fields):
            tail = slot.closing + _text(fields, place + 1, len(fields)) + b"}"
            fitting = texts.ends_with(tail)
            if fitting.true_count >= _MANY * len(fitting) or not any(other.shared for other in behind):
                demand(fitting)
                self._add(field, slot, branch.rows, texts.before(len(tail)).texts())
                self._finish(branch.rows, fields, (*same, *behind))
                return None
        values, rest = _cut(texts, field, slot)
        self._add(field, slot, branch.rows, values)
        return _Branch(branch.rows, rest, place + 1, same)

    def _add(self, field: Field, slot: Slot, rows: "pa.Int32Array", values: "pa.BinaryArray") -> None:
        columns = converted(field.column, slot, values)
        self._pieces += [Piece(column, rows, array) for column, array in columns.items()]

    def _finish(self, rows: "pa.Int32Array", fields: Sequence[Field], same: Sequence[Field]) -> None:
        """
        Count lines as read, with the fields that are the *same* in all of them; not if a field would stand twice.
        """
        import pyarrow as pa

        prefixes, which = self._prefixes_of(rows)
        names = {field.name for field in fields}
        if not all(map(names.isdisjoint, (prefix.names for prefix in prefixes))):
            self._vain += 1
            return
        row = row_of({field.name: field.value for field in same})
        rests = [_joined(prefix.row.get(REST), row.get(REST)) for prefix in prefixes]
        if any(rest is not None for rest in rests):
            array = pa.array(rests, arrow_type(EVENT_TYPES[REST])).take(which)
            self._pieces.append(Piece(REST, rows, array))
        nothing = pa.repeat(pa.scalar(0, pa.int32()), len(rows))
        shared = columns_of_rows([_without_rest(row)], nothing)
        self._pieces += [Piece(name, rows, array) for name, array in shared.items()]
        self._read.append(rows)

    def result(self) -> tuple[list[Group], list[tuple[int, bytes]]]:
        """
        Return what `columns_of` does.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = pa.array([], pa.int32())
        if len(self._read) == 1:
            rows = self._read[0]
        elif self._read:
            rows = pc.indices_nonzero(pc.is_valid(places_of(self._read, self._lines.total))).cast(pa.int32())
        left = self._lines.others
        if len(rows) < len(self._lines.rows):
            left = sorted([*left, *self._unread(rows)])
        if not self._read:
            return [], left
        prefixes, which = self._prefixes_of(rows)
        columns = columns_of_rows([_without_rest(prefix.row) for prefix in prefixes], which)
        others = put_together(self._pieces, rows, self._lines.total)
        for name in columns.keys() & others.keys():  # here and there, in different lines
            others[name] = either(columns[name], others[name])
        return [Group(columns | others, rows.cast(pa.int64()))], left

    def _unread(self, rows: "pa.Int32Array") -> Iterator[tuple[int, bytes]]:
        """
        Yield the lines that are not among *rows*, as they were.
        """
        import pyarrow.compute as pc

        other = pc.is_null(places_of([rows], self._lines.total).take(self._lines.rows))
        places = self._lines.rows.filter(other)
        which, texts = self._lines.which.take(places), self._texts.where(other).texts()
        for place, number, text in zip(places.to_pylist(), which.to_pylist(), texts.to_pylist(), strict=True):
            yield place, self._lines.prefixes[number].text + unmarked(text)

    def _prefixes_of(self, rows: "pa.Int32Array") -> "tuple[list[Prefix], pa.Int32Array]":
        """
        Return the prefixes of *rows*, and which of them each has.
        """
        import pyarrow.compute as pc

        which = self._lines.which.take(rows)
        if len(self._lines.prefixes) == 1:
            return self._lines.prefixes, which
        used = pc.unique(which)
        return [self._lines.prefixes[number] for number in used.to_pylist()], pc.index_in(which, used)


def _marked(tails: Spans) -> Spans:
    r"""
    Return the texts `marked`; with their newlines: else ``\`` at an end would mean something with ``"`` behind it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    lines = replace(tails, ends=pc.add(tails.ends, pa.scalar(1, pa.int32())))
    texts = Spans.of(lines.texts())
    return replace(texts, data=pa.py_buffer(marked(texts.whole.to_pybytes()))).before(len(b"\n"))


def _next_varying(fields: Sequence[Field], begin: int) -> int:
    """
    Return the place of the next field whose values differ from line to line.
    """
    for place in range(begin, len(fields)):
        if fields[place].slot is not None and not fields[place].shared:
            return place
    return len(fields)


def _text(fields: Sequence[Field], begin: int, end: int) -> bytes:
    """
    Return the text of the fields from *begin* to before *end*; the first of all has no comma before it.
    """
    return b"".join([b"," + field.text for field in fields[begin:end]])[begin == 0 :]


def _opening(fields: Sequence[Field], place: int) -> bytes:
    return (b"," if place else b"") + fields[place].opening


def _cut(texts: Spans, field: Field, slot: Slot) -> "tuple[pa.BinaryArray, Spans]":
    """
    Return the values of *field*, which are what *texts* begin with, and what is behind them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if field.name in _STEADY:
        rest = texts.behind(field.width)
        closed = rest.starts_with(slot.closing)
        if closed.true_count == len(closed):
            return texts.head(field.width), rest.behind(len(slot.closing))
    closing = slot.closing or b","
    widths = texts.behind(slot.shortest).find(closing)
    least, most = pc.min_max(widths).as_py().values()
    if least < 0:
        demand(pc.greater_equal(widths, pa.scalar(0, pa.int32())))
    if slot.shortest:
        widths = pc.add(widths, pa.scalar(slot.shortest, pa.int32()))
    width = slot.shortest + least if least == most else widths
    rest = texts.behind(width).behind(len(slot.closing))
    return texts.head(width) if isinstance(width, int) else texts.first(width), rest


def _without_rest(row: Row) -> Row:
    """
    Return *row* without what has no column; two rows have that together.
    """
    return {name: value for name, value in row.items() if name != REST}


def _joined(first: str | None, second: str | None) -> str | None:
    """
    Return one JSON object of two, which share no field; None for none.
    """
    if first is None or second is None:
        return first or second
    return f"{first[:-1]},{second[1:]}"
