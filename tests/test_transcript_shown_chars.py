import pytest

from recordkit.render import control_chars
from recordkit.transcript.shown_chars import cut_to_width, display_width, safe_line, shown_char


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("漢字", 4, "漢字"), ("漢字x", 4, "漢…"), ("漢字", 3, "漢…"), ("漢字", 2, "…"),
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"), ("e\u0301e\u0301e", 2, "e\u0301…"), ("", 3, ""), ("abcd", 1, "…"),
    ],
)  # fmt: skip
def test_text_is_cut_to_columns(text, columns, shown):
    """What is too wide ends in a mark, and never takes more than its columns."""
    assert cut_to_width(text, columns) == shown
    assert display_width(shown) <= columns


def test_combining_characters_without_end_are_cut():
    """A letter with a thousand accents takes one column and is cut all the same."""
    assert len(cut_to_width("e" + "\u0301" * 1000 + "abc", 3)) < 20


def test_a_character_is_shown_by_its_code():
    """The escape has as many digits as the code needs."""
    assert [shown_char(char) for char in "\x1b\u202e\U000e0041"] == ["\\x1b", "\\u202e", "\\U000e0041"]


def test_the_renderers_use_the_same():
    """There is one way to make a line safe and one to measure it."""
    assert control_chars.safe_line is safe_line
    assert control_chars.display_width is display_width
