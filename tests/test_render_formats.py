import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from recordkit.errors import InvalidEventError
from recordkit.events import decode_line
from recordkit.render import Format, renderer_for, yaml_stream
from recordkit.render.control_chars import is_safe
from recordkit.render.text import TextRenderer
from recordkit.transcript import for_protocol

TEXT = st.text(
    st.characters(codec="utf-8")
    | st.sampled_from("\n\t \x85\u2028\r\x00\ufeff\x7f:#-?!&*|>%@`\"'{}[],=~\u202e🎉\x1b\x9b")
)
TRICKY = st.sampled_from([
    "no", "No", "y", "on", "1e3", "1.5e3", ".5", "1.", "0o7", "0x1F", "1_000", "12:30:45", "2026-07-20", "null", "~", "=",
    "<<", ".inf", ".NaN", "- a", "? a", "a: b", "a #b", "---", "...", " a", "a ", "\n", "\na", "a\n\n", " a\nb", "%YAML 1.1",
])  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | TRICKY,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT | TRICKY, children, max_size=4),
    max_leaves=10,
)
EVENTS = st.lists(st.dictionaries(TEXT | TRICKY, JSON, max_size=5), max_size=3)
NAMED = {
    "a": "no",
    "b": "1e3",
    "c": "\x85",
    "d": "\x00",
    "e": "🎉",
    "f": 2**64 - 1,
    "g": -(2**63),
    "h": 1e300,
    "i": -0.0,
}


def rendered(name, events):
    renderer = renderer_for(name)
    return b"".join([renderer.begin(), *map(renderer.write, events), renderer.end()])


def exact(value):
    return json.dumps(value)  # tells 1 from 1.0 and from True, which == does not


@given(EVENTS)
@example([NAMED])
def test_json_array_reads_back_equal(events):
    """The array holds the events, in order, one a line."""
    output = rendered("json", events)
    assert exact(json.loads(output)) == exact(events)
    assert output.count(b"\n") == (len(events) + 2 if events else 2)


@given(EVENTS)
@example([NAMED])
def test_json_lines_read_back_equal(events):
    """Each line holds one event."""
    lines = rendered("jsonl", events).splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in lines)
    assert exact([json.loads(line) for line in lines]) == exact(events)


@given(EVENTS)
@example([NAMED])
def test_yaml_documents_read_back_equal(events):
    """Each document holds one event, value and type, for the reader in Python and for libyaml."""
    output = rendered("yaml", events)
    for loader in {yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)}:
        assert exact(list(yaml.load_all(output, Loader=loader))) == exact(events)


@pytest.mark.parametrize("name", list(Format))
@given(events=EVENTS)
def test_no_format_sends_a_control_byte(name, events):
    """Whatever the events hold, the output has no control character but the line feed."""
    output = rendered(name, [{"event": "db.session.start", "db_protocol": "mysql"}, *events])
    assert is_safe(output.decode())
    assert not any((byte < 0x20 and byte != 0x0A) or byte == 0x7F for byte in output)


KNOWN = ["db_query", "db_name", "db_service", "error", "affected_records", "reason", "db_query_parameters", "success"]


@pytest.mark.parametrize("protocol", ["postgres", "mysql"])
@given(
    events=st.lists(
        st.builds(
            lambda kind, fields: fields | {"event": kind},
            st.sampled_from(["db.session.start", "db.session.query", "db.session.result", "recordkit.gap"])
            | st.text(st.characters()),
            st.dictionaries(st.sampled_from(KNOWN), st.text(st.characters()) | JSON),
        )
    )
)
def test_no_control_byte_leaves_the_text_renderer(protocol, events):
    """Statements, names, errors and kinds of any content, lone surrogates too, give safe lines."""
    renderer = TextRenderer(for_protocol(protocol))
    output = b"".join(map(renderer.write, events)).decode()
    assert is_safe(output)
    assert not output or output.endswith("\n")


@pytest.mark.parametrize("end", [0, 1, 2])
def test_a_json_array_without_its_end_does_not_parse(end):
    """An export that stopped after any number of events can't be taken for a whole one."""
    renderer = renderer_for("json")
    cut = renderer.begin() + b"".join(renderer.write({"ei": ei}) for ei in range(end))
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut)


PLAIN = st.text(st.sampled_from("abcXYZ019 _./@=:#;,*+-?!&|<>%`\"'{}[]()~^$\\"), max_size=12)


@given(
    st.dictionaries(
        PLAIN | TRICKY | st.text("ab", min_size=90, max_size=140),
        PLAIN | TRICKY | TEXT | st.uuids().map(str) | st.datetimes().map(lambda time: time.isoformat() + "Z")
        | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.lists(PLAIN, max_size=2),
        max_size=4,
    )
)  # fmt: skip
@example(
    {"db_uri": "aurora.rds:5432", "time": "2026-07-20T20:00:00.1Z", "a": "x: y", "b": "x #y", "c": "x:", "yes": "Null"}
)
def test_yaml_without_the_dumper_is_what_the_dumper_writes(event):
    """The short way for plain fields gives the same bytes as the library does for the whole event."""
    assert rendered("yaml", [event]) == yaml_stream._dumped(event)


def test_most_fields_need_no_dumper(monkeypatch):
    """The fields of an ordinary event are written at once."""
    event = {
        "ei": 3, "event": "db.session.query", "uid": "00112233-4455-4677-8899-aabbccddeeff", "time": "2026-07-20T20:00:00.5Z",
        "db_uri": "aurora.rds.amazonaws.com:5432", "db_query": "UPDATE t SET a = a + 1 WHERE b = 'x';", "success": True,
        "user": "alice@example.com", "error": None,
    }  # fmt: skip
    monkeypatch.setattr(yaml_stream, "_dumped", lambda fields: pytest.fail(str(fields)))
    assert yaml.safe_load(rendered("yaml", [event])) == event


def test_yaml_is_readable():
    """SQL of several lines is a block, and documents are set apart."""
    events = [{"event": "db.session.query", "db_query": "SELECT 1,\n  2\nFROM t", "version": "1e3"}, {"ei": 1}]
    assert rendered("yaml", events).decode() == (
        'event: db.session.query\ndb_query: |-\n  SELECT 1,\n    2\n  FROM t\nversion: "1e3"\n---\nei: 1\n'
    )


def test_yaml_writes_what_its_dumpers_cannot_hold():
    """A lone surrogate and a nesting that is too deep for the dumper still give a document."""
    deep = []
    for _ in range(500):
        deep = [deep]
    surrogate, nested = rendered("yaml", [{"a": "\ud800"}, {"a": deep}]).decode().split("---\n")
    assert surrogate == 'a: "\\uD800"\n'
    assert json.loads(nested) == {"a": deep}


def test_text_is_the_transcript():
    """Text is what the person saw, with controls shown."""
    events = [{"event": "db.session.query", "db_protocol": "postgres", "db_name": "d\x1b", "db_query": "SELECT\t1"}]
    assert rendered("text", events) == b"\nd\\x1b=> SELECT  1\n"


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_json_refuses_what_it_cannot_hold(name):
    """A value that would come back as another is an error, not output."""
    with pytest.raises(InvalidEventError, match="a: expected a finite number"):
        renderer_for(name).write({"a": float("nan")})


def nested(levels, *, objects):
    value = '"\\u001b"'
    for _ in range(levels - 1):
        value = f'{{"a":{value}}}' if objects else f"[{value}]"
    return f'{{"b":[{{}},[],1.5],"a":{value},"c":null}}'.encode()


@pytest.mark.parametrize("name", Format)
@pytest.mark.parametrize("objects", [False, True], ids=["lists", "objects"])
@pytest.mark.parametrize("levels", [254, 255, 1000, 1023])
def test_every_format_writes_what_a_reader_takes(name, objects, levels):
    """The deepest values that a line can hold are written in every format, and read back as they were."""
    line = nested(levels, objects=objects)
    event = decode_line(line)
    output = rendered(name, [event])
    if name in (Format.JSON, Format.JSONL, Format.YAML):
        compact = output.strip(b"[]\n")
        if compact.startswith(b"{"):
            assert compact.replace(b" ", b"") == line
        else:
            assert yaml.safe_load(output)["c"] is None


def test_only_what_a_reader_can_have_returned_is_written():
    """Values deeper than that, or that hold themselves, and keys that are no text are refused by their field."""
    endless = {"event": "x"}
    endless["a"] = [endless]
    deep = decode_line(nested(1023, objects=True))
    for event in (endless, {"a": [deep]}, {"a": {1: 2}}, {"a": [[float("nan")]]}):
        with pytest.raises(InvalidEventError, match="a"):
            renderer_for("jsonl").write(event)


def test_an_unknown_format_is_refused():
    """A format that does not exist is a bad argument."""
    with pytest.raises(ValueError, match="pty"):
        renderer_for("pty")


def test_rendering_text_and_json_does_not_import_yaml():
    """Only the YAML renderer pays for the YAML library."""
    program = (
        "import sys; from recordkit.render import renderer_for\n"
        "for name in ('text', 'json', 'jsonl'): renderer_for(name).write({'event': 'x'})\n"
        "print(*(name for name in ('yaml', 'asyncio', 'pyarrow', 'prompt_toolkit', 'sqlparse') if name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"
