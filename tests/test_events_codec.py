import json
import math
import sys
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime
from datetime import time as daytime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from case_ids import case_id
from recordkit.errors import InvalidEventError, UndecodableEventError
from recordkit.events import decode_input_line, decode_line, encode_line
from recordkit.events.codec import INT_MAX, INT_MIN, MAX_DEPTH, encode_value

exhaustive = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

UNICODE = st.text(st.characters(exclude_categories=["Cs"]))
INTEGERS = st.integers(INT_MIN, INT_MAX) | st.sampled_from([INT_MIN, INT_MAX, 2**63 - 1, 2**63, 2**53 + 1, 0, -1])
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072009e-308, 1e308, -1.7976931348623157e308, 1e16, 1e-7, 0.1, 2.0**64]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | INTEGERS
    | FLOATS
    | UNICODE
    | st.sampled_from(["null", "NaN", "\x00\x1b\x7f\x9f", "\u2028\U0010ffff"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(UNICODE, inner, max_size=4),
    max_leaves=20,
)
EVENTS = st.dictionaries(UNICODE, VALUES, max_size=6)


def exactly(value):
    """A form of *value* in which 1, 1.0 and True, and 0.0 and -0.0, differ, and the order of keys counts."""
    match value:
        case dict():
            return ["dict", *([key, exactly(item)] for key, item in value.items())]
        case list() | tuple():
            return ["list", *map(exactly, value)]
        case float():
            return ["float", value.hex()]
    return [type(value).__name__, value]


def nested(levels, leaf):
    """An event of so many levels of objects and lists in turn, itself the first, with *leaf* inside."""
    value = leaf
    for level in range(levels, 1, -1):
        value = [value] if level % 2 else {"k": value}
    return {"k": value}


# ---------------------------------------------------------------- what comes out


@exhaustive
@given(EVENTS)
def test_any_event_comes_back_equal_and_of_the_same_types(event):
    """Whatever JSON an event holds, its line gives it back: numbers, text, types, order of keys."""
    line = encode_line(event)
    assert exactly(decode_line(line)) == exactly(event)


@exhaustive
@given(EVENTS)
def test_a_line_is_one_line_of_plain_json(event):
    """A line ends with its only newline, and any JSON parser reads the same from it."""
    line = encode_line(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"}\n")
    assert b"\r" not in line
    assert exactly(json.loads(line)) == exactly(event)


@exhaustive
@given(EVENTS)
def test_a_stored_line_is_taken_as_input_and_written_the_same_again(event):
    """A line that recordkit wrote is accepted as input and becomes the same bytes again."""
    line = encode_line(event)
    assert encode_line(decode_input_line(line)) == line
    assert encode_line(decode_input_line(line[:-1])) == line


@exhaustive
@given(VALUES)
def test_one_value_is_written_as_within_its_event(value):
    """The JSON of a single value is what stands in the line of an event that holds it."""
    assert encode_line({"f": value}) == b'{"f":' + encode_value(value, field="f") + b"}\n"


def test_a_memoryview_is_decoded_as_its_bytes_are():
    """A line may be decoded where it lies in a buffer."""
    assert decode_line(memoryview(b'..{"a":1}\n..')[2:10]) == {"a": 1}


def test_a_very_long_statement_is_not_cut():
    """Text of any length is kept whole, also where every character needs an escape."""
    event = {"db_query": "\x01é\U0001f600" * 500_000}
    assert decode_line(encode_line(event)) == event


@pytest.mark.parametrize("leaf", [1, None, "null", 1.5])
def test_nesting_is_kept_to_the_last_level_that_fits(leaf):
    """An event may be nested as deep as the limit says, whatever it holds at the bottom, and no deeper."""
    event = nested(MAX_DEPTH, leaf)
    assert decode_line(encode_line(event)) == event
    with pytest.raises(InvalidEventError, match=f"at most {MAX_DEPTH} levels"):
        encode_line(nested(MAX_DEPTH + 1, leaf))


# ---------------------------------------------------------------- what is refused


class Colour(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Bound(Enum):
    UPPER = math.inf


class Text(str):
    __slots__ = ()


class Integer(int):
    pass


class Real(float):
    pass


class Listing(list):
    pass


Pair = namedtuple("Pair", "a b")  # noqa: PYI024 -- a tuple's subclass is what the test is about

CYCLE: list = []
CYCLE.append({"again": CYCLE})

REFUSED = [
    (math.nan, "a finite number", "nan"),
    (math.inf, "a finite number", "inf"),
    (-math.inf, "a finite number", "-inf"),
    (Bound.UPPER, "a finite number", "inf"),
    (2**64, "an integer within 64 bits", "18446744073709551616"),
    (-(2**63) - 1, "an integer within 64 bits", "-9223372036854775809"),
    (10**30, "an integer within 64 bits", "1" + "0" * 30),
    (10**5000, "an integer within 64 bits", "too long to print"),
    (Integer(1), "an integer within 64 bits", "Integer"),
    ("a\ud800", "Unicode text", r"\ud800"),
    ("\udcff" + "x" * 100, "Unicode text", r"\udcff"),
    (Text("a"), "plain text", "Text"),
    (Real(1.0), "a plain float", "Real"),
    (OrderedDict(a=1), "a plain dict", "OrderedDict"),
    (Listing([1]), "a plain list", "Listing"),
    (Pair(1, 2), "a plain list", "Pair"),
    (b"a", "a JSON value", "bytes"),
    (bytearray(b"a"), "a JSON value", "bytearray"),
    (memoryview(b"a"), "a JSON value", "memoryview"),
    ({1}, "a JSON value", "set"),
    (frozenset(), "a JSON value", "frozenset"),
    (datetime(2026, 7, 20, tzinfo=UTC), "a JSON value", "datetime"),
    (date(2026, 7, 20), "a JSON value", "date"),
    (daytime(20, 0), "a JSON value", "time"),
    (Decimal(1), "a JSON value", "Decimal"),
    (1j, "a JSON value", "complex"),
    (object(), "a JSON value", "object"),
    ({1: "a"}, "keys that are Unicode text", "the key 1 (int)"),
    ({None: "a"}, "keys that are Unicode text", "the key None"),
    ({b"k": "a"}, "keys that are Unicode text", "the key b'k'"),
    ({(1, 2): "a"}, "keys that are Unicode text", "the key (1, 2)"),
    ({Text("k"): "a"}, "keys that are Unicode text", "(Text)"),
    ({Colour.RED: "a"}, "keys that are Unicode text", "(Colour)"),
    ({"k\udfff": "a"}, "keys that are Unicode text", r"\udfff"),
    ({10**5000: "a"}, "keys that are Unicode text", "too long to print"),
]
PLACES = [
    ("db_query", lambda value: {"event": "x", "db_query": value}),
    ("f.g", lambda value: {"f": {"e": 1, "g": value}}),
    ("f[2]", lambda value: {"f": [None, "null", value]}),
    ("f[1]", lambda value: {"f": (1, value)}),
    ("f[0].g[1].h", lambda value: {"a": [[{}], {"b": []}], "f": [{"g": [0, {"h": value, "i": 1}]}]}),
]


@pytest.mark.parametrize(("place", "build"), PLACES, ids=[place for place, _ in PLACES])
@pytest.mark.parametrize(("value", "expected", "found"), REFUSED, ids=range(len(REFUSED)))
def test_what_json_has_no_form_for_is_refused_by_name(place, build, value, expected, found):
    """At any depth the error names the field by its path, says what is expected, and what was found."""
    with pytest.raises(InvalidEventError) as caught:
        encode_line(build(value))
    error = caught.value
    assert error.field == place
    assert error.expected.startswith(expected)
    assert found in error.found
    assert str(error) == f"event field {place}: expected {error.expected}, found {error.found}"
    assert len(str(error)) < 250


@pytest.mark.parametrize(("value", "expected", "found"), REFUSED, ids=range(len(REFUSED)))
def test_a_single_value_is_refused_under_the_name_of_its_field(value, expected, found):
    """A value that is encoded alone is refused under the field name it was given."""
    with pytest.raises(InvalidEventError) as caught:
        encode_value([value], field="db_query_parameters")
    assert caught.value.field == "db_query_parameters[0]"
    assert caught.value.expected.startswith(expected)
    assert found in caught.value.found


@pytest.mark.parametrize("key", [1, None, "\ud800", b"a", Text("b")], ids=case_id)
def test_a_bad_key_of_the_event_itself_is_refused(key):
    """A key of the event's own that is not plain Unicode text is refused as the event's fault."""
    with pytest.raises(InvalidEventError, match="keys that are Unicode text") as caught:
        encode_line({"a": 1, key: 2})
    assert caught.value.field == ""
    assert "(the event itself)" in str(caught.value)


@pytest.mark.parametrize("event", [OrderedDict(a=1), object(), {1}, b"{}"], ids=case_id)
def test_only_a_plain_dict_is_an_event(event):
    """What is not a plain dict is refused with its type."""
    with pytest.raises(InvalidEventError) as caught:
        encode_line(event)
    assert (caught.value.expected, caught.value.found) == ("a plain dict", type(event).__name__)


@exhaustive
@given(
    EVENTS,
    st.lists(UNICODE | st.integers(0, 3), min_size=1, max_size=6),
    st.sampled_from([math.nan, math.inf, 2**64, "\ud800"]),
)
def test_the_first_fault_is_found_wherever_it_is(event, path, fault):
    """A fault put in at any path is refused under exactly that path, beside any other content."""
    value = fault
    for step in reversed(path[1:]):
        value = [None] * step + [value] if isinstance(step, int) else {step: value}
    event[str(path[0])] = value
    expected = str(path[0])
    for step in path[1:]:
        expected += f"[{step}]" if isinstance(step, int) else f".{step}" if expected else step
    with pytest.raises(InvalidEventError) as caught:
        encode_line(event)
    assert caught.value.field == expected


def test_a_cycle_is_refused_as_too_deep():
    """An event that contains itself ends in the error for depth, not in an overflow."""
    with pytest.raises(InvalidEventError, match=f"at most {MAX_DEPTH} levels") as caught:
        encode_line({"f": CYCLE})
    assert caught.value.field.startswith("f[0].again[0].again")
    assert len(str(caught.value)) < 250


def test_a_nearly_full_stack_of_the_caller_makes_no_difference():
    """The fault is named also where Python's stack has hardly any room left."""

    def deep(levels):
        if levels:
            return deep(levels - 1)
        with pytest.raises(InvalidEventError) as caught:
            encode_line(nested(MAX_DEPTH, math.nan))
        return caught.value.expected

    used, frame = 0, sys._getframe()
    while frame is not None:
        used, frame = used + 1, frame.f_back
    assert deep(sys.getrecursionlimit() - used - 60) == "a finite number"


def test_an_error_keeps_its_cause():
    """The error of the JSON library is the cause of ours."""
    with pytest.raises(InvalidEventError) as caught:
        encode_line({"a": {1}})
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ((1, (2,)), b"[1,[2]]"),
        (Colour.RED, b'"red"'),
        (Number.ONE, b"1"),
        (UUID(int=5), b'"00000000-0000-0000-0000-000000000005"'),
    ],
    ids=case_id,
)
def test_tuples_enumerations_and_uuids_are_taken_for_what_they_hold(value, written):
    """Three types that JSON does not tell from its own are written as list, value and text."""
    assert encode_line({"f": value}) == b'{"f":' + written + b"}\n"


def test_what_is_taken_is_not_blamed_for_another_fault():
    """The search for a fault passes over values of types that are accepted."""
    with pytest.raises(InvalidEventError) as caught:
        encode_line({"a": UUID(int=5), "b": Colour.RED, "c": Number.ONE, "d": (1,), "e": None, "f": True, "g": b""})
    assert caught.value.field == "g"


def test_sql_with_null_in_it_is_not_taken_for_a_null():
    """The word null in text, and a true null, are no reason to refuse an event."""
    event = {"db_query": "select null where x is null", "parameters": None, "deep": [{"a": (None, 1.5, True)}]}
    assert decode_line(encode_line(event)) == {**event, "deep": [{"a": [None, 1.5, True]}]}


# ---------------------------------------------------------------- lines of strangers

WRITERS = {
    "default": {},
    "compact": {"separators": (",", ":")},
    "wide": {"separators": (" , ", "\t:  ")},
    "text": {"ensure_ascii": False},
    "indented": {"indent": 2},
    "sorted": {"sort_keys": True},
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
@exhaustive
@given(event=EVENTS)
def test_what_the_json_module_writes_is_read_without_loss(writer, event):
    """Spacing, escapes and order are the stranger's choice; what is read is what was meant."""
    line = json.dumps(event, **writer).encode()
    expected = exactly({key: event[key] for key in sorted(event)} if writer.get("sort_keys") else event)
    if not writer.get("sort_keys"):
        assert exactly(decode_input_line(line)) == expected
    assert decode_input_line(b" \t" + line + b" \r\n") == event


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (rb'{"a":"\u0041\/\ud83d\ude00\u0000\b\f\n\r\t\"\\"}', {"a": 'A/\U0001f600\x00\b\f\n\r\t"\\'}),
        (b'{"a":18446744073709551615,"b":-9223372036854775808}', {"a": INT_MAX, "b": INT_MIN}),
        (
            b'{"a":1E5,"b":1e+2,"c":0.10,"d":-0.0,"e":10000000000000000000000.0}',
            {"a": 1e5, "b": 100.0, "c": 0.1, "d": -0.0, "e": 1e22},
        ),
        (b'{"a":-0}', {"a": 0}),
        (b'{"":{"":[]}}', {"": {"": []}}),
        (b'{"a":{"k":1},"b":{"k":1},"k":[{"k":1},{"k":1}]}', {"a": {"k": 1}, "b": {"k": 1}, "k": [{"k": 1}, {"k": 1}]}),
        (b"{}", {}),
    ],
)
def test_other_ways_to_write_the_same_are_accepted(line, event):
    """Escapes, exponents, and equal keys in different objects are no fault."""
    assert exactly(decode_input_line(line)) == exactly(event)


NUMBERS_LOST = [
    b"18446744073709551616", b"-9223372036854775809", b"1" * 22, b"9" * 300, b"9" * 5000, b"-" + b"1" * 5000,
    b"1" + b"0" * 100_000, b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1" * 400 + b".5",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS_LOST, ids=lambda number: f"{number[:24]}")
@pytest.mark.parametrize(
    "template", [b'{"a":%b}', b'{"a": [1, {"b": %b}]}', b'{"a":%b,"b":null}\n', b'{ "b":"x", "a":%b }']
)
def test_numbers_that_would_come_out_otherwise_are_refused(number, template):
    """Integers outside 64 bits and numbers that are not finite are refused at any depth, never rounded."""
    with pytest.raises(InvalidEventError) as caught:
        decode_input_line(template % number)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"a":1,"a":1}', "a"),
        (b'{"a":1,"b":2,"a":3}', "a"),
        (b'{"x":{"a":1,"a":2}}', "a"),
        (b'{"x":[0,{"y":[{"a":1,"b":{},"a":2}]}]}', "a"),
        (rb'{"a":1,"\u0061":1}', "a"),
        (b'{"":1,"":1}', ""),
        ('{"é":1,"é":1}'.encode(), "é"),
    ],
)
def test_a_key_given_twice_is_refused(line, key):
    """At any depth, and however it is written: one of the two values would be lost."""
    with pytest.raises(InvalidEventError, match="each field once") as caught:
        decode_input_line(line)
    assert caught.value.field == key


NO_OBJECTS = [
    b"", b" ", b"\n", b"null", b"true", b"1", b'"a"', b"[]", b'[{"a":1}]', b"[1, 2]",
    b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b'{"a":"x', b'{"a":[1}', b'{"a":1}}', b'{"a":1}{"b":2}', b'{"a":1}\n{"b":2}',
    b"{'a':1}", b"{a:1}", b'{"a":1,}', b'{"a":[1,]}', b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}', b'{"a":0x1}', b'{"a":True}',
    b'{"a":1} // x', b'{"a":"\n"}', b'{"a":"\x00"}', b'{"a":1}\x00', b"\x00", rb'{"a":"\x41"}', rb'{"a":"\u12"}',
    b'\xef\xbb\xbf{"a":1}', '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-16-le"), '{"a":1}'.encode("utf-32"),
    b'{"a":"\xff"}', b'{"a":"\xc3"}', b'{"\xe9":1}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\x80"}', b'{"a":"\xf4\x90\x80\x80"}',
    rb'{"a":"\ud800"}', rb'{"a":"\udc00x"}', rb'{"\ud800":1}', rb'{"a":"\ud800\ud800"}',
    b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}", b'{"a":' * 100_000, b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("line", NO_OBJECTS, ids=lambda line: ascii(line[:24]))
def test_what_is_no_json_object_is_refused_both_ways(line):
    """What is not exactly one JSON object in UTF-8 is refused: of a stranger's as input, of ours as damage."""
    with pytest.raises(InvalidEventError) as refused:
        decode_input_line(line)
    assert refused.value.field == ""
    with pytest.raises(UndecodableEventError) as damaged:
        decode_line(line)
    assert "JSON" in str(damaged.value)
    assert "found b" in str(damaged.value)
    assert max(len(str(refused.value)), len(str(damaged.value))) < 400


@pytest.mark.parametrize("space", [b"", b" "])
def test_input_nested_deeper_than_a_line_can_hold_is_refused(space):
    """A stranger's event must fit back into a line, so the same depth limit holds."""
    levels = MAX_DEPTH - 1
    inside = b'{"a":' + b"[" * levels + b"1" + b"]" * levels + space + b"}"
    assert decode_line(encode_line(decode_input_line(inside))) == json.loads(inside)
    beyond = b'{"a":' + b"[" * (levels + 1) + b"1" + b"]" * (levels + 1) + space + b"}"
    with pytest.raises(InvalidEventError, match=f"at most {MAX_DEPTH} levels"):
        decode_input_line(beyond)


@exhaustive
@given(EVENTS, st.data())
def test_a_cut_line_is_never_taken_for_a_whole_one(event, data):
    """A line cut anywhere before its closing brace is refused, however it is read."""
    line = encode_line(event)[:-1]
    cut = line[: data.draw(st.integers(0, len(line) - 1))]
    with pytest.raises(InvalidEventError):
        decode_input_line(cut)
    with pytest.raises(UndecodableEventError):
        decode_line(cut)


JSON_LIKE = st.lists(
    st.sampled_from([b"{", b"}", b"[", b"]", b",", b":", b'"', b'"a"', b"1", b"-", b".5", b"e9", b"null", b"NaN", b"\\u", b"d800", b"\xff", b" ", b"\n"]),
    max_size=20,
).map(b"".join)  # fmt: skip


@exhaustive
@given(st.binary(max_size=64) | JSON_LIKE | JSON_LIKE.map(lambda middle: b'{"a":' + middle + b"}"))
@example(b'{"a":1e400}')
@example(b'{"a":' + b"9" * 5000 + b" }")
@example(b'{"a":' + b"[" * 1023 + b"]" * 1023 + b"}")
def test_any_bytes_are_an_event_or_the_one_typed_error(line):
    """Whatever the bytes, input raises nothing but `InvalidEventError`, and what it accepts can be stored without loss."""
    try:
        event = decode_input_line(line)
    except InvalidEventError:
        return
    assert exactly(decode_line(encode_line(event))) == exactly(event)
    assert event == json.loads(line)


@exhaustive
@given(st.binary(max_size=64) | JSON_LIKE | JSON_LIKE.map(lambda middle: b'{"a":' + middle + b"}"))
@example(b'{"a":' + b"[" * 1025 + b"]" * 1025 + b"}")
def test_any_stored_bytes_are_an_event_or_damage(line):
    """Whatever the bytes, a stored line raises nothing but `UndecodableEventError`."""
    try:
        event = decode_line(line)
    except UndecodableEventError:
        return
    assert type(event) is dict


@exhaustive
@given(EVENTS, st.data())
def test_a_changed_byte_never_escapes_as_another_error(event, data):
    """A line with any byte replaced is an object, an `InvalidEventError` or an `UndecodableEventError`."""
    line = bytearray(encode_line(event))
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    try:
        event = decode_input_line(bytes(line))
    except InvalidEventError:
        event = {}
    assert type(event) is dict
    try:
        assert type(decode_line(bytes(line))) is dict
    except UndecodableEventError:
        return


def test_refused_text_of_strangers_is_cut_and_made_printable():
    """A hostile key or line can't flood a message or put control characters into it."""
    key = "\x1b[2J" * 1000
    errors = []
    for call, argument in [
        (encode_line, {key: math.nan}),
        (decode_input_line, json.dumps({key: 1})[:-1].encode() + b"," + json.dumps({key: 1})[1:].encode()),
        (decode_input_line, key.encode()),
    ]:
        with pytest.raises(InvalidEventError) as caught:
            call(argument)
        errors.append(caught.value)
    assert [error.field for error in errors] == [key, key, ""]
    for error in errors:
        assert len(str(error)) < 300
        assert str(error).isprintable()
