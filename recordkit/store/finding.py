"""
Find recordings where their names say they are; no catalog is asked.

A recording is in one of two places, and sealing moves it from the second to the first. Whoever looks at
one after the other may miss it both times, so the first is looked at again.

Whether a recording in ``open/`` is being written depends on its recorder: one that is dead has left it,
and its state is what it will be once somebody seals it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from recordkit.container import Mode, Recording, Summary, open_recording
from recordkit.errors import FormatError, InvalidEventError, SessionNotFoundError, TruncatedError
from recordkit.events import parse_sid
from recordkit.limits import DEFAULT_LIMITS, Limits
from recordkit.store.owners import alive
from recordkit.store.paths import OPEN_DIRECTORY, Problem, is_beginning, open_path, open_sids, sealed_path


def is_there(root: Path, sid: object) -> bool:
    """
    Whether there is a recording of this session, sound or not.
    """
    try:
        canonical = parse_sid(sid)
    except InvalidEventError:
        return False
    return any(path.exists() for path in _places(root, canonical))


def open_by_sid(root: Path, sid: Any, *, mode: Mode = "strict", limits: Limits = DEFAULT_LIMITS) -> Recording:
    """
    Open the recording of a session, sealed or not.

    Raises:
        SessionNotFoundError: There is none, or *sid* is no UUID.
        FormatError: The file is damaged, or is another session's under this name.
        OSError: The file can't be opened.
    """
    try:
        canonical = parse_sid(sid)
    except InvalidEventError as error:
        raise SessionNotFoundError(
            f"{root}: no recording {sid!r}: expected a UUID (find() takes the beginning of one)"
        ) from error
    for path in _places(root, canonical):
        try:
            if path.suffix == ".open":
                recording = _open_unsealed(root, path, {}, mode=mode, limits=limits)
            else:
                recording = open_recording(path, mode=mode, limits=limits)
        except FileNotFoundError:
            continue
        if recording.sid != canonical:
            recording.close()
            raise FormatError(misnamed(recording.sid), path=path)
        return recording
    raise SessionNotFoundError(f"{root}: no recording of session {canonical}")


def unsealed(root: Path, *, now_ns: Callable[[], int]) -> tuple[dict[str, Summary], tuple[Problem, ...]]:
    """
    Return the recordings in ``open/`` by sid, and those that can't be read.

    One that is sealed meanwhile is left out: look for it among the sealed ones *afterwards*. Memory and
    time: O(recordings in ``open/``), 0.1 ms and more for each, as their chunk headers are read.
    """
    summaries: dict[str, Summary] = {}
    problems: list[Problem] = []
    living: dict[str, bool] = {}
    try:
        sids = open_sids(root)
    except OSError as error:
        return {}, (Problem(root / OPEN_DIRECTORY, f"can't be listed: {error.strerror or error}"),)
    for sid in sids:
        path = open_path(root, sid)
        try:
            with _open_unsealed(root, path, living) as recording:
                summary = recording.summary
        except FileNotFoundError:
            continue
        except (FormatError, OSError) as error:
            if not (isinstance(error, TruncatedError) and is_beginning(path, now_ns())):
                problems.append(Problem(path, str(error)))
            continue
        if summary.sid == sid:
            summaries[sid] = summary
        else:
            problems.append(Problem(path, misnamed(summary.sid)))
    return summaries, tuple(problems)


def misnamed(sid: str) -> str:
    """
    Return what is wrong with a file that holds the recording *sid* under another name.
    """
    return f"holds the recording {sid}; its name says otherwise"


def _places(root: Path, sid: str) -> tuple[Path, Path, Path]:
    return sealed_path(root, sid), open_path(root, sid), sealed_path(root, sid)


def _open_unsealed(
    root: Path,
    path: Path,
    living: dict[str, bool],
    *,
    mode: Mode = "strict",
    limits: Limits = DEFAULT_LIMITS,
) -> Recording:
    """
    Open a recording in ``open/``; *living* remembers which owners live.
    """
    recording = open_recording(path, mode=mode, limits=limits)
    owner = recording.owner
    if owner not in living:
        try:
            living[owner] = alive(root, owner)
        except (OSError, ValueError):
            living[owner] = True  # can't be told: then it may be
    if living[owner]:
        return recording
    recording.close()
    return open_recording(path, mode=mode, limits=limits, live=False)
