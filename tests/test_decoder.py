"""
The decoder: bytes in, chunks and damage out, and nothing believed before its check.
"""

import json
import struct
import subprocess
import sys
import textwrap
import zlib
from contextlib import suppress
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import (
    NOON,
    MemorySource,
    Watched,
    bomb,
    count,
    lines_of,
    parts,
    pieces,
    query,
    recording_bytes,
    session,
)
from recordkit.container.chunks import Counts, begin, encode_chunk
from recordkit.container.damage import Damage, DamageKind, damage_of
from recordkit.container.decoder import Chunk, Decoder, Start
from recordkit.container.frames import Compressor, Decompressor
from recordkit.container.index import read_bounds
from recordkit.container.layout import (
    CHUNK,
    CHUNK_TAG,
    CRC,
    HEADER,
    HEADER_TAG,
    INDEX_TAG,
    MAGIC,
    SKIPPABLE,
    SKIPPABLE_MAGIC,
    ChunkHeader,
    chain_value,
    pack_chunk_header,
    skippable,
)
from recordkit.container.longest_run import left_out
from recordkit.errors import (
    ChainError,
    ChecksumError,
    FormatError,
    LimitExceededError,
    UnsupportedVersionError,
)
from recordkit.limits import DEFAULT_LIMITS, Limits

SESSION = session(5, 2)
OPEN = recording_bytes(SESSION, sealed=False)
SEALED = recording_bytes(SESSION, sealed=True)
START, C0, C1, C2, C3, C4 = pieces(OPEN)
END = pieces(SEALED)[-1]
OTHER = recording_bytes(session(5, 2), sealed=True, created_ns=NOON + 1)  # the same session in another recording
OTHER_SID = recording_bytes(session(5, 2), sealed=True, sid="f" * 8 + "-0000-4000-8000-" + "f" * 12)
FORK = recording_bytes([session(2, 2)[0], *session(5, 3)[1:]], sealed=True)  # the same beginning, gone on otherwise


def decoder_of(data, limits=DEFAULT_LIMITS):
    """
    A decoder over these bytes.
    """
    return Decoder(MemorySource(data), limits)


def walked(data, limits=DEFAULT_LIMITS, **options):
    """
    What a walk over these bytes yields: sequence numbers of chunks whose lines hold, and damage in between.
    """
    found = []
    for item in decoder_of(data, limits).walk(**options):
        if isinstance(item, Damage):
            found.append(item)
            continue
        if options.get("frames", True):
            try:
                assert item.raw(Decompressor(), limits) == lines_of(SESSION[item.header.sequence])
            except ChecksumError as error:  # behind damage, where the chain can't be held against the frame
                place = {"offset": item.offset, "length": item.end - item.offset, "chunk": item.header.sequence}
                found.append(damage_of(error, **place))
                continue
        found.append(item.header.sequence)
    return found


def told(data, **options):
    """
    The same with damage as its kind and chunk.
    """
    return [(i.kind.value, i.chunk) if isinstance(i, Damage) else i for i in walked(data, **options)]


# ---------------------------------------------------------------- what is sound


@pytest.mark.parametrize("data", [OPEN, SEALED], ids=["open", "sealed"])
@pytest.mark.parametrize("frames", [True, False])
def test_a_sound_recording_is_walked_without_damage(data, frames):
    """
    Every chunk comes, in order, at the place where it lies; the index is met at the end.
    """
    decoder = decoder_of(data)
    chunks = list(decoder.walk(frames=frames))
    assert all(type(chunk) is Chunk for chunk in chunks)
    heads = [part for part in parts(data) if part.name == "head"]
    bodies = [part for part in parts(data) if part.name == "body"]
    assert [(chunk.offset, chunk.end) for chunk in chunks] == [
        (head.offset, body.end) for head, body in zip(heads, bodies, strict=True)
    ]
    assert [chunk.frame for chunk in chunks] == [data[b.offset : b.end] if frames else b"" for b in bodies]
    assert (decoder.index is None) is (data == OPEN)
    assert decoder.head == chunks[-1].header.chain


def test_a_walk_may_begin_behind_any_chunk():
    """
    A walk from a known chunk on gives the chunks behind it, and checks the chain from there.
    """
    decoder = decoder_of(SEALED)
    chunks = list(decoder.walk())
    for chunk in chunks:
        start = (chunk.end, chunk.header.sequence + 1, chunk.header.chain)
        assert list(decoder.walk(type(decoder.first)(*start))) == chunks[chunk.header.sequence + 1 :]


def test_chunks_without_events_are_sound():
    """
    An empty chunk is passed through like any other.
    """
    data, chunk = START, encode_chunk(*_position(), b"", Counts(), Compressor())
    data += chunk.data
    data += encode_chunk(chunk.after, b"{}\n", count([{}]), Compressor()).data
    found = list(decoder_of(data).walk())
    assert [chunk.raw(Decompressor(), DEFAULT_LIMITS) for chunk in found] == [b"", b"{}\n"]


def _position():
    start, position = begin(
        sid=decoder_of(OPEN).header.frame[20:36],
        owner=decoder_of(OPEN).header.frame[36:52],
        created_ns=NOON,
        attributes=b'{"user":"alice"}',
    )
    assert start == START
    return (position,)


# ---------------------------------------------------------------- chunks in the wrong place


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param([C0, C2, C1, C3, C4], [0, ("misplaced", 1), 2, ("misplaced", 3), 3, 4], id="neighbours swapped"),
        pytest.param([C3, C1, C2, C0, C4], [("misplaced", 0), 1, 2, ("misplaced", 3), 4], id="far ones swapped"),
        pytest.param([C0, C3, C1, C2, C4], [0, ("misplaced", 1), 1, 2, ("misplaced", 3), 4], id="moved forward"),
        pytest.param(
            [C0, C4[:-1] + b"?", C1, C2, C4], [0, ("misplaced", 1), 1, 2, ("misplaced", 3), 4], id="spoilt copy"
        ),
        pytest.param(
            [C1[:-1] + b"?", C0, C4], [("misplaced", 0), ("corrupt", 0), 0, ("misplaced", 1), 4], id="as likely"
        ),
        pytest.param([C0, C3, C1, C2, C3, C4], [0, ("misplaced", 1), 1, 2, 3, 4], id="copied to an earlier place"),
        pytest.param(
            [C1, C2, C3, C4, C0], [("misplaced", 0), 1, 2, 3, 4, ("misplaced", 5)], id="the first moved behind"
        ),
        pytest.param([C0, C1, C1, C2, C3, C4], [0, 1, ("misplaced", 2), 2, 3, 4], id="repeated"),
        pytest.param([C0, C1, C2, C3, C4, C0], [0, 1, 2, 3, 4, ("misplaced", 5)], id="first again at the end"),
        pytest.param([C0, C2, C3, C4], [0, ("misplaced", 1), 2, 3, 4], id="one removed"),
        pytest.param([C1, C2, C3, C4], [("misplaced", 0), 1, 2, 3, 4], id="first removed"),
        pytest.param([C0, C4], [0, ("misplaced", 1), 4], id="several removed"),
        pytest.param([C0, pieces(OTHER)[2], C1, C2, C3, C4], [0, ("misplaced", 1), 1, 2, 3, 4], id="foreign put in"),
        pytest.param([C0, pieces(OTHER)[2], C2, C3, C4], [0, ("misplaced", 1), 2, 3, 4], id="foreign instead"),
        pytest.param([C0, b"?", pieces(OTHER)[3], C3, C4], [0, ("corrupt", 1), 3, 4], id="foreign behind damage"),
        pytest.param([C0, pieces(OTHER_SID)[2], C2, C3, C4], [0, ("misplaced", 1), 2, 3, 4], id="other session"),
        pytest.param([C0, C1, pieces(FORK)[3], C3, C4], [0, 1, ("misplaced", 2), 3, 4], id="same header, other chain"),
        pytest.param([C0, C1, END, C2, C3, C4], [0, 1, ("misplaced", 2), 2, 3, 4], id="index put in"),
        pytest.param([C0, C1, pieces(OTHER)[-1], C2, C3, C4], [0, 1, ("misplaced", 2), 2, 3, 4], id="foreign index"),
        pytest.param([C0, C1, START, C2, C3, C4], [0, 1, ("corrupt", 2), 2, 3, 4], id="a second beginning"),
        pytest.param([C0, C1, b"garbage", C2, C3, C4], [0, 1, ("corrupt", 2), 2, 3, 4], id="bytes put in"),
        pytest.param([C0, C1, bytes(1 << 20), C2, C3, C4], [0, 1, ("corrupt", 2), 2, 3, 4], id="a MiB of zeros"),
    ],
)
@pytest.mark.parametrize("end", [b"", END], ids=["open", "sealed"])
def test_what_does_not_belong_is_named_and_passed_over(data, expected, end):
    """
    Swapped, repeated, foreign, removed and inserted parts are detected; all sound chunks in order still come.
    """
    assert told(START + b"".join(data) + end) == expected


@pytest.mark.parametrize("frames", [True, False])
def test_in_any_order_of_chunks_as_many_as_possible_are_read(frames):
    """
    Each order of five chunks: those of the longest rising run come, and each other one is told of.
    """
    chunks = [C0, C1, C2, C3, C4]
    for order in permutations(range(5)):
        moved = list(left_out(order))
        found = walked(START + b"".join(chunks[number] for number in order) + END, frames=frames)
        assert [item for item in found if type(item) is int] == [n for at, n in enumerate(order) if at not in moved]
        assert sum(isinstance(item, Damage) for item in found) >= bool(moved)


def test_small_chunks_written_over_earlier_ones_cost_only_those():
    """
    Where a stretch of many sound chunks is copied over an earlier one, what stands between them is still read.
    """
    data, lines = recording_bytes(session(60, 1), sealed=False), [lines_of(events) for events in session(60, 1)]
    start, *rest = pieces(data)
    for copied, over in ((40, 5), (45, 0), (20, 10), (52, 30)):
        source = len(start) + sum(map(len, rest[:copied])) + 37
        target = len(start) + sum(map(len, rest[:over])) + 61
        changed = data[:target] + data[source : source + 1500] + data[target + 1500 :]
        read = []
        for item in decoder_of(changed).walk():
            with suppress(FormatError):
                if isinstance(item, Chunk) and item.raw(Decompressor(), DEFAULT_LIMITS) == lines[item.header.sequence]:
                    read.append(item.header.sequence)
        ends = [len(start) + sum(map(len, rest[: n + 1])) for n in range(60)]
        touched = {n for n, end in enumerate(ends) if end > target and end - len(rest[n]) < target + 1500}
        assert read == sorted(read)
        assert set(range(60)) - set(read) - touched == set(), (copied, over)


def test_a_fork_is_noticed_where_it_begins_and_where_it_ends():
    """
    A stretch of chunks of another recording with the very same header breaks the chain on both sides.
    """
    f2, f3 = pieces(FORK)[3:5]
    assert pieces(FORK)[:2] == [START, C0]
    found = list(decoder_of(START + C0 + C1 + f2 + f3 + C4).walk())
    damage = [(item.kind, item.chunk) for item in found if isinstance(item, Damage)]
    assert damage == [(DamageKind.MISPLACED, 2), (DamageKind.MISPLACED, 4)]


@pytest.mark.parametrize("kept", range(5))
def test_chunks_removed_before_the_index_are_missed(kept):
    """
    A sealed recording that lost its last chunks says which, although each chunk in it is sound.
    """
    data = START + b"".join([C0, C1, C2, C3, C4][:kept]) + END
    *chunks, damage = walked(data)
    assert chunks == list(range(kept))
    assert (damage.kind, damage.chunk) == (DamageKind.MISPLACED, kept)
    assert "the last chunks are missing" in str(damage.error)
    assert isinstance(damage.error, ChainError)


def test_the_index_of_another_recording_is_no_index():
    """
    A recording that ends in another's index has all its chunks, and damage that touches no event.
    """
    assert told(START + C0 + C1 + C2 + C3 + C4 + pieces(OTHER)[-1]) == [0, 1, 2, 3, 4, ("index", None)]


def test_bytes_behind_the_end_are_named():
    """
    Nothing may stand behind the seek table.
    """
    *chunks, damage = walked(SEALED + b"more")
    assert chunks == [0, 1, 2, 3, 4]
    assert (damage.kind, damage.offset, damage.length) == (DamageKind.INDEX, len(SEALED), 4)


def test_two_recordings_in_one_file_are_one_and_damage():
    """
    What `cat` makes of two recordings gives no event of the second, and says so.
    """
    for second in (SEALED, OTHER):
        found = told(SEALED + second)
        assert [item for item in found if isinstance(item, int)] == [0, 1, 2, 3, 4]
        assert any(isinstance(item, tuple) for item in found)


# ---------------------------------------------------------------- damaged chunks


def repacked(piece, *, frame=None, chain_after=None, more=b"", **changes):
    """
    A chunk with other header values, whose CRC (and chain, if asked for) holds.
    """
    header = ChunkHeader(*CHUNK.unpack_from(piece, SKIPPABLE.size))._replace(**changes)
    frame = piece[SKIPPABLE.size + header.size :] if frame is None else frame
    header = header._replace(size=CHUNK.size + len(more) + CRC.size)
    if chain_after is not None:
        payload = CHUNK.pack(*header) + more + bytes(CRC.size)
        header = header._replace(chain=chain_value(chain_after, payload, frame))
    body = CHUNK.pack(*header) + more
    return skippable(body + CRC.pack(zlib.crc32(body))) + frame


CHAIN_BEFORE_2 = ChunkHeader(*CHUNK.unpack_from(C1, SKIPPABLE.size)).chain


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"stored_size": len(C2) - 140 - 1}, ChecksumError, id="stored size too small"),
        pytest.param({"raw_size": 10}, ChecksumError, id="raw size too small"),
        pytest.param({"raw_size": 10**6}, ChecksumError, id="raw size too large"),
        pytest.param({"events": 1}, ChecksumError, id="fewer events"),
        pytest.param({"events": 3}, ChecksumError, id="more events"),
        pytest.param({"queries": 9}, ChainError, id="other counts"),
        pytest.param({"chain": bytes(32)}, ChainError, id="other chain"),
        pytest.param({"frame": Compressor().frame(b"{}\n{}\n"), "raw_size": 6}, ChecksumError, id="other frame"),
    ],
)
def test_a_chunk_that_was_rewritten_is_not_returned(changed, error):
    """
    A chunk whose header was changed along with its CRC fails its frame or the chain; the others come.
    """
    if "frame" in changed:
        changed["stored_size"] = len(changed["frame"]) - 1  # and the size does not fit
    found = walked(START + C0 + C1 + repacked(C2, **changed) + C3 + C4)
    damage = [item for item in found if isinstance(item, Damage)]
    assert [item for item in found if isinstance(item, int)] == [0, 1, 3, 4]
    assert damage[0].chunk == 2
    assert isinstance(damage[0].error, error)
    assert len(damage) == (2 if "stored_size" in changed else 1)  # a byte is left over where the size was wrong


def test_an_edited_chunk_shows_in_the_chain_of_the_next():
    """
    A chunk forged with CRC, checksum and chain is betrayed by the next one's chain.
    """
    lines = b'{"db_query":"forged"}\n{}\n'
    frame = Compressor().frame(lines)
    forged = repacked(C2, frame=frame, stored_size=len(frame), raw_size=len(lines), chain_after=CHAIN_BEFORE_2)
    found = list(decoder_of(START + C0 + C1 + forged + C3 + C4).walk())
    damage = [item for item in found if isinstance(item, Damage)]
    assert [(item.kind, item.chunk) for item in damage] == [(DamageKind.MISPLACED, 3)]


def test_fields_of_later_writers_are_passed_over_but_chained():
    """
    A chunk header with fields that version 1 doesn't know is read; a change in them is noticed.
    """
    later = repacked(C2, chain_after=CHAIN_BEFORE_2, more=b"later field")
    chain = ChunkHeader(*CHUNK.unpack_from(later, SKIPPABLE.size)).chain
    c3 = repacked(C3, chain_after=chain)
    assert told(START + C0 + C1 + later + c3) == [0, 1, 2, 3]
    header = ChunkHeader(*CHUNK.unpack_from(later, SKIPPABLE.size))
    body = CHUNK.pack(*header) + b"later FIELD"
    altered = skippable(body + CRC.pack(zlib.crc32(body))) + later[8 + header.size :]
    assert told(START + C0 + C1 + altered + c3) == [0, 1, ("misplaced", 2), 3]


@pytest.mark.parametrize("size", [0, 3, CHUNK.size + CRC.size - 1, 4097, 2**32 - 1])
def test_an_impossible_chunk_header_size_is_damage_not_a_cut(size):
    """
    A chunk header that can't be of its declared size is corrupt, also as the last: nothing was cut.
    """
    for behind in (b"", C3 + C4):
        wrong = C2[:4] + struct.pack("<I", size) + C2[8:]
        found = told(START + C0 + C1 + wrong + behind)
        assert found == [0, 1, ("corrupt", 2), *([3, 4] if behind else [])]


def test_a_header_size_that_was_changed_is_told_from_a_cut():
    """
    The size stands twice in a chunk header, so a flipped bit in one is corruption even at the file's end.
    """
    for bit in range(12):
        size = (CHUNK.size + CRC.size) ^ (1 << bit)
        found = told(START + C0 + C2[:0] + C1[:4] + struct.pack("<I", size) + C1[8:])
        assert found == [0, ("corrupt", 1)]


@given(
    st.lists(st.tuples(st.integers(len(START), len(SEALED) - 1), st.integers(1, 255)), min_size=1, max_size=5),
)
def test_several_wrong_bytes_cost_no_more_than_the_chunks_they_are_in(wrong):
    """
    Whatever bytes are changed, each chunk in which none is comes back, and the damage is told.
    """
    data = bytearray(SEALED)
    hit = set()
    for offset, change in wrong:
        data[offset] ^= change
    for part in parts(SEALED):
        if data[part.offset : part.end] != SEALED[part.offset : part.end]:
            hit.add(part.chunk)
    found = walked(bytes(data))
    returned = [item for item in found if isinstance(item, int)]
    assert returned == sorted(returned)
    assert set(range(5)) - hit <= set(returned)  # and what is returned of the others holds the very same lines
    assert (hit == set()) is (found == [0, 1, 2, 3, 4])


def test_the_damage_says_where_and_what():
    """
    Damage names the bytes that could not be used, the chunk, and what differs.
    """
    data = bytearray(SEALED)
    body = next(part for part in parts(SEALED) if part.name == "body" and part.chunk == 2)
    data[body.end - 1] ^= 1
    (damage,) = [item for item in walked(bytes(data)) if isinstance(item, Damage)]
    head = next(part for part in parts(SEALED) if part.name == "head" and part.chunk == 2)
    assert (damage.kind, damage.chunk) == (DamageKind.CORRUPT, 2)
    assert (damage.offset, damage.length) == (head.offset, body.end - head.offset)
    assert (damage.error.offset, damage.error.chunk) == (head.offset, 2)
    assert f"chunk 2 at offset {head.offset}: " in str(damage.error)


# ---------------------------------------------------------------- what needs a newer reader


@pytest.mark.parametrize("frames", [True, False])
def test_a_critical_flag_in_a_chunk_ends_the_walk_by_name(frames):
    """
    A chunk that must not be passed over raises, with its place, whoever walks.
    """
    flagged = repacked(C2, critical_flags=0x8000)
    walk = decoder_of(START + C0 + C1 + flagged + C3).walk(frames=frames)
    assert [next(walk).header.sequence, next(walk).header.sequence] == [0, 1]
    with pytest.raises(UnsupportedVersionError, match="0x8000") as caught:
        next(walk)
    assert (caught.value.chunk, caught.value.offset) == (2, len(START + C0 + C1))


def test_a_critical_flag_in_the_index_ends_the_walk_by_name():
    """
    An index that needs a newer reader raises behind the last chunk.
    """
    index = bytearray(END[SKIPPABLE.size :])
    index[7] = 1
    fixed, trailer_at = bytes(index[:32]), int.from_bytes(END[4:8], "little") - 52
    crc = zlib.crc32(fixed + bytes(index[trailer_at : trailer_at + 44]))
    index[trailer_at + 44 : trailer_at + 48] = crc.to_bytes(4, "little")
    walk = decoder_of(START + C0 + C1 + C2 + C3 + C4 + END[:8] + bytes(index)).walk()
    assert [next(walk).header.sequence for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(UnsupportedVersionError, match="0x0100"):
        next(walk)


# ---------------------------------------------------------------- a recording that grows


class Growing(MemorySource):
    """
    Bytes of which a few more are there at each look, as beside a writer; the last looks see all.
    """

    def __init__(self, data, begin, step):
        super().__init__(data)
        self.there = begin
        self.step = step

    def size(self):
        self.there += self.step
        return min(self.there, len(self._data))

    def read_at(self, offset, size):
        end = self.size()
        return self._data[offset : min(offset + size, end)]


@pytest.mark.parametrize("data", [OPEN, SEALED], ids=["open", "sealed"])
@pytest.mark.parametrize("frames", [True, False])
def test_a_reader_beside_a_writer_never_sees_damage(data, frames):
    """
    However the file grows between two looks, a walk gives an exact prefix of the chunks and no damage.
    """
    for begin_at in range(len(START), len(data), 7):
        for step in (1, 2, 5, 40, 150, 1000):
            decoder = Decoder(Growing(data, begin_at, step), DEFAULT_LIMITS)
            found = list(decoder.walk(frames=frames, growing=True))
            assert all(type(item) is Chunk for item in found), (begin_at, step)
            assert [item.header.sequence for item in found] == list(range(len(found)))
            whole = [part for part in parts(data) if part.name == "body" and part.end <= begin_at]
            assert len(found) >= len(whole)


def test_damage_before_sound_chunks_is_told_of_a_growing_recording_too():
    """
    That somebody writes is no excuse for damage in the middle.
    """
    data = bytearray(OPEN)
    data[len(START + C0) + 20] ^= 1
    assert told(bytes(data), growing=True) == [0, ("corrupt", 1), 2, 3, 4]
    assert told(bytes(data[:-1]), growing=True) == [0, ("corrupt", 1), 2, 3]


# ---------------------------------------------------------------- hostile bytes


@given(st.binary(max_size=400))
def test_arbitrary_bytes_raise_nothing_else(data):
    """
    Whatever the bytes, alone or behind a sound beginning, there are chunks, damage, or one family of errors.
    """
    for whole in (data, MAGIC + data, START + data, START + C0 + data, START + C0 + data + C1 + END):
        try:
            for item in decoder_of(whole).walk():
                if isinstance(item, Chunk):
                    item.raw(Decompressor(), DEFAULT_LIMITS)
        except FormatError:
            continue


@given(st.binary(max_size=60), st.sampled_from([CHUNK_TAG, INDEX_TAG]), st.integers(0, 2**32 - 1))
def test_arbitrary_frames_of_ours_raise_nothing_else(data, tag, size):
    """
    The same for bytes that begin as our own frames do.
    """
    frame = struct.pack("<II", SKIPPABLE_MAGIC, size) + tag + data
    found = told(START + C0 + frame + C1 + C2)
    assert [item for item in found if isinstance(item, int)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("field", "limit"), [("stored_size", DEFAULT_LIMITS.stored_chunk), ("raw_size", DEFAULT_LIMITS.raw_chunk)]
)
@pytest.mark.parametrize("over", [1, 2**32])
def test_declared_sizes_over_the_limit_are_refused_before_reading(field, limit, over):
    """
    A chunk that declares more than the limit is damage, and its bytes are never asked for.
    """
    changed = repacked(C2, **{field: min(limit + over, 2**32 - 1)})
    source = Watched(START + C0 + C1 + changed + C3 + C4)
    found = list(Decoder(source, DEFAULT_LIMITS).walk())
    (damage,) = [item for item in found if isinstance(item, Damage)]
    assert isinstance(damage.error, LimitExceededError)
    assert [item.header.sequence for item in found if isinstance(item, Chunk)] == [0, 1, 3, 4]
    assert source.asked_for < 4 * (len(OPEN) + 8192)


@pytest.mark.parametrize("limits", [Limits(raw_chunk=len(lines_of(SESSION[0]))), Limits(stored_chunk=len(C0) - 140)])
def test_the_callers_limits_hold_exactly(limits):
    """
    Chunks at the limit are read, larger ones are not.
    """
    sizes = Limits(**{name: getattr(limits, name) - 1 for name in ("raw_chunk", "stored_chunk")})
    assert 0 in walked(OPEN, limits)
    assert 0 not in walked(OPEN, sizes)


def test_a_search_reads_hostile_bytes_a_bounded_number_of_times():
    """
    Bytes made to look like headers everywhere don't make a search read them over and over.
    """
    size = 1 << 17
    empty = struct.pack("<II", SKIPPABLE_MAGIC, 4096)
    for pattern in (INDEX_TAG, CHUNK_TAG + INDEX_TAG, empty + CHUNK_TAG, empty + INDEX_TAG):
        source = Watched(START + C0 + pattern * (size // len(pattern)) + C1)
        found = list(Decoder(source, DEFAULT_LIMITS).walk())
        assert [item.header.sequence for item in found if isinstance(item, Chunk)] == [0, 1]
        assert source.asked_for < 500 * size
        assert source.reads < size


def test_indexes_within_an_index_are_not_read_again_and_again():
    """
    Of many indexes with sound heads and trailers but rotten entries, each around the next, only the outer one is read.
    """
    count, between = 50, 200_000
    heads, trailers = b"", b""
    for n in range(count):  # head n stands at 40 n, and its trailer at 40 count + between + 52 n
        size = (40 * count + between + 52 * (n + 1)) - 40 * n
        fixed = struct.pack("<4sHH8sIIII", INDEX_TAG, 32, 0, bytes(8), 0, 88, 0, size - 8 - 32 - 52)
        trailer = struct.pack("<32sIII", bytes(32), 1, 1, size)
        heads += struct.pack("<II", SKIPPABLE_MAGIC, size - 8) + fixed
        trailers += trailer + zlib.crc32(fixed + trailer).to_bytes(4, "little") + b"RKIE"
    rotten = heads + bytes(between) + trailers
    for offset in (0, 40, 40 * count - 40):
        assert read_bounds(MemorySource(rotten), offset, DEFAULT_LIMITS).offset == offset
    source = Watched(START + C0 + rotten + C1)
    found = list(Decoder(source, DEFAULT_LIMITS).walk())
    assert [item.header.sequence for item in found if isinstance(item, Chunk)] == [0, 1]
    assert source.asked_for < 3 * len(rotten)


BOMBED = textwrap.dedent(
    """
    import json, resource, sys
    from pathlib import Path
    from recordkit.container import open_recording
    from recordkit.errors import FormatError
    resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
    for path in sorted(Path(sys.argv[1]).iterdir()):
        for mode in ("strict", "salvage"):
            events, error, kinds = 0, None, []
            try:
                with open_recording(path, mode=mode, live=False) as recording:
                    try:
                        for _ in recording.events():
                            events += 1
                    finally:
                        kinds = [type(item.error).__name__ for item in recording.damage]
            except FormatError as caught:
                error = type(caught).__name__
            print(json.dumps([path.stem, mode, events, error, kinds]))
    """
)


def test_hostile_sizes_and_bombs_end_in_typed_errors_within_300_mib_of_address_space(tmp_path):
    """
    Recordings of a few kilobytes that claim gigabytes are refused or read, with memory for one chunk.
    """
    (position,) = _position()
    flat_lines = b"{}\n" * (4 << 20)  # 12 MiB of lines; 288 MiB if they were all objects at once
    zeros = 100 << 20

    def chunk(frame, raw_size, events, stored_size=None):
        header = ChunkHeader(
            CHUNK_TAG, CHUNK.size + CRC.size, 0, position.recording_id, 0, stored_size or len(frame), raw_size,
            events, 0, 0, 0, 0, 0, events, 0, 0, 0, bytes(32),
        )  # fmt: skip
        chain = chain_value(position.chain, CHUNK.pack(*header) + bytes(4), frame)
        return START + pack_chunk_header(header._replace(chain=chain)) + frame

    huge = DEFAULT_LIMITS
    files = {
        "a-many-tiny-events": chunk(Compressor().frame(flat_lines), len(flat_lines), 4 << 20),
        "b-zeros": chunk(bomb(zeros) + bytes(4), zeros, 0),
        "c-zeros-no-memory": chunk(bomb(huge.raw_chunk) + bytes(4), huge.raw_chunk, 0),
        "d-raw-over": chunk(bomb(huge.raw_chunk + 1) + bytes(4), huge.raw_chunk + 1, 0),
        "e-raw-4g": chunk(bomb(2**32 - 1) + bytes(4), 2**32 - 1, 0),
        "f-declares-less": chunk(bomb(1 << 30, declared=100) + bytes(4), 100, 0),
        "g-stored-over": chunk(b"x", 1, 1, stored_size=huge.stored_chunk + 1),
        "h-stored-4g": chunk(b"x", 1, 1, stored_size=2**32 - 1),
        "i-index-4g": START + struct.pack("<II", SKIPPABLE_MAGIC, 2**32 - 1) + INDEX_TAG + bytes(100),
        "j-index-at-limit": START + struct.pack("<II", SKIPPABLE_MAGIC, huge.index) + INDEX_TAG + bytes(100),
        "k-header-4g": MAGIC + struct.pack("<II", SKIPPABLE_MAGIC, 2**32 - 1) + bytes(100),
        "l-attributes-4g": MAGIC + skippable(_attributes_of(2**32 - 1)),
        "m-window-2g": chunk(b"\x28\xb5\x2f\xfd\x84\xa8" + struct.pack("<I", 100) + b"\x95\1\0" + bytes(60), 100, 0),
    }
    for name, data in files.items():
        (tmp_path / f"{name}.open").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", BOMBED, tmp_path], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stderr == ""
    told = {(name, mode): rest for name, mode, *rest in map(json.loads, done.stdout.splitlines())}
    assert len(told) == 2 * len(files)
    for name in files:
        events, error, kinds = told[name, "salvage"]
        if name.startswith("a-"):
            assert (events, error, kinds) == (4 << 20, None, [])
            continue
        assert events == 0
        assert kinds or error, name
        assert told[name, "strict"][1] == (kinds[0] if kinds else error)
    assert told["c-zeros-no-memory", "strict"][1] == "LimitExceededError"
    assert told["d-raw-over", "strict"][1] == "LimitExceededError"
    assert told["i-index-4g", "strict"][1] == "LimitExceededError"
    assert told["k-header-4g", "strict"][1] == "LimitExceededError"


def _attributes_of(size):
    body = HEADER.pack(HEADER_TAG, 1, 0, HEADER.size + 8 + CRC.size, bytes(16), bytes(16), 0, size) + bytes(8)
    return body + CRC.pack(zlib.crc32(body))


def test_a_deep_line_is_no_event_and_no_crash():
    """
    Brackets nested beyond all measure are damage of their chunk.
    """
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    (position,) = _position()
    chunk = encode_chunk(position, deep, count([query(0)]), Compressor())
    (found,) = decoder_of(START + chunk.data).walk()
    assert found.raw(Decompressor(), DEFAULT_LIMITS) == deep


# ---------------------------------------------------------------- what is believed of a chunk that is not used


@pytest.mark.parametrize("sequence", [2**63, 2**64 - 1])
@pytest.mark.parametrize("frames", [True, False])
def test_a_sequence_that_cannot_be_is_damage_of_its_chunk(sequence, frames):
    """
    A forged number beyond 63 bits hides nothing behind it, and no number that is told of exceeds 64 bits.
    """
    for known in (b"", b"garbage"):
        data = START + C0 + known + repacked(C1, sequence=sequence) + C1 + C2 + C3 + C4 + END
        found = walked(data, frames=frames)
        assert [item for item in found if isinstance(item, int)] == [0, 1, 2, 3, 4]
        assert [(i.kind, i.chunk) for i in found if isinstance(i, Damage)] == [(DamageKind.CORRUPT, 1)]


def test_the_highest_sequence_of_all_is_followed_by_none():
    """
    A walk that is told to begin with it finds damage, also where the hash holds.
    """
    forged = repacked(C2, sequence=2**63, chain_after=CHAIN_BEFORE_2)
    place = len(START + C0 + C1)
    (item,) = decoder_of(START + C0 + C1 + forged).walk(Start(place, 2**63, CHAIN_BEFORE_2))
    assert isinstance(item, Damage)
    assert isinstance(item.error, LimitExceededError)


@pytest.mark.parametrize("before", [b"", b"garbage"])
def test_critical_flags_of_another_recordings_chunk_say_nothing_of_this_one(before):
    """
    A chunk of another recording is passed over whatever its flags; one of this recording is refused.
    """
    flagged = repacked(pieces(OTHER)[2], critical_flags=1)
    kind = "corrupt" if before else "misplaced"
    assert told(START + C0 + before + flagged + C1 + C2 + C3 + C4 + END) == [0, (kind, 1), 1, 2, 3, 4]
    with pytest.raises(UnsupportedVersionError):
        walked(START + C0 + before + repacked(C1, critical_flags=1) + C2 + END)


@pytest.mark.parametrize("before", [b"", b"garbage"])
@pytest.mark.parametrize("end", [b"", END], ids=["open", "sealed"])
@pytest.mark.parametrize("at", [141, 160, len(C2) - 20])
def test_bytes_taken_out_of_a_frame_cost_that_chunk_alone(at, end, before):
    """
    Where the next chunk begins before the frame should have ended, it is found there, and the chain leads on.
    """
    cut = C2[:at] + C2[at + 20 :]
    kinds = [("corrupt", 2)] * (2 if before else 1)
    assert told(START + C0 + C1 + before + cut + C3 + C4 + end) == [0, 1, *kinds, 3, 4]


@pytest.mark.parametrize("at", [145, len(C2) - 1])
def test_half_a_chunk_and_then_the_whole_one_cost_nothing(at):
    """
    A writer that did not cut back what it had half written leaves every event readable.
    """
    assert told(START + C0 + C1 + C2[:at] + C2 + C3 + C4 + END) == [0, 1, ("corrupt", 2), 2, 3, 4]


def test_nothing_inside_a_frame_is_taken_for_a_chunk_while_the_next_one_follows():
    """
    A damaged frame that is all there is passed over whole, whatever stands in it.
    """
    frame = C2[140:160] + C3 + C2[160:]
    holds = repacked(C2, frame=frame, stored_size=len(frame))
    found = walked(START + C0 + C1 + holds[:-1] + b"?" + C3 + C4 + END)
    assert [(i.kind, i.length) if isinstance(i, Damage) else i for i in found] == [
        0, 1, (DamageKind.CORRUPT, len(holds)), 3, 4
    ]  # fmt: skip
