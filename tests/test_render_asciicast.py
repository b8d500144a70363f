import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.render import AsciicastRenderer, renderer_for
from recordkit.render.control_chars import is_safe
from recordkit.transcript import Segment, SegmentKind, SessionTranslator
from recordkit.transcript.segments import Severity
from red_team import PAYLOADS, UNRECORDABLE, hostile_session

OURS = re.compile("\x1b\\[(?:0|1|2|31|33)m")
HEADER_FIELDS = {"version", "term", "timestamp", "idle_time_limit", "command", "title", "env", "tags"}
SECOND = 1_000_000_000


def event(kind, at_s, **fields):
    time = f"2026-07-20T20:{int(at_s) // 60:02}:{at_s % 60:09.6f}Z"
    return {"event": kind, "time": time, "db_protocol": "postgres", "db_service": "aurora", "db_name": "shop"} | fields


SESSION = [
    event("db.session.start", 0, user="alice"),
    event("db.session.query", 1.5, db_query="SELECT 1"),
    event("db.session.result", 1.75, affected_records=1, success=True),
    event("db.session.query", 61.75, db_query="DROP\nTABLE t"),
    event("db.session.result", 61.750001, success=False, error="ERROR: no"),
    event("db.session.end", 70),
]


def cast(events, renderer=None):
    renderer = renderer or AsciicastRenderer()
    return (renderer.begin() + b"".join(map(renderer.write, events)) + renderer.end()).decode()


def checked(text):
    """Hold *text* against the specification of asciicast v3; return header and events."""
    assert text.endswith("\n")
    assert is_safe(text)
    header, *events = [json.loads(line) for line in text[:-1].split("\n")]
    assert header["version"] == 3
    assert set(header) <= HEADER_FIELDS
    assert set(header["term"]) <= {"cols", "rows", "type", "version", "theme"}
    assert all(type(header["term"][name]) is int and header["term"][name] > 0 for name in ("cols", "rows"))
    assert type(header.get("timestamp", 0)) is int
    assert isinstance(header.get("title", ""), str)
    assert isinstance(header.get("idle_time_limit", 0.0), int | float)
    for interval, code, text_of in events:
        assert type(interval) is float
        assert interval >= 0
        assert code in ("o", "i", "m", "r", "x")
        assert isinstance(text_of, str)
        assert is_safe(OURS.sub("", text_of.replace("\r\n", "\n")) if code == "o" else text_of)
    assert [code for _, code, _ in events].count("x") <= 1
    assert not events or "x" not in [code for _, code, _ in events[:-1]]
    return header, events


def test_a_session_as_a_cast():
    """The header names the session, waits are relative, statements and errors are marked, and the end is there."""
    assert cast(SESSION, AsciicastRenderer(colour=False)) == (
        '{"version": 3, "term": {"cols": 80, "rows": 24}, "timestamp": 1784577600, "title": "alice on aurora/shop"}\n'
        '[0.000000, "o", "Session started to database \\"aurora\\" at Mon Jul 20 20:00 UTC\\r\\n"]\n'
        '[1.500000, "m", "shop=> SELECT 1"]\n'
        '[0.000000, "o", "\\r\\nshop=> SELECT 1\\r\\n"]\n'
        '[0.250000, "o", "SUCCESS\\r\\n(1 row affected)\\r\\n"]\n'
        '[60.000000, "m", "shop=> DROP"]\n'
        '[0.000000, "o", "\\r\\nshop=> DROP\\r\\n       TABLE t\\r\\n"]\n'
        '[0.000001, "m", "ERROR: no"]\n'
        '[0.000000, "o", "ERROR: no\\r\\n"]\n'
        '[8.249999, "o", "\\r\\nSession ended at Mon Jul 20 20:01 UTC\\r\\n"]\n'
        '[0.000000, "x", "0"]\n'
    )


def test_colours_are_on_single_lines():
    """Each line of a statement or error has its colour and ends it, and the blank line before has none."""
    _, events = checked(cast(SESSION))
    output = [text for _, code, text in events if code == "o"]
    assert output[1] == "\r\n\x1b[1mshop=> SELECT 1\x1b[0m\r\n"
    assert output[3] == "\r\n\x1b[1mshop=> DROP\x1b[0m\r\n\x1b[1m       TABLE t\x1b[0m\r\n"
    assert output[4] == "\x1b[31mERROR: no\x1b[0m\r\n"


def test_the_header_says_what_was_asked_for():
    """Size, title and the longest wait are the caller's."""
    renderer = AsciicastRenderer(columns=120, rows=40, title="a\x1b[2Jb", idle_time_limit_s=2.5)
    header, _ = checked(cast(SESSION, renderer))
    assert header == {
        "version": 3, "term": {"cols": 120, "rows": 40}, "timestamp": 1784577600, "idle_time_limit": 2.5,
        "title": "a\\x1b[2Jb",
    }  # fmt: skip


def test_a_session_without_events_is_a_cast():
    """Nothing to show is still a header."""
    assert cast([]) == '{"version": 3, "term": {"cols": 80, "rows": 24}}\n'


def test_a_session_that_did_not_end_has_no_exit():
    """Only what was recorded is said: an interrupted session does not exit."""
    _, events = checked(cast(SESSION[:-1]))
    assert "x" not in [code for _, code, _ in events]


def test_intervals_add_up():
    """After any number of events no time is lost to rounding."""
    made = [event("db.session.query", n / 3, db_query="x") for n in range(170)]
    _, events = checked(cast(made))
    assert round(sum(round(interval * 1e6) for interval, _, _ in events)) == round(169 / 3 * 1e6)


def test_time_that_goes_back_does_not_make_a_negative_wait():
    """An event from before the one before it follows at once."""
    made = [event("db.session.query", at, db_query="x") for at in (0, 5, 3, 6)]
    _, events = checked(cast(made))
    assert [interval for interval, code, _ in events if code == "m"] == [0, 5, 0, 1]


def test_a_session_can_begin_in_its_middle():
    """With a translator that knows what came before, the cast begins at once, with all that a later event refers to."""
    prepared = [
        event("db.session.start", 0),
        event("db.session.postgres.statements.parse", 1, statement_name="s", query="SELECT 7"),
        event("db.session.postgres.statements.bind", 2, statement_name="s", portal_name="p"),
        event("db.session.postgres.statements.execute", 60, portal_name="p"),
        event("db.session.end", 61),
    ]
    translator = SessionTranslator()
    for one in prepared[:3]:
        translator.feed(one)
    _, events = checked(cast(prepared[3:], renderer_for("asciicast", translator=translator)))
    assert [interval for interval, _, _ in events] == [0, 0, 1, 0]
    assert "SELECT 7" in events[0][2]


class Fixed:
    """A translator that says the same of every event."""

    def __init__(self, *segments):
        self.segments = segments

    def feed(self, _event):
        return list(self.segments)

    def fork(self):
        return self


def segment(text, kind=SegmentKind.NOTICE, **fields):
    return Segment(kind=kind, text=text, delay_ns=0, ei=0, **fields)


def test_asides_are_left_out_unless_asked_for():
    """What the native client does not show is not shown, or shown dim."""
    said = Fixed(segment("plain\n"), segment("aside\n", aside=True))
    _, events = checked(cast([{}], AsciicastRenderer(said)))
    assert [text for _, _, text in events] == ["\x1b[33mplain\x1b[0m\r\n"]
    _, events = checked(cast([{}], AsciicastRenderer(said, asides=True)))
    assert [text for _, _, text in events][1:] == ["\x1b[2maside\x1b[0m\r\n"]


def test_whatever_is_an_error_is_marked():
    """Severity marks a segment as its kind does."""
    said = Fixed(segment("bad\n", severity=Severity.ERROR), segment("odd\n", severity=Severity.WARNING))
    _, events = checked(cast([{}], AsciicastRenderer(said)))
    assert [(code, text) for _, code, text in events if code == "m"] == [("m", "bad")]


def test_a_long_session_marks_errors_alone_after_a_while():
    """Players draw each marker: a thousand statements are marked, and every error."""
    said = Fixed(segment("s\n", SegmentKind.STATEMENT), segment("e\n", SegmentKind.ERROR))
    _, events = checked(cast([{}] * 1500, AsciicastRenderer(said)))
    marked = [text for _, code, text in events if code == "m"]
    assert (marked.count("s"), marked.count("e")) == (1000, 1500)


@pytest.mark.parametrize("protocol", ["postgres", "mysql", ""])
@pytest.mark.parametrize("name", [*PAYLOADS, *UNRECORDABLE])
def test_nothing_hostile_is_played(name, protocol):
    """No event puts a control into a cast: output has line ends and our colours, all else is shown."""
    payload = (PAYLOADS | UNRECORDABLE)[name]
    checked(cast(hostile_session(payload, protocol=protocol, recordable=False)))


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["event", "time", "db_query", "db_name", "error", "success", "user", "db_protocol"]),
            st.text(st.characters()) | st.sampled_from(["db.session.query", "db.session.end", "postgres"]) | st.none(),
        )
    )
)
def test_any_events_make_a_cast(events):
    """Whatever events hold, the cast is one that the specification allows."""
    checked(cast(events, renderer_for("asciicast")))
