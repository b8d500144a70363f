"""
Recordings that try to take over the terminal, played in one.
"""

import re

import pytest

from cli_run import FIRST
from player_terminal import Terminal, failure, query, record, result

PAYLOADS = {
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "DECRQSS": '\x1bP$q"p\x1b\\',
    "report the title": "\x1b[21t",
    "set the title": "\x1b]0;pwned\x07",
    "set the title, ended by ST": "\x1b]2;pwned\x1b\\",
    "C1 CSI": "\x9b2J",
    "C1 OSC": "\x9d0;pwned\x9c",
    "C1 DCS": '\x90$q"p\x9c',
    "SOH and STX": "\x01hidden\x02",
    "clear": "\x1b[2J\x1b[H",
    "cursor games": "\x1b[A\x1b[2K\rall is well\x1b[B",
    "overwrite": "bad\rgood",
    "backspaces": "DROP\b\b\b\bSAFE",
    "alternate screen": "\x1b[?1049h",
    "mouse": "\x1b[?1000h",
    "device attributes": "\x1b[c",
    "answerback": "\x05",
    "character sets": "\x0e\x1b(0",
    "hyperlink": "\x1b]8;;http://evil.example/\x07click\x1b]8;;\x07",
    "form feed and vertical tab": "\x0c\x0b",
    "delete": "\x7f",
    "bidi": "\u202e\u2066evil\u2069\u200f",
    "zero width": "a\u200bb\ufeff",
    "line separators": "a\u2028b\u2029c",
    "prompt_toolkit's zero width": "\x01\x1b]0;pwned\x07\x02",
    "markup": "<ansired>&amp;<b>",
}  # fmt: skip
ALL = "".join(PAYLOADS.values())
SENT = re.compile(r"[\x00-\x06\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\x80-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""What no line of the player's may hold; bell, backspace, CR, LF, tab and ESC are the player's own to send."""


SEQUENCE = re.compile(
    rb"\x1b(?:\[(?:[0-9;]*[mABCDHJK]|\?(?:1049|25|7|2004|1|12)[hl]|2[23];0t|6n)|\]2;recordkit: [^\x07\x1b]*(?:\x07)?|[78=>])"
)
"""What the player sends: colours, cursor, erasing, its modes, its own title."""


def markers(raw):
    """The sequences that were sent and that the player has no use for."""
    return re.findall(rb"\x1b.{0,20}", SEQUENCE.sub(b"", raw), re.DOTALL)


def play(tmp_path, *keys, **more):
    """Play the session with these keys and return the terminal after its end."""
    with Terminal("--store", tmp_path, "play", FIRST, **more) as terminal:
        terminal.until(lambda: "0:" in terminal.bar)
        for key, wanted in keys:
            terminal.press(key)
            terminal.until(wanted)
        shown = terminal.text
        title = terminal.screen.title
        terminal.press("q")
        assert terminal.end() == 0
    return terminal, shown, title


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A session that is hostile in every field that a person may see."""
    store = tmp_path_factory.mktemp("hostile")
    steps = [
        (1, query(f"SELECT 'x' {ALL}", db_query_parameters=[ALL, {ALL: ALL}])),
        (1.5, failure(f"ERROR: {ALL}")),
        (2, query(ALL)),
        (3, result(1, columns=[{"name": ALL, "type": ALL}], rows=[[ALL]])),
        (4, {"event": "db.session.postgres.statements.parse", "statement_name": ALL, "query": ALL}),
        (4.1, {"event": "db.session.postgres.statements.bind", "statement_name": ALL, "portal_name": ALL, "parameters": [ALL]}),
        (4.2, {"event": "db.session.postgres.statements.execute", "portal_name": ALL}),
        (5, {"event": f"db.session.{ALL}", ALL: ALL, "message": ALL}),
        (6, {"event": "db.session.user.create", "username": ALL, "roles": [ALL]}),
    ]  # fmt: skip
    names = dict.fromkeys(("user", "db_service", "db_name", "db_user"), f"u{ALL}")
    record(store, FIRST, steps, end_s=7, **names)
    return store


@pytest.mark.parametrize("variables", [{}, {"TERM": "screen", "NO_COLOR": "1", "LC_ALL": "C"}])
def test_nothing_of_a_hostile_session_is_obeyed(hostile, variables):
    """Through transcript, details, search and help no byte of a payload is sent; the screen shows it as escapes."""
    keys = [
        ("end", "Session ended"), ("home", lambda: True), ("j", "ei 1"), ("enter", "Statement  ei 1"),
        ("pgdn", lambda: True), ("pgdn", lambda: True), ("enter", "\\x1b]52;c;cm0gLXJmIH4=\\x07"),
        ("j", "ei 3"), ("j", lambda: True), ("enter", "Statement"), ("enter", lambda: True),
        ("?", "Keys"), ("?", lambda: True),
    ]  # fmt: skip

    terminal, _, title = play(hostile, *keys, **variables)
    assert markers(terminal.sent) == []
    assert SENT.search(terminal.sent.decode("utf-8", "replace")) is None
    assert title.startswith("recordkit: u\\x1b]52;c;")
    assert "pwned\x07" not in title


def test_each_payload_is_shown_and_not_sent(tmp_path):
    """Every sequence of the corpus appears on the screen as text, where it stood."""
    steps = [
        step
        for second, payload in enumerate(PAYLOADS.values(), 1)
        for step in ((second, query(f"SELECT 'before{payload}after'")), (second + 0.1, result(1)))
    ]
    record(tmp_path, FIRST, steps, end_s=60)
    with Terminal("--store", tmp_path, "play", FIRST, "--speed", "0.25") as terminal:
        terminal.until("Session started").press("space")
        for number, (name, payload) in enumerate(PAYLOADS.items()):
            terminal.press("j")
            terminal.until(lambda number=number: f"ei {2 * number + 1} " in terminal.state)
            (*_, line) = (line for line in terminal.text.split("\n") if "SELECT 'before" in line)
            shown = payload in line if payload.isprintable() else re.search(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}", line)
            assert shown, name
        assert terminal.screen.title == f"recordkit: alice shop shop {FIRST[:8]}"
        terminal.press("q")
        assert terminal.end() == 0
    assert markers(terminal.sent) == []
    assert SENT.search(terminal.sent.decode()) is None


def test_the_title_is_given_back(tmp_path):
    """The window's title is saved before it is set, and restored when the player ends."""
    record(tmp_path, FIRST, [(1, query("SELECT 1"))], end_s=2)
    terminal, _, _ = play(tmp_path, ("end", "Session ended"))
    assert (
        terminal.sent.index(b"\x1b[22;0t")
        < terminal.sent.index(b"\x1b]2;recordkit")
        < terminal.sent.rindex(b"\x1b[23;0t")
    )


def test_hostile_names_are_safe_without_a_session_event(tmp_path):
    """Names that only the recording's header has do no harm either."""
    record(tmp_path, FIRST, [(0, {"event": ALL})], user=ALL, db_protocol=ALL)
    terminal, _, _ = play(tmp_path, ("end", lambda: True), ("g", "go to"), ("esc", lambda: True))
    assert markers(terminal.sent) == []
    assert SENT.search(terminal.sent.decode()) is None
