import sqlite3

import pytest

from recordkit.errors import CatalogError
from recordkit.store import DirectoryStore, RecordingFilter
from recordkit.store.migrations import MIGRATIONS
from recordkit.store.paths import open_path, sealed_path
from recordkit.store.rows import Entry
from store_recordings import (
    NOON,
    SECOND,
    cold_clock,
    hide_rows_from_index,
    make_summary,
    scan,
    sid_with,
    write_open,
    write_sealed,
)


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    with DirectoryStore(tmp_path / "store", clock=cold_clock()) as store:
        yield store


def test_a_new_catalog_gets_a_row_for_each_recording(store):
    """Everything is read, what dead recorders left is sealed first, and the report says so."""
    for number in range(5):
        write_sealed(store.root, start_ns=NOON + number * SECOND)
    left = write_open(store.root)
    report = store.reindex()
    assert (report.scanned, report.added, report.removed, report.changed) == (6, 6, 0, 0)
    assert (report.sealed, report.problems) == ((left,), ())
    assert list(store.select()) == scan(store.root)
    again = store.reindex()
    assert (again.scanned, again.added, again.removed, again.changed, again.sealed) == (6, 0, 0, 0, ())


def test_rows_that_say_something_else_than_the_file_are_mended(store):
    """Also where size and time of the file are as noted: reindex believes the file alone."""
    sid = write_sealed(store.root, user="alice")
    list(store.select())
    catalog = store.catalog.shared()
    entry = catalog.entry(sid)
    catalog.put([Entry(make_summary(sid=sid, user="mallory"), entry.file_size, entry.file_mtime_ns)])
    gone = make_summary(sid=sid_with(last=sid[-2:]))
    catalog.put([Entry(gone, 1, 2)])
    assert [summary.user for summary in store.list(user="mallory")] == ["mallory"]
    report = store.reindex()
    assert (report.added, report.removed, report.changed) == (0, 1, 1)
    assert list(store.select()) == scan(store.root)
    assert list(store.list(user="mallory")) == []


def test_a_recording_overwritten_in_place_is_found_by_its_new_filter(store):
    """The one change that no directory shows is corrected when it is met, and wholly by reindex."""
    sid = write_sealed(store.root, user="alice")
    list(store.select())
    other = write_sealed(store.root / "elsewhere", sid, user="bob, who is somebody else")
    sealed_path(store.root, sid).write_bytes(sealed_path(store.root / "elsewhere", other).read_bytes())
    assert list(store.list(user="alice")) == []  # the row led here, the file is looked at
    store.reindex()
    assert [summary.sid for summary in store.list(user="bob, who is somebody else")] == [sid]


def test_progress_is_told_to_the_end(store):
    """The last call says that all recordings are done; there are never more done than in all."""
    for _ in range(7):
        write_sealed(store.root)
    calls = []
    store.reindex(lambda done, total: calls.append((done, total)))
    assert calls[-1] == (7, 7)
    assert calls == sorted(calls)
    assert all(done <= total for done, total in calls)


def test_problems_of_both_kinds_are_reported(store):
    """A file that can't be read and one that can't be sealed are both named."""
    sealed, left = write_sealed(store.root), write_open(store.root)
    sealed_path(store.root, sealed).write_bytes(b"garbage")
    open_path(store.root, left).write_bytes(b"garbage")
    report = store.reindex()
    assert [problem.path for problem in report.problems] == [
        open_path(store.root, left),
        sealed_path(store.root, sealed),
    ]
    assert (report.scanned, report.sealed) == (1, ())


def test_a_catalog_whose_indexes_lie_is_begun_anew(store, caplog):
    """Rows that are missing from an index only would be missing from a filtered listing."""
    sid = write_sealed(store.root, user="alice")
    list(store.select())
    store.close()
    path = store.root / "catalog.sqlite"
    hide_rows_from_index(path, "recording_by_user")
    report = store.reindex()
    assert report.added == 1
    assert [summary.sid for summary in store.list(user="alice")] == [sid]
    assert path.with_name("catalog.sqlite.damaged").exists()
    assert "rebuilt from the recordings" in caplog.text


def test_a_newer_catalog_is_not_rebuilt(store):
    """An older recordkit does not undo what a newer one made; nothing is sealed either, and the message says why."""
    left = write_open(store.root)
    write_sealed(store.root)
    list(store.select())
    store.close()
    connection = sqlite3.connect(store.root / "catalog.sqlite", isolation_level=None)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(CatalogError, match="upgrade recordkit"):
        store.reindex()
    assert open_path(store.root, left).exists()
    assert list(store.select()) == scan(store.root)


def test_seal_can_be_replaced(store):
    """Whoever seals in another way hands it in."""
    left = write_open(store.root)
    called = []
    report = store.reindex(seal=lambda source, target: called.append((source, target)))
    assert called == [(open_path(store.root, left), sealed_path(store.root, left))]
    assert report.sealed == (left,)


def test_reading_goes_on_while_the_catalog_is_rebuilt(store):
    """Between two directories a listing gives what it always gives."""
    for number in range(20):
        write_sealed(store.root, start_ns=NOON + number * SECOND)
    expected = scan(store.root)
    with DirectoryStore(store.root, clock=cold_clock()) as reader:
        seen = []
        store.reindex(lambda done, _: seen.append(list(reader.select(RecordingFilter(), limit=5)) == expected[:5]))
    assert len(seen) == 256
    assert all(seen)
