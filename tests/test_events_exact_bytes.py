import base64

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from case_ids import case_id
from recordkit.errors import InvalidEventError
from recordkit.events import decode_line, encode_line, original_bytes
from recordkit.events.exact_bytes import exact_text, exact_texts, readable

quick = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])

BYTES = st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode(errors="replace"))
ESCAPED = st.binary(max_size=40).map(lambda value: value.decode(errors="surrogateescape"))
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def stored(event):
    """*event* as it comes out of a recording."""
    return decode_line(encode_line(event))


@quick
@given(BYTES, st.sampled_from([bytes, bytearray, memoryview]))
@example(b"\xff", bytes)
@example(b"\\xff", bytes)
@example(b"\\xff\xff", bytes)
@example(b"\xed\xa0\x80", memoryview)
def test_a_statement_of_any_bytes_gives_them_back(value, kind):
    """Whatever bytes a statement is, text and base64 together give back exactly them."""
    assert original_bytes(stored(exact_text("db_query", kind(value)))) == value


@quick
@given(ESCAPED)
@example("\udcc3\udca9")
def test_surrogate_escapes_stand_for_their_bytes(value):
    """Text that carries undecodable bytes as surrogate escapes is taken as those bytes."""
    assert original_bytes(stored(exact_text("db_query", value))) == value.encode(errors="surrogateescape")


@quick
@given(UNICODE)
def test_unicode_stays_as_it_is_and_alone(text):
    """A statement that is Unicode needs no second field, given as text or as its bytes."""
    assert exact_text("db_query", text) == {"db_query": text}
    assert exact_text("db_query", text.encode()) == {"db_query": text}
    assert original_bytes({"db_query": text}) == text.encode()


@quick
@given(BYTES)
def test_what_can_be_read_can_be_read(value):
    """The text shows every byte that is UTF-8, and the others as ``\\xNN``; base64 stands by only where it must."""
    text, exact = readable(value)
    text.encode()
    assert (exact is None) == (text.encode() == value)
    if exact is not None:
        assert base64.b64decode(exact, validate=True) == value
        assert text == value.decode(errors="backslashreplace")


def test_the_table_of_the_fields():
    """The bytes stand beside the text in a field named after it."""
    assert exact_text("db_query", b"SELECT '\xe9'") == {
        "db_query": r"SELECT '\xe9'",
        "recordkit.db_query_bytes": base64.b64encode(b"SELECT '\xe9'").decode(),
    }
    assert exact_text("query", b"\xff") == {"query": r"\xff", "recordkit.query_bytes": "/w=="}


PARAMETER = st.none() | BYTES | ESCAPED | UNICODE


@quick
@given(st.lists(PARAMETER, max_size=6), st.sampled_from([list, tuple]))
def test_parameters_of_any_bytes_give_them_back(values, kind):
    """Each parameter that was bytes or text gives back exactly its bytes, at its own position, beside any NULLs."""
    event = stored(exact_texts("db_query_parameters", kind(values)))
    assert len(event["db_query_parameters"]) == len(values)
    for position, value in enumerate(values):
        if value is None:
            assert event["db_query_parameters"][position] is None
            with pytest.raises(InvalidEventError):
                original_bytes(event, "db_query_parameters", position)
        else:
            expected = value.encode(errors="surrogateescape") if isinstance(value, str) else value
            assert original_bytes(event, "db_query_parameters", position) == expected


def test_the_table_of_the_parameters():
    """Only parameters that are not Unicode have bytes beside them, under their position; other scalars stay."""
    values = ["a", b"\xe8", None, 7, 1.5, True, b"b", "\udcff"]
    assert exact_texts("db_query_parameters", values) == {
        "db_query_parameters": ["a", r"\xe8", None, 7, 1.5, True, "b", r"\xff"],
        "recordkit.db_query_parameters_bytes": {"1": "6A==", "7": "/w=="},
    }
    assert exact_texts("db_query_parameters", []) == {"db_query_parameters": []}
    assert exact_texts("parameters", ["a", None]) == {"parameters": ["a", None]}


@pytest.mark.parametrize(
    ("value", "expected", "found"),
    [
        ("\ud800", "Unicode text, or bytes", "a lone surrogate at 0"),
        ("ab\udbff", "Unicode text, or bytes", "a lone surrogate at 2"),
        ("\udcff\udfff", "Unicode text, or bytes", "a lone surrogate at 1"),
        (None, "text or bytes", "NoneType"),
        (1, "text or bytes", "int"),
        (["a"], "text or bytes", "list"),
    ],
    ids=ascii,
)
def test_what_is_neither_text_nor_bytes_is_refused_by_name(value, expected, found):
    """A statement of another type, and text with surrogates that stand for no byte, is refused."""
    with pytest.raises(InvalidEventError) as caught:
        exact_text("db_query", value)
    assert (caught.value.field, caught.value.expected, caught.value.found) == ("db_query", expected, found)


@pytest.mark.parametrize("value", ["\ud800", ["nested"], {"a": 1}, {1}, object()], ids=case_id)
def test_a_parameter_that_has_no_form_is_named_by_its_position(value):
    """A parameter that can't be kept is refused as the field and position where it stands."""
    with pytest.raises(InvalidEventError) as caught:
        exact_texts("db_query_parameters", ["a", None, value])
    assert caught.value.field == "db_query_parameters[2]"


@pytest.mark.parametrize(
    "values", ["abc", b"abc", bytearray(b"abc"), memoryview(b"abc"), 5, None, {"a": 1}, {1}, iter("a")], ids=case_id
)
def test_parameters_are_a_list_of_them(values):
    """One text or one run of bytes in place of the list is a mistake, not a list of characters or numbers."""
    with pytest.raises(InvalidEventError) as caught:
        exact_texts("db_query_parameters", values)
    assert (caught.value.field, caught.value.expected) == ("db_query_parameters", "a list of parameters")


EVENT = {
    "db_query": r"\xff",
    "recordkit.db_query_bytes": "/w==",
    "db_query_parameters": ["a", r"\xff", None],
    "recordkit.db_query_parameters_bytes": {"1": "/w=="},
}


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("message", None), ("db_query_parameters", None), ("db_query", 0), ("db_query_parameters", 2),
        ("db_query_parameters", 3), ("db_query_parameters", -1), ("db_query_parameters", -2), ("message", 0),
    ],
)  # fmt: skip
def test_what_is_not_there_has_no_bytes(name, position):
    """A missing field, a NULL, a position outside the list or counted from its end: an error, never other bytes."""
    with pytest.raises(InvalidEventError) as caught:
        original_bytes(EVENT, name, position)
    assert (caught.value.field, caught.value.expected) == (name, "text")


@pytest.mark.parametrize(
    "exact", ["a", "/w=", "/w==\n", "/w==/w==", "é", "====", " /w==", "/w==!", "\ud800"], ids=ascii
)
def test_bytes_that_are_no_base64_are_not_guessed(exact):
    """An event of a stranger whose base64 is wrong gives an error that names the field."""
    with pytest.raises(InvalidEventError) as caught:
        original_bytes({"db_query": "x", "recordkit.db_query_bytes": exact})
    assert (caught.value.field, caught.value.expected) == ("recordkit.db_query_bytes", "base64")


@pytest.mark.parametrize("exact", [5, ["/w=="], {"0": "/w=="}, True])
def test_bytes_of_another_type_are_not_passed_over(exact):
    """If what stands where the exact bytes belong is no text, the readable text is not given out for them."""
    with pytest.raises(InvalidEventError):
        original_bytes({"db_query": "x", "recordkit.db_query_bytes": exact})
    with pytest.raises(InvalidEventError):
        original_bytes({"p": ["x"], "recordkit.p_bytes": {"0": exact}}, "p", 0)


def test_surrogates_in_an_event_are_bytes_or_refused():
    """An event that never went through a recording may hold surrogate escapes; true lone surrogates are refused."""
    assert original_bytes({"db_query": "a\udcff"}) == b"a\xff"
    with pytest.raises(InvalidEventError):
        original_bytes({"db_query": "\ud800"})
