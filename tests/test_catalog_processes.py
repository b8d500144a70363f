import multiprocessing
import os
import signal
import subprocess
import sys

from recordkit.container import open_recording
from recordkit.store import DirectoryStore
from recordkit.store.catalog_file import CatalogFile
from recordkit.store.filters import order_key
from recordkit.store.paths import create_store, sealed_path
from recordkit.store.rows import Entry
from store_recordings import NOON, cold_clock, scan, write_sealed

RECORDINGS = 25

spawn = multiprocessing.get_context("spawn")


def record_and_add(root, number, start, done):
    """What a recorder does: seal files, add their rows in batches."""
    file = CatalogFile(root)
    start.wait()
    batch = []
    for count in range(RECORDINGS):
        sid = write_sealed(root, owner=f"{number:032x}", start_ns=NOON + count, user=f"user{number}")
        path = sealed_path(root, sid)
        with open_recording(path) as recording:
            status = path.stat()
            batch.append(Entry(recording.summary, status.st_size, status.st_mtime_ns))
        if len(batch) == 5:
            file.add_many(batch)
            batch.clear()
    file.close()
    done.put(number)


def read_again_and_again(root, number, start, done):
    """List until the recorders are done; each list must be whole and in order, and hold what the one before did."""
    seen = set()
    start.wait()
    with DirectoryStore(root) as store:
        while not (root / "finished").exists():
            found = list(store.list())
            keys = [order_key(summary) for summary in found]
            sids = {summary.sid for summary in found}
            if keys != sorted(keys, reverse=True) or len(sids) != len(keys) or not seen <= sids or store.problems:
                done.put(f"a list was not whole: missing {seen - sids}, problems {store.problems}")
                return
            seen = sids
    done.put(number)


def spoil(root, number, start, done):
    """Delete or damage the catalog while it is in use."""
    start.wait()
    path = root / "catalog.sqlite"
    for count in range(12):
        with DirectoryStore(root) as store:
            list(store.list(limit=1))
        aside = root / f"spoilt{count}"
        aside.write_bytes(b"garbage" * 1000)
        if count % 2:
            aside.replace(path)
        else:
            path.unlink(missing_ok=True)
    done.put(number)


def run_together(root, *roles):
    start, done = spawn.Event(), spawn.Queue()
    processes = [spawn.Process(target=role, args=(root, number, start, done)) for number, role in enumerate(roles)]
    for process in processes:
        process.start()
    start.set()
    try:
        working = [role for role in roles if role is not read_again_and_again]
        results = [done.get(timeout=120) for _ in working]
        (root / "finished").touch()
        results += [done.get(timeout=120) for _ in range(len(roles) - len(working))]
    finally:
        (root / "finished").touch()
        for process in processes:
            process.join(60)
            process.kill()
        done.close()
    assert sorted(results, key=str) == [*range(len(roles))]
    assert [process.exitcode for process in processes] == [0] * len(roles)


def test_several_processes_add_and_read_at_once(tmp_path):
    """Every list is right while others record, and in the end every recording has its row."""
    create_store(tmp_path)
    run_together(tmp_path, record_and_add, record_and_add, record_and_add, read_again_and_again, read_again_and_again)
    with DirectoryStore(tmp_path, clock=cold_clock()) as store:
        assert list(store.list()) == scan(tmp_path)
        assert len(store) == 3 * RECORDINGS
        assert store.catalog.shared().sound()
        assert store.reindex().changed == 0


def test_a_catalog_spoilt_again_and_again_while_it_is_used_changes_no_list(tmp_path):
    """Recorders lose rows, readers lose their file, and no answer is wrong."""
    create_store(tmp_path)
    run_together(tmp_path, record_and_add, spoil, record_and_add, read_again_and_again)
    with DirectoryStore(tmp_path, clock=cold_clock()) as store:
        assert list(store.list()) == scan(tmp_path)
        assert store.catalog.shared().sound()


KILLED = """
import sys
from pathlib import Path
from recordkit.store.catalog_file import CatalogFile
from recordkit.store.filters import order_key
from recordkit.store.rows import Entry
from store_recordings import make_summary
file = CatalogFile(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    file.add_many([Entry(make_summary(), 1, 2) for _ in range(20)])
    print("added", flush=True)
"""


def test_a_process_killed_while_it_adds_rows_leaves_a_sound_catalog(tmp_path):
    """kill -9 in the middle of a transaction costs that transaction at most."""
    create_store(tmp_path)
    write_sealed(tmp_path)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(3):
        arguments = [sys.executable, "-c", KILLED, str(tmp_path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as process:
            for expected in (b"ready\n", b"added\n", b"added\n"):
                assert process.stdout.readline() == expected
            process.send_signal(signal.SIGKILL)
        file = CatalogFile(tmp_path)
        assert file.shared().sound()
        assert file.shared().count() % 20 in (0, 1)
        file.close()
        with DirectoryStore(tmp_path, clock=cold_clock()) as store:
            assert list(store.list()) == scan(tmp_path)
            assert len(store) == 1
