import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordkit.analytics import line_columns
from recordkit.analytics.line_columns import columns_of
from recordkit.analytics.prefixes import cut_lines
from recordkit.analytics.rows import row_of
from recordkit.analytics.sample_lines import fields_of
from recordkit.analytics.slots import marked, unmarked
from recordkit.errors import UndecodableEventError
from recordkit.events import decode_line, encode_line

CONSTANT = {"sid": "s", "user": 'al"ice', "db_labels": {"a": "b"}, "tenant": 5}
TEXT = st.text(
    st.sampled_from('ab",:{}[]\\/ntu0é🎈\x00\x01\x02\x1f\n\t\x7f<&') | st.characters(codec="utf-8"), max_size=8
)
INTEGER = st.integers(-3, 12) | st.sampled_from([99, 100, 2**63 - 1, -(2**63), 2**63, 2**64 - 1])
TIME = st.sampled_from([
    "2026-07-20T20:00:00.000001Z", "2026-07-20T20:00:00.100000Z", "2026-07-20T20:00:00Z", "2026-07-20T20:00:00.1Z",
    "2026-02-30T20:00:00.000001Z", "1999-07-20T20:00:00.000001Z", "2026-07-20T20:00:60.000001Z", "2026-07-20 20:00:00.000001Z",
    "2026-07-20T20:00:00.123456789Z", "2026-07-20T24:00:00.000001Z", "2099-12-31T23:59:59.999999Z", "20:6-07-20T20:00:00.000001Z",
])  # fmt: skip
SHAPES = [
    {"ei": INTEGER, "uid": TEXT, "time": TIME, "db_query": TEXT, "success": st.booleans()},
    {"time": TIME, "ei": INTEGER, "event": st.just("db.session.result"), "success": st.booleans(), "affected_records": INTEGER},
    {"ei": INTEGER, "time": TIME, "statement_name": TEXT, "portal_name": TEXT, "parameters": st.lists(TEXT, max_size=3)},
    {"parameters": st.lists(TEXT, min_size=1, max_size=3), "query": TEXT, "tenant": st.integers(1, 2), "time": TIME},
    {"ei": INTEGER, "time": TIME, "error": TEXT | st.none(), "error_code": INTEGER, "message": TEXT},
    {"ei": INTEGER, "time": TIME, "session_stop": TIME, "db_query": TEXT},
]  # fmt: skip


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Layouts are used for a single line, too, and tried without end."""
    monkeypatch.setattr(line_columns, "FEW", 1)
    monkeypatch.setattr(line_columns, "_LOOKS", 1000)
    monkeypatch.setattr(line_columns, "_IN_VAIN", 1000)


@st.composite
def alike(draw):
    """Lines of few shapes, of one shape mostly."""
    shapes = [st.fixed_dictionaries(shape) for shape in draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2))]
    events = draw(st.lists(st.one_of(shapes), min_size=1, max_size=12))
    return [encode_line(CONSTANT | event) for event in events]


def rows_of(group):
    """Number of a line -> its row, as `row_of` says it."""
    columns = {}
    for name, values in group.columns.items():
        moments = pa.types.is_timestamp(values.type)
        columns[name] = (values.cast(pa.int64()) if moments else values).to_pylist()
    places = group.places.to_pylist()
    assert places == sorted(set(places))
    return {
        place: {name: values[at] for name, values in columns.items() if values[at] is not None}
        for at, place in enumerate(places)
    }


def read(lines, counts=None):
    """What `columns_of` returns of lines; of those that can't be cut nothing."""
    cut = cut_lines([b"".join(lines)], counts or [len(lines)])
    return ([], []) if cut is None else columns_of(cut)


def check(lines, counts=None):
    """All rows are those of the general way, and what has none is left as it was; return how many have."""
    groups, left = read(lines, counts)
    if not groups:
        assert [line + b"\n" for _, line in left] in (lines, [])
        return 0
    (group,) = groups
    for values in group.columns.values():
        values.validate(full=True)
        assert len(values) == len(group.places)
    found = rows_of(group)
    assert [place for place, _ in left] == [place for place in range(len(lines)) if place not in found]
    for place, line in left:
        assert line + b"\n" == lines[place]
    for place, row in found.items():
        assert row == row_of(decode_line(lines[place])), lines[place]
    return len(found)


@given(lines=alike(), data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_that_are_alike_give_the_rows_of_the_general_way(lines, data):
    """Whatever texts, numbers and times stand in lines, however they are cut, their rows are those of their events."""
    counts, left = [], len(lines)
    while left:
        counts.append(data.draw(st.integers(1, left)))
        left -= counts[-1]
    check(lines, counts)


@given(lines=st.lists(alike(), min_size=2, max_size=3), data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_of_several_sessions_give_the_rows_of_the_general_way(lines, data):
    """Sessions that begin otherwise, or with fields that others have elsewhere, do not change each other's rows."""
    found = []
    for session in lines:
        begins = data.draw(st.sampled_from([b'{"sid":"t","user":"bob",', b"{", b'{"user":"carol","tenant":5,']))
        start = encode_line(CONSTANT)[:-2] + b","
        found.append([line.replace(start, begins, 1) for line in session])
    check([line for session in found for line in session], [len(session) for session in found])


@given(lines=alike(), data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_lines_give_the_rows_of_the_general_way_or_none(lines, data):
    """A line that was changed anywhere is no event and has no row, or has the row of what it says now."""
    pieces = [b'"', b"\\", b",", b":", b"}", b"{", b"0", b"-", b".", b" ", b"\r", b"\x00", b"\x01", b"\x02", b"\xff", b"\xc3", b"null",
              b'","', b'","x":"', b"\\u003c", b"\\ud800", b"\\/", b'\\"', b"e5", b"Z", b"true", b'"ei":1,']  # fmt: skip
    for _ in range(data.draw(st.integers(1, 3))):
        which = data.draw(st.integers(0, len(lines) - 1))
        line = lines[which][:-1]
        begin = data.draw(st.integers(0, len(line)))
        end = min(len(line), begin + data.draw(st.sampled_from([0, 0, 1, 1, 2, 9])))
        lines[which] = line[:begin] + data.draw(st.sampled_from(pieces)) + line[end:] + b"\n"
    check(lines)


def line(n, **fields):
    return encode_line(CONSTANT | {"ei": n, "uid": f"{n:036d}", "time": f"2026-07-20T20:00:00.{n:06d}Z"} | fields)


@pytest.mark.parametrize(
    "text",
    ["SELECT 1", 'SELECT "a"."b" FROM "t" -- \\', "a\nb\tc\rd\be\ff", "<&>", "é🎈", "\\n", "\\\\", '\\"', '","', '"'],
)
def test_usual_texts_need_no_general_way(text):
    """Statements with quotes, backslashes, line feeds and any letters are cut out of their lines."""
    assert check([line(n, db_query=text * (n % 3) + "x") for n in range(20)]) == 20


def test_what_go_escapes_is_unescaped():
    """Characters that programs in Go escape beyond need come back as themselves."""
    plain = [line(n, db_query="a < b AND c > d & e") for n in range(9)]
    escaped = [one.replace(b"<", rb"\u003c").replace(b">", rb"\u003e").replace(b"&", rb"\u0026") for one in plain[1:]]
    (group,), left = read([*escaped[:4], plain[0], *escaped[4:]])
    assert (len(group.places), left) == (9, [])
    assert {row["db_query"] for row in rows_of(group).values()} == {"a < b AND c > d & e"}


def test_groups_are_found_among_others():
    """Kinds of events that take turns are a group each; what fits none is left, in order."""
    lines = []
    for n in range(1000, 1200, 4):
        lines += [
            line(n, event="a", db_query=f"SELECT {n}"),
            line(n + 1, event="b", success=True, affected_records=n % 7),
        ]
        lines += [line(n + 2, event="c", parameters=["x", str(n)]), line(n + 3, event="d", args={"n": n})]
    lines[7] = b'{"ei":null}\n'
    _, left = read(lines)
    assert 7 in [place for place, _ in left]
    assert check(lines) >= 150


def test_few_lines_are_left_to_others(monkeypatch):
    """Where a layout does not pay there is no group."""
    monkeypatch.setattr(line_columns, "FEW", 16)
    assert [len(part) for part in read([line(n, db_query="x") for n in range(10, 25)])] == [0, 15]
    assert [len(part) for part in read([line(n, db_query="x") for n in range(10, 26)])] == [1, 0]


@pytest.mark.parametrize("text", [b"", b"a", rb"\\", rb"\"", rb"\\\"", rb"\\\\n\n", b"\xc3\xa9\\\\"])
def test_marks_come_off(text):
    """What was marked is what it was."""
    assert unmarked(marked(text)) == text


def test_a_mark_that_was_there_is_no_json():
    """Lines with the marks' bytes are no UTF-8, so that nothing is read of them here."""
    for mark in (b"\xfe", b"\xff"):
        lines = [line(n, db_query="x") for n in range(9)]
        lines[4] = lines[4].replace(b"x", mark)
        assert check(lines) == 0
        with pytest.raises(UndecodableEventError):
            decode_line(lines[4])


def test_a_line_that_ends_early_changes_no_other():
    """A backslash at a line's end and the quote that the next one begins with are no escaped quote."""
    lines = [line(n, db_query="x") for n in range(40)]
    lines[7] = lines[7][:-3] + b"\\\n"
    assert check(lines) == 39


@pytest.mark.parametrize(
    "other",
    [b'{"time":"2026-07-20T20:00:00Z","ei": 1}', b'{"ei":1}', b"[]", b"", b'{"time":"noon","time":"2026-07-20T20:00:00Z"}',
     b'{"session_stop":"2026-07-20T20:00:00Z","time":"2026-07-20T20:00:00Z"}', b'{"time":null}', b'{"time":5}'],
)  # fmt: skip
def test_other_lines_have_no_layout(other):
    """A line with spaces, without its time, with a field twice, or that is no event, teaches nothing."""
    assert fields_of(other) is None
