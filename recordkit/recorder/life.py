"""
Recorders that live, and what becomes of them when the program ends or forks.

A program that ends without closing has its events written, and its sessions sealed as interrupted. A
forked child has none of its parent's threads, so its copies of recorders must not record.
"""

import atexit
import logging
import os
import weakref
from typing import Final, Protocol

_log: Final = logging.getLogger("recordkit.recorder")


class Living(Protocol):
    """
    A recorder, from `living` on until it is closed.
    """

    def close(self) -> None:
        """
        Write all that waits.
        """

    def disown(self) -> None:
        """
        Refuse all further calls without touching a file.
        """


living: "weakref.WeakSet[Living]" = weakref.WeakSet()


def _close_all() -> None:
    for recorder in list(living):
        try:
            recorder.close()
        except Exception as error:  # the next one shall be written all the same
            _log.error("%s", error)


def _disown_all() -> None:
    for recorder in list(living):
        recorder.disown()
        living.discard(recorder)


os.register_at_fork(after_in_child=_disown_all)
atexit.register(_close_all)
