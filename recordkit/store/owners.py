"""
Which recorders are alive.

A recorder holds the lock of ``open/<owner>.lock`` as long as it lives, and each recording's header
names its owner. A recording in ``open/`` whose owner's lock can be had was left by a dead process, and
whoever has the lock may seal it: the lock also keeps two of those from sealing the same file.

A forked child inherits the lock, and would keep its dead parent's recordings "alive". So the child's
copy is closed as soon as it is made; the parent's hold is not touched by that.
"""

import contextlib
import os
import weakref
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from recordkit.store.locks import lock_file, names
from recordkit.store.paths import owner_path


class OwnerLock:
    """
    The lock of one owner, held until `release` or the end of the process; a context manager.

    It is not for use across ``fork``: in the child it is released, without effect on the parent.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        _held.add(self)

    @property
    def held(self) -> bool:
        """
        Whether this process holds it.
        """
        return self._descriptor >= 0

    def release(self) -> None:
        """
        Remove the lock file and let go; a second call does nothing.
        """
        if self._descriptor >= 0:
            # removed while we hold it: who waits for it sees that the name is gone, and starts over
            with contextlib.suppress(OSError):
                if names(self.path, self._descriptor):
                    self.path.unlink()
            self.drop()

    def drop(self) -> None:
        """
        Close the descriptor and leave the file alone: what a forked child does.
        """
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


_PROBE_S: Final = 0.05  # `alive` holds a lock for microseconds; a recovery must not take that for life

_held: "weakref.WeakSet[OwnerLock]" = weakref.WeakSet()


def take(root: Path, owner_id: str) -> OwnerLock:
    """
    Lock *owner_id* for a recorder that begins to live.

    Waits for a recovery that looks at the same lock file just now; for a new id that is a moment.

    Raises:
        ValueError: *owner_id* is not 32 hexadecimal digits.
        OSError: The lock file can't be made.
    """
    path = owner_path(root, owner_id)
    descriptor = lock_file(path, wait_s=None)
    if descriptor is None:  # can't be: nothing ends a wait without a limit
        raise TimeoutError(f"{path}: is locked")
    return OwnerLock(path, descriptor)


def claim(root: Path, owner_id: str) -> OwnerLock | None:
    """
    Lock a dead owner's id, so as to seal what it left; None if it lives, or another has claimed it.

    List its recordings after the claim: another process may have sealed them just before.

    Raises:
        ValueError: *owner_id* is not 32 hexadecimal digits.
        OSError: The lock file can't be opened or made.
    """
    path = owner_path(root, owner_id)
    descriptor = lock_file(path, wait_s=_PROBE_S)
    return None if descriptor is None else OwnerLock(path, descriptor)


def alive(root: Path, owner_id: str) -> bool:
    """
    Whether the recorder *owner_id* lives, or a recovery is sealing what it left.

    Raises:
        ValueError: *owner_id* is not 32 hexadecimal digits.
        OSError: The lock file can't be opened.
    """
    try:
        descriptor = lock_file(owner_path(root, owner_id), shared=True, create=False)
    except FileNotFoundError:
        return False
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _drop_all() -> None:
    for lock in list(_held):
        lock.drop()


os.register_at_fork(after_in_child=_drop_all)
