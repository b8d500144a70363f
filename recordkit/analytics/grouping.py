"""
Many lines divided into groups of one layout.

What the lines of a session begin with is cut off first (`recordkit.analytics.prefixes`), so that lines of many
sessions can have one layout. Then a line that waits is looked at, its layout learned, and all lines that have it are
taken at once; then the next, until few are left. Nothing is remembered from call to call.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.layouts import END, Columns, Layout, Others, marked, unmarked
from recordkit.analytics.prefixes import Prefix, prefix_of
from recordkit.analytics.rows import Row
from recordkit.analytics.schema import EVENT_TYPES, REST, arrow_type
from recordkit.events import CONSTANT_FIELDS
from recordkit.events.codec import is_utf8

if TYPE_CHECKING:
    import pyarrow as pa

FEW: Final = 16
"""Lines for which a layout does not pay."""
_LOOKS: Final = 24
"""Lines looked at in one call: kinds of events, with and without this and that."""
_IN_VAIN: Final = 6
"""Of them, those with which no group begins."""
_CONSTANT: Final = frozenset(CONSTANT_FIELDS)
_WHOLE: Final = Prefix(b"", {}, frozenset())
_BRACE: Final = Prefix(b"{", {}, frozenset())


class Group(NamedTuple):
    """
    Lines of one layout.

    Attributes:
        columns: Theirs; of text that repeats, with or without dictionaries.
        places: The number of each line.
    """

    columns: Columns
    places: "pa.Int64Array"


class _Lines(NamedTuple):
    """
    Lines that are in no group.

    Attributes:
        texts: The lines, `marked`, behind their prefixes.
        places: The number of each line.
        which: The number of each one's prefix.
    """

    texts: "pa.BinaryArray"
    places: "pa.Int64Array"
    which: "pa.Int32Array"

    def where(self, mask: "pa.BooleanArray") -> "_Lines":
        """
        Return those of them for which *mask* is true.
        """
        return _Lines(*(values.filter(mask) for values in self))

    def whole(self, prefixes: Sequence[Prefix]) -> Iterator[tuple[int, bytes]]:
        """
        Yield each line's number and the line as it was, without its newline.
        """
        for text, place, which in zip(*(values.to_pylist() for values in self), strict=True):
            yield place, prefixes[which].text + unmarked(text)


def grouped(text: bytes, counts: Sequence[int]) -> tuple[list[Group], list[tuple[int, bytes]]] | None:
    """
    Return the groups of lines, and the lines left over with their numbers; None if there is no group.

    Args:
        text: Each line with its newline; less than 2 GiB.
        counts: How many lines there are of one session, then of the next, and so on; a session may come again.
    """
    import pyarrow.compute as pc

    try:
        text = marked(text)
    except Others:
        return None
    if not is_utf8(text):
        return None
    lines = _split(text)
    if len(lines) != sum(counts):
        return None
    prefixes, left, *aside = _behind_prefixes(lines, counts)
    groups: list[Group] = []
    for _ in range(_LOOKS):
        if len(left.places) < FEW or len(aside) > _IN_VAIN:
            break
        columns, mask = _taken(left, prefixes)
        if columns is None:
            aside.append(left if mask is None else left.where(mask))
        else:
            groups.append(Group(columns, left.places if mask is None else left.places.filter(mask)))
        left = _Lines(*(values.slice(0, 0) for values in left)) if mask is None else left.where(pc.invert(mask))
    return (groups, sorted(line for part in (left, *aside) for line in part.whole(prefixes))) if groups else None


def _split(text: bytes) -> "pa.BinaryArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    size = len(text) - 1  # without the last newline
    offsets = pa.py_buffer(bytes(4) + size.to_bytes(4, sys.byteorder))
    whole = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(text)])
    return pc.split_pattern(whole, b"\n").flatten()


def _behind_prefixes(
    lines: "pa.BinaryArray", counts: Sequence[int]
) -> "tuple[list[Prefix], _Lines, *tuple[_Lines, ...]]":
    """
    Return the prefixes, the lines behind them, and those that begin otherwise.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    prefixes = [_WHOLE]
    texts, which, begins = [], [], []
    for prefix, begin, end in _stretches(lines, counts):
        if prefix not in prefixes[-1:]:
            prefixes.append(prefix)
        part, start = lines.slice(begin, end - begin), marked(prefix.text)
        mask = pc.starts_with(part, start)
        fitting = mask.true_count
        if 2 * fitting < len(part) and prefix is not _BRACE:  # it was a sample of few
            prefixes[-1], start = _BRACE, b"{"
            mask = pc.starts_with(part, start)
            fitting = mask.true_count
        texts.append(pc.binary_slice(part if fitting == len(part) else part.filter(mask), len(start), END))
        which.append(pa.repeat(pa.scalar(len(prefixes) - 1, pa.int32()), fitting))
        begins.append(mask)
    places = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), len(lines)), start=-1)
    behind, numbers = pa.concat_arrays(texts), pa.concat_arrays(which)
    if len(behind) == len(lines):
        return prefixes, _Lines(behind, places, numbers)
    begin = pa.concat_arrays(begins)
    other = pc.invert(begin)
    others = _Lines(lines.filter(other), places.filter(other), pa.repeat(pa.scalar(0, pa.int32()), other.true_count))
    return prefixes, _Lines(behind, places.filter(begin), numbers), others


def _stretches(lines: "pa.BinaryArray", counts: Sequence[int]) -> Iterator[tuple[Prefix, int, int]]:
    """
    Yield runs of lines that are likely to have the same prefix: it, the first one's place, the place behind the last.
    """
    known: dict[bytes, Prefix] = {}
    prefix, start, begin, end = _WHOLE, b"", 0, 0
    for count in counts:
        sample = lines[end + count // 2].as_py()
        if prefix is _WHOLE or not sample.startswith(start):
            found = prefix_of(unmarked(sample), _CONSTANT, known) or _BRACE
            if found is not prefix:
                if begin < end:
                    yield prefix, begin, end
                prefix, start, begin = found, marked(found.text), end
        end += count
    if begin < end:
        yield prefix, begin, end


def _taken(left: _Lines, prefixes: Sequence[Prefix]) -> "tuple[Columns | None, pa.BooleanArray | None]":
    """
    Return the columns of all lines that have one's layout, and which lines these are (None: all).

    Without columns, it is lines that are in no group.
    """
    import pyarrow.compute as pc

    lines, mask = left.texts, None
    middle = len(lines) // 2
    layout = Layout.learn(b"{" + lines[middle].as_py())
    if layout is None:
        return None, pc.equal(left.places, left.places[middle])
    layout = layout._replace(head=layout.head[1:])
    while True:
        try:
            columns = layout.read(lines)
        except Others as answer:
            fitting = answer.fitting
            if fitting is None or not (rows := fitting.true_count):
                return None, mask
            mask = fitting if mask is None else pc.replace_with_mask(mask, mask, fitting)
            if rows < FEW:
                return None, mask
            lines = lines.filter(fitting)
            continue
        which = left.which if mask is None else left.which.filter(mask)
        return (columns if _attach(columns, layout, prefixes, which) else None), mask


def _attach(columns: Columns, layout: Layout, prefixes: Sequence[Prefix], which: "pa.Int32Array") -> bool:
    """
    Add what lines of *layout* share to their *columns*; False if a field would stand twice.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    used = pc.unique(which)
    found = [prefixes[number] for number in used.to_pylist()]
    if not all(map(layout.names.isdisjoint, (prefix.names for prefix in found))):
        return False
    rows = [_joined(prefix.row, layout.shared) for prefix in found]
    place = pc.index_in(which, used)
    for name in dict.fromkeys(name for row in rows for name in row):
        kind = arrow_type(EVENT_TYPES[name])
        values = pa.array([row.get(name) for row in rows], kind)
        if pa.types.is_dictionary(kind):
            index = place if len(rows) == 1 else values.indices.take(place)
            columns[name] = pa.DictionaryArray.from_arrays(index, values.dictionary)
        else:
            columns[name] = values.take(place)
    return True


def _joined(first: Row, second: Row) -> Row:
    """
    Return the row of the fields of both, none of which they share.
    """
    if REST in first and REST in second:
        return {**first, **second, REST: f"{first[REST][:-1]},{second[REST][1:]}"}
    return {**first, **second}
