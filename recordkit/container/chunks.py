"""
One chunk: lines in, header and frame out; and where the next one goes.

A `Position` is all that a writer has to remember of what it wrote. Encoding returns the next position
instead of changing one, so a write that fails leaves the writer where it was.
"""

from typing import NamedTuple

from recordkit.container.frames import Compressor
from recordkit.container.layout import (
    CHUNK,
    CHUNK_FRAME_SIZE,
    CHUNK_TAG,
    CRC,
    INT64_MAX,
    INT64_MIN,
    MAGIC,
    MARK_ORDERED,
    ChunkEntry,
    ChunkHeader,
    chain_start,
    chain_value,
    entry_of,
    pack_chunk_header,
    pack_header,
)


class Counts:
    """
    What a chunk's header says of its events, gathered while lines are made.

    Attributes:
        lowest_ei, highest_ei: Over all events of the chunk.
        earliest_ns, latest_ns: Likewise; earliest > latest means that no event has a time.
        longest_wait_ns: Longest time from a statement to its result.
    """

    __slots__ = (
        "earliest_ns",
        "errors",
        "events",
        "highest_ei",
        "latest_ns",
        "longest_wait_ns",
        "lost",
        "lowest_ei",
        "marks",
        "queries",
    )

    def __init__(self) -> None:
        self.events = self.queries = self.errors = self.marks = self.lost = self.longest_wait_ns = 0
        self.lowest_ei = self.earliest_ns = INT64_MAX
        self.highest_ei = self.latest_ns = INT64_MIN

    def cover(self, lowest_ei: int, highest_ei: int) -> None:
        """
        Take in the events *lowest_ei* to *highest_ei*; none if the second is smaller.
        """
        if lowest_ei <= highest_ei:
            self.lowest_ei = min(self.lowest_ei, lowest_ei)
            self.highest_ei = max(self.highest_ei, highest_ei)

    def add(self, other: "Counts | ChunkEntry") -> None:
        """
        Add another chunk's counts, as when chunks are joined.
        """
        self.events += other.events
        self.queries += other.queries
        self.errors += other.errors
        self.marks |= other.marks
        self.lost += other.lost
        self.longest_wait_ns = max(self.longest_wait_ns, other.longest_wait_ns)
        self.lowest_ei = min(self.lowest_ei, other.lowest_ei)
        self.highest_ei = max(self.highest_ei, other.highest_ei)
        self.earliest_ns = min(self.earliest_ns, other.earliest_ns)
        self.latest_ns = max(self.latest_ns, other.latest_ns)


class Order(NamedTuple):
    """
    How far a run of chunks has come, and whether it rose all the way.

    Attributes:
        highest_ei, latest_ns: Over the whole run.
        rising: In each chunk neither ``ei`` nor time is below that of any chunk before.
    """

    highest_ei: int = INT64_MIN
    latest_ns: int = INT64_MIN
    rising: bool = True

    def after(self, chunk: Counts | ChunkEntry) -> "Order":
        """
        Return the order of the run with *chunk* behind it.
        """
        # the highest too: a chunk without events or times ends a rise, or the search by halves goes astray
        falls = (
            min(chunk.lowest_ei, chunk.highest_ei) < self.highest_ei
            or min(chunk.earliest_ns, chunk.latest_ns) < self.latest_ns
        )
        return Order(
            max(self.highest_ei, chunk.highest_ei), max(self.latest_ns, chunk.latest_ns), self.rising and not falls
        )


class Position(NamedTuple):
    """
    Where the next chunk goes, and what it has to follow.
    """

    recording_id: bytes
    sequence: int
    chain: bytes
    offset: int
    order: Order = Order()


def begin(*, sid: bytes, owner: bytes, created_ns: int, attributes: bytes) -> tuple[bytes, Position]:
    """
    Return a recording's first bytes (magic and header) and where its first chunk goes.

    Args:
        sid: 16 bytes.
        owner: 16 bytes that name the recorder, so that others can tell whether it lives.
        created_ns: Nanoseconds since the Unix epoch.
        attributes: A JSON object, see FORMAT.md section 3.
    """
    header = pack_header(sid=sid, owner=owner, created_ns=created_ns, attributes=attributes)
    return MAGIC + header, first_position(header)


def first_position(header_frame: bytes) -> Position:
    """
    Return where the first chunk goes behind the magic and *header_frame*.
    """
    chain = chain_start(header_frame)
    return Position(chain[:8], 0, chain, len(MAGIC) + len(header_frame))


class EncodedChunk(NamedTuple):
    """
    A chunk ready to be written.

    Attributes:
        data: Its bytes.
        entry: What the index will say of it.
        after: The position behind it.
    """

    data: bytes
    entry: ChunkEntry
    after: Position


def encode_chunk(position: Position, raw: bytes | memoryview, counts: Counts, compressor: Compressor) -> EncodedChunk:
    """
    Return one chunk as it is written at *position*.

    Args:
        position: Where it will be written.
        raw: Whole lines, newline included, at most 4 GiB.
        counts: Of exactly these lines.
        compressor: Its level is the caller's choice.
    """
    return frame_chunk(position, compressor.frame(raw), len(raw), counts)


def frame_chunk(position: Position, frame: bytes, raw_size: int, counts: Counts) -> EncodedChunk:
    """
    Return the chunk whose lines, *raw_size* bytes of them, are compressed already; see `encode_chunk`.
    """
    order = position.order.after(counts)
    header = ChunkHeader(
        tag=CHUNK_TAG,
        size=CHUNK.size + CRC.size,
        critical_flags=0,
        recording_id=position.recording_id,
        sequence=position.sequence,
        stored_size=len(frame),
        raw_size=raw_size,
        events=counts.events,
        queries=min(counts.queries, counts.events),  # so may headers of chunks that are joined, if forged
        errors=min(counts.errors, counts.events),
        marks=counts.marks & ~MARK_ORDERED | (MARK_ORDERED if order.rising else 0),
        lost=min(counts.lost, INT64_MAX),  # gap events of other programs may claim anything
        lowest_ei=counts.lowest_ei,
        highest_ei=counts.highest_ei,
        earliest_ns=counts.earliest_ns,
        latest_ns=counts.latest_ns,
        longest_wait_ns=counts.longest_wait_ns,
        chain=bytes(32),
    )
    chain = chain_value(position.chain, CHUNK.pack(*header) + bytes(CRC.size), frame)
    end = position.offset + CHUNK_FRAME_SIZE + len(frame)
    after = Position(position.recording_id, position.sequence + 1, chain, end, order)
    return EncodedChunk(
        pack_chunk_header(header._replace(chain=chain)) + frame, entry_of(position.offset, header), after
    )
