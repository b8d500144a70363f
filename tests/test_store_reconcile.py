import contextlib
import os
import shutil

import pytest

from recordkit.container import State
from recordkit.store.catalog import Catalog
from recordkit.store.filters import EVERYTHING
from recordkit.store.paths import SHARDS, sealed_path
from recordkit.store.reconcile import ABSENT, Comparison, load_summary, reconcile
from recordkit.store.rows import Entry
from store_recordings import NOON, SECOND, cold_clock, hot_clock, scan, sid_with, write_open, write_sealed


@pytest.fixture
def catalog():
    catalog = Catalog.private()
    yield catalog
    catalog.close()


@pytest.fixture
def loaded():
    return []


@pytest.fixture
def agree(tmp_path, catalog, loaded):
    """Reconcile the store, and note which files were read."""

    def load(path):
        loaded.append(path)
        return load_summary(path)

    def agree(clock=None):
        loaded.clear()
        return reconcile(catalog, tmp_path, now_ns=(clock or cold_clock()).time_ns, load=load)

    return agree


def rows(catalog):
    return [entry.summary for entry in catalog.page(EVERYTHING, after=None, limit=1000)]


def test_rows_follow_the_files(tmp_path, catalog, agree):
    """New files get rows, missing ones lose theirs, changed ones are read again; the rest is left alone."""
    sids = [write_sealed(tmp_path, start_ns=NOON + number * SECOND) for number in range(20)]
    assert agree() == Comparison(scanned=20, added=20)
    assert rows(catalog) == scan(tmp_path)
    assert agree() == Comparison()

    sealed_path(tmp_path, sids[0]).unlink()
    write_sealed(tmp_path)
    result = agree()
    assert (result.added, result.removed, result.changed, result.problems) == (1, 1, 0, ())
    assert rows(catalog) == scan(tmp_path)


def test_only_directories_that_changed_are_listed(tmp_path, agree, loaded, monkeypatch):
    """While nothing changes, a read costs one status call a directory."""
    first, second = write_sealed(tmp_path, sid_with(last="01")), write_sealed(tmp_path, sid_with(last="02"))
    agree()
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    agree()
    assert (listed, loaded) == ([], [])
    third = write_sealed(tmp_path, sid_with(last="02"))
    agree()
    assert listed == [tmp_path / "02"]
    assert loaded == [sealed_path(tmp_path, third)]
    assert {first, second} & {path.name[:36] for path in loaded} == set()


def test_a_replaced_file_is_read_again(tmp_path, catalog, agree, loaded):
    """Another file under the same name is seen by its size or time."""
    sid = write_sealed(tmp_path, user="alice")
    agree()
    path = sealed_path(tmp_path, sid)
    path.unlink()
    write_sealed(tmp_path, sid, user="bob and others")
    assert agree().changed == 1
    assert [summary.user for summary in rows(catalog)] == ["bob and others"]


def test_a_directory_that_changed_just_now_is_not_trusted(tmp_path, catalog, agree):
    """A name that comes within the same tick of the clock would not show: such a directory is compared each time."""
    write_sealed(tmp_path, sid_with(last="01"))
    agree(hot_clock())
    assert "01" not in catalog.stamps()
    assert set(catalog.stamps()) == set(SHARDS) - {"01"}
    assert agree(hot_clock()).scanned == 1
    agree(cold_clock())
    assert "01" in catalog.stamps()
    assert agree(cold_clock()).scanned == 0


def test_a_time_that_was_set_back_on_purpose_does_not_hide_a_change(tmp_path, catalog, agree):
    """A restored backup has old directory times; the change is seen all the same."""
    write_sealed(tmp_path, sid_with(last="01"))
    agree()
    before = (tmp_path / "01").stat()
    write_sealed(tmp_path, sid_with(last="01"))
    os.utime(tmp_path / "01", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (tmp_path / "01").stat().st_mtime_ns == before.st_mtime_ns
    assert agree().added == 1


def test_a_directory_that_vanished_takes_its_rows_along(tmp_path, catalog, agree):
    """Rows of files that are gone with their directory are removed, and stay so."""
    write_sealed(tmp_path, sid_with(last="01"))
    agree()
    assert catalog.stamps()["02"] == ABSENT
    shutil.rmtree(tmp_path / "01")
    assert agree().removed == 1
    assert catalog.stamps()["01"] == ABSENT
    assert rows(catalog) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_row_added_while_the_directory_is_compared_is_kept(tmp_path, catalog, agree, monkeypatch, when):
    """A recorder may seal a file and add its row just before or after the directory is listed."""
    write_sealed(tmp_path, sid_with(last="0a"))
    scandir = os.scandir

    def seal_and_add():
        path = sealed_path(tmp_path, write_sealed(tmp_path, sid_with(last="0a")))
        status = path.stat()
        catalog.put([Entry(load_summary(path), status.st_size, status.st_mtime_ns)])

    def busy(path):
        if path.name != "0a":
            return scandir(path)
        if when == "before":
            seal_and_add()
        names = list(scandir(path))
        if when == "after":
            seal_and_add()
        return contextlib.nullcontext(names)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", busy)
        assert agree().removed == 0
    assert rows(catalog) == scan(tmp_path)
    agree()
    assert len(rows(catalog)) == 2


def test_a_name_that_a_listing_misses_keeps_its_row(tmp_path, catalog, agree, monkeypatch):
    """A file system may leave out a name that is replaced while it is listed; the file is there."""
    write_sealed(tmp_path, sid_with(last="0a"))
    agree()
    (tmp_path / "0a" / "changed").touch()
    monkeypatch.setattr(os, "scandir", lambda path: contextlib.nullcontext([]))
    assert agree().removed == 0
    assert rows(catalog) == scan(tmp_path)


def test_a_file_that_can_not_be_used_is_named_each_time(tmp_path, catalog, agree):
    """Damage is a problem, not a failure; it is named until it is mended, whatever the directory's times say."""
    sid = write_sealed(tmp_path, sid_with(last="01"))
    good = write_sealed(tmp_path, sid_with(last="01"))
    path = sealed_path(tmp_path, sid)
    whole = path.read_bytes()
    path.write_bytes(b"garbage")
    for _ in range(3):
        (problem,) = agree().problems
        assert problem.path == path
        assert str(path) in str(problem)
    assert [summary.sid for summary in rows(catalog)] == [good]
    path.write_bytes(whole)
    assert agree().problems == ()
    assert len(rows(catalog)) == 2


def test_a_recording_that_becomes_unreadable_loses_its_row(tmp_path, catalog, agree):
    """What can't be read any more is not listed from memory."""
    sid = write_sealed(tmp_path, sid_with(last="01"))
    agree()
    path = sealed_path(tmp_path, sid)
    path.unlink()
    path.write_bytes(b"")
    result = agree()
    assert (result.removed, len(result.problems)) == (1, 1)
    assert rows(catalog) == []


def test_a_torn_recording_is_listed_as_such(tmp_path, catalog, agree):
    """A sealed file that lost its end still has a summary."""
    sid = write_sealed(tmp_path, events=3)
    path = sealed_path(tmp_path, sid)
    os.truncate(path, path.stat().st_size - 10)
    assert agree().problems == ()
    assert [summary.state for summary in rows(catalog)] == [State.TORN]


@pytest.mark.parametrize("name", ["{upper}.jsonl.zst", "{other}.jsonl.zst", "session.jsonl.zst"])
def test_a_recording_under_a_name_that_its_sid_does_not_lead_to_is_named(tmp_path, agree, catalog, name):
    """A file copied into the wrong directory, or renamed, could not be opened by its sid."""
    sid = write_sealed(tmp_path, sid_with("a", last="0a"))
    path = sealed_path(tmp_path, sid)
    path.rename(path.with_name(name.format(upper=sid.upper(), other=sid_with(last="0b"))))
    (problem,) = agree().problems
    assert "can't be found by its sid" in problem.what
    assert rows(catalog) == []


def test_a_recording_under_another_sessions_name_is_named(tmp_path, agree, catalog):
    """The sid inside the file decides what it is."""
    sid, other = write_sealed(tmp_path, sid_with(last="0a")), sid_with(last="0a")
    sealed_path(tmp_path, sid).rename(sealed_path(tmp_path, other))
    (problem,) = agree().problems
    assert sid in problem.what
    assert rows(catalog) == []


def test_other_files_and_directories_are_passed_over_or_named(tmp_path, agree, catalog):
    """Foreign names are nobody's business; a directory or pipe named as a recording is."""
    write_sealed(tmp_path, sid_with(last="0a"))
    (tmp_path / "0a" / "notes.txt").touch()
    sealed_path(tmp_path, sid_with(last="0a")).mkdir()
    os.mkfifo(sealed_path(tmp_path, sid_with(last="0a")))
    sealed_path(tmp_path, sid_with(last="0a")).symlink_to("nowhere")
    (tmp_path / "0b").write_text("not a directory")
    problems = agree().problems
    assert [problem.what for problem in problems] == ["is not a file"] * 2
    assert len(rows(catalog)) == 1


def test_a_directory_that_can_not_be_listed_is_named(tmp_path, agree, catalog, monkeypatch):
    """Its rows are not handed out: they could not be had without the catalog either."""
    write_sealed(tmp_path, sid_with(last="0a"))
    agree()
    (tmp_path / "0a" / "changed").touch()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("0a"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    (problem,) = agree().problems
    assert str(problem) == f"{tmp_path / '0a'}: can't be listed: Permission denied"
    assert rows(catalog) == []
    monkeypatch.undo()
    agree()
    assert len(rows(catalog)) == 1


def test_many_files_go_in_in_several_transactions(tmp_path, agree, catalog, monkeypatch):
    """No transaction holds others up for longer than a batch."""
    monkeypatch.setattr("recordkit.store.reconcile.BATCH", 3)
    for _ in range(10):
        write_sealed(tmp_path, sid_with(last="0a"))
    sizes = []
    put = catalog.put
    monkeypatch.setattr(catalog, "put", lambda entries: sizes.append(len(entries)) or put(entries))
    assert agree().added == 10
    assert [size for size in sizes if size] == [3, 3, 3, 1]
    assert len(rows(catalog)) == 10


def test_open_recordings_have_no_rows(tmp_path, agree, catalog):
    """The catalog knows sealed recordings only."""
    write_open(tmp_path)
    assert agree() == Comparison()
    assert rows(catalog) == []
