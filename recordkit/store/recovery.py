"""
Seal what dead recorders left.

A recording in ``open/`` belongs to the recorder that its header names. Whoever gets that recorder's
lock knows that it is dead, and that nobody else is sealing the same files. All that is needed is in
the store, so the next recorder, or anyone by ``reindex``, finishes what a killed process began.

Nothing is made up: sealing adds an index and a state, never an event. What is damaged stays as it is,
and is named.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recordkit.container import open_recording, seal
from recordkit.errors import FormatError, TruncatedError
from recordkit.store.owners import claim
from recordkit.store.paths import Problem, is_beginning, open_path, open_sids, owners, sealed_path

Seal = Callable[[Path, Path], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """
    What was found in ``open/``.

    Attributes:
        sealed: Sids of the recordings that were sealed, in order.
        problems: Recordings that could not be; they are as they were.
    """

    sealed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def recover(root: Path, *, seal: Seal = seal, now_ns: Callable[[], int] = time.time_ns) -> Recovery:
    """
    Seal the recordings of all dead owners and remove their lock files; live ones are not touched.

    Several processes may do this at once: each recording is sealed by one of them. Reads each open
    recording's header, and all of each one that it seals. Memory: O(open recordings).

    Args:
        root: The store.
        seal: Turns an open recording (first path) into a sealed one (second path). ``FormatError``
            says that it can't be, ``OSError`` that it may be tried again.
        now_ns: The wall clock.

    Raises:
        OSError: A lock file can't be made; nothing was sealed.
    """
    problems: list[Problem] = []

    def owner_of(sid: str) -> str | None:
        return _owner_of(open_path(root, sid), problems, now_ns)

    left: dict[str, list[str]] = {owner: [] for owner in owners(root)}
    for sid in sorted(open_sids(root)):
        owner = owner_of(sid)
        if owner is not None:
            left.setdefault(owner, []).append(sid)
    sealed: list[str] = []
    for owner, sids in left.items():
        lock = claim(root, owner)
        if lock is not None:
            with lock:
                # look again: another process may have sealed it before we had the lock, and a living
                # recorder may even have begun a new recording of the same session
                sealed += [sid for sid in sids if owner_of(sid) == owner and _seal_one(root, sid, seal, problems)]
    return Recovery(sealed=tuple(sorted(sealed)), problems=tuple(problems))


def _owner_of(path: Path, problems: list[Problem], now_ns: Callable[[], int]) -> str | None:
    try:
        with open_recording(path) as recording:
            return recording.owner
    except FileNotFoundError:
        return None  # sealed meanwhile
    except (FormatError, OSError) as error:
        if not (isinstance(error, TruncatedError) and is_beginning(path, now_ns())):
            problems.append(Problem(path, str(error)))
        return None


def _seal_one(root: Path, sid: str, seal: Seal, problems: list[Problem]) -> bool:
    source, target = open_path(root, sid), sealed_path(root, sid)
    if os.path.lexists(target):
        problems.append(Problem(source, f"can't be sealed: there is a sealed recording of this session, {target}"))
        return False
    try:
        seal(source, target)
    except FileNotFoundError:
        return False
    except (FormatError, OSError) as error:
        problems.append(Problem(source, f"can't be sealed: {error}"))
        return False
    return True
