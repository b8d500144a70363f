"""
P1: what was recorded before a returned flush survives kill -9 at any moment, and is found again.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import recordkit
from recorded import events_of
from recordkit import State

ROOT = Path(__file__).parents[1]

# Records without end, and says after each flush which of its own events are safe.
_VICTIM = """
import sys, itertools, recordkit
recorder = recordkit.Recorder(sys.argv[1], flush_interval_s=0.05, chunk_bytes=4096)
session = recorder.session(user="alice", db_protocol="postgres")
out = sys.stdout
out.write(session.sid + "\\n")
for number in itertools.count():
    session.query(f"SELECT {number} -- " + "x" * (number % 97))
    if number % 7 == 3:
        session.flush()
        out.write(f"{number}\\n")
        out.flush()
"""

# Opens and ends sessions as fast as it can, so that the kill often meets sealing.
_SEALER = """
import sys, recordkit
with recordkit.Recorder(sys.argv[1], chunk_bytes=4096) as recorder:
    while True:
        with recorder.session(user="bob", db_protocol="mysql") as session:
            for number in range(30):
                session.query(f"SELECT {number}")
                if number % 3 == 0:
                    session.flush()
        sys.stdout.write(session.sid + "\\n")
        sys.stdout.flush()
"""


def killed(program: str, store: Path, after_s: float) -> list[str]:
    """
    Start *program*, kill it with SIGKILL some time after its first line, and return the whole lines it wrote.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(store)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    first = process.stdout.readline()
    time.sleep(after_s)  # the moment of the kill is what this test is about
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    return (first + rest).decode().rpartition("\n")[0].split("\n")


def run_of_kills(tmp_path: Path, kills: int) -> None:
    dice = random.Random(20_261_122)
    for turn in range(kills):
        store = tmp_path / f"{turn}"
        sid, *flushed = killed(_VICTIM, store, dice.random() * 0.08)
        reported = int(flushed[-1]) if flushed else -1
        with recordkit.open_store(store) as opened:
            if reported < 0 and sid not in opened:
                continue  # killed before its first flush, when there was no file yet
            left = opened[sid].summary
            assert left.state in (State.INTERRUPTED, State.TORN)
        with recordkit.Recorder(store):
            pass  # seals what the dead one left
        with recordkit.open_store(store) as opened, opened[sid] as recording:
            assert recording.sealed
            assert recording.summary.state is State.INTERRUPTED
            events = list(recording.events())
        numbers = [int(event["db_query"].split()[1]) for event in events if event["event"] == "db.session.query"]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > reported
        assert [event["ei"] for event in events] == list(range(len(events)))
        assert {event["event"] for event in events} <= {"db.session.start", "db.session.query"}


def test_flushed_events_survive_kill_9(tmp_path):
    """After each of 30 kills at random moments every event before the last returned flush is there, and none made up."""
    run_of_kills(tmp_path, 30)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_flushed_events_survive_a_thousand_kills(tmp_path):
    """The same a thousand times."""
    run_of_kills(tmp_path, 1000)


def run_of_sealing_kills(tmp_path: Path, kills: int) -> None:
    dice = random.Random(7)
    store = tmp_path / "store"
    ended: list[str] = []
    for _ in range(kills):
        ended += killed(_SEALER, store, dice.random() * 0.1)
    with recordkit.Recorder(store):
        pass
    assert not list((store / "open").glob("*.jsonl.zst*"))
    with recordkit.open_store(store) as opened:
        summaries = {summary.sid: summary for summary in opened.list()}
        assert opened.problems == ()
    assert len(set(ended)) == len(ended)
    assert {sid for sid in ended if summaries[sid].state is not State.COMPLETE} == set()
    for sid, summary in summaries.items():
        events = events_of(store, sid)
        assert [event["ei"] for event in events] == list(range(len(events)))
        ends = sum(event["event"] == "db.session.end" for event in events)
        assert ends == (summary.state is State.COMPLETE)
        if ends:
            assert len(events) == 32


def test_kills_while_sealing_leave_each_recording_once_and_whole(tmp_path):
    """Sessions that were reported as ended are complete after kills at any step of sealing; the others are interrupted."""
    run_of_sealing_kills(tmp_path, 12)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_thousand_kills_while_sealing(tmp_path):
    """The same a thousand times."""
    run_of_sealing_kills(tmp_path, 1000)


def test_reindex_seals_what_a_killed_recorder_left(tmp_path):
    """Without another recorder, reindexing finds the dead session and seals it as interrupted."""
    store = tmp_path / "store"
    sid, *_ = killed(_VICTIM, store, 0.05)
    with recordkit.open_store(store) as opened:
        before = len(list(opened[sid].events()))
        report = opened.reindex()
        assert report.sealed
        with opened[sid] as recording:
            assert recording.sealed
            assert recording.summary.state is State.INTERRUPTED
            assert len(list(recording.events())) == before
