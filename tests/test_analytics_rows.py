import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_events import events
from recorded import same
from recordkit.analytics.rows import BY_FIELD, batch_of, event_of, row_of, time_text, to_events
from recordkit.analytics.schema import EVENTS, arrow_schema
from recordkit.errors import UndecodableEventError
from recordkit.events import KINDS


def table_of(found):
    schema = arrow_schema(EVENTS)
    columns = batch_of([row_of(event) for event in found])
    rows = len(found)
    return pa.table([columns.get(field.name, pa.nulls(rows, field.type)) for field in schema], schema=schema)


@given(st.lists(events(), max_size=8))
@settings(max_examples=300, deadline=None)
def test_events_come_back_from_the_table(found):
    """What goes into `events` comes out equal as JSON values, whatever an event holds."""
    assert same(list(to_events(table_of(found))), found)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_known_field_has_a_column(kind):
    """No field of a known kind goes to the rest, if it has its type."""
    from recordkit.events import FieldType

    values = {
        FieldType.TEXT: "x", FieldType.INTEGER: 5, FieldType.BOOLEAN: True, FieldType.TIME: "2026-07-20T20:00:00Z",
        FieldType.BYTES: "AAEC", FieldType.TEXT_LIST: ["x"], FieldType.TEXT_MAP: {"x": "y"}, FieldType.JSON: ["x"],
    }  # fmt: skip
    event = {name: values[type_] for name, type_ in KINDS[kind].fields.items()}
    row = row_of(event)
    assert "rest" not in row
    assert row.keys() == {BY_FIELD[name].name for name in event} | {"time_digits"}
    assert same(event_of(row), event)


@pytest.mark.parametrize(
    ("event", "row"),
    [
        ({}, {}),
        ({"user": None}, {"rest": '{"user":null}'}),
        ({"ei": 2**64 - 1}, {"rest": '{"ei":18446744073709551615}'}),
        ({"ei": 5.0}, {"rest": '{"ei":5.0}'}),
        ({"ei": True}, {"rest": '{"ei":true}'}),
        ({"success": 1}, {"rest": '{"success":1}'}),
        ({"db_labels": {}}, {"db_labels": []}),
        ({"db_labels": {"a": 1}}, {"db_labels": [("a", "1")], "rest": '{"db_labels":{"a":1}}'}),
        ({"db_query_parameters": []}, {"db_query_parameters": []}),
        ({"db_query_parameters": ["x", None]}, {"db_query_parameters": ["x", None]}),
        ({"parameters": [1, "x"]}, {"parameters": ["1", "x"], "rest": '{"parameters":[1,"x"]}'}),
        ({"body": "AA=="}, {"body": '"AA=="'}),
        ({"body": {"a": 1.0}}, {"body": '{"a":1.0}'}),
        ({"addr.local": "x"}, {"addr_local": "x"}),
        ({"addr_local": "x"}, {"rest": '{"addr_local":"x"}'}),
        ({"rest": 1}, {"rest": '{"rest":1}'}),
        ({"time": "2026-07-20T20:00:00.100Z"}, {"time": 1784577600100000000, "time_digits": 3}),
        (
            {"time": "2026-07-20T22:00:00+02:00"},
            {"time": 1784577600000000000, "rest": '{"time":"2026-07-20T22:00:00+02:00"}'},
        ),
        ({"time": "0001-01-01T00:00:00Z"}, {"rest": '{"time":"0001-01-01T00:00:00Z"}'}),
        ({"time": "noon"}, {"rest": '{"time":"noon"}'}),
        (
            {"time": "2026-07-20T20:00:00.1Z", "session_stop": "2026-07-20T20:00:00Z"},
            {
                "time": 1784577600100000000,
                "time_digits": 1,
                "session_stop": 1784577600000000000,
                "rest": '{"session_stop":"2026-07-20T20:00:00Z"}',
            },
        ),
    ],
)
def test_a_value_that_its_column_cannot_hold_stands_in_the_rest(event, row):
    """Columns have what they can, the rest has what they can't give back, and both together are the event."""
    assert row_of(event) == row
    assert same(event_of(row), event)


@pytest.mark.parametrize(
    ("time_ns", "digits", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"), (0, 9, "1970-01-01T00:00:00.000000000Z"), (1, 9, "1970-01-01T00:00:00.000000001Z"),
        (1, 8, None), (-1, 9, "1969-12-31T23:59:59.999999999Z"), (100_000_000, 1, "1970-01-01T00:00:00.1Z"), (100_000_000, 0, None),
    ],
)  # fmt: skip
def test_a_time_is_printed_with_its_digits(time_ns, digits, text):
    """A time has a text of so many digits, or none if it needs more."""
    assert time_text(time_ns, digits) == text


def test_an_event_that_is_deeper_than_we_write_is_kept():
    """Another program's event with 300 levels in a column of JSON comes back."""
    deep = "x"
    for _ in range(300):
        deep = [deep]
    assert event_of(row_of({"args": deep, "y": deep})) == {"args": deep, "y": deep}


def test_an_event_too_deep_for_anybody_is_an_error_of_ours():
    """What Python can't write as JSON is refused by a typed error."""
    deep = "x"
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UndecodableEventError):
        row_of({"args": deep})


def test_other_engines_timestamps_are_taken():
    """Rows whose times another engine gave back in microseconds or as plain text columns still become events."""
    event = {"time": "2026-07-20T20:00:00.100Z", "user": "alice", "ei": 1}
    table = table_of([event])
    index = table.schema.get_field_index("time")
    table = table.set_column(index, "time", table["time"].cast(pa.timestamp("us", "UTC")))
    index = table.schema.get_field_index("user")
    table = table.set_column(index, "user", table["user"].cast(pa.string()))
    assert list(to_events(table)) == [event]


def test_rows_without_any_column_are_empty_events():
    """An event without fields is a row of nulls, and comes back."""
    assert list(to_events(table_of([{}, {}]))) == [{}, {}]
