"""
Search many recordings side by side, and hand over what was found in their order.

    sids ─▶ threads (read, decompress, look for the text) ─▶ matches in order ─▶ the thread that writes

Reading, decompressing and looking for text give up the interpreter lock, so threads are enough for a search
that finds little. Each has one recording at a time and takes the next in order; so the one whose matches are
written now always has a thread, and those behind it wait when they have found more than may be kept.
Memory: a chunk for each thread, and `_KEPT_BYTES` of lines with the events made of them.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final, NamedTuple, Self

from recordkit.cli.search import Search
from recordkit.container import Recording, Summary
from recordkit.errors import FormatError, SessionNotFoundError, UndecodableEventError
from recordkit.events import Event, decode_line, parse_time
from recordkit.limits import KIB, MIB

_MOST_THREADS: Final = 8
"""More would only wait for the interpreter lock."""
_AHEAD: Final = 64
"""Recordings that are begun before the first of them is written."""
_KEPT_BYTES: Final = 4 * MIB
"""Lines of matches that wait behind the recording that is written; of that one so many again."""
_BATCH_BYTES: Final = 64 * KIB


class Match(NamedTuple):
    """
    An event in which the pattern was found.
    """

    event: Event
    delay_ns: int
    fields: dict[str, str]


class Scan:
    """
    The search of one recording.

    Attributes:
        sid: The session.
        summary: Known with the first match.
        count: Events that match; final once `Scans.matches` has ended.
        faults: What is damaged, in words; complete then.
    """

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.summary: Summary | None = None
        self.count = 0
        self.faults: list[str] = []
        # under the condition of `Scans`
        self.batches: deque[tuple[list[Match], int]] = deque()
        self.held = 0
        self.done = False
        self.error: BaseException | None = None


class Scans:
    """
    Searches recordings with several threads; a context manager, whose end stops them.
    """

    def __init__(
        self, open_recording: Callable[[str], Recording], search: Search, *, keep: bool, threads: int | None = None
    ) -> None:
        """
        Prepare.

        Args:
            open_recording: Opens the recording of a sid, in any thread.
            search: What to look for.
            keep: Hand over matches; without it they are only counted.
            threads: Default: as many as there are processors for us.
        """
        self._open = open_recording
        self._search = search
        self._keep = keep
        self._changed = threading.Condition()
        self._submitted: deque[Scan] = deque()
        self._written: Scan | None = None
        self._held = 0
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=f"recordkit-search-{number}", daemon=True)
            for number in range(threads or min(_MOST_THREADS, _processors()))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def in_order(self, sids: Iterable[str]) -> Iterator[Scan]:
        """
        Yield a scan for each of *sids*, in their order; take its `matches` before the next.
        """
        waiting: deque[Scan] = deque()
        for sid in sids:
            scan = Scan(sid)
            waiting.append(scan)
            with self._changed:
                self._submitted.append(scan)
                self._changed.notify_all()
            if len(waiting) >= _AHEAD:
                yield self._next_written(waiting)
        while waiting:
            yield self._next_written(waiting)

    def matches(self, scan: Scan) -> Iterator[Match]:
        """
        Yield what was found in the recording of *scan*, which `in_order` has just given, while it is searched.

        Raises:
            OSError: It can't be read.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: scan.batches or scan.done)
                if not scan.batches:
                    break
                batch, size = scan.batches.popleft()
                scan.held -= size
                self._held -= size
                self._changed.notify_all()
            yield from batch
        if scan.error is not None:
            raise scan.error

    def _next_written(self, waiting: deque[Scan]) -> Scan:
        with self._changed:
            self._written = scan = waiting.popleft()
            self._changed.notify_all()
        return scan

    # ------------------------------------------------------------------ the threads

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._submitted or self._stopping)
                if self._stopping:
                    return
                scan = self._submitted.popleft()
            try:
                self._scan(scan)
            except BaseException as error:  # noqa: BLE001 - raised again where the matches are taken
                scan.error = error
            with self._changed:
                scan.done = True
                self._changed.notify_all()

    def _scan(self, scan: Scan) -> None:
        try:
            with self._open(scan.sid) as recording:
                batch: list[Match] = []
                size = 0
                for line, match in self._found(scan, recording):
                    scan.count += 1
                    if self._keep:
                        batch.append(match)
                        size += len(line)
                        if size >= _BATCH_BYTES:
                            self._hand_over(scan, batch, size)
                            batch, size = [], 0
                    if self._stopping:
                        return
                if batch:
                    self._hand_over(scan, batch, size)
                scan.faults += [str(damage.error) for damage in recording.damage]
        except SessionNotFoundError:
            pass  # removed while we searched
        except FormatError as error:
            scan.faults.append(str(error))

    def _found(self, scan: Scan, recording: Recording) -> Iterator[tuple[bytes, Match]]:
        search = self._search
        start_ns = 0
        for lines in recording.lines():
            if self._stopping:
                return
            for line in search.candidates(lines):
                try:
                    event = decode_line(line)
                except UndecodableEventError as error:
                    error.path = recording.path
                    scan.faults.append(str(error))
                    continue
                fields = search.matches(event)
                if fields:
                    if scan.summary is None:
                        scan.summary = recording.summary
                        start_ns = scan.summary.start_ns or 0
                    yield line, Match(event, max(0, _time_ns(event, start_ns) - start_ns), fields)

    def _hand_over(self, scan: Scan, batch: list[Match], size: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._has_room(scan))
            scan.batches.append((batch, size))
            scan.held += size
            self._held += size
            self._changed.notify_all()

    def _has_room(self, scan: Scan) -> bool:
        if scan is self._written:
            return scan.held < _KEPT_BYTES
        return self._held < _KEPT_BYTES


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _time_ns(event: Event, default: int) -> int:
    try:
        return parse_time(event["time"])
    except (KeyError, TypeError, ValueError):
        return default
