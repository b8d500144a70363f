"""
The catalog's schema, as the numbered steps that lead to it.

Step *n* takes a catalog of version *n - 1* to version *n*; ``PRAGMA user_version`` says where a file
is. A step and its new number are one transaction, so a file is never between two versions. A step that
has been released is never edited: the next one corrects it.

The file's ``application_id`` marks it as ours, so that another program's database is not taken for an
old catalog and changed.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

APPLICATION_ID: Final = 0x726B6974  # "rkit"

Migration = tuple[str, ...]

MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        # One row per sealed recording: the fields of its summary, and what its file looked like then.
        # began_ns is what listings are ordered by. A number beyond 64 bits is kept as text, which SQLite
        # would round in a column that has a type.
        """
        CREATE TABLE recording (
            sid TEXT PRIMARY KEY NOT NULL,
            shard TEXT NOT NULL,
            began_ns INTEGER NOT NULL,
            state TEXT NOT NULL,
            cluster_name TEXT,
            user TEXT,
            db_service TEXT,
            db_protocol TEXT,
            db_type TEXT,
            db_name TEXT,
            db_user TEXT,
            created_ns NOT NULL,
            start_ns,
            end_ns,
            events NOT NULL,
            queries NOT NULL,
            errors NOT NULL,
            lost NOT NULL,
            chunks NOT NULL,
            stored_bytes NOT NULL,
            raw_bytes NOT NULL,
            head TEXT NOT NULL,
            writer TEXT NOT NULL,
            file_size NOT NULL,
            file_mtime_ns NOT NULL
        )
        """,
        # The newest 50 of each kind are the first 50 of an index; ties are sorted by sid when read.
        "CREATE INDEX recording_by_time ON recording (began_ns)",
        "CREATE INDEX recording_by_user ON recording (user, began_ns)",
        "CREATE INDEX recording_by_db_service ON recording (db_service, began_ns)",
        "CREATE INDEX recording_by_db_name ON recording (db_name, began_ns)",
        "CREATE INDEX recording_by_db_protocol ON recording (db_protocol, began_ns)",
        "CREATE INDEX recording_by_state ON recording (state, began_ns)",
        # Comparing a directory with its rows reads nothing but this index.
        "CREATE INDEX recording_by_shard ON recording (shard, sid, file_size, file_mtime_ns)",
        # What a directory's status was when its files and its rows last agreed.
        """
        CREATE TABLE shard (
            shard TEXT PRIMARY KEY NOT NULL,
            stamp TEXT NOT NULL
        )
        """,
        f"PRAGMA application_id = {APPLICATION_ID}",
    ),
    (
        # What the filters but user and time can ask for, as far as it occurs together; see `targets`. A
        # number is never given to other values. Not unique, and without a foreign key: writers look first.
        """
        CREATE TABLE target (
            id INTEGER PRIMARY KEY,
            db_service TEXT,
            db_name TEXT,
            db_protocol TEXT,
            state TEXT NOT NULL
        )
        """,
        "CREATE INDEX target_by_db_service ON target (db_service, db_name, db_protocol, state)",
        "CREATE INDEX target_by_db_name ON target (db_name, db_protocol, state)",
        "CREATE INDEX target_by_db_protocol ON target (db_protocol, state)",
        "CREATE INDEX target_by_state ON target (state)",
        "ALTER TABLE recording ADD COLUMN target INTEGER",
        """
        INSERT INTO target (db_service, db_name, db_protocol, state)
        SELECT DISTINCT db_service, db_name, db_protocol, state FROM recording
        """,
        """
        UPDATE recording SET target = (
            SELECT id FROM target WHERE target.db_service IS recording.db_service
            AND target.db_name IS recording.db_name AND target.db_protocol IS recording.db_protocol
            AND target.state = recording.state
        )
        """,
        "CREATE INDEX recording_by_target ON recording (target, began_ns)",
        "CREATE INDEX recording_by_user_and_target ON recording (user, target, began_ns)",
    ),
)


def version_of(connection: sqlite3.Connection) -> int:
    """
    Return the number of the last step that the file has taken.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def is_catalog(connection: sqlite3.Connection) -> bool:
    """
    Whether the file is a catalog of any version, or still empty and may become one.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application == APPLICATION_ID:
        return True
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(application == 0 and objects == 0 and version_of(connection) == 0)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """
    Take the steps that the file has not taken; several processes may try at once.

    The connection must be in autocommit mode. Memory: O(1); blocks for the lock and for each step.

    Raises:
        sqlite3.Error: A step failed; the file is as the step before it left it.
    """
    while version_of(connection) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # read again: another process may have taken this step while we waited for the lock
            taken = version_of(connection)
            if taken < len(migrations):
                for statement in migrations[taken]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {taken + 1:d}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
