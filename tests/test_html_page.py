"""
The page of `--format html` in a real browser; time is the browser's, but moved by the tests.
"""

import json
import shutil
from datetime import UTC, datetime

import pytest

from recordkit.render import HtmlRenderer
from recordkit.render.control_chars import safe_text
from recordkit.transcript import Segment, SegmentKind, translate
from red_team import PAYLOADS, UNRECORDABLE, hostile_session

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def chromium():
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def page_of(events, path, **options):
    """Write the page of *events* to *path*, as it goes to a disk."""
    renderer = HtmlRenderer(**options)
    with path.open("wb") as file:
        file.write(renderer.begin())
        file.writelines(map(renderer.write, events))
        file.write(renderer.end())
    return path


class Window:
    """A page that was opened, with what it asked for and complained of."""

    def __init__(self, chromium, **options):
        self.context = chromium.new_context(viewport={"width": 1000, "height": 700}, **options)
        self.page = self.context.new_page()
        self.page.clock.install(time=datetime.fromtimestamp(0, UTC))
        self.page.clock.pause_at(datetime.fromtimestamp(3600, UTC))  # from here on the tests move it
        self.requests, self.complaints, self.dialogs = [], [], []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def open(self, path, fragment=""):
        self.page.goto(path.as_uri() + fragment)
        return self

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector):
        return self.page.locator(selector).inner_text()

    def wait(self, seconds):
        self.page.clock.run_for(round(seconds * 1000))

    @property
    def current(self):
        return self.text(".current .said").split("\n")[0]

    @property
    def elapsed(self):
        return self.text("#clock").split(" / ")[0]


@pytest.fixture
def window(chromium):
    made = Window(chromium)
    yield made
    assert made.complaints == []
    assert made.dialogs == []
    assert len(made.requests) == 1
    made.context.close()


def event(at_s, kind="query", **fields):
    time = f"2026-07-20T20:{at_s // 60:02}:{at_s % 60:02}Z"
    constant = {"user": "alice", "db_service": "aurora", "db_protocol": "postgres", "db_name": "db"}
    return {"event": f"db.session.{kind}", "time": time, "ei": at_s} | constant | fields


SESSION = [
    event(0, "start"),
    event(2, db_query="SELECT name FROM products"),
    event(3, "result", affected_records=10, success=True),
    event(20, db_query="INSERT INTO products\nVALUES ('Phone', 1.5)"),
    event(21, "result", error="ERROR: permission denied", success=False),
    event(80, db_query="SELECT 2 -- done"),
    event(81, "result", affected_records=2, success=True),
    event(82, db_query="DELETE FROM nowhere"),
    event(83, "result", error="ERROR: no such table", success=False),
    event(100, "end"),
]


@pytest.fixture
def opened(window, tmp_path):
    return window.open(page_of(SESSION, tmp_path / "session.html"))


def test_the_page_opens_from_disk_with_the_whole_session(opened):
    """Without a key pressed all of the transcript can be read, and the head says whose it is."""
    assert opened.page.title() == "alice on aurora/db"
    said = opened.page.locator(".row .said").all_inner_texts()
    assert "\n".join(said) + "\n" == "".join(segment.text.lstrip("\n") for segment in translate(SESSION))
    assert opened.page.locator(".future").count() == 0
    assert opened.page.locator(".current").count() == 0
    assert opened.text("#facts").split("\n")[:4] == ["started", "2026-07-20T20:00:00Z", "user", "alice"]
    assert (opened.text("#errors"), opened.text("#writes")) == ("2 errors", "2 writes")
    assert not opened.page.locator("#incomplete").is_visible()


def test_it_plays_in_the_time_of_the_session(opened):
    """From the end it begins anew; each segment comes at its moment, and what is to come can't be seen."""
    opened.press(" ")
    assert opened.text("#play") == "Pause"
    assert opened.current.startswith("Session started")
    opened.wait(1.9)
    assert opened.current.startswith("Session started")
    assert not opened.page.locator(".statement .said").first.is_visible()
    opened.wait(0.2)
    assert opened.current == "db=> SELECT name FROM products"
    opened.wait(1)
    assert opened.current == "SUCCESS"
    assert opened.elapsed == "0:03.1"
    assert opened.page.locator(".future").count() == 7


def test_it_stops_at_the_end_and_begins_anew(opened):
    """At the end it pauses by itself, and plays from the start when asked again."""
    opened.press("9", " ")
    opened.wait(11)
    assert (opened.text("#play"), opened.text("#clock")) == ("Play", "1:40.0 / 1:40.0")
    opened.press(" ")
    assert opened.elapsed == "0:00.0"


def test_it_pauses_and_goes_on(opened):
    """Paused, no time passes; the future can be read, dimmed."""
    opened.page.click("#play")
    opened.wait(2.5)
    opened.page.click("#play")
    assert (opened.text("#play"), opened.elapsed) == ("Play", "0:02.5")
    opened.wait(60)
    assert opened.elapsed == "0:02.5"
    assert opened.page.locator(".future .said").first.is_visible()
    opened.page.click("#play")
    opened.wait(0.6)
    assert opened.current == "SUCCESS"


def test_speed_acts_at_once(opened):
    """In the middle of a wait the rest of it passes in the new speed, by keys and by the list."""
    opened.press("Home", " ")
    opened.wait(11)
    opened.press("+", "+", "+")
    assert opened.page.input_value("#speed") == "8"
    opened.wait(1)
    assert 18.5 < float(opened.elapsed.removeprefix("0:")) < 20
    opened.wait(0.15)
    assert opened.current == "db=> INSERT INTO products"
    opened.page.select_option("#speed", "0.25")
    opened.wait(2.2)
    assert opened.elapsed == "0:20.7"
    opened.page.focus("#transcript")
    opened.press("-")
    assert opened.page.input_value("#speed") == "0.25"
    opened.press(*"++++++++")
    assert opened.page.input_value("#speed") == "16"


def test_no_moment_counts_in_the_wrong_speed(opened):
    """What passed before the speed was changed passed in the speed before, to the hundredth of a second."""
    opened.press("Home", " ")
    opened.wait(11.04)
    opened.press(*"++++")
    opened.wait(0.02)
    opened.press(" ")
    assert opened.elapsed == "0:11.3"  # 11.04 + 16 * 0.02


def test_long_waits_can_be_cut(opened):
    """With a cap on waits, what comes next comes after that long, however long it took."""
    opened.page.select_option("#idle", "500")
    opened.page.focus("#transcript")
    opened.press("Home", " ")
    opened.wait(0.6)
    assert opened.current == "db=> SELECT name FROM products"
    opened.wait(1.2)
    assert opened.current == "db=> INSERT INTO products"
    assert opened.elapsed.startswith("0:20")


def test_it_seeks_by_keys(opened):
    """Ten seconds, tenths, start, end, and from statement to statement, in both directions."""
    opened.press("Home")
    assert opened.elapsed == "0:00.0"
    opened.press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    assert (opened.elapsed, opened.current) == ("0:20.0", "db=> INSERT INTO products")
    opened.press("5")
    assert (opened.elapsed, opened.current) == ("0:50.0", "ERROR: permission denied")
    opened.press("ArrowUp")
    assert opened.current == "db=> INSERT INTO products"
    opened.press("j")
    assert opened.current == "db=> SELECT 2 -- done"
    opened.press("k", "k")
    assert opened.current == "db=> SELECT name FROM products"
    opened.press("End")
    assert opened.current == "Session ended at Mon Jul 20 20:01 UTC"


def test_it_seeks_by_pointer(opened):
    """A click on the timeline goes to that moment, a click on a time to that segment."""
    box = opened.page.locator("#seek").bounding_box()
    opened.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert abs(float(opened.elapsed.removeprefix("0:")) - 50) < 1
    opened.page.locator(".row .at").nth(4).click()
    assert (opened.current, opened.elapsed) == ("ERROR: permission denied", "0:21.0")
    assert opened.page.locator("[aria-current]").count() == 1


def test_the_timeline_shows_errors_and_writes(opened):
    """At the moment of an error there is a mark above the line, at that of a write one below."""
    found = opened.page.evaluate(
        """() => {
            const canvas = document.getElementById("marks"), width = canvas.width, edge = 8 * devicePixelRatio;
            const pixels = canvas.getContext("2d").getImageData(0, 0, width, canvas.height).data;
            const drawn = (seconds, row) => {
                const column = Math.round(edge + (width - 2 * edge) * seconds / 100);
                return pixels[4 * (row * width + column) + 3] > 0;
            };
            return [20, 21, 50, 82, 83].map((seconds) => [drawn(seconds, 2), drawn(seconds, canvas.height - 2)]);
        }"""
    )
    assert [above for above, _ in found] == [False, True, False, False, True]
    assert [below for _, below in found] == [True, False, False, True, False]


def test_it_jumps_to_errors_and_writes(opened):
    """Next and previous, by key and by button, turn round at the ends and say where they are."""
    opened.press("e")
    assert (opened.current, opened.text("#errors")) == ("ERROR: permission denied", "1 of 2 errors")
    assert opened.elapsed == "0:21.0"
    opened.press("e")
    assert opened.current == "ERROR: no such table"
    assert opened.page.text_content("#status") == "error 2 of 2: ERROR: no such table"
    opened.press("e")
    assert opened.current == "ERROR: permission denied"
    assert opened.page.text_content("#status") == "error 1 of 2, from the start: ERROR: permission denied"
    opened.page.click("#previous-error")
    assert opened.current == "ERROR: no such table"
    opened.press("W")
    assert opened.current == "db=> DELETE FROM nowhere"
    opened.page.click("#previous-write")
    assert (opened.current, opened.text("#writes")) == ("db=> INSERT INTO products", "1 of 2 writes")


def test_it_searches(opened):
    """Text is found in any case, counted, marked, and stepped through; the keys of the player can be typed."""
    opened.press("/")
    opened.page.keyboard.type("se")
    assert opened.text("#found") == "5 matches"
    assert opened.page.locator("mark").all_inner_texts() == ["Se", "se", "SE", "SE", "SE", "Se"]
    opened.press("Enter")
    assert opened.text("#found") == "1 of 5 matches"
    opened.press("Escape", "n")
    assert opened.current == "db=> SELECT name FROM products"
    opened.press("n", "N", "N")
    assert opened.current.startswith("Session started")
    opened.page.fill("#pattern", "")
    assert (opened.text("#found"), opened.page.locator("mark").count()) == ("", 0)


def test_it_searches_for_expressions(opened):
    """A regular expression finds what it means, plain text does not mean one, and a wrong one is said to be."""
    opened.page.fill("#pattern", "^ERROR.*table$|\\d\\.5")
    assert opened.text("#found") == "0 matches"
    opened.page.check("#regex")
    assert opened.text("#found") == "2 matches"
    assert opened.page.locator("mark").all_inner_texts() == ["1.5", "ERROR: no such table"]
    opened.page.fill("#pattern", "(")
    assert opened.text("#found") == "not a regex"
    assert opened.page.get_attribute("#pattern", "aria-invalid") == "true"
    opened.page.fill("#pattern", "x*")
    opened.page.uncheck("#regex")
    assert opened.text("#found") == "0 matches"
    assert opened.page.get_attribute("#pattern", "aria-invalid") is None


def test_statements_are_coloured(opened):
    """Keywords, strings, numbers and comments of statements have a class each."""
    for kind, pieces in {
        "keyword": ["SELECT", "FROM"],
        "string": ["'Phone'"],
        "number": ["1.5"],
        "comment": ["-- done"],
    }.items():
        found = opened.page.locator(f".statement .{kind}").all_inner_texts()
        assert set(pieces) <= set(found), kind


def test_asides_are_dimmed(window, tmp_path):
    """What the native client would not have shown is there, fainter than the rest."""

    class Said:
        def feed(self, _event):
            return [
                Segment(kind=SegmentKind.NOTICE, text=f"{aside}\n", delay_ns=0, ei=0, aside=aside)
                for aside in (False, True)
            ]

    path = tmp_path / "asides.html"
    renderer = HtmlRenderer(Said())
    path.write_bytes(renderer.begin() + renderer.write({}) + renderer.end())
    window.open(path)
    opacities = "[...document.querySelectorAll('.said')].map((said) => Number(getComputedStyle(said).opacity))"
    plain, aside = window.page.evaluate(opacities)
    assert aside < plain == 1


def test_it_is_used_by_keyboard_alone(opened):
    """From the top the tab key reaches each control in its order, and not each row of the transcript."""
    met = []
    for _ in range(16):
        opened.press("Tab")
        met.append(opened.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert met[:5] == ["play", "seek", "speed", "idle", "previous-error"]
    assert "pattern" in met
    assert met.index("transcript") < 16
    opened.page.focus("#play")
    opened.press(" ")
    assert opened.text("#play") == "Pause"  # the button's own key is not taken twice
    opened.press("?")
    assert opened.page.locator("#help").get_attribute("open") is not None


def test_readers_of_the_screen_hear_what_it_is(opened):
    """Controls, timeline and transcript have roles and names."""
    page = opened.page
    assert page.get_by_role("slider", name="Position in the session").count() == 1
    assert page.get_by_role("button", name="Next error").count() == 1
    assert page.get_by_role("region", name="Transcript").count() == 1
    assert page.get_by_role("img", name="2 errors and 2 writes").count() == 1
    assert page.get_by_role("combobox", name="Speed").count() == 1
    opened.press("e")
    assert page.get_attribute("#seek", "aria-valuetext") == "0:21 of 1:40"


def test_a_link_leads_to_an_event(window, tmp_path):
    """With the number of an event behind the address the page opens there."""
    window.open(page_of(SESSION, tmp_path / "session.html"), "#ei=21")
    assert window.current == "ERROR: permission denied"


def test_it_prints_the_whole_session(opened, tmp_path):
    """On paper there are all rows, readable, and no buttons."""
    opened.page.emulate_media(media="print")
    opened.press("Home")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not opened.page.locator("#controls").is_visible()
    assert opened.page.locator(".row").count() == 10
    assert opened.page.evaluate("getComputedStyle(document.querySelector('.future .said')).opacity") == "1"


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_it_is_as_dark_as_the_reader_likes(chromium, tmp_path, scheme, dark):
    """Ground and text follow what the reader's system says."""
    window = Window(chromium, color_scheme=scheme).open(page_of(SESSION, tmp_path / "session.html"))
    ground, text = window.page.evaluate(
        "['backgroundColor', 'color'].map((name) => getComputedStyle(document.body)[name].match(/\\d+/g).map(Number)[0])"
    )
    assert (ground < text) is dark
    window.context.close()


def test_without_scripts_it_says_what_it_needs(chromium, tmp_path):
    """A reader who runs no scripts is told why nothing is shown, and not that the page is cut."""
    window = Window(chromium, java_script_enabled=False).open(page_of(SESSION, tmp_path / "session.html"))
    assert window.page.get_by_text("needs scripts").is_visible()
    assert not window.page.locator("#incomplete").is_visible()
    window.context.close()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.97, 0.9999])
def test_a_page_that_was_cut_says_so_in_words(window, tmp_path, share):
    """A page that lost its end says so wherever it was cut, unless not even its head is left."""
    whole = page_of(hostile_session(PAYLOADS["end of the script"]) * 30, tmp_path / "whole.html").read_bytes()
    head = whole.index(b"<header>")
    cut = tmp_path / "cut.html"
    cut.write_bytes(whole[: head + round((len(whole) - head) * share)])
    window.open(cut)
    window.complaints.clear()  # a script that was cut
    assert window.page.get_by_text("This page is not complete").is_visible()
    assert window.page.evaluate("window.pwned") is None


def test_an_empty_session_opens(window, tmp_path):
    """A page without a single event does nothing, without a fault."""
    window.open(page_of([], tmp_path / "empty.html"))
    window.press(" ", "e", "Home", "5", "/")
    assert window.text("#clock") == "0:00.0 / 0:00.0"


def test_hostile_text_is_shown_and_never_run(window, tmp_path):
    """Every attack of the corpus, in every field, is text on the page; nothing runs and nothing is asked for."""
    events = [
        event for payload in (PAYLOADS | UNRECORDABLE).values() for event in hostile_session(payload, recordable=False)
    ]
    window.open(page_of(events, tmp_path / "hostile.html", title=PAYLOADS["end of the title"]))
    assert window.page.title() == PAYLOADS["end of the title"]
    window.page.evaluate("dispatchEvent(new Event('beforeprint'))")  # all rows at once
    shown = window.page.evaluate("[...document.querySelectorAll('.said')].map((said) => said.textContent)")
    assert shown == [safe_text(segment.text).strip("\n") for segment in translate(events)]
    assert any("</script><script>window.pwned=1</script> tamper" in text for text in shown)
    assert set(window.page.evaluate("[...document.querySelectorAll('#transcript *')].map((node) => node.localName)")) == {
        "button", "div", "span",
    }  # fmt: skip
    window.press("/")
    for pattern in ("<script>", "window.pwned=1", "tamper"):
        window.page.fill("#pattern", pattern)
        assert window.page.locator("mark").count() > 0
        window.press("Enter", "Enter")
    window.page.mouse.move(500, 400)
    window.wait(5)
    assert window.page.evaluate("window.pwned") is None
    assert window.page.url.startswith("file:///")


def test_the_policy_stops_what_would_get_in(opened):
    """Were there a hole, no script and no request would get through it: the browser enforces the policy."""
    found = opened.page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.pwned = 1";
            document.body.append(script);
            const holder = document.createElement("p");
            holder.innerHTML = "<b style='color: red' onclick='window.pwned = 2'>x</b>";
            document.body.append(holder);
            holder.lastChild.click();
            const asked = await fetch("https://example.com/").then(() => "answered", () => "refused");
            return [window.pwned ?? null, asked, getComputedStyle(holder.lastChild).color];
        }"""
    )
    assert found[:2] == [None, "refused"]
    assert found[2] != "rgb(255, 0, 0)"
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)
    opened.complaints.clear()


def test_a_long_statement_is_shown_in_part_until_asked_for(window, tmp_path):
    """Of a very long statement the beginning is shown, with how much more there is, and all of it on demand."""
    window.open(page_of([event(0, db_query="SELECT '" + "x" * 50_000 + "'")], tmp_path / "long.html"))
    assert window.text(".more") == "… 30,014 more characters"
    window.page.click(".more")
    assert len(window.text(".said")) == 50_014


def test_100_000_events_load_and_seek(window, tmp_path):
    """A long session opens with a small part of its rows, and any moment of it is reached."""

    def events():
        yield event(0, "start")
        for n in range(50_000):
            time = f"2026-07-20T{10 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z"
            yield event(0, db_query=f"SELECT {n}", time=time, ei=2 * n)
            error = {"success": False, "error": f"ERROR: {n}"} if n == 40_000 else {"success": True}
            yield event(0, "result", affected_records=n, time=time, ei=2 * n + 1, **error)

    window.open(page_of(events(), tmp_path / "large.html"))
    assert window.page.locator(".row").count() < 1000
    window.press("e")
    assert window.current == "ERROR: 40000"
    assert window.page.locator(".current").is_visible()
    assert window.page.evaluate("document.querySelector('.current').getBoundingClientRect().top") < 700
    window.press("ArrowUp", "ArrowUp")
    assert window.current == "db=> SELECT 39999"
    window.page.fill("#pattern", "SELECT 12345")
    window.press("Enter")
    assert (window.current, window.text("#found")) == ("db=> SELECT 12345", "1 of 1 match")
    window.page.focus("#transcript")
    window.press("End")
    assert window.current == "SUCCESS"
    window.press(*"123456789012345678901234567890")
    window.page.wait_for_function("document.querySelectorAll('.row').length < 1000")
    assert json.loads(window.page.evaluate("document.getElementById('about').textContent"))["facts"][-2][1] == "100,001"
