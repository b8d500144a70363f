"""
What the lines of a session begin with: fields that all of them share.

FORMAT.md asks writers to put a session's constant fields first. A `Prefix` is parsed once, and cut off each line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.line_starts import tails_of
from recordkit.analytics.rows import BY_FIELD, Row, row_of
from recordkit.analytics.spans import Spans, lines_of, numbers
from recordkit.errors import InvalidEventError, UndecodableEventError
from recordkit.events import CONSTANT_FIELDS, Event, decode_line, encode_line

if TYPE_CHECKING:
    import pyarrow as pa

_CONSTANT: Final = frozenset(CONSTANT_FIELDS)


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """
    What lines begin with: an opening brace, whole fields, each with its comma.

    Attributes:
        text: The bytes.
        row: Columns of its fields.
        names: Its fields.
    """

    text: bytes
    row: Row
    names: frozenset[str]


def prefix_of(line: bytes, shared: frozenset[str], known: dict[bytes, Prefix]) -> Prefix | None:
    """
    Return what *line* may have in common with others: known fields that are *shared*, and unknown ones.

    None if it is not laid out so.

    Args:
        line: Without its newline.
        shared: Names of fields.
        known: Prefixes by their text; a new one is added.
    """
    try:
        event = decode_line(line)
    except UndecodableEventError:
        return None
    front: Event = {}
    for name, value in event.items():
        if name not in shared and name in BY_FIELD:
            break
        front[name] = value
    try:
        text = encode_line(front)[:-2] + (b"," if front else b"")
    except InvalidEventError:  # of another program: deeper than we write
        return None
    if not line.startswith(text) or len(front) == len(event):
        return None
    prefix = known.get(text)
    if prefix is None:
        prefix = known[text] = Prefix(text, row_of(front), frozenset(front))
    return prefix


_BRACE: Final = Prefix(b"{", {}, frozenset())


class CutLines(NamedTuple):
    """
    Lines without what they begin with.

    Attributes:
        total: How many lines there are.
        prefixes: Theirs, in the order of the lines; one at least.
        which: Of each line, the number of its prefix.
        rows: The lines that begin with it.
        tails: What is behind it, where it is, without the newline that follows.
        texts: The same, as a copy; None if there is none yet.
        others: Lines that begin otherwise or have control characters, by their numbers.
    """

    total: int
    prefixes: list[Prefix]
    which: "pa.Int32Array"
    rows: "pa.Int32Array"
    tails: Spans
    texts: "pa.BinaryArray | None"
    others: list[tuple[int, bytes]]


def cut_lines(parts: Sequence[bytes], counts: Sequence[int]) -> CutLines | None:
    """
    Cut off what lines have in common; None if they are not as many as they should be.

    Args:
        parts: Whole lines, one at least, each with its newline; less than 2 GiB.
        counts: How many lines each part has; those of a part are probably of one session.
    """
    # joined by Python: pools of Arrow have fresh pages, filled with zeros, for each 8 MiB and more
    text = b"".join(parts)
    found = _of_one_prefix(text, parts, sum(counts))
    return _of_any(text, counts) if found is None else found


def _of_one_prefix(text: bytes, parts: Sequence[bytes], count: int) -> CutLines | None:
    """
    Return the lines of *text* if all of them seem to have the same long prefix, as those of one session do.
    """
    import pyarrow as pa

    if not count:
        return None
    prefix = prefix_of(parts[0][: parts[0].index(b"\n")], _CONSTANT, {})
    if prefix is None or not all(part.startswith(prefix.text) for part in parts):
        return None
    found = tails_of(pa.py_buffer(text), prefix.text, count)
    if found is None:
        return None
    return CutLines(count, [prefix], pa.repeat(pa.scalar(0, pa.int32()), count), numbers(count), *found, [])


def _of_any(text: bytes, counts: Sequence[int]) -> CutLines | None:
    """
    Return any lines.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    lines, controlled = lines_of(text)
    if len(lines) != sum(counts):
        return None
    prefixes: list[Prefix] = []
    begins, which, masks = [], [], []
    for prefix, begin, end in _stretches(lines, counts):
        if prefix not in prefixes[-1:]:
            prefixes.append(prefix)
        part = lines.slice(begin, end)
        mask = part.starts_with(prefix.text)
        if 2 * mask.true_count < len(part) and prefix is not _BRACE:  # it was a sample of few
            prefixes[-1] = _BRACE
            mask = part.starts_with(_BRACE.text)
        fitting = part if mask.true_count == len(part) else part.where(mask)
        begins.append(fitting.behind(len(prefixes[-1].text)).begins)
        which.append(pa.repeat(pa.scalar(len(prefixes) - 1, pa.int32()), len(part)))
        masks.append(mask)
    mask = pa.concat_arrays(masks)
    rows, others = numbers(len(lines)), list[tuple[int, bytes]]()
    tails = Spans(lines.data, pa.concat_arrays(begins), lines.ends.filter(mask))
    if controlled is not None:
        kept = pc.invert(controlled.filter(mask))
        mask, tails = pc.and_(mask, pc.invert(controlled)), tails.where(kept)
    if mask.true_count < len(mask):
        rows, other = rows.filter(mask), pc.invert(mask)
        others = list(zip(pc.indices_nonzero(other).to_pylist(), lines.where(other).texts().to_pylist(), strict=True))
    return CutLines(len(lines), prefixes, pa.concat_arrays(which), rows, tails, None, others)


def _stretches(lines: Spans, counts: Sequence[int]) -> Iterator[tuple[Prefix, int, int]]:
    """
    Yield runs of lines that are likely to have the same prefix: it, the first one's place, the place behind the last.
    """
    known: dict[bytes, Prefix] = {}
    prefix, begin, end = None, 0, 0
    for count in counts:
        sample = lines[end + count // 2]
        if prefix is None or not sample.startswith(prefix.text):
            found = prefix_of(sample, _CONSTANT, known) or _BRACE
            if found is not prefix:
                if prefix is not None and begin < end:
                    yield prefix, begin, end
                prefix, begin = found, end
        end += count
    if prefix is not None and begin < end:
        yield prefix, begin, end
