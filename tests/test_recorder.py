import contextlib
import json
import signal
import subprocess
import threading
import uuid

import pytest

from faults import FaultyFiles, GatedFiles, QuickFiles
from programs import run, start
from recorded import CLUSTER, events_of, eventually, summary_of
from recordkit import Recorder, State, open_store
from recordkit.clock import ManualClock
from recordkit.errors import ClosedError, DuplicateSessionError, InvalidEventError, RecordingWriteError, StoreError
from recordkit.recorder.sealing import Sealers
from recordkit.store.paths import open_path, sealed_path

SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"


class NotedFiles(QuickFiles):
    """
    Notes down which file each write went to.
    """

    def __init__(self):
        self.appended = []

    def append(self, path, data, *, offset):
        self.appended.append(path.name[:36])
        super().append(path, data, offset=offset)


def states(store):
    with open_store(store) as opened:
        return {summary.sid: summary.state for summary in opened.list()}


# ------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    "wrong",
    [
        {"flush_interval_s": 0}, {"flush_interval_s": -1.0}, {"flush_interval_s": float("nan")},
        {"chunk_bytes": 4095}, {"chunk_bytes": 64 * 2**20 + 1}, {"memory_budget": 65535},
        {"overflow": "wait"}, {"on_error": "ignore"}, {"max_result_rows": -1}, {"max_result_bytes": -1},
    ],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(tmp_path, wrong):
    """An argument out of its range is a ValueError that names it, and nothing is made."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Recorder(tmp_path / "store", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_a_file_is_refused(tmp_path):
    """A path that is a file, or lies below one, holds no store."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(StoreError):
            Recorder(path)


def test_a_sid_is_taken_in_each_form(tmp_path):
    """A sid may be a UUID, text in any case, with or without dashes; it is one session all the same."""
    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        with recorder.session(sid=uuid.UUID(SID)) as session:
            assert session.sid == SID
        for again in (SID, SID.upper(), SID.replace("-", ""), uuid.UUID(SID)):
            with pytest.raises(DuplicateSessionError, match=SID):
                recorder.session(sid=again)
        with pytest.raises(InvalidEventError):
            recorder.session(sid="../../etc/passwd")
        with pytest.raises(ValueError, match="sid"):
            recorder.session(verbatim=True)


def test_a_closed_recorder_begins_no_session(tmp_path):
    """After close there are no new sessions; closing again is fine."""
    recorder = Recorder(tmp_path)
    recorder.close()
    recorder.close()
    with pytest.raises(ClosedError):
        recorder.session()


def test_a_session_that_can_not_start_leaves_nothing(tmp_path):
    """A session whose start event is refused is not there, and its sid is free."""
    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        with pytest.raises(InvalidEventError):
            recorder.session(sid=SID, user=object())
        with recorder.session(sid=SID) as session:
            session.query("SELECT 1")
    assert len(events_of(tmp_path, SID)) == 3


# ------------------------------------------------------------------ when things are written


def looked(recorder, clock):
    eventually(lambda: recorder._looked_s >= clock.monotonic())


def test_events_are_written_within_the_flush_interval(tmp_path):
    """An event is not written at once, and is after the flush interval at the latest, with no call at all."""
    clock = ManualClock()
    with Recorder(tmp_path, clock=clock, flush_interval_s=8.0, files=QuickFiles()) as recorder:
        session = recorder.session()
        for round_ in range(3):
            session.query("SELECT 1")
            clock.advance(2.0)
            looked(recorder, clock)
            assert session.stats.written < session.stats.accepted == round_ + 2
            for _ in range(3):
                clock.advance(2.0)
                looked(recorder, clock)
            eventually(lambda: session.stats.written == session.stats.accepted)
            assert len(events_of(tmp_path, session.sid)) == round_ + 2


def test_a_full_chunk_is_written_at_once(tmp_path):
    """Events that fill a chunk don't wait for the flush interval."""
    with Recorder(tmp_path, clock=ManualClock(), chunk_bytes=4096, files=QuickFiles()) as recorder:
        session = recorder.session()
        for _ in range(200):
            session.query("x" * 100)
        eventually(lambda: session.stats.written > 100)


def test_the_oldest_buffers_are_written_first(tmp_path):
    """When memory is half used, buffers are written from the oldest on, and only as many as must."""
    clock, files = ManualClock(), NotedFiles()
    with Recorder(tmp_path, clock=clock, flush_interval_s=100.0, memory_budget=64 * 1024, files=files) as recorder:
        late, old, young = (recorder.session(start=False) for _ in range(3))  # not by age of the session
        for session, kib in ((old, 16), (young, 9)):
            for _ in range(kib):
                session.query("x" * 1000)
            recorder._wake.set()
            clock.advance(25.0)
            looked(recorder, clock)
            assert files.appended == []
        while not files.appended:
            late.query("x" * 1000)
        eventually(lambda: not recorder._budget.presses)
        eventually(lambda: old.stats.written == 16)
        assert files.appended[0] == old.sid
        if young.sid in files.appended:
            assert files.appended.index(young.sid) == 1
        assert late.sid not in files.appended[:1]


def test_flush_writes_one_session_and_returns(tmp_path):
    """A flush puts all of its session into the file, whatever the clock says, and only that."""
    with Recorder(tmp_path, clock=ManualClock(), files=QuickFiles()) as recorder:
        one, other = recorder.session(), recorder.session()
        one.query("SELECT 1")
        other.query("SELECT 2")
        one.flush()
        assert len(events_of(tmp_path, one.sid)) == 2
        assert not open_path(tmp_path, other.sid).exists()


def test_flush_with_sync_syncs_file_and_directory(tmp_path):
    """A flush that is to survive a power cut syncs the file and the directory that names it."""
    files = FaultyFiles(operations=frozenset({"sync"}))
    with Recorder(tmp_path, files=files) as recorder:
        session = recorder.session()
        session.flush()
        assert files.count == 0
        session.flush(sync=True)
        assert files.count == 2
        files.fail("E")
        with pytest.raises(RecordingWriteError, match="power cut"):
            session.flush(sync=True)
        files.heal()


def test_sync_beside_close_is_no_error(tmp_path):
    """A session that is sealed while another thread syncs it was synced by the sealing."""
    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        for _ in range(40):
            session = recorder.session()
            outcome = []

            def work(session=session, outcome=outcome):
                try:
                    while True:
                        session.flush(sync=True)
                except (ClosedError, RecordingWriteError) as error:
                    outcome.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            session.close()
            thread.join()
            assert isinstance(outcome[0], ClosedError)


# ------------------------------------------------------------------ ends of all kinds


def test_closing_the_recorder_ends_its_sessions(tmp_path):
    """Sessions that nobody ended are written whole and sealed as interrupted; their calls raise ClosedError."""
    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        sessions = [recorder.session() for _ in range(20)]
        for session in sessions:
            session.query("SELECT 1")
    for session in sessions:
        assert len(events_of(tmp_path, session.sid)) == 2
        with pytest.raises(ClosedError):
            session.query("SELECT 2")
    assert set(states(tmp_path).values()) == {State.INTERRUPTED}


def test_ended_sessions_are_listed_by_the_catalog(tmp_path):
    """What was sealed is found by listing, complete, with its counts."""
    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        for n in range(30):
            with recorder.session(**CLUSTER) as session:
                for _ in range(n):
                    session.query("SELECT 1")
    with open_store(tmp_path) as store:
        assert sorted(summary.queries for summary in store.list(user="alice")) == list(range(30))


def test_closing_without_waiting(tmp_path):
    """A session may be ended in the background; closing the recorder waits for it."""
    files = GatedFiles()
    with Recorder(tmp_path, files=files) as recorder:
        files.shut()
        session = recorder.session()
        session.close(wait=False)
        assert not session.finished
        files.open()
    assert summary_of(tmp_path, session.sid).state is State.COMPLETE


def test_ctrl_c_while_closing_loses_nothing(tmp_path):
    """Closing that Ctrl-C breaks off can be done again, and then all is written."""
    files = GatedFiles()
    recorder = Recorder(tmp_path, files=files)
    sessions = [recorder.session() for _ in range(50)]
    for session in sessions:
        session.query("SELECT 1")
    files.shut()

    armed, caught = ["once"], threading.Event()

    def handler(number, frame):
        if armed:
            armed.clear()
            raise KeyboardInterrupt

    def press():
        eventually(files.waiting.is_set)
        while not caught.wait(0.01):  # a signal that comes just before the main thread blocks does not wake it
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            recorder.close()
    finally:
        caught.set()
        thread.join()
        signal.signal(signal.SIGUSR1, before)
        files.open()
    recorder.close()
    for session in sessions:
        assert len(events_of(tmp_path, session.sid)) == 2


def test_two_threads_close_at_once(tmp_path):
    """Whoever closes the recorder comes back when all is sealed, also as the second."""
    files = GatedFiles()
    recorder = Recorder(tmp_path, files=files)
    session = recorder.session()
    files.shut()
    sealed = []

    def close():
        recorder.close()
        sealed.append(sealed_path(tmp_path, session.sid).exists())

    threads = [threading.Thread(target=close) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(files.waiting.is_set)
    files.open()
    for thread in threads:
        thread.join()
    assert sealed == [True] * 4


@pytest.mark.parametrize("end", ["pass", "sys.exit(0)", "threading.Thread(target=time.sleep, args=(0.01,)).start()"])
def test_a_program_that_ends_without_closing(tmp_path, end):
    """What a program recorded is written when it ends, also without close; its sessions are interrupted."""
    program = f"""
    recorder = Recorder(STORE)
    sessions = [recorder.session() for _ in range(50)]
    for n in range(100):
        for session in sessions:
            session.query(f"SELECT {{n}}")
    say(sids=[session.sid for session in sessions])
    {end}
    """
    ((said),) = run(program, tmp_path)
    for sid in said["sids"]:
        assert len(events_of(tmp_path, sid)) == 101
        assert summary_of(tmp_path, sid).state is State.INTERRUPTED
        assert sealed_path(tmp_path, sid).exists()


def test_a_program_that_dies_of_an_exception(tmp_path):
    """An exception that nobody catches ends the sessions as interrupted, with all their events."""
    program = """
    with Recorder(STORE) as recorder:
        with recorder.session() as session:
            say(sid=session.sid)
            session.query("SELECT 1")
            raise RuntimeError
    """
    (said,) = run(program, tmp_path, code=1, stderr=subprocess.DEVNULL)
    assert len(events_of(tmp_path, said["sid"])) == 2
    assert summary_of(tmp_path, said["sid"]).state is State.INTERRUPTED


def test_a_program_that_ctrl_c_ends(tmp_path):
    """After Ctrl-C every event whose call had returned is there, and the session is interrupted."""
    program = """
    done = 0
    recorder = Recorder(STORE)
    session = recorder.session(start=False)
    say(sid=session.sid)
    try:
        while True:
            session.query(f"SELECT {done}")
            done += 1
            if done % 100 == 0:
                session.flush()
    except KeyboardInterrupt:
        say(done=done)
    """
    process = start(program, tmp_path)
    sid = json.loads(process.stdout.readline())["sid"]
    eventually(lambda: open_path(tmp_path, sid).exists())
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    done = json.loads(said)["done"]
    queries = [event["db_query"] for event in events_of(tmp_path, sid)]
    assert queries[:done] == [f"SELECT {n}" for n in range(done)]
    assert len(queries) <= done + 1
    assert summary_of(tmp_path, sid).state is State.INTERRUPTED


# ------------------------------------------------------------------ several recorders


def test_two_processes_into_one_store(tmp_path):
    """Two processes record into one store at once; every session of both is there, and each is listed."""
    program = """
    with Recorder(STORE) as recorder:
        say(ready=True)
        sys.stdin.readline()
        sids = []
        for n in range(60):
            with recorder.session(user=f"user{n}") as session:
                for k in range(50):
                    session.query(f"SELECT {k}")
            sids.append(session.sid)
    say(sids=sids)
    """
    processes = [start(program, tmp_path, stdin=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        process.stdout.readline()
    said = []
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        said.append(json.loads(process.communicate(timeout=120)[0]))
        assert process.returncode == 0
    sids = said[0]["sids"] + said[1]["sids"]
    assert len(set(sids)) == 120
    for sid in sids:
        assert [event["ei"] for event in events_of(tmp_path, sid)] == list(range(52))
    assert states(tmp_path) == dict.fromkeys(sids, State.COMPLETE)
    assert not list((tmp_path / "open").iterdir())


def test_one_session_is_recorded_by_one_of_two(tmp_path):
    """Of two recorders that record the same sid, one has it; the other is told, and spoils nothing."""
    with Recorder(tmp_path, files=QuickFiles()) as one, Recorder(tmp_path, files=QuickFiles()) as other:
        mine, theirs = one.session(sid=SID), other.session(sid=SID)
        mine.query("mine")
        mine.flush()
        theirs.query("theirs")
        with pytest.raises(RecordingWriteError, match="exists"):
            theirs.flush()
        with pytest.raises(DuplicateSessionError):
            other.session(sid=SID)
        mine.close()
        with pytest.raises(RecordingWriteError, match="another process has recorded"):
            theirs.flush()
        with pytest.raises(RecordingWriteError, match="3 events are lost"):
            theirs.close()
    assert [event["db_query"] for event in events_of(tmp_path, SID) if "db_query" in event] == ["mine"]
    assert not list((tmp_path / "open").iterdir())


def test_the_next_recorder_seals_what_a_dead_one_left(tmp_path):
    """Sessions of a process that died are sealed by the next recorder, as interrupted or complete; live ones are not."""
    program = """
    recorder = Recorder(STORE)
    left = recorder.session()
    left.query("SELECT 1")
    left.flush()
    ended = recorder.session()
    ended.emit({"event": "db.session.end"})
    ended.flush()
    say(left=left.sid, ended=ended.sid)
    os._exit(9)
    """
    with Recorder(tmp_path) as living:
        alive = living.session()
        alive.flush()
        (said,) = run(program, tmp_path, code=9)
        assert (
            set(states(tmp_path).values()) == {State.OPEN, State.INTERRUPTED, State.COMPLETE}
            or open_path(tmp_path, said["left"]).exists()
        )
        with Recorder(tmp_path):
            eventually(lambda: sealed_path(tmp_path, said["left"]).exists())
            eventually(lambda: sealed_path(tmp_path, said["ended"]).exists())
            assert states(tmp_path) == {
                said["left"]: State.INTERRUPTED, said["ended"]: State.COMPLETE, alive.sid: State.OPEN,
            }  # fmt: skip
        alive.query("SELECT 1")
        alive.close()
    assert [event["event"] for event in events_of(tmp_path, said["left"])] == ["db.session.start", "db.session.query"]
    assert len(events_of(tmp_path, alive.sid)) == 3


def test_a_reader_never_meets_an_empty_file(tmp_path, caplog):
    """A recording appears with its header: whoever looks at the store while sessions begin finds nothing wrong."""
    stop = threading.Event()
    problems = []

    def look():
        with open_store(tmp_path) as store:
            while not stop.is_set():
                list(store.list())
                problems.extend(store.problems)

    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        thread = threading.Thread(target=look)
        thread.start()
        for _ in range(200):
            with recorder.session() as session:
                session.query("SELECT 1")
        stop.set()
        thread.join()
    assert problems == []
    assert caplog.records == []


# ------------------------------------------------------------------ fork


def test_a_forked_child_records_nothing(tmp_path):
    """In a forked child all calls raise ClosedError or do nothing, at once, and the parent goes on unharmed."""
    program = """
    recorder = Recorder(STORE, flush_interval_s=0.05)
    session = recorder.session(start=False)
    stop = threading.Event()

    def work():  # locks are held and files written while we fork
        while not stop.is_set():
            session.query("parent")
            session.flush()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        child = os.fork()
        if child == 0:
            threading.Timer(20, os._exit, [2]).start()  # hangs
            refused = 0
            for call in (
                lambda: session.query("child"),
                lambda: session.emit({"event": "child"}),
                session.flush,
                recorder.session,
            ):
                try:
                    call()
                except ClosedError:
                    refused += 1
            session.close()
            with session:
                pass
            recorder.close()
            with recorder:
                pass
            os._exit(0 if refused == 4 else 1)
        _, status = os.waitpid(child, 0)
        if status:
            say(failed=status)
            os._exit(1)
    stop.set()
    for thread in threads:
        thread.join()
    session.query("last")
    session.close()
    say(sid=session.sid, stats=session.stats.accepted)
    recorder.close()
    """
    (said,) = run(program, tmp_path)
    events = events_of(tmp_path, said["sid"])
    assert len(events) == said["stats"]
    assert {event["db_query"] for event in events} == {"parent", "last"}
    assert [event["ei"] for event in events] == list(range(len(events)))


def test_a_forked_child_that_ends_leaves_the_parents_recording_alone(tmp_path):
    """A child that ends as programs do seals nothing of its parent's; and it may record on its own."""
    program = """
    recorder = Recorder(STORE)
    session = recorder.session()
    session.query("parent")
    session.flush()
    child = os.fork()
    if child == 0:
        with Recorder(STORE) as own, own.session() as mine:
            mine.query("child")
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert recordkit.open_store(STORE)[session.sid].state == "open"
    session.query("parent")
    session.close()
    say(sid=session.sid)
    """
    (said,) = run(program, tmp_path)
    assert len(events_of(tmp_path, said["sid"])) == 4
    assert sorted(states(tmp_path).values()) == [State.COMPLETE] * 2


# ------------------------------------------------------------------ threads that can't be had


def test_sealing_needs_only_one_thread(monkeypatch):
    """When no more threads can be started, as while a program ends, the jobs are done by those that are there."""
    allowed = [1]
    begin = threading.Thread.start

    def limited(thread):
        if thread.name.startswith("recordkit-sealer"):
            if not allowed:
                raise RuntimeError("can't start new thread")
            allowed.pop()
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    sealers, done = Sealers(4), []
    for n in range(10):
        sealers.submit(lambda n=n: done.append(n))
    sealers.close()
    assert done == list(range(10))
    with pytest.raises(RuntimeError):
        Sealers(4).submit(lambda: None)


def test_a_thread_that_can_not_be_started_is_told(tmp_path, monkeypatch):
    """A session that can't be begun for want of a thread raises, and closing the recorder does not hang."""
    recorder = Recorder(tmp_path)

    def refused(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        with pytest.raises(RuntimeError):
            recorder.session()
    with recorder.session() as session:
        session.query("SELECT 1")
    recorder.close()
    assert len(events_of(tmp_path, session.sid)) == 3


def test_a_fault_in_one_session_stops_no_other(tmp_path, monkeypatch, caplog):
    """An error that nobody foresaw, in one session, is told there; the others are recorded on."""
    with Recorder(tmp_path, files=QuickFiles(), flush_interval_s=0.04) as recorder:
        bad, good = recorder.session(), recorder.session()
        bad.flush()

        def broken(*_):
            raise ZeroDivisionError("never thought of")

        monkeypatch.setattr(bad.writer, "append_all", broken)
        bad.query("SELECT 1")
        good.query("SELECT 1")
        eventually(lambda: good.stats.written == 2)
        with pytest.raises(RecordingWriteError, match="never thought of"):
            bad.flush()
        monkeypatch.undo()
        bad.flush()
        taken = 0
        with contextlib.suppress(RecordingWriteError):  # of an attempt between the two, which the next call tells
            bad.query("SELECT 2")
            taken = 1
        bad.flush()
        monkeypatch.setattr(bad.backlog.lines, "_write", broken)
        with pytest.raises(ZeroDivisionError):
            bad.query("x" * 200_000)
        good.query("SELECT 2")
        eventually(lambda: good.stats.written == 3)
        with pytest.raises(ZeroDivisionError):
            bad.close()
        good.close()
    assert len(events_of(tmp_path, good.sid)) == 4
    assert len(events_of(tmp_path, bad.sid)) == 2 + taken
    assert "never thought of" in caplog.text
