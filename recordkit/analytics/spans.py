"""
Texts that lie behind each other in one buffer, looked at where they are.

Arrow has its texts without gaps, so what is cut out of lines would be copied: a line, what is behind its prefix, what
is behind each of its values. A `Spans` is two columns of numbers, where each text begins and where it ends; what is
next is an addition. Two arrays are laid over the buffer to look at texts without copying any:

    begins    [text 0 and what is behind it][text 1 and what is behind it]…     `head`, `find`: from their begins
    ends      [text 0][what is before, and text 1]…                             `ends_with`: from their ends

Only what is asked for is copied. Texts don't overlap and are in order, which every way to a new `Spans` checks or keeps
true: Arrow itself does not look, and would read where nothing is.
"""

import sys
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import pyarrow as pa

_SPACE: Final = 0x20
_NEWLINE: Final = 0x0A
_NOT_ASCII: Final = 0x80
_WORD: Final = 64


class UnfitError(Exception):
    """
    Texts are not as they should be.

    Attributes:
        fitting: Which of them may be; None if nothing can be said of any.
    """

    def __init__(self, fitting: "pa.BooleanArray | None" = None) -> None:
        super().__init__()
        self.fitting = fitting


def demand(fitting: "pa.BooleanArray") -> None:
    """
    See that all texts fit; *fitting* has no nulls.

    Raises:
        UnfitError: Some don't.
    """
    if fitting.true_count < len(fitting):
        raise UnfitError(fitting)


@dataclass(frozen=True, slots=True)
class Spans:
    """
    Some texts of a buffer.

    Attributes:
        data: The buffer; less than 2 GiB.
        begins: Where each text begins; rising.
        ends: Where it ends: not before its begin, nor behind the next one's.
    """

    data: "pa.Buffer"
    begins: "pa.Int32Array"
    ends: "pa.Int32Array"
    _from_begins: "list[pa.BinaryArray]" = field(init=False, default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, texts: "pa.BinaryArray") -> Self:
        """
        Return the texts of an array.
        """
        import pyarrow as pa

        _, offsets, data = texts.buffers()
        if not len(texts):
            return cls(pa.py_buffer(b""), pa.array([], pa.int32()), pa.array([], pa.int32()))
        places = pa.Array.from_buffers(pa.int32(), len(texts) + 1, [None, offsets], offset=texts.offset)
        return cls(pa.py_buffer(b"") if data is None else data, places[:-1], places[1:])

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, place: int) -> bytes:
        """
        Return a copy of one text.
        """
        begin, end = self.begins[place].as_py(), self.ends[place].as_py()
        found: bytes = self.data.slice(begin, end - begin).to_pybytes()
        return found

    @property
    def whole(self) -> "pa.Buffer":
        """
        The buffer, to the end of the last text.
        """
        return self.data.slice(0, self.ends[-1].as_py() if len(self) else 0)

    def slice(self, begin: int, end: int) -> Self:
        """
        Return the texts with the numbers from *begin* to before *end*.
        """
        return type(self)(self.data, self.begins[begin:end], self.ends[begin:end])

    def where(self, mask: "pa.BooleanArray") -> Self:
        """
        Return the texts for which *mask* is true.
        """
        return type(self)(self.data, self.begins.filter(mask), self.ends.filter(mask))

    def behind(self, width: "int | pa.Int32Array") -> Self:
        """
        Return what is behind the first *width* bytes of each text.

        Args:
            width: Not below zero, of each text or of all of them.

        Raises:
            UnfitError: Some are not so long.
        """
        import pyarrow.compute as pc

        return self._checked(pc.add(self.begins, _int32(width)), self.ends)

    def before(self, width: int) -> Self:
        """
        Return what is before the last *width* bytes of each text.

        Raises:
            UnfitError: Some are not so long.
        """
        import pyarrow.compute as pc

        return self._checked(self.begins, pc.subtract(self.ends, _int32(width)))

    def _checked(self, begins: "pa.Int32Array", ends: "pa.Int32Array") -> Self:
        import pyarrow.compute as pc

        demand(pc.less_equal(begins, ends))
        return type(self)(self.data, begins, ends)

    def head(self, width: int) -> "pa.BinaryArray":
        """
        Return the first *width* bytes of each text, and of what is behind it where it is shorter.
        """
        import pyarrow.compute as pc

        return pc.binary_slice(self._array(), 0, width)

    def starts_with(self, text: bytes) -> "pa.BooleanArray":
        """
        Tell of each text whether it starts so, together with what is behind it.
        """
        import pyarrow.compute as pc

        return pc.starts_with(self._array(), text)

    def ends_with(self, text: bytes) -> "pa.BooleanArray":
        """
        Tell of each text whether it ends so, together with what is before it.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.ends_with(_over(self.data, pa.concat_arrays([self.begins[:1], self.ends])), text)

    def find(self, text: bytes) -> "pa.Int32Array":
        """
        Return how many bytes of each text, and of what is behind it, are before *text*; -1 where there is none.
        """
        import pyarrow.compute as pc

        return pc.find_substring(self._array(), text)

    def first(self, widths: "pa.Int32Array") -> "pa.BinaryArray":
        """
        Return the first bytes of each text, as many as *widths* says; it has as many.
        """
        import pyarrow.compute as pc

        return type(self)(self.data, self.begins, pc.add(self.begins, widths)).texts()

    def texts(self) -> "pa.BinaryArray":
        """
        Return a copy of all texts.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        count = len(self)
        if not count:
            return pa.array([], pa.binary())
        low, high = (self.begins, self.ends) if sys.byteorder == "little" else (self.ends, self.begins)
        # text, what is behind it, text, …: its offsets are the begins and ends by turns, two to a word
        words = pc.bit_wise_or(low.cast(pa.int64()), pc.shift_left(high.cast(pa.int64()), pa.scalar(32, pa.int64())))
        all_of_it = pa.Array.from_buffers(
            pa.binary(), 2 * count - 1, [None, words.buffers()[1], self.data], null_count=0, offset=2 * words.offset
        )
        return all_of_it.take(numbers(count, 2))

    def _array(self) -> "pa.BinaryArray":
        """
        Return the texts, each with what is behind it.
        """
        import pyarrow as pa

        if not self._from_begins:
            self._from_begins.append(_over(self.data, pa.concat_arrays([self.begins, self.ends[-1:]])))
        return self._from_begins[0]


def lines_of(text: bytes) -> "tuple[Spans, pa.BooleanArray | None]":
    """
    Return the lines of *text*, and which of them have control characters; None if none has.

    Args:
        text: Lines, each with its newline; less than 2 GiB.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    data = pa.py_buffer(text)
    codes = pa.Array.from_buffers(pa.uint8(), len(text), [None, data])
    places = _true_places(pc.less(codes, pa.scalar(_SPACE, pa.uint8())))
    newline = pc.equal(codes.take(places), pa.scalar(_NEWLINE, pa.uint8()))
    all_are = pc.all(newline, min_count=0).as_py()
    ends = places if all_are else places.filter(newline)
    begins = pa.concat_arrays([pa.array([0], pa.int32()), pc.add(ends[:-1], _int32(1))])[: len(ends)]
    lines = Spans(data, begins, ends)
    if all_are:
        return lines, None
    before = pc.cumulative_sum(newline.cast(pa.int32()))  # a character of line n has n newlines before it
    controlled = before.filter(pc.invert(newline))
    return lines, pc.is_in(numbers(len(ends)), controlled)


def _true_places(mask: "pa.BooleanArray") -> "pa.Int32Array":
    """
    Return the places where *mask* is true, which are few.

    Arrow's `indices_nonzero` takes twice as long for it as to compute such a mask. Here its bits are seen as words,
    most of which are zero, and the others have one bit, unless lines are shorter than 64 bytes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    count = len(mask) // _WORD
    words = pa.Array.from_buffers(pa.uint64(), count, [None, mask.buffers()[1]])
    used = pc.indices_nonzero(words)
    bits = words.take(used)
    lower = pc.subtract(bits, pa.scalar(1, pa.uint64()))
    if sys.byteorder != "little" or pc.any(pc.bit_wise_and(bits, lower).cast(pa.bool_())).as_py():
        return pc.indices_nonzero(mask).cast(pa.int32())
    places = pc.log2(pc.cast(bits, pa.float64(), safe=False)).cast(pa.int32())  # exact: they are powers of two
    found = pc.add(pc.multiply(used.cast(pa.int32()), _int32(_WORD)), places)
    last = pc.indices_nonzero(mask[count * _WORD :]).cast(pa.int32())
    return pa.concat_arrays([found, pc.add(last, _int32(count * _WORD))])


def occurs(byte: bytes, data: "pa.Buffer") -> bool:
    """
    Tell whether a byte, of any but RE2's special characters, is in *data*.

    As the start of a regular expression it is looked for by ``memchr``; Arrow's own search takes thirty times as long,
    and so does making a Python object of the buffer.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    places = pa.array([0, data.size], pa.int64()).buffers()[1]
    text = pa.Array.from_buffers(pa.large_binary(), 1, [None, places, data])
    found: bool = pc.match_substring_regex(text, byte.replace(b"\\", rb"\\"))[0].as_py()
    return found


def is_ascii(data: "pa.Buffer") -> bool:
    """
    Tell whether all bytes of *data* are below 0x80.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    highest = pc.max(pa.Array.from_buffers(pa.uint8(), data.size, [None, data])).as_py()
    return highest is None or highest < _NOT_ASCII


def numbers(count: int, step: int = 1) -> "pa.Int32Array":
    """
    Return *count* numbers: 0, *step*, and so on.
    """
    return _numbers(1 << count.bit_length(), step)[:count]


@lru_cache(maxsize=4)
def _numbers(count: int, step: int) -> "pa.Int32Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cumulative_sum(pa.repeat(pa.scalar(step, pa.int32()), count), start=-step)


def _over(data: "pa.Buffer", offsets: "pa.Int32Array") -> "pa.BinaryArray":
    import pyarrow as pa

    if not len(offsets):
        return pa.array([], pa.binary())
    buffers = [None, offsets.buffers()[1], data]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers, null_count=0, offset=offsets.offset)


def _int32(value: "int | pa.Int32Array") -> "pa.Int32Array | pa.Int32Scalar":
    import pyarrow as pa

    return pa.scalar(value, pa.int32()) if isinstance(value, int) else value
