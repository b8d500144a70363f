import gc
import logging
import os
import sqlite3
import threading

import pytest

from recordkit.clock import ManualClock
from recordkit.store import catalog_file as module
from recordkit.store.catalog import Catalog, CatalogFailedError, Fault
from recordkit.store.catalog_file import CatalogFile
from recordkit.store.locks import lock_file
from recordkit.store.migrations import MIGRATIONS
from recordkit.store.rows import Entry
from store_recordings import NOON, make_summary


@pytest.fixture
def root(tmp_path):
    (tmp_path / "00").mkdir()  # a store: it has a place for recordings
    return tmp_path


@pytest.fixture
def clock(monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def file(root):
    file = CatalogFile(root, busy_timeout_s=0.05)
    yield file
    file.close()


def entries(count):
    return [Entry(make_summary(start_ns=NOON + number), 1, 2) for number in range(count)]


def newer(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()


def test_the_file_is_made_when_it_is_needed(root, file):
    """Nothing is opened before; then there is a catalog in write-ahead mode."""
    assert not file.path.exists()
    file.add(make_summary(), file_size=1, file_mtime_ns=2)
    assert file.shared().count() == 1
    connection = sqlite3.connect(file.path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_an_older_catalog_is_migrated_when_it_is_opened(root, file):
    """An empty file is the oldest of all."""
    file.path.touch()
    file.add_many(entries(3))
    assert file.shared().count() == 3


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"garbage" * 1000])
def test_a_damaged_file_is_set_aside_and_begun_anew(file, content, caplog):
    """It is kept for whoever wants to know, and a warning says where; its old log is not taken for the new one's."""
    file.path.write_bytes(content)
    file.path.with_name("catalog.sqlite-wal").write_bytes(b"old log")
    file.path.with_name("catalog.sqlite-shm").write_bytes(b"old index of the log")
    file.add_many(entries(2))
    assert file.shared().count() == 2
    assert file.path.with_name("catalog.sqlite.damaged").read_bytes() == content
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.name == "recordkit.store"
    assert "catalog.sqlite.damaged" in record.getMessage()


def test_damage_that_shows_later_is_handled_as_well(file):
    """A catalog that opens but can't be used is set aside when a row is added."""
    file.add_many(entries(1))
    connection = sqlite3.connect(file.path, isolation_level=None)
    connection.execute("DROP TABLE recording")
    connection.close()
    file.add_many(entries(2))
    assert file.shared().count() == 2
    assert file.path.with_name("catalog.sqlite.damaged").exists()


def test_of_several_that_find_it_damaged_one_sets_it_aside(root, file):
    """The others find the new one, and lose none of its rows."""
    others = [CatalogFile(root, busy_timeout_s=5) for _ in range(3)]
    opened = [other.shared() for other in others]
    fault = CatalogFailedError("found damaged", Fault.WRONG)
    for other, catalog in zip(others, opened, strict=True):
        other.failed(catalog, fault)
        other.add_many(entries(1))
    assert file.shared().count() == 3
    for other in others:
        other.close()


def test_the_log_of_a_replaced_file_is_not_replayed_into_the_new_one(root, file):
    """Nor does closing the old file remove the new one's log."""
    old = CatalogFile(root)
    old.add_many(entries(5))
    kept = old.shared()
    file.failed(file.shared(), CatalogFailedError("found damaged", Fault.WRONG))
    file.add_many(entries(2))
    assert not kept.current
    kept.put(entries(1))  # goes where nobody looks
    old.close()
    assert file.path.with_name("catalog.sqlite-wal").exists()
    assert file.shared().count() == 2
    file.close()
    assert file.shared().count() == 2
    assert file.shared().sound()


@pytest.mark.parametrize("replaced", [True, False])
def test_the_log_of_a_file_that_is_gone_is_not_shared_with_the_next(root, file, replaced):
    """Who has the deleted file open goes on with its own log; the new file begins without one."""
    file.add_many(entries(40))
    backup = root / "backup"
    connection = sqlite3.connect(file.path)
    connection.execute("VACUUM INTO ?", (str(backup),))
    connection.close()
    file.add_many(entries(2))
    old = file.shared()
    file.path.unlink()
    if replaced:
        backup.rename(file.path)
    other = CatalogFile(root)
    other.add_many(entries(3))
    assert other.shared().count() == 3  # a copy beside a log that is not its own is not believed
    assert old.count() == 42
    old.put(entries(1))
    other.add_many(entries(2))
    assert (old.count(), other.shared().count()) == (43, 5)
    assert other.shared().sound()
    file.close()
    assert file.shared().count() == 5
    other.close()


def test_a_copy_put_back_while_nobody_uses_the_catalog_is_taken(root, file):
    """Without a log there is nothing to mistake."""
    file.add_many(entries(3))
    file.close()
    file.path.rename(root / "backup")
    file.add_many(entries(1))
    file.close()
    (root / "backup").replace(file.path)
    assert file.shared().count() == 3


def test_a_file_replaced_while_it_is_opened_is_opened_again(root, file, monkeypatch):
    """SQLite may have taken one file and the other's log; such a connection is given up."""
    file.add_many(entries(3))
    file.close()
    version = module.Catalog.at.__globals__["_known_version"]
    replaced = []

    def replacing(connection, path):
        if not replaced:
            replaced.append(path.rename(root / "elsewhere"))
            path.touch()
        return version(connection, path)

    monkeypatch.setitem(module.Catalog.at.__globals__, "_known_version", replacing)
    with pytest.raises(CatalogFailedError, match="replaced while it was opened") as failed:
        file.shared()
    assert failed.value.kind is Fault.UNAVAILABLE
    assert file.shared().count() == 0


@pytest.mark.parametrize("also", [(), ("-wal", "-shm")])
def test_a_file_deleted_while_it_is_open_is_made_again(file, also):
    """Whoever deletes the catalog gets a new one, not writes into a nameless file."""
    file.add_many(entries(3))
    for suffix in ("", *also):
        file.path.with_name(file.path.name + suffix).unlink()
    file.add_many(entries(2))
    assert file.shared().count() == 2
    assert file.path.exists()
    assert file.shared().sound()


def test_a_file_emptied_while_it_is_open_is_begun_anew(file):
    """Truncating it is as good as deleting it."""
    file.add_many(entries(3))
    file.close()
    os.truncate(file.path, 0)
    file.add_many(entries(2))
    assert file.shared().count() == 2


@pytest.mark.parametrize("error", ["locked", "newer", "full", "read-only", "no directory"])
def test_adding_rows_never_fails(root, file, error, caplog, monkeypatch):
    """Recording goes on whatever happens to the catalog; a debug line says what did."""
    caplog.set_level(logging.DEBUG, "recordkit.store")
    file.add_many(entries(1))
    other = sqlite3.connect(file.path, isolation_level=None)
    if error == "locked":
        other.execute("BEGIN IMMEDIATE")
    elif error == "newer":
        newer(file.path)
        file.close()
    elif error == "full":
        file.shared()._connection.execute("PRAGMA max_page_count = 1")
    elif error == "read-only":
        file.shared()._connection.execute("PRAGMA query_only = ON")
    else:
        file.close()
        (root / "catalog.lock").unlink()
        (root / "catalog.lock").mkdir()
    file.add_many(entries(300))
    if other.in_transaction:
        other.execute("ROLLBACK")
    assert other.execute("SELECT count(*) FROM recording").fetchone() == (1,)
    other.close()
    (record,) = [record for record in caplog.records if "not added" in record.getMessage()]
    assert (record.name, record.levelno) == ("recordkit.store", logging.DEBUG)
    assert "300 recordings" in record.getMessage()


def test_readers_get_the_file_or_a_private_catalog(root, file, clock):
    """While the file can't be used they have one of their own, begun as a copy; after a while they try again."""
    file.add_many(entries(3))
    newer(file.path)
    file.close()
    private = file.readable()
    assert private.path is None
    assert private.count() == 0  # a schema that we don't know is not copied
    connection = sqlite3.connect(file.path, isolation_level=None)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.close()
    assert file.readable() is private
    clock.advance(module.RETRY_S)
    assert file.readable().path == file.path
    assert file.readable().count() == 3
    assert not private.current  # closed


def test_a_private_catalog_is_kept_while_the_file_stays_out_of_reach(file, clock):
    """Trying again does not throw away what was gathered."""
    file.add_many(entries(3))
    file.failed(file.shared(), CatalogFailedError("locked", Fault.UNAVAILABLE))
    private = file.readable()
    assert private.count() == 3
    private.put(entries(1))
    newer(file.path)
    file.close = lambda: None
    file._shared.close()
    clock.advance(module.RETRY_S)
    assert file.readable() is private
    CatalogFile.close(file)


def test_a_private_catalog_that_fails_is_replaced_by_an_empty_one(file):
    """A copy of a damaged file is damaged as well."""
    file.add_many(entries(3))
    file.failed(file.shared(), CatalogFailedError("locked", Fault.UNAVAILABLE))
    private = file.readable()
    file.failed(private, CatalogFailedError("found damaged", Fault.WRONG))
    assert file.readable() is not private
    assert file.readable().count() == 0
    again = file.readable()
    file.failed(again, CatalogFailedError("full", Fault.UNAVAILABLE))
    assert file.readable().count() == 3


def test_a_damaged_file_that_can_not_be_set_aside_is_done_without(root, file, monkeypatch):
    """In a directory that can't be written to, readers go private."""
    file.path.write_bytes(b"garbage" * 1000)
    monkeypatch.setattr(module.Path, "replace", lambda self, target: (_ for _ in ()).throw(PermissionError(13, "no")))
    assert file.readable().path is None
    assert file.readable().count() == 0


def test_a_directory_without_recordings_gets_no_catalog(tmp_path):
    """Looking into a directory that holds no recordings leaves nothing there."""
    file = CatalogFile(tmp_path)
    assert file.readable().path is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "7f").mkdir()
    assert file.readable().path == tmp_path / "catalog.sqlite"
    file.close()


def test_a_lock_held_for_too_long_is_not_waited_for(root, file):
    """A stopped process that holds the lock of the file's name does not stop readers."""
    descriptor = lock_file(root / "catalog.lock")
    with pytest.raises(CatalogFailedError, match="held its lock for too long") as failed:
        file.shared()
    assert failed.value.kind is Fault.UNAVAILABLE
    assert file.readable().path is None
    os.close(descriptor)
    file.add_many(entries(1))
    assert file.shared().count() == 1


def test_opening_waits_for_who_is_replacing_the_file(root):
    """Between setting aside and making anew nobody else makes one."""
    file = CatalogFile(root, busy_timeout_s=60)
    descriptor = lock_file(root / "catalog.lock")
    opened = []
    waiting = threading.Thread(target=lambda: opened.append(file.shared()))
    waiting.start()
    assert not file.path.exists()
    os.close(descriptor)
    waiting.join(60)
    assert opened[0].count() == 0
    file.close()


def test_a_forked_child_opens_the_file_for_itself(root, file):
    """Also if another thread of the parent held the locks when it was made."""
    file.add_many(entries(1))
    held, forked = threading.Event(), threading.Event()

    def hold():
        with file._lock, file._shared._lock:
            held.set()
            forked.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    child = fork_in_spite_of_threads()
    if child == 0:
        file.add_many(entries(1))
        right = file.shared().count() == 2
        file.close()
        gc.collect()
        os._exit(0 if right else 1)
    forked.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert file.shared().count() == 2
    file.add_many(entries(1))
    assert file.shared().count() == 3


def fork_in_spite_of_threads():
    """Newer Pythons warn of it; that it is not safe in general is why this is tested."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def test_a_file_that_nobody_holds_is_closed(root, recwarn):
    """A store that was forgotten leaves no open database behind."""
    file = CatalogFile(root)
    file.add_many(entries(1))
    connection = file.shared()._connection
    del file
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
    assert [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)] == []


def test_a_failing_temporary_file_is_an_error_of_ours(monkeypatch, file):
    """Not even then does an error of SQLite escape."""
    monkeypatch.setattr("recordkit.store.catalog.migrate", failing_migration)
    with pytest.raises(CatalogFailedError):
        Catalog.private()


def failing_migration(connection):
    raise sqlite3.OperationalError("disk I/O error")
