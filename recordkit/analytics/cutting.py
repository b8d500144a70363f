"""
Chunks of lines apart into what a session's events share and what is their own.

The lines of a chunk mostly begin with the same bytes: a `Prefix`. Each line is cut behind it. That all lines have
it is checked by counting, not assumed. Lines that begin otherwise are left whole.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from recordkit.analytics.prefixes import Prefix, prefix_of
from recordkit.events import CONSTANT_FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

    Buffer: TypeAlias = bytes | pa.Buffer

_CONSTANT: Final = frozenset(CONSTANT_FIELDS)
_WIDE: Final = _CONSTANT | {"event", "code", "success"}
"""What lines share where all events of a chunk are of one kind."""
_HOPES: Final = 3
"""Chunks for which more is tried than the constant fields; the session's start has another kind."""
_END: Final = b'"session_stop":'
_BETWEEN: Final = b"\n{"
_MAX_CUT: Final = 2**31 - 2  # what offsets of 32 bits reach
_MAX_KNOWN: Final = 256
"""Prefixes that are remembered; a hostile recording can't grow the table."""


@dataclass(slots=True)
class Segment:
    """
    Lines that follow each other and are treated alike.

    Attributes:
        prefix: What was cut from each; None if they are whole.
        text: The lines, without the last one's newline. Where they are cut, each but the first begins with a brace.
        count: How many.
    """

    prefix: Prefix | None
    text: "Buffer" = field(repr=False)
    count: int

    def lines(self) -> list[bytes]:
        """
        Return the lines as they were.
        """
        if self.prefix is None:
            return bytes(self.text).split(b"\n")
        first, *others = bytes(self.text).split(b"\n")
        text = self.prefix.text
        return [text + first, *(text + line[1:] for line in others)]


class Cutter:
    """
    Cuts run after run of lines; remembers what they begin with.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Prefix] = {}
        self._last: Prefix | None = None
        self._hopes = 0

    def cut(self, raw: bytes, count: int, *, ends: bool) -> Iterator[Segment]:
        """
        Yield the segments of *raw*, in order.

        Args:
            raw: Whole lines, each with its newline.
            count: How many.
            ends: The event that ends the session may be among them.
        """
        if ends:
            last = raw.rfind(b"\n", 0, -1) + 1
            if raw.find(_END, last) >= 0:  # it has times of its own: not for the fast way
                if last:
                    yield from self.cut(raw[:last], count - 1, ends=False)
                yield Segment(None, raw[last:-1], 1)
                return
        middle = raw.find(b"\n", len(raw) // 2) + 1
        sample = raw[middle : raw.find(b"\n", middle)] if middle < len(raw) else raw[: raw.find(b"\n")]
        prefix = self._last
        if prefix is None or self._hopes or not raw.startswith(prefix.text):
            wide = self._prefix_of(sample, _WIDE)
            if wide is not None and wide is not prefix:
                self._hopes -= self._hopes > 0
                whole = _cut_all(raw, wide, count)
                if whole is not None:
                    self._last, self._hopes = wide, 0
                    yield whole
                    return
        whole = None if prefix is None else _cut_all(raw, prefix, count)
        if whole is not None:
            yield whole
            return
        narrow = self._prefix_of(sample, _CONSTANT)
        whole = None if narrow is None or narrow is prefix else _cut_all(raw, narrow, count)
        self._last, self._hopes = narrow or prefix, _HOPES
        if whole is not None:
            yield whole
            return
        first = self._prefix_of(raw[: raw.find(b"\n")], _CONSTANT)
        yield from _cut_some(raw, [one for one in dict.fromkeys((narrow, first, prefix)) if one is not None])

    def _prefix_of(self, line: bytes, shared: frozenset[str]) -> Prefix | None:
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        return prefix_of(line, shared, self._known)


def _start(prefix: Prefix) -> bytes:
    """
    Return what a line with *prefix* begins with: behind its comma comes a name, or it would be no JSON.
    """
    return prefix.text + b'"' if prefix.names else prefix.text


def _cut_all(raw: bytes, prefix: Prefix, count: int) -> Segment | None:
    """
    Return *raw* as one segment; None if one of its *count* lines begins otherwise.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    begin, size = len(prefix.text), len(raw) - 1
    if not raw.startswith(_start(prefix)) or size > _MAX_CUT:
        return None
    # One pass in C++ with the interpreter free, half the time of split and slice. Its length tells how often it cut.
    one = pa.Array.from_buffers(
        pa.binary(),
        1,
        [None, pa.py_buffer(bytes(4) + (size - begin).to_bytes(4, sys.byteorder)), pa.py_buffer(raw).slice(begin)],
    )
    cut, between = b"\n" + _start(prefix), _BETWEEN + _start(prefix)[begin:]
    text = pc.replace_substring(one, cut, between)[0].as_buffer()
    if size - begin - len(text) != (count - 1) * (len(cut) - len(between)):
        return None
    if cut == between and raw.count(cut) != count - 1:  # nothing but the brace, so no length tells
        return None
    return Segment(prefix, text, count)


def _cut_some(raw: bytes, prefixes: list[Prefix]) -> Iterator[Segment]:
    def prefix_of(line: bytes) -> Prefix | None:
        return next((prefix for prefix in prefixes if line.startswith(_start(prefix))), None)

    for prefix, lines in groupby(raw[:-1].split(b"\n"), prefix_of):
        if prefix is None:
            whole = list(lines)
            yield Segment(None, b"\n".join(whole), len(whole))
            continue
        cut = [line[len(prefix.text) :] for line in lines]
        yield Segment(prefix, _BETWEEN.join(cut), len(cut))
