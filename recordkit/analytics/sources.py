"""
What can be exported: a store, recordings, files; and which of it is asked for.

Recordings are found one by one, newest first in a store, so that a million of them need no memory. A
recording that is not sealed is *begun*: it may grow, be sealed and move at any time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from recordkit.container import Mode, Recording, State, Summary, open_recording
from recordkit.errors import FormatError, SessionNotFoundError
from recordkit.store import DirectoryStore, RecordingFilter, open_store
from recordkit.store.filters import moment_ns
from recordkit.store.paths import OPEN_DIRECTORY, sealed_path

Source = DirectoryStore | Recording | str | Path | Iterable[Recording | str | Path]
"""A store or its directory; a recording or its file; several recordings or files."""


@dataclass(frozen=True, slots=True)
class Found:
    """
    A recording that is asked for.

    Attributes:
        path: Where it is, or was.
        summary: What it is about.
        sealed: Whether it is at its place for good, so that it can't change any more.
    """

    path: Path
    summary: Summary
    sealed: bool


def recording_filter(
    *,
    since: int | str | date | None = None,
    until: int | str | date | None = None,
    user: str | None = None,
    db: str | None = None,
    protocol: str | None = None,
    state: State | str | None = None,
) -> RecordingFilter:
    """
    Return the filter that `DirectoryStore.list` would make of these.

    Raises:
        ValueError: One of them is of no use.
    """
    return RecordingFilter(
        since_ns=None if since is None else moment_ns(since, name="since"),
        until_ns=None if until is None else moment_ns(until, name="until"),
        user=user,
        db=db,
        protocol=protocol,
        state=None if state is None else State(state),
    )


def find(source: Source, wanted: RecordingFilter, problem: Callable[[str], None]) -> Iterator[Found]:
    """
    Yield the recordings of *source* that are *wanted*.

    Args:
        source: See `Source`.
        wanted: Which.
        problem: Told of each file that can't be used; it may raise.

    Raises:
        StoreError: There is no store.
        OSError: A file can't be opened.
    """
    if isinstance(source, DirectoryStore):
        yield from _in_store(source, wanted, problem)
        return
    if isinstance(source, str | Path) and Path(source).is_dir():
        with open_store(source) as store:
            yield from _in_store(store, wanted, problem)
        return
    for one in [source] if isinstance(source, str | Path | Recording) else source:
        try:
            found = _of_recording(one) if isinstance(one, Recording) else _of_file(Path(one))
        except FormatError as error:
            problem(str(error))
            continue
        if wanted.matches(found.summary):
            yield found


def open_found(path: Path, *, mode: Mode) -> Recording:
    """
    Open a recording that was found, wherever it is by now.

    Raises:
        FileNotFoundError: It is gone.
        FormatError, OSError: It can't be opened.
    """
    if path.name.endswith(".open") and path.parent.name == OPEN_DIRECTORY:
        with open_store(path.parent.parent) as store:  # it knows whether somebody still writes it
            try:
                return store.open(path.name[:36], mode=mode)
            except SessionNotFoundError as error:
                raise FileNotFoundError(str(error)) from error
    return open_recording(path, mode=mode)


def _in_store(store: DirectoryStore, wanted: RecordingFilter, problem: Callable[[str], None]) -> Iterator[Found]:
    for summary in store.select(wanted):
        path = sealed_path(store.root, summary.sid)
        sealed = summary.state is not State.OPEN and path.exists()
        if not sealed:
            path = store.root / OPEN_DIRECTORY / f"{summary.sid}.jsonl.zst.open"
        yield Found(path, summary, sealed)
    for fault in store.problems:
        problem(str(fault))


def _of_file(path: Path) -> Found:
    with open_found(path.resolve(), mode="strict") as recording:
        return _of_recording(recording)


def _of_recording(recording: Recording) -> Found:
    return Found(recording.path, recording.summary, not recording.path.name.endswith(".open"))
