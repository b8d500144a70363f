import math

import pytest

from case_ids import case_id
from recordkit.errors import InvalidEventError
from recordkit.events import KINDS, decode_line, encode_line, original_bytes
from recordkit.events.constructors import (
    end_event,
    gap_event,
    query_event,
    result_event,
    result_rows,
    start_event,
    status,
)

OK = {"success": True, "error": None, "message": None, "fields": {}}
FAILED = {"success": False, "error": "denied", "message": "access denied", "fields": {}}


def test_a_query_that_goes_well_is_the_audit_logs_event():
    """A statement's event has kind, code, text and success, and nothing that nobody gave."""
    assert query_event("SELECT 1", None, **OK) == {
        "event": "db.session.query", "db_query": "SELECT 1", "success": True,
    }  # fmt: skip


def test_a_refused_query_is_another_kind_with_its_code():
    """A statement that never reached the database has the failed kind and code, and says why."""
    assert query_event("DROP", None, **FAILED) == {
        "event": "db.session.query.failed", "db_query": "DROP",
        "success": False, "error": "denied", "message": "access denied",
    }  # fmt: skip


def test_a_query_keeps_bytes_and_parameters_without_loss():
    """Bytes that are no UTF-8 are kept exactly in statement and parameters; NULLs and an empty list stay."""
    event = decode_line(encode_line(query_event(b"SELECT '\xe9', $1", [b"\xff", None, "a"], **OK)))
    assert event["db_query"] == r"SELECT '\xe9', $1"
    assert original_bytes(event) == b"SELECT '\xe9', $1"
    assert event["db_query_parameters"] == [r"\xff", None, "a"]
    assert original_bytes(event, "db_query_parameters", 0) == b"\xff"
    assert query_event("x", [], **OK)["db_query_parameters"] == []
    assert "db_query_parameters" not in query_event("x", None, **OK)


def test_other_fields_come_along_and_replace_no_named_argument():
    """A caller's own fields are in the event; a named argument wins over a field of the same name."""
    fields = {"db_name": "shop", "db_query": "other", "success": "other", "error": "other", "extra": [1]}
    event = query_event("SELECT 1", None, success=False, error="denied", message=None, fields=fields)
    assert event == {
        "event": "db.session.query.failed", "db_name": "shop", "db_query": "SELECT 1",
        "success": False, "error": "denied", "extra": [1],
    }  # fmt: skip
    assert fields["db_query"] == "other"


def test_a_given_code_or_kind_is_kept():
    """The code of the table is only put in where the caller gives none."""
    assert query_event("x", None, **{**OK, "fields": {"code": "X1"}})["code"] == "X1"
    assert result_event(affected_records=None, **{**OK, "fields": {"code": "X1"}})["code"] == "X1"
    assert start_event(**{**OK, "fields": {"code": "X1"}})["code"] == "X1"


def test_a_statement_of_another_type_is_refused():
    """A statement must be text or bytes."""
    with pytest.raises(InvalidEventError, match="event field db_query: expected text or bytes, found int"):
        query_event(5, None, **OK)


@pytest.mark.parametrize("affected", [0, 1, 2**64 - 1])
def test_a_result_counts_rows(affected):
    """A result has its own kind and code, and the number of rows that was given."""
    assert result_event(affected_records=affected, **OK) == {
        "event": "db.session.result", "success": True, "affected_records": affected,
    }  # fmt: skip


def test_a_failed_result_keeps_kind_and_code():
    """A statement that the database refused has the usual result kind, success false and the error."""
    assert result_event(affected_records=None, **FAILED) == {
        "event": "db.session.result", "success": False, "error": "denied", "message": "access denied",
    }  # fmt: skip


@pytest.mark.parametrize("affected", [-1, 1.0, "1", True, math.nan, [1]], ids=case_id)
def test_a_number_of_rows_is_an_integer_from_zero(affected):
    """Anything but an integer >= 0 is refused by the field's name."""
    with pytest.raises(InvalidEventError) as caught:
        result_event(affected_records=affected, **OK)
    assert (caught.value.field, caught.value.expected) == ("affected_records", "an integer >= 0")
    assert caught.value.found == repr(affected)


def test_start_and_its_failure_take_their_codes():
    """A session that begins, and one that is refused, have the same kind and different codes."""
    assert start_event(**{**OK, "fields": {"user": "alice"}}) == {
        "event": "db.session.start", "user": "alice", "success": True,
    }  # fmt: skip
    assert start_event(**FAILED) == {
        "event": "db.session.start", "success": False, "error": "denied", "message": "access denied",
    }  # fmt: skip


def test_an_end_says_from_when_to_when_and_who():
    """The end carries both times as text, the participants, and no status."""
    event = end_event(start_ns=0, stop_ns=1_500_000_000, participants=("alice", "bob"), fields={"db_name": "shop"})
    assert event == {
        "event": "db.session.end", "db_name": "shop", "session_start": "1970-01-01T00:00:00Z",
        "session_stop": "1970-01-01T00:00:01.5Z", "participants": ["alice", "bob"],
    }  # fmt: skip


def test_a_gap_takes_the_place_of_what_is_lost():
    """A gap's own index is the first lost one; it names the last, the number and the reason."""
    assert gap_event(first_ei=3, last_ei=9, count=7, reason="overflow") == {
        "event": "recordkit.gap", "code": "RKG00W", "ei": 3, "from": 3, "to": 9, "count": 7, "reason": "overflow",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((True, None, None), {"success": True}),
        ((False, "", ""), {"success": False, "error": "", "message": ""}),
        ((True, None, "note"), {"success": True, "message": "note"}),
    ],
)
def test_a_status_leaves_out_what_is_not_given(arguments, expected):
    """Success always stands there; error and message only where they were given, also empty."""
    success, error, message = arguments
    assert status(success=success, error=error, message=message) == expected


def test_constructed_events_hold_only_known_fields():
    """What recordkit itself puts into an event is in the table of its kind, or begins with recordkit."""
    events = [
        query_event(b"\xff", [b"\xff"], **FAILED),
        query_event(b"\xff", [b"\xff"], **OK),
        result_event(affected_records=1, **FAILED) | result_rows(["a"], [[1], [2]], max_rows=1, max_bytes=100),
        start_event(**FAILED),
        end_event(start_ns=0, stop_ns=0, participants=[], fields={}),
        gap_event(first_ei=0, last_ei=0, count=1, reason=""),
    ]
    for event in events:
        unknown = event.keys() - KINDS[event["event"]].fields.keys()
        assert all(name.startswith("recordkit.") for name in unknown), unknown
        encode_line(event)


# ---------------------------------------------------------------- rows


def test_rows_are_kept_whole_within_their_limits():
    """Rows that fit are all there, as lists, and nothing says that they were cut."""
    event = result_rows(None, [(1, "a"), (None, b"b")], max_rows=2, max_bytes=100)
    assert event == {"rows": [[1, "a"], [None, "b"]]}


def test_rows_over_a_limit_are_cut_and_it_says_so():
    """Rows beyond the number or the bytes are left out from the first that does not fit, and the event says so."""
    rows = [["aaaa"], ["bbbb"], ["cccc"]]
    assert result_rows(None, rows, max_rows=2, max_bytes=100) == {"rows": rows[:2], "rows_truncated": True}
    assert result_rows(None, rows, max_rows=9, max_bytes=11) == {"rows": rows[:2], "rows_truncated": True}
    assert result_rows(None, rows, max_rows=9, max_bytes=12) == {"rows": rows}
    assert result_rows(None, rows, max_rows=9, max_bytes=3) == {"rows": [], "rows_truncated": True}
    assert result_rows(None, [["aaaaa"], ["b"]], max_rows=9, max_bytes=4) == {"rows": [], "rows_truncated": True}


def test_bytes_of_text_are_counted_not_characters():
    """A cell counts with the bytes of its UTF-8."""
    assert result_rows(None, [["é"], ["é"]], max_rows=9, max_bytes=3) == {"rows": [["é"]], "rows_truncated": True}


@pytest.mark.parametrize("cell", [b"\xe9", bytearray(b"\xe9"), memoryview(b"\xe9"), "\udce9"], ids=case_id)
def test_cells_of_bytes_are_readable(cell):
    """A cell that is no UTF-8 is shown with ``\\xNN``, however a Python program carries it."""
    event = result_rows(["c"], [[cell]], max_rows=1, max_bytes=100)
    assert event["rows"] == [[r"\xe9"]]
    encode_line(event)


def test_the_callers_rows_are_not_changed():
    """Cutting and reading cells leaves the caller's lists alone."""
    rows = [[b"\xe9", 1]]
    result_rows(None, rows, max_rows=1, max_bytes=100)
    assert rows == [[b"\xe9", 1]]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["id", "name"], [{"name": "id"}, {"name": "name"}]),
        ([("id", "int4"), ["name", "text"]], [{"name": "id", "type": "int4"}, {"name": "name", "type": "text"}]),
        ([{"name": "id", "type": "int4", "oid": 23}], [{"name": "id", "type": "int4", "oid": 23}]),
        ([], []),
    ],
)
def test_columns_are_objects_with_a_name(columns, expected):
    """Names, pairs of name and type, and objects are all written as objects."""
    assert result_rows(columns, [], max_rows=1, max_bytes=1) == {"columns": expected, "rows": []}


@pytest.mark.parametrize(
    "column", [None, 5, ("a",), ("a", 5), ("a", "b", "c"), {"type": "x"}, {"name": 5}, b"a"], ids=case_id
)
def test_a_column_without_a_name_is_refused(column):
    """A column that is none of the three forms is refused by the field's name."""
    with pytest.raises(InvalidEventError) as caught:
        result_rows(["id", column], [], max_rows=1, max_bytes=1)
    assert caught.value.field == "columns"


def test_a_cell_with_a_true_lone_surrogate_is_refused_at_the_door():
    """A cell that stands for no bytes is not mended: encoding the event names its place."""
    event = result_rows(["c"], [["a", "\ud800"]], max_rows=1, max_bytes=100)
    with pytest.raises(InvalidEventError) as caught:
        encode_line(event)
    assert caught.value.field == "rows[0][1]"


@pytest.mark.parametrize(
    "cell", [["x" * 50], ("x" * 50,), {"k": "x" * 50}, {"k" * 50: 1}], ids=["list", "tuple", "dict", "key"]
)
def test_a_cell_that_holds_others_counts_with_all_it_holds(cell):
    """A list or object in a cell can't carry more than the limit past it."""
    assert result_rows(None, [[cell]], max_rows=1, max_bytes=50) == {"rows": [], "rows_truncated": True}
    assert result_rows(None, [[cell]], max_rows=1, max_bytes=100) == {"rows": [[cell]]}
