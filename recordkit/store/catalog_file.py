"""
The catalog's file through its life: made, damaged, set aside, deleted under us, out of reach.

The file's name is only touched under ``catalog.lock``: shared while opening it, exclusive while making,
migrating or replacing it. So of several processes that find it damaged one replaces it, and the others
find the new one.

SQLite finds a file's write-ahead log by name, and would replay one file's log into another, or let two
processes share the log's index for different files. So the log moves along with its file, and the lock
file holds the inode that the log belongs to: if somebody deleted the catalog or put another one in its
place, what is left of the log is seen to be foreign. (https://sqlite.org/howtocorrupt.html, 1.4 and 2.4)

A process that has the replaced file open goes on with it, which does no harm: rows are checked before
they are handed out. Before each use it looks whether the name still leads to its file.

Where the file can't be used (no right to write, full disk, a newer recordkit's, locked for too long)
readers get a private catalog in a temporary file. It is filled from the directories as any other one
would be, so it gives the same answers, later.
"""

import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from recordkit.container import Summary
from recordkit.store.catalog import Catalog, CatalogFailedError, Fault
from recordkit.store.locks import lock_file
from recordkit.store.paths import CATALOG_LOCK_NAME, CATALOG_NAME, SHARDS
from recordkit.store.rows import Entry

log = logging.getLogger("recordkit.store")

BUSY_TIMEOUT_S: Final = 5.0  # writers hold the lock for milliseconds; who waits longer meets a stopped process
RETRY_S: Final = 60.0  # how long readers stay with a private catalog before they try the file again
SET_ASIDE_SUFFIX: Final = ".damaged"


class CatalogFile:
    """
    The catalog of the store at *root*, for any thread of this process.

    Nothing is opened before it is needed.
    """

    def __init__(self, root: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = root / CATALOG_NAME
        self._root = root
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        self._shared: Catalog | None = None
        self._private: Catalog | None = None
        self._retry_at = 0.0
        self._replace_at = 0.0
        _files.add(self)

    def add(self, summary: Summary, *, file_size: int, file_mtime_ns: int) -> None:
        """
        Note down one sealed recording; see `add_many`.
        """
        self.add_many([Entry(summary, file_size, file_mtime_ns)])

    def add_many(self, entries: Iterable[Entry]) -> None:
        """
        Note down sealed recordings, in one transaction.

        Never raises for what the catalog does: a row that is missing is found by the next reader.
        Blocks up to the busy timeout; for background threads.
        """
        added = list(entries)
        for again in (True, False):
            try:
                catalog = self.shared()
                try:
                    catalog.put(added)
                except CatalogFailedError as fault:
                    if fault.kind is not Fault.WRONG or not again:
                        raise
                    self.replace(catalog)
                    continue
            except (CatalogFailedError, OSError) as error:
                log.debug("catalog: %d recordings not added, they are found when next listed: %s", len(added), error)
            return

    def shared(self) -> Catalog:
        """
        Return the catalog in the store's file, made or replaced if need be.

        Raises:
            CatalogFailedError: It can't be used.
        """
        with self._lock:
            if self._shared is None or not self._shared.current:
                if self._shared is not None:
                    self._shared.close()
                self._shared = None
                try:
                    self._shared = self._opened()
                except OSError as error:
                    raise CatalogFailedError(f"{self.path}: can't be used: {error}", Fault.UNAVAILABLE) from error
            return self._shared

    def readable(self) -> Catalog:
        """
        Return the catalog in the store's file, or a private one if that can't be used.

        Raises:
            CatalogFailedError: Not even a temporary file can be written.
        """
        with self._lock:
            if time.monotonic() >= self._retry_at and self._wanted():
                try:
                    shared = self.shared()
                except CatalogFailedError as fault:
                    self._avoid(fault)
                else:
                    self._drop_private()
                    return shared
            if self._private is None:
                self._private = Catalog.private(seed=self.path)
            return self._private

    def failed(self, catalog: Catalog, fault: CatalogFailedError) -> None:
        """
        Take note that reading or writing *catalog* failed, so that `readable` returns another one.
        """
        with self._lock:
            if catalog is self._private:
                self._drop_private()
                if fault.kind is Fault.WRONG:  # copied from a damaged file
                    self._private = Catalog.private()
                return
            if fault.kind is Fault.WRONG and time.monotonic() >= self._replace_at:
                self._replace_at = time.monotonic() + RETRY_S  # if the new one fails as well, replacing is no help
                try:
                    self.replace(catalog)
                except (CatalogFailedError, OSError) as error:
                    self._avoid(error)
                return
            self._avoid(fault)

    def replace(self, damaged: Catalog) -> None:
        """
        Set the file of *damaged* aside, unless another process already did; `shared` makes a new one.

        Raises:
            CatalogFailedError, OSError: It can't be set aside.
        """
        with self._locked(shared=False):
            if damaged.current:
                self._set_aside(CatalogFailedError(f"{self.path}: is damaged", Fault.WRONG))
        with self._lock:
            damaged.close()
            if self._shared is damaged:
                self._shared = None

    def close(self) -> None:
        """
        Let go of the file; it may be used again.
        """
        with self._lock:
            if self._shared is not None:
                self._shared.close()
            self._shared = None
            self._drop_private()

    def abandon(self) -> None:
        """
        Forget what the parent process had open, and the locks of threads that did not come along.
        """
        self._lock = threading.RLock()
        for catalog in (self._shared, self._private):
            if catalog is not None:
                catalog.close()
        self._shared = self._private = None

    def _wanted(self) -> bool:
        # a directory that holds no recordings may be anybody's: nothing is written into it
        return self.path.exists() or any((self._root / shard).exists() for shard in SHARDS)

    def _avoid(self, why: Exception) -> None:
        log.debug("catalog: answering without the file for %g s: %s", RETRY_S, why)
        self._retry_at = time.monotonic() + RETRY_S

    def _drop_private(self) -> None:
        if self._private is not None:
            self._private.close()
        self._private = None

    def _opened(self) -> Catalog:
        with self._locked(shared=True) as descriptor:
            if self._is_noted(descriptor):
                try:
                    catalog = Catalog.at(self.path, busy_timeout_s=self._busy_timeout_s, may_change=False)
                except CatalogFailedError as fault:
                    if fault.kind is not Fault.WRONG:
                        raise
                    catalog = None
                if catalog is not None:
                    return catalog
        with self._locked(shared=False) as descriptor:
            if not self._is_noted(descriptor):
                self._clear_log()
            try:
                catalog = self._made()
            except CatalogFailedError as fault:
                if fault.kind is not Fault.WRONG:
                    raise
                self._set_aside(fault)
                catalog = self._made()
            self._note(descriptor)
            return catalog

    def _made(self) -> Catalog:
        catalog = Catalog.at(self.path, busy_timeout_s=self._busy_timeout_s, may_change=True)
        if catalog is None:  # can't be: it may change
            raise CatalogFailedError(f"{self.path}: can't be made", Fault.UNAVAILABLE)
        return catalog

    def _is_noted(self, descriptor: int) -> bool:
        """
        Whether the file is the one that the log beside it belongs to, going by the lock file's content.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return False
        return status.st_size > 0 and os.pread(descriptor, 64, 0) == b"%d" % status.st_ino

    def _note(self, descriptor: int) -> None:
        content = b"%d" % self.path.stat().st_ino
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, content, 0)

    def _clear_log(self) -> None:
        """
        See to it that SQLite does not take another file's log for that of the file that is there, or is to be made.
        """
        beside = [path for path in (self._beside("-wal"), self._beside("-shm")) if path.exists()]
        if beside and self.path.exists() and self.path.stat().st_size:
            self._set_aside(CatalogFailedError(f"{self.path}: was replaced without its log", Fault.WRONG))
            return
        for path in beside:  # who still has them open keeps what it has
            path.unlink(missing_ok=True)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _set_aside(self, why: Exception) -> None:
        aside = self._beside(SET_ASIDE_SUFFIX)
        log.warning("catalog: %s; kept as %s, and rebuilt from the recordings", why, aside)
        self.path.replace(aside)
        with contextlib.suppress(FileNotFoundError):
            self._beside("-wal").replace(aside.with_name(aside.name + "-wal"))
        self._beside("-shm").unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self, *, shared: bool) -> Iterator[int]:
        descriptor = lock_file(self._root / CATALOG_LOCK_NAME, shared=shared, wait_s=self._busy_timeout_s)
        if descriptor is None:
            raise CatalogFailedError(f"{self.path}: another process has held its lock for too long", Fault.UNAVAILABLE)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


_files: "weakref.WeakSet[CatalogFile]" = weakref.WeakSet()


def _after_fork() -> None:
    for file in list(_files):
        file.abandon()


os.register_at_fork(after_in_child=_after_fork)
