"""
The export's work in several processes, and in parts.

Processes are made by a program of its own here: pytest has threads, which is why no process is made in it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cli_run import environment
from exported import HOUR, exact, expected, keys, published, rows_of
from recordings import SID, query, recording_bytes
from recordkit import analytics
from recordkit.analytics import export_groups, export_workers, parquet
from recordkit.analytics.export_tasks import TaskRun
from recordkit.analytics.exporting import export
from recordkit.container import Recording
from recordkit.container.files import OsFiles
from recordkit.container.table import ChunkTable
from recordkit.store import open_store
from recordkit.store.paths import create_store, sealed_path
from store_recordings import NOON, write_open, write_sealed

PROGRAM = """
import json, os, signal, sys, time
from recordkit.analytics import ExportError, export_groups, export_parquet, export_tasks, parquet
store, out, jobs, table, what = sys.argv[1:]
export_groups.FILE_ROWS = parquet.FILE_ROWS = 40
write, parents = export_tasks.write, os.getpid()

def slow(*arguments, **named):
    print("a file", os.getpid() != parents, flush=True)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "full":
        raise OSError(28, "No space left on device")
    if what == "wait":
        time.sleep(30)
    return write(*arguments, **named)

export_tasks.write = slow
told = []
try:
    report = export_parquet(store, out, table=table, jobs=int(jobs), progress=told.append)
except ExportError as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"rows": report.rows, "files": report.files, "problems": report.problems, "told": told[-1][:3] if told else None}))
"""


def start(store, out, *, jobs, table="events", what=""):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(store), str(out), str(jobs), table, what],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def ended(process):
    """What a program wrote: which files were written by other processes, and its result; nothing on stderr."""
    out, err = process.communicate(timeout=60)
    assert not err
    *lines, last = out.splitlines()
    return [line.endswith("True") for line in lines], json.loads(last)


def write_huge(store, *, chunks, events, sid=SID):
    """A sealed recording with exactly these chunks: sealing would have joined them."""
    create_store(store)
    path = sealed_path(store, sid)
    path.parent.mkdir(exist_ok=True)
    numbers = [range(chunk * events, (chunk + 1) * events) for chunk in range(chunks)]
    path.write_bytes(recording_bytes([[query(n, sid=sid) for n in some] for some in numbers], sealed=True, sid=sid))
    return sid


def large_store(store):
    """Small recordings, two huge ones, one that is begun."""
    for number in range(9):
        write_sealed(store, events=12, start_ns=NOON + number * HOUR, ended=True)
    huge = write_huge(store, events=10, chunks=31)
    write_huge(store, events=7, chunks=13, sid="00000000-0000-4000-8000-000000000001")
    write_open(store, events=5, chunks=2)
    return huge


def commits_of(out, table="events"):
    return [json.loads(path.read_text()) for path in sorted((out / table / "_manifest").glob("*.json"))]


def damage(store, sid, chunk):
    """Change a byte in the middle of a chunk."""
    path = sealed_path(store, sid)
    with open_store(store) as opened, opened[sid] as recording:
        place = list(recording.chunks())[chunk]
    data = bytearray(path.read_bytes())
    data[place.offset + 160] ^= 1
    path.write_bytes(data)


class InParts:
    """Workers that do one task after the other, in this process, each as if it were in one of its own."""

    def __init__(self, count, between=lambda number: None):
        self.count = count
        self.between = between

    def run(self, tasks, tell):
        for number, task in enumerate(tasks):
            work = TaskRun(task, OsFiles(), tell, export_workers._at_once, threads=False)
            work.read()
            yield work.outcome()
            self.between(number)


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(export_groups, "FILE_ROWS", 40)
    monkeypatch.setattr(parquet, "FILE_ROWS", 40)


@pytest.mark.parametrize("jobs", [2, 3])
@pytest.mark.parametrize("table", ["events", "queries"])
def test_processes_write_the_rows_that_one_process_does(tmp_path, jobs, table):
    """However many processes share the work, rows, days and recordings are the same, and other processes wrote them."""
    store = tmp_path / "store"
    large_store(store)
    alone, one = ended(start(store, tmp_path / "one", jobs=1, table=table))
    others, many = ended(start(store, tmp_path / "many", jobs=jobs, table=table))
    assert not any(alone)
    assert all(others)
    assert one["rows"] == many["rows"]
    assert one["told"] == many["told"]
    assert table == "queries" or (exact(store, tmp_path / "one") and exact(store, tmp_path / "many"))

    def content(out):
        files = [analytics_rows(path) for path in published(out, table)]
        return sorted(json.dumps(row, default=str, sort_keys=True) for rows in files for row in rows)

    assert content(tmp_path / "one") == content(tmp_path / "many")
    again = ended(start(store, tmp_path / "many", jobs=jobs, table=table))
    assert again == ([], {"rows": 0, "files": 0, "problems": [], "told": None})


def analytics_rows(path):
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read().to_pylist()


def test_a_huge_recording_is_divided_and_published_at_once(tmp_path, small_files):
    """Its runs are of about the same size, as many as there are workers or a multiple of it, and in one commit."""
    huge = large_store(tmp_path / "store")
    export(tmp_path / "store", tmp_path / "out", table="events", workers=InParts(4))
    assert exact(tmp_path / "store", tmp_path / "out")
    commit = next(one for one in commits_of(tmp_path / "out") if one["recordings"][0]["sid"] == huge)
    assert [one["sid"] for one in commit["recordings"]] == [huge]
    assert commit["recordings"][0]["rows"] == 310
    rows = [file["rows"] for file in commit["files"]]
    assert len(rows) == 8
    assert max(rows) - min(rows) <= 10
    numbers = [one["number"] for one in commits_of(tmp_path / "out")]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("chunk", [0, 7, 8, 9, 30])
def test_damage_in_a_divided_recording_is_told_once(tmp_path, small_files, chunk):
    """Wherever it is, before, behind and in a run, the same rows and problems come as from one reader."""
    store = tmp_path / "store"
    huge = write_huge(store, events=10, chunks=31)
    damage(store, huge, chunk)
    one = export(store, tmp_path / "one", table="events")
    parts = export(store, tmp_path / "parts", table="events", workers=InParts(4))
    assert parts.problems == one.problems
    assert len(one.problems) == 1
    assert (parts.recordings, parts.rows) == (1, 300)
    assert keys(rows_of(tmp_path / "parts")) == keys(rows_of(tmp_path / "one")) == expected(store)
    assert commits_of(tmp_path / "parts")[0]["recordings"] == commits_of(tmp_path / "one")[0]["recordings"]


@pytest.mark.parametrize("by", [-9, -1, 1, 9])
def test_an_index_that_is_wrong_changes_no_row(tmp_path, small_files, monkeypatch, by):
    """Runs whose chunks stand elsewhere than the index says are exact: where one begins is looked at."""
    store = tmp_path / "store"
    write_huge(store, events=10, chunks=31)
    sound = Recording.table

    def wrong(recording):
        entries = list(sound(recording))
        table = ChunkTable(indexed=True)
        for number, entry in enumerate(entries):
            table.add(entry._replace(offset=entries[(number + by) % len(entries)].offset))
        return table

    monkeypatch.setattr(Recording, "table", wrong)
    report = export(store, tmp_path / "out", table="events", workers=InParts(4))
    assert (report.rows, report.problems) == (310, [])
    assert exact(store, tmp_path / "out")


def test_a_recording_that_is_replaced_while_it_is_read_in_parts_is_left_for_later(tmp_path, small_files):
    """Rows of two files under one name never come together: it is reported, and the next run exports it."""
    store = tmp_path / "store"
    huge = write_huge(store, events=10, chunks=31)
    path = sealed_path(store, huge)

    def replace(number):
        if number == 2:
            (path.parent / "copy").write_bytes(path.read_bytes())
            (path.parent / "copy").replace(path)

    report = export(store, tmp_path / "out", table="events", workers=InParts(4, replace))
    assert (report.recordings, report.rows, published(tmp_path / "out")) == (0, 0, [])
    assert len(report.problems) == 1
    assert "changed while it was exported" in report.problems[0]
    assert not (tmp_path / "out/events/_staging").exists()
    report = export(store, tmp_path / "out", table="events", workers=InParts(4))
    assert (report.rows, report.problems) == (310, [])
    assert exact(store, tmp_path / "out")


def test_a_recording_that_is_removed_while_it_is_read_in_parts_is_not_exported_in_part(tmp_path, small_files):
    """Whoever removes a recording gets all of its rows or none."""
    store = tmp_path / "store"
    huge = write_huge(store, events=10, chunks=31)
    others = InParts(4, lambda number: sealed_path(store, huge).unlink(missing_ok=True))
    report = export(store, tmp_path / "out", table="events", workers=others)
    assert (report.recordings, published(tmp_path / "out")) == (0, [])


@pytest.mark.parametrize(
    ("what", "told"),
    [("kill", "ended by something else"), ("full", "No space left")],
)
def test_a_worker_that_fails_ends_the_export_with_an_error_that_says_so(tmp_path, what, told):
    """A process that is killed, or whose disk is full, costs the run but nothing of what was published."""
    store, out = tmp_path / "store", tmp_path / "out"
    large_store(store)
    assert "rows" in ended(start(store, out, jobs=2))[1]
    before = keys(rows_of(out))
    write_huge(store, events=10, chunks=31, sid="00000000-0000-4000-8000-000000000002")
    *_, result = ended(start(store, out, jobs=2, what=what))
    assert told in result["error"]
    assert "what was published is whole" in result["error"]
    assert keys(rows_of(out)) == before
    assert not (out / "events/_staging").exists()
    ended(start(store, out, jobs=2))
    assert exact(store, out)


def children_of(process):
    return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def gone(pid):
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="no processes are forked elsewhere")
def test_workers_end_with_the_export_that_was_killed(tmp_path):
    """Nothing is left running, and the next export begins at once and is exact."""
    store, out = tmp_path / "store", tmp_path / "out"
    large_store(store)
    process = start(store, out, jobs=3, what="wait")
    process.stdout.readline()
    workers = children_of(process)
    assert len(workers) == 3
    process.kill()
    process.wait()
    analytics.export_parquet(store, out)
    assert all(map(gone, workers))
    assert exact(store, out)
    process.stdout.close()
    process.stderr.close()


def test_an_interrupt_ends_all_without_a_word_of_the_workers(tmp_path):
    """Control-C reaches all processes: the export ends as a program does that is interrupted, and leaves no files."""
    store, out = tmp_path / "store", tmp_path / "out"
    large_store(store)
    process = start(store, out, jobs=2, what="")
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert err.count("Traceback") <= 1
    assert process.returncode != 0 or exact(store, out)
    analytics.export_parquet(store, out)
    assert exact(store, out)
    assert not (out / "events/_staging").exists()


def test_a_program_with_threads_is_not_forked():
    """A thread may hold a lock that nobody in the other process would ever let go."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert isinstance(export_workers.workers_for(4), export_workers.Here)
    finally:
        stop.set()
        thread.join()


def test_the_number_of_jobs_is_positive(tmp_path):
    """No jobs, no work: that is a mistake of the caller's."""
    with pytest.raises(ValueError, match="jobs: expected a positive number, found 0"):
        analytics.export_parquet(tmp_path, tmp_path / "out", jobs=0)


def test_no_process_is_made_for_little(tmp_path):
    """One task is done where it is, whatever the number of jobs."""
    for _ in range(3):
        write_sealed(tmp_path / "store", events=3)
    others, result = ended(start(tmp_path / "store", tmp_path / "out", jobs=4))
    assert others == [False]
    assert result["rows"] == 9


def test_runs_of_chunks_are_even(tmp_path):
    """No run is left over at the end, however the sizes fall."""
    sid = write_huge(tmp_path / "store", events=3, chunks=50)
    with open_store(tmp_path / "store") as store, store[sid] as recording:
        raw = recording.summary.raw_bytes
        for count in range(1, 12):
            runs = list(export_groups.runs_of(recording.chunks(), -(-raw // count)))
            assert len(runs) == count
            assert sum(run.events for run in runs) == 150
            assert max(run.events for run in runs) - min(run.events for run in runs) <= 6
