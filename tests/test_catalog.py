import gc
import os
import sqlite3
import threading

import pytest

from recordkit.errors import CatalogError
from recordkit.store.catalog import Catalog, CatalogFailedError, Fault
from recordkit.store.filters import EVERYTHING, RecordingFilter
from recordkit.store.rows import Entry
from store_recordings import NOON, hide_rows_from_index, make_summary, sid_with


@pytest.fixture
def path(tmp_path):
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def catalog(path):
    catalog = Catalog.at(path, busy_timeout_s=0.05, may_change=True)
    yield catalog
    catalog.close()


def entries(count):
    return [Entry(make_summary(start_ns=NOON + number), 1, 2) for number in range(count)]


def test_nothing_is_made_or_migrated_without_leave(path):
    """Without the lock that others respect, a missing or old file is left to who has it."""
    assert Catalog.at(path, busy_timeout_s=0, may_change=False) is None
    assert not path.exists()
    path.touch()
    assert Catalog.at(path, busy_timeout_s=0, may_change=False) is None
    assert path.stat().st_size == 0


def test_the_file_is_for_its_owner_alone(path, catalog):
    """Catalog and log are as closed to others as the recordings are."""
    catalog.put(entries(1))
    for file in (path, path.with_name(path.name + "-wal")):
        assert file.stat().st_mode & 0o077 == 0


def test_a_row_is_replaced_by_a_later_one_of_the_same_sid(catalog):
    """Adding a recording twice keeps the last."""
    first = make_summary(user="alice")
    second = make_summary(sid=first.sid, user="bob")
    catalog.put([Entry(first, 1, 2)])
    catalog.put([Entry(second, 3, 4)])
    assert catalog.entry(first.sid) == Entry(second, 3, 4)
    assert catalog.page(RecordingFilter(user="alice"), after=None, limit=5) == []
    assert catalog.count() == 1


def test_marks_held_and_prefixes_give_what_is_there(catalog):
    """The small questions of the store are answered from the rows."""
    one, two, other = sid_with("abc1", last="07"), sid_with("abc2", last="07"), sid_with("d", last="08")
    catalog.put(Entry(make_summary(sid=sid), size, 9) for size, sid in enumerate((one, two, other)))
    assert catalog.marks("07") == {one: (0, 9), two: (1, 9)}
    assert catalog.marks("09") == {}
    assert catalog.held([one, "absent", other]) == {one, other}
    assert catalog.with_prefix("abc", limit=9) == [one, two]
    assert catalog.with_prefix("abc", limit=1) == [one]
    assert catalog.with_prefix("abd", limit=9) == []


def test_a_database_that_is_both_service_and_name_is_found_once(catalog):
    """The two ways to match a database make one list."""
    both, service, name = (
        make_summary(db_service=service, db_name=name, start_ns=start_ns)
        for start_ns, service, name in ((3, "a", "a"), (2, "a", "b"), (1, None, "a"))
    )
    catalog.put(Entry(summary, 1, 2) for summary in (both, service, name))
    found = catalog.page(RecordingFilter(db="a"), after=None, limit=9)
    assert [entry.summary for entry in found] == [both, service, name]


def test_a_removed_row_has_its_directory_looked_at_again(catalog):
    """Removing a row takes back the word that its directory agrees."""
    here, there = sid_with(last="07"), sid_with(last="08")
    catalog.put([Entry(make_summary(sid=here), 1, 2), Entry(make_summary(sid=there), 1, 2)])
    catalog.settle("07", stamp="a", gone=())
    catalog.settle("08", stamp="b", gone=())
    assert catalog.stamps() == {"07": "a", "08": "b"}
    catalog.remove([here])
    assert catalog.stamps() == {"08": "b"}
    catalog.settle("08", stamp=None, gone=[there])
    assert (catalog.stamps(), catalog.count()) == ({}, 0)


def test_a_transaction_that_breaks_off_changes_nothing(catalog):
    """If adding fails half way, no row of the batch is there, and the next batch goes in."""
    good = entries(2)
    bad = Entry(make_summary(user="\udcff"), 1, 2)
    with pytest.raises(CatalogFailedError):
        catalog.put([*good, bad])
    assert catalog.count() == 0
    catalog.put(good)
    assert catalog.count() == 2


def test_a_locked_catalog_is_unavailable_not_wrong(path, catalog):
    """Another writer in the way is no reason to throw the file away."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CatalogFailedError, match="locked") as failed:
        catalog.put(entries(1))
    assert failed.value.kind is Fault.UNAVAILABLE
    assert isinstance(failed.value, CatalogError)
    assert isinstance(failed.value.__cause__, sqlite3.OperationalError)
    assert catalog.count() == 0  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    catalog.put(entries(1))


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda connection: connection.execute("DROP INDEX recording_by_time"), Fault.WRONG),
        (lambda connection: connection.execute("DROP TABLE recording"), Fault.WRONG),
        (lambda connection: connection.execute("UPDATE recording SET state = 'finished'"), Fault.WRONG),
        (lambda connection: connection.execute("UPDATE recording SET events = x'00'"), Fault.WRONG),
    ],
)
def test_a_catalog_with_a_wrong_schema_or_value_is_wrong(path, catalog, damage, kind):
    """What can't be read as written makes the file one to be replaced."""
    catalog.put(entries(1))
    other = sqlite3.connect(path, isolation_level=None)
    damage(other)
    other.close()
    with pytest.raises(CatalogFailedError) as failed:
        catalog.page(EVERYTHING, after=None, limit=5)
    assert failed.value.kind is kind


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"garbage" * 1000])
def test_garbage_is_wrong(path, content):
    """A file that is no database is named as such, and not touched."""
    path.write_bytes(content)
    for may_change in (True, False):
        with pytest.raises(CatalogFailedError) as failed:
            Catalog.at(path, busy_timeout_s=0, may_change=may_change)
        assert failed.value.kind is Fault.WRONG
    assert path.read_bytes() == content


def test_a_damaged_index_is_found_by_the_full_check(path, catalog):
    """Rows that an index lacks would be missing from answers; the check that reindex makes sees it."""
    catalog.put(entries(50))
    assert catalog.sound()
    catalog.close()
    hide_rows_from_index(path, "recording_by_user")
    again = Catalog.at(path, busy_timeout_s=0, may_change=False)
    assert not again.sound()
    again.close()


def test_a_file_that_was_replaced_or_removed_is_noticed(path, catalog):
    """The name is what counts: another file under it, or none, makes the open one outdated."""
    assert catalog.current
    path.rename(path.with_name("elsewhere"))
    assert not catalog.current
    path.touch()
    assert not catalog.current
    path.unlink()
    path.with_name("elsewhere").rename(path)
    assert catalog.current


def test_a_closed_catalog_says_so(catalog):
    """Closing twice is fine, using it afterwards is a fault that the store knows how to take."""
    catalog.close()
    catalog.close()
    assert not catalog.current
    with pytest.raises(CatalogFailedError, match="closed"):
        catalog.count()


def test_any_thread_may_use_the_connection(catalog):
    """Threads take turns; no row is lost."""
    batches = [entries(20) for _ in range(8)]
    threads = [threading.Thread(target=catalog.put, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catalog.count() == 160


def test_a_forked_child_leaves_the_parents_connection_alone(path, catalog):
    """In the child every call is refused, closing does nothing to the file, and the parent goes on."""
    catalog.put(entries(1))
    child = os.fork()
    if child == 0:
        try:
            catalog.count()
        except CatalogFailedError as failed:
            refused = failed.kind is Fault.UNAVAILABLE and not catalog.current
        catalog.close()
        gc.collect()
        os._exit(0 if refused else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    catalog.put(entries(1))
    assert catalog.count() == 2
    assert path.with_name(path.name + "-wal").exists()


def test_a_private_catalog_leaves_no_file(tmp_path):
    """What can't be kept in the store is kept in a temporary file that is gone with it."""
    catalog = Catalog.private()
    catalog.put(entries(3))
    assert (catalog.count(), catalog.path, catalog.current) == (3, None, True)
    catalog.close()
    assert list(tmp_path.iterdir()) == []


def test_a_private_catalog_begins_with_the_rows_of_the_file(path, catalog):
    """A reader without write permission need not read a million recordings again."""
    catalog.put(entries(3))
    seeded = Catalog.private(seed=path)  # the file is open, with rows in its log
    assert seeded.count() == 3
    seeded.put(entries(1))
    assert (seeded.count(), catalog.count()) == (4, 3)
    seeded.close()


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 1000])
def test_a_private_catalog_begins_empty_where_there_is_nothing_to_copy(path, content):
    """A missing, empty or damaged file costs time, not answers."""
    if content is not None:
        path.write_bytes(content)
    catalog = Catalog.private(seed=path)
    catalog.put(entries(1))
    assert catalog.count() == 1
    catalog.close()


def test_a_newer_catalog_is_not_copied(path, catalog):
    """A schema that we don't know is of no use to a private catalog either."""
    catalog.put(entries(2))
    catalog._connection.execute("PRAGMA user_version = 99")
    private = Catalog.private(seed=path)
    assert private.count() == 0
    private.close()
