"""
One connection to a catalog: rows in, rows out, and what went wrong, in our words.

The catalog is a cache. Whoever reads it first makes it agree with the directories (`reconcile`) and
checks the rows that it hands out, so that no answer depends on what is written here. What fails is
sorted into three kinds, because each has its own way out:

    WRONG        the file is no catalog, or a damaged one: set it aside and build a new one
    NEWER        a later recordkit made it: leave it alone, and answer without it
    UNAVAILABLE  locked, full, read-only, closed: answer without it, and try again later

The connection may be used by any thread, one at a time; the lock is the catalog's own. After a fork
the child leaves it alone: it doesn't even close it, since that would write to the parent's file.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Final, Self, TypeVar

from recordkit.errors import CatalogError
from recordkit.store import rows, targets
from recordkit.store.filters import RecordingFilter
from recordkit.store.locks import PRIVATE
from recordkit.store.migrations import MIGRATIONS, is_catalog, migrate, version_of
from recordkit.store.rows import Cursor, Entry

T = TypeVar("T")

CACHE_KIB: Final = 16 * 1024  # holds the inner pages of all indexes at 1 million rows

_abandoned: list[sqlite3.Connection] = []  # connections of the parent process, never to be closed here

# https://sqlite.org/rescode.html: what the environment refuses; all else says that the file is wrong
_ENVIRONMENT: Final = frozenset(
    {
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


class Fault(Enum):
    """
    What to do about a catalog that failed.
    """

    WRONG = "wrong"
    NEWER = "newer"
    UNAVAILABLE = "unavailable"


class CatalogFailedError(CatalogError):
    """
    A catalog failed; the store goes on without it, so this seldom reaches the caller.
    """

    def __init__(self, message: str, kind: Fault) -> None:
        super().__init__(message)
        self.kind = kind


class Catalog:
    """
    One connection to one catalog file, or to a private one that is gone when it is closed.
    """

    def __init__(self, connection: sqlite3.Connection, *, path: Path | None, file: os.stat_result | None) -> None:
        self.path = path
        self._file = file
        self._connection: sqlite3.Connection | None = connection
        self._lock = threading.RLock()
        self._pid = os.getpid()

    @classmethod
    def at(cls, path: Path, *, busy_timeout_s: float, may_change: bool) -> Self | None:
        """
        Return the catalog in the file at *path*.

        Args:
            path: The file.
            busy_timeout_s: How long each call waits for other processes.
            may_change: Make the file if it is missing and migrate it if it is old. The caller holds
                the lock against others who do so.

        Returns:
            None if the file would have to be changed, but may not.

        Raises:
            CatalogFailedError: It can't be used.
        """
        if not may_change and not path.exists():
            return None
        connection: sqlite3.Connection | None = None
        try:
            if may_change and not path.exists():
                # SQLite would let all read it. EXCL: closing a file that is there would take its locks from
                # the other connections of this process (https://sqlite.org/howtocorrupt.html, 2.2)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
            file = path.stat()
            connection = _connect(str(path), busy_timeout_s)
            if _known_version(connection, path) < len(MIGRATIONS):
                if not may_change:
                    connection.close()
                    return None
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
                migrate(connection)
        except (sqlite3.Error, OSError) as error:
            _close(connection)
            raise _fault(path, error) from error
        except BaseException:
            _close(connection)
            raise
        catalog = cls(connection, path=path, file=file)
        if not catalog.current:  # then SQLite may have opened one file and the other's log
            catalog.close()
            raise CatalogFailedError(f"{path}: was replaced while it was opened", Fault.UNAVAILABLE)
        return catalog

    @classmethod
    def private(cls, seed: Path | None = None) -> Self:
        """
        Return a catalog of this process alone, in a temporary file that SQLite removes.

        Args:
            seed: A catalog file to begin with a copy of, if it can be read; what is not in it costs
                time, not answers.

        Raises:
            CatalogFailedError: Not even a temporary file can be written.
        """
        connection: sqlite3.Connection | None = None
        try:
            connection = _connect("", 0.0)
            if seed is not None:
                copied = _copied(seed, connection)
                if not copied:
                    connection.close()
                    connection = _connect("", 0.0)
            migrate(connection)
            return cls(connection, path=None, file=None)
        except sqlite3.Error as error:
            _close(connection)
            raise _fault(Path("(temporary catalog)"), error) from error

    @property
    def current(self) -> bool:
        """
        Whether it is open here, and its file is still the one that its path leads to.
        """
        if self._connection is None or self._pid != os.getpid():
            return False
        if self.path is None or self._file is None:
            return True
        try:
            return os.path.samestat(self._file, self.path.stat())
        except OSError:
            return False

    def close(self) -> None:
        """
        Let go of the file; a second call does nothing.
        """
        if self._pid != os.getpid():
            if self._connection is not None:
                _abandoned.append(self._connection)
                self._connection = None
            return
        with self._lock:
            _close(self._connection)
            self._connection = None

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:
            self.close()

    def put(self, entries: Iterable[Entry]) -> None:
        """
        Add or replace these rows, in one transaction.

        Where an entry's step begins at the status that the catalog's word is for, the word then is for the
        status that it ends at; so from step to step.
        """
        values: list[rows.Values] = []
        steps: dict[str, dict[str, str]] = {}
        for entry in entries:
            values.append(rows.to_row(entry))
            if entry.step is not None:
                steps.setdefault(entry.step.shard, {})[entry.step.before] = entry.step.after

        def put(connection: sqlite3.Connection) -> None:
            if connection.execute(targets.ANY_WITHOUT).fetchone():
                connection.execute(targets.ADD_MISSING)
                connection.execute(targets.GIVE)
            connection.executemany(rows.PUT, [*_with_targets(connection, values)])
            for shard, after in steps.items():
                found = connection.execute("SELECT stamp FROM shard WHERE shard = ?", (shard,)).fetchone()
                first = stamp = found[0] if found else None
                while stamp in after:
                    stamp = after.pop(stamp)
                if stamp != first:
                    connection.execute("UPDATE shard SET stamp = ? WHERE shard = ?", (stamp, shard))

        if values:
            self._write(put)

    def remove(self, sids: Iterable[str]) -> None:
        """
        Remove these rows, and have their directories looked at again.
        """
        values = [(sid,) for sid in sids]

        def removed(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM recording WHERE sid = ?", values)
            connection.executemany("DELETE FROM shard WHERE shard = substr(?, -2)", values)

        if values:
            self._write(removed)

    def settle(self, shard: str, *, stamp: str | None, gone: Sequence[str]) -> None:
        """
        Note down what comparing a directory with its rows gave.

        Args:
            shard: Its name.
            stamp: Its status, if files and rows agree until it changes; None if they may not.
            gone: Sids of the rows that have no file.
        """

        def settled(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM recording WHERE sid = ?", [(sid,) for sid in gone])
            if stamp is None:
                connection.execute("DELETE FROM shard WHERE shard = ?", (shard,))
            else:
                connection.execute("INSERT OR REPLACE INTO shard (shard, stamp) VALUES (?, ?)", (shard, stamp))

        self._write(settled)

    def stamps(self) -> dict[str, str]:
        """
        Return the status at which each directory last agreed with its rows; missing if it never did.
        """
        return dict(self._read(lambda connection: connection.execute("SELECT shard, stamp FROM shard").fetchall()))

    def marks(self, shard: str) -> dict[str, tuple[int, int]]:
        """
        Return size and time of the file of each row of this directory, by sid. Memory: O(its rows).
        """
        sql = (
            "SELECT sid, file_size, file_mtime_ns FROM recording INDEXED BY recording_by_shard "
            "WHERE shard = ? AND sid IS NOT NULL"
        )
        found = self._read(lambda connection: connection.execute(sql, (shard,)).fetchall())
        return {sid: (size, mtime_ns) for sid, size, mtime_ns in found}

    def entry(self, sid: str) -> Entry | None:
        """
        Return the row of this sid.
        """
        sql = f"SELECT {', '.join(rows.SUMMARY_COLUMNS)}, file_size, file_mtime_ns FROM recording WHERE sid = ?"  # noqa: S608
        return self._read(
            lambda connection: next((rows.to_entry(row) for row in connection.execute(sql, (sid,))), None)
        )

    def page(self, wanted: RecordingFilter, *, after: Cursor | None, limit: int) -> list[Entry]:
        """
        Return the next rows that match, newest first. Memory: O(limit).
        """

        def read(connection: sqlite3.Connection) -> list[Entry]:
            found = targets.newest_page(
                lambda query: connection.execute(*query).fetchall(), wanted, after=after, limit=limit
            )
            if found is not None:
                return [rows.to_entry(row) for row in found]
            counts = {
                lead: connection.execute(*query).fetchone()[0] for lead, query in rows.leading_counts(wanted).items()
            }
            lead = min(counts, key=lambda name: counts[name], default=None)
            query = rows.page_query(wanted, lead=lead, after=after, limit=limit)
            return [rows.to_entry(row) for row in connection.execute(*query)]

        return self._read(read)

    def with_prefix(self, prefix: str, *, limit: int) -> list[str]:
        """
        Return the first sids, in order, that begin with *prefix*, 1 to 32 hexadecimal digits.
        """
        sql = "SELECT sid FROM recording WHERE sid >= ? AND sid < ? ORDER BY sid LIMIT ?"
        bounds = rows.prefix_range(prefix)
        return self._read(lambda connection: [sid for (sid,) in connection.execute(sql, (*bounds, limit))])

    def held(self, sids: Iterable[str]) -> set[str]:
        """
        Return those of *sids* that have a row.
        """

        def read(connection: sqlite3.Connection) -> set[str]:
            sql = "SELECT 1 FROM recording WHERE sid = ?"
            return {sid for sid in sids if connection.execute(sql, (sid,)).fetchone()}

        return self._read(read)

    def count(self) -> int:
        """
        Return the number of rows.
        """
        return self._read(lambda connection: int(connection.execute("SELECT count(*) FROM recording").fetchone()[0]))

    def sound(self) -> bool:
        """
        Whether tables and indexes agree. Reads the whole file.
        """

        def read(connection: sqlite3.Connection) -> bool:
            whole = connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
            return bool(whole and connection.execute(targets.ALL_AGREE).fetchone() == (1,))

        return self._read(read)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._run("BEGIN", work)

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        # IMMEDIATE: a transaction that begins by reading can't wait its turn when it comes to write
        self._run("BEGIN IMMEDIATE", work)

    def _run(self, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
        where = self.path or Path("(temporary catalog)")
        if self._pid != os.getpid():  # the lock may be held by a thread that did not come along
            raise CatalogFailedError(f"{where}: was opened by the parent process", Fault.UNAVAILABLE)
        with self._lock:
            connection = self._connection
            if connection is None:
                raise CatalogFailedError(f"{where}: is closed", Fault.UNAVAILABLE)
            try:
                connection.execute(begin)
                result = work(connection)
                connection.execute("COMMIT")
            except (sqlite3.Error, ValueError, TypeError) as error:
                _roll_back(connection)
                raise _fault(where, error) from error
            except BaseException:
                _roll_back(connection)
                raise
            return result


def _connect(database: str, busy_timeout_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    try:
        # NORMAL: power loss may cost the last rows, never the file; the rows come back from the directories
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if database else 'OFF'}")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB:d}")
        if not database:
            connection.execute("PRAGMA journal_mode = MEMORY").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _known_version(connection: sqlite3.Connection, path: Path) -> int:
    if not is_catalog(connection):
        raise CatalogFailedError(f"{path}: is not a catalog of recordkit", Fault.WRONG)
    version = version_of(connection)
    if version > len(MIGRATIONS):
        raise CatalogFailedError(
            f"{path}: the catalog has schema {version}, this recordkit knows schemas up to {len(MIGRATIONS)}; "
            "upgrade recordkit, or remove the file (it is rebuilt from the recordings)",
            Fault.NEWER,
        )
    return version


def _copied(seed: Path, target: sqlite3.Connection) -> bool:
    """
    Copy the catalog at *seed* into *target*; False if it can't be read, or is none of ours.
    """
    if not seed.exists():
        return False
    # Without write permission SQLite can't take part in WAL mode. "immutable" reads the file as it
    # is, which is right only if nobody writes meanwhile: hence the look at it before and after.
    for options in ("mode=ro", "mode=ro&immutable=1"):
        source: sqlite3.Connection | None = None
        try:
            before = _state_of(seed)
            source = sqlite3.connect(f"{seed.absolute().as_uri()}?{options}", uri=True, isolation_level=None)
            if not is_catalog(source) or version_of(source) > len(MIGRATIONS):
                return False
            if "immutable" in options and before[1] is not None:
                return False
            source.backup(target)
            if "immutable" not in options or _state_of(seed) == before:
                return True
        except (sqlite3.Error, OSError):
            continue
        finally:
            _close(source)
    return False


def _state_of(path: Path) -> tuple[tuple[int, int, int], float | None]:
    status = path.stat()
    log = Path(f"{path}-wal")
    written = log.stat().st_mtime if log.exists() and log.stat().st_size else None
    return (status.st_ino, status.st_size, status.st_mtime_ns), written


def _with_targets(connection: sqlite3.Connection, values: Iterable[rows.Values]) -> Iterator[rows.Values]:
    """
    Yield rows with the number of their target, which is added if it is new.
    """
    known: dict[rows.Values, int] = {}
    for row in values:
        target = rows.target_of(row)
        number = known.get(target)
        if number is None:
            found = connection.execute(targets.FIND, target).fetchone()
            number = found[0] if found else connection.execute(targets.ADD, target).lastrowid or 0
            known[target] = number
        yield (*row, number)


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(sqlite3.Error):
            connection.close()


def _roll_back(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _fault(path: Path, error: Exception) -> CatalogFailedError:
    environment = isinstance(error, OSError)
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        # Without a code it comes from the Python module: a closed connection, a value it can't bind. Text that is not
        # UTF-8, too: that is a changed byte in the file.
        environment = "UTF-8" not in str(error) if code is None else (code & 0xFF) in _ENVIRONMENT
    kind = Fault.UNAVAILABLE if environment else Fault.WRONG
    return CatalogFailedError(f"{path}: the catalog can't be used: {error}", kind)
