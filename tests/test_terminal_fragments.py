from hypothesis import given
from hypothesis import strategies as st

from recordkit.render.control_chars import display_width
from recordkit.terminal.capabilities import has_colour, has_screen
from recordkit.terminal.fragments import cut, safe, spread, width, wrap
from recordkit.terminal.theme import STYLES
from recordkit.terminal.timeline import speed_text, time_text

TEXTS = st.lists(st.tuples(st.sampled_from("xy"), st.text("ab 漢e\u0301\n", max_size=30)), max_size=5)


@given(TEXTS, st.integers(1, 12))
def test_wrapping_loses_nothing_and_fits(fragments, columns):
    """Wrapped lines hold all text in order, and none is wider than the screen, but for what no line can hold."""
    lines = wrap(fragments, columns)
    assert "".join(text for line in lines for _, text in line) == "".join(text for _, text in fragments).replace(
        "\n", ""
    )
    if columns > 1:
        assert all(width(line) <= columns for line in lines)


@given(TEXTS, st.integers(0, 12))
def test_a_cut_line_is_the_beginning(fragments, columns):
    """What is kept of a line is its beginning, as much as fits."""
    line = [(style, text.replace("\n", "")) for style, text in fragments]
    kept = "".join(text for _, text in cut(line, columns))
    whole = "".join(text for _, text in line)
    assert whole.startswith(kept)
    assert display_width(kept) <= columns
    assert len(kept) == len(whole) or display_width(whole[: len(kept) + 1]) > columns


def test_lines_are_spread_or_the_right_part_goes():
    """Left and right stand at the edges; where there is no room for both, the left one stays."""
    assert "".join(text for _, text in spread([("", "ab")], [("", "cd")], 7)) == "ab   cd"
    assert "".join(text for _, text in spread([("", "abc")], [("", "cd")], 5)) == "abc"


def test_the_last_gate_shows_controls():
    """A fragment that somebody forgot to make safe is made so before it is drawn."""
    assert safe([("s", "a\x1b[2J\nb")]) == [("s", "a\\x1b[2J\\nb")]


def test_colour_is_a_matter_of_the_terminal():
    """NO_COLOR with any value but none takes the colours of a terminal that has them."""
    assert has_colour({"TERM": "xterm-256color"})
    assert has_colour({"TERM": "xterm-256color", "NO_COLOR": ""})
    assert not has_colour({"TERM": "xterm-256color", "NO_COLOR": "0"})


def test_a_screen_needs_a_terminal_that_has_one():
    """Dumb and unnamed terminals can't show the player."""
    assert has_screen({"TERM": "xterm"})
    assert not any(map(has_screen, ({}, {"TERM": ""}, {"TERM": "dumb"})))


def test_times_are_as_long_as_the_session_needs():
    """Short sessions show tenths, long ones hours."""
    s = 1_000_000_000
    assert time_text(95 * s + s // 2, 99 * s) == "1:35"
    assert time_text(5 * s + s // 2, 59 * s) == "0:05.5"
    assert time_text(95 * s, 3600 * s) == "0:01:35"
    assert time_text(-5, 3600 * s) == "0:00:00"
    assert [speed_text(speed) for speed in (0.25, 1.0, 16.0)] == ["0.25x", "1x", "16x"]


def test_no_two_kinds_of_mark_differ_by_colour_alone():
    """Without colour an error and a change on the timeline are still told apart, by their letters."""
    from recordkit.playback import Mark
    from recordkit.terminal.timeline import _LETTERS

    assert _LETTERS[Mark.WRITE] != _LETTERS[Mark.ERROR]
    assert "reverse" in STYLES["selected"]
