"""
Which tables a statement touches, and which it changes.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.sql.postgres_parser import MAX_CHARS, parsed_tables
from recordkit.sql.tables import MAX_DEPTH, tables_of
from recordkit.sql.tokens import MAX_STATEMENT_CHARS
from sql_samples import SAMPLES
from sql_texts import PROTOCOLS, counted_steps, hostile_texts, sql_texts


@pytest.mark.parametrize(("protocol", "sql", "_kind", "touched", "written"), SAMPLES, ids=lambda value: str(value)[:40])
def test_tables_are_what_a_person_says(protocol, sql, _kind, touched, written):
    """
    Every statement of the hand-checked sample names the tables that were told by hand.
    """
    found = tables_of(sql, protocol)
    assert (None if found is None else found.touched) == touched
    if written is not None:
        assert found.written == written


@pytest.mark.parametrize(
    ("sql", "touched", "written"),
    [(row[1], row[3] or (), row[4] or ()) for row in SAMPLES if row[0] == "postgres"],
    ids=lambda value: str(value)[:40],
)
def test_parser_of_postgres_agrees(sql, touched, written):
    """
    Where PostgreSQL's own parser can read a statement, it says what was told by hand.
    """
    found = parsed_tables(sql)
    if found is not None:
        assert found == (set(touched), set(written))


def test_parser_reads_most_of_the_sample():
    """
    The comparison with PostgreSQL's parser is no empty one.
    """
    read = [parsed_tables(row[1]) is not None for row in SAMPLES if row[0] == "postgres"]
    assert sum(read) > 0.95 * len(read)


@pytest.mark.parametrize(
    "sql",
    [
        "", "SELECT", "SELECT 'open", "\0", "SELECT '\udc80'", "SELECT " + "(" * 5000, "SELECT " + "NOT " * 3000 + "true",
        "SELECT " + "1+" * 4000 + "1", "/*" * 100, "SELECT 1 FROM t" + " " * MAX_CHARS,
    ],
    ids=lambda sql: sql[:20],
)  # fmt: skip
def test_parser_gives_up_quietly(sql):
    """
    Text that PostgreSQL's parser can't read, or should not be given, has no exact answer.
    """
    assert parsed_tables(sql) in (None, (set(), set()))


@given(sql_texts, st.sampled_from(PROTOCOLS))
def test_no_text_raises(sql, protocol):
    """
    Any text has tables or none, sorted, each once, those that are written among those that are touched.
    """
    found = tables_of(sql, protocol)
    if found is not None:
        assert list(found.touched) == sorted(set(found.touched))
        assert list(found.written) == sorted(set(found.written))
        assert set(found.written) <= set(found.touched)


@pytest.mark.parametrize("make", hostile_texts, ids=lambda make: make(3))
def test_time_is_linear(make):
    """
    A text four times as long takes about four times as many steps, whatever it is made of.
    """
    for protocol in ("postgres", "mongodb"):
        short = counted_steps(lambda protocol=protocol: tables_of(make(500), protocol))
        long = counted_steps(lambda protocol=protocol: tables_of(make(2000), protocol))
        assert long < 6 * short + 2000


def test_oversized_and_deep_statements_are_unknown():
    """
    What is too long or too deep has no answer, what is just within the bounds has.
    """
    assert tables_of("SELECT 1 FROM t" + " " * MAX_STATEMENT_CHARS) is None

    def nested(depth):
        return "SELECT * FROM " + "(SELECT * FROM " * depth + "t" + ")" * depth

    assert tables_of(nested(MAX_DEPTH)).touched == ("t",)
    assert tables_of(nested(MAX_DEPTH + 1)) is None


def test_names_in_quotes_stay_as_they_are():
    """
    Unquoted names are in lower case, quoted ones keep their case, and quotes stay where a point is in the name.
    """
    sql = 'SELECT * FROM Shop.Orders, "Shop"."Orders", "a.b".c, "x""y"'
    assert tables_of(sql).touched == ('"a.b".c', '"x""y"', "Shop.Orders", "shop.orders")
    assert tables_of("SELECT * FROM `Orders`", "mysql").touched == ("Orders",)
    assert tables_of("SELECT * FROM [x y], Db..T", "sqlserver").touched == ("db..t", "x y")
