"""
The player as a person meets it: in a terminal, key by key.
"""

import re
from functools import partial

import pytest

from cli_run import FIRST, demo_store
from player_terminal import Terminal, failure, query, record, result
from recordkit.recorder import Recorder

LONG = "SELECT name, price FROM products WHERE price > 100 AND name LIKE 'P%' ORDER BY price DESC"
STEPS = [
    (1, query("SELECT * FROM products")),
    (1.01, result(3)),
    (5, query("INSERT INTO products (name) VALUES ('Phone')")),
    (5.01, failure("ERROR: permission denied for table products (SQLSTATE 42501)")),
    (12, query("SELECT pg_sleep(4)")),
    (16, result(1)),
    (30, query("DELETE FROM carts")),
    (30.01, result(2)),
    (45, query(LONG, db_query_parameters=["P%"])),
    (45.01, failure("ERROR: canceling statement")),
    (50, query("DROP TABLE carts")),
    (50.01, result()),
]


@pytest.fixture
def store(tmp_path):
    record(tmp_path, FIRST, STEPS, end_s=60)
    return tmp_path


def paused(store, *options, **more):
    """Start the player and stop it at the first line."""
    terminal = Terminal("--store", store, "play", FIRST, "--speed", "0.25", *options, **more)
    terminal.until("Session started").press("space")
    return terminal.until("paused")


def stands(terminal, time, there, not_yet):
    """Whether the bar says this time, and the screen has what was before it and not what comes after."""
    return terminal.bar.startswith(f" {time} ") and there in terminal.text and not_yet not in terminal.text


def test_a_tour_through_every_key(store):
    """Each key of the player does on screen what the help says of it."""
    with paused(store) as terminal:
        press, until = terminal.press, terminal.until

        press("j")
        until("shop=> SELECT * FROM products").until("(3 rows affected)").until("ei 1")
        press("down")
        until("shop=> INSERT INTO products").until("ERROR: permission denied").until("ei 3")
        press("k")
        until(lambda: "INSERT" not in terminal.text and "ei 1" in terminal.state)
        press("up")
        until("no earlier statement")

        press("home")
        until(lambda: " 0:00 " in terminal.bar and "SELECT" not in terminal.text)
        press("right")
        until(lambda: " 0:10 " in terminal.bar and "INSERT" in terminal.text and "pg_sleep" not in terminal.text)
        press("right")
        until(lambda: " 0:20 " in terminal.bar and "pg_sleep" in terminal.text)
        press("left")
        until(lambda: " 0:10 " in terminal.bar and "pg_sleep" not in terminal.text)
        press("end")
        until(
            lambda: terminal.bar.startswith(" 1:00 ") and "Session ended" in terminal.text and "end " in terminal.state
        )
        for digit, time, there, not_yet in (
            ("5", "0:30", "DELETE", "LIKE"), ("0", "0:00", "started", "SELECT"), ("1", "0:06", "INSERT", "pg_sleep"),
            ("2", "0:12", "pg_sleep", "DELETE"), ("3", "0:18", "pg_sleep", "DELETE"), ("4", "0:24", "pg_sleep", "DELETE"),
            ("6", "0:36", "DELETE", "DROP"), ("7", "0:42", "DELETE", "LIKE"), ("8", "0:48", "LIKE", "DROP"),
            ("9", "0:54", "DROP", "ended"),
        ):  # fmt: skip
            press(digit)
            until(partial(stands, terminal, time, there, not_yet))

        for speed in ("0.5x", "1x", "2x", "4x", "8x", "16x", "16x"):
            press("+")
            until(f"  {speed} ")
        for speed in ("8x", "4x", "2x", "1x", "0.5x", "0.25x", "0.25x"):
            press("-")
            until(f"  {speed} ")

        press("home", "e")
        until("permission denied").until("ei 3")
        press("e")
        until("canceling statement").until("ei 9")
        press("e")
        until("no further error")
        press("E")
        until(lambda: "canceling" not in terminal.text and "ei 3" in terminal.state)
        press("E")
        until("no earlier error")

        press("home", "s")
        until("pg_sleep(4)").until("ei 5")
        press("s")
        until("no further slow statement")
        press("end", "S")
        until(lambda: "ei 5" in terminal.state and "DELETE" not in terminal.text)

        press("home", "w")
        until("ei 3")
        press("w")
        until(lambda: "DELETE FROM carts" in terminal.text and "ei 7" in terminal.state)
        press("w")
        until(lambda: "DROP TABLE carts" in terminal.text and "ei 11" in terminal.state)
        press("w")
        until("no further change")
        press("W")
        until(lambda: "DROP" not in terminal.text and "ei 7" in terminal.state)

        press("home", "/")
        until("/").press("p[hr]o", "enter")
        until(lambda: "FROM products" in terminal.text and "ei 1" in terminal.state)
        press("n")
        until("ei 3")
        press("n")
        until("ei 9")
        press("n")
        until("not found from here on")
        press("N")
        until("ei 3")
        press("/", "(", "enter")
        until("no regular expression")

        press("g", "0:46", "enter")
        until(lambda: terminal.bar.startswith(" 0:46 ") and "LIKE" in terminal.text)
        press("g", "20:00:31", "enter")
        until(lambda: terminal.bar.startswith(" 0:31 ") and "LIKE" not in terminal.text)
        press("g", "2026-07-20 20:00:05", "enter")
        until(lambda: terminal.bar.startswith(" 0:05 "))
        press("g", "soon", "enter")
        until("expected a delay")
        press("g")
        until("go to:").press("esc")
        until(lambda: "go to:" not in terminal.text)

        press("8", "enter")
        until("Statement  ei 9").until("SELECT name,").until("ORDER BY price DESC").until("canceling statement")
        assert re.search(r"Parameters\n\s+1\s+\"P%\"", terminal.text)
        press("k")
        until("Statement  ei 7").until("rows   2").until("after 10 ms")
        terminal.resize(80, 10)
        press("pgdn")
        until(
            lambda: "Statement" not in terminal.text and "cluster_name" not in terminal.text and "sid" in terminal.text
        )
        press("pgup")
        until("Statement  ei 7")
        terminal.resize(80, 24)
        press("enter")
        until("Session started")

        press("f")
        until("the session is over")
        press("?")
        until("Keys").until("Next error")
        press("esc")
        until("Session ended")

        press("home", "space")
        until("playing")
        press("+", "+", "+", "+", "+", "+")
        until("(3 rows affected)").until("permission denied")
        press("q")
        assert terminal.end() == 0
        assert b"\x1b[?1049l" in terminal.sent  # the screen that was there before is back


def test_the_help_names_every_key_on_one_screen(store):
    """All keys of the player are in the help, which fits a terminal of 80 by 24."""
    with paused(store) as terminal:
        terminal.press("?")
        terminal.until("Keys")
        for key in (
            "space",
            "left",
            "right",
            "j",
            "k",
            "+",
            "-",
            "home",
            "end",
            "0 to 9",
            "/",
            "n",
            "N",
            "e",
            "E",
            "s",
            "S",
            "w",
            "W",
            "enter",
            "f",
            "g",
            "?",
            "q",
            "esc",
        ):
            assert re.search(rf"(^|\s){re.escape(key)}\s", terminal.text, re.MULTILINE), key


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 6), (9, 3), (2, 2), (1, 1), (200, 60)])
def test_any_size_will_do(store, size):
    """From a terminal of one cell to a wall, the player starts, takes keys, and ends."""
    columns, rows = size
    with Terminal("--store", store, "play", FIRST, columns=columns, rows=rows) as terminal:
        terminal.until(lambda: terminal.text != "\n" * (rows - 1))
        terminal.press("end", "enter", "?", "?", "E")
        if rows > 5:
            terminal.until("anceling")
        terminal.press("q")
        assert terminal.end() == 0


def test_the_screen_follows_the_terminal_s_size(store):
    """After a resize the lines fill the new screen, wider, narrower, and as small as nothing."""
    with paused(store) as terminal:
        terminal.press("end")
        terminal.until("Session ended")
        terminal.resize(120, 30)
        terminal.until(lambda: len(terminal.bar.rstrip()) > 110 and LONG in terminal.text)
        terminal.resize(30, 12)
        terminal.until(lambda: "Session ended" in terminal.text and terminal.bar.strip().startswith("1:00"))
        terminal.resize(3, 1)
        terminal.resize(80, 24)
        terminal.until(lambda: LONG[:73] in terminal.text and "end" in terminal.state)
        terminal.press("q")
        assert terminal.end() == 0


COLOUR = re.compile(rb"\x1b\[[0-9;]*\b(?:3[0-7]|4[0-7]|9[0-7]|38|48)(?:;[0-9;]*)?m")


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "vt100"}, False), ({"TERM": "xterm"}, True)],
)
def test_colours_are_only_sent_where_they_are_wanted(store, variables, coloured):
    """With NO_COLOR set, and on terminals without colours, no colour is sent; elsewhere errors stand out by one."""
    with Terminal("--store", store, "play", FIRST, **variables) as terminal:
        terminal.press("end")
        terminal.until("canceling statement").press("q")
        assert terminal.end() == 0
        assert bool(COLOUR.search(terminal.sent)) is coloured


def test_a_session_is_followed_until_it_ends(tmp_path):
    """`--follow` shows each event as it comes, and says when the session has ended."""
    with Recorder(tmp_path) as recorder:
        session = recorder.session(sid=FIRST, db_protocol="mysql")
        session.query("SELECT 1")
        session.flush()
        with Terminal("--store", tmp_path, "play", "--follow", FIRST) as terminal:
            terminal.until("SELECT 1").until("following")
            for number in range(2, 40):
                session.query(f"SELECT {number}")
                if number % 5 == 0:
                    session.flush()
            session.flush()
            terminal.until("SELECT 39")
            terminal.press("k")
            terminal.until(lambda: "following" not in terminal.state and "SELECT 39" not in terminal.text)
            terminal.press("f")
            terminal.until("SELECT 39").until("following")
            session.query("SELECT 'the last'")
            session.close()
            terminal.until("the last").until("Session ended").until("the session has ended")
            terminal.press("q")
            assert terminal.end() == 0


def test_a_session_that_breaks_off_is_said_to_be_interrupted(tmp_path):
    """When what is followed ends without its end, the screen and the program's last word say so."""
    with Recorder(tmp_path) as recorder:
        session = recorder.session(sid=FIRST, db_protocol="mysql")
        session.query("SELECT 1")
        session.flush()
        with Terminal("--store", tmp_path, "play", "--follow", FIRST) as terminal:
            terminal.until("SELECT 1").until("following")
            session.close(interrupted=True)
            terminal.until("the session was interrupted")
            terminal.press("q")
            assert terminal.end() == 0
            assert b"recordkit: the session was interrupted" in terminal.sent


def test_damage_is_named_on_screen_and_by_the_exit_code(tmp_path):
    """What is sound plays, the damage stands where it is, and the exit code is 3."""
    with Recorder(tmp_path, chunk_bytes=4096) as recorder:
        session = recorder.session(sid=FIRST, db_protocol="mysql")
        for number in range(40):
            session.query(f"SELECT {number} -- {number * 7919 % 10007:0200d} {hash((number, 1)):x}")
        session.close()
    path = tmp_path / FIRST[-2:] / f"{FIRST}.jsonl.zst"
    from recordkit.container import open_recording

    with open_recording(path) as recording:
        third = list(recording.chunks())[2]
    data = bytearray(path.read_bytes())
    data[third.offset + 140 + third.stored_size // 2] ^= 1
    path.write_bytes(data)
    with Terminal("play", path) as terminal:
        terminal.press("home", "/", "damaged", "enter", "end")
        terminal.until("SELECT 39")
        terminal.press("3")
        terminal.press("q")
        assert terminal.end() == 3
        assert b"chunk 2" in terminal.sent


def test_a_torn_recording_plays_what_it_has(tmp_path):
    """A file that was cut ends with the word torn, and exit code 3."""
    store = demo_store(tmp_path)
    path = store / FIRST[-2:] / f"{FIRST}.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-40])
    with Terminal("play", path) as terminal:
        terminal.press("end")
        terminal.until("torn").until("Session ended").press("q")
        assert terminal.end() == 3


def test_ctrl_c_leaves_the_player(store):
    """Ctrl-C is a way out, and the terminal is as it was."""
    with paused(store) as terminal:
        terminal.press("\x03")
        assert terminal.end() == 0
        assert terminal.sent.rstrip().endswith(b"\x1b[23;0t") or b"\x1b[?1049l" in terminal.sent


def test_without_a_screen_there_is_text(store):
    """On a dumb terminal the session is printed, and asking for the player is refused."""
    with Terminal("--store", store, "play", FIRST, TERM="dumb") as terminal:
        assert terminal.end() == 0
        assert b"Session ended" in terminal.sent
        assert b"\x1b" not in terminal.sent
    with Terminal("--store", store, "play", FIRST, "--format", "interactive", TERM="dumb") as terminal:
        assert terminal.end() == 2
