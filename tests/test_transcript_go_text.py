import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.transcript.go_text import GO_WHITE_SPACE, quote, short_time, trim_space

QUOTED = [
    ("", '""'),
    ("plain", '"plain"'),
    ('a "b" c', r'"a \"b\" c"'),
    ("back\\slash", r'"back\\slash"'),
    ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
    ("\x00\x1b\x1f", r'"\x00\x1b\x1f"'),
    ("\x7f", r'"\x7f"'),
    ("\x80\x9b\xa0", r'"\u0080\u009b\u00a0"'),
    ("é 漢 🎉", '"é 漢 🎉"'),
    ("\xad\u200b\u202e\u2028\ufeff", r'"\u00ad\u200b\u202e\u2028\ufeff"'),
    ("\ufffd", '"\ufffd"'),
    ("\ue000", r'"\ue000"'),
    ("\U000e0041", r'"\U000e0041"'),
    ("\udcff\udc80", r'"\xff\x80"'),
    ("\ud800", r'"\xed\xa0\x80"'),
    ("'", '"\'"'),
]

TIMES = [
    (1784577600 * 10**9, "Mon Jul 20 20:00 UTC"),
    (1784577659 * 10**9 + 999_999_999, "Mon Jul 20 20:00 UTC"),
    (0, "Thu Jan  1 00:00 UTC"),
    (-1, "Wed Dec 31 23:59 UTC"),
    (-62135596800 * 10**9, "Mon Jan  1 00:00 UTC"),
    (253402300799 * 10**9, "Fri Dec 31 23:59 UTC"),
    (1709164800 * 10**9, "Thu Feb 29 00:00 UTC"),
    (-62135596801 * 10**9, "an unknown time"),
    (10**40, "an unknown time"),
    (None, "an unknown time"),
]


@pytest.mark.parametrize(("text", "expected"), QUOTED)
def test_quote_writes_what_go_writes(text, expected):
    """Each class of characters is quoted as strconv.Quote quotes it."""
    assert quote(text) == expected


@given(st.text(st.characters()))
def test_quote_is_printable_and_names_every_text_apart(text):
    """The quoted form is printable, and the text can be read back from it."""
    quoted = quote(text)
    assert quoted.isprintable()
    # Go's escapes are a subset of Python's string escapes, but that \xNN stands for a byte
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert eval(quoted) == text


@pytest.mark.parametrize(("time_ns", "expected"), TIMES)
def test_short_time_writes_what_gos_layout_gives(time_ns, expected):
    """The day is padded with a space, seconds are cut, and what no calendar holds is said to be unknown."""
    assert short_time(time_ns) == expected


@pytest.mark.parametrize("char", GO_WHITE_SPACE)
def test_trim_space_takes_unicode_white_space(char):
    """Each character of White_Space goes, at both ends, and stays within."""
    assert trim_space(f"{char}a{char}b{char}") == f"a{char}b"


@pytest.mark.parametrize("char", "\x1c\x1d\x1e\x1f\u200b\ufeff")
def test_trim_space_leaves_what_only_python_strips(char):
    """The separators that str.strip() would take, and zero-width characters, stay as in Go."""
    assert trim_space(f"{char}a{char}") == f"{char}a{char}"
