"""
The index and seek table at the end of a sealed recording: found from the end, checked before they are believed.
"""

import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import MemorySource, parts, recording_bytes, session
from recordkit.container.index import IndexBuilder, find_index, index_offset, read_bounds, read_index, seek_table_size
from recordkit.container.layout import (
    ENTRY,
    INDEX,
    INDEX_END_TAG,
    INDEX_TAG,
    MARK_ORDERED,
    SKIPPABLE,
    TRAILER,
    ChunkEntry,
    skippable,
)
from recordkit.container.summary import State, Totals, summarise
from recordkit.errors import BadMagicError, ChecksumError, FormatError, LimitExceededError, UnsupportedVersionError
from recordkit.limits import DEFAULT_LIMITS, Limits

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)
ENTRIES = st.lists(
    st.builds(
        ChunkEntry,
        **dict.fromkeys(("offset", "sequence", "lost", "longest_wait_ns"), U64),
        **dict.fromkeys(("stored_size", "raw_size", "events", "queries", "errors", "marks"), U32),
        **dict.fromkeys(("lowest_ei", "highest_ei", "earliest_ns", "latest_ns"), I64),
    ),
    max_size=5,
)
SEALED = recording_bytes(session(3, 2), sealed=True)
INDEX_PART = next(part for part in parts(SEALED) if part.name == "index")
TABLE_PART = parts(SEALED)[-1]


def built(entries):
    """
    Index and seek table of these entries behind 100 bytes of something.
    """
    builder = IndexBuilder(87)
    for entry in entries:
        builder.add(entry)
    summary = summarise(
        sid="s", state=State.COMPLETE, attributes={}, created_ns=5, totals=Totals(entries), stored_bytes=0, head="h"
    )
    return bytes(100) + builder.finish(recording_id=b"recordid", chain=bytes(range(32)), summary=summary), summary


def index_frame(
    *, entries=b"", summary=b"{}", size=INDEX.size, more=b"", entry_size=ENTRY.size, count=None, flags=0, critical=0
):
    """
    An index frame whose checksums hold, whatever it says.
    """
    count = len(entries) // entry_size if count is None else count
    fixed = INDEX.pack(INDEX_TAG, size, critical, b"recordid", flags, entry_size, count, len(summary)) + more
    whole = SKIPPABLE.size + len(fixed) + len(entries) + len(summary) + TRAILER.size
    trailer = TRAILER.pack(bytes(32), zlib.crc32(entries), zlib.crc32(summary), whole, 0, INDEX_END_TAG)
    crc = zlib.crc32(fixed + trailer[:44])
    return skippable(fixed + entries + summary + trailer[:44] + crc.to_bytes(4, "little") + INDEX_END_TAG)


@given(ENTRIES)
def test_a_built_index_is_found_and_read_again(entries):
    """
    Entries, chain, recording id and summary come out as they went in, from the end as from the beginning.
    """
    data, summary = built(entries)
    source = MemorySource(data)
    index = find_index(source, len(data), DEFAULT_LIMITS, with_entries=True)
    assert index == read_index(source, 100, DEFAULT_LIMITS)
    assert index_offset(source) == index.offset == 100
    assert [index.entry(n) for n in range(index.fields.entries)] == list(index.all_entries()) == entries
    assert (index.fields.recording_id, index.trailer.chain) == (b"recordid", bytes(range(32)))
    expected = summary.to_json()
    del expected["stored_bytes"]
    assert index.summary == expected
    assert index.ordered is bool(entries and entries[-1].marks & MARK_ORDERED)
    assert seek_table_size(source, len(data)) == len(data) - 100 - index.size


def test_the_summary_is_read_without_the_entries():
    """
    Whoever asks only for the summary doesn't pay for the entries.
    """
    index = find_index(MemorySource(SEALED), len(SEALED), DEFAULT_LIMITS, with_entries=False)
    assert index.entries == b""
    assert index.summary["events"] == 6
    damaged = bytearray(SEALED)
    damaged[INDEX_PART.offset + SKIPPABLE.size + INDEX.size] ^= 1  # in an entry
    assert find_index(MemorySource(bytes(damaged)), len(SEALED), DEFAULT_LIMITS, with_entries=False) == index
    with pytest.raises(ChecksumError, match="entries"):
        find_index(MemorySource(bytes(damaged)), len(SEALED), DEFAULT_LIMITS, with_entries=True)


def test_every_flipped_bit_of_index_and_seek_table_is_noticed_or_harmless():
    """
    From the end, a damaged index is an error or exactly what was written; only the seek table's entries don't matter.
    """
    whole = find_index(MemorySource(SEALED), len(SEALED), DEFAULT_LIMITS, with_entries=True)
    unnoticed = set()
    for bit in range(INDEX_PART.offset * 8, len(SEALED) * 8):
        damaged = bytearray(SEALED)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = find_index(MemorySource(bytes(damaged)), len(SEALED), DEFAULT_LIMITS, with_entries=True)
        except FormatError:
            continue
        assert found == whole
        unnoticed.add(bit // 8)
    assert unnoticed == set(range(TABLE_PART.offset + 8, len(SEALED) - 9))


def test_cut_anywhere_there_is_no_index_to_be_found():
    """
    A sealed recording without its last byte has no index from the end; from its beginning it needs all of itself.
    """
    for size in range(len(SEALED)):
        cut = MemorySource(SEALED[:size])
        with pytest.raises(FormatError):
            find_index(cut, size, DEFAULT_LIMITS, with_entries=True)
        assert index_offset(cut) is None
    for size in range(INDEX_PART.offset, INDEX_PART.end):
        with pytest.raises(FormatError):
            read_index(MemorySource(SEALED[:size]), INDEX_PART.offset, DEFAULT_LIMITS)


def test_the_limit_comes_before_reading():
    """
    An index over the limit is refused by either way; at the limit it is read.
    """
    size = INDEX_PART.end - INDEX_PART.offset
    source = MemorySource(SEALED)
    for over in (Limits(index=size - SKIPPABLE.size - 1), Limits(index=1)):
        with pytest.raises(LimitExceededError):
            find_index(source, len(SEALED), over, with_entries=True)
        with pytest.raises(LimitExceededError):
            read_index(source, INDEX_PART.offset, over)
    assert find_index(source, len(SEALED), Limits(index=size), with_entries=True).fields.entries == 3


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        pytest.param(index_frame(size=INDEX.size - 4), "sizes differ", id="fixed part too small"),
        pytest.param(index_frame(entries=bytes(40), entry_size=40), "sizes differ", id="entries too small"),
        pytest.param(index_frame(count=1), "sizes differ", id="an entry that isn't there"),
        pytest.param(index_frame(count=2**32 - 1, entry_size=2**32 - 1), "sizes differ", id="2**64 bytes"),
        pytest.param(index_frame(entries=bytes(88), count=0), "sizes differ", id="room for an entry more"),
        pytest.param(index_frame(summary=b"{"), "not JSON", id="summary is not JSON"),
        pytest.param(index_frame(summary=b"[]"), "not a JSON object", id="summary is no object"),
        pytest.param(index_frame(summary=b""), "not JSON", id="no summary"),
        pytest.param(index_frame(summary=b"[" * 5000), "not JSON", id="deep summary"),
        pytest.param(index_frame(summary=b'{"a":"\xff"}'), "not JSON", id="summary is not UTF-8"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(frame, what):
    """
    An index whose checksums hold but whose sizes or summary make no sense is an error, before it is read.
    """
    with pytest.raises(ChecksumError, match=what):
        read_index(MemorySource(frame), 0, DEFAULT_LIMITS)


def test_an_unknown_critical_flag_is_refused_by_name():
    """
    An index that needs a newer reader says so.
    """
    with pytest.raises(UnsupportedVersionError, match="0x0004"):
        read_index(MemorySource(index_frame(critical=4)), 0, DEFAULT_LIMITS)


def test_fields_of_later_writers_are_passed_over():
    """
    Larger fixed part, larger entries, unknown flags and keys: what version 1 knows is read.
    """
    entry = ENTRY.pack(*range(14)) + b"later field"
    frame = index_frame(
        entries=entry * 2, entry_size=len(entry), size=INDEX.size + 5, more=b"later", flags=9, summary=b'{"new":1}'
    )
    index = read_index(MemorySource(frame), 0, DEFAULT_LIMITS)
    assert list(index.all_entries()) == [ChunkEntry(*range(14))] * 2
    assert index.summary == {"new": 1}


def test_something_else_is_not_an_index():
    """
    Other frames are told from a damaged index.
    """
    with pytest.raises(BadMagicError):
        read_index(MemorySource(skippable(bytes(200))), 0, DEFAULT_LIMITS)
    with pytest.raises(BadMagicError, match="seek table"):
        find_index(MemorySource(bytes(500)), 500, DEFAULT_LIMITS, with_entries=True)


def test_bounds_are_checked_apart_from_what_is_between():
    """
    Head and trailer of an index hold whatever happened to its entries; a search may pass over it as a whole.
    """
    damaged = bytearray(SEALED)
    damaged[INDEX_PART.offset + 100] ^= 1
    bounds = read_bounds(MemorySource(bytes(damaged)), INDEX_PART.offset, DEFAULT_LIMITS)
    assert bounds.offset + bounds.size == INDEX_PART.end


def test_a_seek_table_that_claims_the_whole_file_leaves_no_room_for_an_index():
    """
    A footer that makes the seek table begin at the file's start is met without reading before it.
    """
    for before in range(TRAILER.size + 2):
        frames = 6
        table = bytes(before) + skippable(bytes(8 * frames) + b"\x06\0\0\0\0\xb1\xea\x92\x8f", magic=0x184D2A5E)
        source = NothingBefore(table)
        with pytest.raises(FormatError):
            find_index(source, len(table), DEFAULT_LIMITS, with_entries=True)
        assert index_offset(source) is None


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_raise_nothing_else(data, ends_well):
    """
    Whatever the bytes, looking for an index ends with one or with an error of the format.
    """
    if ends_well:
        data = SEALED[INDEX_PART.offset : INDEX_PART.offset + 60] + data + SEALED[TABLE_PART.offset :]
    source = NothingBefore(data)
    try:
        find_index(source, len(data), DEFAULT_LIMITS, with_entries=True)
    except FormatError:
        assert index_offset(source) is None or ends_well


def test_a_file_that_shrinks_meanwhile_is_an_error_of_the_format():
    """
    A file that is cut between asking its size and reading its end is called cut.
    """
    for size in range(len(SEALED) - 80, len(SEALED)):
        with pytest.raises(FormatError):
            find_index(MemorySource(SEALED[:size]), len(SEALED), DEFAULT_LIMITS, with_entries=True)


class NothingBefore(MemorySource):
    """
    Bytes that are never asked for before their start.
    """

    def read_at(self, offset, size):
        assert offset >= 0
        assert size >= 0
        return super().read_at(offset, size)


def test_the_seek_table_lists_every_frame():
    """
    The sizes in the seek table are those of all frames before it; only chunks have content.
    """
    table = SEALED[TABLE_PART.offset + 8 : -9]
    sizes = [
        (int.from_bytes(table[n : n + 4], "little"), int.from_bytes(table[n + 4 : n + 8], "little"))
        for n in range(0, len(table), 8)
    ]
    found = [part for part in parts(SEALED) if part.name != "table"]
    assert [stored for stored, _ in sizes] == [part.end - part.offset for part in found]
    index = find_index(MemorySource(SEALED), len(SEALED), DEFAULT_LIMITS, with_entries=True)
    raw_sizes = iter(entry.raw_size for entry in index.all_entries())
    assert [raw for _, raw in sizes] == [next(raw_sizes) if part.name == "body" else 0 for part in found]
    assert orjson.loads(orjson.dumps(index.summary))["chunks"] == 3
