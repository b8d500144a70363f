import json
import os
import subprocess
import sys
import threading

import pytest

from cli_run import FIRST, SkippingClock, demo_store, environment, run
from recordkit.cli.follow import behind, followed
from recordkit.container import open_recording
from recordkit.recorder import Recorder
from recordkit.store import open_store


class ActingClock(SkippingClock):
    """A clock that does the next of several things each time somebody waits."""

    def __init__(self, *actions):
        super().__init__()
        self.actions = list(actions)

    def wait(self, event, timeout_s):
        self.actions.pop(0)()
        return super().wait(event, timeout_s)


def eis(lines):
    return [json.loads(line)["ei"] for line in b"".join(lines).splitlines()]


@pytest.mark.parametrize("chunk_bytes", [4096, 256 * 1024])
def test_a_session_is_followed_to_its_end(tmp_path, chunk_bytes):
    """What is recorded while we look on comes, each event once and in order, also that which sealing rewrites."""
    with Recorder(tmp_path, chunk_bytes=chunk_bytes) as recorder:
        session = recorder.session(sid=FIRST, user="u")
        session.query("SELECT 1")
        session.flush()

        def more():
            for number in range(60):
                session.query(f"SELECT {number} -- {os.urandom(100).hex()}")
                if number % 7 == 0:
                    session.flush()

        def end():
            session.query("the last")
            session.close()

        idle = []
        clock = ActingClock(more, lambda: None, end)
        with open_store(tmp_path) as store, store[FIRST] as recording:
            lines = list(followed(recording, clock=clock, idle=lambda: idle.append(1)))
    assert eis(lines) == list(range(64))
    assert clock.actions == []
    assert len(idle) == 4


@pytest.mark.parametrize("chunk_bytes", [4096, 256 * 1024])
def test_reading_goes_on_behind_any_number_of_events(tmp_path, chunk_bytes):
    """However a sealed recording is cut into chunks, what comes after the events already seen is found."""
    with Recorder(tmp_path, chunk_bytes=chunk_bytes) as recorder:
        session = recorder.session(sid=FIRST)
        for _ in range(50):
            session.query(os.urandom(150).hex())
        session.close()
    with open_store(tmp_path) as store, store[FIRST] as recording:
        assert (len(list(recording.chunks())) > 2) == (chunk_bytes == 4096)
        for count in range(53):
            assert eis(behind(recording, count)) == list(range(count, 52))


def test_a_dead_recorders_session_ends(tmp_path):
    """When the process that records is killed, following ends with what reached the file."""
    program = (
        "import sys; from recordkit.recorder import Recorder\n"
        "session = Recorder(sys.argv[1]).session(sid=sys.argv[2])\n"
        "session.query('SELECT 1'); session.flush(); print(flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path, FIRST],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    process.stdout.readline()

    def kill():
        process.kill()
        process.communicate()

    clock = ActingClock(kill)
    result = run("play", FIRST, "--follow", "--format", "jsonl", store=tmp_path, clock=clock)
    assert result.code == 0
    assert eis([result.raw]) == [0, 1]
    assert "interrupted" in result.err
    assert clock.actions == []


@pytest.mark.parametrize("how", ["sid", "file"])
def test_play_follows_in_text(how, tmp_path):
    """`play --follow` prints what comes until the session ends, named by sid or by its open file."""
    with Recorder(tmp_path) as recorder:
        session = recorder.session(sid=FIRST, db_protocol="mysql")
        session.query("SELECT 1")
        session.flush()

        def end():
            session.query("SELECT 2")
            session.close()

        name = FIRST if how == "sid" else tmp_path / "open" / f"{FIRST}.jsonl.zst.open"
        result = run("play", "--follow", name, store=tmp_path, clock=ActingClock(end))
    assert (result.code, result.err) == (0, "")
    assert [line for line in result.out.splitlines() if line.startswith("mysql>")] == [
        "mysql> SELECT 1",
        "mysql> SELECT 2",
    ]
    assert "Session ended" in result.out


def test_a_session_that_goes_on_is_said_to(tmp_path):
    """Without --follow an open recording plays up to now, and that is said."""
    with Recorder(tmp_path) as recorder:
        session = recorder.session(sid=FIRST, db_protocol="mysql")
        session.query("SELECT 1")
        session.flush()
        result = run("play", FIRST, store=tmp_path)
        assert result.code == 0
        assert "mysql> SELECT 1" in result.out
        assert "--follow" in result.err


def test_a_sealed_recording_is_followed_at_once(tmp_path):
    """Nothing to wait for: following is playing."""
    store = demo_store(tmp_path)
    clock = SkippingClock()
    assert run("play", "--follow", "307b", store=store, clock=clock).out == run("play", "307b", store=store).out
    assert clock.waits == []


def test_a_file_that_goes_ends_the_following(tmp_path):
    """An open recording outside a store that is removed has no more to come."""
    with Recorder(tmp_path / "s") as recorder:
        session = recorder.session(sid=FIRST)
        session.flush()
        path = tmp_path / f"{FIRST}.jsonl.zst.open"
        path.write_bytes((tmp_path / "s" / "open" / path.name).read_bytes())
    with open_recording(path) as recording:
        assert eis(followed(recording, clock=ActingClock(path.unlink), idle=lambda: None)) == [0]


def test_followed_lines_reach_the_reader_before_each_wait(tmp_path):
    """A pipe sees what is there without waiting for a full buffer."""
    with Recorder(tmp_path) as recorder:
        session = recorder.session(sid=FIRST, db_protocol="mysql")
        session.query("SELECT 1")
        session.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "recordkit", "--store", tmp_path, "play", "--follow", FIRST],
            stdout=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        guard = threading.Timer(60, process.kill)
        guard.start()
        seen = b""
        while b"SELECT 1" not in seen:
            line = process.stdout.readline()
            assert line
            seen += line
        session.close()
        rest, _ = process.communicate()
        guard.cancel()
    assert process.returncode == 0
    assert b"Session ended" in rest
