"""
Time comes in through a `Clock`, so that tests and demos decide what it is.

Wall time (``time_ns``) goes into events and may jump; durations and deadlines use ``monotonic``.
"""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """
    What recordkit asks of time.
    """

    def time_ns(self) -> int:
        """
        Return nanoseconds since the Unix epoch, UTC.
        """

    def monotonic(self) -> float:
        """
        Return seconds that never go back, from an arbitrary start.
        """

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """
        Block until *event* is set or *timeout_s* has passed on this clock; True if it was set.
        """


class SystemClock:
    """
    The machine's time.
    """

    time_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """
        See `Clock.wait`.
        """
        return event.wait(timeout_s)


class ManualClock:
    """
    A clock that stands still until it is told to move; thread-safe.

        >>> clock = ManualClock(start_ns=1_000_000_000)
        >>> clock.advance(1.5)
        >>> clock.time_ns()
        2500000000
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._elapsed_ns = 0
        self._moved = threading.Condition()

    def time_ns(self) -> int:
        """
        See `Clock.time_ns`.
        """
        return self._now_ns

    def monotonic(self) -> float:
        """
        See `Clock.monotonic`.
        """
        return self._elapsed_ns / 1e9

    def advance(self, seconds: float) -> None:
        """
        Move both times forward by *seconds* >= 0 and wake whoever waits for that moment.
        """
        if seconds < 0:
            raise ValueError(f"seconds must be >= 0, found {seconds}; use set_time_ns to move wall time back")
        with self._moved:
            step_ns = round(seconds * 1e9)
            self._now_ns += step_ns
            self._elapsed_ns += step_ns
            self._moved.notify_all()

    def set_time_ns(self, time_ns: int) -> None:
        """
        Set the wall time alone, also back; durations don't notice, as with a machine's clock.
        """
        with self._moved:
            self._now_ns = time_ns

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """
        See `Clock.wait`. An event that is set from outside is noticed within 10 ms of real time.
        """
        with self._moved:
            # in whole nanoseconds: a sum of floats may lie behind the very moment that `advance` reaches
            deadline_ns = None if timeout_s is None else self._elapsed_ns + round(timeout_s * 1e9)
            while not event.is_set():
                if deadline_ns is not None and self._elapsed_ns >= deadline_ns:
                    return False
                self._moved.wait(0.01)
        return True
