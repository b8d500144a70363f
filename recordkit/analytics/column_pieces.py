"""
Columns put together of pieces, each of which has the values of some lines.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from recordkit.analytics.rows import Row
from recordkit.analytics.schema import EVENT_TYPES, arrow_type
from recordkit.analytics.slots import Columns
from recordkit.analytics.spans import numbers

if TYPE_CHECKING:
    import pyarrow as pa


class Piece(NamedTuple):
    """
    Values of some lines in one column.

    Attributes:
        column: Its name.
        rows: The lines' numbers; none is in two pieces of a column.
        values: With or without a dictionary.
    """

    column: str
    rows: "pa.Int32Array"
    values: "pa.Array"


def put_together(pieces: Iterable[Piece], rows: "pa.Int32Array", total: int) -> Columns:
    """
    Return the columns of *rows*, null where no piece has a value.

    Args:
        pieces: Of these lines and maybe others.
        rows: Numbers of lines, rising.
        total: How many lines there are.
    """
    parts: dict[str, list[Piece]] = {}
    for piece in pieces:
        parts.setdefault(piece.column, []).append(piece)
    known: dict[tuple[int, ...], pa.Int32Array] = {}  # several columns are of the same lines
    found: Columns = {}
    for column, some in parts.items():
        if len(some) == 1 and some[0].rows.equals(rows):
            found[column] = some[0].values
            continue
        key = tuple(id(piece.rows) for piece in some)
        if key not in known:
            known[key] = places_of([piece.rows for piece in some], total).take(rows)
        found[column] = _concatenated([piece.values for piece in some]).take(known[key])
    return found


def columns_of_rows(rows: Sequence[Row], which: "pa.Int32Array") -> Columns:
    """
    Return the columns of *rows*, each as often as *which* says.
    """
    import pyarrow as pa

    found: Columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        kind = arrow_type(EVENT_TYPES[name])
        values = pa.array([row.get(name) for row in rows], kind)
        if pa.types.is_dictionary(kind):
            index = which if len(rows) == 1 else values.indices.take(which)
            found[name] = pa.DictionaryArray.from_arrays(index, values.dictionary, safe=False)
        else:
            found[name] = values.take(which)
    return found


def places_of(rows: "Sequence[pa.Int32Array]", count: int) -> "pa.Int32Array":
    """
    Return where each of *count* rows is in *rows*, one array behind the other; null where it is not.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    places = pa.concat_arrays(rows)
    if hasattr(pc, "InversePermutationOptions"):  # pyarrow 23; the other way takes ten times as long
        return pc.inverse_permutation(places, max_index=count - 1)
    return pc.index_in(numbers(count), places)


def either(first: "pa.Array", second: "pa.Array") -> "pa.Array":
    """
    Return the values of both, none of which has one where the other has.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    here = numbers(len(first))
    there = pc.add(here, pa.scalar(len(first), pa.int32()))
    return _concatenated([first, second]).take(pc.if_else(pc.is_valid(first), here, there))


def _concatenated(arrays: "Sequence[pa.Array]") -> "pa.Array":
    """
    Return one array of all, with a dictionary if one of them has.
    """
    import pyarrow as pa

    encoded = [pa.types.is_dictionary(values.type) for values in arrays]
    if any(encoded):
        arrays = [values if is_so else values.dictionary_encode()
                  for values, is_so in zip(arrays, encoded, strict=True)]  # fmt: skip
    return pa.concat_arrays(arrays)
