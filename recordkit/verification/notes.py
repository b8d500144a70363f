"""
What a sealed recording's summary says beside the summary: who signed it, and what salvage could not save.
"""

from dataclasses import dataclass
from pathlib import Path

from recordkit.container.index import find_index
from recordkit.container.signatures import Signature, signatures_in
from recordkit.container.source import FileSource
from recordkit.errors import FormatError
from recordkit.limits import DEFAULT_LIMITS, Limits

NOTES = "salvage"
"""The summary's key under which the losses of a salvaged recording stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedNotes:
    """
    Notes of a sealed recording; nothing of it was checked.

    Attributes:
        signatures: Who says to have signed it.
        salvaged: How many findings salvaging it came to; None if it is an original.
    """

    signatures: tuple[Signature, ...] = ()
    salvaged: int | None = None


def sealed_notes(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> SealedNotes:
    """
    Return the notes of the recording at *path*; empty ones if it is not sealed, not sound or not there.

    Reads the file's end only.
    """
    try:
        source = FileSource(path)
    except OSError:
        return SealedNotes()
    try:
        summary = find_index(source, source.size(), limits, with_entries=False).summary
        signatures = signatures_in(summary)
    except (FormatError, OSError):
        return SealedNotes()
    finally:
        source.close()
    salvage = summary.get(NOTES)
    found = salvage.get("found") if type(salvage) is dict else None
    return SealedNotes(signatures=signatures, salvaged=found if type(found) is int else None)
