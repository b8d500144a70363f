import subprocess
import sys

import pytest
import sqlparse
from hypothesis import given
from hypothesis import strategies as st

from recordkit.sql import formatting
from recordkit.sql.formatting import MAX_CHAINED, MAX_DEPTH, MAX_TOKENS, Formatted, format_sql
from recordkit.sql.highlighting import highlight_sql

PIECES = st.sampled_from([
    "select ", "a", "b,", "(", ")", "[", "]", "case ", "when ", "then ", "end ", "begin ", "if ", "for ", "loop ", "end if ",
    "union all ", "from ", "where ", "and ", "not ", "in ", "between ", "+", "*", "||", ".", "::", "'x' ", '"q" ', "1 ", "?",
    "%s", "-- c\n", "/* x */", " ", "\n", "\t", "as ", "over ", "join ", "on ", "values ", "insert into ", "declare ", ";",
    "date ", "interval ", "array", "at time zone ", "group by ", "order by ", "limit ", "$$", "@v ", ":=", "'", "\\", "\x00",
    "exception ", "create function ", "desc,", "\u2028", "\ud800", "é",
])  # fmt: skip
SQL = st.text() | st.lists(PIECES, max_size=60).map("".join) | st.builds(
    lambda before, cycle, times, after: "".join(before) + "".join(cycle) * times + "".join(after),
    st.lists(PIECES, max_size=3), st.lists(PIECES, min_size=1, max_size=6), st.integers(1, 2000), st.lists(PIECES, max_size=3),
)  # fmt: skip


def words(text):
    return [piece.rstrip() for _, piece in highlight_sql(text) if piece.strip()]


def test_a_statement_is_laid_out():
    """Clauses stand on lines of their own, and the result says that it was formatted."""
    found = format_sql("select a, b from t where x = 1 and y in (select z from u); delete from t")
    assert found == Formatted(
        "select a,\n       b\nfrom t\nwhere x = 1\n  and y in\n    (select z\n     from u);\n\ndelete\nfrom t",
        formatted=True,
    )


@given(SQL)
def test_nothing_makes_it_fail_or_change_a_word(text):
    """Any text comes back: laid out with the same words, or exactly as it was with a reason."""
    found = format_sql(text)
    assert found.formatted is (found.note == "")
    if found.formatted:
        assert words(found.text) == words(text)
    else:
        assert found.text == text


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("select '" + "x" * 70_000 + "'", "longer than 65536 bytes"),
        ("select '" + "é" * 40_000 + "'", "longer than 65536 bytes"),
        ("select a in (" + "1, " * MAX_TOKENS + "1)", f"more than {MAX_TOKENS} words"),
        ("(" * 5000, f"nested deeper than {MAX_DEPTH}"),
        ("[" * 5000 + "1", f"nested deeper than {MAX_DEPTH}"),
        ("select " + "case when a then " * 100 + "1", f"nested deeper than {MAX_DEPTH}"),
        ("begin " * 100, f"nested deeper than {MAX_DEPTH}"),
        ("if a then " * 100, f"nested deeper than {MAX_DEPTH}"),
        ("a := " * (MAX_CHAINED + 1) + "1", f"more than {MAX_CHAINED} assignments"),
        ("select a " + "at time zone 'x' " * (MAX_CHAINED + 1), f"more than {MAX_CHAINED} assignments"),
    ],
)
def test_what_would_take_long_is_left_as_it_is(text, note, monkeypatch):
    """A statement over a bound is never given to the parser, and the note names the bound."""
    monkeypatch.setattr(sqlparse, "format", lambda *_, **__: pytest.fail("it was parsed"))
    assert format_sql(text) == Formatted(text, formatted=False, note=note)


def test_the_bounds_can_be_set():
    """A caller with more patience, or less, says so."""
    assert format_sql("select a, b", max_tokens=3).note == "more than 3 words"
    assert format_sql("select 1", max_bytes=7).note == "longer than 7 bytes"
    assert format_sql("select " + "a, " * 500 + "b", max_tokens=2000).formatted


def test_white_space_does_not_count():
    """However a statement was indented, it is formatted as if it stood on one line."""
    text = "select a\n" + " " * 20_000 + ",\tb -- two\n\n\n from t"
    assert format_sql(text) == format_sql("select a , b -- two\n from t")
    assert format_sql(text).formatted


def test_a_string_is_not_touched():
    """A string of several lines whose spaces sqlparse would drop leaves the statement as it was."""
    text = "select $$ a  \n b $$ , '  c  '"
    assert words(format_sql(text).text) == words(text)


@pytest.mark.parametrize("error", [RecursionError, sqlparse.exceptions.SQLParseError, IndexError, AttributeError])
def test_a_fault_of_the_parser_is_no_fault_of_the_reader(error, monkeypatch):
    """Whatever sqlparse raises, the statement comes back as it was."""

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(sqlparse, "format", fail)
    assert format_sql("select 1") == Formatted("select 1", formatted=False, note="not understood")


def test_a_formatter_that_changes_a_word_is_not_believed(monkeypatch):
    """What comes out is held against what went in."""
    monkeypatch.setattr(sqlparse, "format", lambda *_, **__: "select 2")
    assert format_sql("select 1") == Formatted("select 1", formatted=False, note="formatting would change it")


def test_importing_it_does_not_load_the_parser():
    """sqlparse is loaded when the first statement is formatted."""
    program = f"import sys, {formatting.__name__}; print('sqlparse' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
