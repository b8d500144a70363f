import errno
import json
import os

import duckdb
import pyarrow.parquet as pq
import pytest

from cli_run import demo_store
from exported import HOUR, MIDNIGHT, exact, expected, keys, published, rows_of, sample_store, seal_begun
from recordings import SID, recording_bytes
from recordings import session as chunks_of
from recordkit import analytics
from recordkit.analytics import export_groups, parquet
from recordkit.analytics.exporting import export
from recordkit.container import RecordingWriter
from recordkit.container.chunks import Counts
from recordkit.container.frames import Compressor
from recordkit.events import encode_line, format_time
from recordkit.recorder import Recorder
from recordkit.store import open_store
from recordkit.store.paths import open_path, sealed_path
from store_recordings import NOON, QuickFiles, write_open, write_sealed


def manifest_of(dest, table="events"):
    return [json.loads(path.read_text()) for path in sorted((dest / table / "_manifest").glob("*.json"))]


def test_each_event_is_a_row_once(tmp_path):
    """All recordings are exported, each event once, in the partition of its day of UTC."""
    sids = sample_store(tmp_path / "store")
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert exact(tmp_path / "store", tmp_path / "out")
    assert (report.recordings, report.rows, report.skipped, report.problems) == (4, 18, 0, [])
    assert report.files == len(published(tmp_path / "out"))
    assert {path.parent.name for path in published(tmp_path / "out")} == {
        "event_date=2026-07-20", "event_date=2026-07-21", "event_date=2026-07-22",
    }  # fmt: skip
    assert {
        sid for commit in manifest_of(tmp_path / "out") for one in commit["recordings"] for sid in [one["sid"]]
    } == set(sids)


def test_a_session_over_midnight_is_in_both_days(tmp_path):
    """What happened before midnight is in one partition, the rest in the next, and the manifest says how many."""
    sid = write_sealed(tmp_path / "store", events=6, start_ns=MIDNIGHT - 2_000_000_000)
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    (commit,) = manifest_of(tmp_path / "out")
    assert {file["path"][:21]: file["recordings"] for file in commit["files"]} == {
        "event_date=2026-07-20": {sid: 2},
        "event_date=2026-07-21": {sid: 4},
    }
    assert exact(tmp_path / "store", tmp_path / "out")


def test_a_second_run_adds_only_what_is_new(tmp_path):
    """A recording that is there is not read again; new ones go to new files, and old files stay as they are."""
    sample_store(tmp_path / "store")
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in published(tmp_path / "out")}
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert (report.recordings, report.rows, report.files, report.skipped) == (0, 0, 0, 4)
    write_sealed(tmp_path / "store", events=5)
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert (report.recordings, report.rows, report.skipped) == (1, 5, 4)
    assert before.items() <= {path: path.stat().st_mtime_ns for path in published(tmp_path / "out")}.items()
    assert exact(tmp_path / "store", tmp_path / "out")


def test_files_are_sorted_by_time_and_their_groups_say_so(tmp_path, monkeypatch):
    """Rows of a file rise in time over all its row groups, whatever order recordings came in."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 7)
    for number in range(5):
        write_sealed(tmp_path / "store", events=6, start_ns=NOON + (number * 3 % 5) * 2_500_000_000)
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    (path,) = published(tmp_path / "out")
    times = pq.ParquetFile(path).read(["time"])["time"].to_pylist()
    metadata = pq.ParquetFile(path).metadata
    assert times == sorted(times)
    assert metadata.num_row_groups == 5
    column = metadata.row_group(0).column(metadata.schema.names.index("time"))
    assert column.compression == "ZSTD"
    assert column.is_stats_set
    assert column.has_column_index
    assert metadata.row_group(0).sorting_columns[0].column_index == metadata.schema.names.index("time")


def test_what_repeats_has_a_dictionary_and_what_does_not_has_none(tmp_path):
    """Columns of categories are encoded by a dictionary, those of statements and uids are not."""
    with Recorder(tmp_path / "store") as recorder, recorder.session(user="alice", db_protocol="postgres") as session:
        for number in range(200):
            session.query(f"SELECT {number}")
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    group = pq.ParquetFile(published(tmp_path / "out")[0]).metadata.row_group(0)
    has = {group.column(n).path_in_schema: group.column(n).has_dictionary_page for n in range(group.num_columns)}
    assert has["user"]
    assert has["event"]
    assert not has["uid"]
    assert not has["db_query"]
    # and Arrow reads the columns with the types of the table, also those that are null throughout
    assert pq.ParquetFile(published(tmp_path / "out")[0]).schema_arrow.equals(
        analytics.events(tmp_path / "store").schema
    )
    assert pq.ParquetFile(published(tmp_path / "out")[0]).read(["db_origin"])["db_origin"].null_count == 202


def test_a_large_export_is_many_files_of_whole_recordings(tmp_path, monkeypatch):
    """Recordings are grouped up to the size of a file; one that is larger goes to several files, by one commit."""
    monkeypatch.setattr(export_groups, "FILE_ROWS", 10)
    monkeypatch.setattr(parquet, "FILE_ROWS", 10)
    monkeypatch.setattr("recordkit.analytics.blocks._BLOCK_BYTES", 100)
    monkeypatch.setattr("recordkit.analytics.blocks._PIECE_BYTES", 1000)
    for _ in range(6):
        write_sealed(tmp_path / "store", events=4)
    large = write_sealed(tmp_path / "store", events=5, chunks=9, start_ns=NOON - HOUR)
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert exact(tmp_path / "store", tmp_path / "out")
    commits = manifest_of(tmp_path / "out")
    assert [len(commit["recordings"]) for commit in commits] == [3, 3, 1]
    assert [one["sid"] for one in commits[2]["recordings"]] == [large]
    assert len(commits[2]["files"]) == 3
    assert report.files == sum(len(commit["files"]) for commit in commits)


def test_filters_choose_recordings(tmp_path):
    """Only recordings that are asked for are exported; the others come with a later run."""
    sids = sample_store(tmp_path / "store")
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out", user="bob")
    assert report.recordings == 1
    assert {event["sid"] for _, event in rows_of(tmp_path / "out")} == {sids[2]}
    assert (
        analytics.export_parquet(
            tmp_path / "store", tmp_path / "out", since="2026-07-20", until="2026-07-22"
        ).recordings
        == 3
    )
    assert exact(tmp_path / "store", tmp_path / "out")


def live(store):
    """Begin a session and leave it open: recorder, session."""
    recorder = Recorder(store)
    session = recorder.session(user="alice", db_protocol="postgres")
    session.query("SELECT 1")
    session.flush()
    return recorder, session


def test_a_session_that_goes_on_is_left_out(tmp_path):
    """Without being asked for, a recording that is being written is left out, and counted as such."""
    write_sealed(tmp_path / "store", events=3)
    recorder, session = live(tmp_path / "store")
    with recorder:
        report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
        assert (report.recordings, report.left_out) == (1, 1)
        assert exact(tmp_path / "store", tmp_path / "out", left_out={session.sid})
        session.close()
    assert analytics.export_parquet(tmp_path / "store", tmp_path / "out").recordings == 1
    assert exact(tmp_path / "store", tmp_path / "out")


def test_a_session_that_goes_on_is_taken_on_demand_and_never_doubled(tmp_path):
    """Its rows are replaced when it has grown, left when it has not, and replaced for good once it is sealed."""
    write_sealed(tmp_path / "store", events=3)
    recorder, session = live(tmp_path / "store")
    out = tmp_path / "out"
    with recorder:
        assert analytics.export_parquet(tmp_path / "store", out, include_open=True).recordings == 2
        assert exact(tmp_path / "store", out)
        assert analytics.export_parquet(tmp_path / "store", out, include_open=True).skipped == 2
        session.query("SELECT 2")
        session.flush()
        report = analytics.export_parquet(tmp_path / "store", out)  # left out: what was exported stays
        assert (report.recordings, report.left_out) == (0, 1)
        report = analytics.export_parquet(tmp_path / "store", out, include_open=True)
        assert (report.recordings, report.replaced) == (1, 1)
        assert exact(tmp_path / "store", out)
        session.close()
    report = analytics.export_parquet(tmp_path / "store", out)
    assert (report.recordings, report.replaced, report.skipped) == (1, 1, 1)
    assert exact(tmp_path / "store", out)
    assert analytics.export_parquet(tmp_path / "store", out, include_open=True).skipped == 2


def test_what_a_dead_recorder_left_is_replaced_once_it_is_sealed(tmp_path):
    """A recording that nobody writes any more is exported as it is, and again when it is sealed."""
    sids = sample_store(tmp_path / "store")
    assert analytics.export_parquet(tmp_path / "store", tmp_path / "out").recordings == 4
    seal_begun(tmp_path / "store", sids[3])
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert (report.recordings, report.replaced, report.skipped) == (1, 1, 3)
    assert exact(tmp_path / "store", tmp_path / "out")


def test_a_recording_that_has_changed_is_replaced(tmp_path):
    """Another recording of the same session, as after a restore, takes the place of the old rows only."""
    sids = sample_store(tmp_path / "store")
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    sealed_path(tmp_path / "store", sids[0]).unlink()
    write_sealed(tmp_path / "store", sids[0], events=7, start_ns=NOON + 5_000_000_000)
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert (report.recordings, report.replaced) == (1, 1)
    assert exact(tmp_path / "store", tmp_path / "out")


def test_a_recording_that_was_removed_keeps_its_rows(tmp_path):
    """Retention of the store is not that of the export."""
    sids = sample_store(tmp_path / "store")
    before = expected(tmp_path / "store")
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    sealed_path(tmp_path / "store", sids[0]).unlink()
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert keys(rows_of(tmp_path / "out")) == before


def test_a_day_that_was_removed_stays_away(tmp_path):
    """Who removes an old partition is not contradicted by the next run."""
    sample_store(tmp_path / "store")
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    gone = published(tmp_path / "out")[0]
    gone.unlink()
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert report.recordings == 0
    assert gone not in published(tmp_path / "out")


def test_the_sound_part_of_a_damaged_recording_is_exported(tmp_path):
    """What is lost is reported with its place, and once: until the file changes, it counts as exported."""
    write_sealed(tmp_path / "store", last := "00000000-0000-4000-8000-000000000001", events=1)
    sid = SID
    path = sealed_path(tmp_path / "store", sid)
    path.parent.mkdir(exist_ok=True)
    good = recording_bytes(chunks_of(5, 3), sealed=True)
    path.write_bytes(good)
    with open_store(tmp_path / "store") as store, store[sid] as recording:
        middle = list(recording.chunks())[2]
    data = bytearray(good)
    data[middle.offset + 160] ^= 1
    path.write_bytes(data)
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert (report.recordings, report.rows) == (2, 13)
    assert len(report.problems) == 1
    assert "chunk 2" in report.problems[0]
    assert str(path) in report.problems[0]
    assert exact(tmp_path / "store", tmp_path / "out")
    damage = {one["sid"]: one["damage"] for one in manifest_of(tmp_path / "out")[0]["recordings"]}
    assert damage == {sid: report.problems, last: []}
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert (report.skipped, report.problems) == (2, [])
    path.write_bytes(good)
    os.utime(path, ns=(NOON, NOON))
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert (report.recordings, report.rows, report.replaced, report.problems) == (1, 15, 1, [])
    assert exact(tmp_path / "store", tmp_path / "out")


def test_a_line_that_is_no_event_is_reported(tmp_path):
    """A sound chunk with a line that is no event costs that line only."""
    sid = "00000000-0000-4000-8000-00000000000a"
    write_open(tmp_path / "store", sid, events=0)
    writer = RecordingWriter(
        tmp_path / "store" / "x", sid=sid, owner="0" * 32, created_ns=NOON, attributes={}, files=QuickFiles()
    )
    writer.create()
    counts = Counts()
    counts.events = 3
    counts.cover(0, 2)
    raw = b'{"sid":"a","ei":0}\nnonsense\n{"sid":"a","ei":2}\n'
    writer.append(raw, counts, Compressor())
    (tmp_path / "store" / "x").replace(open_path(tmp_path / "store", sid))
    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert (report.rows, len(report.problems)) == (2, 1)
    assert "not JSON" in report.problems[0]
    assert keys(rows_of(tmp_path / "out")).total() == 2


def test_a_file_that_is_no_recording_is_reported(tmp_path):
    """What can't be opened is named, costs nothing else, and is tried again by the next run."""
    sids = sample_store(tmp_path / "store")
    sealed_path(tmp_path / "store", sids[0]).write_bytes(b"garbage")
    for _ in range(2):
        report = analytics.export_parquet(tmp_path / "store", tmp_path / "out")
        assert len(report.problems) == 1
        assert sids[0] in report.problems[0]
    assert exact(tmp_path / "store", tmp_path / "out", left_out={sids[0]})


def test_events_without_time_have_a_partition(tmp_path):
    """Rows without a time go where readers of hive partitions look for null."""
    sid = write_sealed(tmp_path / "store", events=2)
    with Recorder(tmp_path / "store") as recorder:
        session = recorder.session(sid="00000000-0000-4000-8000-00000000000b", start=False)
        session.emit({"event": "x", "time": "0001-01-01T00:00:00Z"})
        session.close(interrupted=True)
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    partitions = {partition for partition, event in rows_of(tmp_path / "out") if event["sid"] != sid}
    assert partitions == {"event_date=__HIVE_DEFAULT_PARTITION__"}


def test_two_exports_into_one_place_do_not_meet(tmp_path, monkeypatch):
    """The second refuses while the first runs, says so, and changes nothing."""
    sample_store(tmp_path / "store")
    refused = []

    def meanwhile(progress):
        if not refused:
            with pytest.raises(analytics.ExportError, match="another export is running") as told:
                analytics.export_parquet(tmp_path / "store", tmp_path / "out")
            refused.append(told)

    report = analytics.export_parquet(tmp_path / "store", tmp_path / "out", progress=meanwhile)
    assert refused
    assert report.recordings == 4
    assert exact(tmp_path / "store", tmp_path / "out")


def test_progress_tells_how_far_it_is(tmp_path):
    """Events and recordings are counted up to what there is to do."""
    sample_store(tmp_path / "store")
    told = []
    analytics.export_parquet(tmp_path / "store", tmp_path / "out", progress=told.append)
    assert told[-1] == (4, 18, 4, 18)
    assert [one.events for one in told] == sorted(one.events for one in told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "can't be read"), (b"[]", "can't be read"), (b"{}", "can't be read"), (b'{"format":1,"files":3}', "can't be read"),
        (b'{"format":2}', "newer recordkit"), (b"\xff", "can't be read"),
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_read_stops_the_export(tmp_path, content, told):
    """Without knowing what is there nothing is added, and the error says what to do."""
    sample_store(tmp_path / "store")
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    before = published(tmp_path / "out")
    (tmp_path / "out/events/_manifest/00000001.json").write_bytes(content)
    with pytest.raises(analytics.ExportError, match=told):
        analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert published(tmp_path / "out") == before


def test_a_full_disk_is_an_error_that_says_so(tmp_path):
    """The error names the disk's complaint and what to do; what was published stays, and nothing is left behind."""
    sids = sample_store(tmp_path / "store")
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    before = keys(rows_of(tmp_path / "out"))
    write_sealed(tmp_path / "store", events=5)

    class Full(QuickFiles):
        def sync(self, path):
            if path.name.endswith(".staged"):
                raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with pytest.raises(analytics.ExportError, match=r"No space left on device; what was published is whole"):
        export(tmp_path / "store", tmp_path / "out", table="events", files=Full())
    assert keys(rows_of(tmp_path / "out")) == before
    assert not (tmp_path / "out/events/_staging").exists()
    assert sids


def test_sources_of_every_kind_are_exported(tmp_path):
    """A store, its directory, a list of recordings and files all give the same rows."""
    sids = sample_store(tmp_path / "store")
    wanted = expected(tmp_path / "store")
    paths = [sealed_path(tmp_path / "store", sid) for sid in sids[:3]] + [open_path(tmp_path / "store", sids[3])]
    with open_store(tmp_path / "store") as store:
        recordings = [store[sid] for sid in sids]
        sources = [store, tmp_path / "store", str(tmp_path / "store"), paths, map(str, paths), recordings]
        for number, source in enumerate(sources):
            analytics.export_parquet(source, tmp_path / f"out{number}")
            assert keys(rows_of(tmp_path / f"out{number}")) == wanted
        for recording in recordings:
            recording.close()


def test_an_unknown_table_is_refused(tmp_path):
    """A table that does not exist is a bad argument."""
    with pytest.raises(ValueError, match="expected events or queries"):
        analytics.export_parquet(tmp_path, tmp_path / "out", table="rows")


def test_a_row_that_does_not_name_its_session_cannot_be_replaced(tmp_path):
    """Rather than to remove wrong rows, the export refuses, and stays as it is."""
    sid, other = "00000000-0000-4000-8000-00000000000c", write_sealed(tmp_path / "store", events=2)
    path = sealed_path(tmp_path / "store", sid)

    def record(text):
        path.unlink(missing_ok=True)
        writer = RecordingWriter(
            open_path(tmp_path / "store", sid),
            sid=sid,
            owner="0" * 32,
            created_ns=NOON,
            attributes={},
            files=QuickFiles(),
        )
        (tmp_path / "store/open").mkdir(exist_ok=True)
        writer.create()
        counts = Counts()
        counts.events = 1
        counts.cover(0, 0)
        writer.append(encode_line({"ei": 0, "x": text, "time": format_time(NOON)}), counts, Compressor())
        seal_begun(tmp_path / "store", sid)

    record("a")
    analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    before = keys(rows_of(tmp_path / "out"))
    record("b")
    with pytest.raises(analytics.ExportError, match="export to a new place"):
        analytics.export_parquet(tmp_path / "store", tmp_path / "out")
    assert keys(rows_of(tmp_path / "out")) == before
    assert other


def test_a_source_that_is_missing_is_not_the_exports_fault(tmp_path):
    """A file that is not there is the caller's error, as it comes from the system."""
    with pytest.raises(FileNotFoundError):
        analytics.export_parquet(tmp_path / "nothing", tmp_path / "out")


def test_duckdb_gives_the_same_answers_over_the_export_and_over_the_recordings(tmp_path):
    """Counts, sums, bounds and texts by kind are those of the raw files, read without any of our code."""
    store = demo_store(tmp_path)
    with Recorder(store) as recorder, recorder.session(user="bob", db_protocol="postgres") as session:
        for number in range(3000):
            session.query(f"SELECT '{number}' -- \u00e9\n", parameters=[str(number), "x"] if number % 3 else None)
            session.result(affected_records=number) if number % 5 else session.result(success=False, error='no "luck"')
    analytics.export_parquet(store, tmp_path / "out")
    question = (
        "select event, code, user, count(*), min(ei), max(ei), sum(ei), sum(affected_records), count(*) filter (success), min(uid), max(uid), "
        "min(db_query), max(db_query), min(error), bit_xor(hash(db_query)), sum(len(db_query_parameters)), epoch_us(min(time)::timestamptz), epoch_us(max(time)::timestamptz) "
        "from {} group by all order by all"
    )
    over_export = duckdb.sql(question.format(f"read_parquet('{tmp_path}/out/events/*/*.parquet')")).fetchall()
    raw = f"read_json('{store}/??/*.jsonl.zst', format = 'nd', sample_size = -1)"
    raw = f"(select * replace (time::timestamptz as time, uid::varchar as uid, db_query_parameters::varchar[] as db_query_parameters) from {raw})"
    assert over_export == duckdb.sql(question.format(raw)).fetchall()
    assert sum(row[3] for row in over_export) > 6000
