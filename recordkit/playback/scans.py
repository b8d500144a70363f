"""
Looking for the next or previous place of some kind, without reading what can't hold one.

Chunk headers count queries and errors and bound the longest wait for a result, so a chunk that holds
none is passed over unread. Each search is a generator: it yields how far it is after every chunk it
read, or passed some hundred, and returns the address it found, or None. So whoever plays may run it
in slices between two screens, in a thread of its own, or to its end; and drop it half-way.
"""

from collections.abc import Callable, Generator, Iterable
from typing import Final

from recordkit.container.layout import ChunkEntry
from recordkit.errors import FormatError
from recordkit.events import Event, Role, decode_line
from recordkit.playback.decoded import Address, Chunks, DecodedChunk, role_of
from recordkit.playback.moments import Moment, Moments, Progress
from recordkit.playback.search import Search
from recordkit.transcript.changes import changes

Scan = Generator[Progress, None, Address | None]
_PASSED_AT_ONCE: Final = 512
_LOOKED_BACK: Final = 64
"""Chunks in which the statement of a result is looked for. Between the two stand no other statements."""

MayHold = Callable[[ChunkEntry], bool]
Matches = Callable[[int, DecodedChunk], Iterable[tuple[int, int]]]
"""Gives chunk and number of each event in, or answered in, a chunk; in rising order."""


class Scans:
    """
    The searches over one recording.
    """

    def __init__(self, moments: Moments) -> None:
        self._moments = moments
        self._chunks: Chunks = moments.chunks

    def query(self, start: Address | None, *, forward: bool) -> Scan:
        """
        Find the next statement of a person or program.
        """
        return self._scan(start, _has_queries, _each(lambda event: role_of(event) is Role.QUERY), forward=forward)

    def error(self, start: Address | None, *, forward: bool) -> Scan:
        """
        Find the next event that failed.
        """
        return self._scan(
            start, lambda entry: entry.errors > 0, _each(lambda event: event.get("success") is False), forward=forward
        )

    def write(self, start: Address | None, *, forward: bool) -> Scan:
        """
        Find the next statement that changes data, schema or rights; see `changes`.

        Where a chunk refers to statements that were prepared before what is known, they are looked for first.
        """
        count = len(self._chunks)
        place = (Address(-1, 0) if forward else Address(count, 0)) if start is None else start
        begin = min(max(place.chunk, 0), count - 1)
        numbers = range(begin, count) if forward else range(begin, -1, -1)
        for done, number in enumerate(numbers):
            if number >= len(self._chunks) or not self._chunks.table[number].queries:
                if done % _PASSED_AT_ONCE == 0:
                    yield done / len(numbers)
                continue
            if self._moments.guessed(number):
                yield from self._moments.catch_up(number)
            found = [moment.address for moment in self._moments.of(number) if _is_change(moment)]
            wanted = [address for address in found if (address > place if forward else address < place)]
            if wanted:
                return wanted[0] if forward else wanted[-1]
            yield (done + 1) / len(numbers)
        return None

    def text(self, start: Address | None, search: Search, *, forward: bool) -> Scan:
        """
        Find the next event with a text that matches.
        """

        def matches(number: int, chunk: DecodedChunk) -> Iterable[tuple[int, int]]:
            if not search.may_match(chunk.raw):
                return
            for place, line in enumerate(chunk.raw.split(b"\n")[:-1]):
                if search.may_match(line):
                    try:
                        event = decode_line(line)
                    except FormatError:
                        return
                    if search.matches(event):
                        yield number, place

        return self._scan(start, lambda _entry: True, matches, forward=forward)

    def slow(self, start: Address | None, threshold_ns: int, *, forward: bool) -> Scan:
        """
        Find the next statement whose first result came *threshold_ns* or more after it.
        """

        def waits(entry: ChunkEntry) -> bool:
            return entry.longest_wait_ns >= threshold_ns

        def matches(number: int, chunk: DecodedChunk) -> Iterable[tuple[int, int]]:
            return self._slow(number, chunk, threshold_ns)

        if forward or start is None or start.chunk >= len(self._chunks):
            return self._scan(start, waits, matches, forward=forward)
        last = start.chunk  # the result of a statement before the start may stand behind it
        while last + 1 < len(self._chunks):
            last += 1
            entry = self._chunks.table[last]
            if waits(entry) or entry.queries:
                break
        return self._scan(start, waits, matches, forward=forward, first=last)

    def answer(self, statement: Address) -> Scan:
        """
        Find the first result behind *statement* and before the next one.
        """
        first = statement.chunk
        for chunk in range(first, min(len(self._chunks), first + _LOOKED_BACK)):
            for number, event in enumerate(self._chunks.get(chunk).events):
                address = self._moments.address_of(chunk, number)
                role = role_of(event)
                if address > statement and role in (Role.QUERY, Role.RESULT):
                    return address if role is Role.RESULT else None
            yield (chunk - first) / _LOOKED_BACK
        return None

    def _scan(
        self,
        start: Address | None,
        may_hold: MayHold,
        matches: Matches,
        *,
        forward: bool,
        first: int | None = None,
    ) -> Scan:
        count = len(self._chunks)
        if start is None:
            start = Address(-1, 0) if forward else Address(count, 0)
        begin = first if first is not None else min(max(start.chunk, 0), count - 1)
        numbers = range(begin, count) if forward else range(begin, -1, -1)
        passed = 0
        for done, number in enumerate(numbers):
            if number >= len(self._chunks):  # the index lied, and there are fewer
                return None
            if not may_hold(self._chunks.table[number]):
                passed += 1
                if passed % _PASSED_AT_ONCE == 0:
                    yield done / len(numbers)
                continue
            found = [
                self._moments.address_of(chunk, place) for chunk, place in matches(number, self._chunks.get(number))
            ]
            wanted = [place for place in found if (place > start if forward else place < start)]
            if wanted:
                return wanted[0] if forward else wanted[-1]
            yield (done + 1) / len(numbers)
        return None

    def _slow(self, number: int, chunk: DecodedChunk, threshold_ns: int) -> Iterable[tuple[int, int]]:
        asked: tuple[int, int, int] | None = None  # chunk, number, delay
        looked = False
        for place, event in enumerate(chunk.events):
            role = role_of(event)
            if role is Role.QUERY:
                asked, looked = (number, place, chunk.delays_ns[place]), True
            elif role is Role.RESULT:
                if not looked:
                    asked = self._pending(number)
                if asked is not None and chunk.delays_ns[place] - asked[2] >= threshold_ns:
                    yield asked[:2]
                asked, looked = None, True

    def _pending(self, number: int) -> tuple[int, int, int] | None:
        """
        Return the statement that still waits for its result where chunk *number* begins.
        """
        for before in range(number - 1, max(-1, number - 1 - _LOOKED_BACK), -1):
            chunk = self._chunks.get(before)
            for place in range(len(chunk.events) - 1, -1, -1):
                role = role_of(chunk.events[place])
                if role is Role.RESULT:
                    return None
                if role is Role.QUERY:
                    return before, place, chunk.delays_ns[place]
        return None


def _is_change(moment: Moment) -> bool:
    event = moment.event
    return event is not None and role_of(event) is Role.QUERY and changes(event, moment.segments)


def _has_queries(entry: ChunkEntry) -> bool:
    return entry.queries > 0


def _each(wanted: Callable[[Event], bool]) -> Matches:
    return lambda number, chunk: [(number, place) for place, event in enumerate(chunk.events) if wanted(event)]


def found_by(scan: Scan) -> Address | None:
    """
    Run a search to its end and return what it found, or None.
    """
    while True:
        try:
            next(scan)
        except StopIteration as end:
            address: Address | None = end.value
            return address
