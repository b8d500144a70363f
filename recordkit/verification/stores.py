"""
All recordings of a store, one report each, and the catalog against the files.

The catalog is looked at as it is, before any reader brings it up to date: a row whose file is gone, or
whose file has become another, is what an attacker or a bad disk leaves. A catalog that lags behind is no
fault: where a directory has changed since the catalog last agreed with it, files without a row are simply
news. Recordings come and go while this runs; what is gone when its turn comes is no finding.

The order is fixed (``open/`` first, then directory by directory, by sid), so that a run may end anywhere
and the next one go on from there. A *share* of the recordings is chosen by a hash of the sid, so each run
checks whole recordings evenly spread, and runs with successive rounds come to all of them.
"""

import hashlib
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from recordkit.clock import SystemClock
from recordkit.container import Summary, open_recording
from recordkit.errors import CatalogError, FormatError
from recordkit.limits import DEFAULT_LIMITS, Limits
from recordkit.store import DirectoryStore
from recordkit.store.catalog import Catalog
from recordkit.store.paths import (
    OPEN_DIRECTORY,
    SEALED_SUFFIX,
    SHARDS,
    is_beginning,
    open_path,
    open_sids,
    sealed_path,
    sealed_sid,
    strays,
)
from recordkit.store.reconcile import status_of
from recordkit.verification.evidence import NO_EVIDENCE, Evidence
from recordkit.verification.findings import Finding, FindingKind, Report, Severity, difference, error_finding
from recordkit.verification.recordings import verify_recording

_HASHED: Final = 2**64
_ROW_FIELDS: Final = tuple(Summary.__dataclass_fields__)


def share_rounds(share: float) -> int:
    """
    Return how many successive rounds come to all recordings, if each checks this *share* of them.
    """
    return math.ceil(1 / share)


def is_chosen(sid: str, *, share: float, round_number: int) -> bool:
    """
    Whether the recording *sid* is among the *share*, 0 to 1, of all that round *round_number* checks.
    """
    place = int.from_bytes(hashlib.sha256(sid.encode()).digest()[:8]) / _HASHED
    return (place - round_number * share) % 1.0 < share


def verify_store(
    store: DirectoryStore,
    *,
    share: float = 1.0,
    round_number: int = 0,
    after: str | None = None,
    evidence: Evidence = NO_EVIDENCE,
    heads: Mapping[str, tuple[bytes, ...]] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    watch: Callable[[str], object] | None = None,
) -> Iterator[Report]:
    """
    Yield a report for each recording of *store*, and for each file or row of it that has none.

    Args:
        store: Its catalog is read, not changed.
        share: Of the recordings, above 0 and at most 1; see `is_chosen`.
        round_number: Which share.
        after: Go on behind the report with this `Report.place`; default: from the beginning.
        evidence: Keys to hold all recordings against.
        heads: Noted heads by sid.
        limits: Sizes to accept.
        watch: Called with the name of each recording before it is checked.

    Raises:
        ValueError: *share* is out of its range.
        MissingDependencyError: As in `verify_recording`.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected a number above 0, at most 1, found {share}")
    run = _Run(store.root, share, round_number, evidence, dict(heads or {}), limits, watch)
    behind = _rank("" if after is None else after)
    for name in strays(store.root) if after is None else ():
        stray = Finding(
            kind=FindingKind.FILE, severity=Severity.WARNING,
            what="not checked: it lies in the store's own directory, where nothing looks for recordings",
        )  # fmt: skip
        yield Report(path=store.root / name, findings=(stray,))
    for sid in sorted(open_sids(store.root)):
        place = f"{OPEN_DIRECTORY}/{sid}"
        report = run.check_open(sid) if _rank(place) > behind else None
        if report is not None:
            yield replace(report, place=place)
    catalog, problem = _catalog(store)
    if problem is not None and after is None:
        yield Report(path=store.catalog.path, findings=(problem,))
    for shard in SHARDS:
        if _rank(f"{shard}/~") > behind:
            for place, report in run.check_shard(shard, catalog, behind=behind):
                yield replace(report, place=place)


def _rank(place: str) -> tuple[int, str]:
    """
    Return what orders places: the beginning, ``open/``, then the directories of sealed recordings.
    """
    return 0 if not place else 1 if place.startswith(OPEN_DIRECTORY) else 2, place


def _catalog(store: DirectoryStore) -> tuple[Catalog | None, Finding | None]:
    if not store.catalog.path.exists():
        return None, None  # the first listing makes it
    try:
        catalog = store.catalog.readable()
        catalog.stamps()
    except (CatalogError, OSError) as error:
        return None, Finding(kind=FindingKind.CATALOG, severity=Severity.WARNING, what=f"it can't be used: {error}")
    return catalog, None


class _Listing(NamedTuple):
    """
    A directory of sealed recordings, and what the catalog says of it.

    Attributes:
        names: Of its files, in order.
        rows: Sids in the catalog.
        trusted: Whether the catalog says that it agrees with the directory as it is.
    """

    names: list[str]
    rows: frozenset[str]
    trusted: bool


class _Run(NamedTuple):
    """
    One run over a store.
    """

    root: Path
    share: float
    round_number: int
    evidence: Evidence
    heads: dict[str, tuple[bytes, ...]]
    limits: Limits
    watch: Callable[[str], object] | None

    def check_open(self, sid: str) -> Report | None:
        """
        Return the report on a recording that is not sealed; None if there is nothing to check.
        """
        path = open_path(self.root, sid)
        if not self._chosen(sid):
            return None
        try:
            report = self._verify(path, sid)
        except FileNotFoundError:
            return None  # sealed meanwhile: it comes in its directory
        if report.sid is None and is_beginning(path, SystemClock().time_ns()):
            return None  # its recorder may still be writing the header
        if os.path.lexists(sealed_path(self.root, sid)) and path.exists():
            both = Finding(
                kind=FindingKind.FILE, what="it can't be sealed: there is a sealed recording of this session, too"
            )
            report = replace(report, findings=(*report.findings, both))
        return report

    def check_shard(
        self, shard: str, catalog: Catalog | None, *, behind: tuple[int, str]
    ) -> Iterator[tuple[str, Report]]:
        """
        Yield a directory's reports with their places.
        """
        directory = self.root / shard
        try:
            listing = self._listing(shard, catalog)
        except OSError as error:
            yield f"{shard}/", Report(path=directory, findings=(error_finding(FindingKind.FILE, error),))
            return
        seen = {name[: -len(SEALED_SUFFIX)] for name in listing.names}
        for name in sorted({*listing.names, *(sid + SEALED_SUFFIX for sid in listing.rows - seen)}):
            place = f"{shard}/{name[: -len(SEALED_SUFFIX)]}"
            if _rank(place) <= behind:
                continue
            report = self._check_name(directory / name, shard, listing, catalog)
            if report is not None:
                yield place, report

    def _check_name(self, path: Path, shard: str, listing: _Listing, catalog: Catalog | None) -> Report | None:
        sid = sealed_sid(path.name, shard)
        if sid is None:
            misplaced = Finding(
                kind=FindingKind.FILE,
                what="is not named as a recording of this directory, so it can't be found by its sid",
            )
            return self._checked(path, path.name, (misplaced,))
        if not os.path.lexists(path):
            gone = Finding(
                kind=FindingKind.CATALOG, severity=Severity.WARNING, lost=None,
                what="the catalog knows this recording, but its file is gone",
            )  # fmt: skip
            return Report(path=path, sid=sid, findings=(gone,)) if sid in listing.rows else None
        if not self._chosen(sid):
            return None
        return self._checked(path, sid, tuple(self._against_row(path, sid, listing, catalog)))

    def _checked(self, path: Path, name: str, more: tuple[Finding, ...]) -> Report | None:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                return Report(path=path, findings=(Finding(kind=FindingKind.FILE, what="is not a file"),))
            report = self._verify(path, name)
        except FileNotFoundError:
            return None
        if report.sid is not None and any(finding.kind is FindingKind.MISPLACED for finding in report.findings):
            more = ()  # its name alone is wrong
        return replace(report, findings=(*report.findings, *more))

    def _against_row(self, path: Path, sid: str, listing: _Listing, catalog: Catalog | None) -> Iterator[Finding]:
        if catalog is None:
            return
        try:
            row = catalog.entry(sid)
            with open_recording(path) as recording:
                summary = recording.summary
        except (CatalogError, FormatError, OSError):
            return  # each is told of elsewhere
        if row is None:
            if listing.trusted:
                yield Finding(kind=FindingKind.CATALOG, what="the catalog does not know it; try `recordkit reindex`")
            return
        differ = [name for name in _ROW_FIELDS if getattr(row.summary, name) != getattr(summary, name)]
        if differ:
            names = ", ".join(differ)
            yield difference(
                FindingKind.CATALOG, f"the catalog has another recording of this session: it differs in {names}",
                expected=f"{differ[0]} {getattr(row.summary, differ[0])}", found=getattr(summary, differ[0]),
            )  # fmt: skip

    def _listing(self, shard: str, catalog: Catalog | None) -> _Listing:
        rows: frozenset[str] = frozenset()
        trusted = False
        if catalog is not None:
            try:  # before the files: a recorder adds its row after its file
                rows = frozenset(catalog.marks(shard))
                trusted = catalog.stamps().get(shard) == status_of(f"{self.root}/{shard}")[0]
            except CatalogError:
                rows = frozenset()
        try:
            names = [name for name in os.listdir(self.root / shard) if name.endswith(SEALED_SUFFIX)]  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            names = []
        return _Listing(names, rows, trusted)

    def _verify(self, path: Path, name: str) -> Report:
        if self.watch is not None:
            self.watch(name)
        evidence = Evidence(keys=self.evidence.keys, heads=self.evidence.heads + self.heads.get(name, ()))
        return verify_recording(path, evidence=evidence, limits=self.limits)

    def _chosen(self, sid: str) -> bool:
        return self.share >= 1 or is_chosen(sid, share=self.share, round_number=self.round_number)
