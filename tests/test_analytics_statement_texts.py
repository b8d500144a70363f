"""
What statements tell, a column at a time.
"""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordkit.analytics.statement_texts import derived
from recordkit.sql import tokens
from recordkit.sql.derivation import Deriver
from recordkit.sql.dialects import dialect_of
from recordkit.sql.tokens import MAX_STATEMENT_CHARS
from sql_samples import SAMPLES

PROTOCOLS = [
    "postgres", "cockroachdb", "mysql", "mariadb", "sqlserver", "oracle", "snowflake", "spanner", "clickhouse",
    "cassandra", "redis", "mongodb", "elasticsearch", "dynamodb", "something", None,
]  # fmt: skip
WORDS = st.sampled_from([
    "0", "1", "42", "007", "1.5", ".5", "5.", "1e5", "1e-5", "0x1F", "0b1", "1_000", "2abc", "t1", "t1.c2", "a.1", "x1e5", "%s", "%1",
    ":1", "::int", ":a", "?", "-1", "- 1", "--1", "-- 1\n", "--1\n2", "*/", "/ *", "/", "//1\n3", "*!50001", "null", "IN (1, 2, 3)",
    "LIMIT 5", "select", "SELECT", "insert into t values (1,2)", "=", "<", "(", ")", ",", ";", "\n", "\t", "|", "~", "^9", "+", "a1_2", "_1",
])  # fmt: skip
SIMPLE = st.lists(st.tuples(WORDS, st.sampled_from(["", " "])), max_size=12).map(
    lambda parts: "".join(word + space for word, space in parts)
)
ANY = st.one_of(
    SIMPLE,
    st.text(st.sampled_from("ab1 2'\"`$#@[]{}\\-/*é:?%.\n("), max_size=20),
    st.sampled_from(
        [
            "/*",
            "/*!50001 a */ 5",
            "a /* 1 */",
            "'1'",
            "E'\\\\1'",
            "$1",
            "#1",
            "@1",
            "é1",
            "x" * MAX_STATEMENT_CHARS + " 12",
        ]
    ),
    st.sampled_from([sql for _, sql, *_ in SAMPLES]),
)


def told(texts, protocols):
    which, found = derived(
        pa.array(texts, pa.string()), pa.array(protocols, pa.string()).dictionary_encode(), Deriver()
    )
    return [found[number] for number in which.to_pylist()]


@given(st.lists(st.tuples(ANY | st.none(), st.sampled_from(PROTOCOLS)), min_size=1, max_size=12))
@settings(deadline=None, max_examples=150)
def test_a_column_tells_what_its_texts_tell(rows):
    """Whatever texts stand together in a column, each tells what it tells alone."""
    deriver = Deriver()
    expected = [deriver.derive(text or "", protocol) for text, protocol in rows]
    assert told([text for text, _ in rows], [protocol for _, protocol in rows]) == expected


@given(SIMPLE, st.sampled_from(PROTOCOLS))
@settings(deadline=None, max_examples=500)
def test_digits_in_simple_statements_do_not_matter(text, protocol):
    """A simple statement has the same key with all digits zero, in every dialect."""
    if tokens.SIMPLE.fullmatch(text):
        assert tokens.cut(re.sub("[0-9]", "0", text), dialect_of(protocol)) == tokens.cut(text, dialect_of(protocol))


def test_statements_that_differ_in_numbers_are_parsed_seldom(monkeypatch):
    """A thousand statements are looked at once for each length of their numbers, whatever stands beside them."""
    asked = []
    derive = Deriver.derive
    monkeypatch.setattr(
        Deriver, "derive", lambda self, sql, protocol=None: asked.append(sql) or derive(self, sql, protocol)
    )
    texts = [f"UPDATE t SET a = a + {number} WHERE b = -{number % 7};" for number in range(1000)]
    for others in ([], ["SELECT '1'", "SELECT t1"]):
        asked.clear()
        found = told([*texts, *others], ["postgres"] * (1000 + len(others)))
        assert sorted(asked) == sorted(
            [f"UPDATE t SET a = a + {'0' * size} WHERE b = -0;" for size in (1, 2, 3)] + others
        )
        assert {one.fingerprint for one in found[:1000]} == {"update t set a = a + ? where b = ?"}
        assert [one.fingerprint for one in found[1000:]] == ["select ?", "select t1"][: len(others)]


@pytest.mark.parametrize("protocol", ["redis", "mongodb"])
def test_commands_keep_their_numbers(protocol):
    """Where a statement may be a command rather than SQL, its numbers may be names, and stay."""
    texts = ["SET key 5", "SET 5 key", "GET 7", "GET 8"]
    deriver = Deriver()
    assert told(texts, [protocol] * 4) == [deriver.derive(text, protocol) for text in texts]
