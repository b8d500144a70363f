import threading
import time

import pytest

from recordkit.clock import ManualClock, SystemClock

ENOUGH_S = 30  # real seconds after which a test that hangs fails


class Waiter:
    """A thread that waits on a clock, and what its wait returned."""

    def __init__(self, clock, event, timeout_s):
        self.returned = []
        self._thread = threading.Thread(target=lambda: self.returned.append(clock.wait(event, timeout_s)), daemon=True)
        self._thread.start()

    def result(self):
        self._thread.join(ENOUGH_S)
        assert not self._thread.is_alive()
        return self.returned[0]

    @property
    def waits(self):
        return self._thread.is_alive()


class Watched(threading.Event):
    """An event that tells when a waiter has looked at it."""

    def __init__(self):
        super().__init__()
        self.looked = threading.Semaphore(0)

    def is_set(self):
        self.looked.release()
        return super().is_set()

    def seen(self):
        assert self.looked.acquire(timeout=ENOUGH_S)

    def seen_from_now(self):
        while self.looked.acquire(blocking=False):
            pass
        self.seen()  # it may have begun to look before
        self.seen()


def test_a_manual_clock_stands_still():
    """Neither time moves by itself."""
    clock = ManualClock(start_ns=5)
    assert [(clock.time_ns(), clock.monotonic()) for _ in range(3)] == [(5, 0.0)] * 3


def test_advancing_moves_both_times():
    """An advance moves wall time and elapsed time by the same, to the nanosecond."""
    clock = ManualClock(start_ns=10)
    clock.advance(1.5)
    clock.advance(0)
    clock.advance(1e-9)
    assert clock.time_ns() == 1_500_000_011
    assert clock.monotonic() == 1.500000001


def test_setting_moves_only_the_wall_time():
    """Wall time may jump, also back; durations don't notice."""
    clock = ManualClock(start_ns=10**18)
    clock.advance(2)
    clock.set_time_ns(7)
    assert (clock.time_ns(), clock.monotonic()) == (7, 2.0)
    clock.advance(1)
    assert (clock.time_ns(), clock.monotonic()) == (1_000_000_007, 3.0)


def test_a_manual_clock_does_not_go_back():
    """An advance by less than nothing is refused, says how to move the wall time, and changes nothing."""
    clock = ManualClock()
    with pytest.raises(ValueError, match=r"seconds must be >= 0, found -0\.5; use set_time_ns"):
        clock.advance(-0.5)
    assert (clock.time_ns(), clock.monotonic()) == (0, 0.0)


@pytest.mark.parametrize("timeout_s", [0, 0.0, -1])
def test_a_wait_of_no_time_returns_at_once(timeout_s):
    """A time-out that has already passed returns whether the event is set."""
    clock, event = ManualClock(), threading.Event()
    assert clock.wait(event, timeout_s) is False
    event.set()
    assert clock.wait(event, timeout_s) is True


@pytest.mark.parametrize("timeout_s", [None, 5])
def test_an_event_set_from_outside_ends_the_wait(timeout_s):
    """A thread that waits sees the event though the clock stands still."""
    clock, event = ManualClock(), Watched()
    waiter = Waiter(clock, event, timeout_s)
    event.seen()
    event.set()
    assert waiter.result() is True


def test_a_wait_ends_at_its_moment_and_not_before():
    """A waiting thread is let go by the advance that reaches its time-out, and by none before."""
    clock, event = ManualClock(), Watched()
    waiter = Waiter(clock, event, 10)
    event.seen()
    clock.advance(9.999999999)
    event.seen_from_now()
    assert waiter.waits
    clock.advance(1e-9)
    assert waiter.result() is False


@pytest.mark.parametrize(
    ("before_s", "timeout_s"), [(0.1, 0.2), (0.3, 0.6), (1.1, 2.2), (1e6 + 0.1, 0.7), (1e9 + 0.1, 0.1)]
)
def test_an_advance_by_exactly_the_time_out_ends_the_wait(before_s, timeout_s):
    """The moment is reached exactly, also where the sum of the two as floats would lie behind it."""
    clock, event = ManualClock(), Watched()
    clock.advance(before_s)
    waiter = Waiter(clock, event, timeout_s)
    event.seen()
    clock.advance(timeout_s)
    assert waiter.result() is False


def test_wall_time_does_not_end_a_wait():
    """A jump of the wall time is no passing of time to a thread that waits."""
    clock, event = ManualClock(), Watched()
    waiter = Waiter(clock, event, 1)
    event.seen()
    clock.set_time_ns(10**18)
    event.seen_from_now()
    assert waiter.waits
    clock.advance(1)
    assert waiter.result() is False


def test_each_waiter_has_its_own_moment():
    """Several threads wait on one clock; each is let go at its own time-out."""
    clock = ManualClock()
    events = [Watched() for _ in range(3)]
    waiters = [Waiter(clock, event, timeout_s) for event, timeout_s in zip(events, (1, 2, None), strict=True)]
    for event in events:
        event.seen()
    clock.advance(1)
    assert waiters[0].result() is False
    assert waiters[1].waits
    clock.advance(1)
    assert waiters[1].result() is False
    assert waiters[2].waits
    events[2].set()
    assert waiters[2].result() is True


def test_many_threads_advance_one_clock():
    """No step is lost when several threads move the clock at once."""
    clock = ManualClock()
    threads = [threading.Thread(target=lambda: [clock.advance(0.001) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (clock.time_ns(), clock.monotonic()) == (2_000_000_000, 2.0)


def test_the_system_clock_is_the_machines():
    """Wall time is the machine's, and elapsed time never goes back."""
    clock = SystemClock()
    before, now, after = time.time_ns(), clock.time_ns(), time.time_ns()
    assert before <= now <= after
    first, second = clock.monotonic(), clock.monotonic()
    assert time.monotonic() >= second >= first


def test_the_system_clock_waits_for_events():
    """A wait ends with True once the event is set, and with False when it is not."""
    clock, event = SystemClock(), threading.Event()
    assert clock.wait(event, 0) is False
    waiter = Waiter(clock, event, None)
    event.set()
    assert waiter.result() is True
    assert clock.wait(event, ENOUGH_S) is True
