import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recordkit.cli.search import FIELDS, Search

EVENT = {
    "event": "db.session.query",
    "user": "products",
    "db_query": "SELECT * FROM products;",
    "db_query_parameters": ["it's", None, 7, 1e5, {"k\u00e9y": [True]}],
    "error": 'ERROR: "x" / y',
}


@pytest.mark.parametrize(
    ("pattern", "fields"),
    [
        ("products", {"db_query"}),
        ("PRODUCTS", set()),
        ("FROM .*s;$", {"db_query"}),
        ("it's", {"db_query_parameters"}),
        ("^7$", {"db_query_parameters"}),
        ("100000", {"db_query_parameters"}),
        ("kéy", {"db_query_parameters"}),
        ('"x" / y', {"error"}),
        ("S", {"db_query"}),
        ("db.session", set()),
        ("null", set()),
        (".", {"db_query", "db_query_parameters", "error"}),
    ],
)
def test_statements_parameters_and_errors_are_searched(pattern, fields):
    """A pattern is looked for within each text, key and number of these fields, and nowhere else."""
    assert set(Search(pattern).matches(EVENT)) == fields
    if fields:
        assert Search(pattern).may_match(json.dumps(EVENT).encode())


def test_matches_come_with_their_text():
    """Each matching field is returned as text."""
    assert Search("7").matches(EVENT) == {"db_query_parameters": '["it\'s",null,7,100000.0,{"kéy":[true]}]'}


def test_ignoring_case_does():
    """Upper and lower case are the same if asked for."""
    assert set(Search("PRODUCTS", ignore_case=True).matches(EVENT)) == {"db_query"}


@pytest.mark.parametrize("pattern", ["(", "[", "a{99999999999}", "*"])
def test_a_bad_expression_is_refused(pattern):
    """What is no regular expression is named."""
    with pytest.raises(ValueError, match="no regular expression"):
        Search(pattern)


LETTERS = st.text(st.sampled_from('abkKsS/"\\\n\x1b é\u017f\u212a19e-.,'), max_size=6)
VALUES = st.recursive(
    LETTERS | st.integers(0, 200) | st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=2),
    max_leaves=4,
)


def lines_of(event):
    yield json.dumps(event, ensure_ascii=True).encode()
    yield json.dumps(event, ensure_ascii=False).encode()
    yield json.dumps(event, ensure_ascii=False, indent=1).replace("\n", "").replace("/", "\\/").encode()
    yield "".join(map(escaped, STRING.split(json.dumps(event)))).encode()


STRING = re.compile(r'("(?:[^"\\]|\\.)*")')
TOKEN = re.compile(r"\\u[0-9a-f]{4}|\\.|.")


def escaped(part):
    """Return a JSON string with each letter written as an escape; other parts of JSON as they are."""
    if not part.startswith('"'):
        return part
    return TOKEN.sub(lambda token: f"\\u{ord(token[0]):04x}" if token[0].isalpha() else token[0], part)


@given(LETTERS, st.dictionaries(st.sampled_from([*FIELDS, "other"]), VALUES, max_size=3), st.booleans())
@example("k", {"db_query": "\u212a"}, True)
@example("s", {"db_query": "\u017f"}, True)
@example("a/b", {"db_query": "a/b"}, False)
def test_the_shortcut_never_misses(pattern, event, ignore_case):
    """Whatever way JSON is written, a line in which the pattern is found is not passed over unparsed."""
    try:
        search = Search(pattern, ignore_case=ignore_case)
    except ValueError:
        return
    for line in lines_of(event):
        parsed = json.loads(line)
        assert parsed == event
        if search.matches(parsed):
            assert search.may_match(line)


def test_numbers_are_found_however_they_are_written():
    """A number is searched as we write it, whatever its line has."""
    line = b'{"parameters":[1E2]}'
    assert Search("100").matches(json.loads(line))
    assert Search("100").may_match(line)


@pytest.mark.parametrize("pattern", ["DROP TABLE", "drop table users", 'name = "x"', "naïve"])
def test_the_shortcut_passes_over_what_cannot_match(pattern):
    """A line without the literal is not parsed; one with it is."""
    search = Search(pattern)
    assert not search.may_match(b'{"event":"db.session.query","db_query":"SELECT 1"}')
    assert search.may_match(json.dumps({"db_query": f"-- {pattern};"}, ensure_ascii=False).encode())


WORDS = st.lists(
    st.sampled_from(
        ["a", "b", "é", "k", ".", "s?", "(ab|k)", "(?:é|a)+", '"', "\\\\", "/", "19", r"\d", " ", r"\x1b", "(?i:K)"]
    ),
    max_size=5,
).map("".join)


@given(
    WORDS, st.lists(st.dictionaries(st.sampled_from([*FIELDS, "other"]), VALUES, max_size=2), max_size=4), st.booleans()
)
def test_candidates_are_all_that_can_match(pattern, events, ignore_case):
    """Of several lines, each in which the expression is found is a candidate, and candidates come in order."""
    search = Search(pattern, ignore_case=ignore_case)
    for lines in zip(*map(lines_of, events), strict=True):
        found = list(search.candidates(b"".join(line + b"\n" for line in lines)))
        places = iter(lines)
        assert all(line in places for line in found)
        for line in lines:
            assert line in found or not search.matches(json.loads(line))


@pytest.mark.parametrize("pattern", ["DROP TABLE", "DROP +TABLE", "(DROP|TRUNCATE) TABLE", "naïve DROP"])
def test_candidates_leave_out_the_rest(pattern):
    """Only lines with the text are candidates, wherever in a long run they stand."""
    hit = json.dumps({"db_query": "x naïve DROP TABLE"}, ensure_ascii=False).encode()
    other = b'{"db_query":"SELECT 1"}'
    run = b"\n".join([hit, *[other] * 500, hit, hit, *[other] * 500, hit]) + b"\n"
    search = Search(pattern)
    assert list(search.candidates(run)) == [hit] * 4
    assert list(search.candidates(run[:-1])) == [hit] * 4
    assert list(search.candidates(b"\n".join([other] * 1000))) == []


def test_without_memmem_the_answers_are_the_same(monkeypatch):
    """Where the C library has no such function, Python's own is used."""
    import ctypes

    from recordkit.cli.search import substring_search

    long = b"x" * 5000 + b"needle" + b"\0y" * 3000
    found = [substring_search()(long, needle) for needle in (b"needle", b"y\0y\0", b"Needle", b"xn", b"\0x")]

    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert [substring_search()(long, needle) for needle in (b"needle", b"y\0y\0", b"Needle", b"xn", b"\0x")] == found
    assert found == [True, True, False, True, False]


def test_candidates_of_several_texts_come_in_order():
    """Where any of several texts will do, lines with either are candidates, each once."""
    lines = [b'{"db_query":"%b t"}' % word for word in (b"DROP", b"SELECT", b"TRUNCATE DROP", b"TRUNCATE", b"DROP")]
    assert list(Search("DROP|TRUNCATE").candidates(b"\n".join([*lines, b""]))) == [lines[0], *lines[2:]]


@pytest.mark.parametrize(("pattern", "text"), [("\u212a", "k"), ("k", "\u212a"), ("\u017f", "S"), ("É", "é")])
def test_letters_that_are_the_same_without_case_are_found(pattern, text):
    """Letters beyond ASCII may be the same as one within it."""
    search = Search(pattern, ignore_case=True)
    for escape in (True, False):
        line = json.dumps({"db_query": text}, ensure_ascii=escape).encode()
        assert search.matches(json.loads(line))
        assert list(search.candidates(line + b"\n")) == [line]
