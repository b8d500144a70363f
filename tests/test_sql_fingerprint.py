"""
What statements have in common.
"""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recordkit.sql.derivation import Deriver, Memory
from recordkit.sql.dialects import DIALECTS, dialect_of
from recordkit.sql.fingerprint import fingerprint, hash_of
from recordkit.sql.tokens import MAX_STATEMENT_CHARS, cut, tokens
from sql_samples import SAMPLES
from sql_texts import PROTOCOLS, counted_steps, hostile_texts, sql_texts

GOLDEN = [
    ("", "", -1970711489451281740),
    ("SELECT 1;", "select ?", -5069706223308934285),
    ("BEGIN", "begin", -4063627123790346007),
    (
        "UPDATE pgbench_accounts SET abalance = abalance + -512 WHERE aid = 71;",
        "update pgbench_accounts set abalance = abalance + ? where aid = ?",
        1875857132987421504,
    ),
    (
        "INSERT INTO T (a,b) VALUES (1,'x'),(2,NULL),(-3,DEFAULT)",
        "insert into t(a, b) values (?, ?)",
        1434884363907489075,
    ),
    (
        'SELECT count( * ) FROM "T" WHERE id IN (1,2,3) AND x = ANY(ARRAY[1,2]) AND y::int >= $1 -- mine',
        'select count(*) from "T" where id in (?) and x = any (array[?]) and y::int >= ?',
        6605517090356582785,
    ),
    ("select E'it\\'s', $$x'y$$, U&'d', 0x1F, 1e-5, .5, a.b1", "select ?, ?, ?, ?, ?, ?, a.b1", 8365209913332768397),
]


@pytest.mark.parametrize(("sql", "text", "number"), GOLDEN, ids=[row[0][:30] for row in GOLDEN])
def test_fingerprints_are_the_same_for_ever(sql, text, number):
    """
    Fingerprints that were stored once are found again by later versions.
    """
    found = fingerprint(sql, "postgres")
    assert (found.text, found.hash) == (text, number)


@pytest.mark.parametrize(
    ("protocol", "sql", "text"),
    [
        ("mysql", "SELECT \"it's\", `A b`, 0x1f # from x\nFROM T -- y", "select ?, `A b`, ? from t"),
        ("mysql", "SELECT 5--3, 2020_sales FROM t", "select ? - ?, 2020_sales from t"),
        ("mysql", "/*!40101 SET NAMES utf8 */", "set names utf8"),
        ("mysql", "SELECT 'a\\'b', ?", "select ?, ?"),
        ("sqlserver", "SELECT [A b]]c], N'x', @p FROM #tmp", "select [A b]]c], ?, @p from #tmp"),
        ("oracle", "SELECT q'[it's]', :1, :name FROM dual", "select ?, ?, ? from dual"),
        ("postgres", "SELECT a[1:2], b->>'x', c::text, %s, %(n)s", "select a[? : ?], b ->> ?, c::text, ?, ?"),
        ("postgres", "SELECT /* a /* b */ c */ 1", "select ?"),
        ("postgres", "SELECT x IS NULL, f(NULL, TRUE), - 1", "select x is null, f(?, ?), ?"),
        ("postgres", "SELECT 'never closed", "select ?"),
        ("snowflake", "SELECT v:a.b, $$it's$$ // c", "select v : a.b, ?"),
        ("redis", "SET a b EX 5", "set ?"),
        ("redis", "CONFIG GET maxmemory", "config get ?"),
        ("mongodb", '{"find":"c","filter":{"a":{"$oid":"x"}},"limit":5}', '{ "find" : "c" "filter" : { "a" : ? } "limit" : ? }'),
        ("mongodb", '{"insert":"c","documents":[{"a":1},{"a":2}]}', '{ "insert" : "c" "documents" :[{ "a" : ? }] }'),
        ("elasticsearch", 'PUT /logs/_doc/17?x=y\n{"a":1}', 'put / logs / _doc / ? { "a" : ? }'),
        ("dynamodb", 'GetItem {"TableName":"t","Key":{"k":{"S":"x"}}}', 'getitem { "TableName" : "t" "Key" : { "k" : { "S" : ? } } }'),
    ],
)  # fmt: skip
def test_each_dialect_has_its_literals_names_and_comments(protocol, sql, text):
    """
    What is a literal, a name or a comment is decided by the session's protocol.
    """
    assert fingerprint(sql, protocol).text == text


LITERALS = [
    "1",
    "-2",
    "+3.5",
    ".5",
    "1e9",
    "'x'",
    "''",
    "'it''s; -- /*'",
    "$1",
    "?",
    "E'a\\'b'",
    "$q$ ' $q$",
    "0x1F",
    ":p",
]
TEMPLATES = [
    "select a from t where b = {0} and c < {1}",
    "insert into t (a, b) values ({0}, {1})",
    "update t set a = a + {0} where b in ({1})",
    "select f({0}, {1}) limit {0}",
    'delete from "T" where a between {0} and {1} or b like {0}',
]


@given(st.sampled_from(TEMPLATES), st.lists(st.sampled_from(LITERALS), min_size=4, max_size=4))
def test_literals_make_no_difference(template, literals):
    """
    Statements that differ in their literals and placeholders alone have one fingerprint.
    """
    one, other = template.format(*literals[:2]), template.format(*literals[2:])
    assert fingerprint(one, "postgres") == fingerprint(other, "postgres")


@given(st.integers(1, 30), st.integers(1, 30))
def test_lengths_of_lists_make_no_difference(one, other):
    """
    IN lists, arrays and rows of VALUES of any length have one fingerprint.
    """

    def text(count):
        listed = ", ".join(map(str, range(count)))
        rows = ",".join(f"({n}, 'x{n}')" for n in range(count))
        return f"INSERT INTO t VALUES {rows}; SELECT * FROM t WHERE a IN ({listed}) AND b = ANY(ARRAY[{listed}])"

    assert fingerprint(text(one)) == fingerprint(text(other))


@given(st.sampled_from([row[1] for row in SAMPLES if row[0] == "postgres"]), st.data())
def test_case_space_and_comments_make_no_difference(sql, data):
    """
    Case, white space and comments between the words of a statement leave its fingerprint as it is.
    """
    words = tokens(sql, dialect_of("postgres"))
    assume(not any(word.startswith('"') for word in words))
    between = st.sampled_from([" ", "\n", "\t ", " /* x ' y */ ", " -- it's\n", " /* a /* b */ */ "])
    case = st.sampled_from([str.upper, str.lower, str.title])
    changed = "".join(data.draw(case)(word) + data.draw(between) for word in words)
    assert fingerprint(changed, "postgres") == fingerprint(sql, "postgres")


def test_names_operators_and_counts_of_arguments_make_a_difference():
    """
    Statements that do different things have different fingerprints.
    """
    texts = [
        "select a from t", "select b from t", "select a from u", 'select "A" from t', 'select "a" from t', "select a, a from t",
        "select a from t where a = 1", "select a from t where a > 1", "select f(1)", "select f(1, 2)", "select f(a, 2)",
        "select a - 1 from t", "select a + 1 from t", "select a.b from t", "select a, b from t", "insert into t values (1)",
        "insert into t values (1, 2)", "select * from t where a in (1)", "select * from t where a in (b)",
        "select * from t where a in (select 1)", "select @a", "select @b",
    ]  # fmt: skip
    assert len({fingerprint(text).hash for text in texts}) == len(texts)


@given(sql_texts, st.sampled_from(PROTOCOLS))
def test_no_text_raises(sql, protocol):
    """
    Any text has a fingerprint, whose hash is a signed integer of 64 bits made of its text.
    """
    found = fingerprint(sql, protocol)
    assert -(2**63) <= found.hash < 2**63
    assert found.hash == hash_of(found.text)


@given(sql_texts, st.sampled_from(sorted(set(DIALECTS) - {"spanner"})))  # whose calls are told from SQL by a brace
def test_common_form_is_its_own(sql, protocol):
    """
    The fingerprint of a fingerprint's words is that fingerprint, so nothing is left in it to fold.
    """
    words = tokens(sql, dialect_of(protocol))
    again = tokens(" ".join(words), dialect_of(protocol))
    assume(again == words)  # signs that stood apart may join
    assert fingerprint(" ".join(words), protocol) == fingerprint(sql, protocol)


@pytest.mark.parametrize("make", hostile_texts, ids=lambda make: make(3))
def test_time_is_linear(make):
    """
    A text four times as long takes about four times as many steps, whatever it is made of.
    """
    for protocol in ("postgres", "mysql", "mongodb"):
        short = counted_steps(lambda protocol=protocol: fingerprint(make(500), protocol))
        long = counted_steps(lambda protocol=protocol: fingerprint(make(2000), protocol))
        assert long < 6 * short + 2000


def test_too_long_a_text_has_none():
    """
    Beyond the bound there is no fingerprint rather than a slow one.
    """
    assert fingerprint("x" * MAX_STATEMENT_CHARS) is not None
    assert fingerprint("x" * (MAX_STATEMENT_CHARS + 1)) is None


@pytest.mark.parametrize("protocol", [None, *DIALECTS])
@pytest.mark.parametrize("letters", ["a1'$ -", "1'\\\"*/", "E'\\q[.", "1#`$a\n", "1-.*!'"])
def test_equal_keys_mean_equal_words(protocol, letters):
    """
    Of all short texts, those to which the fast pass gives the same key have the same words.
    """
    dialect = dialect_of(protocol)
    seen = {}
    for size in range(1, 5):
        for text in map("".join, itertools.product(letters, repeat=size)):
            words = tokens(text, dialect)
            assert seen.setdefault(cut(text, dialect), words) == words, text


@given(st.lists(st.tuples(sql_texts, st.sampled_from(PROTOCOLS)), max_size=20))
def test_remembering_changes_no_answer(statements):
    """
    What a memory of two entries gives is what taking each statement apart anew gives.
    """
    small = Deriver(max_entries=2, max_bytes=200, exact=False)
    for sql, protocol in statements * 2:
        assert small.derive(sql, protocol) == Deriver(exact=False).derive(sql, protocol)


def test_a_million_alike_cost_a_handful(monkeypatch):
    """
    Statements that differ in their literals are cut into words a few times and derived once, in all.
    """
    cuts = []
    monkeypatch.setattr(
        "recordkit.sql.derivation.tokens", lambda sql, dialect: cuts.append(sql) or tokens(sql, dialect)
    )
    deriver = Deriver()
    for number in range(2000):
        deriver.derive(f"UPDATE t SET a = a + {number - 1000} WHERE b = 'x{number}' AND c IN (1, {number})", "postgres")
    assert deriver.parsed == 1
    assert len(cuts) == 2  # with and without a sign


def test_memory_is_bounded_in_entries_and_bytes():
    """
    A memory never holds more entries or bytes than it may, and keeps what is asked for again and again.
    """
    memory = Memory(max_entries=10, max_bytes=1000)
    for number in range(1000):
        memory.put(number, "value", 1)
        if number:
            assert memory.get(0, 1) == "value" or number == 0
        assert len(memory) <= 10
    for number in range(100):
        memory.put(f"big {number}", "value", 400)
        assert len(memory) <= 10
    assert sum(memory.get(f"big {number}", 400) is not None for number in range(100)) <= 2
    memory.put("too big", "value", 501)
    assert memory.get("too big", 501) is None
