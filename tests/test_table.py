import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import lines_of, session, write
from recordkit.container import open_recording
from recordkit.container.chunks import Counts, Order
from recordkit.container.layout import INT64_MAX, INT64_MIN, MARK_ORDERED, ChunkEntry
from recordkit.container.table import ChunkTable
from recordkit.errors import ChainError, ChecksumError

TIMES = st.lists(st.none() | st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12)


def table_of(times, *, errors=()):
    """A table of chunks with these times (earliest, and how long), marked as ordered where they are."""
    table, order = ChunkTable(), Order()
    for number, time in enumerate(times):
        counts = Counts()
        counts.cover(number, number)
        if time is not None:
            counts.earliest_ns, counts.latest_ns = time[0], time[0] + time[1]
        order = order.after(counts)
        table.add(
            ChunkEntry(
                100 * number, number, 10, 20, 1, 1, int(number in errors), MARK_ORDERED if order.rising else 0, 0,
                number, number, counts.earliest_ns, counts.latest_ns, 0,
            )
        )  # fmt: skip
    return table


@given(TIMES | TIMES.map(lambda times: sorted(time for time in times if time)), st.integers(-5, 70))
def test_moments_are_found_as_by_looking_at_each(times, moment):
    """The first chunk that reaches a moment, and the bounds of all times, are those of the plain list."""
    table = table_of(times)
    latest = [INT64_MIN if time is None else sum(time) for time in times]
    assert table.reaching(moment) == next((n for n, time in enumerate(latest) if time >= moment), len(times))
    known = [time for time in times if time is not None]
    expected = (min(time[0] for time in known), max(map(sum, known))) if known else None
    assert table.bounds_ns() == expected
    assert [entry.sequence for entry in table] == list(range(len(times)))
    assert INT64_MAX not in (expected or ())


def test_chunks_with_errors_are_picked_out():
    """Only the entries that count errors are given, in order."""
    assert [entry.sequence for entry in table_of([(0, 1)] * 5, errors={1, 4}).failing()] == [1, 4]


def test_there_is_no_chunk_outside_the_table():
    """Neither a negative number nor one behind the last names a chunk."""
    table = table_of([(0, 1)])
    for number in (-1, 1):
        with pytest.raises(IndexError, match="chunk"):
            table[number]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_recordings_table_is_what_its_headers_say(tmp_path, sealed):
    """By the index or by a walk the entries are the same, and each chunk is read by itself."""
    chunks = session(7, 3)
    with open_recording(write(tmp_path, chunks, sealed=sealed)) as recording:
        table = recording.table()
        assert table.indexed is sealed
        assert list(table) == list(recording.chunks()) == list(recording.table(indexed=False))
        for number in (6, 0, 3):
            assert recording.read_chunk(table, number) == lines_of(chunks[number])


def test_a_table_grows_with_its_recording(tmp_path):
    """What was appended is added, half a chunk is not, and nothing stands there twice."""
    path = write(tmp_path, session(5, 2, ended=False), sealed=False)
    data = path.read_bytes()
    with open_recording(path) as recording:
        whole = list(recording.chunks())
        path.write_bytes(data[: whole[2].offset + 20])
        table = recording.table()
        assert list(table) == whole[:2]
        recording.extend(table)
        assert list(table) == whole[:2]
        path.write_bytes(data)
        recording.extend(table)
        recording.extend(table)
        assert list(table) == whole
        assert table.faults == []


def test_a_chunk_that_is_not_what_the_table_says_is_refused(tmp_path):
    """Changed bytes and a table that lies raise, with the place; the chunks beside it are read."""
    chunks = session(4, 2)
    path = write(tmp_path, chunks, sealed=True)
    with open_recording(path) as recording:
        table = recording.table()
        lying = ChunkTable()
        for entry in table:
            lying.add(entry._replace(errors=9) if entry.sequence == 2 else entry)
        with pytest.raises(ChainError) as caught:
            recording.read_chunk(lying, 2)
        assert (caught.value.path, caught.value.chunk) == (path, 2)
        data = bytearray(path.read_bytes())
        data[table[1].offset + 145] ^= 4
        path.write_bytes(data)
        with pytest.raises(ChecksumError) as caught:
            recording.read_chunk(table, 1)
        assert (caught.value.path, caught.value.chunk, caught.value.offset) == (path, 1, table[1].offset)
        assert recording.read_chunk(table, 2) == lines_of(chunks[2])


def test_damage_between_chunks_is_in_the_table(tmp_path):
    """A walk over headers passes what is damaged, and says how many sound chunks stand before it."""
    path = write(tmp_path, session(5, 2), sealed=False)
    with open_recording(path, live=False) as recording:
        entries = list(recording.chunks())
        data = bytearray(path.read_bytes())
        data[entries[2].offset + 30] ^= 1
        path.write_bytes(data)
        table = recording.table()
        assert [entry.sequence for entry in table] == [0, 1, 3, 4]
        assert [(fault.before, fault.error.chunk) for fault in table.faults] == [(2, 2)]
