"""
The table of statements, each with its result.
"""

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recordings
from recordkit.analytics.blocks import Block
from recordkit.analytics.pairing import MAX_WAITING, Pairing
from recordkit.analytics.prepared import Prepared
from recordkit.analytics.queries import QueryRows, query_batches
from recordkit.analytics.query_columns import QUERIES, SESSION_FIELDS
from recordkit.analytics.rows import batch_of, row_of
from recordkit.analytics.schema import arrow_schema
from recordkit.analytics.statements import STATEMENT_KINDS
from recordkit.container import open_recording
from recordkit.errors import FormatError, UndecodableEventError
from recordkit.events import KINDS, Role, format_time, parse_time
from recordkit.sql.derivation import Deriver

QUERY_KINDS = sorted(kind.name for kind in KINDS.values() if kind.role is Role.QUERY)
SECOND = recordings.SECOND
PG, MY = "db.session.postgres.statements.", "db.session.mysql."
SESSION = {"sid": recordings.SID, "user": "alice", "db_service": "aurora", "db_protocol": "postgres", "db_name": "shop"}


def events_of(*steps, **constants):
    """
    Events from short forms: text is a query, a number its result's rows, a dict an event; a second apart.
    """
    made = []
    for ei, step in enumerate(steps):
        if isinstance(step, str):
            own = {"event": "db.session.query", "db_query": step, "success": True}
        elif isinstance(step, int):
            own = {"event": "db.session.result", "success": True, "affected_records": step}
        else:
            own = (
                {"event": "db.session.result", "success": False} | step
                if "error" in step and "event" not in step
                else step
            )
        time = format_time(recordings.NOON + ei * SECOND)
        made.append(SESSION | constants | {"ei": ei, "time": time} | own)
    return made


def block_of(events):
    """
    A block of *events*, of one recording.
    """
    columns = batch_of([row_of(event) for event in events])
    batch = pa.record_batch(list(columns.values()), list(columns))
    return Block(batch, pa.repeat(pa.scalar(0, pa.int32()), len(events)), 0)


def rows_of(events, **options):
    """
    The rows of *events* as dicts.
    """
    rows = QueryRows(Deriver(exact=False), **options)
    batches = [made.batch for made in (*rows.add(block_of(events)), *rows.rest())]
    schema = arrow_schema(QUERIES)
    for batch in batches:
        assert batch.schema.equals(schema)
        batch.validate(full=True)
    return [row for batch in batches for row in batch.to_pylist()]


def told(events, *names):
    """
    Some columns of all rows.
    """
    return [tuple(row[name] for name in names) for row in rows_of(events)]


def parse(text, name=""):
    return {"event": PG + "parse", "statement_name": name, "query": text}


def bind(*parameters, name="", portal=""):
    return {"event": PG + "bind", "statement_name": name, "portal_name": portal, "parameters": list(parameters)}


def execute(portal=""):
    return {"event": PG + "execute", "portal_name": portal}


GAP = {"event": "recordkit.gap", "from": 0, "to": 0, "count": 1, "reason": "test"}


# -- one row a statement ------------------------------------------------------------------------------


def test_a_statement_and_its_result_are_one_row():
    """
    A row has the statement's session, place, time and text, the result's outcome, and what is derived.
    """
    (row,) = rows_of(events_of("UPDATE Orders SET x = 5", 3))
    expected = {
        "sid": recordings.SID, "user": "alice", "db_service": "aurora", "db_protocol": "postgres", "db_name": "shop",
        "event": "db.session.query", "ei": 0, "result_ei": 1, "statement": "UPDATE Orders SET x = 5", "resolved": True,
        "success": True, "affected_records": 3, "duration_ns": SECOND, "statement_class": "write",
        "fingerprint": "update orders set x = ?", "tables": ["orders"], "tables_written": ["orders"],
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["parameters"] is row["error"] is row["sqlstate"] is row["prepared_name"] is row["uid"] is None


def test_failures_tell_error_and_sqlstate():
    """
    An error is found with its SQLSTATE, in the forms of PostgreSQL and MySQL, or in a field of its own.
    """
    errors = [
        {"error": "ERROR: permission denied (SQLSTATE 42501)"},
        {"error": "ERROR 1146 (42S02): Table 'x' doesn't exist"},
        {"error": "gone", "sqlstate": "08006", "message": "the line broke"},
        {"error": "no such thing 12345 (abc)"},
    ]
    steps = [step for error in errors for step in ("SELECT 1", error)]
    found = told(events_of(*steps), "success", "error", "sqlstate", "message")
    assert [row[0] for row in found] == [False] * 4
    assert [row[1] for row in found] == [error["error"] for error in errors]
    assert [row[2] for row in found] == ["42501", "42S02", "08006", None]
    assert found[2][3] == "the line broke"


@given(st.lists(st.sampled_from([*QUERY_KINDS, *KINDS, "what.is.this", None, 5]), max_size=30), st.integers(0, 2**32))
def test_each_statement_event_gives_one_row_whatever_else_it_says(kinds, seed):
    """
    Events of any kind with fields of any type never raise, and exactly those of role QUERY give a row, in their order.
    """
    dice = random.Random(seed)
    values = [None, True, 0, -1, 2**63, 1.5, "", "x", "0", "2026-07-20T12:00:00Z", [], ["a", None, 5], {}, {"a": [1]}]
    fields = sorted({name for kind in KINDS.values() for name in kind.fields} - {"event"})
    events = [
        {"event": kind} | {name: dice.choice(values) for name in dice.sample(fields, dice.randint(0, len(fields)))}
        for kind in kinds
    ]
    rows = rows_of(events, batch_rows=dice.choice([1, 2, 100]))
    assert [row["event"] for row in rows] == [kind for kind in kinds if kind in QUERY_KINDS]


def test_every_kind_of_statement_is_known():
    """
    For each kind whose role is QUERY there is a way to its statement.
    """
    assert set(QUERY_KINDS) <= STATEMENT_KINDS


def test_times_of_any_form_are_read():
    """
    Times are nanoseconds of UTC, also with offsets and leap seconds; what is none, or too far away, is null.
    """
    texts = [
        "2026-07-20T12:00:00Z", "2026-07-20T12:00:00.123456789Z", "2026-07-20t12:00:00.5z", "2026-07-20T14:00:00+02:00",
        "2026-06-30T23:59:60Z", "0001-01-01T00:00:00Z", "soon", None, 5, "2026-07-20T12:00:00.1234567891Z",
    ]  # fmt: skip
    for chosen in (texts, texts[:2]):
        events = [{"event": "db.session.query", "db_query": "x", "time": text} for text in chosen]
        rows = QueryRows(Deriver())
        (batch,) = [made.batch for made in (*rows.add(block_of(events)), *rows.rest())]
        found = batch.column("time").cast(pa.int64()).to_pylist()
        for text, time_ns in zip(chosen, found, strict=True):
            known = isinstance(text, str) and text not in {"soon", "0001-01-01T00:00:00Z"}
            assert time_ns == (parse_time(text) if known else None), text


def test_session_fields_may_change_within_a_session():
    """
    A statement's own database name counts, and a field that is missing is null.
    """
    events = events_of("a", "b", "c")
    events[1]["db_name"] = "other"
    del events[2]["db_name"]
    assert told(events, "db_name") == [("shop",), ("other",), (None,)]


# -- prepared statements ------------------------------------------------------------------------------


def test_postgres_execute_is_resolved():
    """
    An execution has the text that was parsed and the parameters that were bound, NULL as null.
    """
    events = events_of(
        parse("SELECT $1", "s"), bind("a", None, name="s", portal="p"), parse("DELETE FROM t"), bind(), execute("p"), 1, execute(), 2
    )  # fmt: skip
    assert told(events, "statement", "parameters", "prepared_name", "resolved", "affected_records") == [
        ("SELECT $1", ["a", None], "s", True, 1),
        ("DELETE FROM t", None, "", True, 2),
    ]


def test_a_portal_keeps_the_text_that_it_was_bound_to():
    """
    Parsing a name anew changes what is bound to it from then on, not what was bound before.
    """
    events = events_of(
        parse("SELECT 1"), bind(portal="p"), parse("SELECT 2"), execute("p"), bind(portal="p"), execute("p")
    )
    assert told(events, "statement") == [("SELECT 1",), ("SELECT 2",)]


def test_unknown_names_are_not_resolved():
    """
    An execution whose text was not recorded says so, and has what is known.
    """
    events = events_of(execute("p"), bind("x", name="gone", portal="q"), execute("q"))
    assert told(events, "statement", "parameters", "prepared_name", "resolved", "statement_class") == [
        (None, None, None, False, "unknown"),
        (None, ["x"], "gone", False, "unknown"),
    ]


def test_mysql_statements_are_numbered_as_the_server_does():
    """
    MySQL's prepare events have no number: they count from 1, with those of SQL's own PREPARE.
    """
    events = events_of(
        {"event": MY + "statements.prepare", "query": "SELECT ?"},
        "PREPARE p FROM 'SELECT 1'",
        {"event": MY + "statements.prepare", "query": "UPDATE t SET a = ?, b = '?'"},
        {"event": MY + "statements.execute", "statement_id": 3, "parameters": ["x"]},
        {"event": MY + "statements.execute", "statement_id": 1, "parameters": [5]},
        {"event": MY + "statements.execute", "statement_id": 1, "parameters": [5, 6]},
        {"event": MY + "statements.execute", "statement_id": 9, "parameters": None},
        db_protocol="mysql",
    )
    assert told(events, "statement", "parameters", "prepared_name", "resolved")[1:] == [
        ("UPDATE t SET a = ?, b = '?'", ["x"], "3", True),
        ("SELECT ?", ["5"], "1", True),
        (None, ["5", "6"], "1", False),  # the count of parameters shows that the number means another statement
        (None, None, "9", False),
    ]


def test_commands_are_the_sql_that_does_the_same():
    """
    Commands of MySQL's protocol become SQL, with names in quotes where they need them.
    """
    events = events_of(
        {"event": MY + "init_db", "schema_name": "crm"},
        {"event": MY + "create_db", "schema_name": "My`Db"},
        {"event": MY + "drop_db", "schema_name": "crm"},
        {"event": MY + "process_kill", "process_id": 42},
        {"event": MY + "refresh", "subcommand": "LOGS"},
        db_protocol="mysql",
    )
    assert told(events, "statement", "statement_class") == [
        ("USE crm", "utility"),
        ("CREATE DATABASE `My``Db`", "ddl"),
        ("DROP DATABASE crm", "ddl"),
        ("KILL 42", "utility"),
        ("FLUSH LOGS", "utility"),
    ]


def test_cassandra_ids_are_made_of_the_text():
    """
    An execution names a statement by the MD5 of its text, with or without keyspace, in hexadecimal or base64.
    """
    text = "SELECT * FROM users WHERE id = ?"
    events = events_of(
        {"event": "db.session.cassandra.prepare", "query": text, "keyspace": "ks"},
        {"event": "db.session.cassandra.execute", "query_id": "6c04c5ddf9ebc3f9b4c0ef5ee8a6ed2b"},
        GAP,
        {"event": "db.session.cassandra.execute", "query_id": md5_hex("ks" + text)},
        {"event": "db.session.cassandra.execute", "query_id": "0x" + md5_hex(text).upper()},
        {
            "event": "db.session.cassandra.batch",
            "batch_type": "unlogged",
            "children": [
                {"id": md5_hex(text), "values": [{"type": 1, "contents": "YQ=="}]},
                {"query": "DELETE FROM x;"},
            ],
        },
        db_protocol="cassandra",
    )
    assert told(events, "statement", "resolved") == [
        (None, False),
        (text, True),
        (text, True),
        (f"BEGIN UNLOGGED BATCH\n{text};\nDELETE FROM x;\nAPPLY BATCH;", True),
    ]


def md5_hex(text):
    import hashlib

    return hashlib.md5(text.encode()).hexdigest()


def test_remote_calls_and_requests():
    """
    sp_executesql is the SQL it runs; requests are their line and body, and tell by their status how they went.
    """
    events = events_of(
        {"event": "db.session.sqlserver.rpc_request", "proc_name": "sp_executesql", "parameters": ["SELECT @a", "@a int", "5"]},
        {"event": "db.session.sqlserver.rpc_request", "proc_name": "dbo.pay", "parameters": ["1"]},
        {"event": "db.session.elasticsearch.request", "method": "POST", "path": "/logs/_search", "raw_query": "q=1", "body": "e30=", "status_code": 404},
        {"event": "db.session.dynamodb.request", "target": "DynamoDB_20120810.GetItem", "body": {"TableName": "t"}, "status_code": 200},
        {"event": "db.session.spanner.rpc", "procedure": "ExecuteSql", "args": {"sql": "SELECT 1"}, "success": True},
        7,
    )  # fmt: skip
    assert told(events, "statement", "parameters", "success", "affected_records") == [
        ("SELECT @a", ["@a int", "5"], True, 7),
        ("EXEC dbo.pay", ["1"], None, None),
        ("POST /logs/_search?q=1\n{}", None, False, None),
        ('GetItem {"TableName":"t"}', None, True, None),
        ("SELECT 1", None, True, None),
    ]


def test_what_is_prepared_is_bounded():
    """
    Endless preparing forgets the oldest, by count and by size.
    """
    prepared = Prepared(max_entries=3, max_chars=100)
    for number in range(5):
        prepared.put(number, "x")
    assert [prepared.get(number)[0] for number in range(5)] == [None, None, "x", "x", "x"]
    prepared.put("long", "y" * 99)
    assert (len(prepared), prepared.get("long")) == (2, ("y" * 99, True))
    prepared.put("longer", "y" * 101)
    assert (len(prepared), prepared.get("longer")[0] is not None) == (1, True)


# -- results ------------------------------------------------------------------------------------------


def test_results_of_a_pipeline_belong_to_its_statements_in_order():
    """
    Several statements sent at once have their results in their order, also while more are sent.
    """
    events = events_of("a", "b", 1, "c", 2, 3, "d", 4)
    assert told(events, "statement", "affected_records") == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]


def test_a_refused_statement_waits_for_no_result():
    """
    A statement whose own event says that it failed has that outcome; the next result is the next statement's.
    """
    refused = {"event": "db.session.query.failed", "db_query": "b", "success": False, "error": "access denied"}
    events = events_of("a", refused, 1, {"event": "db.session.query", "db_query": "c", "success": False}, "d", 2)
    assert told(events, "statement", "success", "affected_records", "error") == [
        ("a", True, 1, None),
        ("b", False, None, "access denied"),
        ("c", False, None, None),
        ("d", True, 2, None),
    ]


def test_statements_without_results_have_none():
    """
    What was never answered is null, not a guess; a result without a statement is nobody's.
    """
    assert told(events_of(5, "a"), "success", "duration_ns", "result_ei") == [(None, None, None)]


@pytest.mark.parametrize("marked", [True, False], ids=["gap event", "ei jumps"])
def test_results_behind_a_gap_are_joined_with_no_wrong_statement(marked):
    """
    After lost events no result is joined before a statement follows a result; then all goes on as before.
    """
    # "b" and its result were sent before the gap, but the result comes behind it, and behind "c"
    events = events_of("a", 1, "b", GAP, "c", 2, 3, "d", 4)
    if not marked:
        events = [
            event | {"ei": event["ei"] + 5 * (event["ei"] > 3)} for event in events if event["event"] != GAP["event"]
        ]
    assert told(events, "statement", "affected_records") == [("a", 1), ("b", None), ("c", None), ("d", 4)]


def test_a_gap_leaves_prepared_names_in_doubt():
    """
    After lost events a name's text is a guess that says so, until the name is prepared anew; portals are not known.
    """
    events = events_of(
        parse("SELECT 1", "s"), parse("SELECT 2"), bind(portal="old", name="s"), GAP, execute("old"),
        bind(name="s"), execute(), bind(), execute(), parse("SELECT 3", "s"), bind(name="s"), execute(),
    )  # fmt: skip
    assert told(events, "statement", "resolved") == [
        (None, False),
        ("SELECT 1", False),
        (None, False),
        ("SELECT 3", True),
    ]


def test_a_beginning_that_is_missing_is_a_gap():
    """
    A recording that does not begin with the session's first event may begin with somebody else's result.
    """
    events = [event | {"ei": event["ei"] + 7} for event in events_of("a", 1, "b", 2)]
    assert told(events, "affected_records") == [(None,), (2,)]


def test_waiting_is_bounded():
    """
    Of statements that nobody answers only so many are waited for, and the answer to one given up is nobody else's.
    """
    pairing = Pairing(max_waiting=3)
    for row in range(5):
        pairing.statement(row)
    assert list(pairing.waiting) == [2, 3, 4]
    assert [pairing.result() for _ in range(6)] == [None, None, 2, 3, 4, None]


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 7, 1000])
def test_batches_make_no_difference(batch_rows):
    """
    However many rows a batch has, the rows are the same, and no batch has more.
    """
    dice = random.Random(batch_rows)
    steps = []
    for number in range(50):
        steps += [f"SELECT {number}"] * dice.randint(1, 3) + [number] * dice.randint(0, 3)
    events = events_of(*steps)
    rows = QueryRows(Deriver(), batch_rows=batch_rows)
    batches = [made.batch for made in (*rows.add(block_of(events)), *rows.rest())]
    assert max(batch.num_rows for batch in batches) <= batch_rows
    assert [row for batch in batches for row in batch.to_pylist()] == rows_of(events)


def test_memory_does_not_grow_with_the_session():
    """
    Rows are given out while the session goes on, whether results come, never come, or one of many is missing.
    """
    for kinds in (["q", "r"], ["q"], ["q", "f", "f", "f", "f"]):
        rows = QueryRows(Deriver(), batch_rows=10)
        failed = {"event": "db.session.query.failed", "db_query": "x"}
        steps = {
            "q": {"event": "db.session.query", "db_query": "SELECT 1"},
            "r": {"event": "db.session.result"},
            "f": failed,
        }
        most = given = 0
        for _ in range(300):
            block = block_of([steps[kind] for kind in kinds] * 20)
            given += sum(made.batch.num_rows for made in rows.add(block))
            most = max(most, rows.held)
        assert given > 0
        assert most <= 5 * MAX_WAITING


# -- recordings ---------------------------------------------------------------------------------------


def chunks_of(events, size=5):
    return [events[start : start + size] for start in range(0, len(events), size)]


def session(count=40):
    """
    A session in the layout of the recorder: constant fields first.
    """
    steps = [{"event": "db.session.start", "success": True}]
    for number in range(count):
        steps += [f"UPDATE t SET a = {number} WHERE b = 'x{number}'", number]
    return events_of(*steps, {"event": "db.session.end"})


@pytest.mark.parametrize("sealed", [True, False])
def test_a_recording_gives_the_rows_of_its_events(tmp_path, sealed):
    """
    Lines that are cut behind what they share give the same rows as whole events.
    """
    events = session()
    events[7] = {"event": "db.session.query", "db_query": "SELECT 'other'", **events[7]} | {"db_name": "other"}
    path = recordings.write(tmp_path, chunks_of(events), sealed=sealed)
    with open_recording(path) as recording:
        table = pa.Table.from_batches(query_batches(recording, batch_rows=7))
    assert table.to_pylist() == rows_of(events)
    assert table.num_rows == 40


def test_a_field_that_only_some_events_have_is_seen(tmp_path):
    """
    A field of the session that stands behind the fields that all lines share belongs to its own statement.
    """
    events = session(6)
    for event in events:
        del event["db_name"]
    events[5]["db_name"] = "other"
    with open_recording(recordings.write(tmp_path, [events], sealed=True)) as recording:
        rows = [row for batch in query_batches(recording) for row in batch.to_pylist()]
    assert [row["db_name"] for row in rows] == [None, None, "other", None, None, None]
    assert rows == rows_of(events)


def salvaged(directory, chunks, *, damaged):
    """The path of a recording with a flipped bit in the chunk *damaged*, and the rows that salvage mode reads of it."""
    data = bytearray(recordings.recording_bytes(chunks, sealed=True))
    body = next(part for part in recordings.parts(bytes(data)) if part.name == "body" and part.chunk == damaged)
    data[body.offset + 20] ^= 1
    path = directory / recordings.sealed_name()
    path.write_bytes(data)
    with open_recording(path, mode="salvage") as recording:
        rows = [row for batch in query_batches(recording) for row in batch.to_pylist()]
        assert recording.damage
    return path, rows


def test_damage_is_a_gap(tmp_path):
    """
    Behind a damaged chunk, reading in salvage mode joins no result with a wrong statement.
    """
    events = session()
    path, rows = salvaged(tmp_path, chunks_of(events), damaged=3)
    whole = {row["ei"]: row for row in rows_of(events)}
    assert 30 < len(rows) < 40
    for row in rows:
        same = whole[row["ei"]]
        assert row["statement"] == same["statement"]
        assert row["affected_records"] in (None, same["affected_records"])
    assert sum(row["affected_records"] is None for row in rows) <= 2
    with open_recording(path) as recording, pytest.raises(FormatError):
        list(query_batches(recording))


def test_damage_is_a_gap_where_nothing_is_numbered(tmp_path):
    """
    A chunk that is lost takes results with it, and no statement gets another one's, also without `ei`.
    """
    events = events_of("SELECT 'a'", 1, "SELECT 'b'", 2, "SELECT 'c'", 3)
    for event in events:
        del event["ei"]
    _, rows = salvaged(tmp_path, [events[:1], events[1:3], events[3:]], damaged=1)
    assert [(row["statement"], row["affected_records"]) for row in rows] == [("SELECT 'a'", None), ("SELECT 'c'", 3)]


def test_a_duration_of_centuries_is_not_known():
    """
    A time that 64 bits of nanoseconds don't hold is null, and not one that goes back.
    """
    events = events_of("SELECT 1", 1, "SELECT 2", 2)
    events[0]["time"], events[1]["time"] = "1700-01-01T00:00:00Z", "2200-01-01T00:00:00Z"
    events[2]["time"], events[3]["time"] = "2026-07-20T20:00:00Z", "2026-07-20T19:59:59Z"
    assert told(events, "duration_ns") == [(None,), (-SECOND,)]


@pytest.mark.parametrize("line", [b"[1]\n", b"{\n", b'{"a":1}{"b":2}\n', b"nonsense\n"])
def test_lines_that_are_no_events(tmp_path, monkeypatch, line):
    """
    A line that is no event raises, or is told and counts as a gap; the other lines give their rows.
    """
    events = session(3)
    lines = recordings.lines_of

    def with_line(chunk):
        made = lines(chunk)
        return made.replace(b"\n", b"\n" + line, 1) if chunk[0]["ei"] == 2 else made

    monkeypatch.setattr(recordings, "lines_of", with_line)
    monkeypatch.setattr(recordings, "count", counting(recordings.count))
    path = recordings.write(tmp_path, chunks_of(events, 2), sealed=True)
    with open_recording(path) as recording, pytest.raises(UndecodableEventError):
        list(query_batches(recording))
    faults = []
    with open_recording(path) as recording:
        rows = [row for batch in query_batches(recording, fault=faults.append) for row in batch.to_pylist()]
    assert len(faults) == 1
    assert [row["affected_records"] for row in rows] == [0, None, 2]


def counting(count):
    """
    Count one more event in the chunk that has one line more.
    """

    def counted(events, place=None):
        counts = count(events, place)
        counts.events += events[0]["ei"] == 2
        return counts

    return counted


def test_columns_are_explained():
    """
    Every column has a name of its own and a meaning, and the session's fields are among them.
    """
    names = [column.name for column in QUERIES]
    assert len(set(names)) == len(names)
    assert set(SESSION_FIELDS) <= set(names)
    assert all(column.meaning and not column.meaning.endswith(".") for column in QUERIES)


def test_an_empty_recording_has_no_rows(tmp_path):
    """
    A recording without events or statements gives no batch.
    """
    for chunks in ([], [events_of({"event": "db.session.start"}, {"event": "db.session.end"})]):
        with open_recording(recordings.write(tmp_path, chunks, sealed=True)) as recording:
            assert list(query_batches(recording)) == []
