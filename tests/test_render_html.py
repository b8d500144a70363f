import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.render import HtmlRenderer, renderer_for
from recordkit.render.control_chars import is_safe, safe_text
from recordkit.transcript import Segment, SegmentKind, translate
from recordkit.transcript.segments import Severity
from red_team import PAYLOADS, UNRECORDABLE, hostile_session

NOT_COMPLETE = "This page is not complete"


class Page(HTMLParser):
    """A page as a browser would take it apart: its tags with attributes, and the text between."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.blocks, self.structure, self.inside = {}, [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.structure.append((tag, tuple(attrs)))
        self.inside = dict(attrs).get("id", tag) if tag in ("script", "style", "title") else None

    def handle_endtag(self, tag):
        self.structure.append(("/" + tag, ()))
        self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.blocks[self.inside] = self.blocks.get(self.inside, "") + data
        else:
            self.structure.append(("text", (("text", data),)))

    def handle_comment(self, data):
        self.structure.append(("comment", (("text", data),)))

    handle_decl = handle_pi = unknown_decl = handle_comment
    handle_entityref = handle_charref = handle_comment


def rendered(events, renderer=None):
    renderer = renderer or renderer_for("html")
    return (renderer.begin() + b"".join(map(renderer.write, events)) + renderer.end()).decode()


EMPTY = Page(rendered([]))


def query(at_s, sql, **fields):
    time = f"2026-07-20T20:00:{at_s:02}Z"
    return {"event": "db.session.query", "time": time, "db_protocol": "mysql", "db_query": sql, "ei": at_s} | fields


def segments_of(text):
    return json.loads(Page(text).blocks["segments"])


def test_the_page_holds_the_transcript():
    """Each segment stands in the page with its time, kind, text, index and marks; the session is named."""
    page = Page(
        rendered(
            [
                query(0, "", event="db.session.start", user="alice", db_service="shop", db_name="main", sid="307b"),
                query(1, "SELECT '<b>&amp;\x1b'"),
                query(3, "insert into t"),
                query(4, "", event="db.session.result", success=False, error="no"),
                query(9, "", event="db.session.end"),
            ]
        )
    )
    kinds = [(at, kind, ei, marks) for at, kind, _, ei, marks in json.loads(page.blocks["segments"])]
    assert kinds == [
        (0, "start", 0, ""), (1_000_000, "statement", 1, ""), (3_000_000, "statement", 3, "w"), (4_000_000, "error", 4, "e"),
        (9_000_000, "end", 9, ""),
    ]  # fmt: skip
    assert "SELECT '<b>&amp;\\x1b'" in json.loads(page.blocks["segments"])[1][2]
    about = json.loads(page.blocks["about"])
    assert about["title"] == "alice on shop/main"
    assert dict(about["facts"]) == {
        "started": "2026-07-20T20:00:00Z", "user": "alice", "db_service": "shop", "db_name": "main", "db_protocol": "mysql",
        "sid": "307b", "events": "5",
    }  # fmt: skip


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["event", "time", "db_query", "db_name", "error", "success", "user", "db_protocol", "sid"]),
            st.text(st.characters())
            | st.sampled_from(["db.session.query", "db.session.end", "postgres", "</script>", "<!--<script>"]),
        )
    )
)
def test_no_event_changes_the_page(events):
    """Whatever events hold, tags, attributes and text are those of an empty session, and the data is the transcript."""
    page = Page(rendered(events))
    assert page.structure == EMPTY.structure
    assert [item[2] for item in json.loads(page.blocks["segments"])] == [
        safe_text(segment.text) for segment in translate(events)
    ]


@pytest.mark.parametrize("name", [*PAYLOADS, *UNRECORDABLE])
def test_nothing_hostile_gets_out_of_its_place(name):
    """In every field of every kind an attack stays within the data, and so does one in the title."""
    payload = (PAYLOADS | UNRECORDABLE)[name]
    events = hostile_session(payload, recordable=False)
    text = rendered(events, HtmlRenderer(title=payload))
    page = Page(text)
    assert page.structure == EMPTY.structure
    assert {**page.blocks, "segments": "", "about": ""} == {**EMPTY.blocks, "segments": "", "about": ""}
    for block in ("segments", "about"):
        assert not re.search("[<>&\u2028\u2029]", page.blocks[block])
    assert is_safe(text)


def test_only_its_own_script_and_style_may_run():
    """The policy allows nothing but the script and the style of these exact bytes."""
    policy = next(dict(attrs) for tag, attrs in EMPTY.structure if dict(attrs).get("http-equiv"))["content"]
    allowed = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert allowed.pop("default-src") == "'none'"
    assert allowed.pop("base-uri") == "'none'"
    assert allowed.pop("form-action") == "'none'"
    for name, block in (("script-src", "script"), ("style-src", "style")):
        digest = base64.b64encode(hashlib.sha256(EMPTY.blocks[block].encode()).digest()).decode()
        assert allowed.pop(name) == f"'sha256-{digest}'"
    assert allowed == {}


def test_the_page_names_nothing_outside():
    """No attribute and no rule of the style loads anything, and no address stands in the page."""
    text = rendered([])
    assert not re.search(
        r"https?:|url\(|@import|import\(|fetch|XMLHttp|WebSocket|sendBeacon|eval|innerHTML|Function\(", text
    )
    for tag, attrs in EMPTY.structure:
        assert tag not in ("link", "img", "iframe", "object", "embed", "form", "base", "a", "video", "audio")
        assert not {name for name, _ in attrs} & {"src", "href", "srcset", "action", "style", "background", "ping"}
        assert not any(name.startswith("on") for name, _ in attrs)


def test_every_control_has_a_name():
    """Whatever takes the focus says what it is, to who can't see it."""
    labelled, names = 0, 0
    for tag, attrs in EMPTY.structure:
        labelled += {"label": 1, "/label": -1}.get(tag, 0)
        if tag in ("input", "select", "button", "output"):
            named = labelled or dict(attrs).get("aria-label") or dict(attrs).get("id") in ("play", "found")
            assert named, (tag, attrs)
            names += 1
    assert names > 10


def test_a_page_that_was_cut_says_so():
    """Until its last line the page says that it is not complete, and has no script or no data to play."""
    text = rendered([query(1, "SELECT 1"), query(2, "SELECT 2")])
    marker = '<i id="complete" hidden></i>'
    assert text.count(marker) == 1
    assert text.index(NOT_COMPLETE) < text.index('id="segments"')
    assert "body:has(#complete) #incomplete { display: none; }" in text
    renderer = renderer_for("html")
    begun = renderer.begin() + renderer.write(query(1, "SELECT 1"))
    assert NOT_COMPLETE in begun.decode()
    assert b"<script>" not in begun
    assert b"</script>" not in begun
    assert marker.encode() not in begun


class Fixed:
    """A translator that says the same of every event."""

    def __init__(self, *segments):
        self.segments = segments

    def feed(self, _event):
        return list(self.segments)

    def fork(self):
        return self


def test_marks_tell_kinds_apart():
    """Asides, warnings and errors are marked, whatever their kind."""
    said = [
        Segment(kind=SegmentKind.NOTICE, text="x\n", delay_ns=0, ei=None, severity=severity, aside=aside)
        for severity in Severity
        for aside in (False, True)
    ]
    items = segments_of(rendered([{}], HtmlRenderer(Fixed(*said))))
    assert [item[4] for item in items] == ["", "a", "!", "a!", "e", "ea"]


@pytest.mark.parametrize(
    ("sql", "writes"),
    [
        ("SELECT 1", False), ("insert into t", True), ("\n  UPDATE t SET a = 1", True), ("DROP TABLE t", True),
        ("updates", False), ("", False), ("EXPLAIN SELECT 1", False), ("GRANT ALL ON t TO u", True), ("TRUNCATE t", True),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", True), ("SELECT 'insert into t'", False),
    ],
)  # fmt: skip
def test_writes_are_marked(sql, writes):
    """A statement that changes something has a mark on the timeline, also where only its text is left."""
    (item,) = segments_of(rendered([query(0, sql)]))
    assert ("w" in item[4]) is writes
    said = Segment(kind=SegmentKind.STATEMENT, text=f"\nmain=> {sql}\n", delay_ns=0, ei=0)
    (item,) = segments_of(rendered([{"event": "x"}], HtmlRenderer(Fixed(said))))
    assert ("w" in item[4]) is writes


def test_time_never_goes_back():
    """An event from before the one before it stands at the same moment, so that the page can search by time."""
    items = segments_of(rendered([query(at, "SELECT 1") for at in (0, 5, 3, 6)]))
    assert [item[0] for item in items] == [0, 5_000_000, 5_000_000, 6_000_000]


def test_a_time_at_the_edge_of_the_calendar_is_shown_as_it_is():
    """A time that an offset moves out of the years 1 to 9999 is no reason to fail."""
    facts = dict(json.loads(Page(rendered([{"time": "0001-01-01T00:00:00+23:00"}])).blocks["about"])["facts"])
    assert facts["started"] == "0001-01-01T00:00:00+23:00"
    assert "started" not in dict(json.loads(Page(rendered([{"time": "noon"}])).blocks["about"])["facts"])


def test_a_session_that_did_not_end_says_so():
    """The page tells an interrupted session from one that ended."""
    facts = dict(json.loads(Page(rendered([query(0, "SELECT 1")])).blocks["about"])["facts"])
    assert facts["state"] == "not ended: interrupted, or still going on"


def test_an_index_that_scripts_cannot_hold_is_left_out():
    """No index is shown rounded."""
    items = segments_of(rendered([query(0, "SELECT 1", ei=2**53 + 1), query(1, "SELECT 1", ei=2**53 - 1)]))
    assert [item[3] for item in items] == [None, 2**53 - 1]


def test_the_page_is_part_of_the_package():
    """The page's parts are found where the package is, and none of them could end the element it stands in."""
    folder = resources.files("recordkit.render") / "page"
    for name, end in (("player.js", "</script"), ("style.css", "</style"), ("page.html", "\r")):
        text = (folder / name).read_text("utf-8")
        assert text
        assert end not in text
        assert "<!--" not in text
