import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_events import times
from recordkit.analytics.parsing import Reader
from recordkit.analytics.rows import row_of
from recordkit.events import decode_line, encode_line


def read(*lines, reader=None):
    return (reader or Reader()).read(b"\n".join(lines), len(lines))


@given(st.lists(times(), min_size=1, max_size=4), st.lists(times(), max_size=4))
@settings(max_examples=400, deadline=None)
def test_times_are_read_right_or_not_at_all(own, others):
    """Whatever form times have, columns that Arrow read are those of the general way."""
    events = [{"time": text, "ei": n} for n, text in enumerate(own)]
    for event, text in zip(events, others, strict=False):
        event["session_stop"] = text
    found = read(*(encode_line(event)[:-1] for event in events))
    if found is None:
        return
    for n, event in enumerate(events):
        row = row_of(event)
        for name in ("time", "session_stop"):
            values = found.get(name)
            assert (None if values is None else values.cast(pa.int64())[n].as_py()) == row.get(name), event
        assert found["time_digits"][n].as_py() == row["time_digits"]
        assert "rest" not in row


@pytest.mark.parametrize(
    "text",
    ["2026-07-20T20:00:00Z", "2026-07-20T20:00:00.1Z", "2026-07-20T20:00:00.123456Z", "2026-07-20T20:00:00.123456789Z",
     "1900-01-01T00:00:00Z", "2199-12-31T23:59:59Z"],
)  # fmt: skip
def test_usual_times_are_read(text):
    """Times as programs write them do not take the general way."""
    (value,) = read(b'{"time":"%b"}' % text.encode())["time"].cast(pa.int64()).to_pylist()
    assert value == row_of({"time": text})["time"]


@pytest.mark.parametrize(
    "text",
    ["2026-07-20T20:00Z", "2026-07-20", "2026-07-20 20:00:00Z", "2026-07-20T20:00:00", "2026-07-20T20:00:00+00:00", "2026-07-20T20:00:60Z",
     "2026-07-20T20:00:00.Z", "2026-07-20T20:00:00z", "2026-07-20T24:00:00Z", "2026-02-30T00:00:00Z", "2026-07-20T20:00:00.1234567891Z",
     "1677-12-31T23:59:59Z", "1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2262-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "noon", "",
     "2026-07-20T20:00+0000Z", "2026-07-20T200000.1234Z", "2026-07-20T20:0000.123Z", "\u0662\u066026-07-20T20:00:00Z"],
)  # fmt: skip
def test_other_times_are_left_to_the_general_way(text):
    """A text that would not print back, or is no time, is not read fast."""
    assert read(b'{"time":"%b"}' % text.encode()) is None


@pytest.mark.parametrize(
    "line",
    [b'{"user":null}', b'{"user": null}', b'{"ei":null,"uid":"x"}', b'{"ei":1.0}', b'{"ei":1e2}', b'{"ei":"1"}', b'{"ei":9223372036854775808}',
     b'{"user":1}', b'{"success":"true"}', b'{"success":1}', b'{"db_labels":{"a":"b"}}', b'{"args":"x"}', b'{"body":"x"}', b'{"x":1}',
     b'{"rest":"x"}', b'{"time_digits":1}', b'{"addr_local":"x"}', b'{"ei":1,"ei":2}', b'{"user":["x"]}', b'{"user_roles":"x"}', b'{"user_roles":[1]}',
     b'{"user_roles":[["x"]]}', b'{"user":"\xff"}', b"{}{}", b"", b"[]", b'{"user":"x"', b'{"user":"\\ud800"}'],
)  # fmt: skip
def test_what_is_in_doubt_is_not_read(line):
    """Nulls, other types, unknown fields, fields twice and what is no JSON are left to the general way."""
    good = b'{"ei":5,"uid":"u","user":"y"}'
    assert read(line) is None
    assert read(good, line, good) is None


@pytest.mark.parametrize(
    "line",
    [b'{"user":"x"}', b'{"ei":-9223372036854775808}', b'{"success":false}', b'{"user_roles":[]}', b'{"user_roles":["x",null]}', b'{ "user" : "x" }',
     b'{"db_query":"2026-07-20T20:00:00Z"}', b'{"db_query":"2026-07-20"}', b'{"db_query":"\\u0000 \\u00e9 \\ud83c\\udf88"}', b'{"user":""}',
     b'{"addr.local":"x"}', b'{"from":1}', b'{"db_query":"is not null"}'],
)  # fmt: skip
def test_what_is_beyond_doubt_is_read(line):
    """Right types are read as the general way reads them, at once or in a later run."""
    reader = Reader()
    row = row_of(decode_line(line))
    for lines in ([line], [b'{"uid":"u"}', line], [line]):
        found = read(*lines, reader=reader)
        assert {name: values[len(lines) - 1].as_py() for name, values in found.items() if name != "uid"} == row


def test_a_null_in_a_statement_is_not_taken_for_one_without_gaps():
    """Where each line has all fields, the text is not searched for nulls."""
    assert read(b'{"db_query":"{\\"a\\":null}","ei":1,"uid":"u","time":"2026-07-20T20:00:00Z"}') is not None
