"""
Where lines begin, found by what all of them begin with.

To look at each byte for a newline is a quarter of the work of making columns. Lines of one session begin with the same
two or three hundred bytes, so one look into each is enough: from what stands at a place it is known where in the prefix
that is, and so where its line begins. Looks are at equal distances, such that one at least is in each prefix, and in
most of them just one.

    …"}⏎{"sid":"307b49d6-56c7-4d20-8cf0-5bc5348a7101","cluster_name":"prod","user":"alice",…,"ei":17,"uid":"82e2e662-…
                         ^^^^^^^^        ^^^^^^^^                                                       ^^^^^^^^

What comes of it is checked, not believed: each line begins with the prefix, there is a newline before it, and behind
the prefixes there is none, nor any other control character. So no other lines are possible.
"""

import sys
from typing import TYPE_CHECKING, Final

from recordkit.analytics.spans import Spans, numbers

if TYPE_CHECKING:
    import pyarrow as pa

_WORD: Final = 8
_APART: Final = 2
"""Words from the first that is seen to the second."""
_SEEN: Final = (_APART + 1) * _WORD
_FACTOR: Final = 0x9E3779B97F4A7C15
"""An odd number; 2**64 divided by the golden ratio."""
_LEAST: Final = 8
"""Words from one look to the next: else it is no quicker."""
_SPACE: Final = 0x20
_NEWLINE: Final = 0x0A


def tails_of(data: "pa.Buffer", prefix: bytes, count: int) -> tuple[Spans, "pa.BinaryArray"] | None:
    """
    Return what is behind *prefix* in each line of *data*, where it is and as a copy.

    None if there are not *count* lines that begin so, if there is a control character in one, or if it can't be told
    so.

    Args:
        data: Lines, the last one with its newline, too; less than 2 GiB.
        prefix: What they begin with.
        count: How many there should be.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    begins = _begins(data, prefix, count)
    if begins is None:
        return None
    codes = pa.Array.from_buffers(pa.uint8(), data.size, [None, data])
    one, width = pa.scalar(1, pa.int32()), pa.scalar(len(prefix), pa.int32())
    ends = pc.subtract(pa.concat_arrays([begins[1:], pa.array([data.size], pa.int32())]), one)
    newlines = pc.equal(codes.take(ends), pa.scalar(_NEWLINE, pa.uint8()))
    behind = pc.add(begins, width)
    if newlines.true_count < count or pc.less_equal(behind, ends).true_count < count:
        return None
    whole = Spans(data, begins, ends)
    if whole.starts_with(prefix).true_count < count:
        return None
    tails = Spans(data, behind, ends)
    texts = tails.texts()
    found = Spans.of(texts).whole
    lowest = pc.min(pa.Array.from_buffers(pa.uint8(), found.size, [None, found])).as_py()
    return None if lowest is not None and lowest < _SPACE else (tails, texts)


def _begins(data: "pa.Buffer", prefix: bytes, count: int) -> "pa.Int32Array | None":
    """
    Return where *count* lines seem to begin, rising; None if it is another number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    step = (len(prefix) - _SEEN + 1) // _WORD
    places = {_mixed(prefix, place): place for place in range(step * _WORD)}
    if count < 1 or step < _LEAST or len(places) < step * _WORD:
        return None
    words = pa.Array.from_buffers(pa.uint64(), data.size // _WORD, [None, data])
    count_of_looks = -(-(len(words) - _APART) // step)
    if count_of_looks < 1:
        return None
    at = numbers(count_of_looks, step)
    second = words[_APART:].take(at)
    seen = pc.bit_wise_xor(words.take(at), pc.multiply(second, pa.scalar(_FACTOR, pa.uint64())))
    which = pc.index_in(seen, value_set=pa.array(list(places), pa.uint64()))
    begins = pc.subtract(numbers(count_of_looks, step * _WORD), which)  # null where it is no part of the prefix
    begins = begins.drop_null()
    rising = pc.greater(begins[1:], begins[:-1])
    if len(begins) != count or begins[0].as_py() != 0 or rising.true_count < count - 1:
        return None
    return begins


def _mixed(text: bytes, place: int) -> int:
    """
    Return a number of 64 bits for what is seen of *text* at a place: two words, which are hardly twice in one prefix.
    """
    first, second = (
        int.from_bytes(text[begin : begin + _WORD], sys.byteorder) for begin in (place, place + _APART * _WORD)
    )
    return first ^ second * _FACTOR % 2**64
