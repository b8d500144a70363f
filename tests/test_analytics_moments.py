"""
Columns of times.
"""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from recordkit.analytics.moments import fraction_digits, has_form, moments_of
from recordkit.analytics.rows import row_of, time_text

DIGITS = st.integers(0, 9)
TIMES = st.tuples(st.integers(-2_208_988_800, 7_258_118_399), st.integers(0, 10**9 - 1), DIGITS).map(
    lambda parts: time_text(parts[0] * 10**9 + parts[1] // 10 ** (9 - parts[2]) * 10 ** (9 - parts[2]), parts[2])
)
PIECES = st.text(st.sampled_from("0129-:.TZ +"), max_size=4)


@given(st.lists(TIMES | st.none(), max_size=10))
def test_times_come_back(texts):
    """A time and how many digits it had are its text again, whatever stands beside it; null stays null."""
    column = pa.array(texts, pa.string())
    moments, digits = moments_of(column).cast(pa.int64()).to_pylist(), fraction_digits(column).to_pylist()
    for text, moment, count in zip(texts, moments, digits, strict=True):
        assert (None if moment is None else time_text(moment, count)) == text


@given(TIMES, st.integers(0, 30), st.integers(0, 3), PIECES)
def test_no_other_text_is_taken_for_a_time(text, at, cut, piece):
    """A text that was changed anywhere is refused, or is the time that the general way reads."""
    changed = text[:at] + piece + text[at + cut :]
    moments = moments_of(pa.array([changed]))
    row = row_of({"time": changed})
    if moments is not None:
        assert moments.cast(pa.int64())[0].as_py() == row["time"]
        assert "rest" not in row
        assert has_form(pa.array([changed])).to_pylist() == [True]
