"""
Rebuild the catalog from the recordings, directory by directory.

The rows are replaced where they are, in many short transactions: recorders go on adding theirs, readers
go on reading, and breaking off loses nothing. Only a file whose tables and indexes disagree is set aside
and begun anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recordkit.container import seal as seal_recording
from recordkit.store.catalog import Catalog, CatalogFailedError, Fault
from recordkit.store.catalog_file import CatalogFile
from recordkit.store.paths import SHARDS, Problem, sealed_count
from recordkit.store.reconcile import RACY_NS, Comparison, Load, compare, load_summary, status_of
from recordkit.store.recovery import Seal, recover

Progress = Callable[[int, int], None]
"""Takes recordings done, and recordings in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReindexReport:
    """
    What rebuilding the catalog found, in recordings.

    Attributes:
        scanned: Sealed files read, those just sealed included.
        added, removed, changed: Rows that were missing, had no file, or said something else than it.
        sealed: Sids of the recordings that dead recorders had left, sealed now.
        problems: Files that can't be used, or not be sealed; they are as they were.
    """

    scanned: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    sealed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def reindex(
    root: Path,
    file: CatalogFile,
    *,
    now_ns: Callable[[], int],
    progress: Progress | None = None,
    seal: Seal | None = None,
    load: Load = load_summary,
) -> ReindexReport:
    """
    Seal what dead recorders left, then make each row again from its recording.

    Memory: O(recordings in one directory). Blocks for about 0.2 ms a recording.

    Args:
        root: The store.
        file: Its catalog.
        now_ns: The wall clock.
        progress: Called after each directory.
        seal: As in `recover`; default: `recordkit.container.seal`.
        load: Reads a file's summary.

    Raises:
        CatalogFailedError: The catalog can't be written, or a newer recordkit made it.
        OSError: As in `recover`.
    """
    catalog = _sound(file)
    recovery = recover(root, seal=seal or seal_recording, now_ns=now_ns)
    total = sum(sealed_count(root, shard) for shard in SHARDS)
    stamps = catalog.stamps()
    result = Comparison()
    for shard in SHARDS:
        looked_at_ns = now_ns()
        stamp, changed_ns = status_of(f"{root}/{shard}")
        trusted = stamp if changed_ns + RACY_NS < looked_at_ns else None
        before = stamps.get(shard)
        result += compare(catalog, root, shard, before=before, stamp=trusted, load=load, reload=True)
        if progress is not None:
            progress(result.scanned, max(total, result.scanned))
    return ReindexReport(
        scanned=result.scanned,
        added=result.added,
        removed=result.removed,
        changed=result.changed,
        sealed=recovery.sealed,
        problems=recovery.problems + result.problems,
    )


def _sound(file: CatalogFile) -> Catalog:
    """
    Return the catalog, or a new one if what it says can't be relied upon.
    """
    catalog = file.shared()
    try:
        sound = catalog.sound()
    except CatalogFailedError as fault:
        if fault.kind is not Fault.WRONG:
            raise
        sound = False
    if not sound:
        file.replace(catalog)
        catalog = file.shared()
    return catalog
