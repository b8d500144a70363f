"""
A recorder's sealing that compresses harder: bounded in time, beside short sessions, at its end, and under kill -9.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import recordkit
from long_statements import long_session, long_statements
from recorded import events_of, summary_of
from recordings import SID, flat, recording_bytes
from recordkit import State
from recordkit.clock import ManualClock
from recordkit.container.frames import Compressor
from recordkit.recorder import sealer
from recordkit.recorder.recompression import Recompressor
from recordkit.store.paths import create_store, open_path
from recordkit.verification import verify_recording

ROOT = Path(__file__).parents[1]
CHUNK = 16 * 1024
STATEMENTS = long_statements(600)  # 20 full chunks


def record(store, *, statements=STATEMENTS, **options):
    """
    Record one session of these statements and return its summary.
    """
    with recordkit.Recorder(store, chunk_bytes=CHUNK, **options) as recorder, recorder.session(user="a") as session:
        for sql in statements:
            session.query(sql)
    return summary_of(store, session.sid)


def asked(store, sid):
    """
    The statements of a session, in order.
    """
    return [event["db_query"] for event in events_of(store, sid) if event["event"] == "db.session.query"]


def compressed_harder(store, sid):
    """
    For each chunk of a session, whether its frame is what compressing harder gives.
    """
    harder = Compressor(harder=True)
    with recordkit.open_store(store)[sid] as recording:
        return [len(harder.frame(raw)) == entry.stored_size for entry, raw in recording.follow()]


# ---------------------------------------------------------------- how much time there is


def test_a_recording_has_its_own_time_and_closing_ends_that_of_all():
    """
    Each may spend the limit from its own beginning on; from `hurry` on, all together have it once more.
    """
    clock = ManualClock()
    recompressor = Recompressor(5.0, clock.monotonic)
    first = recompressor.begin()
    clock.advance(4)
    second = recompressor.begin()
    assert (first.has_time(), second.has_time()) == (True, True)
    clock.advance(1)
    assert (first.has_time(), second.has_time()) == (False, True)
    recompressor.hurry()
    clock.advance(3)
    third = recompressor.begin()
    recompressor.hurry()  # a second time gives no more
    assert third.has_time()
    clock.advance(2)
    assert not third.has_time()


def test_no_time_at_all_leaves_recordings_as_they_were_written(tmp_path):
    """
    With a limit of 0 nothing is even tried; by default the same session takes less room, and holds the same.
    """
    assert Recompressor(0, ManualClock().monotonic).begin() is None
    plain, smaller = record(tmp_path / "plain", max_recompress_s=0), record(tmp_path / "smaller")
    assert smaller.stored_bytes < 0.95 * plain.stored_bytes
    assert asked(tmp_path / "plain", plain.sid) == asked(tmp_path / "smaller", smaller.sid) == STATEMENTS
    assert not any(compressed_harder(tmp_path / "plain", plain.sid)[:-1])
    assert all(compressed_harder(tmp_path / "smaller", smaller.sid))


@pytest.mark.parametrize("limit_s", [-1, -0.001, float("nan")])
def test_a_limit_below_zero_is_refused(tmp_path, limit_s):
    """
    The message names the argument and what was found.
    """
    with pytest.raises(ValueError, match=r"max_recompress_s: expected seconds >= 0, found "):
        recordkit.Recorder(tmp_path, max_recompress_s=limit_s)


class SlowClock(ManualClock):
    """
    A clock on which compressing one chunk harder takes two seconds.
    """

    def frame(self, frame):
        def slow(recompressor, raw):
            self.advance(2.0)
            return frame(recompressor, raw)

        return slow


def test_closing_a_session_takes_no_longer_than_the_limit(tmp_path, monkeypatch):
    """
    What there was no time for is in the recording as it was written.
    """
    clock = SlowClock()
    monkeypatch.setattr(Recompressor, "frame", clock.frame(Recompressor.frame))
    with recordkit.Recorder(tmp_path, chunk_bytes=CHUNK, clock=clock, max_recompress_s=9) as recorder:
        session = recorder.session(user="a")
        for sql in STATEMENTS:
            session.query(sql)
        session.flush()
        began = clock.monotonic()
        session.close()
        assert clock.monotonic() - began == 10.0  # five chunks, three of them samples
    harder = compressed_harder(tmp_path, session.sid)
    assert (harder[:2], any(harder[2:])) == ([True, True], False)
    assert asked(tmp_path, session.sid) == STATEMENTS
    assert verify_recording(recordkit.open_store(tmp_path)[session.sid].path).findings == ()


def test_closing_the_recorder_takes_no_longer_than_one_session(tmp_path, monkeypatch):
    """
    However many sessions are left, they are sealed within the time of one, and hold all that was recorded.
    """
    clock = SlowClock()
    monkeypatch.setattr(Recompressor, "frame", clock.frame(Recompressor.frame))
    recorder = recordkit.Recorder(tmp_path, chunk_bytes=CHUNK, clock=clock, max_recompress_s=9)
    sessions = [recorder.session(user="a") for _ in range(12)]
    for session in sessions:
        for sql in STATEMENTS[:200]:
            session.query(sql)
        session.flush()
    began = clock.monotonic()
    recorder.close()
    assert clock.monotonic() - began < 9 + 2 * sealer._SEALERS + 2  # what has begun is not broken off
    for session in sessions:
        assert asked(tmp_path, session.sid) == STATEMENTS[:200]


# ---------------------------------------------------------------- beside others


def test_long_recordings_do_not_hold_up_short_ones(tmp_path, monkeypatch):
    """
    While more long recordings than there are threads are being compressed, short sessions end at once.
    """
    monkeypatch.setattr(sealer, "_LONG", 2 * CHUNK // 8)
    before = set(threading.enumerate())
    going, may_go_on = threading.Event(), threading.Event()
    frame = Recompressor.frame

    def held_up(recompressor, raw):
        going.set()
        assert may_go_on.wait(60)
        return frame(recompressor, raw)

    monkeypatch.setattr(Recompressor, "frame", held_up)
    with recordkit.Recorder(tmp_path, chunk_bytes=CHUNK) as recorder:
        sessions = [recorder.session(user="a") for _ in range(2 * sealer._SEALERS)]
        for session in sessions:
            for sql in STATEMENTS:
                session.query(sql)
            session.flush()
            session.close(wait=False)
        assert going.wait(60)
        for _ in range(3):
            with recorder.session(user="b") as short:
                short.query("SELECT 1")
            assert summary_of(tmp_path, short.sid).state is State.COMPLETE
        assert not any(session.sealed for session in sessions)
        may_go_on.set()
    assert set(threading.enumerate()) <= before
    for session in sessions:
        assert asked(tmp_path, session.sid) == STATEMENTS


def test_what_a_dead_recorder_left_is_compressed_harder_too(tmp_path):
    """
    The next recorder seals it, and has the same time for it.
    """
    create_store(tmp_path)
    chunks = long_session(12, 700)  # full ones of the default size
    open_path(tmp_path, SID).write_bytes(recording_bytes(chunks, sealed=False))
    with recordkit.Recorder(tmp_path):
        pass
    assert all(compressed_harder(tmp_path, SID))
    assert events_of(tmp_path, SID) == flat(chunks)


# ---------------------------------------------------------------- kill -9

# Ends long sessions as fast as it can: most of its time goes into compressing them harder.
_VICTIM = """
import sys
sys.path.insert(0, sys.argv[2])
from long_statements import long_statements
import recordkit
statements = long_statements(4000)
with recordkit.Recorder(sys.argv[1], chunk_bytes=16384) as recorder:
    sys.stdout.write("ready\\n")
    while True:
        session = recorder.session(user="bob", db_protocol="mysql")
        for sql in statements:
            session.query(sql)
        session.flush()
        sys.stdout.write(f"flushed {session.sid}\\n")
        sys.stdout.flush()
        session.close()
        sys.stdout.write(f"sealed {session.sid}\\n")
        sys.stdout.flush()
"""


def killed(store, after_s):
    """
    Start the victim, kill it some time after its first flush, and return what it said of each sid.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(store), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    first = process.stdout.readline() + process.stdout.readline()
    time.sleep(after_s)  # the moment of the kill is what this test is about
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    said = {}
    for line in (first + rest).decode().rpartition("\n")[0].split("\n")[1:]:
        what, sid = line.split()
        said[sid] = what
    return said


def run_of_kills(store, kills):
    """
    Kill at random moments, and hold the store against what was said; return how often a copy was left behind.
    """
    dice = random.Random(20_261_122)
    copies = 0
    for _ in range(kills):
        said = killed(store, dice.random() * 0.12)
        copies += len(list((store / "open").glob("*.tmp")))
        with recordkit.Recorder(store):
            pass
        assert not list((store / "open").glob("*.jsonl.zst*"))
        for sid, what in said.items():
            assert asked(store, sid) == long_statements(4000)
            summary = summary_of(store, sid)
            assert summary.state is State.COMPLETE or what == "flushed"
            with recordkit.open_store(store)[sid] as recording:
                assert verify_recording(recording.path).errors == ()
        shutil.rmtree(store)
    return copies


def test_kills_while_recompressing_lose_nothing(tmp_path):
    """
    After kills at random moments of it each flushed event is there once, and what was sealed is complete.
    """
    run_of_kills(tmp_path / "store", 15)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_thousand_kills_while_recompressing(tmp_path):
    """
    The same a thousand times, some of them in the middle of a copy.
    """
    assert run_of_kills(tmp_path / "store", 1000) > 100
