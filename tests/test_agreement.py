"""
Whether the end of a sealed recording agrees with its chunks; each disagreement is named.
"""

import pytest

from recordings import MemorySource, parts, recording_bytes, session
from recordkit.container.agreement import Agreement
from recordkit.container.header import read_header
from recordkit.container.index import find_index
from recordkit.container.layout import CHUNK_FRAME_SIZE, MARK_END, ChunkHeader
from recordkit.limits import DEFAULT_LIMITS

SEALED = recording_bytes(session(4, 2), sealed=True)
HEADER = read_header(MemorySource(SEALED), DEFAULT_LIMITS)
INDEX = find_index(MemorySource(SEALED), len(SEALED), DEFAULT_LIMITS, with_entries=True)
ENTRIES = list(INDEX.all_entries())
TABLE = SEALED[parts(SEALED)[-1].offset :]


def named(entries=ENTRIES, *, index=INDEX, table=TABLE, head=INDEX.trailer.chain, header_size=CHUNK_FRAME_SIZE):
    """
    What is wrong with index and seek table behind chunks that these entries describe.
    """
    agreement = Agreement(HEADER)
    for entry in entries:
        agreement.add(entry.offset, ChunkHeader(b"", 0, 0, b"", *entry[1:], b""), header_size=header_size)
    return [error.what for error in agreement.disagreements(index, table, head)]


def test_a_sound_end_agrees():
    """
    What sealing writes agrees with the chunks, whether the head is known or not.
    """
    assert named() == []
    assert named(head=None) == []


def test_another_number_of_chunks_is_named():
    """
    Chunks that are missing or too many are told by their number.
    """
    assert "index names another number of chunks" in named(ENTRIES[:-1])
    assert "index names another number of chunks" in named([*ENTRIES, ENTRIES[-1]])


@pytest.mark.parametrize("field", ["offset", "sequence", "errors", "lowest_ei", "longest_wait_ns"])
def test_an_entry_that_differs_is_named(field):
    """
    One field of one chunk's header that the index has otherwise is noticed.
    """
    other = ENTRIES[1]._replace(**{field: getattr(ENTRIES[1], field) + 1})
    assert "index does not agree with the chunk headers" in named([ENTRIES[0], other, *ENTRIES[2:]])


def test_another_head_is_named():
    """
    The chain's last value is held against the index's, where it was computed.
    """
    assert named(head=bytes(32)) == ["index names another head of the chain"]


def test_a_summary_that_differs_is_named_with_its_keys():
    """
    Each key of the summary follows from header and chunks; those that don't agree are listed.
    """
    index = INDEX._replace(summary=INDEX.summary | {"queries": 99, "user": "bob", "later": 1})
    assert named(index=index) == ["summary does not agree with the chunks in user, queries"]
    unended = [entry._replace(marks=entry.marks & ~MARK_END) for entry in ENTRIES]
    assert any("in state" in what for what in named(unended))


def test_keys_and_sizes_of_later_writers_agree():
    """
    An index with more keys and larger entries is no disagreement, unless what this version knows of them differs.
    """
    size = INDEX.fields.entry_size
    entries = [INDEX.entries[begin : begin + size] for begin in range(0, len(INDEX.entries), size)]
    later = INDEX._replace(
        entries=b"".join(entry + b"more of" + bytes([n]) for n, entry in enumerate(entries)),
        summary=INDEX.summary | {"signatures": []},
        fields=INDEX.fields._replace(entry_size=INDEX.fields.entry_size + 8),
        trailer=INDEX.trailer._replace(entries_crc=1),
    )
    assert named(index=later) == []
    swapped = b"".join(entry + bytes(8) for entry in entries[::-1])
    assert "index does not agree with the chunk headers" in named(index=later._replace(entries=swapped))


def test_a_mark_that_misleads_is_named():
    """
    A chunk that claims to be in order though it falls back is told.
    """
    fallen = [ENTRIES[2], *ENTRIES[:2], ENTRIES[3]]
    assert "chunk headers say that ei and time rise, which they do not" in named(fallen)


@pytest.mark.parametrize("at", [0, 8, 12, 30, len(TABLE) - 9, len(TABLE) - 5, len(TABLE) - 1])
def test_a_seek_table_that_differs_is_named(at):
    """
    Magic, entries and footer of the seek table are what the frames make them.
    """
    table = TABLE[:at] + bytes([TABLE[at] ^ 1]) + TABLE[at + 1 :]
    assert named(table=table) == ["seek table does not agree with the frames"]


def test_the_seek_table_counts_longer_chunk_headers():
    """
    Chunk headers of later writers are longer, and the seek table must say so.
    """
    assert named(header_size=CHUNK_FRAME_SIZE + 8) == ["seek table does not agree with the frames"]
