"""
The quick way over a recording: the same chunks and the same damage as without it, in fewer reads.
"""

import random

import pytest

import fuzzing
from recordings import MemorySource, Watched, parts, query, recording_bytes, session
from recordkit.container.chunks import Counts, begin, encode_chunk
from recordkit.container.decoder import Decoder
from recordkit.container.frames import Compressor
from recordkit.container.read_ahead import ReadAhead
from recordkit.errors import FormatError
from recordkit.limits import DEFAULT_LIMITS, KIB, Limits


def items(data, *, limits=DEFAULT_LIMITS, **options):
    """
    All that a walk comes to.
    """
    try:
        decoder = Decoder(MemorySource(data), limits)
        return [*decoder.walk(**options), decoder.head, decoder.index]
    except FormatError as error:
        return [str(error)]


def both(monkeypatch, data, **options):
    """
    The same with the quick way and without it.
    """
    quick = items(data, **options)
    with monkeypatch.context() as patch:
        patch.setattr(ReadAhead, "chunk", lambda *_: None)
        return quick, items(data, **options)


@pytest.mark.parametrize("frames", [True, False])
def test_the_quick_way_finds_what_the_slow_one_finds(frames, monkeypatch):
    """
    Of sound recordings and of some thousand changed ones, down to each field of each item.
    """
    dice, seeds = random.Random(20_261_122), [recording_bytes(session(6, 2), sealed=sealed) for sealed in (True, False)]
    seeds.append(recording_bytes([[query(n, "x" * (n * 900))] for n in range(6)], sealed=True))
    for number in range(1500):
        data = seeds[number] if number < len(seeds) else fuzzing.mutated(dice.choice(seeds), seeds, dice)
        options = {"frames": frames, "growing": number % 3 == 0}
        quick, slow = both(monkeypatch, data, **options)
        assert quick == slow


def test_each_bit_of_a_chunk_sends_it_the_slow_way():
    """
    A chunk of which any bit of header or frame is another never comes by the quick way.
    """
    data = recording_bytes(session(2, 1), sealed=False)
    first = Decoder(MemorySource(data), DEFAULT_LIMITS).first
    end = next(part.end for part in parts(data) if part.name == "body")

    def quick(changed):
        return ReadAhead(MemorySource(changed), first.chain[:8], DEFAULT_LIMITS).chunk(first.offset, 0, first.chain)

    assert quick(data) is not None
    for bit in range(8 * first.offset, 8 * end):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert quick(bytes(changed)) is None
    for size in range(first.offset, end):
        assert quick(data[:size]) is None


def test_limits_hold_on_the_quick_way():
    """
    What is over the caller's limits is left to the slow way, which refuses it.
    """
    data = recording_bytes([[query(0, "x" * 3000)]], sealed=False)
    assert "over the limit" in items(data, limits=Limits(raw_chunk=2000))[0].what
    assert "over the limit" in items(data, limits=Limits(stored_chunk=50))[0].what


def test_tiny_chunks_take_few_reads_and_large_ones_little_more_than_their_headers():
    """
    A thousand tiny chunks are read in some blocks; of large ones a walk over headers reads a page each.
    """
    start, position = begin(sid=bytes(16), owner=bytes(16), created_ns=0, attributes=b"")
    counts, compressor, tiny = Counts(), Compressor(), [start]
    counts.events = 1
    for _ in range(5000):
        chunk = encode_chunk(position, b"{}\n", counts, compressor)
        position = chunk.after
        tiny.append(chunk.data)
    source = Watched(b"".join(tiny))
    assert sum(1 for _ in Decoder(source, DEFAULT_LIMITS).walk()) == 5000
    assert source.reads < 30
    noise = random.Random(2)
    large = recording_bytes([[query(n, noise.randbytes(30_000).hex())] for n in range(40)], sealed=False)
    source = Watched(large)
    assert sum(1 for _ in Decoder(source, DEFAULT_LIMITS).walk(frames=False)) == 40
    assert source.asked_for < 50 * 4 * KIB
    source = Watched(large)
    assert sum(1 for _ in Decoder(source, DEFAULT_LIMITS).walk()) == 40
    assert source.asked_for < 1.3 * len(large)


def test_what_changes_behind_a_block_that_was_read_is_seen():
    """
    Where a writer cuts off a half-written chunk and writes another one there, no reader beside it takes the old bytes.
    """
    sound = recording_bytes([[query(0)], [query(1)], [query(2)]], sealed=False)
    half = recording_bytes([[query(0)], [query(7, "something else")], [query(8)]], sealed=False)
    second = [part for part in parts(sound) if part.name == "head"][1]

    class Changing(MemorySource):
        def __init__(self):
            super().__init__(half[: second.end + 10])

        def change(self):
            self._data = sound

    source = Changing()
    walk = Decoder(source, DEFAULT_LIMITS).walk(growing=True)
    found = [next(walk)]
    source.change()
    found += list(walk)
    assert [item.header.sequence for item in found] == [0, 1, 2]
    assert found[1].frame == sound[second.end :][: found[1].header.stored_size]
