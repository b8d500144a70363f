import json
import os

from cli_run import FIRST, HOSTILE, INTERRUPTED, MYSQL, PREPARED, demo_store, record_one, run, sealed
from recordkit.container import open_recording
from recordkit.recorder import Recorder
from recordkit.render.control_chars import is_safe


def test_matches_are_printed_with_sid_and_delay(tmp_path):
    """One line a match: sid, delay, statement, between tabs; newest session first."""
    result = run("grep", "DELETE", store=demo_store(tmp_path))
    assert result.code == 0
    assert [line.split("\t") for line in result.out.splitlines()] == [
        [
            HOSTILE,
            "0:00:05.000",
            "DELETE FROM users WHERE name = 'x\\u202e\\u2066' -- only one row \\u2069\\u2066' OR true --\\u2069",
        ],
        [INTERRUPTED, "0:00:15.000", "DELETE FROM orders WHERE placed < '2020-01-01';"],
    ]


def test_prepared_statements_parameters_and_errors_are_found(tmp_path):
    """The text of prepared statements, parameters of executions, and errors of results."""
    store = demo_store(tmp_path)
    assert run("grep", "FROM orders o", store=store).out.split("\t")[2] == (
        "SELECT o.id, o.total\\nFROM orders o\\nWHERE o.customer = $1 AND o.placed > $2\n"
    )
    assert 'parameters: ["4711","2026-07-01"]' in run("grep", "4711", store=store).out
    assert run("grep", "42501", "--user", "alice", store=store).out == (
        f"{FIRST}\t0:01:35.003\terror: ERROR: permission denied for table products (SQLSTATE 42501)\n"
    )
    assert run("grep", "may not drop", store=store).out.split("\t")[2] == (
        "DROP TABLE customers  -- message: carol may not drop tables\n"
    )


def test_case_and_filters(tmp_path):
    """Case counts unless told otherwise, and filters choose the recordings as in ls."""
    store = demo_store(tmp_path)
    assert run("grep", "drop table c", store=store).raw == b""
    assert MYSQL in run("grep", "-i", "drop table c", store=store).out
    assert run("grep", "-i", "drop table c", "--protocol", "postgres", store=store).raw == b""
    assert run("grep", "DELETE", "--until", "2026-07-20T21:15:00Z", store=store).out.startswith(INTERRUPTED)


def test_finding_nothing_is_no_failure(tmp_path):
    """No match: nothing is printed, exit code 0."""
    result = run("grep", "no such text", store=demo_store(tmp_path))
    assert (result.code, result.raw, result.err) == (0, b"", "")


def test_matches_are_counted(tmp_path):
    """Only recordings with a match are counted."""
    store = demo_store(tmp_path)
    assert run("grep", "products", "--count", store=store).out.splitlines()[-1] == f"{FIRST}\t3"
    counts = json.loads(run("grep", "products", "--count", "--format", "json", store=store).raw)
    assert counts[-1] == {"sid": FIRST, "count": 3}
    assert len(counts) == 2


def test_json_has_each_match_whole(tmp_path):
    """An item names event, place and the text of the fields that matched."""
    items = json.loads(run("grep", "4711", "--format", "json", store=demo_store(tmp_path)).raw)
    assert items == [
        {
            "sid": PREPARED,
            "delay_s": 0.21,
            "ei": 2,
            "time": "2026-07-20T20:05:00.210000Z",
            "event": "db.session.postgres.statements.bind",
            "matches": {"parameters": '["4711","2026-07-01"]'},
        }
    ]


def test_a_terminal_gets_headings_and_excerpts(tmp_path):
    """On a terminal matches stand under their recording, safe and not endless."""
    store = tmp_path / "store"
    record_one(
        store, FIRST, [{"event": "db.session.query", "db_query": "SELECT '\x1b[2J\tx'" + "y" * 5000}], user="eve\x9b"
    )
    result = run("grep", "SELECT", store=store, terminal=True)
    heading, match, blank = result.out.splitlines()
    assert heading == rf"{FIRST} eve\x9b 2026-07-20 20:00"
    assert match.startswith(r"  0:00:01.000  SELECT '\x1b[2J\tx'yyy")
    assert len(match) < 1100
    assert match.endswith("…")
    assert blank == ""
    assert is_safe(result.out)


def test_damage_does_not_end_the_search(tmp_path):
    """What is sound is searched, the damage is named, and the exit code is 3."""
    store = demo_store(tmp_path)
    path = sealed(store, INTERRUPTED)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    sealed(store, MYSQL).write_bytes(b"nonsense")
    result = run("grep", "products", store=store)
    assert result.code == 3
    assert result.out.count(FIRST) == 3
    assert INTERRUPTED in result.err
    assert MYSQL in result.err


def test_the_search_goes_on_behind_damage(tmp_path):
    """A chunk that is damaged hides only what is in it."""
    with Recorder(tmp_path, chunk_bytes=4096) as recorder:
        session = recorder.session(sid=FIRST)
        for number in range(100):
            session.query(f"SELECT {number} -- {os.urandom(200).hex()}")
        session.close()
    path = sealed(tmp_path, FIRST)
    with open_recording(path) as recording:
        chunks = list(recording.chunks())
    data = bytearray(path.read_bytes())
    data[chunks[2].offset - 20] ^= 1  # in the payload of the second chunk
    path.write_bytes(data)
    result = run("grep", "SELECT", store=tmp_path)
    assert result.code == 3
    assert len(result.out.splitlines()) == 100 - chunks[1].events
    assert "SELECT 99 " in result.out
    assert "chunk 1" in result.err


def test_a_bad_expression_is_misuse(tmp_path):
    """An expression that can't be compiled: exit code 2."""
    result = run("grep", "(", store=demo_store(tmp_path))
    assert (result.code, result.raw) == (2, b"")
