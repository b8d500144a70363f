"""
What a statement does.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.sql.classes import STRENGTH, StatementClass, statement_class
from recordkit.sql.dialects import DIALECTS
from recordkit.sql.tokens import MAX_STATEMENT_CHARS
from sql_samples import SAMPLES
from sql_texts import PROTOCOLS, counted_steps, hostile_texts, sql_texts


@pytest.mark.parametrize(("protocol", "sql", "kind"), [row[:3] for row in SAMPLES], ids=lambda value: str(value)[:40])
def test_class_is_what_a_person_says(protocol, sql, kind):
    """
    Every statement of the hand-checked sample has the class that was told by hand.
    """
    assert statement_class(sql, protocol) == kind


@pytest.mark.parametrize(("sql", "kind"), [(row[1], row[2]) for row in SAMPLES if row[0] in DIALECTS])
def test_what_surrounds_a_statement_makes_no_difference(sql, kind):
    """
    Comments, white space and semicolons around a statement of SQL leave its class as it is.
    """
    if kind == "unknown":
        return
    protocol = next(row[0] for row in SAMPLES if row[1] == sql)
    assert statement_class(f"  /* drop table x */\n-- insert\n{sql}\n ;; ", protocol) == kind


@pytest.mark.parametrize(
    ("kinds", "strongest"),
    [
        (["SELECT 1", "BEGIN"], "read"),
        (["SET a = 1", "COMMIT"], "utility"),
        (["SELECT 1", "CALL f()"], "unknown"),
        (["CALL f()", "DELETE FROM t"], "write"),
        (["DELETE FROM t", "DROP TABLE t"], "ddl"),
        (["GRANT a TO b", "DROP TABLE t"], "dcl"),
    ],
)
def test_the_strongest_of_several_statements_counts(kinds, strongest):
    """
    A text of several statements has the class of the strongest, wherever that stands.
    """
    assert statement_class("; ".join(kinds)) == strongest
    assert statement_class("; ".join(reversed(kinds))) == strongest


def test_every_class_has_its_strength():
    """
    All classes are in the order of strength, each at a place of its own.
    """
    assert sorted(STRENGTH.values()) == list(range(len(StatementClass)))


@given(sql_texts, st.sampled_from(PROTOCOLS))
def test_no_text_raises(sql, protocol):
    """
    Any text has a class.
    """
    assert statement_class(sql, protocol) in StatementClass


def test_the_unseen_end_of_a_long_text_is_not_taken_for_harmless():
    """
    Where the text is too long to be looked at as a whole, a class that the rest could change is unknown.
    """
    padding = " " * MAX_STATEMENT_CHARS
    assert statement_class("SELECT 1" + padding + "; DROP TABLE t") == "unknown"
    assert statement_class("INSERT INTO t VALUES (1)" + padding) == "write"


@pytest.mark.parametrize("make", hostile_texts, ids=lambda make: make(3))
def test_time_is_linear(make):
    """
    A text four times as long takes about four times as many steps, whatever it is made of.
    """
    for protocol in ("postgres", "mysql", "sqlserver"):
        short = counted_steps(lambda protocol=protocol: statement_class(make(500), protocol))
        long = counted_steps(lambda protocol=protocol: statement_class(make(2000), protocol))
        assert long < 6 * short + 2000


def test_sql_server_needs_no_semicolons():
    """
    In a batch of SQL Server a statement may follow another without a sign; clauses that look like one do not count.
    """
    assert statement_class("SELECT 1 DELETE FROM t", "sqlserver") == "write"
    assert statement_class("DECLARE @x int SET @x = 1 UPDATE t SET a = @x", "sqlserver") == "write"
    assert statement_class("SELECT [delete] FROM [drop]", "sqlserver") == "read"
    assert statement_class("SELECT 'x; DROP TABLE t' FROM t", "sqlserver") == "read"
