"""
Many lines divided into groups of one layout.

A line that waits is looked at, its layout learned, and all lines that have it are taken at once; then the
next, until few are left. Nothing is remembered from call to call.
"""

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.layouts import END, Columns, Layout, Others, marked, unmarked
from recordkit.analytics.rows import Row
from recordkit.analytics.schema import EVENT_TYPES, arrow_type
from recordkit.events.codec import is_utf8

if TYPE_CHECKING:
    import pyarrow as pa

FEW: Final = 16
"""Lines for which a layout does not pay."""
_LOOKS: Final = 24
"""Lines looked at in one call: kinds of events, with and without this and that."""
_IN_VAIN: Final = 6
"""Of them, those with which no group begins."""
_SAMPLES: Final = 8
"""Lines of which the common beginning is taken from all."""


class Group(NamedTuple):
    """
    Lines of one layout.

    Attributes:
        columns: Theirs; of text that repeats, with or without dictionaries.
        places: The number of each line.
    """

    columns: Columns
    places: "pa.Int64Array"


class Lines(NamedTuple):
    """
    Lines that are in no group.

    Attributes:
        prefix: What each begins with.
        texts: What follows, `marked`.
        places: The number of each line.
    """

    prefix: bytes
    texts: "pa.BinaryArray"
    places: "pa.Int64Array"

    def where(self, mask: "pa.BooleanArray") -> "Lines":
        """
        Return those of them for which *mask* is true.
        """
        return Lines(self.prefix, self.texts.filter(mask), self.places.filter(mask))

    def whole(self) -> "list[tuple[int, bytes]]":
        """
        Return each line's number and the line as it was, without its newline.
        """
        texts = [unmarked(self.prefix + text) for text in self.texts.to_pylist()]
        return list(zip(self.places.to_pylist(), texts, strict=True))


def grouped(text: bytes, count: int) -> tuple[list[Group], list[tuple[int, bytes]]] | None:
    """
    Return the groups of *count* lines, and the lines left over with their numbers; None if there is no group.

    Args:
        text: Each line with its newline; less than 2 GiB.
        count: How many.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        text = marked(text)
    except Others:
        return None
    if not is_utf8(text):
        return None
    lines = _split(text)
    if len(lines) != count:
        return None
    left = Lines(b"", lines, pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), count), start=-1))
    left, *aside = _without_prefix(left)
    groups: list[Group] = []
    for _ in range(_LOOKS):
        if len(left.places) < FEW or len(aside) > _IN_VAIN:
            break
        columns, mask = _taken(left)
        chosen = left if mask is None else left.where(mask)
        if columns is None:
            aside.append(chosen)
        else:
            groups.append(Group(columns, chosen.places))
        if mask is None:
            left = left._replace(texts=left.texts.slice(0, 0), places=left.places.slice(0, 0))
        else:
            left = left.where(pc.invert(mask))
    return (groups, sorted(line for part in (left, *aside) for line in part.whole())) if groups else None


def _split(text: bytes) -> "pa.BinaryArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    size = len(text) - 1  # without the last newline
    offsets = pa.py_buffer(bytes(4) + size.to_bytes(4, sys.byteorder))
    whole = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(text)])
    return pc.split_pattern(whole, b"\n").flatten()


def _without_prefix(lines: Lines) -> list[Lines]:
    """
    Return *lines* without what most of them begin with, and those that begin otherwise: the less is copied later.
    """
    import pyarrow.compute as pc

    count = len(lines.texts)
    samples = [lines.texts[count * part // _SAMPLES].as_py() for part in range(_SAMPLES)]
    layout = Layout.learn(samples[_SAMPLES // 2])
    prefix = b"" if layout is None else _common([layout.head, *samples])
    prefix = prefix[: prefix.rfind(b',"') + 1]  # whole fields: a part of the next one's text may be chance
    begin = pc.starts_with(lines.texts, prefix)
    parts = [lines] if pc.all(begin).as_py() else [lines.where(begin), lines.where(pc.invert(begin))]
    parts[0] = Lines(prefix, pc.binary_slice(parts[0].texts, len(prefix), END), parts[0].places)
    return parts


def _common(texts: list[bytes]) -> bytes:
    """
    Return what all *texts* begin with.
    """
    first, last = min(texts), max(texts)
    same = (place for place, (left, right) in enumerate(zip(first, last, strict=False)) if left != right)
    return first[: next(same, len(first))]


def _taken(left: Lines) -> "tuple[Columns | None, pa.BooleanArray | None]":
    """
    Return the columns of all lines that have one's layout, and which lines these are (None: all).

    Without columns, it is lines that are in no group.
    """
    import pyarrow.compute as pc

    lines, mask = left.texts, None
    middle = len(lines) // 2
    layout = Layout.learn(left.prefix + lines[middle].as_py())
    if layout is None or not layout.head.startswith(left.prefix):
        return None, pc.equal(left.places, left.places[middle])
    layout = layout._replace(head=layout.head[len(left.prefix) :])
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
        return _with_shared(columns, layout.shared, len(lines)), mask


def _with_shared(columns: Columns, shared: Row, rows: int) -> Columns:
    import pyarrow as pa

    firsts = pa.repeat(pa.scalar(0, pa.int32()), rows)
    for name, value in shared.items():
        kind = arrow_type(EVENT_TYPES[name])
        if pa.types.is_dictionary(kind):
            columns[name] = pa.DictionaryArray.from_arrays(firsts, pa.repeat(pa.scalar(value, kind.value_type), 1))
        else:
            columns[name] = pa.repeat(pa.scalar(value, kind), rows)
    return columns
