"""
Recordings to blocks of events.

Recordings come numbered, so that every row can be traced to the one that it is of.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from recordkit.analytics.blocks import Block, EventBlocks
from recordkit.container import Recording
from recordkit.container.layout import MARK_END, ChunkEntry
from recordkit.errors import FormatError

Fault = Callable[[int, FormatError], None]
"""What is told of damage, with the number of the recording; it may raise."""


class Piece(NamedTuple):
    """
    A recording, or a run of its chunks.

    Attributes:
        number: For `Block.recordings`.
        recording: Opened; it is closed by who opened it, after the next one was asked for.
        after: The chunk before the run; None for the recording's beginning.
        last: Sequence of the run's last chunk; None for the recording's end.
    """

    number: int
    recording: Recording
    after: ChunkEntry | None = None
    last: int | None = None


def event_blocks(pieces: Iterable[Piece], fault: Fault, *, threads: bool = True) -> Iterator[Block]:
    """
    Yield the rows of `events` of *pieces*, in their order.

    Args:
        pieces: What is read.
        fault: Told of damage.
        threads: Read ahead, and make blocks in threads.
    """
    blocks = EventBlocks(fault, threads=threads)
    for piece in pieces:
        recording, known = piece.recording, 0
        for entry, raw in recording.follow(piece.after):
            damage = len(recording.damage)
            if piece.last is None or entry.sequence <= piece.last:
                ends, broken = bool(entry.marks & MARK_END), damage > known
                yield from blocks.add(raw, entry.events, ends=ends, recording=piece.number, broken=broken)
            known = damage
            if piece.last is not None and entry.sequence >= piece.last:
                break
        for one in recording.damage:
            fault(piece.number, one.error)
    yield from blocks.flush()
