"""
Where playback stands, as a value: position, speed, whether it runs. No thread, no clock, no sleeping.

Whoever plays asks "how long until the moment at *m*?" and waits that long, or is woken before. Each
change is a new `Playhead` whose position is brought up to now first, so a change of speed in the middle
of a wait acts on what is left of it, at once. All times are integer nanoseconds: *now* is any clock that
never goes back, positions are delays since the session's start.

A pause longer than *idle* is cut to it. Idle is real time, as the person at the screen feels it, whatever
the speed.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

SLOWEST: Final = 0.25
FASTEST: Final = 16.0
SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""What + and - step through."""
_FORGIVEN_NS: Final = 250_000_000
"""Lateness beyond this is not caught up with: who was stopped for an hour wants to go on, not to be flooded."""


@dataclass(frozen=True, slots=True)
class Playhead:
    """
    One state of playback.

        >>> head = Playhead(speed=2.0).play(now_ns=0)
        >>> head.due_in_ns(10_000_000_000, now_ns=0)
        5000000000
        >>> head.with_speed(16.0, now_ns=1_000_000_000).due_in_ns(10_000_000_000, now_ns=1_000_000_000)
        500000000

    Attributes:
        position_ns: Delay since the session's start, >= 0, at the moment *since_ns*.
        since_ns: When that was.
        playing: Whether it moves.
        speed: Session seconds in a second, 0.25 to 16.
        idle_ns: Longest wait for the next event, real time; None: as long as the session did.
        waited_ns: How long it has run since the last event, real time, at *since_ns*.
    """

    position_ns: int = 0
    since_ns: int = 0
    playing: bool = False
    speed: float = 1.0
    idle_ns: int | None = None
    waited_ns: int = 0

    def __post_init__(self) -> None:
        if not SLOWEST <= self.speed <= FASTEST:
            raise ValueError(f"speed: expected {SLOWEST} to {FASTEST}, found {self.speed}")
        if self.position_ns < 0 or (self.idle_ns is not None and self.idle_ns < 0):
            raise ValueError(f"position and idle: expected >= 0, found {self.position_ns} and {self.idle_ns}")

    def at(self, now_ns: int, *, before_ns: int | None = None) -> int:
        """
        Return the position at *now_ns*; it does not run past the next event, at *before_ns*.
        """
        position = self.position_ns + self._run_ns(now_ns)
        return position if before_ns is None else max(self.position_ns, min(position, before_ns))

    def due_in_ns(self, moment_ns: int, *, now_ns: int) -> int | None:
        """
        Return how long from *now_ns* until the event at *moment_ns* is due: 0 if it is; None while paused.
        """
        if not self.playing:
            return None
        left = Fraction(moment_ns - self.position_ns) / Fraction(self.speed) - (now_ns - self.since_ns)
        wait = max(0, -(-left.numerator // left.denominator))  # rounded up: when the wait is over, it is due
        if self.idle_ns is not None:
            wait = min(wait, max(0, self.idle_ns - self._waited_ns(now_ns)))
        return wait

    def reached(self, moment_ns: int, *, now_ns: int) -> "Playhead":
        """
        Return the state after the event at *moment_ns* was shown. Late events don't move it back.

        The moment at which it was due counts, not the one at which it was shown: small delays don't add up.
        """
        due_ns = self.due_in_ns(moment_ns, now_ns=self.since_ns)
        since = now_ns if due_ns is None else max(min(now_ns, self.since_ns + due_ns), now_ns - _FORGIVEN_NS)
        return replace(self, position_ns=max(self.position_ns, moment_ns), since_ns=since, waited_ns=0)

    def play(self, *, now_ns: int) -> "Playhead":
        """
        Return the state that moves from *now_ns* on.
        """
        return replace(self._brought_up(now_ns), playing=True)

    def pause(self, *, now_ns: int, before_ns: int | None = None) -> "Playhead":
        """
        Return the state that stands still where it is at *now_ns*, at the latest at *before_ns*.
        """
        return replace(self._brought_up(now_ns, before_ns), playing=False)

    def seek(self, position_ns: int, *, now_ns: int) -> "Playhead":
        """
        Return the state that goes on, or stands, at *position_ns*; below 0 means 0.
        """
        return replace(self, position_ns=max(0, position_ns), since_ns=now_ns, waited_ns=0)

    def with_speed(self, speed: float, *, now_ns: int, before_ns: int | None = None) -> "Playhead":
        """
        Return the state at another speed.

        Raises:
            ValueError: *speed* is not within 0.25 to 16.
        """
        return replace(self._brought_up(now_ns, before_ns), speed=speed)

    def with_idle(self, idle_ns: int | None, *, now_ns: int, before_ns: int | None = None) -> "Playhead":
        """
        Return the state with another longest wait.
        """
        return replace(self._brought_up(now_ns, before_ns), idle_ns=idle_ns)

    def _run_ns(self, now_ns: int) -> int:
        return int((now_ns - self.since_ns) * Fraction(self.speed)) if self.playing else 0

    def _waited_ns(self, now_ns: int) -> int:
        return self.waited_ns + (now_ns - self.since_ns if self.playing else 0)

    def _brought_up(self, now_ns: int, before_ns: int | None = None) -> "Playhead":
        return replace(
            self, position_ns=self.at(now_ns, before_ns=before_ns), since_ns=now_ns, waited_ns=self._waited_ns(now_ns)
        )


def faster(speed: float) -> float:
    """
    Return the next speed of `SPEEDS` above *speed*, or the fastest.
    """
    return next((step for step in SPEEDS if step > speed), FASTEST)


def slower(speed: float) -> float:
    """
    Return the next speed of `SPEEDS` below *speed*, or the slowest.
    """
    return next((step for step in reversed(SPEEDS) if step < speed), SLOWEST)
