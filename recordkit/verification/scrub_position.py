"""
How far a scrub of a large store has come, kept in a small file, so that the next night goes on from there.

A *pass* goes once through the store, in as many runs as it takes; each pass has the next round's share.
The file is replaced in one step; losing it only means to begin again.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from recordkit.container.files import Files, OsFiles
from recordkit.errors import StoreError

NAME: Final = "scrub.json"
"""Its file's name in the store, unless another is asked for."""

_VERSION: Final = 1
_LARGEST: Final = 64 * 1024
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "after": (str, type(None)),
    "round_number": (int,),
    "passes": (int,),
    "checked": (int,),
    "damaged": (int,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubPosition:
    """
    How far a scrub has come.

    Attributes:
        after: Place of the last recording checked (`Report.place`); None at the beginning of a pass.
        round_number: Which share of the recordings this pass checks.
        passes: That are complete.
        checked, damaged: Recordings of this pass so far.
    """

    after: str | None = None
    round_number: int = 0
    passes: int = 0
    checked: int = 0
    damaged: int = 0

    def ended(self) -> "ScrubPosition":
        """
        Return the beginning of the next pass.
        """
        return ScrubPosition(round_number=self.round_number + 1, passes=self.passes + 1)


def load_position(path: Path) -> ScrubPosition | None:
    """
    Return the position in the file at *path*; None if there is none.

    Raises:
        StoreError: The file is something else.
        OSError: It can't be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST)
    except FileNotFoundError:
        return None
    try:
        values: Any = json.loads(text)
        found = {name: values[name] for name in _TYPES}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{path}: no position of a scrub; remove it to begin again") from error
    if values.get("version") != _VERSION or any(type(found[name]) not in types for name, types in _TYPES.items()):
        raise StoreError(f"{path}: no position of a scrub that this recordkit knows; remove it to begin again")
    return ScrubPosition(**found)


def save_position(path: Path, position: ScrubPosition, *, files: Files | None = None) -> None:
    """
    Write *position* into the file at *path*, replacing it.

    Raises:
        OSError: It can't be written; the old one is still there.
    """
    files = files or OsFiles()
    temporary = path.with_name(path.name + ".tmp")
    files.remove(temporary)
    files.create(temporary, json.dumps({"version": _VERSION, **asdict(position)}).encode() + b"\n")
    files.rename(temporary, path)
