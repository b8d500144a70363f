import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.analytics.spans import Spans, UnfitError, lines_of, numbers

LINE = st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"")) | st.sampled_from(
    [b"", b"{}", b"\x00", b"x" * 63, b"x" * 64, b"y" * 200 + b"\x1f", b"\xff" * 70]
)
LINES = st.lists(LINE, min_size=1, max_size=20)


def spans(lines):
    return lines_of(b"".join(line + b"\n" for line in lines))[0]


@given(lines=LINES)
def test_lines_are_found_and_so_are_control_characters(lines):
    """Whatever lines there are, each is found, and told whether it has control characters."""
    found, controlled = lines_of(b"".join(line + b"\n" for line in lines))
    assert found.texts().to_pylist() == lines
    assert [found[place] for place in range(len(lines))] == lines
    expected = [any(byte < 0x20 for byte in line) for line in lines]
    assert (controlled is None) == (not any(expected))
    assert controlled is None or controlled.to_pylist() == expected


@given(lines=LINES, data=st.data())
def test_texts_are_looked_at_where_they_are(lines, data):
    """What is asked of the texts of a buffer is what their copies would answer, on to what is behind them."""
    mask = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    found = spans(lines).where(pa.array(mask, pa.bool_()))
    kept = [line for line, wanted in zip(lines, mask, strict=True) if wanted]
    whole = b"".join(line + b"\n" for line in lines)
    places = list(zip(found.begins.to_pylist(), found.ends.to_pylist(), strict=True))
    behind = [whole[begin:end] for begin, end in zip([begin for begin, _ in places], [begin for begin, _ in places[1:]] + [end for _, end in places[-1:]], strict=True)]  # fmt: skip
    needle, width = data.draw(st.binary(min_size=1, max_size=2)), data.draw(st.integers(0, 5))
    assert found.texts().to_pylist() == kept
    assert found.starts_with(needle).to_pylist() == [text.startswith(needle) for text in behind]
    assert found.find(needle).to_pylist() == [text.find(needle) for text in behind]
    assert found.head(width).to_pylist() == [text[:width] for text in behind]
    clean = [line.endswith(b"}") for line in kept]
    assert found.ends_with(b"}").to_pylist() == clean
    widths = [min(width, len(line)) for line in kept]
    assert found.first(pa.array(widths, pa.int32())).to_pylist() == [line[:width] for line in kept]
    assert found.behind(pa.array(widths, pa.int32())).texts().to_pylist() == [line[width:] for line in kept]


@given(lines=LINES, width=st.integers(0, 70), data=st.data())
def test_no_step_leaves_its_text(lines, width, data):
    """What would end before it begins is refused, with which texts are long enough."""
    found = spans(lines)
    expected = [len(line) >= width for line in lines]
    for step, rest in (
        (found.behind, lambda line: line[width:]),
        (found.before, lambda line: line[: len(line) - width]),
    ):
        if all(expected):
            assert step(width).texts().to_pylist() == [rest(line) for line in lines]
        else:
            with pytest.raises(UnfitError) as caught:
                step(width)
            assert caught.value.fitting.to_pylist() == expected


@given(texts=st.lists(st.binary(max_size=5), max_size=9), begin=st.integers(0, 9))
def test_texts_of_an_array(texts, begin):
    """The texts of an array, or of a part of one, are its spans."""
    found = Spans.of(pa.array(texts, pa.binary())[begin:])
    assert found.texts().to_pylist() == texts[begin:]
    assert len(found) == len(texts[begin:])
    assert found.whole.to_pybytes() == (b"".join(texts) if texts[begin:] else b"")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000, 1024])
def test_numbers(count):
    """Numbers begin with zero, and rise by the step."""
    assert numbers(count).to_pylist() == list(range(count))
    assert numbers(count, 2).to_pylist() == list(range(0, 2 * count, 2))
