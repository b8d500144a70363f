"""
What one session holds in memory: from accepted events to drafts for the disk.

    items ──write_lines()──▶ buffer ──hand_over()──▶ drafts ──▶ the recorder's thread

`lock` protects all of it but for `items`: appending to a list is atomic, so accepting an event takes no
lock. Whoever removes items holds the lock, so removing by place is safe beside others that append.

Ctrl-C raises its exception in the main thread at any call. So what belongs together is changed by
statements without a call between them: after an exception either all of it was done or nothing, and an
event is neither lost nor there twice.
"""

import threading
from collections.abc import Callable, Sequence
from io import BytesIO
from sys import getsizeof
from typing import Any, Final, Protocol

from recordkit.container.chunks import Counts
from recordkit.events import constructors
from recordkit.events.timestamps import format_time
from recordkit.limits import DEFAULT_LIMITS, MIB
from recordkit.recorder.lines import SessionLines
from recordkit.recorder.pending import BufferPool, Draft, Loss, SpareCompressor

_MANY_DRAFTS: Final = 16
"""That wait: from then on the call that adds one compresses it; [measured] from 8 on it would be no faster."""
_MOST_AT_ONCE: Final = 4096
"""Items that are written by one call."""
LONGEST_EVENT: Final = DEFAULT_LIMITS.raw_chunk - 32 * MIB
"""Bytes of an event as JSON; with the session's constants, which are within 16 MiB, it must fit a chunk."""


class Surroundings(Protocol):
    """
    What a backlog asks of its recorder.
    """

    buffers: BufferPool
    spare: SpareCompressor
    chunk_bytes: int

    def grow(self, size: int) -> None:
        """
        Count *size* more bytes of buffers.
        """


class Backlog:
    """
    A session's events until the disk has them.

    Attributes:
        longest_event: Bytes; longer ones stay among `items` for the call that brought them to take back.
        lock: For all but `items`, and for the session's own state as well.
        items: Accepted; see `recordkit.recorder.lines.Item`.
        lines: Makes items and writes their lines.
        drafts: Wait for the recorder's thread, which alone removes them.
        handed: How many drafts there ever were.
        overflow: What was dropped and is not yet named by a gap event.
        refused: What the disk refused and is not yet named by a gap event (``best_effort``).
        accepted: Events that are or were in buffer or drafts, or lost; without `items`.
        lost: Events that will never be written.
        waiting_since: When the recorder's thread first saw that anything waits here.
    """

    def __init__(
        self, lines: SessionLines, recorder: Surroundings, *, now_ns: Callable[[], int], ready: Callable[[], None]
    ) -> None:
        self.longest_event = LONGEST_EVENT
        self.lock = threading.Lock()
        self.items: list[tuple[Any, ...]] = []
        self.lines = lines
        self.drafts: list[Draft] = []  # an empty deque is 0.7 KiB, and can't be looked at while it grows
        self.handed = 0
        self.overflow: Loss | None = None
        self.refused: Loss | None = None
        self.accepted = self.lost = 0
        self.waiting_since: float | None = None
        self._recorder = recorder
        self._now_ns = now_ns
        self._ready = ready
        self._buffer: BytesIO | None = None
        self._size = self._held = 0
        self._counts = Counts()
        self._gaps: tuple[Loss, ...] = ()

    @property
    def waits(self) -> bool:
        """
        Whether anything is not handed over yet.
        """
        return bool(self.items) or self._size > 0 or self.overflow is not None

    # ------------------------------------------------------------------ under the lock

    def take_back(self, item: tuple[Any, ...]) -> bool:
        """
        Remove *item* from those that wait; False if it is not there any more.
        """
        for place, other in enumerate(self.items):
            if other is item:
                del self.items[place]
                return True
        return False

    def write_all(self) -> None:
        """
        Write what waits into the buffer, the gap event for what was dropped behind it.
        """
        self.write_lines()
        self._write_overflow()

    def write_lines(self) -> None:
        """
        Move the items that are there now into the buffer; hand the buffer over when it is full.
        """
        taken = len(self.items)
        if not taken:
            return
        self._write_overflow()
        items = self.items[:taken]
        chunk_bytes = self._recorder.chunk_bytes
        overhead = self.lines.overhead_bytes
        if taken > _MOST_AT_ONCE or taken * overhead + sum([len(item[2]) for item in items]) > chunk_bytes:
            left = 0
            for item in items:  # one by one, so that no chunk holds more than one that is over the chunk size
                size = len(item[2])
                if size > self.longest_event:
                    left += 1
                    continue
                if self._size and self._size + overhead + size > chunk_bytes:
                    self.hand_over()
                self._put((item,), taken=1, left=left)
        else:
            self._put(items, taken=taken)
        if self._size >= chunk_bytes:
            self.hand_over()

    def put_end(self) -> None:
        """
        Write the session's end event behind those that were written.
        """
        lines, stop_ns = self.lines, self._now_ns() // 1000 * 1000
        user = lines.constants.get("user")
        event = constructors.end_event(
            start_ns=stop_ns if lines.started_ns is None else lines.started_ns,
            stop_ns=stop_ns,
            participants=[user] if isinstance(user, str) else [],
            fields={},
        )
        self._put((lines.item(event, lambda: stop_ns),))

    def _put(self, items: Sequence[tuple[Any, ...]], *, taken: int = 0, left: int = 0, gap: Loss | None = None) -> None:
        """
        Write *items* into the buffer; remove them from those that wait.

        Args:
            items: In their order.
            taken: How many of them come from those that wait.
            left: How many that wait stand before them, and stay.
            gap: What the item says, if it is a gap event of ours.
        """
        if self._buffer is None:
            self._buffer = self._recorder.buffers.take()
        count, next_ei = len(items), self.lines.next_ei
        size = self.lines.write(items, self._buffer, self._counts)
        # no call from here to the end of the `if`
        self._size = size
        self.accepted += count
        del self.items[left : left + taken]
        if gap is not None:
            self.lines.next_ei = next_ei
            self._gaps += (gap,)
            self.overflow = None
        held = getsizeof(self._buffer)
        more, self._held = held - self._held, held
        self._recorder.grow(more)

    def hand_over(self) -> None:
        """
        Give the buffer to the recorder's thread, if there is anything in it.
        """
        if self._buffer is None or not self._size:
            return
        frame, held = None, self._held
        if len(self.drafts) >= _MANY_DRAFTS:
            frame = self._recorder.spare.frame(self._buffer, self._size)
            held += len(frame or b"")
        draft, counts = Draft(self._buffer, self._size, held, self._counts, self._gaps, frame), Counts()
        self._buffer, self._size, self._held, self._counts, self._gaps = None, 0, 0, counts, ()
        self.handed += 1
        self.waiting_since = None
        self.drafts.append(draft)
        if frame is not None:
            self._recorder.grow(len(frame))
        self._ready()

    def drop(self, reason: str) -> None:
        """
        Let go of the items that are there now, for a gap event to name.
        """
        taken = len(self.items)
        items = self.items[:taken]
        next_ei, loss = self.lines.next_ei, self.overflow
        for item in items:
            ei = next_ei if item[3] is None else item[3]
            next_ei = ei + 1
            if loss is None:
                loss = Loss(ei, ei, 1, reason, item[1] or self._now_ns())
            else:
                loss.extend(ei, ei, 1)
        self.lines.next_ei, self.overflow = next_ei, loss
        self.accepted += taken
        self.lost += taken
        del self.items[:taken]

    def _write_overflow(self) -> None:
        loss = self.overflow
        if loss is not None:
            self._put((self._gap_item(loss),), gap=loss)

    def _gap_item(self, loss: Loss) -> tuple[Any, ...]:
        event = constructors.gap_event(
            first_ei=loss.first_ei, last_ei=loss.last_ei, count=loss.count, reason=loss.reason
        )
        event |= {"time": format_time(loss.time_ns), "sid": self.lines.sid}
        return self.lines.item(event, self._now_ns)

    # ------------------------------------------------------------------ for the recorder's thread, which takes the lock

    def gap_chunk(self, loss: Loss) -> tuple[bytes, Counts]:
        """
        Return the line, and its counts, of a chunk that holds nothing but the gap event for *loss*.
        """
        with self.lock:
            out, counts = BytesIO(), Counts()
            next_ei = self.lines.next_ei
            self.lines.write((self._gap_item(loss),), out, counts)
            self.lines.next_ei = next_ei
        return out.getvalue(), counts

    def name_refused(self) -> None:
        """
        Note that the disk has taken the gap event for what it had refused.
        """
        with self.lock:
            self.accepted += 1
        self.refused = None

    def let_go(self, draft: Draft, reason: str | None) -> int:
        """
        Count *draft* as lost, to be named by a gap event if there is a *reason*; return how many events it held.

        A gap event in it was never given by the caller; what it names is lost, and counted, already.
        """
        counts, events = draft.counts, draft.events
        with self.lock:
            self.lost += events
            self.accepted -= len(draft.gaps)
        if reason is not None:
            last_ei = max([counts.highest_ei, *(gap.last_ei for gap in draft.gaps)])
            count = events + sum(gap.count for gap in draft.gaps)
            if self.refused is None:
                time_ns = max(counts.earliest_ns, 0) if counts.earliest_ns <= counts.latest_ns else 0
                self.refused = Loss(counts.lowest_ei, last_ei, count, reason, time_ns)
            else:
                self.refused.extend(counts.lowest_ei, last_ei, count)
        return events
