"""
Whether the events of a recording belong together: the session's id in each, ``ei`` without holes, times that rise.

Recordkit numbers events without holes and names by a gap event what it had to drop, so a hole that nothing
names is worth a look. It is no proof of harm: events of other programs are recorded as they are. The same
goes for times. An event of *another* session is an error; no program of ours puts it there.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from recordkit.container.decoder import Chunk
from recordkit.container.layout import INT64_MAX, MARK_END, MARK_ORDERED, MARK_START
from recordkit.container.summary import Totals
from recordkit.errors import InvalidEventError, UndecodableEventError
from recordkit.events import Event, Role, decode_line, parse_sid
from recordkit.verification.counting import EventCounter
from recordkit.verification.findings import Finding, FindingKind, Severity, plain
from recordkit.verification.large_integers import holds_large_integer, may_hold_large_integers

_LISTED: Final = 20
"""Findings of one sort that are listed; the rest are counted."""

_COUNTED: Final = (
    "events", "queries", "errors", "lost", "lowest_ei", "highest_ei", "earliest_ns", "latest_ns", "longest_wait_ns",
)  # fmt: skip
_counted: Final = attrgetter(*_COUNTED)
_CARRIED: Final = frozenset({"lowest_ei", "highest_ei", "earliest_ns", "latest_ns", "longest_wait_ns"})
"""What depends on events before the chunk."""


class SequenceCheck:
    """
    Takes a recording's sound chunks in order.

    Attributes:
        events: Seen so far.
        named_lost: Events that gap events name as missing.
    """

    def __init__(self, sid: str) -> None:
        self._sid = sid
        self._counter = EventCounter()
        self._order: Totals | None = Totals()
        self._next_ei: int | None = 0
        self._gap = range(0)
        self._latest_ns: int | None = None
        self._ends = 0
        self._found: dict[str, list[Finding]] = {}
        self._more: dict[str, int] = {}
        self.events = self.named_lost = 0

    def lose_track(self) -> None:
        """
        Take note that events are missing before the next chunk, which is told of elsewhere.
        """
        self._counter.lose_track()
        self._order = self._next_ei = None

    def take(self, chunk: Chunk, raw: bytes) -> Iterator[Finding]:
        """
        Check one chunk; yield what is wrong with its lines and its header. The rest comes with `findings`.
        """
        header, counter = chunk.header, self._counter
        counter.begin(header.lowest_ei, header.earliest_ns)
        bad = 0
        suspicious = may_hold_large_integers(raw)
        for line in raw[:-1].split(b"\n") if raw else ():
            try:
                event = decode_line(line)
            except UndecodableEventError as error:
                bad += 1
                yield Finding(
                    kind=FindingKind.CORRUPT, what=error.what, offset=chunk.offset, length=chunk.end - chunk.offset,
                    chunk=header.sequence, lost=1,
                )  # fmt: skip
                continue
            if suspicious and holds_large_integer(line):
                yield Finding(
                    kind=FindingKind.CORRUPT, what="a line holds an integer beyond 64 bits, which is read as another",
                    offset=chunk.offset, length=chunk.end - chunk.offset, chunk=header.sequence,
                )  # fmt: skip
            self._event(event, counter.add(event), chunk)
        self.events += counter.counts.events
        self.named_lost = min(self.named_lost + counter.counts.lost, INT64_MAX)
        if not bad:
            yield from self._header(chunk)
        counter.tracked = True

    def findings(self) -> Iterator[Finding]:
        """
        Yield what was found in the events of all chunks.
        """
        for sort, listed in self._found.items():
            yield from listed
            if sort in self._more:
                first = listed[-1]
                yield Finding(
                    kind=first.kind, severity=first.severity, places=self._more[sort], what=f"{sort}, more of the same"
                )

    def _event(self, event: Event, role: Role, chunk: Chunk) -> None:
        self._check_sid(event, chunk)
        self._check_ei(event, role, chunk)
        self._check_time(role, chunk)
        if role is Role.END:
            self._ends += 1
            if self._ends == 2:
                self._note("more than one end of the session", FindingKind.MARKER, chunk)

    def _check_sid(self, event: Event, chunk: Chunk) -> None:
        sid = event.get("sid")
        if sid == self._sid:
            return
        if sid is None:
            self._note("events do not name their session", FindingKind.SID, chunk)
            return
        try:
            same = parse_sid(sid) == self._sid
        except InvalidEventError:
            same = False
        if not same:
            self._note(
                "an event of another session", FindingKind.SID, chunk, severity=Severity.ERROR,
                expected=self._sid, found=plain(sid), first=self._counter.ei, last=self._counter.ei,
            )  # fmt: skip

    def _check_ei(self, event: Event, role: Role, chunk: Chunk) -> None:
        ei, expected = self._counter.ei, self._next_ei
        if expected is None:
            pass
        elif ei > expected:
            self._note("events are missing, and no gap event names them", FindingKind.EI, chunk, first=expected,
                       last=ei - 1, expected=f"ei {expected}", found=f"ei {ei}")  # fmt: skip
        elif ei < expected and ei not in self._gap:
            self._note("ei goes back", FindingKind.EI, chunk, first=ei, last=ei, expected=f"ei {expected}",
                       found=f"ei {ei}")  # fmt: skip
        self._next_ei = max(expected or 0, ei + 1) if expected is not None else ei + 1
        if role is Role.GAP:
            first, last = event.get("from"), event.get("to")
            if type(first) is int and type(last) is int and first <= last:
                self._gap = range(first, last + 1)
                self._next_ei = max(self._next_ei, last + 1)
            elif last is None:
                self._next_ei = None  # nobody knows how many are missing

    def _check_time(self, role: Role, chunk: Chunk) -> None:
        own_ns = self._counter.own_ns
        if own_ns is None and role is not Role.GAP:
            self._note("events have no time that can be read", FindingKind.TIME, chunk)
        elif own_ns is not None and self._latest_ns is not None and own_ns < self._latest_ns:
            seconds = (self._latest_ns - own_ns) / 1e9
            self._note("time goes back", FindingKind.TIME, chunk, first=self._counter.ei, last=self._counter.ei,
                       expected="a later time", found=f"{seconds:.6f} s earlier")  # fmt: skip
        if own_ns is not None:
            self._latest_ns = own_ns if self._latest_ns is None else max(self._latest_ns, own_ns)

    def _note(
        self,
        what: str,
        kind: FindingKind,
        chunk: Chunk,
        *,
        severity: Severity = Severity.WARNING,
        expected: str = "",
        found: str = "",
        first: int | None = None,
        last: int | None = None,
    ) -> None:
        listed = self._found.setdefault(what, [])
        if len(listed) < (_LISTED if first is not None else 1):
            listed.append(
                Finding(
                    kind=kind,
                    severity=severity,
                    what=what,
                    expected=expected,
                    found=found,
                    offset=chunk.offset,
                    chunk=chunk.header.sequence,
                    first_ei=first,
                    last_ei=last,
                )
            )
        else:
            self._more[what] = self._more.get(what, 0) + 1

    def _header(self, chunk: Chunk) -> Iterator[Finding]:
        """
        Yield where the chunk's header says other things than its events.
        """
        header, counts = chunk.header, self._counter.counts
        misleading = False
        if self._order is not None:
            self._order.add(header)
            misleading = bool(header.marks & MARK_ORDERED) and not self._order.rising
        ends = MARK_START | MARK_END
        if not misleading and _counted(counts) == _counted(header) and counts.marks & ends == header.marks & ends:
            return
        compared = [name for name in _COUNTED if self._counter.tracked or name not in _CARRIED]
        values = [(name, getattr(counts, name), getattr(header, name)) for name in compared]
        values.append(("marks", counts.marks & ends, header.marks & ends))
        if misleading:
            values.append(("mark ORDERED", "unset", "set"))
        differ = [(name, expected, found) for name, expected, found in values if expected != found]
        if differ:
            name, expected, found = differ[0]
            names = ", ".join(name for name, _, _ in differ)
            yield Finding(
                kind=FindingKind.COUNTS, what=f"the chunk's header is wrong about its events in {names}",
                expected=f"{name} {expected}", found=str(found),
                offset=chunk.offset, length=chunk.end - chunk.offset, chunk=header.sequence,
            )  # fmt: skip
