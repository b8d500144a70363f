import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.transcript import SegmentKind, for_protocol, translate

PARSE = "db.session.postgres.statements.parse"
BIND = "db.session.postgres.statements.bind"
EXECUTE = "db.session.postgres.statements.execute"
CLOSE = "db.session.postgres.statements.close"


def start(**fields):
    return {
        "event": "db.session.start",
        "ei": 0,
        "time": "2026-07-20T20:00:00Z",
        "db_protocol": "postgres",
        "db_service": "postgres-database",
        "db_name": "postgres",
        "success": True,
    } | fields


def query(text, **fields):
    return {"event": "db.session.query", "db_name": "postgres", "db_query": text, "success": True} | fields


def result(**fields):
    return {"event": "db.session.result", "success": True} | fields


def parse(name, text):
    return {"event": PARSE, "statement_name": name, "query": text}


def bind(statement, portal="", parameters=None):
    return {"event": BIND, "statement_name": statement, "portal_name": portal, "parameters": parameters}


def execute(portal="", **fields):
    return {"event": EXECUTE, "portal_name": portal, "db_name": "postgres"} | fields


def end(**fields):
    return {"event": "db.session.end", "time": "2026-07-20T20:30:00Z"} | fields


def transcript(*events):
    translator = for_protocol("postgres")
    return "".join(one.text for event in events for one in translator.feed(event) if not one.aside)


def asides(*events):
    translator = for_protocol("postgres")
    found = [one for event in events for one in translator.feed(event) if one.aside]
    return [(one.kind.value, one.severity.value, one.text) for one in found]


def test_the_session_of_the_design_prints_as_the_design_says():
    """A start, two statements with their results and an end give exactly the known text."""
    assert (
        transcript(
            start(),
            query("SELECT * FROM products;"),
            result(affected_records=10),
            query("INSERT INTO products (name, price) VALUES ('Phone', 150.00);"),
            result(success=False, error="ERROR: permission denied for table products (SQLSTATE 42501)"),
            end(),
        )
        == """\
Session started to database "postgres-database" at Mon Jul 20 20:00 UTC

postgres=> SELECT * FROM products;
SUCCESS
(10 rows affected)

postgres=> INSERT INTO products (name, price) VALUES ('Phone', 150.00);
ERROR: permission denied for table products (SQLSTATE 42501)

Session ended at Mon Jul 20 20:30 UTC
"""
    )


COMMAND = "\npostgres=> SELECT 1\n"
SUCCESS = "SUCCESS\n(0 rows affected)\n"

TABLE = [
    ("start quotes the service", [start(db_service='a"b')], 'Session started to database "a\\"b" at Mon Jul 20 20:00 UTC\n'),
    ("start pads the day with a space", [start(time="2026-07-06T09:05:59.9Z")], 'Session started to database "postgres-database" at Mon Jul  6 09:05 UTC\n'),
    ("start prints UTC", [start(time="2026-07-20T22:00:00+02:00")], 'Session started to database "postgres-database" at Mon Jul 20 20:00 UTC\n'),
    ("start that failed prints alike", [start(success=False, error="no")], 'Session started to database "postgres-database" at Mon Jul 20 20:00 UTC\n'),
    ("end", [end()], "\nSession ended at Mon Jul 20 20:30 UTC\n"),
    ("query", [query("SELECT 1")], COMMAND),
    ("failed query prints like a good one", [query("SELECT 1", event="db.session.query.failed", success=False, error="e")], COMMAND),
    ("query without database", [query("SELECT 1", db_name=None)], "\n=> SELECT 1\n"),
    ("query of several lines", [query("SELECT 1,\n\t 2\n\nFROM t  ")], "\npostgres=> SELECT 1,\n           2\n           \n           FROM t\n"),
    ("query with CRLF", [query("SELECT 1\r\nFROM t")], "\npostgres=> SELECT 1\n           FROM t\n"),
    ("query that begins with a line end", [query("\nSELECT 1")], "\npostgres=> \n           SELECT 1\n"),
    ("indent counts bytes", [query("a\nb", db_name="é漢")], "\né漢=> a\n        b\n"),
    ("empty query", [query("")], "\npostgres=> \n"),
    ("query parameters are not shown", [query("SELECT 1", db_query_parameters=["x"])], COMMAND),
    ("result", [query("SELECT 1"), result()], COMMAND + SUCCESS),
    ("result of one row", [query("SELECT 1"), result(affected_records=1)], COMMAND + "SUCCESS\n(1 row affected)\n"),
    ("result of two rows", [query("SELECT 1"), result(affected_records=2)], COMMAND + "SUCCESS\n(2 rows affected)\n"),
    ("result that failed", [query("SELECT 1"), result(success=False, error="boom", message="more")], COMMAND + "boom\n"),
    ("result that failed without a reason", [query("SELECT 1"), result(success=False)], COMMAND + "\n"),
    ("result nobody asked for", [result()], ""),
    ("second result of a statement", [query("SELECT 1"), result(), result()], COMMAND + SUCCESS),
    ("result after parse", [query("SELECT 1"), parse("", "x"), result()], COMMAND),
    ("result after bind", [query("SELECT 1"), bind(""), result()], COMMAND),
    ("result after a function call", [query("SELECT 1"), {"event": "db.session.postgres.function"}, result()], COMMAND),
    ("result after an unknown portal", [query("SELECT 1"), execute("nope"), result()], COMMAND),
    ("result after close", [query("SELECT 1"), {"event": CLOSE, "statement_name": ""}, result()], COMMAND + SUCCESS),
    ("result after a new user", [query("SELECT 1"), {"event": "db.session.user.create"}, result()], COMMAND + SUCCESS),
    ("result after a removed user", [query("SELECT 1"), {"event": "db.session.user.deactivate"}, result()], COMMAND + SUCCESS),
    ("result after permissions", [query("SELECT 1"), {"event": "db.session.permissions.update"}, result()], COMMAND + SUCCESS),
    ("result after a malformed packet", [query("SELECT 1"), {"event": "db.session.malformed_packet"}, result()], COMMAND + SUCCESS),
    ("result after a kind nobody knows", [query("SELECT 1"), {"event": "db.session.new"}, result()], COMMAND + SUCCESS),
    ("parse and bind print nothing", [parse("s", "SELECT 1"), bind("s")], ""),
    ("execute", [parse("s", "SELECT 1"), bind("s", "p"), execute("p")], COMMAND),
    ("execute of unnamed ones", [parse("", "SELECT 1"), bind(""), execute()], COMMAND),
    ("execute expects a result", [parse("", "SELECT 1"), bind(""), execute(), result()], COMMAND + SUCCESS),
    ("execute of an unknown statement", [bind("s"), execute()], "\npostgres=> EXECUTE s\n"),
    ("execute of an unknown portal", [parse("s", "SELECT 1"), execute("p")], ""),
    ("execute again", [parse("s", "SELECT 1"), bind("s"), execute(), execute()], COMMAND * 2),
    ("a new text under an old name", [parse("s", "x"), parse("s", "SELECT 1"), bind("s"), execute()], COMMAND),
    ("a new text after bind", [parse("s", "x"), bind("s"), parse("s", "SELECT 1"), execute()], COMMAND),
    ("close forgets nothing", [parse("s", "SELECT 1"), bind("s", "p"), {"event": CLOSE, "statement_name": "s", "portal_name": "p"}, execute("p")], COMMAND),
    ("parameters", [parse("", "SELECT $1, $2"), bind("", parameters=["a\n", '"']), execute()], '\npostgres=> SELECT $1, $2 ($1 = "a\\n", $2 = "\\"")\n'),
    ("no parameters", [parse("", "SELECT 1"), bind("", parameters=[]), execute()], COMMAND),
    ("parameters sit on the last line", [parse("", "SELECT $1\nFROM t;\n"), bind("", parameters=["v"]), execute()], '\npostgres=> SELECT $1\n           FROM t;\n           ($1 = "v")\n'),
    ("parameters of an unknown statement", [bind("s", parameters=["v"]), execute()], '\npostgres=> EXECUTE s ($1 = "v")\n'),
    ("parameters of other types", [parse("", "q"), bind("", parameters=[None, 7, True]), execute()], "\npostgres=> q ($1 = NULL, $2 = 7, $3 = true)\n"),
    ("other kinds print nothing", [{"event": "db.session.user.create", "username": "u"}, {"event": "db.session.malformed_packet"}, {}], ""),
    ("gap", [{"event": "recordkit.gap", "from": 40, "to": 159, "count": 120, "reason": "overflow"}], "\n-- 120 events missing here (ei 40 to 159): overflow --\n"),
    ("gap of one", [{"event": "recordkit.gap", "from": 4, "to": 4, "count": 1, "reason": "overflow"}], "\n-- 1 event missing here (ei 4): overflow --\n"),
    ("gap that says little", [{"event": "recordkit.gap"}], "\n-- some events missing here --\n"),
    ("gap with line ends in its reason", [{"event": "recordkit.gap", "count": 2, "reason": "a\nb"}], "\n-- 2 events missing here: a\\nb --\n"),
]  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_kind_of_event_prints_what_tsh_play_prints(events, expected):
    """Row by row: what an event prints, and what it does to the results that follow."""
    assert transcript(*events) == expected


def test_segments_carry_kind_delay_and_index():
    """A segment says what it is, how long after the start it was, and of which event."""
    segments = list(
        translate([
            start(),
            query("SELECT 1", ei=1, time="2026-07-20T20:00:01.5Z"),
            result(ei=2, time="2026-07-20T20:00:02Z", success=False, error="no"),
            query("SELECT 2", ei=3, time="2026-07-20T20:00:03Z"),
            result(ei=4, time="2026-07-20T20:00:03.000000001Z"),
            end(ei=5),
        ])
    )  # fmt: skip
    assert [(segment.kind, segment.delay_ns, segment.ei) for segment in segments] == [
        (SegmentKind.START, 0, 0),
        (SegmentKind.STATEMENT, 1_500_000_000, 1),
        (SegmentKind.ERROR, 2_000_000_000, 2),
        (SegmentKind.STATEMENT, 3_000_000_000, 3),
        (SegmentKind.RESULT, 3_000_000_001, 4),
        (SegmentKind.END, 1_800_000_000_000, 5),
    ]


NAMES = st.sampled_from(["", "s", "p"])
EVENTS = st.one_of(
    st.builds(query, st.text()),
    st.builds(result, affected_records=st.integers(0, 3)),
    st.builds(parse, NAMES, st.text()),
    st.builds(bind, NAMES, NAMES, st.lists(st.text(), max_size=2)),
    st.builds(execute, NAMES),
    st.sampled_from([{"event": "db.session.postgres.function"}, {"event": CLOSE}]),
)


@given(st.lists(EVENTS, max_size=12))
def test_a_result_always_follows_its_statement(events):
    """In any order of events no result prints but directly after a statement, and every line is whole."""
    kinds = [SegmentKind.NOTICE]
    for segment in translate([start(), *events]):
        assert segment.text.endswith("\n")
        if segment.aside:
            continue
        if segment.kind is SegmentKind.RESULT:
            assert kinds[-1] is SegmentKind.STATEMENT
        kinds.append(segment.kind)


ASIDES = [
    ("start that failed", [start(success=False, error="no route", message="to the host")], [("error", "error", "ERROR: no route\n  to the host\n")]),
    ("failed query", [query("x", event="db.session.query.failed", success=False, error="access denied")], [("error", "error", "ERROR: access denied\n")]),
    ("parameters of a query", [query("x", db_query_parameters=["a", None])], [("notice", "info", '-- parameters: ($1 = "a", $2 = NULL) --\n')]),
    ("more about a failed result", [query("x"), result(success=False, error="boom", message="a\nb")], [("notice", "info", "-- a\\nb --\n")]),
    ("result nobody asked for", [result(affected_records=2)], [("result", "info", "SUCCESS\n(2 rows affected)\n")]),
    ("error nobody asked for", [parse("", "x"), result(success=False, error="syntax")], [("notice", "info", '-- parse "": x --\n'), ("error", "error", "syntax\n")]),
    ("parse", [parse("s", "SELECT $1\nFROM t")], [("notice", "info", '-- parse "s": SELECT $1\\nFROM t --\n')]),
    ("parse of a long text", [parse("s", "x" * 5000)], [("notice", "info", f'-- parse "s": {"x" * 199}… --\n')]),
    ("bind", [bind("s", "p", ["a", None])], [("notice", "info", '-- bind "p" to "s" ($1 = "a", $2 = NULL) --\n')]),
    ("close of a statement", [{"event": CLOSE, "statement_name": "s", "portal_name": ""}], [("notice", "info", '-- close "s" --\n')]),
    ("close of the unnamed", [{"event": CLOSE}], [("notice", "info", '-- close "" --\n')]),
    ("execute of an unknown portal", [execute("p")], [("statement", "warning", '-- execute "p": nothing that is known was bound to it --\n')]),
    ("function call", [{"event": "db.session.postgres.function", "function_oid": 1598, "function_args": ["a", "b"]}], [("statement", "info", '-- function call: oid 1598("a", "b") --\n')]),
    ("user created", [{"event": "db.session.user.create", "username": "u", "roles": ["reader", "writer"], "success": True}], [("notice", "info", '\n-- database user "u" created, roles: reader, writer --\n')]),
    ("user not created", [{"event": "db.session.user.create", "username": "u", "success": False, "error": "role exists", "message": "drop it"}], [("error", "error", '\n-- database user "u" could not be created: role exists: drop it --\n')]),
    ("user deactivated", [{"event": "db.session.user.deactivate", "username": "u", "delete": False, "success": True}], [("notice", "info", '\n-- database user "u" deactivated --\n')]),
    ("user deleted", [{"event": "db.session.user.deactivate", "username": "u", "delete": True, "success": True}], [("notice", "info", '\n-- database user "u" deleted --\n')]),
    ("permissions", [{"event": "db.session.permissions.update", "permission_summary": [{"permission": "SELECT", "counts": {"table": 3, "view": 1}}, {"permission": "INSERT", "counts": {"table": 3}}], "affected_object_counts": {"table": 3}}],
     [("notice", "info", "\n-- permissions updated: SELECT (table: 3, view: 1); INSERT (table: 3); affected objects (table: 3) --\n")]),
    ("no permissions", [{"event": "db.session.permissions.update", "permission_summary": None}], [("notice", "info", "\n-- permissions updated: none --\n")]),
    ("malformed packet", [{"event": "db.session.malformed_packet", "payload": "UQAAAARhIg=="}], [("notice", "warning", '\n-- malformed packet of 7 bytes: "Q\\x00\\x00\\x00\\x04a"" --\n')]),
    ("malformed packet of many bytes", [{"event": "db.session.malformed_packet", "payload": "QUFB" * 1000}], [("notice", "warning", f'\n-- malformed packet of 3000 bytes: "{"A" * 256}"… --\n')]),
    ("malformed packet that was not recorded", [{"event": "db.session.malformed_packet"}], [("notice", "warning", "\n-- malformed packet --\n")]),
    ("malformed packet that is no base64", [{"event": "db.session.malformed_packet", "payload": "?!"}], [("notice", "warning", "\n-- malformed packet: ?! --\n")]),
    ("kind nobody knows", [{"event": "db.session.new", "x": 1}], [("notice", "info", "\n[db.session.new] x: 1\n")]),
    ("what has its place in the text", [start(), query("x"), result(), parse("", "y"), end()], [("notice", "info", '-- parse "": y --\n')]),
]  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), [row[1:] for row in ASIDES], ids=[row[0] for row in ASIDES])
def test_what_tsh_play_leaves_out_is_an_aside(events, expected):
    """Row by row: what is shown beside the exact text, with its kind and severity."""
    assert asides(*events) == expected


def test_recorded_rows_stand_before_the_exact_text():
    """A result with rows prints them as psql does, then what it prints without them; and says if there were more."""
    columns = [{"name": "id", "type": "int4"}, {"name": "name", "type": "text"}]
    rows = result(affected_records=2, columns=columns, rows=[["1", "Phone"], ["20", None]])
    table = " id | name  \n----+-------\n  1 | Phone\n 20 | \n"
    assert transcript(query("SELECT 1"), rows) == f"{COMMAND}{table}SUCCESS\n(2 rows affected)\n"
    cut = rows | {"rows_truncated": True}
    notice = "(2 rows shown, more were not recorded)\n"
    assert transcript(query("SELECT 1"), cut) == f"{COMMAND}{table}{notice}SUCCESS\n(2 rows affected)\n"


def test_severity_says_what_failed_and_what_is_missing():
    """Failed statements and results are errors, a gap is a warning, and neither a gap nor a result is an aside."""
    gap = {"event": "recordkit.gap", "count": 2}
    events = [query("x", success=False, error="e"), result(success=False, error="e"), query("y"), result(), gap]
    said = [(one.kind.value, one.severity.value) for one in translate([start(), *events]) if not one.aside]
    assert said == [
        ("start", "info"), ("statement", "error"), ("error", "error"), ("statement", "info"), ("result", "info"),
        ("notice", "warning"),
    ]  # fmt: skip


def test_statements_without_end_are_forgotten():
    """After any number of prepared statements only the newest are known by their text; the others show their names."""
    translator = for_protocol("postgres")
    for number in range(30_000):
        translator.feed(parse(f"s{number}", "x" * 1000))
        translator.feed(bind(f"s{number}", f"p{number}", ["y" * 1000]))
    (newest,) = translator.feed(execute("p29999"))
    (oldest,) = translator.feed(execute("p0"))
    assert newest.text == f'\npostgres=> {"x" * 1000} ($1 = "{"y" * 1000}")\n'
    assert oldest.aside
