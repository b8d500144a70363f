"""
The table `queries` against the slow way of telling it (`slow_queries`), on sessions made at random.

A session is a list of steps: an event, and what is odd about it. Lines of recordings are made of these, so whatever
a line holds, the rows must be those of the events that decoding it alone gives.

Left out, since what they give hangs on what stands around them: a line that has a key twice; texts whose quotes are
not closed, in dialects where that matters to the fingerprint; the last nanosecond that 64 bits hold.
"""

import base64
import json
import random
import uuid
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recordings
from analytics_events import counts_of, times
from recordkit import analytics
from recordkit.analytics import blocks, line_columns, statement_rows
from recordkit.analytics.query_columns import QUERIES, SESSION_FIELDS
from recordkit.analytics.schema import arrow_schema
from recordkit.analytics.statements import cassandra_ids
from recordkit.container import State, open_recording
from recordkit.container.chunks import begin, encode_chunk
from recordkit.container.frames import Compressor
from recordkit.container.header import read_header
from recordkit.container.index import IndexBuilder
from recordkit.container.source import MemorySource
from recordkit.errors import UndecodableEventError
from recordkit.events import decode_line, encode_line, format_time
from recordkit.limits import DEFAULT_LIMITS
from recordkit.recorder import Recorder
from slow_queries import rows_of

TIGHT = st.fixed_dictionaries(
    {}, optional={"few": st.just(1), "block_bytes": st.sampled_from([1000, 5000]), "long": st.sampled_from([1, 4, 20])}
)
"""
Limits of reading. A small recording is one block of events, and has too few lines of one layout, and stretches of too
few plain ones, for the fast ways: with these it is many blocks, and takes those.
"""
RANDOM = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
PG, MY, CA = "db.session.postgres.", "db.session.mysql.", "db.session.cassandra."
QUERY, RESULT, GAP = "db.session.query", "db.session.result", "recordkit.gap"

# -- values -------------------------------------------------------------------------------------------

LITERALS = (
    "1", "-5", "0", "3.14", ".5", "1e5", "0x1F", "1_000", "'a'", "''", "'it''s'", "E'a\\'b'", "$$x$$", "$t$it's$t$", "N'x'",
    "B'01'", "NULL", "true", "'ü🎈'", "'a\nb'", "'\t\x01'", "?", "$1", ":n", "%s", "@v", "DATE '2020-01-01'", "'1'::int", "(1)",
    "'a' 'b'", "ARRAY[1, 2]", "'--'", "'/*'", "'{\"a\": [1]}'", "007", "1.", "1e-5", "9e", "1a", "a1", "$12", "1..2", "1-2", "1--2\n",
    "1 /2", "+1", "-.5", ":1", "?1", "%1", "99999999999999999999", "x_1", "0b1", "1;2", "1<2", "a.1", "1|2", "1/*2*/", "[1]", "1\t,2",
)  # fmt: skip
SHAPES = (
    "SELECT {}", "select * from orders where id = {}", "SELECT a, b FROM Orders o JOIN items i ON i.o = o.id WHERE x IN ({}, {})",
    "INSERT INTO t (a, b) VALUES ({}, {}), ({}, {})", 'UPDATE "T" SET a = {} WHERE b = {} -- note', "DELETE FROM s.t WHERE a = {} /* c */",
    "WITH x AS (SELECT {} FROM a) SELECT * FROM x, b", "BEGIN; UPDATE t SET a = {}; COMMIT", "CREATE TABLE n (a int)", "BEGIN",
    "GRANT SELECT ON t TO u", "SET x = {}", "EXPLAIN ANALYZE DELETE FROM t WHERE a = {}", "CALL f({})", "COPY t TO STDOUT", "not sql {}",
    "SELECT * INTO n FROM m WHERE a = {}", "PREPARE p FROM 'SELECT 1'", "prepare q as select {}", "EXECUTE p USING {}", "TRUNCATE t",
    "SELECT 1;\r\n\tDROP TABLE {};", "/* \\ */ SELECT {}", "{}",
)  # fmt: skip
PARAMETERS = (
    [], ["a"], ["a", None], [5], [1.5, True, None], [["x", 1], {"a": None}], [None], ["\\'\"\n", "é🎈", ""], ["2026-07-20T12:00:00Z"],
)  # fmt: skip
PREPARED = ("SELECT 1", "SELECT ?", "UPDATE t SET a = ?, b = '?' WHERE c = ?", "SELECT $1, $2", "DELETE FROM t", "")
ODD = (
    None, True, False, 0, -1, 5, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 0.5, 7.0, 1e300, "", "x", "5", 'é\0\n"\\', "mysql",
    "2026-07-20T14:00:00.5+02:00", [], ["a", None, 5], [[]], {}, {"a": [1, None]}, {"ei": 3, "event": RESULT},
)  # fmt: skip
"""Values of each type of JSON, at the bounds of what columns hold."""
ERRORS = (
    "ERROR: permission denied (SQLSTATE 42501)", "ERROR 1146 (42S02): no such table", "1064 (42000) near 'x'", "SQLSTATE[HY000] gone",
    "SQLSTATE: 08006", "x 1146 (42S02)", "SQLSTATE 0800", "no such thing", "", "é (SQLSTATE 22P02) SQLSTATE 22012",
    "SQLSTATE=22012 (SQLSTATE 22P02)", "\n1146 (42S02)", "SQLSTATE 220123",
)  # fmt: skip
PROTOCOLS = (
    "postgres", "postgres", "mysql", "mysql", "cassandra", "sqlserver", "cockroachdb", "spanner", "mongodb", "redis", "nonsense", "",
)  # fmt: skip
BAD_LINES = (
    b"{", b"nonsense", b"[1]", b"5", b"null", b"", b'{"ei":1}{"ei":2}', b'{"user":"\xff"}', b'{"user":"\\ud800"}', b'{"ei":01}', b'{"ei":1',
    b'"', b'X"ei":1}', b"{},", b'{"ei":1},{"ei":2}', b"\0", b'{"ei":NaN}', b"[{}]", b'{"ei":1,}', b'{"db_query":"\t"}',
)  # fmt: skip


def statements(count, *, seed):
    """So many texts of SQL."""
    dice = random.Random(seed)
    made = [dice.choice(SHAPES).format(*(dice.choice(LITERALS) for _ in range(4))) for _ in range(count)]
    long = [f"SELECT * FROM t WHERE a IN ({', '.join(map(str, range(size)))})" for size in (300, 3000)]
    return made + long


SQL = statements(400, seed=7)
# by number: hypothesis shows its strategies in whole
TEXTS = st.integers(0, len(SQL) - 1).map(lambda number: SQL[number]) | st.text(
    st.characters(codec="utf-8", exclude_characters="'\"`"), max_size=12
)
ODD_VALUES = st.sampled_from(ODD)
SUCCESS = st.sampled_from([True, True, True, False])
NAMES = st.sampled_from(["", "s", "t"])
IDS = st.sampled_from([one for text in PREPARED for one in cassandra_ids(text, "ks")])
ANY_ID = st.one_of(
    IDS, IDS.map(lambda one: f"0x{one.upper()}"), IDS.map(lambda one: base64.b64encode(bytes.fromhex(one)).decode())
)
BODIES = st.sampled_from(["", "e30=", "not base64", {"TableName": "t"}, {}, None])
STATUSES = st.sampled_from([0, 200, 404, 500, None])
REQUEST = {
    "method": st.sampled_from(["GET", "POST", ""]), "path": st.sampled_from(["/logs/_search", "/", ""]), "body": BODIES,
    "status_code": STATUSES, "raw_query": st.sampled_from(["", "q=1"]), "target": st.sampled_from(["", "DynamoDB.GetItem"]),
    "code": st.sampled_from(["TES00I", "TES00E"]), "success": SUCCESS,
}  # fmt: skip
CHILDREN = st.lists(
    st.one_of(
        st.fixed_dictionaries({"query": st.sampled_from(PREPARED)}),
        st.fixed_dictionaries({"id": ANY_ID, "values": st.sampled_from([[], [{"type": 1, "contents": "YQ=="}], [{"a": 1}, None], 5])}),
        ODD_VALUES,
    ),
    max_size=3,
)  # fmt: skip


def event(kind, needed=None, /, **optional):
    """Events of a kind, with fields that it has always and fields that it may have."""
    return st.fixed_dictionaries({"event": st.just(kind)} | (needed or {}), optional=optional)


PLAIN_QUERIES = event(QUERY, {"db_query": TEXTS}, success=st.just(True))
ANY_STATUS = {"success": SUCCESS, "error": st.sampled_from(ERRORS), "message": st.sampled_from(["told", ""])}
RESULTS = event(RESULT, {"success": SUCCESS}, affected_records=st.integers(0, 9), error=st.sampled_from(ERRORS),
    message=st.sampled_from(["told", ""]), sqlstate=st.sampled_from(["42P01", "", "x"]),
    columns=st.just([{"name": "a"}]), rows=st.just([[1, None]]),
)  # fmt: skip
EVENTS = st.one_of(
    PLAIN_QUERIES,
    PLAIN_QUERIES,
    PLAIN_QUERIES,
    RESULTS,
    RESULTS,
    RESULTS,
    event(QUERY, {"db_query": TEXTS}, db_query_parameters=st.sampled_from(PARAMETERS), **ANY_STATUS),
    event("db.session.query.failed", {"db_query": TEXTS}, db_query_parameters=st.sampled_from(PARAMETERS), **ANY_STATUS),
    event(PG + "statements.parse", {"query": TEXTS}, statement_name=NAMES),
    event(PG + "statements.bind", parameters=st.sampled_from(PARAMETERS), statement_name=NAMES, portal_name=NAMES),
    event(PG + "statements.bind", parameters=st.sampled_from(PARAMETERS), statement_name=NAMES, portal_name=NAMES),
    event(PG + "statements.execute", portal_name=NAMES),
    event(PG + "statements.execute", portal_name=NAMES),
    event(PG + "statements.close", statement_name=NAMES),
    event(PG + "function", {"function_oid": st.integers(0, 9)}, function_args=st.sampled_from(PARAMETERS)),
    event(MY + "statements.prepare", {"query": st.sampled_from(PREPARED)}),
    event(MY + "statements.prepare", {"query": st.sampled_from(PREPARED)}, statement_id=st.integers(1, 3)),
    event(MY + "statements.execute", {"statement_id": st.integers(1, 3)}, parameters=st.sampled_from(PARAMETERS)),
    event(MY + "statements.bulk_execute", {"statement_id": st.integers(1, 3)}, parameters=st.sampled_from(PARAMETERS)),
    event(MY + "statements.close", {"statement_id": st.integers(1, 3)}),
    event(MY + "init_db", {"schema_name": st.sampled_from(["crm", "My`Db", ""])}),
    event(MY + "create_db", {"schema_name": st.sampled_from(["crm", "My`Db", ""])}),
    event(MY + "drop_db", {"schema_name": st.sampled_from(["crm", "My`Db", ""])}),
    event(MY + "shut_down"),
    event(MY + "process_kill", {"process_id": st.integers(0, 99)}),
    event(MY + "debug"),
    event(MY + "refresh", subcommand=st.sampled_from(["LOGS", ""])),
    event("db.session.sqlserver.rpc_request", {"proc_name": st.sampled_from(["sp_executesql", "sys.Sp_ExecuteSql", "dbo.pay", ""])},
        parameters=st.sampled_from([["SELECT @a", "@a int", "5"], ["SELECT 1"], *PARAMETERS])),
    event(CA + "prepare", {"query": st.sampled_from(PREPARED)}, keyspace=st.sampled_from(["ks", ""])),
    event(CA + "execute", {"query_id": ANY_ID}),
    event(CA + "batch", {"children": CHILDREN}, batch_type=st.sampled_from(["unlogged", "LOGGED", "counter", ""])),
    event("db.session.elasticsearch.request", **REQUEST),
    event("db.session.opensearch.request", **REQUEST),
    event("db.session.dynamodb.request", **REQUEST),
    event("db.session.spanner.rpc", {"procedure": st.sampled_from(["ExecuteSql", "/google.spanner.v1.Spanner/Commit", ""])},
        args=st.sampled_from([{"sql": "SELECT @a", "params": {"a": 5, "b": None}}, {"sql": "SELECT 1"}, {"sql": 5}, {"x": []}, {}, None, "x"]),
        **ANY_STATUS),
    event("db.session.start", success=st.just(True)),
    event("db.session.end"),
    event(GAP, {"from": st.integers(0, 9), "to": st.integers(0, 9)}, count=st.integers(1, 9)),
    event("db.session.malformed_packet", payload=st.just("AAEC")),
    event("what.is.this", db_query=TEXTS, db_name=st.just("other")),
)  # fmt: skip

BASE = {
    QUERY: {"db_query": "SELECT 1", "db_query_parameters": ["a"], "success": True},
    "db.session.query.failed": {"db_query": "SELECT 1", "success": False, "error": ERRORS[0], "message": "told"},
    RESULT: {"success": False, "error": ERRORS[0], "message": "told", "sqlstate": "42P01", "affected_records": 3},
    PG + "statements.parse": {"statement_name": "s", "query": "SELECT 2"},
    PG + "statements.bind": {"statement_name": "s", "portal_name": "p", "parameters": ["a"]},
    PG + "statements.execute": {"portal_name": "p"},
    PG + "function": {"function_oid": 5, "function_args": ["a"]},
    MY + "statements.prepare": {"query": "SELECT ?", "statement_id": 2},
    MY + "statements.execute": {"statement_id": 2, "parameters": ["a"]},
    MY + "statements.bulk_execute": {"statement_id": 2, "parameters": ["a"]},
    MY + "init_db": {"schema_name": "crm"},
    MY + "create_db": {"schema_name": "crm"},
    MY + "drop_db": {"schema_name": "crm"},
    MY + "shut_down": {},
    MY + "process_kill": {"process_id": 5},
    MY + "debug": {},
    MY + "refresh": {"subcommand": "LOGS"},
    "db.session.sqlserver.rpc_request": {"proc_name": "sp_executesql", "parameters": ["SELECT @a", "@a int", "5"]},
    CA + "prepare": {"query": "SELECT ?", "keyspace": "ks"},
    CA + "execute": {"query_id": cassandra_ids("SELECT ?", "ks")[0]},
    CA + "batch": {"children": [{"query": "DELETE FROM t", "values": ["a"]}, {"id": cassandra_ids("SELECT ?", "")[0]}], "batch_type": "x"},
    "db.session.elasticsearch.request": {"method": "GET", "path": "/", "raw_query": "a", "body": "e30=", "status_code": 200, "code": "TES00I"},
    "db.session.dynamodb.request": {"method": "GET", "path": "/", "target": "a.b", "body": {"a": 1}, "status_code": 400, "error": "x"},
    "db.session.spanner.rpc": {"procedure": "ExecuteSql", "args": {"sql": "SELECT 1", "params": {"a": "5"}}, "success": True},
    "db.session.start": {"success": True},
    GAP: {"from": 0, "to": 0, "count": 1},
    "what.is.this": {"db_query": "SELECT 1"},
}  # fmt: skip
"""An event of each kind that matters, with all fields that matter to it."""
MATTERS = ("ei", "time", "uid", "event", "success", "error", "message", *SESSION_FIELDS)
"""Fields that matter in each."""


# -- sessions -----------------------------------------------------------------------------------------


class Step(NamedTuple):
    """
    A line of a session.

    Attributes:
        own: Fields of the event that are not the session's; or a line that is none.
        over: Put over all fields.
        without: Fields that are left out.
        skipped: How many numbers (``ei``) are missing before it.
        constants: Fields of the session that are others from here on; None takes one away.
        form: How the line is written; see `FORMS`.
    """

    own: dict[str, Any] | bytes
    over: dict[str, Any] | None = None
    without: tuple[str, ...] = ()
    skipped: int = 0
    constants: dict[str, Any] | None = None
    form: str = "recorder"


FORMS = {
    "recorder": encode_line,
    "backwards": lambda event: encode_line(dict(reversed(event.items()))),
    "spaced": lambda event: json.dumps(event).encode() + b"\n",
    "wide": lambda event: b" \t" + json.dumps(event, separators=(" , ", "\t: ")).encode() + b" \r\n",
    "escaped": lambda event: json.dumps(event, separators=(",", ":")).replace("/", "\\/").encode() + b"\n",
    "escaped name": lambda event: encode_line(event).replace(b'"event":', b'"\\u0065vent":', 1),
    "cut": lambda event: encode_line(event)[:-5] + b"\n",
    "comma": lambda event: encode_line(event)[:-2] + b",}\n",
    "brace": lambda event: b"X" + encode_line(event)[1:],
    "twice": lambda event: encode_line(event)[:-1] + encode_line(event),
}
"""Ways to write an event; the last four are no JSON."""
CONSTANTS = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from(["a", "b", ""]) for name in SESSION_FIELDS}
    | {
        "db_protocol": st.sampled_from(PROTOCOLS),
        "db_labels": st.just({"a": "b"}),
        "db_roles": st.just(["r"]),
        "addr.local": st.just("10.0.0.1:5432"),
        "tenant": ODD_VALUES,
    },
)
USUAL = {"sid": recordings.SID, "cluster_name": "c", "user": "alice", "db_service": "aurora", "db_protocol": "postgres",
    "db_type": "rds", "db_name": "shop", "db_user": "app"}  # fmt: skip


@st.composite
def steps(draw):
    """A step, with something odd about one in three."""
    own = draw(EVENTS)
    match draw(st.integers(0, 35)):
        case 0:
            return Step(draw(st.sampled_from(BAD_LINES)) + b"\n")
        case 1 | 2:
            return Step(own, over={draw(st.sampled_from([*MATTERS, *own, *own])): draw(ODD_VALUES)})
        case 3:
            return Step(own, over={draw(st.sampled_from(["x", "é", "", "zz"])): draw(ODD_VALUES)})
        case 4:
            return Step(own, without=(draw(st.sampled_from([*MATTERS, *own, *own])),))
        case 5:
            return Step(own, without=("ei", "time", "uid"))
        case 6:
            return Step(own, skipped=draw(st.sampled_from([1, 2, -1, -3, 1000])))
        case 7 | 8:
            return Step(own, over={"time": draw(times() | ODD_VALUES)})
        case 9:
            return Step(own, constants={draw(st.sampled_from(SESSION_FIELDS)): draw(st.sampled_from(["c", None, 5]))})
        case 10:
            return Step(own, constants={"db_protocol": draw(st.sampled_from(PROTOCOLS))})
        case 11:
            return Step(own, over={draw(st.sampled_from(SESSION_FIELDS)): draw(st.sampled_from(["c", None, 5]))})
        case 12:
            return Step(own, form=draw(st.sampled_from(list(FORMS))))
        case _:
            return Step(own)


def lines_of(made, constants, *, seed=0):
    """The lines of a session that has these steps, a fraction of a second apart."""
    dice = random.Random(seed)
    constants = dict(constants)
    found = []
    number = -1
    for step in made:
        if isinstance(step.own, bytes):
            found.append(step.own)
            continue
        number += 1 + step.skipped
        for name, value in (step.constants or {}).items():
            constants[name] = value
            if value is None:
                del constants[name]
        second = format_time(recordings.NOON + (number % 10**6) * recordings.SECOND)[:-1]
        digits = dice.choice([0, 1, 3, 6, 6, 6, 8, 9])
        time = f"{second}.{dice.randrange(10**digits):0{digits}d}Z" if digits else f"{second}Z"
        uid = str(uuid.UUID(int=dice.getrandbits(128)))
        event = constants | {"ei": number, "event": "x", "uid": uid, "code": "C", "time": time}
        event |= step.own | (step.over or {})
        for name in step.without:
            event.pop(name, None)
        found.append(FORMS[step.form](event))
    return found


@st.composite
def sessions(draw):
    """The lines of a session."""
    made = draw(st.lists(steps(), min_size=draw(st.sampled_from([1, 1, 6, 20])), max_size=40))
    return lines_of(made, draw(st.just(USUAL) | CONSTANTS), seed=draw(st.integers(0, 9)))


def pgbench(dice):
    """The seven statements of a transaction of pgbench."""
    account, teller, branch, delta = (dice.randint(1, 100_000) for _ in range(4))
    return [
        "BEGIN",
        f"UPDATE pgbench_accounts SET abalance = abalance + {delta - 50_000} WHERE aid = {account};",
        f"SELECT abalance FROM pgbench_accounts WHERE aid = {account};",
        f"UPDATE pgbench_tellers SET tbalance = tbalance + {delta} WHERE tid = {teller};",
        f"UPDATE pgbench_branches SET bbalance = bbalance + {delta} WHERE bid = {branch};",
        f"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ({teller}, {branch}, {account}, {delta}, CURRENT_TIMESTAMP);",
        "END",
    ]


def asked(text):
    return {"event": QUERY, "db_query": text, "success": True}


def answered(count, **fields):
    return {"event": RESULT, "success": True, "affected_records": count} | fields


def executed(dice):
    """An execution in the extended protocol of PostgreSQL, of what was parsed just before or once."""
    name = dice.choice(["", "s1", "s2"])
    made = [{"event": PG + "statements.parse", "statement_name": name, "query": dice.choice(pgbench(dice))}]
    made.append(
        {
            "event": PG + "statements.bind",
            "statement_name": name,
            "portal_name": "",
            "parameters": [str(dice.randint(0, 9))],
        }
    )
    made.append({"event": PG + "statements.execute", "portal_name": ""})
    return made if dice.random() < 0.4 else made[1:]


def transactions(pattern, count, *, seed):
    """So many transactions of a program, as events without what is the session's."""
    dice = random.Random(seed)
    made = [{"event": "db.session.start", "success": True}]
    for _ in range(count):
        texts = pgbench(dice)
        results = [answered(dice.randint(0, 3)) for _ in texts]
        match pattern:
            case "pairs":
                made += [one for pair in zip(map(asked, texts), results, strict=True) for one in pair]
            case "pipelines":
                made += [*map(asked, texts), *results]
            case "deep pipelines":  # the answers to some come behind the questions of the next transaction
                late = dice.randint(0, 6)
                made[len(made) - late :] = [*map(asked, texts), *made[len(made) - late :], *results]
            case "unanswered":
                made += map(asked, texts)
            case "failures":
                results[dice.randint(0, 6)] = {"event": RESULT, "success": False, "error": dice.choice(ERRORS)}
                made += [one for pair in zip(map(asked, texts), results, strict=True) for one in pair]
            case "prepared":
                made += [*executed(dice), results[0], *executed(dice), *executed(dice), results[1], results[2]]
            case "parameters":
                made += [asked("SELECT $1") | {"db_query_parameters": [str(dice.randint(0, 9)), None]}, results[0]]
            case "requests":
                request = {
                    "event": "db.session.elasticsearch.request",
                    "method": "GET",
                    "path": f"/logs/{dice.randint(0, 9)}",
                }
                made.append(request | {"status_code": dice.choice([200, 404])})
    return [*made, {"event": "db.session.end"}]


PATTERNS = ("pairs", "pipelines", "deep pipelines", "unanswered", "failures", "prepared", "parameters", "requests")


@st.composite
def runs(draw):
    """The lines of a program's session, with up to three odd steps somewhere in it."""
    pattern, count = draw(st.sampled_from(PATTERNS)), draw(st.integers(1, 30))
    made = list(map(Step, transactions(pattern, count, seed=draw(st.integers(0, 99)))))
    for _ in range(draw(st.integers(0, 3))):
        made.insert(draw(st.integers(0, len(made))), draw(steps()))
    protocol = draw(st.sampled_from(["postgres", "postgres", "mysql"]))
    return lines_of(made, USUAL | {"db_protocol": protocol}, seed=draw(st.integers(0, 9)))


# -- recordings ---------------------------------------------------------------------------------------


def write(directory, lines, *, chunk, sealed=True, sid=recordings.SID):
    """A recording of exactly these lines, so many in a chunk."""
    start, position = begin(
        sid=uuid.UUID(sid).bytes, owner=bytes.fromhex(recordings.OWNER), created_ns=recordings.NOON, attributes=b"{}"
    )
    header = read_header(MemorySource(start), DEFAULT_LIMITS)
    builder, made, compressor = IndexBuilder(len(header.frame)), [start], Compressor()
    for first in range(0, len(lines), chunk):
        those = lines[first : first + chunk]
        encoded = encode_chunk(position, b"".join(those), counts_of(len(those)), compressor)
        made.append(encoded.data)
        builder.add(encoded.entry)
        position = encoded.after
    if sealed:
        summary = header.summary(State.INTERRUPTED, builder.totals, stored_bytes=0, head=position.chain.hex())
        made.append(builder.finish(recording_id=position.recording_id, chain=position.chain, summary=summary))
    path = directory / (recordings.sealed_name(sid) if sealed else recordings.open_name(sid))
    path.write_bytes(b"".join(made))
    return path


def event_of(line):
    """The event of a line; None if it is none."""
    try:
        return decode_line(line[:-1])
    except UndecodableEventError:
        return None


def rows_in(batches):
    """The rows of batches, times in nanoseconds; the batches are looked at, too."""
    schema = arrow_schema(QUERIES)
    for batch in batches:
        assert batch.schema.equals(schema, check_metadata=True)
        batch.validate(full=True)
        assert batch.num_rows
    table = pa.Table.from_batches(batches, schema)
    time = table.schema.get_field_index("time")
    return table.set_column(time, "time", table["time"].cast(pa.int64())).to_pylist()


def agree(found, events):
    """
    Hold rows against those that *events* have.

    A number with a fraction where an integer is due is cut or null: which, hangs on the rows around it.
    """
    expected = rows_of(events)
    if found == expected:
        return
    assert len(found) == len(expected)
    for place, (row, cut, null) in enumerate(zip(found, expected, rows_of(events, cut=False), strict=True)):
        assert row.keys() == cut.keys()
        wrong = {name: (row[name], cut[name]) for name in row if row[name] not in (cut[name], null[name])}
        assert not wrong, (place, wrong)


@contextmanager
def tight(*, few=None, block_bytes=None, long=None):
    """
    Let the ways in which events are read change early: with so few lines, after so many bytes, for stretches so short.
    """
    with pytest.MonkeyPatch.context() as patch:
        if few is not None:
            patch.setattr(blocks, "FEW", few)
            patch.setattr(line_columns, "FEW", few)
        if block_bytes is not None:
            patch.setattr(blocks, "_BLOCK_BYTES", block_bytes)
            patch.setattr(blocks, "_PIECE_BYTES", block_bytes)
        if long is not None:
            patch.setattr(statement_rows, "_LONG", long)
        yield


def check(directory, tapes, *, chunk, sealed=True, mode="salvage", whole=False):
    """
    Record *tapes*, the lines of some recordings, and hold what is read of them against the slow way.

    *whole*: also as one table, and strictly.
    """
    events = [[event_of(line) for line in tape] for tape in tapes]
    paths = []
    for number, tape in enumerate(tapes):
        sid = f"{recordings.SID[:-2]}{number:02x}"
        paths.append(write(directory, tape, chunk=chunk, sealed=sealed, sid=sid))
    rows, told = [], []
    splits = analytics.splits(paths, table="queries", include_open=True, mode=mode, split_bytes=1)
    for split, own in zip(splits, events, strict=True):
        found = rows_in(list(analytics.read_split(split, on_damage=told.append)))
        agree(found, own)
        rows += found
    bad = sum(own.count(None) for own in events)
    assert [type(error) for error in told] == [UndecodableEventError] * bad
    if whole:
        table = analytics.queries(paths, include_open=True, mode=mode)
        assert rows_in(table.to_batches()) == rows
        if bad:
            with pytest.raises(UndecodableEventError):
                analytics.queries(paths, include_open=True)
    return rows


WAYS = st.fixed_dictionaries({
    "chunk": st.sampled_from([1, 2, 3, 5, 1000]),
    "sealed": st.booleans(),
    "mode": st.sampled_from(["salvage", "tail"]),
})  # fmt: skip


@given(tapes=st.lists(sessions(), min_size=1, max_size=2), way=WAYS, limits=TIGHT)
@settings(RANDOM, max_examples=70)
def test_random_sessions(tmp_path, tapes, way, limits):
    """Events of all kinds, sound and odd, give the rows that telling them one by one gives."""
    with tight(**limits):
        check(tmp_path, tapes, **way, whole=True)


@given(tapes=st.lists(runs(), min_size=1, max_size=2), chunk=st.sampled_from([1, 7, 64, 5000]), limits=TIGHT)
@settings(RANDOM, max_examples=70)
def test_programs_with_something_odd(tmp_path, tapes, chunk, limits):
    """A program's session with up to three odd events or lines in it gives the rows that telling it one by one gives."""
    if "block_bytes" in limits:
        limits["block_bytes"] *= 15  # as many blocks as the others have
    with tight(**limits):
        check(tmp_path, tapes, chunk=chunk)


@pytest.mark.parametrize(
    ("chunk", "limits"), [(5, {"few": 1}), (64, {"block_bytes": 15_000, "long": 1}), (5000, {}), (5000, {"long": 1})]
)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_programs(tmp_path, pattern, chunk, limits):
    """A program's session with nothing odd about it gives the rows that telling it one by one gives."""
    with tight(**limits):
        lines = lines_of(map(Step, transactions(pattern, 30, seed=chunk)), USUAL)
        check(tmp_path, [lines[: len(lines) // 2], lines], chunk=chunk, mode="strict", whole=True)


PREPARES = {
    PG: (PG + "statements.parse", PG + "statements.bind"),
    MY: (MY + "statements.prepare",),
    CA: (CA + "prepare",),
}


@pytest.mark.parametrize(
    ("values", "together"), [(ODD, True), ((None, 2**64 - 1, 0.5, "x", {"a": 1}), False)],
    ids=["one chunk", "each its own chunk"],
)  # fmt: skip
@pytest.mark.parametrize("kind", list(BASE))
def test_each_field_with_each_type(tmp_path, kind, values, together):
    """A field of another type, in an event among sound ones, is what telling it alone makes of it."""
    family = next((kinds for begin, kinds in PREPARES.items() if kind.startswith(begin)), ())
    before = [*({"event": one} | BASE[one] for one in family), asked("SELECT 1"), answered(1)]
    after = [
        {"event": PG + "statements.execute", "portal_name": "p"},
        answered(2),
        asked("SELECT 2"),
        answered(3),
        answered(4),
    ]
    made = []
    for name in dict.fromkeys([*BASE[kind], *MATTERS]):
        own = {"event": kind} | BASE[kind]
        for odd in (*(Step(own, over={name: value}) for value in values), Step(own, without=(name,))):
            made += [*map(Step, before), odd, *map(Step, after)]
    lines = lines_of(made, USUAL)
    with tight(few=1):
        check(tmp_path, [lines], chunk=len(lines) if together else len(before) + 1 + len(after))


@pytest.mark.parametrize(
    ("chunk", "limits"), [(1, {}), (4, {"long": 1}), (1000, {"few": 1}), (1000, {"block_bytes": 1000, "long": 2})]
)
def test_each_bad_line_among_sound_ones(tmp_path, chunk, limits):
    """A line that is no event is told of and counts as a gap, wherever it stands, also the first and the last."""
    tapes = []
    for number, bad in enumerate(BAD_LINES * 2):
        pairs = [Step(event) for count in range(3) for event in (asked("SELECT 1"), answered(count))]
        for place in (0, 1, 2, 6):
            pairs.insert(place, Step(bad + b"\n"))
        tapes.append(lines_of(pairs, USUAL if number < len(BAD_LINES) else {}))
    with tight(**limits):
        check(tmp_path, tapes, chunk=chunk, whole=True)


def prepared(kind, *names):
    """The event of this kind in `BASE`, with some fields only."""
    return {"event": kind} | {name: BASE[kind][name] for name in names}


SEQUENCES = {
    "postgres": [
        asked("SELECT 1"), asked("SELECT 2"), answered(1), answered(2), prepared(PG + "statements.parse", "statement_name", "query"),
        prepared(PG + "statements.bind", "statement_name", "portal_name", "parameters"), prepared(PG + "statements.execute", "portal_name"),
        answered(3), {"event": PG + "statements.parse", "query": "SELECT 3"}, {"event": PG + "statements.bind"},
        {"event": PG + "statements.execute"}, answered(4), prepared(PG + "statements.execute", "portal_name"), answered(5),
    ],
    "mysql": [
        prepared(MY + "statements.prepare", "query"), asked("PREPARE p FROM 'SELECT 1'"), answered(1),
        {"event": MY + "statements.prepare", "query": "DELETE FROM t WHERE a = ?"}, prepared(MY + "statements.prepare", "query", "statement_id"),
        *(prepared(MY + "statements.execute", "parameters") | {"statement_id": number} for number in (1, 2, 3, 4)), answered(2), answered(3),
    ],
    "cassandra": [
        prepared(CA + "execute", "query_id"), prepared(CA + "prepare", "query", "keyspace"), prepared(CA + "execute", "query_id"), answered(1),
        prepared(CA + "batch", "children", "batch_type"), asked("SELECT 1"), answered(2),
    ],
}  # fmt: skip
INTERRUPTIONS = {
    "gap event": Step({"event": GAP, "from": 0, "to": 0, "count": 1}),
    "one missing": Step({"event": "x"}, skipped=1),
    "twice": Step({"event": "x"}, skipped=-1),
    "without ei": Step({"event": "x"}, without=("ei",)),
    "ei too large": Step({"event": "x"}, over={"ei": 2**63}),
    "no event": Step(b"nonsense\n"),
    "start": Step({"event": "db.session.start"}),
    "refused": Step({"event": "db.session.query.failed", "db_query": "SELECT 5", "error": ERRORS[0]}),
    "result": Step(answered(9)),
    "other protocol": Step({"event": "x"}, constants={"db_protocol": "mongodb"}),
    "own protocol": Step(asked("prepare x from 'SELECT 1'"), over={"db_protocol": "mysql"}),
}


@pytest.mark.parametrize("interruption", list(INTERRUPTIONS))
def test_each_interruption_at_each_place(tmp_path, interruption):
    """What breaks the order of a session breaks the same things, wherever it stands among statements and results."""
    tapes = []
    for protocol, made in SEQUENCES.items():
        for place in range(len(made) + 1):
            broken = [*map(Step, made[:place]), INTERRUPTIONS[interruption], *map(Step, made[place:])]
            tapes.append(lines_of(broken, USUAL | {"db_protocol": protocol}))
    with tight(few=1):
        check(tmp_path, tapes, chunk=1000)


@given(odd=st.lists(times(), min_size=1, max_size=8), seed=st.integers(0, 99), limits=TIGHT)
@settings(RANDOM, max_examples=60)
def test_odd_times(tmp_path, odd, seed, limits):
    """Times in all forms, of statements and results, in a session whose others are as usual."""
    made = [Step(event) for number in range(6) for event in (asked("SELECT 1"), answered(number))]
    dice = random.Random(seed)
    for time in odd:
        place = dice.randrange(len(made))
        made[place] = made[place]._replace(over={"time": time})
    with tight(**limits):
        check(tmp_path, [lines_of(made, USUAL, seed=seed)], chunk=5)


@pytest.mark.parametrize("mark", ["nothing", "time", "affected_records", "x"])
def test_sessions_of_several_batches(tmp_path, mark):
    """A session longer than a batch gives the same rows, also where one odd event stands in its middle."""
    texts = statements(40, seed=3)
    made = [
        Step(event)
        for number, text in enumerate(islice(cycle(texts), 9000))
        for event in (asked(text), answered(number))
    ]
    if mark != "nothing":
        made[9001] = made[9001]._replace(over={mark: {"a": [1]}})
        made[9100] = made[9100]._replace(over={mark: "x"})
    check(tmp_path, [lines_of(made, USUAL)], chunk=700)


@pytest.mark.parametrize("refused", [100, 9000])
def test_a_result_that_comes_late(tmp_path, refused):
    """A result is joined with its statement, be there a batch of others between."""
    failed = {"event": "db.session.query.failed", "db_query": "SELECT 1", "error": ERRORS[0]}
    made = [
        asked("SELECT 0"),
        asked("SELECT 00"),
        *[failed] * refused,
        answered(1),
        asked("SELECT 2"),
        answered(2),
        answered(3),
    ]
    rows = check(tmp_path, [lines_of(map(Step, made), USUAL)], chunk=1000)
    assert [row["affected_records"] for row in (*rows[:2], rows[-1])] == [1, 2, 3]


@pytest.mark.parametrize("count", [4096, 4097, 9000])
def test_statements_that_nobody_answers(tmp_path, count):
    """Where answers begin to come late, they belong to the statements that they did when told one by one."""
    made = [*[asked(f"SELECT {number % 50}") for number in range(count)], *[answered(number) for number in range(20)]]
    check(tmp_path, [lines_of(map(Step, [*made, asked("SELECT 'x'"), answered(1)]), USUAL)], chunk=500)


@pytest.mark.parametrize("chunk", [10, 10_000])
def test_long_texts(tmp_path, chunk):
    """Texts up to and beyond what is taken apart, some mebibytes in one chunk, give their rows among short ones."""
    made = []
    for number in range(120):
        size = (5, 50, 3000, 9000, 15_000)[number % 5]
        values = ",".join(str(number * 7 + one) for one in range(size))
        made += [
            asked(f"SELECT * FROM t WHERE a IN ({values})"),
            answered(number),
            asked("SELECT 'short'"),
            answered(1),
        ]
    made.append(asked("é" * 70_000) | {"db_query_parameters": ["🎈" * 70_000, None]})
    lines = lines_of(map(Step, made), USUAL)
    assert sum(map(len, lines)) > 3 * 2**20
    check(tmp_path, [lines], chunk=chunk)


@pytest.mark.parametrize("seed", range(3))
def test_what_a_recorder_wrote(tmp_path, seed):
    """Sessions that a recorder wrote, as a proxy's and as another program's, give the rows of their events."""
    store = tmp_path / "store"
    dice = random.Random(seed)
    with Recorder(store, files=recordings.QuickFiles()) as recorder:
        for pattern in PATTERNS:
            verbatim = dice.random() < 0.5
            made = transactions(pattern, 5, seed=seed)[1:-1]
            sid = str(uuid.UUID(int=dice.getrandbits(128), version=4))
            if verbatim:
                made = [decode_line(line) for line in lines_of(map(Step, made), USUAL | {"sid": sid}, seed=seed)]
            fields = {} if verbatim else {name: value for name, value in USUAL.items() if name != "sid"}
            with recorder.session(sid=sid, verbatim=verbatim, **fields) as session:
                for event in made:
                    session.emit(event)
    count = 0
    for split in analytics.splits(store, table="queries", split_bytes=1):
        (part,) = split.parts
        with open_recording(part.path) as recording:
            events = list(recording.events())
        agree(rows_in(list(analytics.read_split(split))), events)
        count += len(rows_of(events))
    assert analytics.queries(store).num_rows == count > 100
