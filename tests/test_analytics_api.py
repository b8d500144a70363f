import pickle
import subprocess
import sys

import pyarrow as pa
import pytest

from cli_run import PREPARED, demo_store, environment, sealed
from recorded import same
from recordings import SID, recording_bytes
from recordings import session as chunks_of
from recordkit import analytics
from recordkit.analytics import splitting
from recordkit.errors import ChecksumError, FormatError, StoreError
from recordkit.recorder import Recorder
from recordkit.store import open_store
from store_recordings import write_open, write_sealed


def events_of(store):
    with open_store(store) as opened:
        return [event for sid in opened for event in opened[sid].events()]


def test_importing_it_loads_nothing_heavy():
    """`from recordkit import analytics` is as light as recordkit itself."""
    program = "import sys; from recordkit import analytics; print([n for n in ('pyarrow', 'sqlparse', 'pandas') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_functions_are_not_hidden_by_modules(tmp_path):
    """What is called stays callable, whatever modules were loaded for it."""
    store = demo_store(tmp_path)
    for _ in range(2):
        assert analytics.queries(store).num_rows > 0
        assert analytics.events(store).num_rows > 0
        assert list(analytics.splits(store))
        assert list(analytics.batches(store))


def test_a_store_is_a_table(tmp_path):
    """All events of all sealed recordings are rows, and come back from them."""
    store = demo_store(tmp_path)
    table = analytics.events(store)
    assert isinstance(table, pa.Table)
    assert same(list(analytics.to_events(table)), events_of(store))


def test_batches_are_the_table_in_pieces(tmp_path):
    """Batches have the rows of the table, in its order and with its schema."""
    store = demo_store(tmp_path)
    batches = list(analytics.batches(store))
    assert {batch.schema for batch in batches} == {analytics.events(store).schema}
    assert same([event for batch in batches for event in analytics.to_events(batch)], events_of(store))


def test_sources_of_every_kind(tmp_path):
    """A store, a directory, recordings and files are all sources."""
    store = demo_store(tmp_path)
    with open_store(store) as opened:
        recordings = [opened[sid] for sid in opened]
        rows = analytics.events(opened).num_rows
        for source in (
            store,
            str(store),
            recordings,
            [one.path for one in recordings],
            iter([str(one.path) for one in recordings]),
        ):
            assert analytics.events(source).num_rows == rows
        one = opened[PREPARED]
        assert analytics.events(one).num_rows == analytics.events(one.path).num_rows == sum(1 for _ in one.events())
        for recording in (*recordings, one):
            recording.close()


def test_a_source_that_is_not_there_is_an_error(tmp_path):
    """A missing file is an OSError, a missing store one of ours."""
    with pytest.raises(FileNotFoundError):
        analytics.events(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        analytics.events([tmp_path / "nothing"])
    empty = tmp_path / "empty"
    empty.mkdir()
    assert analytics.events(empty).num_rows == 0
    with pytest.raises((FileNotFoundError, StoreError)):
        list(analytics.splits(str(tmp_path / "no" / "store")))


def test_filters_choose_recordings(tmp_path):
    """Each filter is that of listings; a bad one is a plain ValueError."""
    store = demo_store(tmp_path)
    with open_store(store) as opened:
        for filters in (
            {"protocol": "mysql"},
            {"user": "nobody"},
            {"since": "2026-07-20"},
            {"until": "2000-01-01"},
            {"state": "complete"},
        ):
            wanted = {summary.sid for summary in opened.list(**filters)}
            assert set(analytics.events(store, **filters)["sid"].to_pylist()) == wanted
    with pytest.raises(ValueError, match="since"):
        analytics.events(store, since="yesterday")
    with pytest.raises(ValueError, match="expected events or queries"):
        list(analytics.batches(store, table="rows"))


def test_what_is_being_written_is_taken_on_demand(tmp_path):
    """A session that goes on is left out, or read as far as it is."""
    sid = write_sealed(tmp_path / "s", events=3)
    with Recorder(tmp_path / "s") as recorder:
        session = recorder.session(user="alice")
        session.query("SELECT 1")
        session.flush()
        assert set(analytics.events(tmp_path / "s")["sid"].to_pylist()) == {sid}
        table = analytics.events(tmp_path / "s", include_open=True)
        assert set(table["sid"].to_pylist()) == {sid, session.sid}
        session.close()


def test_a_split_outlives_sealing(tmp_path):
    """A split that names a recording which is sealed meanwhile is read from where it is then."""
    with Recorder(tmp_path / "s") as recorder:
        session = recorder.session(user="alice")
        session.query("SELECT 1")
        session.flush()
        (split,) = analytics.splits(tmp_path / "s", include_open=True)
        session.close()
    assert sum(batch.num_rows for batch in analytics.read_split(split)) == 3


def test_small_recordings_share_a_split_and_a_huge_one_is_divided(tmp_path):
    """Splits are about as large as asked for, small as values, can be pickled, and together are the table."""
    for number in range(9):
        write_sealed(tmp_path / "s", events=4, start_ns=10**18 + number)
    path = tmp_path / "s" / "01" / f"{SID}.jsonl.zst"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(recording_bytes(chunks_of(20, 10), sealed=True))
    found = list(analytics.splits(tmp_path / "s", split_bytes=2000))
    assert all(len(pickle.dumps(split)) < 5000 for split in found)
    assert max(len(split.parts) for split in found) > 1
    huge = [split for split in found if split.parts[0].path == str(path)]
    assert len(huge) > 5
    assert sum(split.events for split in found) == 9 * 4 + 200
    rows = [
        event
        for split in pickle.loads(pickle.dumps(found))
        for batch in analytics.read_split(split)
        for event in analytics.to_events(batch)
    ]
    assert same(rows, events_of(tmp_path / "s"))
    assert len(list(analytics.splits(tmp_path / "s", split_bytes=2000, table="queries"))) < len(found)
    whole = list(analytics.splits(tmp_path / "s", split_bytes=2000, table="queries"))
    assert all(part.after is None and part.last is None for split in whole for part in split.parts)


def damaged(tmp_path, at=6):
    """A store with one recording of 20 chunks of which one is damaged."""
    write_open(tmp_path / "s", events=1)
    path = tmp_path / "s" / "01" / f"{SID}.jsonl.zst"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(recording_bytes(chunks_of(20, 10), sealed=True))
    with open_store(tmp_path / "s") as store, store[SID] as recording:
        offset = list(recording.chunks())[at].offset
    data = bytearray(path.read_bytes())
    data[offset + 160] ^= 1
    path.write_bytes(data)
    return path


def test_damage_is_an_error_unless_leniency_is_asked_for(tmp_path):
    """Strict reading raises with the place; salvage gives the sound rows and tells of the damage."""
    path = damaged(tmp_path)
    with pytest.raises(FormatError, match="chunk 6"):
        analytics.events(path)
    table = analytics.events(path, mode="salvage")
    assert table.num_rows == 190
    told = []
    (split,) = analytics.splits(path, mode="salvage")
    assert sum(batch.num_rows for batch in analytics.read_split(split, on_damage=told.append)) == 190
    assert [type(error) for error in told] == [ChecksumError]
    assert told[0].path == path


@pytest.mark.parametrize("at", [0, 6, 19])
def test_splits_of_a_damaged_recording_double_nothing(tmp_path, at):
    """Wherever the damaged chunk is, each sound row is in exactly one of the splits."""
    path = damaged(tmp_path, at)
    found = list(analytics.splits(path, mode="salvage", split_bytes=2000))
    assert len(found) > 3
    rows = [ei for split in found for batch in analytics.read_split(split) for ei in batch["ei"].to_pylist()]
    assert rows == [n for n in range(200) if n // 10 != at]


def test_a_line_that_is_no_event_raises_in_strict_mode(tmp_path):
    """In sound bytes that are no event, strict reading stops with the recording's path."""
    from recordkit.analytics.tables import Piece, table_of

    class Recording:
        damage = ()

        def follow(self, after):
            yield type("Entry", (), {"events": 1, "marks": 0, "sequence": 0})(), b"nonsense\n"

    def fault(number, error):
        raise error

    with pytest.raises(FormatError, match="not JSON"):
        list(table_of("events").read([Piece(0, Recording())], fault))


def test_an_unreadable_file_of_a_store_is_an_error_in_strict_mode_only(tmp_path):
    """Files that are no recordings are refused, or passed over on demand."""
    store = demo_store(tmp_path)
    sealed(store, PREPARED).write_bytes(b"garbage")
    with pytest.raises(FormatError):
        analytics.events(store)
    assert PREPARED not in analytics.events(store, mode="salvage")["sid"].to_pylist()


def test_size_of_splits_has_a_reason():
    """The usual split is some tens of mebibytes of lines."""
    assert splitting.SPLIT_BYTES == 64 * 1024 * 1024
