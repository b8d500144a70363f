import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.render.control_chars import display_width, is_safe, safe_json, safe_line, safe_text

SHOWN = [
    ("plain", "plain"),
    ("two\nlines\n", "two\nlines\n"),
    ("é 漢 🎉 שלום", "é 漢 🎉 שלום"),
    ("❤\ufe0f", "❤\ufe0f"),
    ("\x00\x07\x08\x0d\x1b[2J\x7f", r"\x00\x07\x08\x0d\x1b[2J\x7f"),
    ("\x1b]52;c;AAAA\x07", r"\x1b]52;c;AAAA\x07"),
    ("\x80\x9b31m\x9d\xa0", "\\x80\\x9b31m\\x9d\xa0"),
    ("\x85", r"\x85"),
    ("\u202eabc\u202c \u2066x\u2069 \u200e\u200f\u061c", r"\u202eabc\u202c \u2066x\u2069 \u200e\u200f\u061c"),
    ("a\u200bb\u200cc\u200dd\u2060e\ufeff\xad", r"a\u200bb\u200cc\u200dd\u2060e\ufeff\xad"),
    ("\u2028\u2029", r"\u2028\u2029"),
    ("\ud800\udcff", r"\ud800\udcff"),
    ("\U000e0041\U000e0100", r"\U000e0041\U000e0100"),
    ("a\ufe00\ufff9b\ufffa", r"a\ufe00\ufff9b\ufffa"),
    ("\u3164\u115f\uffa0", r"\u3164\u115f\uffa0"),
    ("a\\x1b", r"a\x1b"),
]

TABS = [
    ("\tx", "        x"),
    ("a\tb", "a       b"),
    ("1234567\tb", "1234567 b"),
    ("12345678\tb", "12345678        b"),
    ("a\t\tb", "a               b"),
    ("a\nbc\td", "a\nbc      d"),
    ("漢\tb", "漢      b"),
    ("e\u0301\tb", "e\u0301       b"),
    ("\x1b\tb", r"\x1b    b"),
]

# Every character that any terminal is known to obey, or that no eye can see, by Unicode's own word for it.
CONTROLS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp", "Cs")]


@pytest.mark.parametrize(("text", "expected"), SHOWN)
def test_what_a_terminal_would_obey_is_shown(text, expected):
    """Controls, hidden and reversing characters become escapes; all else stays."""
    assert safe_text(text) == expected


@pytest.mark.parametrize(("text", "expected"), TABS)
def test_tabs_reach_to_the_next_multiple_of_eight(text, expected):
    """A tab is as wide as the person saw it, counted from the start of its line."""
    assert safe_text(text) == expected


def test_no_control_of_unicode_passes():
    """Each control, line separator and surrogate of the whole of Unicode is replaced, the line feed excepted."""
    passed = [char for char in CONTROLS if safe_text(char) == char or not safe_text(char).isascii()]
    assert passed == ["\n"]
    assert [char for char in CONTROLS if not safe_line(char).isprintable()] == []


@given(st.text(st.characters()))
def test_safe_text_is_safe_and_stays_so(text):
    """The result needs no second pass, can be encoded, and keeps the number of lines."""
    safe = safe_text(text)
    assert is_safe(safe)
    assert safe_text(safe) == safe
    assert safe.encode().count(b"\n") == text.count("\n")
    assert not any(char in safe for char in CONTROLS if char != "\n")


@given(st.text(st.characters()))
def test_safe_line_is_one_line(text):
    """Nothing that ends a line is left."""
    assert len(safe_line(text).splitlines()) <= 1
    assert is_safe(safe_line(text))


def test_safe_line_names_the_common_controls():
    """Line feed, carriage return and tab are shown by their names."""
    assert safe_line("a\nb\r\n\tc\x1b") == r"a\nb\r\n\tc\x1b"


JSON = st.recursive(
    st.none() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(codec="utf-8")), children),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_safe_json_means_the_same(value, ascii_only):
    """JSON made safe parses to the same value and holds no control, in whichever form it came."""
    safe = safe_json(json.dumps(value, ensure_ascii=ascii_only).encode())
    assert json.loads(safe) == value
    assert is_safe(safe.decode())


def test_safe_json_escapes_beyond_the_basic_plane_in_pairs():
    """A tag character becomes a surrogate pair, as JSON writes it."""
    assert safe_json('"\U000e0041\x9b\x7f"'.encode()) == rb'"\udb40\udc41\u009b\u007f"'


def test_safe_json_returns_plain_json_untouched():
    """What needs no change costs no copy."""
    line = b'{"event":"db.session.query"}\n'
    assert safe_json(line) is line


def test_safe_json_survives_bytes_that_are_not_text():
    """A damaged line can still be shown."""
    assert safe_json(b'"\xff\x1b[2J"') == '"\ufffd\\u001b[2J"'.encode()


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("abc", 3), ("漢字", 4), ("é", 1), ("e\u0301", 1), ("\uff71", 1), ("\uff21", 2)]
)
def test_display_width_counts_columns(text, width):
    """Wide characters take two columns, combining ones none."""
    assert display_width(text) == width
