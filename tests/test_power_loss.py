"""
P2: what a returned `flush(sync=True)` has promised is there after a power cut at any moment, and nothing wrong is.
"""

import functools
import json
import os
import random
import shutil
import signal
import subprocess
from contextlib import suppress

import pytest

import recordkit
from power_loss import WAYS, PowerFiles, after_power_cut, moments, promised
from programs import start
from recordings import QuickFiles, lines_of, read, recording_bytes, session
from recordkit import Recorder, State, open_recording
from recordkit.container import seal
from recordkit.container.files import OsFiles
from recordkit.errors import FormatError, RecordingWriteError
from recordkit.store.paths import create_store, open_path, sealed_path
from recordkit.store.recovery import recover

NOISE = random.Random(3).randbytes(1 << 16).hex()
QUICK = functools.partial(seal, files=QuickFiles())
SIDS = ("307b49d6-56c7-4d20-8cf0-5bc5348a7101", "307b49d6-56c7-4d20-8cf0-5bc5348a7102")


def statement(n, size=300):
    """
    A statement that says its number and doesn't compress.
    """
    return f"{n}:" + NOISE[n * 131 % 60_000 :][: size + n % 700]


def numbers(events):
    """
    The numbers of the statements among *events*.
    """
    return [int(event["db_query"].split(":")[0]) for event in events if "db_query" in event]


def found_after(root, sid):
    """
    Recover, and return the numbers that strict reading gives before any damage, and those that salvage gives.
    """
    recover(root, seal=QUICK)
    for path in (sealed_path(root, sid), open_path(root, sid)):
        try:
            with open_recording(path, mode="salvage", live=False) as recording:
                salvaged = numbers(recording.events())
        except (FileNotFoundError, FormatError):
            continue
        strict = []
        try:
            with open_recording(path, live=False) as recording:
                for event in recording.events():
                    strict += numbers([event])
        except FormatError:
            pass
        return strict, salvaged
    return [], []


def check(root, log, moment, how):
    """
    What was promised is there, in order; nothing else but what was recorded is.
    """
    promises = dict.fromkeys(SIDS, 0)
    for sid, count in promised(log, moment):
        promises[sid] = max(promises[sid], count)
    for sid, count in promises.items():
        strict, salvaged = found_after(root, sid)
        assert strict == list(range(len(strict))), how
        assert len(strict) >= count, how
        assert salvaged == sorted(set(salvaged)), how
        assert salvaged[: len(strict)] == strict, how


def recorded(root, **options):
    """
    Record two sessions, one that is joined when it is sealed and one that is not, and return the disk.
    """
    files = PowerFiles(root, **options)
    with Recorder(root, files=files, chunk_bytes=4096, flush_interval_s=60) as recorder:
        small, large = (recorder.session(sid=sid, start=False) for sid in SIDS)
        for n in range(9):
            small.query(statement(n, 10))
            large.query(statement(n, 3000))
            if n % 3 == 2:
                small.flush(sync=True)
                files.promise((small.sid, n + 1))
            elif n % 2:
                small.flush()
            large.flush(sync=n % 4 == 0)
            if n % 4 == 0:
                files.promise((large.sid, n + 1))
        for session_ in (small, large):
            session_.close()
            files.promise((session_.sid, 9))
    return files


@pytest.fixture
def disk(tmp_path):
    """
    A store of which nothing but its directories is there yet.
    """
    root = tmp_path / "store"
    create_store(root)
    return root


def cut_everywhere(files, target, *, rounds=1):
    """
    Check each state that each moment may leave; return how many.
    """
    count = 0
    for moment, how in moments(files, rounds=rounds):
        shutil.rmtree(target, ignore_errors=True)
        (target / "open").mkdir(parents=True)
        after_power_cut(files, moment, target, **how)
        check(target, files.log, moment, (moment, how))
        count += 1
    return count


def test_what_was_synced_is_found_after_a_power_cut_at_any_moment(disk, tmp_path):
    """
    Two sessions through recording and sealing: each moment, with unsynced content and names kept, dropped or garbled.
    """
    files = recorded(disk)
    assert {"create", "write", "sync", "sync directory", "rename", "make directory", "promise"} <= {
        operation.name for operation in files.log
    }
    assert cut_everywhere(files, tmp_path / "after") > 800


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_what_was_synced_is_found_after_thirty_thousand_power_cuts(disk, tmp_path):
    """
    The same with forty throws of the dice for each moment and way.
    """
    assert cut_everywhere(recorded(disk), tmp_path / "after", rounds=40) > 30_000


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20], ids=["index appended", "chunks joined"])
def test_sealing_again_after_a_power_cut_loses_nothing(tmp_path, chunk_bytes):
    """
    A recording that is on the disk when its sealing begins is whole after a cut at any step of it.
    """
    root, after = tmp_path / "store", tmp_path / "after"
    create_store(root)
    chunks = session(4, 3)
    open_path(root, SIDS[0]).write_bytes(recording_bytes(chunks, sealed=False) + b"\x5b\x2a\x4d\x18torn")
    files = PowerFiles(root)
    seal(open_path(root, SIDS[0]), sealed_path(root, SIDS[0]), files=files, chunk_bytes=chunk_bytes)
    for moment, how in moments(files):
        shutil.rmtree(after, ignore_errors=True)
        (after / "open").mkdir(parents=True)
        after_power_cut(files, moment, after, **how)
        recover(after, seal=QUICK)
        sealed = sealed_path(after, SIDS[0])
        found = read(sealed)
        assert found.error is None, (moment, how)
        assert lines_of(found.events) == lines_of([event for chunk in chunks for event in chunk])
        assert found.state is State.COMPLETE


def test_a_failed_sync_is_never_made_good_by_silence(disk, tmp_path):
    """
    Where a sync failed, and the system forgot what it had to write, no later flush says that all is safe.
    """
    for failing in ((0,), (1,), (1, 2)):
        root = tmp_path / f"{failing}"
        create_store(root)
        files = PowerFiles(root, failing_syncs=failing)
        told = 0
        with Recorder(root, files=files, chunk_bytes=4096, flush_interval_s=60) as recorder:
            session_ = recorder.session(sid=SIDS[0], start=False)
            for n in range(5):
                session_.query(statement(n))
                try:
                    session_.flush(sync=True)
                except RecordingWriteError:
                    told += 1
                else:
                    files.promise((SIDS[0], n + 1))
            with suppress(RecordingWriteError):  # sealing syncs as well
                session_.close()
        assert told == 5 - failing[0]
        cut_everywhere(files, tmp_path / "after")


def test_names_of_new_directories_are_synced(tmp_path, monkeypatch):
    """
    A store and its directories are on the disk before anything in them is promised to be.
    """
    synced = []
    monkeypatch.setattr(OsFiles, "sync", lambda _self, path: synced.append(path))
    create_store(tmp_path / "a" / "store")
    assert set(synced) == {tmp_path, tmp_path / "a", tmp_path / "a" / "store"}
    synced.clear()
    files = OsFiles()
    for _ in range(2):
        files.make_directory(tmp_path / "a" / "store" / "01")
    assert synced == [tmp_path / "a" / "store"]


def test_a_writer_that_does_not_sync_is_found_out(disk, tmp_path, monkeypatch):
    """
    The model can fail: if flush(sync=True) forgets to sync, or sealing moves what it has not synced, checks fail.
    """
    for forgotten in ("sync", "sync directory"):
        root = tmp_path / forgotten.replace(" ", "-")
        create_store(root)
        files = recorded(root)
        files.log = [operation for operation in files.log if operation.name != forgotten]
        with pytest.raises(AssertionError):
            cut_everywhere(files, tmp_path / "after")


def test_all_ways_are_tried():
    """
    Names and content are kept, dropped and mixed in all combinations.
    """
    assert len(WAYS) == 16


# ---------------------------------------------------------------- for once, really


IMAGE = """
recorder = Recorder(STORE, chunk_bytes=4096, flush_interval_s=0.05)
session = recorder.session(sid="307b49d6-56c7-4d20-8cf0-5bc5348a7101", start=False)
noise = "0123456789abcdef" * 40
n = 0
while True:
    session.query(f"{n}:" + noise[: n % 600])
    n += 1
    if n % 5 == 0:
        session.flush(sync=True)
        say(safe=n)
    elif n % 3 == 0:
        session.flush()
"""


@pytest.fixture
def mounted(tmp_path):
    """
    A file system of its own on a loop device: its image, and where it is mounted.
    """
    image, place = tmp_path / "image", tmp_path / "mounted"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    made = shutil.which("mkfs.ext4") and subprocess.run(["mkfs.ext4", "-q", image], capture_output=True, check=False)
    if not made or made.returncode or not _mount(image, place):
        pytest.skip("no loop devices here")
    yield image, place
    subprocess.run(["umount", str(place)], check=True)


def _mount(image, place):
    command = ["mount", "-o", "loop", str(image), str(place)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_real_file_system_after_a_real_cut(mounted, tmp_path):
    """
    An image of ext4, copied while a recorder writes to it, has every event that a returned flush(sync=True) promised.
    """
    image, place = mounted
    process = start(IMAGE, place / "store")
    copies = []
    try:
        for turn in range(4):
            while True:
                safe = json.loads(process.stdout.readline())["safe"]
                if safe >= 15 * (turn + 1):
                    break
            process.send_signal(signal.SIGSTOP)  # so that the copy is of one moment
            copy = tmp_path / f"copy-{turn}"
            subprocess.run(["cp", "--sparse=always", image, copy], check=True)
            copies.append((safe, copy))
            process.send_signal(signal.SIGCONT)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()
    lost = []
    for safe, copy in copies:
        again = tmp_path / "again"
        again.mkdir(exist_ok=True)
        assert _mount(copy, again)
        try:
            recover(again / "store")
            with recordkit.open_store(again / "store") as store, store[SIDS[0]] as recording:
                there = numbers(recording.events())
                assert recording.summary.state is State.INTERRUPTED
            assert there == list(range(len(there)))
            assert len(there) >= safe
            lost.append(len(there))
        finally:
            subprocess.run(["umount", str(again)], check=True)
    assert lost == sorted(lost)
