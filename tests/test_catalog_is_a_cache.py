"""
P7: a lost or stale catalog changes no answer.

Each case does something to a store's catalog, or to its files behind the catalog's back; then lists,
filtered lists and look-ups must equal what a scan of all files gives, first for the reader that has the
catalog open, then for a new one.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest

from recordkit.container import State
from recordkit.errors import AmbiguousPrefixError
from recordkit.store import DirectoryStore, RecordingFilter
from recordkit.store.catalog import Catalog
from recordkit.store.migrations import MIGRATIONS
from recordkit.store.paths import create_store, sealed_path
from recordkit.store.rows import Entry
from store_recordings import (
    DEAD,
    NOON,
    SECOND,
    cold_clock,
    hot_clock,
    make_summary,
    scan,
    sid_with,
    write_open,
    write_sealed,
)

ALL_WANTED = (
    RecordingFilter(),
    RecordingFilter(user="alice"),
    RecordingFilter(db="aurora"),
    RecordingFilter(protocol="mysql", since_ns=NOON + 3 * SECOND),
    RecordingFilter(state=State.COMPLETE, until_ns=NOON + 9 * SECOND),
    RecordingFilter(user="bob", db="orders", state=State.INTERRUPTED),
)


def fill(root, numbers):
    for number in numbers:
        (write_open if number % 5 == 0 else write_sealed)(
            root,
            owner=DEAD,
            start_ns=NOON + number * SECOND,
            ended=number % 3 == 0,
            user=("alice", "bob")[number % 2],
            db_service=("aurora", "orders")[number % 3 == 0],
            db_name=("aurora", "sales")[number % 4 == 0],
            db_protocol=("mysql", "postgres")[number % 2],
        )


def check(store):
    """Compare every kind of answer with a scan."""
    everything = scan(store.root)
    for wanted in ALL_WANTED:
        expected = [summary for summary in everything if wanted.matches(summary)]
        assert list(store.select(wanted)) == expected
        assert list(store.select(wanted, limit=3)) == expected[:3]
    assert len(store) == len(everything)
    sids = {summary.sid for summary in everything}
    named = sids | {path.name[:36] for path in store.root.glob("*/*.jsonl.zst")}
    for sid in sorted(sids)[:4]:
        same = {other for other in named if other.startswith(sid[:2])}
        with contextlib.ExitStack() as stack:
            if len(same) > 1:
                stack.enter_context(pytest.raises(AmbiguousPrefixError))
            assert store.resolve(sid[:2]) == sid
    for summary in everything:
        with store[summary.sid] as recording:
            assert recording.summary == summary


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "store"
    create_store(root)
    fill(root, range(16))
    return root


@pytest.fixture(params=["trusting", "doubting"])
def clock(request):
    """With a trusting clock all directories are taken as noted, with a doubting one they are compared each time."""
    return cold_clock() if request.param == "trusting" else hot_clock()


def path_of(root):
    return root / "catalog.sqlite"


def remove(root):
    for path in root.glob("catalog.*"):
        path.unlink()


def remove_file_only(root):
    path_of(root).unlink()


def empty(root):
    os.truncate(path_of(root), 0)


def cut(root):
    os.truncate(path_of(root), path_of(root).stat().st_size // 2)


def garbage(root):
    path_of(root).write_bytes(os.urandom(20_000))


def garbage_inside(root):
    with path_of(root).open("r+b") as file:
        for page in range(1, path_of(root).stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(os.urandom(64))


def another_database(root):
    path_of(root).unlink()
    sql(root, "CREATE TABLE recording (sid TEXT)")


def directory_instead(root):
    remove(root)
    path_of(root).mkdir()


def no_table(root):
    sql(root, "DROP TABLE recording")


def no_index(root):
    sql(root, "DROP INDEX recording_by_user")


def other_columns(root):
    sql(root, "ALTER TABLE recording RENAME COLUMN user TO person")


def newer_schema(root):
    sql(root, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def rows_missing(root):
    sql(root, "DELETE FROM recording WHERE rowid % 2")
    sql(root, "DELETE FROM shard WHERE shard IN (SELECT shard FROM shard LIMIT 256)")


def rows_for_missing_files(root):
    catalog = Catalog.at(path_of(root), busy_timeout_s=1, may_change=False)
    catalog.put(
        Entry(make_summary(sid=sid_with(last=last), user="alice", start_ns=NOON + 2), 1, 2)
        for last in ("00", "7f", "ff")
    )
    sql(root, "DELETE FROM shard")
    catalog.close()


def outdated_rows(root):
    sql(
        root,
        "UPDATE recording SET file_size = file_size + 1, db_protocol = 'mysql', state = 'complete', user = 'alice'",
    )
    sql(root, "DELETE FROM shard")


def wrong_values(root):
    sql(root, "UPDATE recording SET state = 'finished', events = 'many'")


def files_removed(root):
    for path in [*root.glob("*/*.jsonl.zst")][::3]:
        path.unlink()


def directory_removed(root):
    shutil.rmtree(next(root.glob("*/*.jsonl.zst")).parent)


def files_added(root):
    fill(root, range(24, 32))


def files_copied_in_with_their_times(root):
    fill(root.parent / "other", range(24, 32))
    for path in (root.parent / "other").glob("*/*.jsonl.zst"):
        target = root / path.relative_to(root.parent / "other")
        before = target.parent.stat() if target.parent.exists() else None
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(path, target)
        if before:
            os.utime(target.parent, ns=(before.st_atime_ns, before.st_mtime_ns))


def files_replaced(root):
    for number, path in enumerate([*root.glob("*/*.jsonl.zst")][::2]):
        path.unlink()
        write_sealed(root, path.name[:36], user="alice", start_ns=NOON + number, db_protocol="mysql", chunks=2)


def files_damaged(root):
    for number, path in enumerate([*root.glob("*/*.jsonl.zst")][::2]):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[: (0, 10, len(content) - 30)[number % 3]])


def store_moved(root):
    moved = root.with_name("moved")
    shutil.copytree(root, moved)
    shutil.rmtree(root)
    moved.rename(root)


def sql(root, statement):
    connection = sqlite3.connect(path_of(root), isolation_level=None)
    connection.execute(statement)
    connection.close()


CASES = [
    remove,
    remove_file_only,
    empty,
    cut,
    garbage,
    garbage_inside,
    another_database,
    directory_instead,
    no_table,
    no_index,
    other_columns,
    newer_schema,
    rows_missing,
    rows_for_missing_files,
    outdated_rows,
    wrong_values,
    files_removed,
    directory_removed,
    files_added,
    files_copied_in_with_their_times,
    files_replaced,
    files_damaged,
    store_moved,
]


@pytest.mark.parametrize("happens", CASES, ids=lambda case: case.__name__)
def test_answers_do_not_depend_on_what_happened_to_the_catalog(root, clock, happens):
    """Between two uses of a store, its catalog or its files change."""
    with DirectoryStore(root, clock=clock) as store:
        check(store)
    happens(root)
    with DirectoryStore(root, clock=clock) as store:
        check(store)
        fill(root, range(40, 44))
        check(store)


@pytest.mark.parametrize(
    "happens",
    [case for case in CASES if case not in (cut, garbage_inside, store_moved)],
    ids=lambda case: case.__name__,
)
def test_answers_do_not_depend_on_what_happens_to_a_catalog_in_use(root, clock, happens):
    """The same while a reader has the catalog open."""
    with DirectoryStore(root, clock=clock) as store, DirectoryStore(root, clock=clock) as other:
        check(store)
        check(other)
        happens(root)
        check(store)
        check(other)
        check(store)


def test_an_older_copy_of_the_catalog_is_brought_up_to_date(root, clock):
    """A catalog out of a backup lacks what came later and has what is gone."""
    with DirectoryStore(root, clock=clock) as store:
        check(store)
    shutil.copy2(path_of(root), root.parent / "backup")
    files_removed(root)
    files_added(root)
    with DirectoryStore(root, clock=clock) as store:
        check(store)
    shutil.copy2(root.parent / "backup", path_of(root))
    with DirectoryStore(root, clock=clock) as store:
        check(store)


def test_a_catalog_of_another_store_is_of_no_harm(root, clock, tmp_path):
    """Its rows have no files here, and ours are found."""
    fill(tmp_path / "other", range(100, 120))
    with DirectoryStore(tmp_path / "other", clock=clock) as store:
        check(store)
    shutil.copy2(tmp_path / "other" / "catalog.sqlite", path_of(root))
    with DirectoryStore(root, clock=clock) as store:
        check(store)


@pytest.mark.parametrize(
    "failure",
    [
        ("_read", sqlite3.SQLITE_IOERR),
        ("_read", sqlite3.SQLITE_CORRUPT),
        ("_write", sqlite3.SQLITE_FULL),
        ("_write", sqlite3.SQLITE_READONLY),
        ("_write", sqlite3.SQLITE_BUSY),
    ],
)
@pytest.mark.parametrize("calls", [0, 1, 2, 5, 20])
def test_answers_do_not_depend_on_a_file_that_fails_at_any_time(root, clock, monkeypatch, failure, calls):
    """From its so many-th use on, the store's file fails in every way that SQLite has; nothing else does."""
    method, code = failure
    original = getattr(Catalog, method)
    count = iter(range(10_000))

    def failing(self, work):
        if self.path is None or next(count) < calls:
            return original(self, work)

        def fail(connection):
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = code
            raise error

        return original(self, fail)

    monkeypatch.setattr(Catalog, method, failing)
    with DirectoryStore(root, clock=clock) as store:
        check(store)
        fill(root, range(24, 30))
        check(store)


def test_a_list_goes_on_when_the_catalog_fails_between_two_pages(root, clock, monkeypatch):
    """The next page comes from another catalog; nothing is missing and nothing comes twice."""
    monkeypatch.setattr("recordkit.store.directory.PAGE", 3)
    for happens in (garbage, remove, newer_schema, no_table):
        with DirectoryStore(root, clock=clock) as store:
            expected = scan(root)
            listing = store.select()
            found = [next(listing) for _ in range(4)]
            happens(root)
            store.catalog.close()
            assert found + list(listing) == expected
        remove(root)


@pytest.fixture
def readable_root():
    """A store in a place that every user can reach."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    create_store(place / "store")
    fill(place / "store", range(16))
    yield place / "store"
    shutil.rmtree(place)


def listed_without_write_permission(root, clock):
    """List a store as a user who may only read, in a process of its own, and check that nothing was touched."""
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in paths}
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            with DirectoryStore(root, clock=clock) as store:
                os.write(sending, "".join(f"{found.sid} {found.state}\n" for found in store.list()).encode())
        finally:
            os._exit(0)  # whatever failed shows as a list that is not whole
    os.close(sending)
    lines = os.read(receiving, 1 << 16).decode().splitlines()
    os.waitpid(child, 0)
    os.close(receiving)
    assert {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))} == before
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return [tuple(line.split(maxsplit=1)) for line in lines]


@pytest.mark.parametrize("catalog", ["none", "current", "outdated", "garbage", "in use"])
def test_a_reader_without_the_right_to_write_gets_the_same_list(readable_root, clock, catalog):
    """It changes nothing in the store, and uses the catalog that is there as far as that can be."""
    root = readable_root
    with DirectoryStore(root, clock=clock) as store:
        if catalog != "none":
            check(store)
        if catalog != "in use":
            store.close()
        if catalog == "outdated":
            fill(root, range(24, 30))
            files_removed(root)
        if catalog == "garbage":
            garbage(root)
        expected = [(summary.sid, str(summary.state)) for summary in scan(root)]
        assert listed_without_write_permission(root, clock) == expected


def test_answers_do_not_depend_on_the_order_of_filling(root, clock):
    """Rows added by a recorder before the first listing are as good as those that a listing adds."""
    with DirectoryStore(root, clock=clock) as store:
        for path in root.glob("*/*.jsonl.zst"):
            with store[path.name[:36]] as recording:
                summary = recording.summary
            store.catalog.add(summary, file_size=path.stat().st_size, file_mtime_ns=path.stat().st_mtime_ns)
        check(store)
        assert store.catalog.shared().count() == sum(1 for _ in root.glob("*/*.jsonl.zst"))


def test_a_row_that_is_added_for_a_file_that_is_gone_again_is_not_handed_out(root, clock):
    """A recorder's late row for a recording that somebody removed meanwhile."""
    with DirectoryStore(root, clock=clock) as store:
        check(store)
        sid = sid_with(last="0a")
        store.catalog.add(make_summary(sid=sid), file_size=1, file_mtime_ns=2)
        assert sid not in store
        check_lists_only(store)
        check(store)


def check_lists_only(store):
    assert list(store.select()) == scan(store.root)
    assert not sealed_path(store.root, sid_with(last="0a")).exists()
