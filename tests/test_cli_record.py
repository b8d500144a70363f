import json
import resource
import subprocess
import sys
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli_run import FIRST, MYSQL, demo_store, environment, run, sealed
from recordkit.container import State, open_recording
from recordkit.store import open_store

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000002"


def line(sid=A, kind="db.session.query", **fields):
    return json.dumps({"event": kind, "sid": sid} | fields).encode() + b"\n"


def events_of(store, sid):
    with open_store(store) as opened, opened[sid] as recording:
        return list(recording.events())


def record(store, text, *argv):
    return run("record", *argv, store=store, stdin=text)


def test_mixed_sessions_become_recordings_of_their_own(tmp_path):
    """Events go to the recording of their sid, in order, and each sid is printed once."""
    lines = [line(B, ei=0, user="bob"), line(A, ei=0), line(B, ei=1), line(A, "db.session.end", ei=1)]
    result = record(tmp_path / "s", b"".join(lines))
    assert (result.code, result.out, result.err) == (0, f"{B}\n{A}\n", "")
    assert events_of(tmp_path / "s", A) == [json.loads(lines[1]), json.loads(lines[3])]
    assert events_of(tmp_path / "s", B) == [json.loads(lines[0]), json.loads(lines[2])]
    with open_store(tmp_path / "s") as store:
        found = {summary.sid: (summary.state, summary.user) for summary in store.list()}
    assert found == {A: (State.COMPLETE, None), B: (State.INTERRUPTED, "bob")}


EXACT = [
    '{"sid":"%s","event":"k"}',
    '{ "event" : "k" , "sid" : "%s" , "n" : 18446744073709551615 , "m" : -9223372036854775808 }',
    '{"sid":"%s","event":"k","float":1e300,"one":1.0,"zero":-0.0,"deep":[{"a":[null,true,{"b":"\\u0000"}]}]}',
    '{"zzz":"first","sid":"%s","uid":"not a uuid","db_query":"\\u003c\\u2028 \\ud83d\\ude00 \\/","event":"new.kind"}',
    '{"event":"db.session.query","code":"TDB99X","sid":"%s","ei":7,"time":"2026-07-20T22:00:00.5+02:00","db_labels":{"a":"b"}}',
    '{"event":"db.session.query","sid":"%s","ei":3,"time":"1969-12-31T23:59:59Z","":"empty key"}',
]


def test_every_event_is_kept_as_it_is(tmp_path):
    """No field is added, changed or lost, whatever form the JSON has and whatever the event says."""
    text = "\n".join(EXACT) % ((A,) * len(EXACT))
    assert record(tmp_path, text.encode()).code == 0
    kept = events_of(tmp_path, A)
    assert [json.dumps(event, sort_keys=True) for event in kept] == [
        json.dumps(json.loads(one % A), sort_keys=True) for one in EXACT
    ]


def test_nothing_of_one_event_gets_into_the_next(tmp_path):
    """Events whose fields come, go and move are each kept as they are."""
    texts = [
        f'{{"":null,"user":null,"event":"k","sid":"{A}"}}',
        f'{{"user":[],"event":"k","sid":"{A}"}}',
        f'{{"event":"k","sid":"{A}"}}',
    ]
    assert record(tmp_path, "\n".join(texts).encode()).code == 0
    assert events_of(tmp_path, A) == [json.loads(text) for text in texts]


BAD = [
    (b"nonsense", "JSON"),
    (b'["sid"]', "object"),
    (b"42", "object"),
    (b'{"sid":"' + A.encode() + b'","event":"k","n":NaN}', "JSON"),
    (b'{"sid":"' + A.encode() + b'","event":"k","n":Infinity}', "JSON"),
    (b'{"sid":"' + A.encode() + b'","event":"k","n":1e999}', "JSON"),
    (b'{"sid":"' + A.encode() + b'","event":"k","n":18446744073709551616}', "64 bits"),
    (b'{"sid":"' + A.encode() + b'","event":"k","n":-9223372036854775809}', "64 bits"),
    (b'{"sid":"' + A.encode() + b'","event":"k","event":"l"}', "once"),
    (b'{"sid":"' + A.encode() + b'","event":"k","x":{"y":1,"y":1}}', "once"),
    (b'{"sid":"' + A.encode() + b'","event":"k","t":"\xff"}', "JSON"),
    (b'{"sid":"' + A.encode() + b'","event":"k","t":"\\ud800"}', "JSON"),
    (b'{"sid":"' + A.encode() + b'","event":"k"} {}', "JSON"),
    (b'{"event":"db.create"}', "sid"),
    (b'{"event":"k","sid":"../../etc/passwd"}', "sid"),
    (b'{"event":"k","sid":7}', "sid"),
    (b'{"sid":"' + A.encode() + b'"}', "event"),
    (b'{"sid":"' + A.encode() + b'","event":"k","time":"yesterday"}', "time"),
    (b'{"sid":"' + A.encode() + b'","event":"k","ei":"1"}', "ei"),
    (b'{"sid":"' + A.encode() + b'","event":"k","x":"' + b"\x1b[2J" + b'"}', "JSON"),
]


@pytest.mark.parametrize(("bad", "why"), BAD)
def test_a_bad_line_is_named_and_the_others_are_kept(bad, why, tmp_path):
    """File, line number and reason on standard error; nothing else is lost; exit code 1."""
    (tmp_path / "in.jsonl").write_bytes(line(A, ei=1) + b"\n" + bad + b"\n" + line(A, ei=2))
    result = run("record", tmp_path / "in.jsonl", store=tmp_path / "s")
    assert (result.code, result.out) == (1, f"{A}\n")
    assert f"{tmp_path / 'in.jsonl'}:3: " in result.err
    assert why in result.err
    assert "1 of 3 lines were left out" in result.err
    assert "\x1b" not in result.err
    assert [event["ei"] for event in events_of(tmp_path / "s", A)] == [1, 2]


def test_a_session_of_bad_lines_alone_is_not_recorded(tmp_path):
    """No event, no recording, no sid on standard output."""
    result = record(tmp_path, b'{"sid":"' + A.encode() + b'"}\n')
    assert (result.code, result.raw) == (1, b"")
    assert run("ls", store=tmp_path).raw == b""


def test_blank_lines_and_line_ends_do_not_matter(tmp_path):
    """Empty lines are passed over, CRLF is a line end, and the last line may lack one."""
    text = b"\n  \r\n" + line(A, ei=0).rstrip() + b"\r\n\n" + line(A, ei=1).rstrip()
    result = record(tmp_path, text)
    assert (result.code, result.err) == (0, "")
    assert [event["ei"] for event in events_of(tmp_path, A)] == [0, 1]


def test_nothing_in_nothing_out(tmp_path):
    """Empty input is no failure."""
    result = record(tmp_path, b"")
    assert (result.code, result.raw, result.err) == (0, b"", "")


def test_files_and_standard_input_follow_one_another(tmp_path):
    """A session may begin in one file and go on in the next; a dash is standard input."""
    (tmp_path / "one").write_bytes(line(A, ei=0))
    (tmp_path / "two").write_bytes(line(A, ei=2))
    result = record(tmp_path / "s", line(A, ei=1), tmp_path / "one", "-", tmp_path / "two")
    assert result.code == 0
    assert [event["ei"] for event in events_of(tmp_path / "s", A)] == [0, 1, 2]
    assert record(tmp_path / "s", b"not json\n", "-").err.startswith("recordkit: standard input:1: ")


def test_a_missing_file_is_misuse(tmp_path):
    """Nothing is recorded if a file can't be read."""
    result = record(tmp_path / "s", b"", tmp_path / "nothing")
    assert (result.code, result.raw) == (2, b"")


def test_a_session_that_is_there_is_not_touched(tmp_path):
    """A sid that the store holds, sealed or being written, is refused by name; the others are recorded."""
    store = demo_store(tmp_path)
    before = sealed(store, FIRST).read_bytes()
    result = record(store, line(FIRST) + line(A) + line(FIRST.upper()))
    assert (result.code, result.out) == (1, f"{A}\n")
    assert result.err == f"recordkit: session {FIRST} is already in the store; 2 events of it were left out\n"
    assert sealed(store, FIRST).read_bytes() == before
    again = record(store, line(A))
    assert (again.code, again.raw) == (1, b"")
    assert len(events_of(store, A)) == 1
    assert MYSQL in run("ls", store=store).out


def test_sids_are_one_session_in_any_case(tmp_path):
    """Upper and lower case name the same session; the event keeps what it says."""
    result = record(tmp_path, line(A.upper(), ei=0) + line(A, ei=1))
    assert (result.code, result.out) == (0, f"{A}\n")
    assert [event["sid"] for event in events_of(tmp_path, A)] == [A.upper(), A]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), children),
    max_leaves=6,
)
RESERVED = {"sid", "event", "ei", "time"}
FIELDS = st.dictionaries(
    st.text(st.characters(codec="utf-8")).filter(lambda name: name not in RESERVED)
    | st.sampled_from(["user", "db_query", "success", "db_roles", "uid", "code", "cluster_name"]),
    JSON,
    max_size=5,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(FIELDS, st.booleans(), st.booleans()), min_size=1, max_size=5))
def test_any_event_comes_out_equal(tmp_path, given_events):
    """What was recorded plays back equal as JSON, in order, whatever the fields hold."""
    sid = str(uuid.uuid4())
    events = [
        ({"sid": sid} | fields | {"event": "k"}) if first else (fields | {"event": "k", "sid": sid})
        for fields, first, _ in given_events
    ]
    lines = [
        json.dumps(event, ensure_ascii=ascii_only)
        for event, (_, _, ascii_only) in zip(events, given_events, strict=True)
    ]
    assert record(tmp_path, "\n".join(lines).encode()).err == ""
    played = run("play", sid, "--format", "jsonl", store=tmp_path).raw.splitlines()
    assert [json.dumps(json.loads(one), sort_keys=True) for one in played] == [
        json.dumps(event, sort_keys=True) for event in events
    ]


def test_ten_thousand_interleaved_sessions(tmp_path):
    """As many sessions at once as one likes, without a file descriptor or a thread each."""
    sids = [str(uuid.UUID(int=number << 80, version=4)) for number in range(10_000)]
    with (tmp_path / "in").open("wb") as file:
        for ei in range(3):
            file.writelines(
                b'{"sid":"%b","event":"db.session.query","ei":%d,"db_query":"SELECT 1"}\n' % (sid.encode(), ei)
                for sid in sids
            )
    descriptors = 256

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    done = subprocess.run(
        [sys.executable, "-m", "recordkit", "--store", tmp_path / "s", "record", tmp_path / "in"],
        capture_output=True, env=environment(), check=False, preexec_fn=limit,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().split() == sids
    for sid in sids[::997]:
        with open_recording(sealed(tmp_path / "s", sid)) as recording:
            assert [event["ei"] for event in recording.events()] == [0, 1, 2]
    assert len(list((tmp_path / "s").rglob("*.jsonl.zst"))) == 10_000
