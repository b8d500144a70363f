import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from cli_run import environment
from crashing_files import CrashingFiles, Died
from exported import exact, expected, keys, published, rows_of, sample_store, seal_begun
from recordings import SID, recording_bytes
from recordings import session as chunks_of
from recordkit import analytics
from recordkit.analytics import export_groups, parquet
from recordkit.analytics.exporting import export
from recordkit.errors import RecordKitError
from recordkit.store.paths import sealed_path
from store_recordings import NOON, write_sealed


@pytest.fixture
def small_files(monkeypatch):
    """Several commits an export."""
    monkeypatch.setattr(export_groups, "FILE_ROWS", 8)
    monkeypatch.setattr(parquet, "FILE_ROWS", 8)


def prepared(tmp_path):
    """A store of which a part was exported, and an export in which something must be replaced, removed and added."""
    store, out = tmp_path / "store", tmp_path / "out"
    sids = sample_store(store)
    analytics.export_parquet(store, out)
    seal_begun(store, sids[3])
    for number in range(3):
        write_sealed(store, events=4, start_ns=NOON + number * 86_400_000_000_000)
    return store, out


def crash(store, out, at, how):
    """Export with a fault at operation *at*; whether it happened."""
    files = CrashingFiles(at, how)
    try:
        export(store, out, table="events", files=files)
    except (Died, RecordKitError):
        assert files.failed
    return files.failed


@pytest.mark.parametrize("how", CrashingFiles.HOW)
def test_whatever_the_export_was_doing_the_next_one_makes_it_exact(tmp_path, small_files, how):
    """At each operation on the disk a run is refused or dies: no row is ever double, files are whole, and the next run is exact."""
    store, out = prepared(tmp_path)
    done = expected(store)
    at = 0
    while True:
        case = tmp_path / f"case{at}"
        shutil.copytree(out, case)
        happened = crash(store, case, at, how)
        rows = keys(rows_of(case))
        assert rows <= done, (at, "a row is double, or none of ours")
        report = analytics.export_parquet(store, case)
        assert keys(rows_of(case)) == done, at
        assert report.problems == []
        assert not (case / "events/_staging").exists()
        assert not list((case / "events/_manifest").glob(".*"))
        shutil.rmtree(case)
        if not happened:
            break
        at += 1
    assert at > 20


def test_a_second_death_while_repairing_is_repaired_too(tmp_path, small_files):
    """A run that dies while it finishes what another left is finished by the next."""
    store, out = prepared(tmp_path)
    done = expected(store)
    chance = random.Random(1)
    for number in range(40):
        case = tmp_path / f"case{number}"
        shutil.copytree(out, case)
        for _ in range(3):
            crash(store, case, chance.randrange(30), "dies " + chance.choice(["before", "half-way", "behind"]))
            assert keys(rows_of(case)) <= done
        analytics.export_parquet(store, case)
        assert keys(rows_of(case)) == done
        shutil.rmtree(case)


def test_a_failed_first_export_leaves_nothing(tmp_path):
    """Where the disk refuses the first file, no file is published, and the error is one of ours."""
    sample_store(tmp_path / "store")
    for at in range(6):
        out = tmp_path / f"out{at}"
        with pytest.raises(analytics.ExportError, match="No space left"):
            export(tmp_path / "store", out, table="events", files=CrashingFiles(at, "refused"))
        assert published(out) == []


def test_each_day_is_there_or_not_never_half_a_file(tmp_path, small_files):
    """What a reader sees between two operations of an export are whole files only."""
    store, out = prepared(tmp_path)

    class Watched(CrashingFiles):
        def _step(self, name, whole, half=lambda: None):
            rows_of(out)
            super()._step(name, whole, half)

    export(store, out, table="events", files=Watched(10**9, "refused"))
    assert exact(store, out)


PROGRAM = """
import sys
from recordkit.analytics import export_groups, export_parquet, parquet
export_groups.FILE_ROWS = parquet.FILE_ROWS = 40
export_parquet(sys.argv[1], sys.argv[2], jobs=int(sys.argv[3]), progress=lambda told: print(told.events, flush=True))
"""


def killed(store, out, chance, jobs):
    """Start an export in a process of its own, kill it at a random moment after its first rows, and say how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(store), str(out), str(jobs)],
        env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines = chance.randrange(20 if jobs == 1 else 4)
    for _ in range(lines):
        if not process.stdout.readline():
            break
    time.sleep(chance.random() * 0.02)
    process.kill()
    process.stdout.close()
    return process.wait()


def kills(tmp_path, rounds, jobs):
    store, out = tmp_path / "store", tmp_path / "out"
    for number in range(20):
        write_sealed(store, events=10, start_ns=NOON + number * 3600 * 1_000_000_000)
    path = sealed_path(store, SID)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(recording_bytes(chunks_of(15, 10), sealed=True))  # sealing would join them
    done = expected(store)
    chance = random.Random(7)
    deaths = 0
    for _ in range(rounds):
        if keys(rows_of(out)) == done:
            shutil.rmtree(out)
        deaths += killed(store, out, chance, jobs) == -signal.SIGKILL
        assert keys(rows_of(out)) <= done
    assert deaths > rounds // 2
    analytics.export_parquet(store, out)
    assert keys(rows_of(out)) == done


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_export_that_is_killed_again_and_again_becomes_exact(tmp_path, jobs):
    """kill -9 at random moments, run after run into one place: never a row twice, and in the end each is there once."""
    kills(tmp_path, 6, jobs)


@pytest.mark.soak
@pytest.mark.parametrize("jobs", [1, 3])
def test_an_export_that_is_killed_hundreds_of_times_becomes_exact(tmp_path, jobs):
    """The same, for long."""
    kills(tmp_path, 300, jobs)


def test_two_processes_that_export_at_once_double_nothing(tmp_path):
    """Of several exports into one place that start together, those that do not run refuse, and the rows are exact."""
    store, out = tmp_path / "store", tmp_path / "out"
    for _ in range(30):
        write_sealed(store, events=10)
    command = [sys.executable, "-m", "recordkit", "--store", str(store), "export", "parquet", str(out)]
    processes = [subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in processes]
    assert all(code == 0 or "another export is running" in told for told, code in ends)
    assert any(code == 0 for _, code in ends)
    assert exact(store, out)
