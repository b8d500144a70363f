"""
Lines found by what they begin with, against lines that are simply split.
"""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordkit.analytics.line_starts import tails_of

PREFIX = (
    b'{"sid":"307b49d6-56c7-4d20-8cf0-5bc5348a7101","cluster_name":"prod.example.com","user":"alice@example.com",'
    b'"db_service":"aurora","db_protocol":"postgres","db_name":"shop",'
)
PREFIXES = {
    "long": PREFIX, "short": PREFIX[:60], "just long enough": PREFIX[:87], "a little longer": PREFIX[:96], "none": b"{",
    "the same again and again": b'{"user":"' + b"a" * 200 + b'",', "binary": bytes(range(32, 232)),
}  # fmt: skip
TAILS = st.one_of(
    st.integers(0, 10**9).map(lambda n: b'"ei":%d,"event":"db.session.query"}' % n),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=300).map(str.encode),
    st.integers(0, len(PREFIX)).map(lambda n: PREFIX[n:]),
    st.just(PREFIX + b"}"),
    st.just(b"}"),
)


def split(text, prefix, count):
    """What must come of it: the tails; None where there are no such lines."""
    lines = text.split(b"\n")
    fit = lines.pop() == b"" and len(lines) == count and all(line.startswith(prefix) for line in lines)
    tails = [line[len(prefix) :] for line in lines]
    return tails if fit and not any(byte < 32 for tail in tails for byte in tail) else None


def found(text, prefix, count):
    answer = tails_of(pa.py_buffer(text), prefix, count)
    if answer is None:
        return None
    tails, texts = answer
    texts.validate(full=True)
    assert tails.texts().equals(texts)
    return texts.to_pylist()


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@given(tails=st.lists(TAILS, min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_tails_are_those_of_lines_that_are_split(prefix, tails):
    """Whatever is behind the prefix, parts of the prefix as well, what is found is what splitting gives."""
    text = b"".join(prefix + tail + b"\n" for tail in tails)
    answer = found(text, prefix, len(tails))
    assert answer in (None, split(text, prefix, len(tails)))


@pytest.mark.parametrize("name", ["long", "a little longer", "binary"])
@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_plain_lines_are_found(name, count):
    """A program's lines, for which this is, are found and not left to others."""
    prefix = PREFIXES[name]
    tails = [b'"ei":%d,"db_query":"SELECT %d"}' % (number, number**4) for number in range(count)]
    assert found(b"".join(prefix + tail + b"\n" for tail in tails), prefix, count) == tails


@given(
    tails=st.lists(TAILS, min_size=2, max_size=30),
    place=st.floats(0, 1, exclude_max=True),
    new=st.one_of(st.binary(max_size=3), st.just(b"\n"), st.just(PREFIX), st.just(b"\n" + PREFIX), st.just(b"}\n{")),
    removed=st.integers(0, 300),
    count=st.sampled_from([-1, 0, 1]),
)
@settings(max_examples=400, deadline=None)
def test_what_was_changed_anywhere_is_never_taken_for_something_else(tails, place, new, removed, count):
    """With bytes put in, taken out, replaced, wherever that is: what splitting gives, or nothing."""
    text = b"".join(PREFIX + tail + b"\n" for tail in tails)
    begin = int(place * len(text))
    text = text[:begin] + new + text[begin + removed :]
    lines = text.count(b"\n") + count
    assert found(text, PREFIX, lines) in (None, split(text, PREFIX, lines))


def test_every_byte_that_is_changed_is_seen():
    """Each single byte of some lines, made a newline, a control character or another letter."""
    tails = [b'"ei":%d,"event":"db.session.query"}' % number for number in range(5)]
    text = b"".join(PREFIX + tail + b"\n" for tail in tails)
    for place in range(len(text)):
        for byte in b"\n\0x":
            changed = text[:place] + bytes([byte]) + text[place + 1 :]
            assert found(changed, PREFIX, 5) in (None, split(changed, PREFIX, 5))


@pytest.mark.parametrize("text", [b"", b"\n", b"x", PREFIX, PREFIX + b"\n", PREFIX[:-1] + b"\n"])
def test_little_is_found_or_nothing(text):
    """Nothing at all, and less than a prefix, end no export."""
    assert found(text, PREFIX, 1) in (None, split(text, PREFIX, 1))
