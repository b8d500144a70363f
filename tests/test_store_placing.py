import fcntl
import os
import threading
import time
from itertools import pairwise

import pytest

from recordkit.container import seal
from recordkit.store import DirectoryStore
from recordkit.store import placing as module
from recordkit.store.paths import create_store, open_path, sealed_path
from recordkit.store.placing import PlacingFiles, Step, place
from recordkit.store.reconcile import status_of
from recordkit.store.rows import Entry
from store_recordings import NOON, QuickFiles, cold_clock, make_summary, scan, sid_with, write_open, write_sealed


@pytest.fixture
def root(tmp_path):
    create_store(tmp_path)
    write_sealed(tmp_path, sid_with(last="0a"))
    return tmp_path


@pytest.fixture
def store(root):
    with DirectoryStore(root, clock=cold_clock()) as store:
        list(store.list())  # all directories agree
        yield store


@pytest.fixture
def listed(monkeypatch):
    """The directories that are compared."""
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path.name) or scandir(path))
    return listed


def seal_as_recorder(root, **options):
    """Seal a new recording as a recorder does, and return its row."""
    sid = write_open(root, sid_with(last="0a"), **options)
    files = PlacingFiles(QuickFiles())
    summary = seal(open_path(root, sid), sealed_path(root, sid), files=files)
    status = sealed_path(root, sid).stat()
    return Entry(summary, status.st_size, status.st_mtime_ns, files.step)


def test_a_step_leads_from_one_status_of_the_directory_to_the_next(root):
    """Its two ends are what a reader sees before and after the move."""
    before, _ = status_of(f"{root}/0a")
    step = seal_as_recorder(root).step
    assert step == Step("0a", before, status_of(f"{root}/0a")[0])
    assert step.before != step.after


def test_steps_within_one_tick_of_the_clock_differ(root, monkeypatch):
    """Also if the machine's clock stands still or is set back."""
    now_ns = time.time_ns()
    monkeypatch.setattr(module.time, "time_ns", lambda: now_ns)
    steps = [seal_as_recorder(root).step for _ in range(20)]
    times_ns = [int(step.after.split()[1]) for step in steps]
    assert times_ns == sorted(set(times_ns))  # ticks of the kernel's clock, which is not ours to stop, play no part
    assert all(step.after == following.before for step, following in pairwise(steps))


def test_adding_a_placed_recording_spares_the_comparison(root, store, listed):
    """The catalog's word is carried on from status to status, in one batch or several, in any order within one."""
    store.catalog.add_many([seal_as_recorder(root)])
    store.catalog.add_many([seal_as_recorder(root) for _ in range(3)][::-1])
    found = list(store.list())
    assert listed == []
    assert found == scan(root)
    assert len(found) == 5


def test_the_catalogs_word_waits_for_the_rows_of_others(root, store, listed):
    """A recording whose row is not yet added is found by comparing, whichever of two recorders adds first."""
    mine, theirs, mine_again = (seal_as_recorder(root) for _ in range(3))
    store.catalog.add_many([mine_again, mine])
    found = list(store.list())
    assert listed == ["0a"]
    assert found == scan(root)
    store.catalog.add_many([theirs])
    assert list(store.list()) == scan(root)


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_a_file_that_comes_by_hand_is_found_all_the_same(root, store, when):
    """Before, between or after a recorder's steps, added or not yet added."""
    if when == "before":
        write_sealed(root, sid_with(last="0a"))
    first = seal_as_recorder(root)
    if when == "between":
        write_sealed(root, sid_with(last="0a"))
    second = seal_as_recorder(root)
    if when == "after":
        write_sealed(root, sid_with(last="0a"))
    store.catalog.add_many([first, second])
    found = list(store.list())
    assert found == scan(root)
    assert len(found) == 4


def test_a_recording_removed_between_steps_is_not_listed(root, store):
    """Removing is a change like any other."""
    first = seal_as_recorder(root)
    sealed_path(root, first.summary.sid).unlink()
    store.catalog.add_many([first, seal_as_recorder(root)])
    assert list(store.list()) == scan(root)
    assert len(store) == 2


def test_a_directory_that_was_never_compared_gets_no_word(root):
    """A step says what changed, not what was there before."""
    with DirectoryStore(root, clock=cold_clock()) as store:
        store.catalog.add_many([seal_as_recorder(root)])
        assert store.catalog.shared().stamps() == {}
        assert list(store.list()) == scan(root)


def test_a_locked_directory_is_moved_into_without_a_step(root, store):
    """A stopped recorder that holds the lock costs the others a comparison, not their recordings."""
    descriptor = os.open(root / "0a", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    entry = seal_as_recorder(root)
    assert entry.step is None
    assert sealed_path(root, entry.summary.sid).exists()
    os.close(descriptor)
    store.catalog.add_many([entry])
    assert list(store.list()) == scan(root)


@pytest.mark.parametrize("call", ["fstat", "utime", "open"])
def test_a_directory_that_can_not_be_looked_at_is_moved_into_without_a_step(root, monkeypatch, call):
    """What fails beside the move does not fail the move."""
    sid = write_open(root, sid_with(last="0a"))

    def refusing(*arguments, **options):
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, call, refusing)
        assert place(QuickFiles(), open_path(root, sid), sealed_path(root, sid)) is None
    assert sealed_path(root, sid).exists()


def test_a_file_system_with_a_coarse_clock_gives_no_steps(root, monkeypatch):
    """Where a time that was set is rounded, two states of a directory can't be told apart."""
    utime = os.utime
    monkeypatch.setattr(
        module.os, "utime", lambda path, ns: utime(path, ns=tuple(value // 10**9 * 10**9 for value in ns))
    )
    assert seal_as_recorder(root).step is None


def test_a_move_that_fails_is_the_callers_error(root):
    """The directory's lock is given back, and no step is noted down."""
    missing = open_path(root, sid_with())
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            place(QuickFiles(), missing, sealed_path(root, sid_with(last="0a")))
    assert seal_as_recorder(root).step is not None


def test_other_renames_are_passed_on(root):
    """Only moving to a sealed path is a step."""
    files = PlacingFiles(QuickFiles())
    files.create(root / "one", b"x")
    files.rename(root / "one", root / "two")
    assert ((root / "two").read_bytes(), files.step) == (b"x", None)


def test_several_recorders_make_one_chain(root, store):
    """Threads or processes that move into one directory at once leave steps that join on to each other."""
    entries = []
    threads = [
        threading.Thread(target=lambda: entries.extend(seal_as_recorder(root, start_ns=NOON) for _ in range(10)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = [entry.step for entry in entries if entry.step is not None]
    assert len({step.before for step in steps}) == len({step.after for step in steps}) == len(steps)
    store.catalog.add_many(entries)
    assert list(store.list()) == scan(root)
    assert len(store) == 41


def test_a_step_in_a_circle_ends(store):
    """A damaged or invented chain does not keep the catalog busy for ever."""
    stamp = store.catalog.shared().stamps()["0a"]
    there, back = Step("0a", stamp, "x"), Step("0a", "x", stamp)
    store.catalog.add_many(
        Entry(make_summary(sid=sid_with(last="0a")), 1, 2, step) for step in (there, back, there, back)
    )
    assert store.catalog.shared().stamps()["0a"] == stamp
