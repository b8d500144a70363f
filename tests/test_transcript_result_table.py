import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.render.control_chars import is_safe
from recordkit.transcript.result_table import MAX_AREA, MAX_CELL_LINES, MAX_CELL_WIDTH, MAX_COLUMNS, Look, result_table
from recordkit.transcript.shown_chars import display_width

LOOKS = ["psql", "boxed", "snowsql", "sqlcmd", "sqlplus", "cqlsh", "clickhouse", "ruled"]
FRAMED = ["boxed", "snowsql", "clickhouse"]


def table(rows, columns=None, look=None, **fields):
    return result_table({"rows": rows, "columns": columns} | fields, look or Look())


def test_rows_that_were_not_recorded_are_no_table():
    """Only a list of rows is a result's rows; an empty one is an empty table."""
    assert table(None) is None
    assert table("text") is None
    assert result_table({}, Look()) is None
    assert (table([]).names, table([]).rows, table([]).ruled()) == ([], [], "")


DRAWN = {
    "boxed": "+----+------+\n| id | n    |\n+----+------+\n|  7 | 漢   |\n|  8 | NULL |\n+----+------+\n",
    "snowsql": "+----+------+\n| id | n    |\n|----+------|\n|  7 | 漢   |\n|  8 | NULL |\n+----+------+\n",
    "sqlcmd": "id n\n-- ----\n 7 漢\n 8 NULL\n",
    "sqlplus": "id n\n-- ----\n 7 漢\n 8 NULL\n",
    "cqlsh": " id | n\n----+------\n  7 |   漢\n  8 | NULL\n",
    "clickhouse": "   ┌─id─┬─n────┐\n1. │  7 │ 漢   │\n2. │  8 │ NULL │\n   └────┴──────┘\n",
    "ruled": "id | n\n---+-----\n 7 | 漢\n 8 | NULL\n",
    "psql": " id |  n   \n----+------\n  7 | 漢\n  8 | NULL\n",
}


@pytest.mark.parametrize("look", LOOKS)
def test_each_look_draws_its_lines(look):
    """Rules, bars and sides are those of the client, and wide characters keep their columns."""
    drawn = getattr(table([[7, "漢"], [8, None]], ["id", "n"]), look)()
    assert drawn == DRAWN[look]


NAMED = [
    ([{"name": "a", "type": "int"}, {"name": "b"}], ["a", "b"]),
    (["a", "b"], ["a", "b"]),
    ([["a", "int"], ["b", "text"]], ["a", "b"]),
    ([{"name": None}, {"type": "int"}], ["", ""]),
    ([{"name": 7}, 8], ["7", "8"]),
    (["a"], ["a", "2"]),
    (None, ["1", "2"]),
    ("no list", ["1", "2"]),
    (["a\x1b\n", "b"], ["a\\x1b\\n", "b"]),
]


@pytest.mark.parametrize(("columns", "names"), NAMED)
def test_columns_are_named_in_any_form(columns, names):
    """Names, pairs, objects, or the place where there is no name; controls in them are shown."""
    assert table([[1, 2]], columns).names == names


NUMERIC = ["int", "INT(11)", "int4", "bigint unsigned", "float8", "numeric(10,2)", "Nullable(UInt64)", "decimal", "NUMBER", "Int8", "oid", "double precision", "LowCardinality(Nullable(Int32))"]  # fmt: skip
OTHER = ["text", "interval", "point", "int4[]", "varchar(10)", "bit", "date", "int4range", "Array(Int8)", "internal"]


@pytest.mark.parametrize("kind", NUMERIC)
def test_numbers_stand_to_the_right(kind):
    """Values of a type that counts are aligned to the right, though they come as text."""
    assert table([["1"]], [{"name": "a", "type": kind}]).right == [True]


@pytest.mark.parametrize("kind", [kind for kind in OTHER if kind != "int4range"])
def test_other_values_stand_to_the_left(kind):
    """Values of any other type are aligned to the left, though they look like numbers."""
    assert table([["1"]], [{"name": "a", "type": kind}]).right == [False]


def test_values_decide_where_there_is_no_type():
    """A column of JSON numbers stands to the right, one with anything else to the left."""
    assert table([[1, 1, True, None, "1"], [2.5, "a", 1, None, "2"]]).right == [True, False, False, False, False]


def test_values_are_written_by_the_look():
    """NULL and booleans have the client's words; lists and objects are JSON."""
    look = Look(null="-", true="yes", false="no")
    (row,) = table([[None, True, False, [1, None], {"a": "é"}, 2**70, "漢"]], look=look).rows
    assert row == [["-"], ["yes"], ["no"], ["[1,null]"], ['{"a":"é"}'], [str(2**70)], ["漢"]]


def test_rows_of_any_shape_are_filled_up():
    """Short rows, objects and bare values become rows of the table's width."""
    assert table([[1], {"a": 2, "b": 3}, 4, [], [5, 6]]).rows == [
        [["1"], [""]],
        [["2"], ["3"]],
        [["4"], [""]],
        [[""], [""]],
        [["5"], ["6"]],
    ]


def test_what_is_wide_is_cut_with_a_mark():
    """Wide text, many lines in a value, and many columns end in a mark."""
    drawn = table([["x" * 500, "漢" * 500, "e\u0301" * 500, "\n" * 500, "a\r\nb"]])
    cells = drawn.rows[0]
    assert cells[0] == ["x" * (MAX_CELL_WIDTH - 1) + "…"]
    assert cells[1] == ["漢" * ((MAX_CELL_WIDTH - 1) // 2) + "…"]
    assert cells[2][0].endswith("…")
    assert display_width(cells[2][0]) <= MAX_CELL_WIDTH
    assert cells[3] == [""] * MAX_CELL_LINES + ["…"]
    assert cells[4] == ["a", "b"]
    many = table([list(range(500))])
    assert (len(many.names), many.names[-1], many.rows[0][-1]) == (MAX_COLUMNS, "…", ["…"])


@pytest.mark.parametrize(
    ("rows", "fields", "note"),
    [
        ([[1]], {}, ""),
        ([[1]], {"rows_truncated": False}, ""),
        ([[1]], {"rows_truncated": True}, "(1 row shown, more were not recorded)"),
        ([[1], [2]], {"rows_truncated": True}, "(2 rows shown, more were not recorded)"),
        ([], {"rows_truncated": True}, "(0 rows shown, more were not recorded)"),
    ],
)
def test_what_was_not_recorded_is_said(rows, fields, note):
    """A truncated result says so under the table, any other says nothing."""
    assert table(rows, **fields).note == note


@pytest.mark.parametrize("look", LOOKS)
def test_a_table_is_bounded(look):
    """However many rows, columns and lines an event holds, the table has an area, and says what it leaves out."""
    for rows in ([[1]] * 10**5, [["\n" * 50] * 50] * 5000, [["x" * 100] * 100] * 5000):
        drawn = table(rows, rows_truncated=True)
        assert len(getattr(drawn, look)()) < 2 * MAX_AREA
        assert drawn.note == f"({len(drawn.rows)} of {len(rows)} recorded rows shown, and more were not recorded)"


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(), max_size=8)
    | st.text(max_size=3).map(lambda text: f"{text}\n漢")
)


@pytest.mark.parametrize("look", LOOKS)
@given(
    rows=st.lists(st.lists(VALUES, max_size=4), min_size=1, max_size=4),
    columns=st.none() | st.lists(st.text(max_size=5), max_size=4),
)
def test_any_table_is_safe_and_straight(look, rows, columns):
    """Cells hold no control, and the lines of a framed table are all of one width on the screen."""
    drawn = table(rows, columns)
    lines = getattr(drawn, look)().splitlines()
    assert all(map(is_safe, lines))
    if look in FRAMED and drawn.names:
        assert len(set(map(display_width, lines))) == 1
