"""
Sessions in which much happens: their lines are made by the writer's thread, not by their calls.
"""

import threading

import pytest

from faults import QuickFiles
from recorded import events_of, eventually
from recordkit import Recorder
from recordkit.limits import KIB
from recordkit.recorder.budget import Budget
from recordkit.recorder.busy import BusySessions

STEP = 64 * KIB


class FakeSession:
    """
    A session with so many events that wait.
    """

    sid = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"

    def __init__(self, waiting=100):
        self.backlog = self
        self.items = [None] * waiting
        self.closing = False
        self.written = 0

    def write_waiting(self, *, hand_over):
        assert not hand_over
        self.written += len(self.items)
        self.items.clear()


@pytest.fixture
def budget():
    return Budget(256 * KIB)


@pytest.fixture
def busy(budget):
    return BusySessions(budget, threading.Event())


def test_the_first_one_wakes_the_thread(budget):
    """From then on it comes by itself."""
    wake = threading.Event()
    busy = BusySessions(budget, wake)
    assert not busy
    assert busy.take_on(FakeSession(), STEP)
    assert busy
    assert wake.is_set()
    wake.clear()
    assert busy.take_on(FakeSession(), STEP)
    assert not wake.is_set()


def test_a_session_is_taken_on_once(busy):
    """A call that comes again is faster than the thread, and makes its lines itself."""
    session = FakeSession()
    assert busy.take_on(session, STEP)
    assert not busy.take_on(session, STEP)


def test_small_steps_need_no_thread(busy):
    """Where thousands of sessions share the budget, calls make a few lines each."""
    assert not busy.take_on(FakeSession(), 1024)
    assert not busy


def test_nothing_is_taken_on_or_written_over_the_budget(busy, budget):
    """What waits for room goes on waiting: else memory would grow beside the budget."""
    session = FakeSession()
    assert busy.take_on(session, STEP)
    budget.add(budget.total)
    assert not busy.take_on(FakeSession(), STEP)
    busy.write_lines()
    assert session.written == 0
    budget.give_back(budget.total)
    busy.write_lines()
    assert session.written == 100


def test_few_events_are_left_for_the_next_time(busy):
    """A line is made cheaper in company."""
    session = FakeSession(waiting=3)
    busy.take_on(session, STEP)
    busy.write_lines()
    assert session.written == 0
    session.items += [None] * 97
    busy.write_lines()
    assert session.written == 100


def test_a_session_that_calms_down_or_ends_is_forgotten(busy):
    """The thread rests when nothing happens."""
    calm, ended = FakeSession(waiting=3), FakeSession()
    busy.take_on(calm, STEP)
    busy.take_on(ended, STEP)
    ended.closing = True
    busy.write_lines()
    assert ended.written == 0
    assert busy.take_on(ended, STEP)
    for _ in range(51):
        busy.write_lines()
    assert not busy
    assert busy.take_on(calm, STEP)


def test_a_fault_in_one_stops_no_other(busy, caplog):
    """It is logged, and that session's calls are told when they make their lines themselves."""
    broken, sound = FakeSession(), FakeSession()
    broken.write_waiting = lambda **_: 1 / 0
    busy.take_on(broken, STEP)
    busy.take_on(sound, STEP)
    busy.write_lines()
    assert sound.written == 100
    assert broken.sid in caplog.text
    assert busy.take_on(broken, STEP)


def test_calls_of_a_busy_session_make_no_lines(tmp_path, monkeypatch):
    """With the thread at work beside them, calls only append, and nothing is lost or out of order."""
    makers = []
    with Recorder(tmp_path, files=QuickFiles(), flush_interval_s=1000.0) as recorder:
        session = recorder.session(start=False)
        write = session.backlog.lines.write

        def noted(*arguments):
            makers.append(threading.current_thread())
            return write(*arguments)

        monkeypatch.setattr(session.backlog.lines, "write", noted)
        for turn in range(10):
            for n in range(60):
                session.query(f"{turn * 60 + n}:" + "x" * 200)
            eventually(lambda: session._room > 30_000 or not recorder.busy)
        assert set(makers) == {recorder._thread}
        session.close(interrupted=True)
    queries = [int(event["db_query"].split(":")[0]) for event in events_of(tmp_path, session.sid)]
    assert queries == list(range(600))
