import random
import signal
import sys
import threading
import uuid

import pytest

from faults import QuickFiles
from recorded import CLUSTER, events_of, gaps_of, summary_of
from recordkit import Recorder, State
from recordkit.clock import ManualClock
from recordkit.errors import ClosedError, InvalidEventError
from recordkit.events import KINDS, original_bytes, parse_time

SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"


@pytest.fixture
def recorder(tmp_path):
    with Recorder(tmp_path / "store", files=QuickFiles()) as opened:
        yield opened


@pytest.fixture
def eager_switching():
    """
    Threads change places after every few bytecodes: races that take hours otherwise take a second.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def record(recorder, act, **fields):
    """
    Return the events of a session in which *act* did its part, without its start and end.
    """
    with recorder.session(start=False, **fields) as session:
        act(session)
    return events_of(recorder.path, session.sid)


# ------------------------------------------------------------------ queries


@pytest.mark.parametrize("sql", ["SELECT 1", "", "é\x00\x1b[31m\u202e\U0001f600", "100%d %b %012x %", '"\\', "\n" * 50])
def test_a_statement_comes_back_as_it_was(recorder, sql):
    """Text is kept as it is, with kind and code of the audit log."""
    (event,) = record(recorder, lambda session: session.query(sql), user="al%ice")
    assert event["db_query"] == sql
    assert (event["event"], event["code"], event["success"]) == ("db.session.query", "TDB02I", True)
    assert (event["user"], event["ei"], uuid.UUID(event["uid"]).version) == ("al%ice", 0, 8)


@pytest.mark.parametrize("sql", [b"SELECT 1", b"\xff\xfe SELECT \x80", bytes(range(256)), b""])
def test_a_statement_in_bytes_loses_none(recorder, sql):
    """A statement that is not UTF-8 is readable, and its exact bytes stand beside it."""
    as_text = sql.decode(errors="surrogateescape")
    events = record(recorder, lambda session: (session.query(sql), session.query(as_text)))
    for event in events:
        assert original_bytes(event) == sql
        event["db_query"].encode()


def test_a_true_lone_surrogate_is_refused(recorder):
    """A statement that is no text, and was no bytes, is refused by name; the session goes on."""

    def act(session):
        with pytest.raises(InvalidEventError) as refused:
            session.query("SELECT '\ud800'")
        assert refused.value.field == "db_query"
        session.query("SELECT 1")

    (event,) = record(recorder, act)
    assert (event["db_query"], event["ei"]) == ("SELECT 1", 0)


@pytest.mark.parametrize("wrong", [None, 5, ["SELECT"], object()])
def test_what_is_no_statement_is_refused(recorder, wrong):
    """Only text and bytes are statements."""

    def act(session):
        with pytest.raises(InvalidEventError):
            session.query(wrong)
        session.query("SELECT 1")

    assert len(record(recorder, act)) == 1


def test_parameters_of_all_sorts(recorder):
    """Parameters keep their order and their kind: text, bytes, NULL, numbers."""
    given = ["a", b"\xff\x00", None, 5, True, 0.5, b"plain", "\udcff"]
    (event,) = record(recorder, lambda session: session.query("SELECT $1", given, db_name="other"))
    texts = event["db_query_parameters"]
    assert (texts[0], *texts[2:7]) == ("a", None, 5, True, 0.5, "plain")
    assert original_bytes(event, "db_query_parameters", 1) == b"\xff\x00"
    assert original_bytes(event, "db_query_parameters", 7) == b"\xff"
    assert event["db_name"] == "other"


def test_failures_take_kind_and_code_of_the_audit_log(recorder):
    """A refused statement is another kind of event; a failed result or start only another code."""

    def act(session):
        session.start(success=False, error="no", message="access denied")
        session.query("DROP TABLE x", success=False, error="not allowed")
        session.result(success=False, error="ERROR: (SQLSTATE 42501)", message="permission denied")
        session.query("SELECT 1")
        session.result(affected_records=1)

    start, refused, failed, query, result, _end = record(recorder, act)
    assert [event["event"] for event in (start, refused, failed, query, result)] == [
        "db.session.start", "db.session.query.failed", "db.session.result", "db.session.query", "db.session.result",
    ]  # fmt: skip
    assert refused["code"] == KINDS["db.session.query.failed"].failed_code != query["code"]
    assert start["code"] == KINDS["db.session.start"].failed_code
    assert failed["code"] == KINDS["db.session.result"].failed_code
    assert [event["success"] for event in (start, refused, failed, query, result)] == [False] * 3 + [True] * 2
    assert (failed["error"], failed["message"]) == ("ERROR: (SQLSTATE 42501)", "permission denied")
    assert (result["affected_records"], "error" in result) == (1, False)


def test_constants_that_statements_have_too(recorder):
    """A session field that a statement's event brings as well stands in the line once, as the event has it."""
    events = record(
        recorder,
        lambda session: (session.query("SELECT 1"), session.emit({"event": "x"})),
        success="always", db_query="none",
    )  # fmt: skip
    assert [(event["success"], event["db_query"]) for event in events] == [(True, "SELECT 1"), ("always", "none")]


@pytest.mark.parametrize("name", ["ei", "time", "uid", "event", "code"])
def test_what_differs_from_event_to_event_is_no_constant(recorder, name):
    """A field that each event has for itself is refused as a field of the session, and no session is begun."""
    with pytest.raises(InvalidEventError) as refused:
        recorder.session(sid=SID, **{name: "x"})
    assert refused.value.field == name
    recorder.session(sid=SID).close()


@pytest.mark.parametrize("user", ["\ud800", float("nan"), 2**64, b"alice"])
def test_a_constant_that_is_not_json_is_refused(recorder, user):
    """A session's field that can't be recorded is refused by name when the session begins."""
    with pytest.raises(InvalidEventError) as refused:
        recorder.session(user=user)
    assert refused.value.field == "user"


def test_a_very_long_constant_spoils_no_header(recorder):
    """A client that calls itself something huge is recorded, whole."""
    name = "\x00" * 100_000
    (event,) = record(recorder, lambda session: session.query("SELECT 1"), user=name, db_name=name, db_user=name)
    assert event["user"] == event["db_name"] == event["db_user"] == name


@pytest.mark.parametrize("fill", ["x", "\x01", "\U0001f600"])
def test_a_statement_of_64_mib_is_kept_whole(recorder, fill):
    """Nothing is cut from a statement of 64 MiB, also if JSON makes six bytes of each."""
    sql = fill * (64 * 2**20 // len(fill.encode()))
    (first, event, last) = record(
        recorder, lambda session: (session.query("before"), session.query(sql), session.query("behind"))
    )
    assert event["db_query"] == sql
    assert [first["db_query"], last["db_query"], last["ei"]] == ["before", "behind", 2]


def test_what_does_not_fit_a_chunk_is_refused(recorder, eager_switching):
    """An event that no reader would accept is refused by size, and those beside it are recorded."""
    limit = 300_000  # else 480 MiB; more than a chunk, as that is

    def work(session):
        for n in range(10):
            for call in (
                lambda: session.query("x" * limit),
                lambda: session.emit({"event": "x", "q": "x" * limit}),
                lambda: session.query(b"\xff" * (limit // 4)),
            ):
                with pytest.raises(InvalidEventError, match="at most 300000 bytes"):
                    call()
            session.query("x" * (limit - 10))
            session.query(str(n))

    def act(session):
        session.backlog.longest_event = limit
        threads = [threading.Thread(target=work, args=(session,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    events = record(recorder, act)
    assert sorted(len(event["db_query"]) for event in events) == [1] * 40 + [limit - 10] * 40
    assert [event["ei"] for event in events] == list(range(80))


# ------------------------------------------------------------------ results


def test_result_rows_are_off_unless_asked_for(recorder):
    """Rows that a proxy passes are not recorded by a recorder that was not told to."""
    (event,) = record(recorder, lambda session: session.result(affected_records=1, columns=["id"], rows=[["secret"]]))
    assert not {"rows", "columns", "rows_truncated"} & event.keys()


def test_result_rows_up_to_the_limits(tmp_path):
    """Rows are recorded up to the number of rows and bytes; that more were there is said."""
    with Recorder(tmp_path, max_result_rows=3, max_result_bytes=100, files=QuickFiles()) as recorder:
        columns = ["id", ("name", "text"), {"name": "n", "type": "int4"}]
        rows = [[1, "a", None], [2, b"\xff", 0.5], [3, "c", True], [4, "d", 0]]

        def act(session):
            session.result(affected_records=2, columns=columns, rows=rows[:2])
            session.result(affected_records=4, rows=rows)
            session.result(affected_records=2, rows=[["x" * 60], ["y" * 60]])
            session.result(affected_records=0, columns=columns, rows=[])

        few, many, long, none = record(recorder, act)
    assert few["rows"] == [[1, "a", None], [2, "\\xff", 0.5]]
    assert few["columns"] == [{"name": "id"}, {"name": "name", "type": "text"}, {"name": "n", "type": "int4"}]
    assert "rows_truncated" not in few
    assert (len(many["rows"]), many["rows_truncated"], many["affected_records"]) == (3, True, 4)
    assert (long["rows"], long["rows_truncated"]) == ([["x" * 60]], True)
    assert (none["rows"], "rows_truncated" in none) == ([], False)


@pytest.mark.parametrize("wrong", [-1, 1.0, "1", True])
def test_affected_records_is_a_count(recorder, wrong):
    """A number of rows that is none is refused by name."""
    with recorder.session() as session, pytest.raises(InvalidEventError) as refused:
        session.result(affected_records=wrong)
    assert refused.value.field == "affected_records"


# ------------------------------------------------------------------ start and end


def test_start_and_end_are_written_by_the_session(tmp_path):
    """A session begins with its start event and ends with its end event, which says when and who."""
    clock = ManualClock(1_784_548_800_000_000_000)
    with Recorder(tmp_path, clock=clock, files=QuickFiles()) as recorder:
        with recorder.session(**CLUSTER) as session:
            clock.advance(90)
            session.query("SELECT 1")
        assert session.stats == (session.stats.__class__(3, 3, 0, 0))
    start, query, end = events_of(tmp_path, session.sid)
    assert (start["event"], start["code"], start["success"]) == ("db.session.start", "TDB00I", True)
    assert (end["event"], end["code"], end["ei"]) == ("db.session.end", "TDB01I", 2)
    assert (end["session_start"], end["session_stop"]) == ("2026-07-20T12:00:00Z", "2026-07-20T12:01:30Z")
    assert end["participants"] == ["alice"]
    assert end["time"].startswith("2026-07-20T12:01:30")
    assert all(CLUSTER.items() <= event.items() for event in (start, query, end))
    summary = summary_of(tmp_path, session.sid)
    assert (summary.state, summary.user, summary.events, summary.queries) == (State.COMPLETE, "alice", 3, 1)


def test_a_session_at_the_epoch_began_there(tmp_path):
    """A start at the time zero is a start."""
    with Recorder(tmp_path, clock=ManualClock(), files=QuickFiles()) as recorder, recorder.session() as session:
        pass
    start, end = events_of(tmp_path, session.sid)
    assert start["time"].startswith("1970-01-01T00:00:00")
    assert end["session_start"] == "1970-01-01T00:00:00Z"


def test_users_may_be_created_before_the_start(recorder):
    """With start=False the caller decides what comes before the start; the end follows all the same."""
    with recorder.session(start=False, user="alice") as session:
        session.emit({"event": "db.user.create", "db_user": "alice"})
        session.start(db_roles=["reader"])
        session.query("SELECT 1")
        session.emit({"event": "db.user.deactivate"})
    events = events_of(recorder.path, session.sid)
    assert [event["event"] for event in events] == [
        "db.user.create", "db.session.start", "db.session.query", "db.user.deactivate", "db.session.end",
    ]  # fmt: skip
    assert events[1]["db_roles"] == ["reader"]
    assert parse_time(events[-1]["session_start"]) == parse_time(events[1]["time"])


def test_a_session_that_never_started_has_no_end(recorder):
    """Without a start no end is made up, and the recording says interrupted."""
    with recorder.session(start=False) as session:
        session.query("SELECT 1")
    assert [event["event"] for event in events_of(recorder.path, session.sid)] == ["db.session.query"]
    assert summary_of(recorder.path, session.sid).state is State.INTERRUPTED


def test_an_own_end_event_is_not_doubled(recorder):
    """A caller that emits the end itself has just that one."""
    with recorder.session() as session:
        session.emit({"event": "db.session.end", "participants": ["alice", "bob"]})
    events = events_of(recorder.path, session.sid)
    assert [event["event"] for event in events] == ["db.session.start", "db.session.end"]
    assert events[-1]["participants"] == ["alice", "bob"]
    assert summary_of(recorder.path, session.sid).state is State.COMPLETE


def test_a_verbatim_session_gets_nothing_put_in(recorder):
    """A verbatim session is exactly the events that were given, whatever fields are passed for its header."""
    events = [{"event": "x", "sid": SID}, {"event": "db.session.query", "ei": 4, "db_query": "SELECT 1"}]
    with recorder.session(sid=SID, verbatim=True, user="alice") as session:
        for event in events:
            session.emit(event)
        session.query("SELECT 2")
    written = events_of(recorder.path, SID)
    assert written[:2] == events
    assert "ei" not in written[2]
    assert summary_of(recorder.path, SID).user == "alice"


def test_a_session_without_events_leaves_no_file(recorder):
    """A session in which nothing happened is no recording, and flushing it does no harm."""
    session = recorder.session(sid=SID, start=False)
    session.flush()
    session.flush(sync=True)
    session.close()
    assert session.stats.accepted == 0
    recorder.session(sid=SID).close()


def test_a_closed_session_refuses_calls(recorder):
    """After close each call raises ClosedError and changes nothing; closing again is fine."""
    session = recorder.session()
    session.query("SELECT 1")
    session.close()
    stats = session.stats
    for call in (
        lambda: session.query("SELECT 2"),
        lambda: session.query(b"SELECT 2"),
        lambda: session.emit({"event": "x"}),
        lambda: session.result(affected_records=1),
        session.start,
        session.flush,
    ):
        with pytest.raises(ClosedError, match=session.sid):
            call()
    session.close()
    session.close(interrupted=True)
    assert session.stats == stats
    assert len(events_of(recorder.path, session.sid)) == 3


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_left_by_an_exception_it_is_interrupted(recorder, error):
    """A session left by any exception keeps what it has, and no end event is made up."""
    with pytest.raises(error), recorder.session() as session:
        session.query("SELECT 1")
        raise error
    assert [event["event"] for event in events_of(recorder.path, session.sid)] == [
        "db.session.start", "db.session.query",
    ]  # fmt: skip
    assert summary_of(recorder.path, session.sid).state is State.INTERRUPTED


def test_an_event_may_be_reused_by_the_caller(recorder):
    """A dict that was emitted is the caller's: changing it changes nothing that was recorded."""
    event = {"event": "x", "n": 0, "inner": {}}

    def act(session):
        for n in range(300):
            event["n"] = event["inner"]["n"] = n
            session.emit(event)

    written = record(recorder, act)
    assert [(e["n"], e["inner"]["n"]) for e in written] == [(n, n) for n in range(300)]
    assert event == {"event": "x", "n": 299, "inner": {"n": 299}}


def test_a_refused_event_leaves_no_hole(recorder):
    """An event that is refused takes no number."""

    def act(session):
        session.query("SELECT 1")
        with pytest.raises(InvalidEventError):
            session.emit({"event": "x", "n": 2**64})
        session.query("SELECT 2")

    assert [event["ei"] for event in record(recorder, act)] == [0, 1]


def test_a_gap_event_of_the_callers_own_is_kept(recorder):
    """A recordkit.gap event that a caller emits, whole or not, is recorded and counted."""

    def act(session):
        session.emit({"event": "recordkit.gap", "count": 3})
        session.emit({"event": "recordkit.gap", "count": 2**64 - 1, "ei": 7})
        session.query("SELECT 1")

    events = record(recorder, act)
    assert [event["ei"] for event in events] == [0, 7, 8]


def test_numbers_near_the_end_of_64_bits_harm_nobody(recorder):
    """The highest number that an event may bring leaves room for all that follow."""

    def act(session):
        session.emit({"event": "x", "ei": 2**62 - 1})
        for _ in range(10):
            session.query("SELECT 1")

    assert [event["ei"] for event in record(recorder, act)] == [2**62 - 1 + n for n in range(11)]


# ------------------------------------------------------------------ threads


def _tagged(events):
    """
    Return thread and number of each event that a thread of the tests below has recorded.
    """
    return [tuple(event["tag"]) for event in events if "tag" in event]


@pytest.mark.parametrize("call", ["query", "emit"])
def test_many_threads_into_one_session(recorder, eager_switching, call):
    """Eight threads into one session: nothing is lost, numbers rise by one, each thread's events stay in order."""
    session = recorder.session(start=False)

    def work(thread):
        for n in range(2000):
            if call == "query":
                session.query("SELECT 1") if n % 7 else session.query("SELECT 1", tag=[thread, n])
            else:
                session.emit({"event": "x", "tag": [thread, n]})

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        session.flush()
    for thread in threads:
        thread.join()
    session.close()
    events = events_of(recorder.path, session.sid)
    assert [event["ei"] for event in events] == list(range(16_000))
    assert len({event["uid"] for event in events}) == 16_000
    tags = _tagged(events)
    for thread in range(8):
        of_thread = [n for t, n in tags if t == thread]
        assert of_thread == list(range(0, 2000, 7 if call == "query" else 1))
    assert session.stats == session.stats.__class__(16_000, 16_000, 0, session.stats.slow)


def test_many_threads_into_many_sessions(recorder, eager_switching):
    """Eight threads, each into all of a hundred sessions and its own: every event is in its session, once."""
    sessions = [recorder.session(start=False) for _ in range(100)]

    def work(thread):
        with recorder.session(start=False) as own:
            for n in range(1500):
                sessions[n % 100].emit({"event": "x", "tag": [thread, n]})
                own.query("SELECT 1")
        owns.append(own.sid)

    owns = []
    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for session in sessions:
        session.close(wait=False)
    recorder.close()
    for place, session in enumerate(sessions):
        events = events_of(recorder.path, session.sid)
        assert [event["ei"] for event in events] == list(range(120))
        tags = _tagged(events)
        for thread in range(8):
            assert [n for t, n in tags if t == thread] == list(range(place, 1500, 100))
    assert [len(events_of(recorder.path, sid)) for sid in owns] == [1500] * 8


@pytest.mark.parametrize("round_", range(12))
def test_close_racing_with_emit(recorder, eager_switching, round_):
    """Each call beside a close either raises ClosedError or its event is in the file; the end event is the last."""
    session = recorder.session(start=True)
    accepted = [[] for _ in range(6)]
    started = threading.Barrier(7)

    def work(thread):
        started.wait()
        for n in range(100_000):
            try:
                session.emit({"event": "x", "tag": [thread, n]})
            except ClosedError:
                return
            accepted[thread].append((thread, n))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(6)]
    for thread in threads:
        thread.start()
    started.wait()
    while len(accepted[round_ % 6]) < round_ * 40:
        pass
    session.close()
    for thread in threads:
        thread.join()
    events = events_of(recorder.path, session.sid)
    tags = _tagged(events)
    for thread in range(6):
        assert [tag for tag in tags if tag[0] == thread] == accepted[thread]
    assert [event["ei"] for event in events] == list(range(len(events)))
    assert events[-1]["event"] == "db.session.end"
    assert session.stats.accepted == session.stats.written == len(events)


def test_flush_racing_with_close(recorder, eager_switching):
    """A flush beside a close returns, with everything written, or raises ClosedError; it never hangs."""
    for _ in range(30):
        session = recorder.session()
        flushed = []

        def work(session=session, flushed=flushed):
            try:
                for _ in range(1000):
                    session.query("SELECT 1")
                    session.flush()
                    flushed.append(session.stats.written)
            except ClosedError:
                pass

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        while not flushed:
            pass
        session.close()
        for thread in threads:
            thread.join()
        assert session.stats.accepted == session.stats.written == len(events_of(recorder.path, session.sid))


def test_ctrl_c_anywhere_in_a_call(tmp_path):
    """Whichever step of a call Ctrl-C breaks off, no other event is lost or doubled, and the file is sound."""

    class Interrupt(BaseException):
        pass

    def interrupt(number, frame):
        if "recordkit" in frame.f_code.co_filename:  # not in a garbage collector's callback
            raise Interrupt
        signal.setitimer(signal.ITIMER_REAL, 1e-4)  # later than this returns, or it would interrupt itself without end

    returned, begun, interrupts, dice = [], 0, 0, random.Random(1)
    before = signal.signal(signal.SIGALRM, interrupt)
    recorder = Recorder(tmp_path, files=QuickFiles(), chunk_bytes=4096)
    try:
        session = recorder.session(start=False, **CLUSTER)
        while interrupts < 300:
            signal.setitimer(signal.ITIMER_REAL, dice.uniform(1e-5, 2e-3))
            try:
                for _ in range(400):
                    begun += 1
                    session.emit({"event": "x", "tag": ["main", begun]})
                    returned.append(("main", begun))
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                interrupts += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        recorder.close()
    events = events_of(tmp_path, session.sid)
    tags = _tagged(events)
    assert len(tags) == len(set(tags)), "an event twice"
    assert set(returned) <= set(tags), "an event lost"
    assert tags == sorted(tags)
    assert [event["ei"] for event in events] == list(range(len(events)))
    assert gaps_of(events) == []
