"""
A place that holds recordings: found by sid without asking anything, listed and filtered by a catalog.
"""

from pathlib import Path

from recordkit.store.directory import DirectoryStore
from recordkit.store.filters import RecordingFilter
from recordkit.store.paths import Problem
from recordkit.store.recovery import Recovery, recover
from recordkit.store.reindex import ReindexReport

__all__ = ["DirectoryStore", "Problem", "RecordingFilter", "Recovery", "ReindexReport", "open_store", "recover"]


def open_store(path: str | Path) -> DirectoryStore:
    """
    Return the store at *path*.

    Args:
        path: A directory, as a `Recorder` was given.

    Raises:
        StoreError: There is no directory.
    """
    return DirectoryStore(path)
