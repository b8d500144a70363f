"""
Runs of whole lines, as recordings give them: a chunk or a part of one.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Run:
    """
    Whole lines of one recording.

    Attributes:
        raw: Each with its newline; empty where they are cut.
        count: How many.
        ends: The event that ends the session may be among them.
        recording: Its number.
        broken: Lines are missing before them.
    """

    raw: bytes
    count: int
    ends: bool
    recording: int
    broken: bool = False


def lines_left(runs: Sequence[Run], left: list[tuple[int, bytes]]) -> Iterator[tuple[Run, Sequence[int]]]:
    """
    Yield the lines that are *left* of each run, or all that it still has, and their numbers within the block.
    """
    begin = 0
    waiting = deque(left)
    for run in runs:
        end = begin + run.count
        if run.raw:
            yield run, range(begin, end)
        lines = []
        while waiting and waiting[0][0] < end:
            lines.append(waiting.popleft())
        if lines:
            raw = b"".join([line + b"\n" for _, line in lines])
            yield replace(run, raw=raw, count=len(lines)), [place for place, _ in lines]
        begin = end


def recording_at(place: int, runs: Sequence[Run]) -> int:
    """
    Return whose the line of this number is.
    """
    ends = accumulate(run.count for run in runs)
    return next(run.recording for run, end in zip(runs, ends, strict=True) if place < end)
