"""
Writes that are refused and have reached the file all the same: what is told, what is counted and what is found agree.
"""

import errno
import random

import pytest

from faults import OPERATIONS, FaultyFiles, QuickFiles
from recorded import events_of, gaps_of, summary_of
from recordkit import Recorder
from recordkit.errors import RecordingWriteError
from recordkit.store.paths import open_path
from recordkit.store.recovery import recover

NOISE = random.Random(7).randbytes(1 << 16).hex()  # doesn't compress


def statement(n):
    """
    Return a statement of about 700 bytes that says its number.
    """
    at = n * 397 % 100_000
    return f"{n}:{NOISE[at : at + 700]}"


def numbers(events):
    """
    Return the numbers of the statements among *events*.
    """
    return [int(event["db_query"].split(":")[0]) for event in events if "db_query" in event]


def fail_next(files, script):
    """
    Let the next operations go as *script* says, and all after them well.
    """
    files._script = "." * files.count + script


def close(recorder, session):
    """
    Close both; return what was told.
    """
    told = []
    for one in (session, recorder):
        try:
            one.close()
        except RecordingWriteError as error:
            told.append(error)
    return told


def agreed(root, session, accepted):
    """
    See that counts, gap events and file say the same of *accepted* statements; return how many are lost.
    """
    assert recover(root).problems == ()
    events, summary, stats = events_of(root, session.sid), summary_of(root, session.sid), session.stats
    there = numbers(events)
    missing = [n for n in range(accepted) if n not in there]
    assert there == [n for n in range(accepted) if n not in missing]
    assert stats.lost == len(missing)
    assert stats.written == len(events) == summary.events
    assert stats.accepted == stats.written + stats.lost
    named = [ei for first, last, _ in gaps_of(events) for ei in range(first, last + 1)]
    assert summary.lost == len(named)
    assert named in ([], missing)
    return len(missing)


@pytest.mark.parametrize("last", [True, False], ids=["at the end", "in the middle"])
@pytest.mark.parametrize("refusals", range(1, 6))
@pytest.mark.parametrize("first", ["L", "S", "N"])
@pytest.mark.parametrize("on_error", ["strict", "best_effort"])
def test_what_refused_writes_have_left_is_not_lost(tmp_path, on_error, first, refusals, last):
    """
    Up to five calls in a row fail, the first of them a write that may be done: what is there is not told as lost.
    """
    files = FaultyFiles(operations=OPERATIONS)
    recorder = Recorder(tmp_path, files=files, on_error=on_error)
    session = recorder.session(start=False)
    session.query(statement(0))
    session.flush()
    fail_next(files, first + "E" * (refusals - 1))
    session.query(statement(1))
    session.query(statement(2))
    if not last:
        for _ in range(4):
            try:
                session.flush()
            except RecordingWriteError:
                assert on_error == "strict"
        session.query(statement(3))
    told = close(recorder, session)
    lost = agreed(tmp_path, session, 3 if last else 4)
    assert len(files.failed) == refusals
    assert bool(told) == bool(lost and (on_error == "strict" or not gaps_of(events_of(tmp_path, session.sid))))


@pytest.mark.parametrize("on_error", ["strict", "best_effort"])
def test_chunks_before_the_cut_of_a_long_write_are_not_lost(tmp_path, on_error):
    """
    Of many chunks that one write brings half way, and that nobody can cut off, the whole ones count as written.
    """
    files = FaultyFiles(operations=OPERATIONS)
    with Recorder(tmp_path, files=files, on_error=on_error, chunk_bytes=4096, flush_interval_s=1e6) as recorder:
        session = recorder.session(start=False)
        session.query(statement(0))
        session.flush()
        recorder._writer.write, write = lambda _: True, recorder._writer.write  # all of it by one write
        for n in range(1, 60):
            session.query(statement(n))
            if n % 5 == 0:
                session.write_waiting(hand_over=True)
        recorder._writer.write = write
        files.append = half_of(files)
        close(recorder, session)
    lost = agreed(tmp_path, session, 60)
    assert 5 < lost < 55


def half_of(files):
    """
    Return an ``append`` that writes one half, once, and lets nothing be cut off from then on.
    """

    def append(path, data, *, offset):
        del files.append
        files.truncate = refuse
        FaultyFiles.append(files, path, data[: len(data) // 2], offset=offset)
        refuse()

    def refuse(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    return append


@pytest.mark.parametrize("first", ["L", "S"])
@pytest.mark.parametrize("on_error", ["strict", "best_effort"])
def test_a_disk_that_refuses_every_call_for_ever(tmp_path, on_error, first):
    """
    Where even looking is refused, what may be there is told as lost: too much, never too little.
    """
    files = FaultyFiles(operations=OPERATIONS)
    recorder = Recorder(tmp_path, files=files, on_error=on_error)
    session = recorder.session(start=False)
    session.query(statement(0))
    session.flush()
    fail_next(files, first + "E" * 10_000)
    session.query(statement(1))
    assert any("1 events are lost" in str(error) for error in close(recorder, session))
    assert (session.stats.written, session.stats.lost) == (1, 1)
    recover(tmp_path)
    assert numbers(events_of(tmp_path, session.sid)) == ([0, 1] if first == "L" else [0])


def test_a_gap_event_that_was_refused_and_is_there_is_not_written_again(tmp_path):
    """
    A gap event of doubtful fate names its events once.
    """
    files = FaultyFiles(operations=OPERATIONS)
    with Recorder(tmp_path, files=files, on_error="best_effort") as recorder:
        session = recorder.session(start=False)
        session.query(statement(0))
        session.flush()
        fail_next(files, "N.LE")  # the write, its cutting off, the gap event, its cutting off
        session.query(statement(1))
        session.flush()
        session.query(statement(2))
    assert files.failed == ["append", "append", "truncate"]
    assert agreed(tmp_path, session, 3) == 1
    assert gaps_of(events_of(tmp_path, session.sid)) == [(1, 1, 1)]


@pytest.mark.parametrize("refusals", range(1, 5))
@pytest.mark.parametrize("on_error", ["strict", "best_effort"])
def test_a_file_that_was_made_though_making_it_failed_is_ours(tmp_path, on_error, refusals):
    """
    The next try goes on with the file of the first one, instead of taking it for another process's.
    """
    files = FaultyFiles(operations=OPERATIONS)
    recorder = Recorder(tmp_path, files=files, on_error=on_error)
    session = recorder.session(start=False)
    fail_next(files, "L" + "E" * (refusals - 1))
    session.query(statement(0))
    for _ in range(4):
        try:
            session.flush()
        except RecordingWriteError:
            assert open_path(tmp_path, session.sid).exists()
    close(recorder, session)
    assert agreed(tmp_path, session, 1) == (on_error == "best_effort" and refusals > 1)


def test_the_file_of_another_is_never_taken_for_ours(tmp_path):
    """
    Where another recorder holds the session's file, a late error while making ours does not let us write into it.
    """
    files = FaultyFiles(operations=OPERATIONS)
    recorder = Recorder(tmp_path, files=files)
    session = recorder.session(start=False)
    with Recorder(tmp_path, files=QuickFiles()) as other, other.session(sid=session.sid, start=False) as theirs:
        theirs.query(statement(7))
        theirs.flush()
        fail_next(files, "E")
        session.query(statement(0))
        for _ in range(2):
            with pytest.raises(RecordingWriteError):
                session.flush()
        assert any("1 events are lost" in str(error) for error in close(recorder, session))
    assert numbers(events_of(tmp_path, session.sid)) == [7]
