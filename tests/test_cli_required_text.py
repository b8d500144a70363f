import importlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recordkit.cli.required_text import required_texts


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("DROP TABLE", {"DROP TABLE"}),
        (r"DROP\s+TABLE", {"TABLE"}),
        ("INSERT INTO (orders|customers)", {"INSERT INTO "}),
        ("(?:DELETE|UPDATE) .", {"DELETE", "UPDATE"}),
        ("ab?cdef", {"cdef"}),
        ("x(?:yz)+", {"yz"}),
        ("(?>secret)s", {"secret"}),
        (r"\.env\b", {".env"}),
        ("^FROM$", {"FROM"}),
        ("(?x) a b c", {"abc"}),
        ("a{2}b", {"a"}),
        ("(?=ahead)x", {"x"}),
        ("(?!never)x", {"x"}),
        ("(?i:fold)x", {"x"}),
        ("(abc)?", set()),
        ("a*", set()),
        ("[abc]", set()),
        (".", set()),
        ("", set()),
        ("abc|", set()),
        ("|".join(f"word{letter}x" for letter in "abcdefghi"), {"word"}),
        ("|".join(letter * 3 for letter in "abcdefghi"), set()),
    ],
)
def test_what_every_match_needs_is_found(pattern, texts):
    """The texts of which one stands in each match, the ones whose shortest is longest; none if that can't be told."""
    found, folded = required_texts(pattern, ignore_case=False)
    assert found == texts
    assert not folded


@pytest.mark.parametrize(("pattern", "ignore_case"), [("(?i)drop", False), ("drop", True)])
def test_case_does_not_count_where_the_expression_says_so(pattern, ignore_case):
    """The flag may come from the caller or stand in the expression."""
    assert required_texts(pattern, ignore_case=ignore_case) == (frozenset({"drop"}), True)


PIECES = st.sampled_from(
    ["a", "b", "ab", "ba", ".", "a?", "b*", "a+", "b{2}", "a{0,1}", "[ab]", "(?=a)", "(?!b)", "^", "$", r"\b", r"\w"]
)
PATTERNS = st.recursive(
    st.lists(PIECES, max_size=4).map("".join),
    lambda inner: (
        st.tuples(inner, inner).map("|".join)
        | st.tuples(inner, st.sampled_from(["", "?", "*", "+", "{1,2}", "{0}"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        )
        | st.tuples(inner, inner).map("".join)
        | inner.map(lambda text: f"(?i:{text})")
    ),
    max_leaves=5,
)


@given(PATTERNS, st.text("abAB ", max_size=8), st.booleans())
@example("(?i:ab)", "AB", False)
@example("(a|b)ab", "bab", False)
def test_no_match_is_without_them(pattern, text, ignore_case):
    """Whatever matches holds one of the texts."""
    try:
        found = re.search(pattern, text, re.IGNORECASE if ignore_case else 0)
    except re.error:
        return
    texts, folded = required_texts(pattern, ignore_case=ignore_case)
    if found and texts:
        matched = found[0].lower() if folded else found[0]
        assert any((needed.lower() if folded else needed) in matched for needed in texts)


def test_without_the_parser_nothing_is_required(monkeypatch):
    """A Python whose parser is elsewhere searches all the same."""

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert required_texts("abc", ignore_case=True) == (frozenset(), True)
