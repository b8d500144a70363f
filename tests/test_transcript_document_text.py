import json

from hypothesis import given
from hypothesis import strategies as st

from recordkit.transcript.document_text import JSON_STYLE, MAX_CHARS, MAX_LINES, MORE, document_lines, on_one_line
from recordkit.transcript.mongo_values import SHELL_STYLE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_json_over_lines_means_the_same(value):
    """What is short enough to be shown whole parses to the same value, in the form of json.dumps."""
    text = "\n".join(document_lines(value, JSON_STYLE))
    assert json.loads(text) == value
    assert text == json.dumps(value, ensure_ascii=False, indent=2)


@given(JSON)
def test_a_document_in_the_shells_form_fits_its_lines(value):
    """No line is longer than the room, but by a value that can't be split, and no line holds a line end."""
    for line in document_lines(value, SHELL_STYLE, room=40):
        assert "\n" not in line
        assert len(line) <= 40 or " [" not in line


def test_what_fits_is_on_one_line():
    """A document is set over lines only where it would be too long."""
    value = {"a": [1, 2, {"b": "c"}]}
    assert on_one_line(value, SHELL_STYLE, 27) == "{ a: [ 1, 2, { b: 'c' } ] }"
    assert on_one_line(value, SHELL_STYLE, 26) is None
    assert document_lines(value, SHELL_STYLE, room=26) == ["{", "  a: [ 1, 2, { b: 'c' } ]", "}"]


def test_long_documents_end_in_a_mark():
    """Lines, characters and depth are bounded, and what is cut says so."""
    many = document_lines(list(range(10_000)), JSON_STYLE)
    assert (len(many), many[-1]) == (MAX_LINES + 1, MORE)
    (long,) = document_lines("x" * 10**6, JSON_STYLE)
    assert (len(long), long[-len(MORE) :]) == (MAX_CHARS + len(MORE), MORE)
    deep = {}
    for _ in range(5000):
        deep = {"a": deep}
    for style in (JSON_STYLE, SHELL_STYLE):
        assert sum("{…}" in line for line in document_lines(deep, style)) == 1


def test_a_wide_document_is_left_early():
    """Of a document with a million members only those that are shown are looked at."""

    class Counted(list):
        looked_at = 0

        def __iter__(self):
            for member in super().__iter__():
                Counted.looked_at += 1
                yield member

    for style in (JSON_STYLE, SHELL_STYLE):
        document_lines(Counted([0] * 10**6), style)
    assert Counted.looked_at < 1000
