"""
What the player does between two screens: no terminal here, so tests and other front ends can drive it.

Keys call its commands; whoever runs it calls `work` until it says that there is nothing to do, then waits
for `wait_s` or the next key, then draws `screen.compose`. Searches and passes over the whole recording
run in slices within `work`, so keys are answered while they go on, and Esc ends them.
"""

from collections.abc import Callable, Generator
from enum import Enum
from typing import Any, Final, Protocol

from recordkit.clock import Clock
from recordkit.container import State
from recordkit.events import Event
from recordkit.playback import Address, Player, Search, found_by
from recordkit.playback.moments import Progress
from recordkit.terminal.fragments import Fragment, Line, safe
from recordkit.terminal.transcript_lines import TranscriptLines
from recordkit.transcript import Segment

_SLICE_S: Final = 0.008
"""Work between two looks at the keyboard."""
_POLL_S: Final = 0.2
"""How often a recording that is being written is looked at."""
_FRAME_S: Final = 0.1
"""How often the time moves on screen."""
_FURTHEST_BACK: Final = 48
_DRAWN_EVERY: Final = 64
"""Chunks that are looked through for marks between two screens."""


class View(Enum):
    """
    What fills the screen.
    """

    TRANSCRIPT = "transcript"
    DETAIL = "detail"
    HELP = "help"


class Asking(Enum):
    """
    What the person is typing.
    """

    NOTHING = ""
    SEARCH = "/"
    TIME = "go to: "


class Source(Protocol):
    """
    What the player has to know of the recording's store.
    """

    def state(self) -> State:
        """
        Return how the recording stands now: open, or how it ended.

        Raises:
            FileNotFoundError: It is gone.
        """


Found = Callable[[Address | None], None]


class Controller:
    """
    One run of the player.

    Attributes:
        player: What is played.
        lines: Its transcript.
        view: What fills the screen.
        asking: What is typed at the moment.
        scroll: First line that detail and help show.
        message: What to say in place of the facts, till the next key.
        live: Whether more may come.
        following: Whether what comes is shown at once.
        leaving: Whether the person wants to go.
        state: How the recording stands.
        title: What it is about, as it came.
        detail: The lines of the detail pane, and what they were made for: making them may take a tenth of a second.
        looked_back: How much of the search for earlier prepared statements is done; None if there is none.
        slow_ns: What counts as slow.
    """

    def __init__(
        self,
        player: Player,
        *,
        clock: Clock,
        source: Source,
        state: State,
        title: str,
        read_time: Callable[[str], int],
        slow_s: float = 1.0,
        lost: int = 0,
    ) -> None:
        self.player = player
        self.lines = TranscriptLines(player)
        self.view = View.TRANSCRIPT
        self.asking = Asking.NOTHING
        self.scroll = 0
        self.message: tuple[str, str] | None = None
        self.state = state
        self.live = state is State.OPEN
        self.following = False
        self.leaving = False
        self.title = title
        self.slow_ns = round(slow_s * 1e9)
        self.answer: tuple[Event, int] | None = None
        self.answered: tuple[Segment, ...] = ()
        self.search: Search | None = None
        self.detail: tuple[object, list[Line]] = (None, [])
        self._clock = clock
        self._source = source
        self._read_time = read_time
        self._lost = lost
        self._scan: tuple[str, Generator[Progress, None, Any], Found] | None = None
        self._progress = 0.0
        self._marking: Generator[Progress, None, None] | None = player.marks.scan()
        self._looking_back: tuple[int, Generator[Progress, None, None]] | None = None
        self.looked_back: float | None = None
        self._polled_s = clock.monotonic()
        if not self.live:
            self._close()

    # ------------------------------------------------------------------ what runs by itself

    def work(self) -> bool:
        """
        Do what is to be done, for some milliseconds at most; tell whether the screen may look different.
        """
        changed = self.player.find_place()
        changed = bool(self.player.playing and self.player.advance()) or changed
        if changed:
            self._settle()
        if self.live and self._clock.monotonic() - self._polled_s >= _POLL_S:
            changed = self._poll() or changed
        until_s = self._clock.monotonic() + _SLICE_S
        if self._scan is not None:
            self._run_scan(until_s)
            return True
        if self._lacks_lines:
            self.lines.back += 2
            return True
        if self._look_back(until_s):
            return True
        if self._marking is not None:
            if next(self._marking, None) is None:
                self._marking = None
            return changed or self._marking is None or self.player.marks.scanned % _DRAWN_EVERY == 0
        return changed

    @property
    def busy(self) -> bool:
        """
        Whether `work` has more to do right away.
        """
        return (
            self._scan is not None or self._marking is not None or self._looking_back is not None or self._lacks_lines
        )

    @property
    def _lacks_lines(self) -> bool:
        return self.lines.short and self.lines.back < _FURTHEST_BACK and self.view is View.TRANSCRIPT

    def wait_s(self) -> float | None:
        """
        Return how long nothing will happen if no key comes; None: for ever.
        """
        waits = [self.player.due_in_s()] if self.player.playing else []
        if self.player.playing and not self.player.at_end:
            waits.append(_FRAME_S)
        if self.live:
            waits.append(max(0.0, _POLL_S - (self._clock.monotonic() - self._polled_s)))
        return min((wait for wait in waits if wait is not None), default=None)

    def _run_scan(self, until_s: float) -> None:
        if self._scan is None:
            return
        label, scan, found = self._scan
        try:
            while True:
                self._progress = next(scan)
                if self._clock.monotonic() >= until_s:
                    self.message = ("", f"{label}: {self._progress:.0%}, Esc stops")
                    return
        except StopIteration as end:
            self._scan = None
            self.message = None
            found(end.value)

    def _look_back(self, until_s: float) -> bool:
        chunk = -1 if self.player.shown is None else self.player.shown.chunk
        if self._looking_back is None or self._looking_back[0] != chunk:
            search = self.player.look_back()
            self._looking_back = None if search is None else (chunk, search)
        self.looked_back = None
        if self._looking_back is None:
            return False
        for done in self._looking_back[1]:
            self.looked_back = done
            if self._clock.monotonic() >= until_s:
                return True
        self._looking_back = self.looked_back = None
        return True

    def _poll(self) -> bool:
        """
        Take in what was written since; if that is nothing, ask whether more will come.
        """
        self._polled_s = self._clock.monotonic()
        moments = self.player.moments
        grown = moments.extended()
        if not grown:
            try:
                state = self._source.state()
            except FileNotFoundError:
                self.say("the recording was removed", "class:toolbar.error")
                self.live = False
            else:
                if state is not State.OPEN:
                    grown = moments.extended()  # what came between the two looks
                    self.live, self.state = False, state
            if not self.live:
                self._close()
        if grown:
            self._marking = self.player.marks.scan()
        if self.following and (grown or not self.live):
            self.player.seek_end()
            self._settle()
        return grown or not self.live

    def _close(self) -> None:
        """
        Say behind the last event how the session ended, unless the event itself did.
        """
        notes = []
        if self.state is State.INTERRUPTED:
            notes.append("the session was interrupted: its end was not recorded")
        elif self.state is State.TORN:
            notes.append("the recording is torn: what came after this is missing")
        if not len(self.player.chunks):
            notes += [f"damaged: {error}" for error in self.player.chunks.damage]
        if self._lost:
            notes.append(f"{self._lost} events are missing; the recorder had to drop them")
        self.player.moments.close_with(notes)
        if self.live is False and self.following and self.message is None:
            ended = "ended" if self.state is State.COMPLETE else str(self.state)
            self.message = ("", f"the session has {ended}" if ended == "ended" else f"the session was {ended}")

    def _settle(self) -> None:
        """
        Begin anew with what depends on the place.
        """
        self.lines.back = 1
        self.scroll = 0
        self._find_answer()

    def _find_answer(self) -> None:
        self.answer, self.answered = None, ()
        selected = self.player.selected
        if self.view is not View.DETAIL or selected is None:
            return
        found = found_by(self.player.scans.answer(selected))
        if found is not None:
            moment, asked = self.player.moments.at(found), self.player.moments.at(selected)
            if moment.event is not None:
                self.answer = moment.event, max(0, moment.delay_ns - asked.delay_ns)
                self.answered = moment.segments

    # ------------------------------------------------------------------ what keys do

    def say(self, text: str, style: str = "") -> None:
        """
        Say *text* until the next key.
        """
        self.message = (style, text)

    def start_scan(self, label: str, scan: Generator[Progress, None, Address | None], missing: str) -> None:
        """
        Go to what *scan* finds, or say *missing*; at once if it is near, else while keys are answered.
        """

        def found(address: Address | None) -> None:
            if address is None:
                self.say(missing)
                return
            self.following = False
            self.player.pause()  # to be read; space goes on
            self.player.go_to(address)
            self._settle()

        self._scan = (label, scan, found)
        self._run_scan(self._clock.monotonic() + _SLICE_S)

    def cancel(self) -> bool:
        """
        End a search; tell whether there was one.
        """
        if self._scan is None:
            return False
        self._scan = None
        self.say("stopped")
        return True

    def seek(self, move: Callable[[], None]) -> None:
        """
        Carry out a jump in time.
        """
        self._scan = None
        self.following = False
        move()
        self._settle()

    def show(self, view: View) -> None:
        """
        Fill the screen with *view*; if it does already, with the transcript.
        """
        self.view = View.TRANSCRIPT if self.view is view else view
        self.scroll = 0
        self._find_answer()

    def follow(self) -> None:
        """
        Stay at the end, or stop doing so.
        """
        if not self.live:
            self.seek(self.player.seek_end)
            self.say("the session is over: nothing more will come")
            return
        self.following = not self.following
        if self.following:
            self.player.moments.extended()
            self.player.seek_end()
            self.player.play()
            self._settle()

    def typed(self, text: str) -> None:
        """
        Take what was typed, and end the asking.
        """
        asked, self.asking = self.asking, Asking.NOTHING
        if asked is Asking.TIME and text.strip():
            try:
                delay_ns = self._read_time(text.strip())
            except ValueError as error:
                self.say(str(error), "class:toolbar.error")
                return
            self.seek(lambda: self.player.seek(delay_ns))
        elif asked is Asking.SEARCH:
            if text:
                try:
                    self.search = Search(text)
                except ValueError as error:
                    self.say(str(error), "class:toolbar.error")
                    return
                self.lines.found = self.search.expression
            self.search_on(forward=True)

    def search_on(self, *, forward: bool) -> None:
        """
        Go to the next or previous event that matches what was searched for last.
        """
        if self.search is None:
            self.say("nothing to search for yet: / asks")
            return
        start = self.player.start_of_search(forward=forward)
        scan = self.player.scans.text(start, self.search, forward=forward)
        where = "from here on" if forward else "before this"
        self.start_scan("searching", scan, f"{self.search.pattern}: not found {where}")

    # ------------------------------------------------------------------ what is on screen

    @property
    def status(self) -> str:
        """
        The state of playback in a word.
        """
        if self.following:
            return "following"
        if self.player.at_end:
            return "waiting" if self.live and self.player.playing else "end"
        return "playing" if self.player.playing else "paused"

    @property
    def note(self) -> list[Fragment]:
        """
        The message, if there is one.
        """
        if self.message is None:
            return []
        style, text = self.message
        return safe([(style or "class:toolbar", text)])
