"""
Damage as a value: what is wrong in a recording, and where.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from recordkit.errors import ChainError, FormatError, TruncatedError


class DamageKind(StrEnum):
    """
    What sort of damage.
    """

    TORN = "torn"
    """The bytes end before the recording does; all before is sound."""
    CORRUPT = "corrupt"
    """Bytes differ from what was written."""
    MISPLACED = "misplaced"
    """A chunk that is sound in itself is not the one that belongs here: swapped, repeated or foreign."""
    UNREADABLE = "unreadable"
    """The disk can't give bytes of it back: a read error. Only salvage goes on behind one."""
    INDEX = "index"
    """The index or seek table does not agree with the chunks; no event is touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """
    One damaged stretch of a recording.

    Attributes:
        kind: See `DamageKind`.
        offset, length: The bytes that could not be used.
        chunk: Sequence number of the first chunk that is concerned; None if it is no chunk's.
        what, expected, found: As in `FormatError`.
        error: What strict reading raises for it.
    """

    kind: DamageKind
    offset: int
    length: int
    chunk: int | None
    what: str
    expected: str
    found: str
    error: FormatError = field(compare=False, repr=False)


def damage_of(error: FormatError, *, offset: int, length: int, chunk: int | None, at_end: bool = False) -> Damage:
    """
    Return the damage that *error* found in the *length* bytes at *offset*.

    Args:
        error: It gets the place, too, and loses its traceback: the frames there hold on to whole chunks.
        offset: As in `Damage`.
        length: As in `Damage`.
        chunk: As in `Damage`.
        at_end: Nothing of the recording follows.
    """
    error.offset, error.chunk = offset, chunk
    _let_go(error)
    if isinstance(error, TruncatedError) and at_end:
        kind = DamageKind.TORN
    elif isinstance(error, ChainError):
        kind = DamageKind.MISPLACED
    else:
        kind = DamageKind.CORRUPT
    return Damage(
        kind=kind, offset=offset, length=length, chunk=chunk, what=error.what,
        expected=error.expected, found=error.found, error=error,
    )  # fmt: skip


def index_damage(error: FormatError, offset: int, length: int) -> Damage:
    """
    Return the damage of the index or seek table that *error* found; no event is touched.
    """
    error.offset = offset
    _let_go(error)
    return Damage(
        kind=DamageKind.INDEX, offset=offset, length=length, chunk=None, what=error.what,
        expected=error.expected, found=error.found, error=error,
    )  # fmt: skip


def _let_go(error: BaseException) -> None:
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
