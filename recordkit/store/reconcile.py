"""
Make a catalog agree with the directories that hold the recordings.

A directory's status changes whenever a name in it comes, goes or is replaced. The catalog remembers
the status at which rows and files last agreed, so a read costs 256 ``stat`` calls, and only directories
that changed since are listed and compared. Nothing needs to tell the catalog anything: files copied in
by hand, removed, or sealed by a recorder that died before it could add its row are all found. (A recorder
that does add its rows spares the next reader the comparison; see `placing`.)

The status is inode, mtime *and* ctime. Restoring a backup or ``rsync -a`` sets an old mtime on purpose;
nothing can set a ctime.

A file system's clock ticks: a name that appears within the tick in which we looked leaves the status as
it is. As git does for its index, a directory is therefore trusted only once its last change is older
than `RACY_NS` at the time of looking; until then it is compared at each read. A directory with a file
that can't be used is never trusted, so the problem is named each time, and gone once it is mended.

One thing is not seen: a sealed recording overwritten in place, name and inode kept. No program of ours
does that. Its row is corrected when it is handed out, but a filter may pass over it until ``reindex``.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Container, Iterator, MutableSequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recordkit.container import Summary, open_recording
from recordkit.errors import FormatError
from recordkit.store.catalog import Catalog
from recordkit.store.finding import misnamed
from recordkit.store.paths import SEALED_SUFFIX, SHARDS, Problem, sealed_path, sealed_sid
from recordkit.store.placing import status_text
from recordkit.store.rows import Entry

RACY_NS: Final = 2_000_000_000
"""FAT's clock ticks every 2 s, the coarsest there is; Linux's own every 1 to 10 ms."""

BATCH: Final = 500
"""Rows in one transaction: long enough to be cheap, short enough for others to wait for."""

ABSENT: Final = "absent"
"""The status of a directory that does not exist."""

Load = Callable[[Path], Summary]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    What comparing files and rows came to, in recordings.

    Attributes:
        scanned: Files looked at.
        added, removed, changed: Rows.
        problems: Files that can't be used.
    """

    scanned: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    problems: tuple[Problem, ...] = ()

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(
            scanned=self.scanned + other.scanned,
            added=self.added + other.added,
            removed=self.removed + other.removed,
            changed=self.changed + other.changed,
            problems=self.problems + other.problems,
        )


def load_summary(path: Path) -> Summary:
    """
    Return the summary of the recording at *path*.

    Raises:
        FormatError: None can be had.
        OSError: The file can't be read.
    """
    with open_recording(path) as recording:
        return recording.summary


def reconcile(catalog: Catalog, root: Path, *, now_ns: Callable[[], int], load: Load = load_summary) -> Comparison:
    """
    Bring the rows of directories that changed up to date.

    Args:
        catalog: Any, also an empty one.
        root: The store.
        now_ns: The wall clock.
        load: Reads a file's summary.

    Raises:
        CatalogFailedError: The catalog can't be read or written.
    """
    result = Comparison()
    stamps = catalog.stamps()
    for shard in SHARDS:
        looked_at_ns = now_ns()
        stamp, changed_ns = status_of(f"{root}/{shard}")
        if stamps.get(shard) != stamp:
            trusted = stamp if changed_ns + RACY_NS < looked_at_ns else None
            result += compare(catalog, root, shard, before=stamps.get(shard), stamp=trusted, load=load)
    return result


def compare(
    catalog: Catalog,
    root: Path,
    shard: str,
    *,
    before: str | None,
    stamp: str | None,
    load: Load = load_summary,
    reload: bool = False,
) -> Comparison:
    """
    Compare one directory's files with its rows and correct the rows. Memory: O(files in it).

    Args:
        catalog: Where the rows are.
        root: The store.
        shard: The directory's name.
        before: The status that the catalog has for it.
        stamp: Its status before this call, if it may be trusted from now on.
        load: Reads a file's summary.
        reload: Read every file, also where size and time are as noted.

    Raises:
        CatalogFailedError: The catalog can't be read or written.
    """
    rows = catalog.marks(shard)  # before the files: a recorder adds its row after its file
    problems: list[Problem] = []
    batch: list[Entry] = []
    seen: set[str] = set()  # sids of rows that have their file
    scanned = added = changed = 0
    for sid, found in _files(root, shard, rows, problems):
        scanned += 1
        known = rows.get(sid)
        if known is not None:
            seen.add(sid)
        if known == found and not reload:
            continue
        path = sealed_path(root, sid)
        entry = checked_entry(path, sid, problems, load=load)
        if entry is None:
            seen.discard(sid)
            continue
        if known is None:
            added += 1
        elif not reload or catalog.entry(sid) != entry:
            changed += 1
        else:
            continue
        batch.append(entry)
        if len(batch) >= BATCH:
            catalog.put(batch)
            batch.clear()
    catalog.put(batch)
    unusable = {problem.path for problem in problems}
    if root / shard in unusable:
        gone = list(rows)
    else:
        # POSIX lets a listing miss a name that is replaced meanwhile
        missing = rows.keys() - seen
        gone = [sid for sid in missing if (path := sealed_path(root, sid)) in unusable or not path.exists()]
    after = None if problems else stamp
    if gone or after != before:
        catalog.settle(shard, stamp=after, gone=gone)
    return Comparison(scanned=scanned, added=added, removed=len(gone), changed=changed, problems=tuple(problems))


def checked_entry(
    path: Path, sid: str, problems: MutableSequence[Problem], *, load: Load = load_summary
) -> Entry | None:
    """
    Return a sealed file's row; None if it is gone, or if it is of no use and was added to *problems*.
    """
    try:
        status = path.stat()  # before reading: if it changes meanwhile, the row shows as outdated
        summary = load(path)
    except FileNotFoundError:
        return None
    except (FormatError, OSError) as error:
        problems.append(Problem(path, str(error)))
        return None
    if summary.sid != sid:
        problems.append(Problem(path, misnamed(summary.sid)))
        return None
    return Entry(summary, status.st_size, status.st_mtime_ns)


def status_of(directory: str) -> tuple[str, int]:
    """
    Return a directory's status, and when it last changed in nanoseconds since the Unix epoch.
    """
    try:
        status = os.stat(directory)  # noqa: PTH116 - 256 times for each listing: a Path would double it
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT, 0
    changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
    return status_text(status), changed_ns


def _files(
    root: Path, shard: str, known: Container[str], problems: MutableSequence[Problem]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """
    Yield sid, and size and time, of the sealed recordings in a directory.
    """
    directory = root / shard
    try:
        with os.scandir(directory) as names:
            for name in names:
                if name.name[36:] != SEALED_SUFFIX or name.name[:36] not in known:  # else it was looked at before
                    if not name.name.endswith(SEALED_SUFFIX):
                        continue
                    if sealed_sid(name.name, shard) is None:
                        what = "is not named as a recording of this directory, so it can't be found by its sid"
                        problems.append(Problem(directory / name.name, what))
                        continue
                with contextlib.suppress(FileNotFoundError):
                    status = name.stat()
                    if not stat.S_ISREG(status.st_mode):
                        problems.append(Problem(directory / name.name, "is not a file"))
                        continue
                    yield name.name[:36], (status.st_size, status.st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        problems.append(Problem(directory, f"can't be listed: {error.strerror or error}"))
