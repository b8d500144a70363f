"""
Where what statements are made of stands: in the columns of their block, or in values of their own.

==============  =======================================================================
a place of      from 0 on, from the block's count of rows on, from twice that on
==============  =======================================================================
a text          ``db_query`` of a row, ``query`` of a row, `Own.texts`
parameters      ``db_query_parameters`` of a row, ``parameters`` of a row, `Own.lists`
a name          ``statement_name`` of a row, `Own.names`
==============  =======================================================================
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from recordkit.analytics.statements import Parameters, Statement

if TYPE_CHECKING:
    import pyarrow as pa


class Own:
    """
    What stands in no column of a block.

    Attributes:
        count: Rows of the block.
        texts, lists, names: The values.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.texts: list[str] = []
        self.lists: list[list[str | None]] = []
        self.names: list[str] = []

    def text(self, text: str | None) -> int | None:
        """
        Return the place of *text*; None for none.
        """
        if text is None:
            return None
        self.texts.append(text)
        return 2 * self.count + len(self.texts) - 1

    def parameters(self, given: Parameters) -> int | None:
        """
        Return the place of parameters that a statement has.
        """
        if isinstance(given, list):
            self.lists.append(given)
            return 2 * self.count + len(self.lists) - 1
        return None if given is None else self.count + given

    def name(self, name: str | None) -> int | None:
        """
        Return the place of *name*; None for none.
        """
        if name is None:
            return None
        self.names.append(name)
        return self.count + len(self.names) - 1


class Places(NamedTuple):
    """
    Some statements.

    Attributes:
        rows: Their events' rows.
        texts, parameters, names: Places, null for none. All None: they are what their row's ``db_query`` says.
        resolved: As in `Statement`; None as well.
    """

    rows: "pa.Int64Array"
    texts: "pa.Int64Array | None" = None
    parameters: "pa.Int64Array | None" = None
    names: "pa.Int64Array | None" = None
    resolved: "pa.BooleanArray | None" = None

    def whole(self) -> "tuple[pa.Int64Array, pa.Int64Array, pa.Int64Array, pa.Int64Array, pa.BooleanArray]":
        """
        Return all of it, without None.
        """
        import pyarrow as pa

        if self.texts is None or self.parameters is None or self.names is None or self.resolved is None:
            nothing = pa.nulls(len(self.rows), pa.int64())
            return self.rows, self.rows, self.rows, nothing, pa.repeat(pa.scalar(value=True), len(self.rows))
        return self.rows, self.texts, self.parameters, self.names, self.resolved


def of_rows(rows: Sequence[int], unusual: Mapping[int, Statement], own: Own) -> Places:
    """
    Return the statements in *rows*, of which some are *unusual*, by their place in the list.
    """
    import pyarrow as pa

    array = pa.array(rows, pa.int64())
    if not unusual:
        return Places(array)
    texts: list[int | None] = list(rows)
    parameters: list[int | None] = list(rows)
    names: list[int | None] = [None] * len(rows)
    resolved = [True] * len(rows)
    for place, (text, bound_to, name, sure, _) in unusual.items():
        texts[place], parameters[place], names[place] = own.text(text), own.parameters(bound_to), own.name(name)
        resolved[place] = sure
    return Places(
        array,
        pa.array(texts, pa.int64()),
        pa.array(parameters, pa.int64()),
        pa.array(names, pa.int64()),
        pa.array(resolved, pa.bool_()),
    )


def joined(places: Sequence[Places]) -> Places:
    """
    Return the statements of all, one or more, behind each other.
    """
    import pyarrow as pa

    if len(places) == 1:
        return places[0]
    if all(some.texts is None for some in places):
        return Places(pa.concat_arrays([some.rows for some in places]))
    return Places(*(pa.concat_arrays(parts) for parts in zip(*(some.whole() for some in places), strict=True)))
