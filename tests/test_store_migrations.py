import sqlite3

import pytest

from recordkit.store.catalog import Catalog, CatalogFailedError, Fault
from recordkit.store.migrations import APPLICATION_ID, MIGRATIONS, is_catalog, migrate, version_of
from recordkit.store.rows import Entry
from store_recordings import make_summary

CHAIN = (
    ("CREATE TABLE thing (name TEXT)", "INSERT INTO thing VALUES ('first')"),
    ("ALTER TABLE thing ADD COLUMN size INTEGER NOT NULL DEFAULT 7",),
    ("CREATE INDEX thing_by_size ON thing (size)", "UPDATE thing SET name = name || '!'"),
)


@pytest.fixture
def connect(tmp_path):
    connections = []

    def connect():
        connections.append(sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None, timeout=10))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()


def schema(connection):
    return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


@pytest.mark.parametrize("taken", range(len(CHAIN) + 1))
def test_a_file_of_any_older_version_takes_the_steps_that_it_lacks(connect, taken):
    """From wherever it starts, a file ends with the last schema, its rows carried along."""
    connection = connect()
    migrate(connection, CHAIN[:taken])
    assert version_of(connection) == taken
    migrate(connection, CHAIN)
    assert version_of(connection) == 3
    assert connection.execute("SELECT name, size FROM thing").fetchall() == [("first!", 7)]


@pytest.mark.parametrize("taken", range(len(MIGRATIONS)))
def test_every_released_version_of_the_catalog_is_brought_up_to_date(connect, tmp_path, taken):
    """A catalog that an older recordkit made gets the same schema as a new one, and works."""
    migrate(connect(), MIGRATIONS[:taken])
    catalog = Catalog.at(tmp_path / "catalog.sqlite", busy_timeout_s=1, may_change=True)
    entry = Entry(make_summary(), 1, 2)
    catalog.put([entry])
    assert catalog.entry(entry.summary.sid) == entry
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    migrate(fresh)
    assert schema(connect()) == schema(fresh)
    fresh.close()
    catalog.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(connect):
    """Statements and number of a step are one transaction: half of it is never there."""
    connection = connect()
    migrate(connection, CHAIN[:1])
    before = schema(connection)
    broken = (*CHAIN[:1], ("CREATE TABLE other (x)", "CREATE TABLE thing (y)"))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, broken)
    assert (version_of(connection), schema(connection)) == (1, before)
    assert not connection.in_transaction
    migrate(connection, CHAIN)
    assert version_of(connection) == 3


def test_a_step_taken_by_another_process_meanwhile_is_not_taken_twice(connect):
    """Who waited for the lock looks at the number again."""
    slow, quick = connect(), connect()

    class Waiting:
        """The slow process sees the old number, then the quick one migrates."""

        in_transaction = False

        def execute(self, sql):
            result = slow.execute(sql)
            if sql == "PRAGMA user_version" and not slow.in_transaction:
                rows = result.fetchall()
                migrate(quick, CHAIN)
                return iter_one(rows)
            return result

    class iter_one:  # noqa: N801 - stands for a cursor
        def __init__(self, rows):
            self.fetchone = iter(rows).__next__

    migrate(Waiting(), CHAIN)
    assert slow.execute("SELECT count(*) FROM thing").fetchone() == (1,)


def test_a_file_that_is_empty_or_ours_is_a_catalog(connect):
    """An empty file may become a catalog, and a catalog is known by its mark."""
    connection = connect()
    assert is_catalog(connection)
    migrate(connection)
    assert is_catalog(connection)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (x)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"]
)
def test_another_programs_database_is_no_catalog(connect, tmp_path, statement):
    """A database without our mark is not migrated, whatever its version says."""
    connection = connect()
    connection.execute(statement)
    assert not is_catalog(connection)
    with pytest.raises(CatalogFailedError) as failed:
        Catalog.at(tmp_path / "catalog.sqlite", busy_timeout_s=1, may_change=True)
    assert failed.value.kind is Fault.WRONG


def test_a_newer_schema_is_refused_by_name(connect, tmp_path):
    """A catalog of a later recordkit is left alone, and the message says what to do."""
    connection = connect()
    migrate(connection)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(
        CatalogFailedError, match=rf"schema {len(MIGRATIONS) + 1}.*up to {len(MIGRATIONS)}.*upgrade"
    ) as failed:
        Catalog.at(tmp_path / "catalog.sqlite", busy_timeout_s=1, may_change=True)
    assert failed.value.kind is Fault.NEWER
    assert version_of(connection) == len(MIGRATIONS) + 1
