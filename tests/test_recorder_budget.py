import threading

import pytest

from faults import GatedFiles, QuickFiles
from programs import run
from recorded import events_of, summary_of
from recordkit import Recorder, State, open_store
from recordkit.limits import KIB, MIB
from recordkit.recorder.budget import Budget
from recordkit.recorder.pending import BufferPool

# ------------------------------------------------------------------ the budget alone


def test_room_until_the_budget_is_used_up():
    """There is room while less than the budget is held; from half on, buffers are to be written early."""
    budget = Budget(64 * KIB)
    seen = []
    for _ in range(5):
        seen.append((budget.has_room, budget.presses))
        budget.add(16 * KIB)
    assert seen == [(True, False), (True, False), (True, False), (True, True), (False, True)]
    budget.give_back(80 * KIB)
    assert (budget.held, budget.has_room) == (0, True)


def test_who_waits_is_told_once_when_there_is_room():
    """A callback is called when room comes, or when everyone is told; never twice, and a broken one stops no other."""
    budget, called = Budget(64 * KIB), []

    def broken():
        raise RuntimeError("Event loop is closed")

    budget.add(100 * KIB)
    for callback in (broken, lambda: called.append(1)):
        budget.call_once(callback)
    budget.give_back(10 * KIB)
    assert called == []
    budget.give_back(60 * KIB)
    assert called == [1]
    budget.add(100 * KIB)
    budget.call_once(lambda: called.append(2))
    budget.tell(everyone=True)
    budget.tell(everyone=True)
    assert called == [1, 2]


def test_steps_of_all_sessions_stay_within_a_quarter():
    """What sessions may hold as items shrinks as they multiply, down to a size at which writing still pays."""
    budget = Budget(64 * MIB)
    for sessions in (0, 1, 10, 1000, 10_000, 32_768):
        assert 512 <= budget.step_bytes(sessions) * max(1, sessions) <= 16 * MIB
    assert budget.step_bytes(10**6) == 512


def test_large_buffers_are_not_kept():
    """Buffers are reused, but not many, and none that a huge statement has blown up."""
    pool = BufferPool(keep=2, max_bytes=1000)
    buffers = [pool.take() for _ in range(4)]
    for size, buffer in zip((10, 2000, 1000, 5), buffers, strict=True):
        buffer.write(b"x" * size)
        pool.give(buffer, size)
    again = {id(pool.take()), id(pool.take())}
    assert again == {id(buffers[0]), id(buffers[2])}
    assert pool.take().tell() == 0


def test_room_for_the_items_of_many_sessions_is_set_aside():
    """What waits to be written as lines has its place within the budget, a quarter of it at most."""
    budget = Budget(256 * KIB)
    budget.set_aside(10_000)
    budget.add(192 * KIB - 1)
    assert budget.has_room
    budget.add(1)
    assert not budget.has_room
    budget.set_aside(0)
    assert budget.has_room


# ------------------------------------------------------------------ the budget at work


def test_memory_that_a_buffer_has_and_does_not_fill_is_counted(tmp_path):
    """A session that gets a large buffer of another's, for one event, holds all of it."""
    with Recorder(tmp_path, files=QuickFiles(), flush_interval_s=1000.0) as recorder:
        session = recorder.session(start=False)
        session.query("x" * 100_000)
        session.flush()
        assert recorder._budget.held == 0
        session.query("SELECT 1")
        session.write_waiting(hand_over=False)
        assert recorder._budget.held >= 100_000
        session.flush()
        assert recorder._budget.held == 0


@pytest.mark.parametrize("overflow", ["block", "drop"])
def test_memory_stays_within_the_budget_while_the_disk_stands_still(tmp_path, overflow):
    """However many threads and sessions record, no more is held than the budget and a quarter, and all of it is freed."""
    files, budget = GatedFiles(), 256 * KIB
    with Recorder(tmp_path, files=files, memory_budget=budget, overflow=overflow, flush_interval_s=0.04) as recorder:
        files.shut()
        sessions = [recorder.session(start=False) for _ in range(40)]
        held, stop = [], threading.Event()

        def work(sessions):
            for _ in range(60):
                for session in sessions:
                    session.query("x" * 400)
            stop.set()

        threads = [threading.Thread(target=work, args=(sessions[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        while True:
            held.append(recorder._budget.held)
            if stop.wait(0.001) or len(held) > 300:
                break
        files.open()
        for thread in threads:
            thread.join()
        for session in sessions:
            session.close()
        assert max(held) <= 1.5 * budget
        assert recorder._budget.held == 0
    for session in sessions:
        stats = session.stats
        given = stats.accepted - sum(event["event"] == "recordkit.gap" for event in events_of(tmp_path, session.sid))
        assert given == 60
        assert stats.accepted == stats.written + stats.lost
        assert stats.lost == summary_of(tmp_path, session.sid).lost
        assert stats.lost == 0 or overflow == "drop"


TEN_THOUSAND = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
MIB = 2**20

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

def descriptors():
    return len(os.listdir("/proc/self/fd"))

with Recorder(STORE, memory_budget=16 * MIB, files=QuickFiles()) as recorder:
    with recorder.session() as first:
        first.query("SELECT 1")
        first.flush()
    memory, threads, fds = resident(), threading.active_count(), descriptors()
    sessions = [recorder.session(user=f"user{n}", db_protocol="postgres") for n in range(10_000)]
    peak = most_threads = most_fds = 0
    for turn in range(6):
        for place, session in enumerate(sessions):
            session.query(f"{turn}:" + "y" * 400)
            if place % 500 == 0:
                peak = max(peak, resident())
                most_threads = max(most_threads, threading.active_count())
                most_fds = max(most_fds, descriptors())
    for session in sessions:
        session.close(wait=False)
    peak = max(peak, resident())
say(
    grown=peak - memory, threads=most_threads - threads, fds=most_fds - fds,
    written=sum(session.stats.written for session in sessions),
    accepted=sum(session.stats.accepted for session in sessions),
    sids=[session.sid for session in sessions[::500]],
)
"""


def test_ten_thousand_sessions_over_the_budget(tmp_path):
    """10 000 open sessions that together hold more than the budget: no thread, no descriptor, no memory each; all whole."""
    (said,) = run(TEN_THOUSAND, tmp_path)
    assert said["threads"] <= 8
    assert said["fds"] <= 16
    assert said["grown"] <= 16 * MIB + 64 * MIB
    assert said["written"] == said["accepted"] == 80_000
    for sid in said["sids"]:
        queries = [event["db_query"] for event in events_of(tmp_path, sid) if "db_query" in event]
        assert queries == [f"{turn}:" + "y" * 400 for turn in range(6)]
    with open_store(tmp_path) as store:
        counts = [(summary.state, summary.events) for summary in store.list(user=None)]
    assert sorted(set(counts)) == [(State.COMPLETE, 3), (State.COMPLETE, 8)]
    assert len(counts) == 10_001
