"""
What the texts of statements tell, for a column of them.

Texts that are equal are looked at once a batch; and so are those that are equal but for their numbers, as a million
statements of pgbench are: Arrow makes all numbers the same before it makes them a dictionary
(`recordkit.sql.tokens.SIMPLE_CHARS` says when that changes nothing). What is left over, `Deriver` remembers.
"""

import re
from typing import TYPE_CHECKING, Final

from recordkit.analytics.layouts import data_of
from recordkit.sql.derivation import Derived, Deriver
from recordkit.sql.tokens import MAX_STATEMENT_CHARS, NUMBER, SIMPLE_CHARS

if TYPE_CHECKING:
    import pyarrow as pa

_SIMPLE: Final = rf"^[{SIMPLE_CHARS}]*$"
_SIMPLE_BYTES: Final = "".join(re.findall(rf"[{SIMPLE_CHARS}]", "".join(map(chr, range(128))))).encode()


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
    numbers: dict[int, int] = {}
    found: list[Derived] = []
    parts, rows = [], []
    used = pc.unique(places).to_pylist()
    for place in used:
        mine = pc.equal(places, pa.scalar(place, places.type))
        chosen = texts if len(used) == 1 else texts.filter(mine)
        protocol = names[place]
        alike = _alike(chosen) if deriver.cuts(protocol) else chosen
        encoded = alike.dictionary_encode()
        codes = []
        for text in encoded.dictionary.to_pylist():
            one = deriver.derive(text, protocol)
            number = numbers.setdefault(id(one), len(found))
            if number == len(found):
                found.append(one)  # also keeps it, and so its id
            codes.append(number)
        parts.append(pa.array(codes, pa.int32()).take(encoded.indices))
        rows.append(pc.indices_nonzero(mine))
    if len(parts) == 1:
        return parts[0], found
    order = pc.sort_indices(pa.concat_arrays(rows))
    return pa.concat_arrays(parts).take(order), found


def _alike(texts: "pa.StringArray") -> "pa.StringArray":
    """
    Return *texts*, those that differ in numbers only as the same text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if _all_simple(texts):
        return pc.replace_substring_regex(texts, NUMBER, "0")
    simple = pc.and_not(pc.match_substring_regex(texts, _SIMPLE), pc.match_substring(texts, "/*"))
    # of a text that is too long the length would tell
    simple = pc.and_(simple, pc.less_equal(pc.binary_length(texts), pa.scalar(MAX_STATEMENT_CHARS, pa.int32())))
    if not simple.true_count:
        return texts
    changed = pc.replace_substring_regex(texts.filter(simple), NUMBER, "0")
    return pc.replace_with_mask(texts, simple, changed)


def _all_simple(texts: "pa.StringArray") -> bool:
    """
    Tell whether all *texts* are simple and short; one pass over their bytes, a fifth of the expression's time.
    """
    import pyarrow.compute as pc

    data = data_of(texts)
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    return longest <= MAX_STATEMENT_CHARS and not data.translate(None, _SIMPLE_BYTES) and b"/*" not in data
