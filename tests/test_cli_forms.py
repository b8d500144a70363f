import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.cli import forms
from recordkit.render.control_chars import display_width, is_safe

NS = 10**9
NOW = 1784577600 * NS  # 2026-07-20T20:00:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("24h", 86400),
        ("7d", 604800),
        ("90s", 90),
        ("1.5m", 90),
        ("1h30m", 5400),
        ("2w", 1209600),
        ("9" * 30 + "d", 10_000 * 366 * 86400),
    ],
)
def test_periods_are_read(text, seconds):
    """A period is one or several numbers with units; absurd ones are cut to the calendar."""
    assert forms.period_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("1:30", 90), ("1:02:03", 3723), ("0:00.25", 0.25), ("2m", 120), ("0", 0)],
)
def test_delays_are_read(text, seconds):
    """A delay is seconds, a clock or a period."""
    assert forms.delay_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-07-20T20:00:00Z", NOW),
        ("2026-07-20T22:00:00.5+02:00", NOW + NS // 2),
        ("2026-07-20 20:00:00", NOW),
        ("2026-07-20 20:00", NOW),
        ("2026-07-20T20:00", NOW),
        ("2026-07-20", NOW - 20 * 3600 * NS),
        ("24h", NOW - 86400 * NS),
        ("1h30m", NOW - 5400 * NS),
    ],
)
def test_moments_are_read(text, time_ns):
    """A moment is a time, a day, or a period before now; without an offset it is UTC."""
    assert forms.moment_ns(text, now_ns=NOW) == time_ns


@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1x", "24 h", "2026-13-01", "2026-07-20T25:00", "1:60", "٣h", "1e3"]
)
@pytest.mark.parametrize("read", [forms.period_s, forms.delay_s, lambda text: forms.moment_ns(text, now_ns=NOW)])
def test_other_text_is_refused(read, text):
    """What is no period, delay or time is named, with an example of what is."""
    with pytest.raises(ValueError, match="such as"):
        read(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00s"),
        (0.254, "0.25s"),
        (12.34, "12.3s"),
        (59.96, "1m00s"),
        (1800, "30m00s"),
        (3900, "1h05m"),
        (183600, "2d03h"),
    ],
)
def test_durations_are_short(seconds, text):
    """A duration shows its two largest units."""
    assert forms.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (1234, "1.2k"), (9949, "9.9k"), (9950, "10k"), (999_499, "999k"), (999_500, "1.0M"), (34_000_000, "34M"), (10**18, "1.0E"), (10**40, "1e+40")],
)  # fmt: skip
def test_sizes_take_five_characters(count, text):
    """A size is rounded to what fits a narrow column."""
    assert forms.size(count) == text
    assert len(text) <= 5


@given(st.integers(0, 10**40))
def test_no_size_is_longer(count):
    """Any size fits."""
    assert len(forms.size(count)) <= 5


def test_times_are_shown_in_utc():
    """Moments, minutes and delays are written the same way everywhere, and what has no time says so."""
    assert forms.moment(NOW) == "2026-07-20T20:00:00Z"
    assert forms.minute(NOW) == "2026-07-20 20:00"
    assert forms.delay(3_723_045_999_999) == "1:02:03.045"
    assert [forms.moment(None), forms.minute(None), forms.moment(10**30)] == ["-", "-", "-"]


@given(st.text(st.characters()), st.integers(1, 30))
def test_cut_text_fits(text, columns):
    """Cut text is safe, on one line, and never wider than asked; what fits is not cut."""
    short = forms.cut(text, columns)
    assert is_safe(short)
    assert "\n" not in short
    assert display_width(short) <= columns
    assert short.endswith("…") or short == forms.cut(text, 10_000)


@given(st.lists(st.integers(1, 60), min_size=3, max_size=8), st.integers(20, 200))
def test_columns_are_shrunk_to_fit(widths, total):
    """Only flexible columns shrink, the widest first, none below its least; the rest keeps its width."""
    fitted = forms.fitted(widths, [0, 2], total=total)
    assert fitted[1] == widths[1]
    assert fitted[3:] == widths[3:]
    assert sum(fitted) <= max(total, sum(widths) - widths[0] - widths[2] + min(widths[0], 4) + min(widths[2], 4))
    if sum(widths) <= total:
        assert fitted == widths


def test_a_row_is_padded_by_columns():
    """Cells are aligned by the columns they take on the screen, and nothing trails."""
    assert forms.row(["ab", "漢", "7", "x\n"], [4, 3, 3, 9], right=[False, False, True, False]) == "ab   漢    7 x\\n"


@pytest.mark.parametrize(
    ("time_ns", "shown"),
    [
        (None, "-"),
        (2**63 * 100, "-"),
        (0, "1970-01-01T00:00:00.000Z"),
        (1_784_577_625_110_940_000, "2026-07-20T20:00:25.110Z"),
        (1_784_577_625_999_999_999, "2026-07-20T20:00:25.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_a_column_of_times_is_as_wide_everywhere(time_ns, shown):
    """Times are cut to milliseconds, with all three digits."""
    assert forms.millisecond(time_ns) == shown
