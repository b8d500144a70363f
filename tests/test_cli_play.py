import json
import os
import subprocess
import sys

import pytest
import yaml

from cli_run import (
    FIRST,
    HOSTILE,
    INTERRUPTED,
    MYSQL,
    PREPARED,
    SkippingClock,
    demo_store,
    environment,
    record_one,
    run,
    sealed,
)
from recordings import recording_bytes
from recordkit.cli.interactive import read_time
from recordkit.clock import ManualClock
from recordkit.container import open_recording
from recordkit.playback import Player
from recordkit.render import Format
from recordkit.render.control_chars import is_safe

DESIGN = """\
Session started to database "postgres-database" at Mon Jul 20 20:00 UTC

postgres=> SELECT * FROM products;
SUCCESS
(10 rows affected)

postgres=> INSERT INTO products (name, price) VALUES ('Phone', 150.00);
ERROR: permission denied for table products (SQLSTATE 42501)

Session ended at Mon Jul 20 20:30 UTC
"""


def events_of(path):
    with open_recording(path) as recording:
        return list(recording.events())


@pytest.mark.parametrize("argv", [[], ["--format", "text"]])
@pytest.mark.parametrize("terminal", [False, True])
def test_the_session_of_the_design_plays_as_the_design_says(argv, terminal, tmp_path):
    """Text is exact, and the same on a terminal."""
    result = run("play", "307b", *argv, store=demo_store(tmp_path), terminal=terminal)
    assert (result.code, result.out) == (0, DESIGN)


def test_json_forms_hold_the_events(tmp_path):
    """json, jsonl and yaml read back equal to what was recorded; jsonl is the stored lines themselves."""
    store = demo_store(tmp_path)
    for sid in (FIRST, PREPARED, MYSQL, HOSTILE):
        events = events_of(sealed(store, sid))
        assert json.loads(run("play", sid, "--format", "json", store=store).raw) == events
        lines = run("play", sid, "--format", "jsonl", store=store).raw
        assert [json.loads(line) for line in lines.splitlines()] == events
        assert list(yaml.safe_load_all(run("play", sid, "--format", "yaml", store=store).raw)) == events
    with open_recording(sealed(store, HOSTILE)) as recording:
        assert lines == b"".join(recording.lines())


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "yaml"])
def test_nothing_hostile_reaches_a_terminal(form, tmp_path):
    """A session full of escape sequences prints no control but the line feed, and jsonl still means the same."""
    store = demo_store(tmp_path)
    result = run("play", HOSTILE, "--format", form, store=store, terminal=True)
    assert result.code == 0
    assert is_safe(result.out)
    assert "nothing to see" in result.out
    if form == "jsonl":
        assert [json.loads(line) for line in result.out.splitlines()] == events_of(sealed(store, HOSTILE))


def test_start_leaves_out_what_was_before(tmp_path):
    """All formats begin at the delay; text still knows the statements prepared before it."""
    store = demo_store(tmp_path)
    text = run("play", PREPARED, "--start", "3", store=store).out
    assert text.startswith("\nshop=> SELECT o.id, o.total\n")
    assert "O'Brien" in text
    assert "4711" not in text
    for form in ("json", "jsonl"):
        output = run("play", PREPARED, "--start", "0:04.005", "--format", form, store=store).out
        assert '"ei":6' in output
        assert '"ei":5' not in output


@pytest.mark.parametrize("form", ["asciicast", "html"])
def test_a_transcript_from_a_start_on_knows_what_was_prepared_before(tmp_path, form):
    """What was prepared before the start is shown with its text behind it, and what was before is left out."""
    store = demo_store(tmp_path)
    output = run("play", PREPARED, "--start", "3", "--format", form, store=store).out
    assert "SELECT o.id" in output
    assert "Session started" not in output
    late = run("play", PREPARED, "--start", "1:00", "--format", form, store=store).out
    assert "SELECT o.id" not in late


@pytest.mark.parametrize(
    ("argv", "waits"),
    [
        ([], []),
        (["--speed", "1"], [12.5, 0.012, 82.488, 0.003, 1704.997]),
        (["--speed", "16"], [0.78125, 0.00075, 5.1555, 0.000188, 106.562312]),
        (["--skip-idle"], [0.5, 0.012, 0.5, 0.003, 0.5]),
        (["--skip-idle=2"], [2, 0.012, 2, 0.003, 2]),
        (["--skip-idle=0"], []),
        (["--speed", "16", "--skip-idle=1"], [0.78125, 0.00075, 1, 0.000188, 1]),
        (["--speed", "1", "--start", "90"], [5, 0.003, 1704.997]),
    ],
)
def test_text_on_a_terminal_comes_in_its_own_time_if_asked(argv, waits, tmp_path):
    """Speed divides the waits, the idle limit cuts them, and without either nothing waits."""
    clock = SkippingClock()
    result = run("play", *argv, "307b", store=demo_store(tmp_path), terminal=True, clock=clock)
    assert result.code == 0
    assert clock.waits == pytest.approx(waits, abs=2e-6)
    assert result.out == (DESIGN if "--start" not in argv else DESIGN[DESIGN.index("\npostgres=> INSERT") :])


def test_piped_output_never_waits(tmp_path):
    """Where nobody looks on, speed has no effect."""
    clock = SkippingClock()
    assert run("play", "307b", "--speed", "1", "--skip-idle", store=demo_store(tmp_path), clock=clock).out == DESIGN
    assert clock.waits == []


@pytest.mark.parametrize(
    "argv",
    [["--start", "x"], ["--start", "-1"], ["--speed", "0"], ["--speed", "nan"], ["--skip-idle=x"], ["--skip-idle=inf"], ["--format", "pty"], ["--follow", "--format", "json"], ["--follow", "--start", "1"]],
)  # fmt: skip
def test_misuse_is_refused(argv, tmp_path):
    """Options that make no sense end with exit code 2 before anything is printed."""
    result = run("play", "307b", *argv, store=demo_store(tmp_path))
    assert (result.code, result.raw) == (2, b"")


def test_how_a_session_ended_is_said(tmp_path):
    """An interrupted session and missing events are told on standard error; a complete one says nothing."""
    store = demo_store(tmp_path)
    assert run("play", "307b", store=store).err == ""
    interrupted = run("play", INTERRUPTED, store=store)
    assert interrupted.code == 0
    assert "interrupted" in interrupted.err
    gap = {"event": "recordkit.gap", "from": 1, "to": 7, "count": 7, "reason": "overflow"}
    record_one(tmp_path / "other", FIRST, [gap], db_protocol="postgres")
    lossy = run("play", FIRST, store=tmp_path / "other")
    assert "-- 7 events missing here (ei 1 to 7): overflow --" in lossy.out
    assert "7 events are missing" in lossy.err


def big_recording(tmp_path):
    """Return a recording of several chunks of 100 events that don't compress."""
    store = tmp_path / "big"
    from recordkit.recorder import Recorder

    with Recorder(store, chunk_bytes=4096) as recorder:
        session = recorder.session(sid=FIRST, db_protocol="mysql")
        for number in range(100):
            session.query(f"SELECT {number} -- {os.urandom(200).hex()}")
        session.close()
    return sealed(store, FIRST)


def test_what_is_sound_before_damage_is_printed(tmp_path):
    """Damage in the middle: the events before it, an error that names the place, exit code 3; the array doesn't parse."""
    path = big_recording(tmp_path)
    whole = [json.loads(line) for line in run("play", path, "--format", "jsonl").raw.splitlines()]
    with open_recording(path) as recording:
        chunks = list(recording.chunks())
    assert len(chunks) > 4
    data = bytearray(path.read_bytes())
    data[chunks[3].offset - 20] ^= 1  # in the payload of the third chunk
    path.write_bytes(data)
    sound = chunks[0].events + chunks[1].events
    for form in ("jsonl", "json", "yaml", "text"):
        result = run("play", path, "--format", form)
        assert result.code == 3
        assert "chunk 2" in result.err
        assert str(path) in result.err
        if form == "jsonl":
            assert [json.loads(line) for line in result.raw.splitlines()] == whole[:sound]
        elif form == "json":
            with pytest.raises(json.JSONDecodeError):
                json.loads(result.raw)
            assert json.loads(result.raw + b"]") == whole[:sound]
        elif form == "yaml":
            assert list(yaml.safe_load_all(result.raw)) == whole[:sound]
        else:
            assert result.out.count("mysql> SELECT") == sound - 1


def test_the_player_counts_each_damage_that_it_shows(tmp_path):
    """Bytes are gone from a chunk, and so a second one is misplaced: both are shown, counted and told at the end."""
    path = big_recording(tmp_path)
    with open_recording(path) as recording:
        chunk = list(recording.chunks())[2]
    data = bytearray(path.read_bytes())
    del data[chunk.offset + 200 : chunk.offset + 220]
    path.write_bytes(data)
    with open_recording(path) as recording:
        player = Player(recording, clock=ManualClock(0))
        notes = []
        while len(notes) < 2:
            before = len(notes)
            shown = [moment for number in range(len(player.moments)) for moment in player.moments.of(number)]
            notes = [moment.segments[0].text for moment in shown if moment.event is None]
            assert len(notes) > before
    assert len(notes) == len(player.chunks.damage) == 2
    assert all(f"damaged: {error}" in "".join(notes) for error in player.chunks.damage)


def test_a_torn_recording_is_not_taken_for_a_whole_one(tmp_path):
    """A file that was cut plays what it holds and ends with exit code 3."""
    path = big_recording(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = run("play", path)
    assert result.code == 3
    assert "mysql> SELECT 0 " in result.out
    assert "cut" in result.err


def test_a_file_that_is_no_recording_is_refused(tmp_path):
    """Any other file: exit code 3, nothing printed."""
    (tmp_path / "notes.txt").write_text("hello")
    result = run("play", tmp_path / "notes.txt")
    assert (result.code, result.raw) == (3, b"")
    assert result.err == f"recordkit: {tmp_path / 'notes.txt'}: not a recording\n"


def test_a_directory_is_named_as_one(tmp_path):
    """A directory in place of a recording: exit code 4, and the message says what it is."""
    result = run("play", tmp_path)
    assert (result.code, result.raw) == (4, b"")
    assert "is a directory" in result.err


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "yaml", "html"])
def test_a_start_behind_the_end_is_told(tmp_path, form):
    """Whoever asks for what was after the session is told how long it was; up to its end, nothing is said."""
    store = demo_store(tmp_path)
    late = run("play", "307b", "--start", "99:00", "--format", form, store=store)
    assert late.code == 0
    assert late.err == "recordkit: the session lasted 30m00s, so there is nothing from --start on\n"
    assert run("play", "307b", "--start", "30:00", "--format", form, store=store).err == ""


def test_a_real_terminal_gets_the_text(tmp_path):
    """Through a pseudo-terminal the same lines come, without a byte that moves the cursor."""
    store = demo_store(tmp_path)
    parent, child = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "recordkit", "--store", store, "play", HOSTILE],
        stdout=child, stderr=child, env=environment(TERM="xterm"), check=False,
    )  # fmt: skip
    os.close(child)
    output = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    os.close(parent)
    assert done.returncode == 0
    assert b"shop=> SELECT 'nothing to see'; -- \\x1b[2J" in output
    assert is_safe(output.decode().replace("\r\n", "\n"))


def test_the_player_needs_somebody_at_the_keyboard(tmp_path):
    """Asked for by name without a terminal on both sides, it is refused with a hint; unasked, there is text."""
    store = demo_store(tmp_path)
    for terminal in (False, True):  # the test's standard input is no terminal
        result = run("play", "307b", "--format", "interactive", store=store, terminal=terminal)
        assert (result.code, result.raw) == (2, b"")
        assert "--format text" in result.err


def test_every_format_that_can_be_rendered_can_be_asked_for(tmp_path):
    """`--format` takes what `recordkit.render` has, and gives what it makes."""
    store = demo_store(tmp_path)
    for form in Format:
        result = run("play", "307b", "--format", form.value, store=store)
        assert result.code == 0, form
        assert b"SELECT * FROM products" in result.raw.replace(b"\\u0020", b" "), form


@pytest.mark.parametrize(
    ("text", "delay_s"),
    [
        ("90", 90), ("1:30", 90), ("2m", 120), ("20:15", 1215), ("20:15Z", 900), ("20:15:00", 900), ("20:15:00.5Z", 900.5),
        ("2026-07-20T20:01:00Z", 60), ("2026-07-20 20:01", 60), ("2026-07-20", 0), ("3h", 10800), ("19:00:00", 68400),
    ],
)  # fmt: skip
def test_people_say_times_in_their_way(text, delay_s):
    """Delays, times of day while the session was on, and whole moments mean what they seem to."""
    start_ns = 1_784_577_600 * 10**9  # 20:00, and the session takes half an hour
    assert read_time(text, start_ns=start_ns, duration_ns=1800 * 10**9) == delay_s * 10**9


@pytest.mark.parametrize("text", ["soon", "19:00Z", "2026-13-01", "-5", ""])
def test_what_is_no_time_is_said_to_be_none(text):
    """Other text, and times of day when the session was not on, are refused in words."""
    with pytest.raises(ValueError, match=r"expected|not on"):
        read_time(text, start_ns=1_784_577_600 * 10**9, duration_ns=1800 * 10**9)


def test_a_carriage_return_does_not_cut_a_line(tmp_path):
    """Only line feeds part events: one whose line has raw separators of other kinds is followed whole."""
    path = tmp_path / f"{FIRST}.jsonl.zst"
    line = '{"event":"db.session.query","db_protocol":"mysql","db_query":"SELECT \x85\u2028 1"}\n'.encode()
    chunks = [[json.loads(line)]]
    path.write_bytes(recording_bytes(chunks, sealed=True))
    assert "SELECT \\x85\\u2028 1" in run("play", path, "--follow", "--format", "text").out
