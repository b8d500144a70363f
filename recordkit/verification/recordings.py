"""
Everything that can be checked in one recording, in one pass over it.

Container first (structure, checksums, chain, index, seek table: `recordkit.container` finds what is wrong
there), then each chunk's events against its header and each other, then what somebody outside knows: heads
and keys. Memory: two chunks.
"""

from pathlib import Path

from recordkit.container.damage import DamageKind
from recordkit.container.decoder import Decoder
from recordkit.container.signatures import Statement, signatures_in
from recordkit.container.summary import State, Totals
from recordkit.container.unreadable import PatchedSource
from recordkit.errors import FormatError, InvalidEventError, UnsupportedVersionError
from recordkit.events import parse_sid
from recordkit.limits import DEFAULT_LIMITS, Limits
from recordkit.store.owners import alive
from recordkit.store.paths import OPEN_DIRECTORY
from recordkit.verification.evidence import NO_EVIDENCE, Evidence, HeadCheck, signature_findings
from recordkit.verification.findings import Finding, FindingKind, Report, damage_finding, error_finding
from recordkit.verification.sequence import SequenceCheck
from recordkit.verification.stretches import Stretch, stretches


def verify_recording(
    path: str | Path,
    *,
    live: bool | None = None,
    evidence: Evidence = NO_EVIDENCE,
    limits: Limits = DEFAULT_LIMITS,
) -> Report:
    """
    Check one recording: structure, checksums, chain, index, seek table, events, signatures.

    Args:
        path: A recording, sealed or open.
        live: Whether somebody still writes it; default: whether its store says so.
        evidence: Heads and keys to hold it against.
        limits: Sizes to accept.

    Raises:
        FileNotFoundError: There is no such file.
        MissingDependencyError: Keys are given, but the package cryptography is not installed.

    Example:
        >>> report = verify_recording("session.jsonl.zst")  # doctest: +SKIP
        >>> for finding in report.findings:  # doctest: +SKIP
        ...     print(finding.sentence(report.path))
    """
    path = Path(path)
    try:
        source = PatchedSource(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        return Report(path=path, findings=(error_finding(FindingKind.UNREADABLE, error),))
    try:
        return _Check(path, source, live, evidence, limits).report()
    except UnsupportedVersionError as error:
        return Report(path=path, findings=(error_finding(FindingKind.UNSUPPORTED, error),))
    except (FormatError, OSError) as error:
        return Report(path=path, findings=(error_finding(FindingKind.UNREADABLE, source.failure or error),))
    finally:
        source.close()


def is_live(path: Path, owner: str) -> bool:
    """
    Whether the recording at *path* is being written: it is named as open, and its *owner* lives or may live.
    """
    if not path.name.endswith(".open"):
        return False
    directory = path.absolute().parent
    if directory.name != OPEN_DIRECTORY:
        return True  # outside a store nobody can tell
    try:
        return alive(directory.parent, owner)
    except (OSError, ValueError):
        return True


class _Check:
    """
    The check of one recording.
    """

    def __init__(
        self,
        path: Path,
        source: PatchedSource,
        live: bool | None,  # noqa: FBT001 - of this module
        evidence: Evidence,
        limits: Limits,
    ) -> None:
        self._path = path
        self._source = source
        self._evidence = evidence
        self._limits = limits
        self._decoder = Decoder(source, limits)
        header = self._decoder.header
        self._live = is_live(path, header.owner) if live is None else live
        self._sequence = SequenceCheck(header.sid)
        self._heads = HeadCheck(evidence.heads, header.chain)
        self._totals = Totals()
        self._findings: list[Finding] = []
        self._intact = True  # no chunk is damaged, missing or in excess
        self._end_missing = False

    def report(self) -> Report:
        """
        Carry out all checks.
        """
        try:
            self._walk()
        except UnsupportedVersionError as error:
            self._intact = False
            self._findings.append(error_finding(FindingKind.UNSUPPORTED, error))
        self._findings += self._sequence.findings()
        self._check_name()
        self._findings += self._heads.findings(sealed=self._decoder.index is not None)
        index = self._decoder.index
        try:
            signatures = () if index is None else signatures_in(index.summary)
        except FormatError as error:
            signatures = ()
            self._findings.append(error_finding(FindingKind.SIGNATURE, error))
        if not (self._live and index is None):
            keys = self._evidence.keys
            self._findings += signature_findings(signatures, self._statement(), keys, sealed=index is not None)
        header = self._decoder.header
        return Report(
            path=self._path,
            sid=header.sid,
            state=self._state(),
            events=self._sequence.events,
            named_lost=self._sequence.named_lost,
            chunks=self._totals.chunks,
            head=self._decoder.head.hex(),
            signatures=signatures,
            findings=tuple(self._findings),
        )

    def _walk(self) -> None:
        for item in stretches(self._decoder, self._source, limits=self._limits, live=self._live):
            if isinstance(item, Stretch):
                self._findings.append(
                    damage_finding(item.damage, lost=item.events, first_ei=item.first_ei, last_ei=item.last_ei)
                )
                if item.made_up:
                    continue
                if item.damage.kind is not DamageKind.INDEX:
                    self._intact = False
                    self._sequence.lose_track()
                    self._heads.break_off()
                self._end_missing = item.damage.kind is not DamageKind.INDEX
            else:
                self._findings += self._sequence.take(item.chunk, item.raw)
                self._heads.take(item.chunk.header.chain)
                self._totals.add(item.chunk.header)
                self._end_missing = False

    def _statement(self) -> Statement:
        """
        Return what a signature must have been made of: what the chunks come to, or, where some are damaged,
        what the index says that they came to; then a signature that holds speaks for the sound ones.
        """
        sid, index = self._decoder.header.sid, self._decoder.index
        if self._intact or index is None:
            return Statement(sid=sid, head=self._decoder.head, chunks=self._totals.chunks, events=self._totals.events)
        events = index.summary.get("events")
        known = events if type(events) is int and 0 <= events < 2**64 else 0
        return Statement(sid=sid, head=index.trailer.chain, chunks=index.fields.entries, events=known)

    def _state(self) -> State:
        if self._decoder.index is not None:
            told = self._decoder.index.summary.get("state")
            if told in (State.COMPLETE, State.INTERRUPTED):
                return State(str(told))
        elif self._live:
            return State.OPEN
        if self._end_missing:
            return State.TORN
        return State.COMPLETE if self._totals.ended else State.INTERRUPTED

    def _check_name(self) -> None:
        sid = self._decoder.header.sid
        try:
            named = parse_sid(self._path.name[:36])
        except InvalidEventError:
            return
        if named != sid:
            self._findings.append(
                Finding(kind=FindingKind.MISPLACED, what=f"it is named for session {named}, but holds {sid}")
            )
