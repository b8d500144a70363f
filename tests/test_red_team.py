"""
The corpus of attacks against everything that prints.
"""

import os
import sys
from pathlib import Path

import pexpect
import pyte
import pytest

from cli_run import environment, run, sealed
from recordings import QuickFiles
from recordkit.clock import ManualClock
from recordkit.errors import InvalidEventError
from recordkit.recorder import Recorder
from recordkit.render import Format, renderer_for
from recordkit.render.control_chars import is_safe, safe_line
from red_team import DOCUMENTS, MARK, MARKUP, NOON, PAYLOADS, PROTOCOLS, SID, TERMINAL, UNRECORDABLE, hostile_session

COLUMNS, ROWS = 120, 60
STATUS = "\r\x1b[K"  # how a verb on a terminal begins its status line anew
GIVEN = {"sid", "ei", "time", "uid"}
ATTRIBUTES = ("user", "db_service", "db_name", "db_user", "db_protocol", "cluster_name")


def rendered(name, events):
    renderer = renderer_for(name)
    return (renderer.begin() + b"".join(map(renderer.write, events)) + renderer.end()).decode()


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("form", Format)
def test_no_renderer_lets_an_attack_through(form, name):
    """In every field of every kind of event an attack comes out as text, whatever the protocol and the format."""
    for protocol in PROTOCOLS if form is Format.TEXT else ("postgres",):
        # JSON takes what can be recorded alone; the others take anything
        events = hostile_session(PAYLOADS[name], protocol=protocol, recordable=form in (Format.JSON, Format.JSONL))
        text = rendered(form, events)
        assert is_safe(text), protocol
        assert MARK in text


@pytest.mark.parametrize("form", Format)
def test_what_is_no_text_is_shown_or_refused(form):
    """A lone surrogate, which no recording holds, is shown as an escape; JSON, which has no form for it, refuses it."""
    events = hostile_session(UNRECORDABLE["lone surrogates"], recordable=False)
    if form in (Format.JSON, Format.JSONL):
        with pytest.raises(InvalidEventError):
            rendered(form, events)
    else:
        assert "\\ud800" in rendered(form, events).lower()


def test_the_corpus_attacks():
    """Every attack on terminals has what a terminal must not get, and every attack can be told by its mark."""
    assert all(MARK in payload or MARK in payload.replace("\x00", "") for payload in PAYLOADS.values())
    harmless = {name for name, payload in TERMINAL.items() if is_safe(payload)}
    assert harmless == {"a prompt of its own", "a pile of marks"}
    assert any("</script>" in payload for payload in MARKUP.values())
    assert len(PAYLOADS) == len(TERMINAL) + len(MARKUP) + len(DOCUMENTS)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a session for each attack, which is in its names and in its events."""
    store = tmp_path_factory.mktemp("red") / "store"
    with Recorder(store, clock=ManualClock(NOON), files=QuickFiles()) as recorder:
        for number, payload in enumerate(PAYLOADS.values()):
            with recorder.session(sid=sid_of(number), **dict.fromkeys(ATTRIBUTES, payload)) as session:
                for event in hostile_session(payload):
                    if event["event"] not in ("db.session.start", "db.session.end", "recordkit.gap"):
                        session.emit({name: value for name, value in event.items() if name not in GIVEN})
    return store


def sid_of(number):
    return f"{number:08x}{SID[8:]}"


VERBS = [
    ["ls", "--limit", "0"], ["ls", "--limit", "0", "--format", "json"], ["grep", "."], ["grep", ".", "--count"],
    ["grep", MARK, "--format", "json"], ["verify"],
]  # fmt: skip


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_no_verb_lets_an_attack_through(verb, store):
    """What verbs print of many sessions on a terminal has no control but the line feed."""
    result = run(*verb, store=store, terminal=True)
    assert result.code == 0
    assert is_safe(result.out.replace("\t", " ") if "--count" in verb else result.out)  # a tab of its own
    assert is_safe(result.err.replace(STATUS, ""))
    assert verb == ["verify"] or len(result.out.splitlines()) >= len(PAYLOADS)


@pytest.mark.parametrize("number", range(len(PAYLOADS)), ids=PAYLOADS)
def test_no_session_gets_through(number, store):
    """Played and shown in every format on a terminal, a hostile session is text."""
    sid = sid_of(number)
    for verb in (
        ["show", sid],
        ["show", sid, "--format", "json"],
        *(["play", sid, "--format", form] for form in FORMS),
    ):
        result = run(*verb, store=store, terminal=True)
        assert result.code == 0, (verb, result.err)
        assert is_safe(result.out), verb
        assert is_safe(result.err), verb
        assert MARK in result.out or "tam" in result.out


FORMS = list(map(str, Format))


@pytest.mark.parametrize("name", TERMINAL)
def test_no_message_lets_an_attack_through(name, store, tmp_path):
    """What a person typed or pasted wrong, and what a file or a line of input holds, is quoted safely."""
    payload = TERMINAL[name].replace("\x00", "")
    lines = [
        b'{"event": "' + payload.encode() + b'"',
        f'{{"event": "x", "sid": "{payload!r}"}}'.encode(),
        b"\x1b[2J\xff",
    ]
    file = tmp_path / f"{payload[:40].replace('/', '-')}.jsonl.zst"
    file.write_bytes(b"\x1b[2Jnot a recording" * 10)
    torn = tmp_path / f"torn{payload[:40].replace('/', '-')}.jsonl.zst"
    torn.write_bytes(sealed(store, sid_of(0)).read_bytes()[:-700])
    for argv in (
        ["play", payload], ["show", payload], ["play", file], ["verify", file], ["verify", torn], ["play", torn],
        ["play", SID, "--format", payload], ["play", SID, "--start", payload], ["play", SID, "--speed", payload],
        ["grep", "(" + payload], ["grep", payload + "["], ["ls", "--since", payload], ["ls", "--state", payload],
        ["ls", "--protocol", payload, "--user", payload], [payload], ["--store", payload, "ls"], ["ls", "--" + payload],
        ["record", payload], ["record"], ["completion", payload], ["ls", payload],
    ):  # fmt: skip
        given = ["--store", store, *argv] if argv[0] != "--store" else argv
        result = run(*given, stdin=b"\n".join(lines), terminal=True)
        assert is_safe(result.out), argv
        assert is_safe(result.err.replace(STATUS, "")), (argv, result.err)


class Screen:
    """A terminal of its own for a program: what it was sent, and what a person sees."""

    def __init__(self, *argv, cwd):
        child = pexpect.spawn(
            sys.executable, ["-m", "recordkit", *map(os.fspath, argv)], cwd=str(cwd), timeout=60, dimensions=(ROWS, COLUMNS),
            env=environment(TERM="xterm-256color", PYTHONWARNINGS="ignore"),
        )  # fmt: skip
        sent = child.read()
        child.close()
        self.text = sent.decode().replace(STATUS, "").replace("\r\n", "\n")  # line ends are the terminal's own
        screen = pyte.HistoryScreen(COLUMNS, ROWS, history=100_000)
        pyte.ByteStream(screen).feed(sent)
        top = ["".join(line[column].data for column in range(COLUMNS)) for line in screen.history.top]
        self.seen = "".join([*top, *screen.display])
        self.title = screen.title


@pytest.mark.parametrize(
    "verb", [["ls", "--limit", "0"], ["grep", "."], *(["play", "--format", form] for form in FORMS)], ids=" ".join
)
def test_a_real_terminal_gets_text_alone(verb, store, tmp_path):
    """Through a pseudo-terminal no control of an event arrives, and the screen shows the escapes."""
    argv = [*verb, sid_of(0)] if verb[0] == "play" else verb
    screen = Screen("--store", store, *argv, cwd=tmp_path)
    assert is_safe(screen.text)
    assert screen.title == ""
    shown = "\\u001b[2J" if verb[-1].startswith("json") else "\\e[2J" if verb[-1] == "yaml" else "\\x1b[2J"
    assert shown in screen.seen


@pytest.mark.parametrize("name", TERMINAL)
def test_a_screen_shows_what_was_not_sent(name, store):
    """On a terminal's screen, as `pyte` keeps it, a hostile name is what its safe form says."""
    payload = TERMINAL[name]
    screen, plain = pyte.Screen(400, 50), pyte.Screen(400, 50)
    number = list(PAYLOADS).index(name)
    pyte.ByteStream(screen).feed(run("show", sid_of(number), store=store, terminal=True).raw.replace(b"\n", b"\r\n"))
    pyte.ByteStream(plain).feed(f"user:      {safe_line(payload)}".encode())
    assert screen.title == ""
    assert plain.display[0].rstrip()[:390] in "\n".join(screen.display)


def test_a_message_on_a_real_terminal_is_text(tmp_path):
    """What a person pasted into a command comes back as text, on the error stream, too."""
    screen = Screen("--store", tmp_path, "play", "\x1b]0;tamper\x07\x1b[2J.zst", cwd=tmp_path)
    assert is_safe(screen.text)
    assert screen.title == ""
    assert "\\x1b]0;tamper\\x07" in screen.seen


def test_the_library_never_prints():
    """There is no other way to a terminal: only the command line and the player's terminal write to one."""
    package = Path(__file__).parents[1] / "recordkit"
    writers = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(word in path.read_text() for word in ("sys.stdout", "sys.stderr", "/dev/tty"))
    ]
    assert all(path.startswith(("cli/", "terminal/")) for path in writers), writers
