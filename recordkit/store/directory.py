"""
A store that is a directory.

A recording is found by its sid alone, without the catalog. Lists and prefixes come from two sources
that are merged: recordings being written, read from ``open/`` each time, and sealed ones, from the
catalog after it was made to agree with the directories.

``open/`` is listed *before* the directories of sealed recordings are looked at: a recording that is
sealed in between is then met twice, which is seen, and never missed.
"""

import contextlib
import heapq
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from recordkit.clock import Clock, SystemClock
from recordkit.container import Mode, Recording, State, Summary
from recordkit.errors import AmbiguousPrefixError, SessionNotFoundError, StoreError
from recordkit.events import parse_sid
from recordkit.limits import DEFAULT_LIMITS, Limits
from recordkit.store.catalog import Catalog, CatalogFailedError
from recordkit.store.catalog_file import CatalogFile
from recordkit.store.filters import EVERYTHING, RecordingFilter, moment_ns, order_key
from recordkit.store.finding import is_there, open_by_sid, unsealed
from recordkit.store.paths import SEALED_SUFFIX, Problem, open_sids, sealed_path, shard_of
from recordkit.store.reconcile import checked_entry, reconcile
from recordkit.store.recovery import Seal
from recordkit.store.reindex import Progress, ReindexReport, reindex
from recordkit.store.rows import Cursor, Entry, cursor_of

T = TypeVar("T")

PAGE: Final = 500
"""Rows read from the catalog at a time, about 300 KB of memory."""

_ATTEMPTS: Final = 3  # file, its replacement, private: there is no fourth place to read rows from
_SHOWN: Final = 5  # sids of an ambiguous prefix


class DirectoryStore:
    """
    The recordings in one directory; a context manager, for any thread.

    It reads. What writes is the recorder, and `reindex`. Recordings come and go under it at any time;
    each answer holds for a moment between the call and its return.

        with open_store("recordings") as store:
            for summary in store.list(user="alice", limit=50):
                print(summary.sid, summary.state)

    Attributes:
        root: The directory.
        catalog: Where recorders of this process add what they sealed.
    """

    def __init__(self, root: str | Path, *, clock: Clock | None = None) -> None:
        """
        Prepare; nothing is opened before it is needed.

        Raises:
            StoreError: *root* is not a directory.
        """
        self.root = Path(root)
        if not self.root.is_dir():
            raise StoreError(f"{self.root}: there is no store here, it is {_kind_of(self.root)}")
        self.catalog = CatalogFile(self.root)
        self._clock = clock or SystemClock()
        self._problems: tuple[Problem, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """
        Files that the last listing or look-up by prefix could not use.
        """
        return self._problems

    def __getitem__(self, sid: str) -> Recording:
        """
        Open the recording of this session; see `open`.
        """
        return self.open(sid)

    def open(self, sid: str, *, mode: Mode = "strict", limits: Limits = DEFAULT_LIMITS) -> Recording:
        """
        Open the recording of this session, sealed or not. The catalog is not asked.

        Args:
            sid: A UUID, in any case, with or without dashes.
            mode: What reading does at damage; see `recordkit.container.Mode`.
            limits: Sizes to accept.

        Raises:
            SessionNotFoundError: There is none, or *sid* is no UUID.
            FormatError: The file is damaged, or is another session's under this name.
            OSError: The file can't be opened.
        """
        return open_by_sid(self.root, sid, mode=mode, limits=limits)

    def find(self, prefix: str, *, mode: Mode = "strict", limits: Limits = DEFAULT_LIMITS) -> Recording:
        """
        Open the only recording whose sid begins with *prefix*; case and dashes don't matter.

        Raises:
            SessionNotFoundError: None does.
            AmbiguousPrefixError: Several do; it names some.
            ValueError: *prefix* is empty.
            FormatError, OSError: As in `open`.
        """
        return self.open(self.resolve(prefix), mode=mode, limits=limits)

    def resolve(self, prefix: str) -> str:
        """
        Return the only sid that begins with *prefix*, as in `find`, without opening the recording.
        """
        digits = prefix.replace("-", "").lower()
        if not digits:
            raise ValueError("prefix: expected the beginning of a sid, found nothing")
        if len(digits) <= 32 and all(digit in "0123456789abcdef" for digit in digits):
            if len(digits) == 32:
                sid = parse_sid(digits)
                sids: tuple[str, ...] = (sid,) if sid in self else ()
            else:
                sids = self._sids_with(digits)
            if len(sids) > 1:
                raise AmbiguousPrefixError(prefix, [*sids])
            if sids:
                return sids[0]
        raise SessionNotFoundError(f"{self.root}: no recording begins with {prefix!r}")

    def list(
        self,
        *,
        since: int | str | date | None = None,
        until: int | str | date | None = None,
        user: str | None = None,
        db: str | None = None,
        protocol: str | None = None,
        state: State | str | None = None,
        limit: int | None = None,
    ) -> Iterator[Summary]:
        """
        Yield the recordings that match, newest first.

        Args:
            since: They began at this time or later: nanoseconds since the Unix epoch, RFC 3339 text, a
                day, or a datetime with a time zone.
            until: They began before this time.
            user: Exactly this user.
            db: Exactly this ``db_service`` or ``db_name``.
            protocol: Exactly this ``db_protocol``.
            state: See `recordkit.State`.
            limit: At most so many, >= 0.

        Raises:
            ValueError: An argument is of no use.
        """
        wanted = RecordingFilter(
            since_ns=None if since is None else moment_ns(since, name="since"),
            until_ns=None if until is None else moment_ns(until, name="until"),
            user=user,
            db=db,
            protocol=protocol,
            state=None if state is None else State(state),
        )
        return self.select(wanted, limit=limit)

    def select(self, wanted: RecordingFilter = EVERYTHING, *, limit: int | None = None) -> Iterator[Summary]:
        """
        Yield the recordings that match, newest first. Memory: O(open recordings), not O(all).

        Raises:
            ValueError: *limit* is negative.
        """
        if limit is not None and limit < 0:
            raise ValueError(f"limit: expected a number >= 0, found {limit}")
        return self._selected(wanted, limit)

    def reindex(self, progress: Progress | None = None, *, seal: Seal | None = None) -> ReindexReport:
        """
        Seal what dead recorders left, and rebuild the catalog from all recordings.

        Args:
            progress: Called with recordings done and recordings in all, now and then.
            seal: How to seal; default: `recordkit.container.seal`.

        Raises:
            CatalogError: The catalog can't be written, or a newer recordkit made it; nothing was done.
        """
        return reindex(self.root, self.catalog, now_ns=self._clock.time_ns, progress=progress, seal=seal)

    def __contains__(self, sid: object) -> bool:
        return is_there(self.root, sid)

    def __iter__(self) -> Iterator[str]:
        return (summary.sid for summary in self.select())

    def __len__(self) -> int:
        writing, problems = unsealed(self.root, now_ns=self._clock.time_ns)
        count = self._answer(lambda catalog: catalog.count() + len(writing) - len(catalog.held(writing)))
        self._problems += problems
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        Let go of the catalog; a second call does nothing, and a later use opens it again.
        """
        self.catalog.close()

    def _answer(self, ask: Callable[[Catalog], T]) -> T:
        """
        Ask a catalog that agrees with the directories; if it fails, the next one.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            catalog = self.catalog.readable()
            try:
                self._problems = reconcile(catalog, self.root, now_ns=self._clock.time_ns).problems
                return ask(catalog)
            except CatalogFailedError as fault:
                if attempt == _ATTEMPTS:
                    raise
                self.catalog.failed(catalog, fault)
        raise StoreError(f"{self.root}: no catalog answers")

    def _selected(self, wanted: RecordingFilter, limit: int | None) -> Iterator[Summary]:
        writing, problems = unsealed(self.root, now_ns=self._clock.time_ns)
        catalog, sealed = self._answer(lambda catalog: (catalog, catalog.held(writing)))
        self._problems += problems
        for sid in sealed:
            del writing[sid]
        begun = sorted(filter(wanted.matches, writing.values()), key=order_key, reverse=True)
        size = PAGE if limit is None else min(limit, PAGE)
        rows = self._rows(catalog, wanted, size=size, skip=set(writing)) if size else ()
        yield from islice(heapq.merge(begun, rows, key=order_key, reverse=True), limit)

    def _rows(self, catalog: Catalog, wanted: RecordingFilter, *, size: int, skip: set[str]) -> Iterator[Summary]:
        """
        Yield what the catalog has, page by page, without those in *skip*.
        """
        after: Cursor | None = None
        failures = 0
        while True:
            try:
                page = catalog.page(wanted, after=after, limit=size)
            except CatalogFailedError as fault:
                failures += 1
                if failures == _ATTEMPTS:
                    raise
                # another catalog goes on where this one stopped: the cursor is a place in the answer
                self.catalog.failed(catalog, fault)
                catalog = self._answer(lambda agreed: agreed)
                continue
            for summary in self._checked(catalog, page, skip):
                if wanted.matches(summary):
                    yield summary
            if len(page) < size:
                return
            after = cursor_of(page[-1])

    def _checked(self, catalog: Catalog, page: Iterable[Entry], skip: set[str]) -> Iterable[Summary]:
        """
        Return the summaries of a page's files as they are now, and correct the rows that differ.
        """
        sound: dict[str, Summary] = {}
        changed: dict[str, Entry] = {}
        gone: set[str] = set()
        problems: deque[Problem] = deque()
        for entry in page:
            sid = entry.summary.sid
            if sid in skip:
                continue
            if _mark_of(f"{self.root}/{shard_of(sid)}/{sid}{SEALED_SUFFIX}") == (entry.file_size, entry.file_mtime_ns):
                sound[sid] = entry.summary
                continue
            found = checked_entry(sealed_path(self.root, sid), sid, problems)
            if found is None:
                gone.add(sid)
            else:
                changed[sid] = found
                sound[sid] = found.summary
        if changed or gone:
            self._problems += tuple(problems)
            skip.update(changed)  # its row may come again, at its right place
            with contextlib.suppress(CatalogFailedError):  # then the next reader corrects them
                catalog.put(changed.values())
                catalog.remove(gone)
        return sorted(sound.values(), key=order_key, reverse=True) if changed else sound.values()

    def _sids_with(self, digits: str) -> tuple[str, ...]:
        writing = {sid for sid in open_sids(self.root) if sid.replace("-", "").startswith(digits)}
        sids = writing | set(self._answer(lambda catalog: catalog.with_prefix(digits, limit=_SHOWN)))
        # a recording that can't be read has no row; its name still counts
        unread = {problem.path.name[:36] for problem in self._problems}
        sids |= {sid for sid in unread if sid.replace("-", "").startswith(digits) and sid in self}
        return tuple(sorted(sids)[:_SHOWN])


def _mark_of(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - for each row of a listing: a Path would double it
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _kind_of(path: Path) -> str:
    return "a file" if path.exists() else "missing; a recorder makes it"
