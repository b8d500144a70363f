"""
What a session holds in memory on its way to the disk, and what it had to let go of.

    items ──write()──▶ buffer ──hand over──▶ drafts ──▶ the writer's thread

Items are accepted events; the buffer holds their lines until a chunk is full or it is time; a draft is
a full buffer that waits to be compressed. All of it is protected by the session's lock, but for the
list of items: appending to a list is atomic, so accepting an event takes no lock.
"""

import threading
from dataclasses import dataclass
from enum import Enum
from io import BytesIO

from recordkit.container.chunks import Counts
from recordkit.container.frames import Compressor


class Room(Enum):
    """
    Whether the memory budget lets a call go on.
    """

    FREE = 1
    AFTER_WAIT = 2
    NONE = 3
    """Not now: drop, or refuse where the disk is what fails."""


@dataclass(slots=True)
class Draft:
    """
    Lines of one chunk that wait to be written.

    Attributes:
        buffer: Holds them from its start on; anything behind `size` is left from an earlier use.
        size: Their length in bytes.
        held: Bytes of memory that the buffer takes.
        counts: Of these lines.
        gaps: What gap events among them say, those that we made.
        frame: The lines compressed, if the call that handed them over has done that.
    """

    buffer: BytesIO
    size: int
    held: int
    counts: Counts
    gaps: "tuple[Loss, ...]" = ()
    frame: bytes | None = None

    @property
    def events(self) -> int:
        """
        How many events the caller gave.
        """
        return self.counts.events - len(self.gaps)


@dataclass(slots=True)
class Loss:
    """
    A run of events that are lost, until a gap event can say so.

    Attributes:
        first_ei, last_ei: The events' numbers, both included.
        count: How many.
        reason: For the gap event.
        time_ns: Of the first one.
    """

    first_ei: int
    last_ei: int
    count: int
    reason: str
    time_ns: int

    def extend(self, first_ei: int, last_ei: int, count: int) -> None:
        """
        Add *count* events from *first_ei* to *last_ei*.
        """
        self.first_ei = min(self.first_ei, first_ei)
        self.last_ei = max(self.last_ei, last_ei)
        self.count += count


class SpareCompressor:
    """
    Compresses a draft in the call that hands it over, where the writer's thread does not keep up; thread-safe.

    Beside a caller that never rests, that thread waits 5 ms for the interpreter lock after each thing that it has
    compressed or written. Drafts pile up, and one core compresses them while the caller waits for its flush. Here
    the lock is free meanwhile, which also lets that thread come through.

    [measured] A burst of 60 000 statements and its flush take a fifth less; calls that are paced never come here.
    """

    def __init__(self) -> None:
        self._compressor = Compressor()
        self._lock = threading.Lock()

    def frame(self, buffer: BytesIO, size: int) -> bytes | None:
        """
        Return the first *size* bytes of *buffer* as a frame; None if that is better left to the writer's thread.
        """
        if self._lock.locked():
            return None
        try:
            with self._lock, buffer.getbuffer() as view, view[:size] as lines:
                return self._compressor.frame(lines)
        except Exception:  # not enough memory; that thread tries again, and can say so
            return None


class BufferPool:
    """
    Used buffers, for reuse: fresh memory costs more than the events that go into it.

    [measured] Handing each chunk a new buffer made recording 2.4 times slower: page faults.
    """

    def __init__(self, *, keep: int, max_bytes: int) -> None:
        self._keep = keep
        self._max_bytes = max_bytes
        self._free: list[BytesIO] = []

    def take(self) -> BytesIO:
        """
        Return an empty buffer.
        """
        try:
            return self._free.pop()
        except IndexError:
            return BytesIO()

    def give(self, buffer: BytesIO, size: int) -> None:
        """
        Take back a buffer that held *size* bytes.
        """
        if size <= self._max_bytes and len(self._free) < self._keep:
            buffer.seek(0)
            self._free.append(buffer)
