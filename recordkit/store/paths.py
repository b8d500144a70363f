"""
Where a store keeps what.

    <store>/<xx>/<sid>.jsonl.zst          a sealed recording; xx are the last two digits of its sid
    <store>/open/<sid>.jsonl.zst.open     one that is being written, or that a dead process left
    <store>/open/<owner>.lock             held by a live recorder
    <store>/catalog.sqlite, catalog.lock  the catalog, and the lock for replacing its file

The path follows from the sid alone, so a recording is found without asking anything. The last digits
spread evenly; the first ones of a UUIDv7 are a clock, and would fill one directory at a time.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recordkit.container.files import OsFiles
from recordkit.errors import StoreError

SEALED_SUFFIX: Final = ".jsonl.zst"
OPEN_SUFFIX: Final = ".jsonl.zst.open"
OWNER_SUFFIX: Final = ".lock"
OPEN_DIRECTORY: Final = "open"
CATALOG_NAME: Final = "catalog.sqlite"
CATALOG_LOCK_NAME: Final = "catalog.lock"

BEGINNING_NS: Final = 2_000_000_000
"""The time from a file's making to its header is a few microseconds, if its recorder lives."""

SHARDS: Final = tuple(f"{number:02x}" for number in range(256))
"""Names of the directories of sealed recordings."""

_SID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_OWNER: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """
    A file of the store that can't be used, and why.
    """

    path: Path
    what: str

    def __str__(self) -> str:
        return self.what if str(self.path) in self.what else f"{self.path}: {self.what}"


def shard_of(sid: str) -> str:
    """
    Return the name of the directory that holds the recording *sid* once it is sealed.
    """
    return sid[-2:]


def sealed_path(root: Path, sid: str) -> Path:
    """
    Return where the recording *sid* (canonical text) is when it is sealed.
    """
    return root / shard_of(sid) / (sid + SEALED_SUFFIX)


def open_path(root: Path, sid: str) -> Path:
    """
    Return where the recording *sid* (canonical text) is while it is written.
    """
    return root / OPEN_DIRECTORY / (sid + OPEN_SUFFIX)


def owner_path(root: Path, owner_id: str) -> Path:
    """
    Return the lock file of the recorder *owner_id*, 32 hexadecimal digits.

    Raises:
        ValueError: *owner_id* is something else; it comes out of a file, and must not lead elsewhere.
    """
    if not _OWNER.fullmatch(owner_id):
        raise ValueError(f"owner: expected 32 hexadecimal digits, found {owner_id[:64]!r}")
    return root / OPEN_DIRECTORY / (owner_id + OWNER_SUFFIX)


def create_store(root: Path) -> None:
    """
    Make the directories that a recorder needs before its first session; those that exist are kept.

    Raises:
        StoreError: *root*, or a part of it, is a file.
    """
    try:
        OsFiles().make_directory(root / OPEN_DIRECTORY)
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreError(f"{root}: not a directory, so it can't hold a store") from error


def is_store(root: Path) -> bool:
    """
    Whether a recorder has ever begun a store at *root*: an empty one has the directory ``open``.
    """
    return (root / OPEN_DIRECTORY).is_dir() or not {CATALOG_NAME, *SHARDS}.isdisjoint(_names_in(root))


def strays(root: Path) -> list[str]:
    """
    Return the names of recordings that lie in the store's own directory, where nothing looks for them.
    """
    return sorted(name for name in _names_in(root) if name.endswith((SEALED_SUFFIX, OPEN_SUFFIX)))


def sealed_sid(name: str, shard: str) -> str | None:
    """
    Return the sid that the file *name* in the directory *shard* stands for; None if it is not named as one.
    """
    sid = name[:36]
    if name[36:] == SEALED_SUFFIX and sid[-2:] == shard and _SID.fullmatch(sid):
        return sid
    return None


def open_sids(root: Path) -> list[str]:
    """
    Return the sids of the recordings that are not sealed.
    """
    return [
        name[:36] for name in _names_in(root / OPEN_DIRECTORY) if name[36:] == OPEN_SUFFIX and _SID.fullmatch(name[:36])
    ]


def owners(root: Path) -> list[str]:
    """
    Return the ids of the recorders, alive or dead, that have a lock file.
    """
    return [
        name[:32]
        for name in _names_in(root / OPEN_DIRECTORY)
        if name[32:] == OWNER_SUFFIX and _OWNER.fullmatch(name[:32])
    ]


def sealed_count(root: Path, shard: str) -> int:
    """
    Return how many files in a directory of sealed recordings are named as such.
    """
    try:
        return sum(name.endswith(SEALED_SUFFIX) for name in _names_in(root / shard))
    except OSError:
        return 0  # out of reach; comparing it says so


def is_beginning(path: Path, now_ns: int) -> bool:
    """
    Whether the open recording at *path* is so new that its recorder may still be writing the header.
    """
    try:
        return path.stat().st_mtime_ns > now_ns - BEGINNING_NS
    except OSError:
        return True  # sealed or removed meanwhile


def _names_in(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 - names are all that is needed, a million of them
    except (FileNotFoundError, NotADirectoryError):
        return []
