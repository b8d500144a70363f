"""
Which chunks of a file were put where they do not belong: those that the longest rising run leaves out.

Chunks are numbered in order. Where a number is too high, either those between are missing, or the chunk itself was
moved or copied there, and those between follow. The explanation that costs the fewest chunks is taken: of all runs
of rising numbers the longest, and of equally long ones the one that keeps what comes first.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence


def left_out(numbers: Sequence[int]) -> Iterator[int]:
    """
    Yield the places in *numbers* that do not belong to the run; O(n log n) time, 16 bytes a number.
    """
    lengths = array("Q", bytes(8 * len(numbers)))  # of the longest run that begins at each place
    heads: list[int] = []  # by length: the highest number, negated, that such a run begins with
    for place in range(len(numbers) - 1, -1, -1):
        number = -numbers[place]
        length = bisect_left(heads, number)
        heads[length : length + 1] = [number]
        lengths[place] = length + 1
    wanted, last = len(heads), -1
    for place, number in enumerate(numbers):
        if wanted and lengths[place] == wanted and number > last:
            wanted, last = wanted - 1, number
        else:
            yield place
