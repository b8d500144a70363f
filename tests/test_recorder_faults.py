import itertools
import os
import random
import subprocess
import threading

import pytest

from faults import OPERATIONS, WRITES, FaultyFiles, GatedFiles, QuickFiles
from programs import run
from recorded import events_of, eventually, gaps_of, summary_of
from recordkit import Recorder, State, open_recording
from recordkit.errors import ClosedError, RecordingWriteError, RecordKitError
from recordkit.store.paths import open_path, sealed_path
from recordkit.store.recovery import recover

NOISE = random.Random(7).randbytes(1 << 20).hex()  # doesn't compress


def statement(n):
    """
    Return a statement of about 700 bytes that says its number.
    """
    at = n * 397 % 1_000_000
    return f"{n}:{NOISE[at : at + 700]}"


def numbers(events):
    """
    Return the numbers of the statements among *events*.
    """
    return [int(event["db_query"].split(":")[0]) for event in events if "db_query" in event]


def check_open_file(store, sid):
    """
    See that a recording that is being written has no damage but a torn tail; return its events.
    """
    path = open_path(store, sid)
    if not path.exists():
        return []
    with open_recording(path, mode="tail") as recording:
        return list(recording.events())


def check_gaps(events, given):
    """
    See that gap events name exactly what is missing of *given* statements, which took all numbers from 0 on.
    """
    there = {event["ei"] for event in events if event["event"] != "recordkit.gap"}
    missing = set(range(given)) - there
    named = []
    for first, last, count in gaps_of(events):
        run_ = [ei for ei in range(first, last + 1) if ei in missing]
        assert run_ == list(range(first, last + 1)), "a gap event names what is there"
        assert count == len(run_)
        named += run_
    assert sorted(named) == sorted(missing)
    eis = [event["ei"] for event in events]
    assert eis == sorted(set(eis))
    return len(missing)


# ------------------------------------------------------------------ strict: told, and nothing is lost


@pytest.mark.parametrize("every", [2, 3, 7])
@pytest.mark.parametrize("fault", ["N", "E", "S"])
@pytest.mark.parametrize("operations", [WRITES, WRITES | {"truncate"}], ids=["writes", "truncate-too"])
def test_strict_tells_and_keeps(tmp_path, every, fault, operations):
    """Whichever write fails, the caller is told, and what it was not told about is in the file once, in order."""
    files = FaultyFiles(every=every, fault=fault, operations=operations)
    accepted, told, dice = [], 0, random.Random(every)
    with Recorder(tmp_path, files=files, chunk_bytes=4096) as recorder:
        session = recorder.session(start=False)
        for n in range(300):
            try:
                session.query(statement(n))
                accepted.append(n)
            except RecordingWriteError as error:
                told += 1
                assert isinstance(error.__cause__, OSError)
                assert error.errno == error.__cause__.errno
            if dice.random() < 0.2:
                try:
                    session.flush()
                    there = numbers(events_of(tmp_path, session.sid))
                    assert there == accepted
                except RecordingWriteError:
                    told += 1
                written = session.stats.written
                there = numbers(check_open_file(tmp_path, session.sid))
                assert there == accepted[: len(there)]
                assert len(there) >= written
        assert told > 0
        assert files.failed
        files.heal()
        try:
            session.flush()
        except RecordingWriteError:
            session.flush()
        session.close()
    events = events_of(tmp_path, session.sid)
    assert numbers(events) == accepted
    assert [event["ei"] for event in events] == list(range(len(accepted)))
    assert session.stats.lost == 0
    assert session.stats.written == session.stats.accepted == len(accepted)


@pytest.mark.parametrize("fault", ["N", "E", "S"])
def test_strict_tells_what_the_background_met(tmp_path, fault):
    """A write that fails with nobody waiting is told by the session's next call, once; then all goes on."""
    files = FaultyFiles()
    with Recorder(tmp_path, files=files, flush_interval_s=0.04) as recorder:
        session, other = recorder.session(start=False), recorder.session(start=False)
        session.query(statement(0))
        session.flush()
        files.fail(fault)
        session.query(statement(1))
        eventually(lambda: files.failed)
        files.heal()
        eventually(lambda: session.stats.written == 2)
        with pytest.raises(RecordingWriteError):
            session.query(statement(2))
        other.query(statement(0))
        session.query(statement(3))
        session.close()
    assert numbers(events_of(tmp_path, session.sid)) == [0, 1, 3]


def test_strict_memory_is_bounded_although_nobody_listens(tmp_path):
    """On a full disk a caller that ignores errors fills the budget and no more: each further call raises."""
    files, budget = FaultyFiles(), 256 * 1024
    with Recorder(tmp_path, files=files, memory_budget=budget, flush_interval_s=0.04) as recorder:
        session = recorder.session(start=False)
        files.fail("N")
        accepted, calls = [], itertools.count()
        taken = None
        while taken != len(accepted):  # what waits may become smaller once it is to be written
            taken, refused = len(accepted), len(files.failed)
            for n in itertools.islice(calls, 1000):
                try:
                    session.query(statement(n))
                    accepted.append(n)
                except RecordingWriteError:
                    pass
            eventually(lambda refused=refused: len(files.failed) > refused + 1)
        eventually(lambda: recorder._budget.held < 1.5 * budget)  # a quarter may wait as items beside what is written
        assert sum(len(statement(n)) for n in accepted) < 1.5 * budget
        for _ in range(10):
            with pytest.raises(RecordingWriteError):
                session.query(statement(next(calls)))
        files.heal()
        session.flush()
        session.close()
    assert numbers(events_of(tmp_path, session.sid)) == accepted


def test_small_drafts_do_not_pile_up_behind_a_refused_one(tmp_path):
    """While the disk refuses, a session's lines gather in one buffer; thousands of tiny ones would eat memory."""
    files = FaultyFiles()
    with Recorder(tmp_path, files=files, flush_interval_s=0.02) as recorder:
        session = recorder.session(start=False)
        files.fail("N")
        for n in range(60):
            before = len(files.failed)
            while True:
                try:
                    session.query(statement(n))
                    break
                except RecordingWriteError:
                    pass
            eventually(lambda before=before: len(files.failed) > before)
        assert len(session.backlog.drafts) <= 2
        files.heal()
        session.flush()
        session.close()
    assert numbers(events_of(tmp_path, session.sid)) == list(range(60))


def test_strict_close_tells_what_is_lost(tmp_path):
    """Ending a session whose disk refuses raises, says how many events are lost, and leaves what is sound."""
    files = FaultyFiles()
    with Recorder(tmp_path, files=files) as recorder:
        session = recorder.session(start=False)
        for n in range(5):
            session.query(statement(n))
        session.flush()
        files.fail("S")
        for n in range(5, 12):
            session.query(statement(n))
        with pytest.raises(RecordingWriteError, match="7 events are lost"):
            session.close()
        session.close()
        files.heal()
    assert session.stats == session.stats.__class__(12, 5, 7, 0)
    assert numbers(check_open_file(tmp_path, session.sid)) == list(range(5))
    assert recover(tmp_path).sealed == (session.sid,)
    assert numbers(events_of(tmp_path, session.sid)) == list(range(5))
    assert summary_of(tmp_path, session.sid).state is State.INTERRUPTED


def test_strict_recorder_close_tells_of_sessions_that_nobody_waited_for(tmp_path):
    """What a session ended in the background could not write is told when the recorder is closed; once."""
    files = FaultyFiles()
    recorder = Recorder(tmp_path, files=files)
    session = recorder.session()
    files.fail("E")
    session.close(wait=False)
    with pytest.raises(RecordingWriteError, match="2 events are lost"):
        recorder.close()
    recorder.close()


def test_an_own_error_is_not_hidden_by_ours(tmp_path):
    """Where the caller's exception is on its way, a refused write does not replace it."""
    files = FaultyFiles()
    with pytest.raises(ZeroDivisionError), Recorder(tmp_path, files=files) as recorder, recorder.session():
        files.fail("N")
        raise ZeroDivisionError


def test_a_flush_never_says_so_of_what_was_given_up(tmp_path):
    """A flush beside the end of a session on a full disk raises: it does not return as if all were written."""
    files = FaultyFiles()
    with Recorder(tmp_path, files=files) as recorder:
        files.fail("N")
        for _ in range(60):
            session = recorder.session()
            outcomes, flushing = [], threading.Barrier(4)

            def work(session=session, outcomes=outcomes, flushing=flushing):
                flushing.wait()
                try:
                    session.flush()
                    outcomes.append("returned")
                except RecordKitError as error:
                    outcomes.append(type(error))

            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            flushing.wait()
            with pytest.raises(RecordingWriteError):
                session.close()
            for thread in threads:
                thread.join()
            assert set(outcomes) <= {RecordingWriteError, ClosedError}


# ------------------------------------------------------------------ best effort: gap events


@pytest.mark.parametrize("fault", ["N", "E", "S"])
@pytest.mark.parametrize("seed", range(6))
def test_best_effort_names_exactly_what_is_missing(tmp_path, fault, seed):
    """Calls never fail; what the disk refused is named by gap events, to the number, and by the counts."""
    dice = random.Random(seed)
    script = "".join("." if dice.random() < 0.6 else fault for _ in range(60))
    files = FaultyFiles("." * (seed % 2) + script, operations=WRITES | {"truncate"})
    with Recorder(tmp_path, files=files, chunk_bytes=4096, on_error="best_effort") as recorder:
        session = recorder.session(start=False)
        for n in range(300):
            session.query(statement(n))
            if dice.random() < 0.15:
                session.flush()
                check_open_file(tmp_path, session.sid)
        files.heal()
        if seed % 3:
            session.flush()
        session.close()
    events = events_of(tmp_path, session.sid)
    missing = check_gaps(events, 300)
    assert missing > 0
    stats, summary = session.stats, summary_of(tmp_path, session.sid)
    assert stats.lost == missing == summary.lost
    assert stats.written == len(events) == summary.events
    assert stats.accepted == stats.written + stats.lost == 300 + len(gaps_of(events))
    for event in events:
        if event["event"] == "recordkit.gap":
            assert event["reason"].startswith("disk: ")
            assert event["code"] == "RKG00W"


def test_best_effort_names_what_was_lost_before_there_was_a_file(tmp_path):
    """Events lost because the file could not even be made are named once it can be, also if nothing follows."""
    files = FaultyFiles()
    with Recorder(tmp_path, files=files, on_error="best_effort", flush_interval_s=0.04) as recorder:
        one, other = recorder.session(start=False), recorder.session(start=False)
        files.fail("N")
        for session in (one, other):
            for n in range(5):
                session.query(statement(n))
            session.flush()
            assert session.stats.lost == 5
        files.heal()
        eventually(lambda: open_path(tmp_path, other.sid).exists())
        one.close(interrupted=True)
        other.query(statement(5))
        other.close()
    for session, queries in ((one, []), (other, [5])):
        events = events_of(tmp_path, session.sid)
        assert gaps_of(events) == [(0, 4, 5)]
        assert numbers(events) == queries
        assert session.stats.lost == summary_of(tmp_path, session.sid).lost == 5


def test_best_effort_that_can_not_even_name_it_raises(tmp_path):
    """Where the disk refuses to the end, and no gap event can say so, closing the session raises."""
    files = FaultyFiles()
    with Recorder(tmp_path, files=files, on_error="best_effort") as recorder:
        session = recorder.session(start=False)
        session.query(statement(0))
        session.flush()
        files.fail("N")
        for n in range(1, 6):
            session.query(statement(n))
        with pytest.raises(RecordingWriteError, match="5 events are lost"):
            session.close()
        files.heal()
    assert session.stats.lost == 5
    recover(tmp_path)
    assert numbers(events_of(tmp_path, session.sid)) == [0]
    assert summary_of(tmp_path, session.sid).state is State.INTERRUPTED


def test_best_effort_goes_on_when_only_sealing_fails(tmp_path, caplog):
    """Sealing that fails loses no event: it is logged, and the next recorder seals."""
    files = FaultyFiles(operations=frozenset({"rename"}))
    files.fail("E")
    with Recorder(tmp_path, files=files, on_error="best_effort") as recorder, recorder.session() as session:
        session.query("SELECT 1")
    assert "not sealed" in caplog.text
    with Recorder(tmp_path):
        eventually(lambda: sealed_path(tmp_path, session.sid).exists())
    assert summary_of(tmp_path, session.sid).state is State.COMPLETE
    assert len(events_of(tmp_path, session.sid)) == 3


# ------------------------------------------------------------------ overflow


@pytest.mark.parametrize("verbatim", [False, True])
def test_drop_names_exactly_what_is_missing(tmp_path, verbatim):
    """With overflow='drop' no call waits; gap events name what was dropped, to the number, and so do the counts."""
    files, budget = GatedFiles(), 64 * 1024
    sid = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"
    with Recorder(tmp_path, files=files, chunk_bytes=8192, memory_budget=budget, overflow="drop") as recorder:
        session = recorder.session(start=False, sid=sid, verbatim=verbatim)
        for round_ in range(4):
            files.shut()
            for n in range(round_ * 300, round_ * 300 + 300):
                if verbatim:
                    session.emit({"event": "db.session.query", "ei": n, "db_query": statement(n)})
                else:
                    session.query(statement(n))
            assert recorder._budget.held <= 1.5 * budget
            files.open()
            if round_ % 2:
                session.flush()
        session.close(interrupted=True)
    events = events_of(tmp_path, sid)
    missing = check_gaps(events, 1200)
    assert missing > 300
    stats, summary = session.stats, summary_of(tmp_path, sid)
    assert stats.lost == missing == summary.lost
    assert stats.written == len(events) == summary.events
    assert stats.accepted == stats.written + stats.lost
    assert {event["reason"] for event in events if event["event"] == "recordkit.gap"} == {"overflow"}


def test_a_gap_is_written_although_nothing_follows(tmp_path):
    """What was dropped is named within the flush interval, also if the session then stands still."""
    files = GatedFiles()
    with Recorder(tmp_path, files=files, memory_budget=64 * 1024, overflow="drop", flush_interval_s=0.04) as recorder:
        session = recorder.session(start=False)
        files.shut()
        n = 0
        while not session.backlog.overflow:
            session.query(statement(n))
            n += 1
        files.open()
        eventually(lambda: gaps_of(check_open_file(tmp_path, session.sid)))
        session.close()
    check_gaps(events_of(tmp_path, session.sid), n)


@pytest.mark.parametrize("seed", range(6))
def test_drop_and_best_effort_together(tmp_path, seed):
    """Where both memory and disk give way, also a gap event that is itself lost is made good by another."""

    class Both(FaultyFiles):
        gate = GatedFiles()

        def append(self, path, data, *, offset):
            self.gate._pass()
            super().append(path, data, offset=offset)

    dice = random.Random(seed)
    files = Both("".join(dice.choice("..NE") for _ in range(200)), operations=WRITES | {"truncate"})
    with Recorder(
        tmp_path, files=files, chunk_bytes=8192, memory_budget=64 * 1024, overflow="drop", on_error="best_effort"
    ) as recorder:
        session = recorder.session(start=False)
        n = 0
        for _ in range(20):
            files.gate.shut()
            for _ in range(dice.randrange(250)):
                session.query(statement(n))
                n += 1
            files.gate.open()
            if dice.random() < 0.7:
                session.flush()
        files.heal()
        session.close()
    events = events_of(tmp_path, session.sid)
    missing = check_gaps(events, n)
    stats, summary = session.stats, summary_of(tmp_path, session.sid)
    assert stats.lost == missing == summary.lost
    assert stats.written == len(events) == summary.events
    assert stats.accepted == stats.written + stats.lost


def test_block_waits_and_loses_nothing(tmp_path):
    """With overflow='block' calls wait for room: nothing is lost, who waited is counted, memory is bounded."""
    files, budget = GatedFiles(), 64 * 1024
    with Recorder(tmp_path, files=files, chunk_bytes=8192, memory_budget=budget) as recorder:
        sessions = [recorder.session(start=False) for _ in range(3)]
        files.shut()

        def work(session):
            for n in range(400):
                session.query(statement(n))

        threads = [threading.Thread(target=work, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        eventually(lambda: not recorder.has_room)
        held = []
        for thread in threads:
            thread.join(0.1)
            held.append(recorder._budget.held)
        assert all(thread.is_alive() for thread in threads)
        assert max(held) <= 1.5 * budget
        assert sum(session.stats.accepted for session in sessions) < 1200
        files.open()
        for thread in threads:
            thread.join()
        for session in sessions:
            session.close()
    for session in sessions:
        assert numbers(events_of(tmp_path, session.sid)) == list(range(400))
        assert session.stats.lost == 0
    assert sum(session.stats.slow for session in sessions) > 0


def test_one_event_larger_than_the_budget(tmp_path):
    """A single statement over the whole budget is recorded, whole, under either policy."""
    for overflow in ("block", "drop"):
        with Recorder(tmp_path, files=QuickFiles(), memory_budget=64 * 1024, overflow=overflow) as recorder:
            with recorder.session() as session:
                session.query(NOISE)
                session.flush()
                session.query("SELECT 1")
        queries = [event["db_query"] for event in events_of(tmp_path, session.sid) if "db_query" in event]
        assert queries == [NOISE, "SELECT 1"]


def test_closing_wakes_who_waits_for_room(tmp_path):
    """A call that waits for room when its session is closed comes back: its event is in the file, or it is refused."""
    files = FaultyFiles()
    with Recorder(tmp_path, files=files, memory_budget=64 * 1024, overflow="block") as recorder:
        gate = GatedFiles()
        files.append = lambda path, data, *, offset: (gate._pass(), QuickFiles.append(files, path, data, offset=offset))
        gate.shut()
        session = recorder.session(start=False)
        accepted, refused = [], []

        def work():
            for n in range(1000):
                try:
                    session.query(statement(n))
                    accepted.append(n)
                except ClosedError:
                    refused.append(n)
                    return

        thread = threading.Thread(target=work)
        thread.start()
        eventually(lambda: not recorder.has_room)
        session.close(wait=False)
        gate.open()
        thread.join()
        session.close()
    assert numbers(events_of(tmp_path, session.sid)) == accepted
    assert refused == [len(accepted)]


# ------------------------------------------------------------------ sealing


@pytest.mark.parametrize("joined", [False, True], ids=["indexed", "joined"])
@pytest.mark.parametrize("fault", ["E", "S"])
def test_each_step_of_sealing_may_fail(tmp_path, joined, fault):
    """Whichever step of sealing fails, close says so, nothing is lost, and sealing is done by the next recorder."""
    steps = 0
    while True:
        files = FaultyFiles(operations=OPERATIONS)
        with Recorder(tmp_path, files=files) as recorder:
            session = recorder.session()
            for n in range(8):
                session.query(statement(n))
                if joined:
                    session.flush()
            session.emit({"event": "db.session.end"})
            session.flush()
            files._script = "." * (files.count + steps) + fault
            try:
                session.close()
            except RecordingWriteError as error:
                assert "not sealed" in str(error)
            files.heal()
        failed = bool(files.failed)
        if failed and not sealed_path(tmp_path, session.sid).exists():
            assert len(check_open_file(tmp_path, session.sid)) == 10
            assert recover(tmp_path).problems == ()
        events = events_of(tmp_path, session.sid)
        assert numbers(events) == list(range(8))
        assert len(events) == 10
        summary = summary_of(tmp_path, session.sid)
        assert (summary.state, summary.events) == (State.COMPLETE, 10)
        assert not list((tmp_path / "open").iterdir())
        if not failed:
            break
        steps += 1
    assert steps >= 5


# ------------------------------------------------------------------ real disks


FULL = """
import random, resource
noise = random.Random(7).randbytes(1 << 20).hex()
recorder = Recorder(STORE, chunk_bytes=4096, on_error=sys.argv[2] if len(sys.argv) > 2 else "strict")
session = recorder.session(start=False)
say(sid=session.sid)
accepted, told = [], 0
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
for n in range(400):
    try:
        session.query(f"{n}:{noise[n * 397 % 1_000_000:][:1000]}")
        accepted.append(n)
        if n % 10 == 9:
            session.flush()
    except RecordingWriteError:
        told += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    session.flush()
except RecordingWriteError:
    session.flush()
session.close()
recorder.close()
say(accepted=accepted, told=told, lost=session.stats.lost)
"""


def test_a_real_limit_on_the_file_size(tmp_path):
    """Where the system itself cuts a write short, the caller is told, and all is there once it may go on."""
    sid, said = run(FULL, tmp_path)
    assert said["told"] > 0
    events = events_of(tmp_path, sid["sid"])
    assert numbers(events) == said["accepted"]
    assert said["lost"] == 0
    assert summary_of(tmp_path, sid["sid"]).stored_bytes > 100_000


@pytest.fixture
def small_disk(tmp_path):
    """
    A file system of one megabyte.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("on_error", ["strict", "best_effort"])
def test_a_really_full_disk(small_disk, on_error):
    """On a disk that is full and then has room again nothing is silently missing, by exception or by gap event."""
    filler = small_disk / "filler"
    accepted, told, n = [], 0, 0
    with Recorder(small_disk / "store", chunk_bytes=8192, on_error=on_error) as recorder:
        session = recorder.session(start=False)
        session.query(statement(0))
        session.flush()
        accepted.append(0)
        size = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(b"x" * (size - 64 * 1024))
        for n in range(1, 600):
            try:
                session.query(statement(n))
                accepted.append(n)
                if n % 20 == 0:
                    session.flush()
            except RecordingWriteError:
                told += 1
            if n == 400:
                check_open_file(small_disk / "store", session.sid)
                filler.unlink()
        try:
            session.flush()
        except RecordingWriteError:
            session.flush()
        session.close()
    events = events_of(small_disk / "store", session.sid)
    if on_error == "strict":
        assert told > 0
        assert numbers(events) == accepted
        assert gaps_of(events) == []
    else:
        assert told == 0
        assert check_gaps(events, 600) == session.stats.lost > 0
