"""
What verifying came to, as a tree of values: a store has reports, a report has findings.

An *error* says that something is not as it was written, or can't be shown to be. A *warning* says that
something is unusual which a sound recording may have, too: a hole in ``ei`` that no gap event names (other
programs number as they like), times that go back (clocks do), a recording that is gone (retention).
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from recordkit.container.damage import Damage
from recordkit.container.signatures import Signature
from recordkit.container.summary import State
from recordkit.errors import FormatError, shown


class Severity(StrEnum):
    """
    How bad a finding is.
    """

    ERROR = "error"
    """Not as it was written, or not shown to be."""
    WARNING = "warning"
    """Unusual; nothing need be wrong."""


class FindingKind(StrEnum):
    """
    What sort of thing was found.
    """

    TORN = "torn"
    """As in `recordkit.DamageKind`, and so the next three."""
    CORRUPT = "corrupt"
    MISPLACED = "misplaced"
    INDEX = "index"
    UNREADABLE = "unreadable"
    """No recording, or its header is damaged; or the disk can't read the file, or bytes of it."""
    UNSUPPORTED = "unsupported"
    """It needs a newer recordkit."""
    COUNTS = "counts"
    """A chunk's header says other things of its events than they do."""
    SID = "sid"
    EI = "ei"
    TIME = "time"
    MARKER = "marker"
    """Start and end of the session."""
    SIGNATURE = "signature"
    HEAD = "head"
    """The head that was noted down is not this recording's."""
    CATALOG = "catalog"
    FILE = "file"
    """A file of the store is not where or what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that is wrong, or unusual.

    Attributes:
        kind, severity: See there.
        what: The fault, without the place.
        expected, found: What differs, ready to print; "" where nothing was compared.
        offset, length: The bytes that are concerned; None if it is not bytes.
        chunk: Sequence number of the first chunk that is concerned; None if it is no chunk's.
        first_ei, last_ei: The events that are concerned; None where that is not known.
        lost: How many events can't be read because of it; None if that is not known.
        places: How often it was met; the place is that of the first.
    """

    kind: FindingKind
    severity: Severity = Severity.ERROR
    what: str
    expected: str = ""
    found: str = ""
    offset: int | None = None
    length: int | None = None
    chunk: int | None = None
    first_ei: int | None = None
    last_ei: int | None = None
    lost: int | None = 0
    places: int = 1

    def sentence(self, path: Path) -> str:
        """
        Return all of it in one line, for the file at *path*.
        """
        place = [] if self.chunk is None else [f"chunk {self.chunk}"]
        place += [] if self.offset is None else [f"at offset {self.offset}"]
        parts = [str(path), *(["warning"] if self.severity is Severity.WARNING else [])]
        parts += [" ".join(place)] if place else []
        differs = f" (expected {self.expected}, found {self.found})" if self.expected else ""
        more = f"; {self.places} times" if self.places > 1 else ""
        return f"{': '.join(parts)}: {self.what}{differs}{more}{self._cost()}"

    def _cost(self) -> str:
        if self.lost == 0:
            return ""
        if self.first_ei is None:
            where = ""
        elif self.last_ei is None:
            where = f" (ei {self.first_ei} on)"
        elif self.last_ei == self.first_ei:
            where = f" (ei {self.first_ei})"
        else:
            where = f" (ei {self.first_ei} to {self.last_ei})"
        if self.lost is None:
            return f"; events may be lost{where}"
        return f"; {self.lost} event{'' if self.lost == 1 else 's'} lost{where}"

    def to_json(self) -> dict[str, Any]:
        """
        Return the finding as JSON types.
        """
        values = {name: getattr(self, name) for name in _NAMES}
        return values | {"kind": self.kind.value, "severity": self.severity.value}


_LONGEST: Final = 160  # two key ids and more
_NAMES: Final = tuple(Finding.__dataclass_fields__)


def damage_finding(damage: Damage, *, lost: int | None, first_ei: int | None, last_ei: int | None) -> Finding:
    """
    Return the finding for damage that cost *lost* events.
    """
    return Finding(
        kind=FindingKind(damage.kind.value), what=damage.what, expected=damage.expected, found=damage.found,
        offset=damage.offset, length=damage.length, chunk=damage.chunk,
        lost=lost, first_ei=first_ei, last_ei=last_ei,
    )  # fmt: skip


def error_finding(kind: FindingKind, error: FormatError | OSError) -> Finding:
    """
    Return the finding for an *error* that ended the reading of a file.
    """
    if isinstance(error, FormatError):
        return Finding(
            kind=kind, what=error.what, expected=error.expected, found=error.found,
            offset=error.offset, chunk=error.chunk, lost=None,
        )  # fmt: skip
    return Finding(kind=kind, what=f"can't be read: {error.strerror or error}", lost=None)


def difference(
    kind: FindingKind, what: str, *, expected: object, found: object, severity: Severity = Severity.ERROR
) -> Finding:
    """
    Return the finding for two values that should be one.
    """
    return Finding(kind=kind, severity=severity, what=what, expected=plain(expected), found=plain(found))


def plain(value: object) -> str:
    """
    Return *value* for use in a finding: short text as it is, all else as in `recordkit.errors.shown`.
    """
    return value if isinstance(value, str) and len(value) <= _LONGEST else shown(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    What verifying one file of a store, or one recording, came to.

    Attributes:
        path: The file; it may be gone.
        sid: The session; None if that can't be told.
        state: How the recording ended; None if there is none to read.
        events: That are sound and could be read.
        named_lost: Events that `recordkit.gap` events name as missing.
        chunks: Sound ones.
        head: Hex of the chain's value behind the last sound chunk; "" without one.
        signatures: As they stand in the file; whether they hold is among the findings.
        findings: In the order in which they were met.
        place: Where `verify_store` goes on behind this one; None outside a store.
    """

    path: Path
    sid: str | None = None
    state: State | None = None
    events: int = 0
    named_lost: int = 0
    chunks: int = 0
    head: str = ""
    signatures: tuple[Signature, ...] = ()
    findings: tuple[Finding, ...] = ()
    place: str | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """
        The findings that are no mere warnings.
        """
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def sound(self) -> bool:
        """
        Whether there is no error.
        """
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """
        Return the report as JSON types.
        """
        return {
            "file": str(self.path).encode(errors="backslashreplace").decode(),  # names need not be Unicode
            "sid": self.sid,
            "state": None if self.state is None else self.state.value,
            "events": self.events,
            "lost": self.named_lost,
            "chunks": self.chunks,
            "head": self.head,
            "signed_by": [signature.key.key_id for signature in self.signatures],
            "sound": self.sound,
            "findings": [finding.to_json() for finding in self.findings],
        }
