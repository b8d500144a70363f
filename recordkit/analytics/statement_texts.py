"""
What the texts of statements tell, for a column of them.

Texts that are equal are looked at once a batch; and so are those that are equal but for their digits, as a million
statements of pgbench are: all digits are made the same in the column's memory before it becomes a dictionary
(`recordkit.sql.tokens.SIMPLE` says of which texts that changes nothing). What is left over, `Deriver` remembers.
"""

from typing import TYPE_CHECKING, Final

from recordkit.sql.derivation import Derived, Deriver
from recordkit.sql.tokens import MAX_STATEMENT_CHARS, SIMPLE

if TYPE_CHECKING:
    import pyarrow as pa

_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_OWN: Final = -1
"""Of a text whose digits matter."""


def derived(
    texts: "pa.StringArray", protocols: "pa.DictionaryArray", deriver: Deriver
) -> "tuple[pa.Int32Array, list[Derived]]":
    """
    Return what *texts* tell, each by its number in the list.

    Args:
        texts: Statements, one at least; null tells what an empty one does.
        protocols: Of each its ``db_protocol``.
        deriver: What remembers texts from call to call.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.fill_null(texts, "")
    names = [*protocols.dictionary.to_pylist(), None]
    places = pc.fill_null(protocols.indices, len(names) - 1)
    found = _Found(deriver)
    parts, rows = [], []
    used = pc.unique(places).to_pylist()
    for place in used:
        mine = pc.equal(places, pa.scalar(place, places.type))
        chosen = texts if len(used) == 1 else texts.filter(mine)
        parts.append(found.numbers(chosen, names[place]))
        rows.append(pc.indices_nonzero(mine))
    if len(parts) == 1:
        return parts[0], found.all
    order = pc.sort_indices(pa.concat_arrays(rows))
    return pa.concat_arrays(parts).take(order), found.all


class _Found:
    """
    What was derived, each once.
    """

    def __init__(self, deriver: Deriver) -> None:
        self._deriver = deriver
        self._places: dict[int, int] = {}  # by id: it stays the same, since `all` keeps them
        self.all: list[Derived] = []

    def number(self, text: str, protocol: str | None) -> int:
        """
        Return the place of what *text* tells.
        """
        one = self._deriver.derive(text, protocol)
        place = self._places.setdefault(id(one), len(self.all))
        if place == len(self.all):
            self.all.append(one)
        return place

    def numbers(self, texts: "pa.StringArray", protocol: str | None) -> "pa.Int32Array":
        """
        Return the places of what *texts* of one protocol tell.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self._deriver.cuts(protocol):
            return self._each(texts, protocol)
        encoded = _with_zeros(texts).dictionary_encode()
        codes = [
            self.number(text, protocol) if len(text) <= MAX_STATEMENT_CHARS and SIMPLE.fullmatch(text) else _OWN
            for text in encoded.dictionary.to_pylist()
        ]
        numbers = pa.array(codes, pa.int32()).take(encoded.indices)
        own = pc.equal(numbers, pa.scalar(_OWN, pa.int32()))
        return (
            pc.replace_with_mask(numbers, own, self._each(texts.filter(own), protocol)) if own.true_count else numbers
        )

    def _each(self, texts: "pa.StringArray", protocol: str | None) -> "pa.Int32Array":
        import pyarrow as pa

        encoded = texts.dictionary_encode()
        codes = [self.number(text, protocol) for text in encoded.dictionary.to_pylist()]
        return pa.array(codes, pa.int32()).take(encoded.indices)


def _with_zeros(texts: "pa.StringArray") -> "pa.StringArray":
    """
    Return *texts* with all digits zero.
    """
    import pyarrow as pa

    validity, offsets, data = texts.buffers()
    zeros = b"" if data is None else data.to_pybytes().translate(_ZEROS)
    return pa.Array.from_buffers(texts.type, len(texts), [validity, offsets, pa.py_buffer(zeros)], offset=texts.offset)
