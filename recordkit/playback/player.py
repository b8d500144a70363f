"""
Playing one recording: where one stands, what was shown last, and what is due when.

The playhead is a moment in time, *shown* is the newest moment on the screen, *selected* the statement
that keys refer to. A jump to a statement also shows its answer, up to the next statement. Nothing here
waits: `due_in_s` says how long to, `advance` takes what is due.
"""

from collections.abc import Generator
from typing import Final

from recordkit.clock import Clock
from recordkit.container import Recording
from recordkit.container.layout import INT64_MAX
from recordkit.events import Role
from recordkit.playback.decoded import Address, Chunks, role_of
from recordkit.playback.marks import Marks
from recordkit.playback.moments import Moment, Moments, Progress
from recordkit.playback.playhead import Playhead, faster, slower
from recordkit.playback.scans import Scans

_AT_ONCE: Final = 500
"""Moments that one call of `advance` takes: late ones wait for the next call rather than stop the screen."""


class Player:
    """
    Plays one recording. Starts paused, before the first moment. Not for several threads at once.

    It opens by the index, or the chunk headers; a seek reads two chunks at most.

        >>> player = Player(recording, clock=SystemClock())  # doctest: +SKIP
        >>> player.seek(90_000_000_000)  # doctest: +SKIP
        >>> player.play()  # doctest: +SKIP

    Attributes:
        head: See `Playhead`.
        shown: Address of the newest moment that is shown; None before the first.
        selected: Address of the statement that was shown last, or jumped to; None if there is none.
    """

    def __init__(self, recording: Recording, *, clock: Clock, speed: float = 1.0, idle_s: float | None = None) -> None:
        """
        Open.

        Raises:
            ValueError: *speed* is not within 0.25 to 16, or *idle_s* is negative.
        """
        self._clock = clock
        self.chunks = Chunks(recording)
        self.moments = Moments(self.chunks)
        self.scans = Scans(self.moments)
        self.marks = Marks(self.chunks)
        self.head = Playhead(
            since_ns=self.now_ns(), speed=speed, idle_ns=None if idle_s is None else round(idle_s * 1e9)
        )
        self.shown: Address | None = None
        self.selected: Address | None = None
        self._focus: Address | None = None  # what was jumped to, where no statement could be selected
        self._renewed = self.chunks.renewed

    def now_ns(self) -> int:
        """
        Return the clock's time.
        """
        return round(self._clock.monotonic() * 1e9)

    @property
    def duration_ns(self) -> int:
        """
        From the earliest to the latest event.
        """
        return self.chunks.duration_ns

    @property
    def position_ns(self) -> int:
        """
        Where playback stands now, as delay since the session's start.
        """
        return min(self.head.at(self.now_ns(), before_ns=self._bound_ns()), self.duration_ns)

    @property
    def playing(self) -> bool:
        """
        Whether it runs; at the end it still does, as more may come.
        """
        return self.head.playing

    @property
    def at_end(self) -> bool:
        """
        Whether everything there is was shown.
        """
        return self.moments.is_last(self.shown)

    def due_in_s(self) -> float | None:
        """
        Return the seconds until the next moment is due; None while paused and at the end.
        """
        following = self._next_ns()
        wait_ns = None if following is None else self.head.due_in_ns(following, now_ns=self.now_ns())
        return None if wait_ns is None else wait_ns / 1e9

    def advance(self) -> list[Moment]:
        """
        Take the moments that are due, in order; some hundred at most, the rest at the next call.
        """
        self.find_place()
        taken: list[Moment] = []
        while len(taken) < _AT_ONCE:
            following = self.moments.after(self.shown)
            if following is None:
                break
            moment, now_ns = self.moments.at(following), self.now_ns()
            if self.head.due_in_ns(moment.delay_ns, now_ns=now_ns) != 0:
                break
            self.head = self.head.reached(moment.delay_ns, now_ns=now_ns)
            self._show(moment)
            taken.append(moment)
        return taken

    def find_place(self) -> bool:
        """
        Stand at the same time where addresses have changed, since the index was found to lie; tell whether they have.
        """
        if self._renewed == self.chunks.renewed:
            return False
        self._renewed = self.chunks.renewed
        self.shown = self.selected = self._focus = None
        self.seek(self.head.at(self.now_ns()))
        return True

    def play(self) -> None:
        """
        Go on.
        """
        if not self.playing:
            self.head = self.head.play(now_ns=self.now_ns())

    def pause(self) -> None:
        """
        Stand still.
        """
        self.head = self.head.pause(now_ns=self.now_ns(), before_ns=self._bound_ns())

    def set_speed(self, speed: float) -> None:
        """
        Play at *speed* from now on, also in the middle of a wait.

        Raises:
            ValueError: It is not within 0.25 to 16.
        """
        self.head = self.head.with_speed(speed, now_ns=self.now_ns(), before_ns=self._bound_ns())

    def speed_up(self) -> None:
        """
        Play at the next higher speed.
        """
        self.set_speed(faster(self.head.speed))

    def slow_down(self) -> None:
        """
        Play at the next lower speed.
        """
        self.set_speed(slower(self.head.speed))

    def seek(self, delay_ns: int) -> None:
        """
        Stand at *delay_ns*, with everything shown that is not later; below 0 the start, past the end the end.
        """
        if delay_ns >= self.duration_ns:
            self.seek_end()
            return
        delay_ns = max(0, delay_ns)
        self.head = self.head.seek(delay_ns, now_ns=self.now_ns())
        self._show_last(self._last_until(delay_ns))

    def seek_percent(self, percent: float) -> None:
        """
        Stand at a part of the duration, 0 to 100.
        """
        self.seek(round(self.duration_ns * percent / 100))

    def seek_start(self) -> None:
        """
        Stand before the first moment.
        """
        self.head = self.head.seek(0, now_ns=self.now_ns())
        self.shown = self.selected = self._focus = None

    def seek_end(self) -> None:
        """
        Stand behind the last moment.
        """
        self.head = self.head.seek(self.duration_ns, now_ns=self.now_ns())
        self._show_last(self.moments.last())

    def go_to(self, address: Address) -> None:
        """
        Show up to *address* and, if it is a statement or its answer, up to the end of the answer; select the statement.
        """
        self._show_last(address)
        self._focus = address
        if self.selected is not None and address.chunk < len(self.chunks):
            events = self.chunks.get(address.chunk).events
            for number, event in enumerate(events):
                place = self.moments.address_of(address.chunk, number)
                role = role_of(event)
                if place > address and role is Role.QUERY:
                    break
                if place > address and role is Role.RESULT:
                    self.shown = place
        if self.shown is not None:
            self.head = self.head.seek(self.moments.at(self.shown).delay_ns, now_ns=self.now_ns())

    def start_of_search(self, *, forward: bool) -> Address | None:
        """
        Return where the search for the next or previous statement, error, … begins: everything shown is behind.
        """
        if forward:
            return self.shown
        return self.selected if self.selected is not None else self._focus or self.shown

    def look_back(self) -> Generator[Progress, None, None] | None:
        """
        Return the search for statements that were prepared before what is shown; None if none is needed.
        """
        if self.shown is None or not self.moments.guessed(self.shown.chunk):
            return None
        return self.moments.catch_up(self.shown.chunk)

    def _next_ns(self) -> int | None:
        following = self.moments.after(self.shown)
        return None if following is None else self.moments.at(following).delay_ns

    def _bound_ns(self) -> int | None:
        """
        Return what time may not run past; nothing has to be read for that while it stands still.
        """
        return self._next_ns() if self.playing else None

    def _last_until(self, delay_ns: int) -> Address | None:
        """
        Return the last moment before the first one that is later than *delay_ns*.
        """
        time_ns = min(self.chunks.start_ns + delay_ns, INT64_MAX - 1)
        number = self.chunks.table.reaching(time_ns + 1)
        later = 0
        if number < len(self.chunks) and self.chunks.table[number].earliest_ns <= time_ns:
            delays = self.chunks.get(number).delays_ns
            later = next((place for place, delay in enumerate(delays) if delay > delay_ns), len(delays))
        return self.moments.before(self.moments.address_of(number, later) if later else Address(number, 0))

    def _show(self, moment: Moment) -> None:
        self.shown = moment.address
        self._focus = None
        if moment.event is not None and role_of(moment.event) is Role.QUERY:
            self.selected = moment.address

    def _show_last(self, address: Address | None) -> None:
        """
        Show up to *address*, and select the last statement there, if it or the chunk before has one.
        """
        self.shown, self.selected, self._focus = address, None, None
        if address is None:
            return
        for chunk in range(min(address.chunk, len(self.chunks) - 1), max(-1, address.chunk - 2), -1):
            events = self.chunks.get(chunk).events
            for number in range(len(events) - 1, -1, -1):
                place = self.moments.address_of(chunk, number)
                if place <= address and role_of(events[number]) is Role.QUERY:
                    self.selected = place
                    return
