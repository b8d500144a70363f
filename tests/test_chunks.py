"""
A chunk as it is written: header and frame that agree, and the position that the next one has to follow.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import NOON, SECOND, MemorySource, count, lines_of, query
from recordkit.container.chunks import Counts, Order, begin, encode_chunk, first_position
from recordkit.container.decoder import Chunk, Decoder
from recordkit.container.frames import Compressor, Decompressor
from recordkit.container.layout import INT64_MAX, INT64_MIN, MARK_END, MARK_ORDERED, MARK_START
from recordkit.limits import DEFAULT_LIMITS

START, POSITION = begin(sid=bytes(16), owner=bytes(16), created_ns=0, attributes=b"")
SMALL = st.integers(-3, 3)


@st.composite
def runs(draw):
    """
    Counts of a chunk: some events with ei and times near each other, some without times, some without events.
    """
    counts = Counts()
    counts.events = draw(st.integers(0, 3))
    if counts.events:
        counts.lowest_ei, counts.highest_ei = sorted((draw(SMALL), draw(SMALL)))
        if draw(st.booleans()):
            counts.earliest_ns, counts.latest_ns = sorted((draw(SMALL), draw(SMALL)))
    return counts


def written(*chunks):
    """
    What the decoder finds in a recording of these chunks (lines and counts).
    """
    data, position, compressor = START, POSITION, Compressor()
    for raw, counts in chunks:
        chunk = encode_chunk(position, raw, counts, compressor)
        data += chunk.data
        position = chunk.after
        assert position.offset == len(data)
    return list(Decoder(MemorySource(data), DEFAULT_LIMITS).walk())


@given(st.lists(st.lists(st.binary(max_size=50).map(lambda b: b.replace(b"\n", b"")), max_size=4), max_size=4))
def test_encoded_chunks_are_decoded_to_the_same_lines(texts):
    """
    Any lines in any number of chunks come out as they went in, at the places that were foretold.
    """
    chunks = []
    for lines in texts:
        counts = Counts()
        counts.events = len(lines)
        chunks.append((b"".join(line + b"\n" for line in lines), counts))
    found = written(*chunks)
    assert all(type(chunk) is Chunk for chunk in found)
    assert [chunk.raw(Decompressor(), DEFAULT_LIMITS) for chunk in found] == [raw for raw, _ in chunks]
    assert [chunk.header.sequence for chunk in found] == list(range(len(chunks)))


def test_the_header_says_what_was_counted():
    """
    Each count stands in the chunk's header, and in the index entry that comes with the bytes.
    """
    events = [
        query(0, event="db.session.start"),
        query(1),
        query(4, event="db.session.result", success=False),
        query(9, event="recordkit.gap", count=7),
        query(2, event="db.session.end"),
    ]
    counts = count(events)
    encoded = encode_chunk(POSITION, lines_of(events), counts, Compressor())
    (chunk,) = written((lines_of(events), counts))
    header = chunk.header
    assert (header.events, header.queries, header.errors, header.lost) == (5, 1, 1, 7)
    assert header.marks == MARK_START | MARK_END | MARK_ORDERED
    assert (header.lowest_ei, header.highest_ei) == (0, 9)
    assert (header.earliest_ns, header.latest_ns) == (NOON, NOON + 9 * SECOND)
    assert header.longest_wait_ns == 3 * SECOND
    assert encoded.entry == chunk.entry
    assert (chunk.entry.offset, chunk.header_size) == (len(START), 140)


def test_encoding_changes_nothing_but_what_it_returns():
    """
    The same chunk encoded twice at one position is the same, so a failed write can be tried again.
    """
    first, second = (encode_chunk(POSITION, b"{}\n", count([{}]), Compressor()) for _ in range(2))
    assert first == second


def test_each_position_follows_the_one_before():
    """
    A chunk encoded at another position has another sequence and chain.
    """
    first = encode_chunk(POSITION, b"{}\n", count([{}]), Compressor())
    second = encode_chunk(first.after, b"{}\n", count([{}]), Compressor())
    assert second.entry.sequence == 1
    assert second.after.chain != first.after.chain
    assert second.after.recording_id == POSITION.recording_id


def test_the_first_position_follows_from_the_header_alone():
    """
    Whoever has the header frame knows where the first chunk goes.
    """
    assert first_position(START[13:]) == POSITION


@given(st.lists(runs(), max_size=5))
def test_a_chunk_is_marked_ordered_as_long_as_nothing_fell(chunks):
    """
    The mark stands in a chunk exactly if no chunk up to it begins or ends below one before it.
    """
    found = written(*((b"{}\n" * counts.events, counts) for counts in chunks))
    for n, chunk in enumerate(found):
        rises = all(
            min(chunks[later].lowest_ei, chunks[later].highest_ei) >= chunks[earlier].highest_ei
            and min(chunks[later].earliest_ns, chunks[later].latest_ns) >= chunks[earlier].latest_ns
            for later in range(n + 1)
            for earlier in range(later)
        )
        assert bool(chunk.header.marks & MARK_ORDERED) is rises


@given(st.lists(runs(), min_size=1, max_size=5), SMALL)
def test_an_ordered_chunk_below_a_moment_has_none_before_it_that_reaches_it(chunks, target):
    """
    What a reader concludes from the mark is true: nothing before such a chunk has come further.
    """
    found = written(*((b"{}\n" * counts.events, counts) for counts in chunks))
    for n, chunk in enumerate(found):
        if chunk.header.marks & MARK_ORDERED:
            if chunk.header.latest_ns < target:
                assert all(before.latest_ns < target for before in chunks[:n])
            if chunk.header.highest_ei < target:
                assert all(before.highest_ei < target for before in chunks[:n])


def test_the_mark_of_joined_chunks_is_made_anew():
    """
    Marks of the chunks that are joined don't carry over order that the new chunk hasn't.
    """
    fallen = encode_chunk(POSITION, b"{}\n", count([query(5)]), Compressor())
    low = count([query(1)])
    low.marks |= MARK_ORDERED
    second = encode_chunk(fallen.after, b"{}\n", low, Compressor())
    assert not second.entry.marks & MARK_ORDERED


def test_losses_beyond_64_bits_are_counted_as_many():
    """
    Gap events that claim more than fits don't break the writer.
    """
    counts = count([query(0, event="recordkit.gap", count=2**64)])
    assert encode_chunk(POSITION, b"{}\n", counts, Compressor()).entry.lost == INT64_MAX


@given(st.lists(runs(), min_size=1, max_size=4))
def test_counts_of_joined_chunks_are_those_of_their_events(chunks):
    """
    Adding counts adds sums, and keeps lowest, highest and longest.
    """
    joined = Counts()
    for counts in chunks:
        counts.queries = counts.errors = counts.lost = counts.longest_wait_ns = counts.events
        joined.add(counts)
    assert joined.events == joined.queries == joined.errors == joined.lost == sum(c.events for c in chunks)
    assert joined.longest_wait_ns == max(c.events for c in chunks)
    assert (joined.lowest_ei, joined.highest_ei) == (
        min(c.lowest_ei for c in chunks),
        max(c.highest_ei for c in chunks),
    )
    assert (joined.earliest_ns, joined.latest_ns) == (
        min(c.earliest_ns for c in chunks),
        max(c.latest_ns for c in chunks),
    )


def test_counts_begin_with_nothing():
    """
    New counts are those of a chunk without events.
    """
    counts = Counts()
    assert (counts.lowest_ei, counts.highest_ei) == (counts.earliest_ns, counts.latest_ns) == (INT64_MAX, INT64_MIN)
    assert Order().after(counts) == Order()


@pytest.mark.parametrize("raw", [b"{}\n", memoryview(b"{}\n"), memoryview(bytearray(b"{}\nrest"))[:3]])
def test_lines_may_be_a_view_of_a_buffer(raw):
    """
    Bytes and views of a part of a buffer give the same chunk.
    """
    assert encode_chunk(POSITION, raw, count([{}]), Compressor()).data.startswith(b"\x5b\x2a\x4d\x18")
    assert written((raw, count([{}])))[0].raw(Decompressor(), DEFAULT_LIMITS) == b"{}\n"
