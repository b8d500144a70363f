"""
What there is to show at each place of a recording, from any place on.

A transcript depends on what came before: an ``execute`` shows the statement that was prepared perhaps an
hour ago. Reading from the start to find out is what this player does not do. So:

- Where chunks are passed one after the other, a fork of the translator is kept at each chunk's start,
  the newest 256 of them. Near a place that was visited, everything is known.
- Where playback jumps into new territory, a new translator is fed the chunk before, then this one. That
  is two chunks, and it knows what was asked just before; statements prepared earlier are unknown and
  shown by name, as in a recording that begins late. Such a chunk is *guessed*.
- If a guessed chunk refers to prepared statements, `catch_up` goes from the nearest known place to it,
  lets only those lines be parsed whose bytes say that they prepare or bind, and gives the exact state;
  in slices, so that whoever plays can do something else meanwhile. Then the chunk is shown anew.

MySQL's prepare events carry no id: a translator counts them. One that joined late would count wrongly,
and a wrong statement is worse than none: in a guessed chunk they are shown but not counted.
"""

import re
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from recordkit.errors import FormatError
from recordkit.events import Event, decode_line
from recordkit.playback.decoded import Address, Chunks, DecodedChunk, too_many
from recordkit.transcript import Segment, SegmentKind, SessionTranslator
from recordkit.transcript.segments import Severity

_STATES: Final = 256
_KNOWN_EVERY: Final = 64
"""Chunks between two places that a look back leaves known."""

_REFERS: Final = re.compile(rb"statements\.(?:bind|execute|bulk_execute|fetch)|cassandra\.(?:execute|batch)")
_DEFINES: Final = re.compile(
    rb"statements\.(?:parse|bind|prepare|close|reset)|cassandra\.prepare|session\.start|reset_connection|change_user"
)
_UNNUMBERED: Final = "db.session.mysql.statements.prepare"

Progress = float
"""How much of a long search is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Moment:
    """
    What happened at one place of a recording.

    Attributes:
        address: Where.
        delay_ns: Nanoseconds since the session's start.
        event: What was recorded; None where the recording itself has something to say, as that it is damaged.
        segments: What the transcript says of it, often nothing.
    """

    address: Address
    delay_ns: int
    event: Event | None
    segments: tuple[Segment, ...]


class Knowledge(IntEnum):
    """
    What was known of the events before a chunk when its moments were made.
    """

    NOTHING = 0
    """Its first lines may lack what they refer to; good enough above the ones that one looks at."""
    NEIGHBOUR = 1
    """The chunk before it."""
    ALL = 2


class _Kept(NamedTuple):
    chunk: DecodedChunk
    moments: list[Moment]
    knowledge: Knowledge


class Moments:
    """
    The moments of one recording, chunk by chunk. Behind the last chunk may stand one more that holds `closing`.
    """

    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks
        self._closing: list[str] = []
        self._states: OrderedDict[int, SessionTranslator] = OrderedDict({0: SessionTranslator()})
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._renewed = chunks.renewed

    def __len__(self) -> int:
        return len(self.chunks) + bool(self._closing)

    def close_with(self, notes: list[str]) -> None:
        """
        Say *notes* behind the last chunk, as that the session was interrupted.
        """
        self._closing = notes

    def of(self, number: int, *, least: Knowledge = Knowledge.NEIGHBOUR) -> list[Moment]:
        """
        Return the moments of chunk *number*; at most it and the one before are read.
        """
        if number == len(self.chunks):
            end_ns = self.chunks.duration_ns
            return [_note(Address(number, place), end_ns, text) for place, text in enumerate(self._closing)]
        return self._get(number, least).moments

    def guessed(self, number: int) -> bool:
        """
        Tell whether chunk *number* refers to prepared statements that a late-comer can't know.
        """
        if number >= len(self.chunks):
            return False
        kept = self._get(number, Knowledge.NEIGHBOUR)
        return kept.knowledge is not Knowledge.ALL and _REFERS.search(kept.chunk.raw) is not None

    def at(self, address: Address) -> Moment:
        """
        Return the moment at *address*.
        """
        return self.of(address.chunk)[address.number]

    def after(self, address: Address | None) -> Address | None:
        """
        Return the address behind *address* (None: the first); None at the end.
        """
        chunk, number = (0, 0) if address is None else (address.chunk, address.number + 1)
        while chunk < len(self):
            if number < len(self.of(chunk)):
                return Address(chunk, number)
            chunk, number = chunk + 1, 0
        return None

    def before(self, address: Address) -> Address | None:
        """
        Return the address before *address*; None at the beginning.
        """
        if address.number:
            return Address(address.chunk, address.number - 1)
        for chunk in range(address.chunk - 1, -1, -1):
            count = len(self.of(chunk, least=Knowledge.NOTHING))
            if count:
                return Address(chunk, count - 1)
        return None

    def is_last(self, address: Address | None) -> bool:
        """
        Tell whether nothing follows *address* (None: whether there is nothing), by the headers of what follows.
        """
        chunk = -1 if address is None else address.chunk
        if address is not None and address.number + 1 < len(self.of(chunk)):
            return False
        following = range(chunk + 1, len(self.chunks))
        if any(self.chunks.table[number].events for number in following):
            return False
        return len(self) == len(self.chunks) or chunk == len(self.chunks)

    def last(self) -> Address | None:
        """
        Return the address of the last moment; None if there is none.
        """
        return self.before(Address(len(self), 0))

    def address_of(self, chunk: int, event: int) -> Address:
        """
        Return the address of event number *event* of *chunk*.
        """
        return Address(chunk, event + (self._faults_before(0) if chunk == 0 else 0))

    def extended(self) -> bool:
        """
        Take in what was written since; tell whether that was anything.
        """
        last = len(self.chunks) - 1
        if not self.chunks.extend():
            return False
        self._kept.pop(last, None)  # faults may follow it now
        return True

    def catch_up(self, number: int) -> Generator[Progress, None, None]:
        """
        Find out what was prepared before chunk *number*, from the nearest known place on; one chunk a step.
        """
        start = max((known for known in self._states if known <= number), default=0)
        state = self._states.get(start, SessionTranslator()).fork()
        for passed in range(start, number):
            chunk = self.chunks.peek(passed)
            whole = passed == number - 1 or passed % _KNOWN_EVERY == _KNOWN_EVERY - 1
            for line in _lines_that_matter(chunk.raw, everything=whole, first=passed == 0):
                try:
                    state.feed(decode_line(line))
                except FormatError:
                    break
            if whole:
                self._remember(passed + 1, state.fork())  # whoever leaves off here can go on from here
            yield (passed - start + 1) / (number - start)
        self._remember(number, state)
        for kept in [kept for kept in self._kept if kept >= number]:
            del self._kept[kept]

    def _get(self, number: int, least: Knowledge) -> _Kept:
        if self._renewed != self.chunks.renewed:
            self._renewed = self.chunks.renewed
            self._kept.clear()
            self._states = OrderedDict({0: SessionTranslator()})
        kept = self._kept.get(number)
        if kept is not None and kept.knowledge >= (Knowledge.ALL if number in self._states else least):
            self._kept.move_to_end(number)
            return kept
        if number not in self._states and number - 1 in self._states:
            self._kept.pop(number - 1, None)
            self._get(number - 1, Knowledge.ALL)  # which leaves the state behind it
        state = self._states.get(number)
        if state is not None:
            state = state.fork()
            made = self._keep(number, state, Knowledge.ALL)
            self._remember(number + 1, state)
            return made
        state = SessionTranslator()
        if least is Knowledge.NOTHING:
            return self._keep(number, state, Knowledge.NOTHING)
        self._keep(number - 1, state, Knowledge.NOTHING)
        return self._keep(number, state, Knowledge.NEIGHBOUR)

    def _keep(self, number: int, state: SessionTranslator, knowledge: Knowledge) -> _Kept:
        """
        Make the moments of a chunk, leaving *state* behind it, and keep them unless better ones are there.
        """
        chunk = self.chunks.get(number)
        made = _Kept(chunk, self._made(number, chunk, state, late=knowledge is not Knowledge.ALL), knowledge)
        there = self._kept.get(number)
        if there is None or there.knowledge <= knowledge:
            self._kept[number] = made
        self._kept.move_to_end(number)
        while too_many([kept.chunk for kept in self._kept.values()]):
            self._kept.popitem(last=False)
        return made

    def _made(self, number: int, chunk: DecodedChunk, state: SessionTranslator, *, late: bool) -> list[Moment]:
        made: list[Moment] = []
        first_ns = chunk.delays_ns[0] if chunk.delays_ns else 0
        if number == 0:
            self._say_faults(made, number, 0, first_ns)
        delay_ns = first_ns
        for event, delay_ns in zip(chunk.events, chunk.delays_ns, strict=True):
            fed = state.fork() if late and event.get("event") == _UNNUMBERED else state
            made.append(Moment(Address(number, len(made)), delay_ns, event, tuple(fed.feed(event))))
        if chunk.fault is not None:
            made.append(_note(Address(number, len(made)), delay_ns, f"damaged: {chunk.fault}"))
        self._say_faults(made, number, number + 1, delay_ns)
        return made

    def _say_faults(self, made: list[Moment], number: int, before: int, delay_ns: int) -> None:
        for fault in self.chunks.table.faults:
            if fault.before == before:
                made.append(_note(Address(number, len(made)), delay_ns, f"damaged: {fault.error}"))

    def _faults_before(self, number: int) -> int:
        return sum(fault.before == number for fault in self.chunks.table.faults)

    def _remember(self, number: int, state: SessionTranslator) -> None:
        self._states[number] = state
        self._states.move_to_end(number)
        if len(self._states) > _STATES:
            oldest = next(known for known in self._states if known)  # the beginning is always known
            del self._states[oldest]


def _note(address: Address, delay_ns: int, text: str) -> Moment:
    segment = Segment(
        kind=SegmentKind.NOTICE,
        text=f"\n-- {text} --\n",
        delay_ns=delay_ns,
        ei=None,
        severity=Severity.ERROR,
        aside=True,
    )
    return Moment(address, delay_ns, None, (segment,))


def _lines_that_matter(raw: bytes, *, everything: bool, first: bool) -> list[bytes]:
    if everything:
        return raw.split(b"\n")[:-1]
    lines: list[bytes] = []
    end = 0
    if first and raw:  # it says which protocol the session speaks
        end = raw.index(b"\n")
        lines.append(raw[:end])
    while (found := _DEFINES.search(raw, end)) is not None:
        begin = raw.rfind(b"\n", 0, found.start()) + 1
        end = raw.index(b"\n", found.end())
        lines.append(raw[begin:end])
    return lines
