import pytest

from recordkit.transcript import SegmentKind, for_protocol


def say(*events, protocol="other"):
    translator = for_protocol(protocol)
    return [(segment.kind.value, segment.text) for event in events for segment in translator.feed(event)]


def query(text, **fields):
    return {"event": "db.session.query", "db_query": text, "success": True} | fields


def result(**fields):
    return {"event": "db.session.result", "success": True} | fields


TABLE = [
    ("start", {"event": "db.session.start", "time": "2026-07-20T20:00:00Z", "db_service": "shop", "success": True},
     [("start", 'Session started to database "shop" at Mon Jul 20 20:00 UTC\n')]),
    ("start that failed", {"event": "db.session.start", "db_service": "shop", "success": False, "error": "no access"},
     [("start", 'Session started to database "shop" at an unknown time\n'), ("error", "ERROR: no access\n")]),
    ("end", {"event": "db.session.end", "time": "2026-07-20T20:30:00Z"},
     [("end", "\nSession ended at Mon Jul 20 20:30 UTC\n")]),
    ("statement", query("SELECT 1"), [("statement", "\nother> SELECT 1\n")]),
    ("statement of several lines", query("SELECT 1,\r\n  2 \n FROM t"),
     [("statement", "\nother> SELECT 1,\n         2\n        FROM t\n")]),
    ("statement with parameters", query("SELECT ?, ?", db_query_parameters=["a\nb", None]),
     [("statement", '\nother> SELECT ?, ?\n  parameters: ["a\\nb",null]\n')]),
    ("statement with an empty list of parameters", query("SELECT 1", db_query_parameters=[]),
     [("statement", "\nother> SELECT 1\n")]),
    ("failed statement", query("x", event="db.session.query.failed", success=False, error="denied", message="ask"),
     [("statement", "\nother> x\n"), ("error", "ERROR: denied\n  ask\n")]),
    ("error that says so itself", query("x", success=False, error="ERROR 1064: syntax", message="ERROR 1064: syntax"),
     [("statement", "\nother> x\n"), ("error", "ERROR 1064: syntax\n")]),
    ("result", result(), [("result", "OK\n")]),
    ("result with no row", result(affected_records=0), [("result", "OK (0 rows affected)\n")]),
    ("result with a row", result(affected_records=1), [("result", "OK (1 row affected)\n")]),
    ("failed result", result(success=False, error="boom"), [("error", "ERROR: boom\n")]),
    ("other kind", {"event": "db.session.mysql.init_db", "db_name": "x", "schema_name": "shop"},
     [("notice", "\n[db.session.mysql.init_db] schema_name: shop\n")]),
    ("fields of all types", {"event": "k", "a": 1, "b": None, "c": [1, {"d": "é"}], "e": True, "f": ""},
     [("notice", '\n[k] a: 1, b: null, c: [1,{"d":"é"}], e: true, f:\n')]),
    ("text of several lines", {"event": "k", "query": "SELECT 1\nFROM t", "n": 1},
     [("notice", "\n[k] n: 1\n  query:\n    SELECT 1\n    FROM t\n")]),
    ("kind that failed", {"event": "db.session.new", "success": False, "error": "no", "path": "u"},
     [("error", "\n[db.session.new] success: false, error: no, path: u\n")]),
    ("user that was not created", {"event": "db.session.user.create", "success": False, "error": "no", "username": "u"},
     [("error", '\n-- database user "u" could not be created: no --\n')]),
    ("user created", {"event": "db.session.user.create", "success": True, "username": "u"},
     [("notice", '\n-- database user "u" created --\n')]),
    ("malformed packet", {"event": "db.session.malformed_packet", "payload": "AA=="},
     [("notice", '\n-- malformed packet of 1 byte: "\\x00" --\n')]),
    ("rows", result(affected_records=2, columns=[{"name": "id"}, {"name": "name"}], rows=[[1, "a"], [20, None]]),
     [("result", "id | name\n---+-----\n 1 | a\n20 | NULL\nOK (2 rows affected)\n")]),
    ("kind without fields", {"event": "db.session.mysql.debug"}, [("notice", "\n[db.session.mysql.debug]\n")]),
    ("event without a kind", {"x": 1}, [("notice", "\n[event without a kind] x: 1\n")]),
    ("gap", {"event": "recordkit.gap", "from": 40, "to": 159, "count": 120, "reason": "overflow"},
     [("notice", "\n-- 120 events missing here (ei 40 to 159): overflow --\n")]),
]  # fmt: skip


@pytest.mark.parametrize(("event", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_event_is_shown_in_the_plain_form(event, expected):
    """Row by row: kind and text of what an event shows."""
    assert say(event) == expected


def test_the_prompt_names_the_protocol():
    """The prompt is the protocol's name, or bare if there is none."""
    assert say(query("PING"), protocol="duckdb") == [("statement", "\nduckdb> PING\n")]
    assert say(query("PING"), protocol=None) == [("statement", "\n> PING\n")]


def test_a_value_that_python_cannot_write_is_named():
    """Neither deep nesting nor an endless integer stops the transcript."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, 10**5000):
        assert say({"event": "k", "x": value}) == [("notice", "\n[k] x: (too deep or too long to show)\n")]


def test_every_segment_has_a_known_kind():
    """Kinds are those of the enumeration, so that a player can switch over them."""
    kinds = {SegmentKind(kind) for row in TABLE for kind, _ in say(row[1])}
    assert kinds == set(SegmentKind)
