"""
What the timeline shows: where errors are, at once, and where something was changed, as it is found out.

Errors come from the counts in the chunk headers: nothing is read to open a recording. A pass over the
chunks, in slices, then puts each error at its exact moment and finds the changes. Marks are kept in as
many buckets as a wide screen has columns, several times over, so memory does not grow with the recording.
Prepared statements are marked where they are prepared: most drivers do it each time.
"""

from collections.abc import Generator
from enum import IntFlag
from typing import Final

from recordkit.container.layout import INT64_MAX, INT64_MIN
from recordkit.playback.decoded import Chunks
from recordkit.playback.moments import Progress
from recordkit.transcript.changes import changes

_BUCKETS: Final = 2048


class Mark(IntFlag):
    """
    What there is in a stretch of the timeline.
    """

    NONE = 0
    WRITE = 1
    ERROR = 2


class Marks:
    """
    The marks of one recording's timeline.

    Attributes:
        scanned: How many chunks were looked through.
    """

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self.scanned = 0
        self._duration_ns = -1
        self._buckets = bytearray()
        self._begin()

    def bar(self, columns: int) -> list[Mark]:
        """
        Return the marks of each of *columns* >= 1 stretches of equal length.
        """
        if self._duration_ns != self._chunks.duration_ns:
            self._begin()
        bar = [Mark.NONE] * columns
        for bucket, mark in enumerate(self._buckets):
            if mark:
                bar[bucket * columns // _BUCKETS] |= Mark(mark)
        return bar

    def scan(self) -> Generator[Progress, None, None]:
        """
        Look through the chunks that were not looked through yet; one a step.
        """
        while self.scanned < len(self._chunks):
            if self._duration_ns != self._chunks.duration_ns:
                self._begin()
            self._look_at(self.scanned)
            self.scanned += 1
            yield self.scanned / len(self._chunks)

    def _begin(self) -> None:
        """
        Mark what headers tell, for the duration that the recording has now.
        """
        self.scanned = 0
        self._duration_ns = self._chunks.duration_ns
        self._buckets = bytearray(_BUCKETS)
        for entry in self._chunks.table.failing():
            if entry.earliest_ns < INT64_MAX and entry.latest_ns > INT64_MIN:
                self._mark((entry.earliest_ns + entry.latest_ns) // 2 - self._chunks.start_ns, Mark.ERROR)

    def _look_at(self, number: int) -> None:
        chunk = self._chunks.peek(number)
        entry = chunk.entry
        if entry.errors and entry.earliest_ns < entry.latest_ns:  # it was marked in its middle
            self._unmark((entry.earliest_ns + entry.latest_ns) // 2 - self._chunks.start_ns)
        if not (entry.errors or entry.queries):
            return
        for event, delay_ns in zip(chunk.events, chunk.delays_ns, strict=True):
            if event.get("success") is False:
                self._mark(delay_ns, Mark.ERROR)
            if event.get("event") != "db.session.result" and changes(event):
                self._mark(delay_ns, Mark.WRITE)

    def _bucket(self, delay_ns: int) -> int:
        if self._duration_ns <= 0:
            return 0
        return max(0, min(_BUCKETS - 1, delay_ns * _BUCKETS // (self._duration_ns + 1)))

    def _mark(self, delay_ns: int, mark: Mark) -> None:
        self._buckets[self._bucket(delay_ns)] |= mark

    def _unmark(self, delay_ns: int) -> None:
        self._buckets[self._bucket(delay_ns)] &= ~Mark.ERROR & 0xFF
