"""
Every error that recordkit raises on purpose.

    RecordKitError
    ├── InvalidEventError (ValueError)     the caller passed an event that can't be recorded
    ├── ClosedError                        a call on something that is closed
    ├── RecordingWriteError                the disk refused bytes of a recording (cause: the OSError)
    ├── FormatError                        the bytes of a recording are wrong
    │   ├── BadMagicError                  not a recording at all
    │   ├── UnsupportedVersionError        a newer format, or a critical flag we don't know
    │   ├── TruncatedError                 the bytes end too early
    │   ├── ChecksumError                  a checksum or declared size differs from the bytes
    │   ├── ChainError                     a sound chunk in the wrong place: swapped, repeated, foreign
    │   ├── LimitExceededError             a declared size is over our limits
    │   └── UndecodableEventError          sound bytes that are not JSON Lines of events
    ├── StoreError
    │   ├── SessionNotFoundError (LookupError)
    │   ├── AmbiguousPrefixError (LookupError)
    │   ├── DuplicateSessionError
    │   └── CatalogError                   the catalog's file can't be used
    ├── ExportError                        an export can't go on; what it published before is whole
    └── MissingDependencyError (ImportError)

Three questions decide the family: did the caller misuse us, are the bytes wrong, or does the
environment fail? A bad argument is a plain ``ValueError``, an ``OSError`` passes through untouched
where the call that raises it is the call that met it.
"""

from pathlib import Path
from typing import Final

__all__ = [
    "AmbiguousPrefixError",
    "BadMagicError",
    "CatalogError",
    "ChainError",
    "ChecksumError",
    "ClosedError",
    "DuplicateSessionError",
    "ExportError",
    "FormatError",
    "InvalidEventError",
    "LimitExceededError",
    "MissingDependencyError",
    "RecordKitError",
    "RecordingWriteError",
    "SessionNotFoundError",
    "StoreError",
    "TruncatedError",
    "UndecodableEventError",
    "UnsupportedVersionError",
]

_MAX_BYTES_SHOWN: Final = 32
_MAX_TEXT_SHOWN: Final = 80


def shown(value: object) -> str:
    """
    Return *value* for use in a message: bytes and text by ``repr``, cut at 32 items; all else cut at 80 characters.
    """
    if isinstance(value, bytes | str):
        if len(value) > _MAX_BYTES_SHOWN:
            return f"{value[:_MAX_BYTES_SHOWN]!r}… ({len(value)} long)"
        return repr(value)
    try:
        text = str(value)
    except ValueError:  # Python refuses to print integers of more than 4300 digits
        return "(too long to print)"
    return text if len(text) <= _MAX_TEXT_SHOWN else f"{text[:_MAX_TEXT_SHOWN]}…"


class RecordKitError(Exception):
    """
    Base of all errors of recordkit.
    """


class InvalidEventError(RecordKitError, ValueError):
    """
    An event can't be recorded as it is; nothing of it was recorded.

    Attributes:
        field: Path of the offending field, as ``db_query_parameters[2]``; "" for the event itself.
    """

    def __init__(self, field: str, *, expected: str, found: str) -> None:
        # a path is made of keys, which may come from strangers
        plain = len(field) <= _MAX_TEXT_SHOWN and field.isprintable()
        place = field if plain else shown(field)
        super().__init__(f"event field {place or '(the event itself)'}: expected {expected}, found {found}")
        self.field = field
        self.expected = expected
        self.found = found


class ClosedError(RecordKitError):
    """
    The recorder, session or recording is closed.
    """


class RecordingWriteError(RecordKitError):
    """
    The disk refused bytes of a recording; ``__cause__`` is the ``OSError``.

    Attributes:
        path: The recording.
        errno: As in the ``OSError``.
    """

    def __init__(self, path: Path, cause: OSError, *, hint: str) -> None:
        super().__init__(f"{path}: writing failed: {cause.strerror or cause}; {hint}")
        self.path = path
        self.errno = cause.errno


class FormatError(RecordKitError):
    """
    The bytes of a recording are not as FORMAT.md says.

    Attributes:
        what: The fault, without the place.
        path: The file, if the bytes came from one.
        offset: First byte of the part that is wrong, from the start of the file; None if unknown.
        chunk: Sequence number of the chunk, from 0; None outside chunks.
        expected, found: What differs, ready to print; "" where nothing was compared.
    """

    def __init__(
        self,
        what: str,
        *,
        path: Path | None = None,
        offset: int | None = None,
        chunk: int | None = None,
        expected: object = "",
        found: object = "",
    ) -> None:
        self.what = what
        self.path = path
        self.offset = offset
        self.chunk = chunk
        self.expected = "" if expected == "" else shown(expected)
        self.found = "" if found == "" else shown(found)
        super().__init__(what)

    def __str__(self) -> str:
        place = [] if self.path is None else [f"{self.path}: "]
        if self.chunk is not None:
            place.append(f"chunk {self.chunk} ")
        if self.offset is not None:
            place.append(f"at offset {self.offset}")
        where = "".join(place).rstrip()
        differs = f" (expected {self.expected}, found {self.found})" if self.expected else ""
        return f"{where}{': ' if where and not where.endswith(':') else ' ' if where else ''}{self.what}{differs}"


class BadMagicError(FormatError):
    """
    The file does not begin as a recording does.
    """


class UnsupportedVersionError(FormatError):
    """
    The recording needs a newer recordkit.
    """


class TruncatedError(FormatError):
    """
    The recording is torn: its bytes end before it does.
    """


class ChecksumError(FormatError):
    """
    Stored and computed values differ: the bytes are damaged.
    """


class ChainError(FormatError):
    """
    A chunk that is sound in itself does not follow the one before it.
    """


class LimitExceededError(FormatError):
    """
    A declared size is over our limits; nothing was allocated for it.
    """


class UndecodableEventError(FormatError):
    """
    A line of a chunk is not a JSON object.
    """


class StoreError(RecordKitError):
    """
    A store can't do what was asked.
    """


class SessionNotFoundError(StoreError, LookupError):
    """
    No recording has this sid or prefix.
    """


class AmbiguousPrefixError(StoreError, LookupError):
    """
    Several recordings begin with this prefix.

    Attributes:
        prefix: As asked for.
        sids: The first few that match, sorted.
    """

    def __init__(self, prefix: str, sids: list[str]) -> None:
        listed = ", ".join(sids[:4]) + (", …" if len(sids) > 4 else "")
        super().__init__(f"several recordings begin with {shown(prefix)}: {listed}; give more of the sid")
        self.prefix = prefix
        self.sids = sids


class DuplicateSessionError(StoreError):
    """
    The store already holds a recording of this sid.
    """


class CatalogError(StoreError):
    """
    The catalog's file can't be used and can't be rebuilt.
    """


class ExportError(RecordKitError):
    """
    An export can't go on; what it published before is whole, and running it again goes on from there.
    """


class MissingDependencyError(RecordKitError, ImportError):
    """
    An optional package is not installed.
    """
