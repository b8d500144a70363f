"""
Which recordings are in which file of an export, and how files appear there exactly once.

Beside the files of a table stands ``_manifest/``, one small JSON file a commit, for people and for the
next run. A commit is a set of new files with whole recordings in them, and of old files that they
replace. It is done in this order, each step synced before the next:

1. the files are written to ``_staging/<commit>/``, under names that no reader takes for Parquet;
2. the commit is written to ``_manifest/``, by a rename: from here on it holds;
3. old files are removed, new ones renamed to their place; the staging directory is removed.

Who finds a staging directory (under the lock, so its owner is dead) therefore knows what to do: with its
commit, finish step 3; without, remove it. A row never stands twice; in the middle of step 3 some of a
commit's files are not yet there. A file that somebody removed later (an old day) is not missed.
"""

import errno
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from recordkit.container.files import Files
from recordkit.errors import ExportError

FORMAT: Final = 1
MANIFEST: Final = "_manifest"
STAGING: Final = "_staging"
STAGED: Final = ".staged"
"""Suffix of a file that is not published, so that ``**/*.parquet`` does not find it."""

_COMMIT: Final = re.compile(r"(\d{8})\.json", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """
    One file of the table.

    Attributes:
        path: Below the table's directory.
        rows: In it.
        bytes: Its size.
        recordings: Whose rows they are: sid -> rows.
    """

    path: str
    rows: int
    bytes: int
    recordings: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRecording:
    """
    One recording that is in the table, whole.

    Attributes:
        sid: Its session.
        state: How it ended, as it was then.
        head: The recording's head then; another one means that it has changed.
        events: Events that its summary counted.
        rows: Rows in the table.
        begun: It was not sealed, so more may come.
        mark: Size and time of a file that was damaged, so that a repaired one is told from it; else "".
        damage: What was wrong with it.
    """

    sid: str
    state: str
    head: str
    events: int
    rows: int
    begun: bool = False
    mark: str = ""
    damage: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """
    One step of an export.

    Attributes:
        number: From 1, in the order of time; one that had nothing to publish is missing.
        at: When, RFC 3339.
        table: Its name.
        writer: Program and version.
        files: New ones.
        recordings: That are whole with these files.
        removed: Paths of files that the new ones replace.
    """

    number: int
    at: str
    table: str
    writer: str
    files: list[ExportedFile]
    recordings: list[ExportedRecording]
    removed: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """
        Return the commit as JSON types.
        """
        files = [_plain(file) for file in self.files]
        return {
            "format": FORMAT,
            **_plain(self),
            "files": files,
            "recordings": [_plain(one) for one in self.recordings],
        }


class Manifest:
    """
    The manifest of one table's directory; for who holds the lock.

    Attributes:
        recordings: What is in the table, by sid.
        files: The table's files, by path; those that somebody removed are among them.
    """

    def __init__(self, root: Path, table: str, files: Files) -> None:
        """
        Read the commits, and finish or undo what a dead export left.

        Raises:
            ExportError: A commit can't be read, or is of another table or a newer recordkit.
            OSError: The directory can't be used.
        """
        self.root = root
        self._table = table
        self._files = files
        self.recordings: dict[str, ExportedRecording] = {}
        self.files: dict[str, ExportedFile] = {}
        self._last = 0
        files.make_directory(root / MANIFEST)
        commits = dict(sorted(self._commits()))
        for number, path in commits.items():
            self._apply(_commit_of(path, table), number)
        self._repair(commits)

    @property
    def next_number(self) -> int:
        """
        Number of the next commit.
        """
        return self._last + 1

    def begin(self, number: int) -> None:
        """
        Make the directory where files of commit *number* are staged.

        Raises:
            OSError: The disk refuses.
        """
        self._files.make_directory(staged_path(self.root, number, "").parent)

    def publish(self, commit: Commit) -> None:
        """
        Make *commit*'s files, which are staged and synced, part of the table.

        Raises:
            OSError: The disk refuses; the next `Manifest` finishes or undoes it.
        """
        directory = self.root / MANIFEST
        final = directory / f"{commit.number:08d}.json"
        temporary = directory / f".{final.name}.tmp"
        self._files.remove(temporary)
        self._files.create(temporary, (json.dumps(commit.to_json(), indent=1, ensure_ascii=False) + "\n").encode())
        self._files.sync(temporary)
        self._files.rename(temporary, final)
        self._apply(commit, commit.number)
        self._files.sync(directory)
        self._finish(commit)

    def discard(self, number: int) -> None:
        """
        Remove what is staged for commit *number*, if there is no such commit.

        Raises:
            OSError: The disk refuses; the next `Manifest` does it.
        """
        if not (self.root / MANIFEST / f"{number:08d}.json").exists():
            self._remove_staging(number)

    def _apply(self, commit: Commit, number: int) -> None:
        for path in commit.removed:
            self.files.pop(path, None)
        for file in commit.files:
            self.files[file.path] = file
        for recording in commit.recordings:
            self.recordings[recording.sid] = recording
        self._last = max(self._last, number)

    def _finish(self, commit: Commit) -> None:
        for path in commit.removed:
            self._files.remove(self.root / path)
        changed = {(self.root / path).parent for path in commit.removed}
        for file in commit.files:
            final = self.root / file.path
            staged = staged_path(self.root, commit.number, file.path)
            if not staged.exists():
                continue  # it is there: this is a repair
            self._files.make_directory(final.parent)
            self._files.rename(staged, final)
            changed.add(final.parent)
        for directory in changed:
            if directory.exists():
                self._files.sync(directory)
        self._files.sync(self.root)
        self._remove_staging(commit.number)

    def _repair(self, commits: dict[int, Path]) -> None:
        staging = self.root / STAGING
        for directory in sorted(staging.iterdir()) if staging.exists() else ():
            number = int(directory.name) if directory.name.isdigit() else -1
            if number in commits:
                self._finish(_commit_of(commits[number], self._table))
            else:
                self._remove_staging(number, directory)
        for leftover in (self.root / MANIFEST).glob(".*.tmp"):
            self._files.remove(leftover)

    def _remove_staging(self, number: int, directory: Path | None = None) -> None:
        directory = directory or self.root / STAGING / f"{number:08d}"
        if not directory.exists():
            return
        for path in directory.iterdir():
            self._files.remove(path)
        for empty in (directory, directory.parent):
            try:
                empty.rmdir()
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise

    def _commits(self) -> Iterator[tuple[int, Path]]:
        for path in (self.root / MANIFEST).iterdir():
            match = _COMMIT.fullmatch(path.name)
            if match is not None:
                yield int(match[1]), path


def _plain(value: Any) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in fields(value)}  # asdict copies, and takes ten times as long


def owners_of(files: Iterable[ExportedFile], sids: set[str]) -> list[ExportedFile]:
    """
    Return those of *files* that hold rows of *sids*.
    """
    return [file for file in files if not sids.isdisjoint(file.recordings)]


def staged_path(root: Path, number: int, path: str) -> Path:
    """
    Return where a file of commit *number*, which will be at *path* below *root*, is staged.
    """
    return root / STAGING / f"{number:08d}" / (path.replace("/", "__") + STAGED)


def _commit_of(path: Path, table: str) -> Commit:
    try:
        values = json.loads(path.read_bytes())
        if values.pop("format") > FORMAT:
            raise ExportError(f"{path}: written by a newer recordkit; use that one")
        commit = Commit(
            **{
                **values,
                "files": [ExportedFile(**file) for file in values["files"]],
                "recordings": [ExportedRecording(**recording) for recording in values["recordings"]],
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExportError(
            f"{path}: the manifest can't be read ({error}); restore it, or export to a new place"
        ) from error
    if commit.table != table:
        raise ExportError(f"{path}: this is an export of the table {commit.table}, not of {table}")
    return commit
