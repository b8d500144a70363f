"""
Record, find, play and export database sessions.

A database proxy sees every statement; recordkit turns those audit events into compressed, verifiable
recordings, one file a session. Importing it is cheap: each name is loaded when it is first used, and
no Parquet, terminal or SQL library comes with any of them.

    Recorder           records sessions into a store
    open_store         finds recordings
    open_recording     reads one
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from recordkit.errors import RecordKitError
from recordkit.lazy_names import on_first_use
from recordkit.limits import Limits
from recordkit.version import __version__

if TYPE_CHECKING:
    from recordkit.container import Damage, DamageKind, Recording, State, Summary, open_recording
    from recordkit.recorder import Recorder, RecordingSession, Stats
    from recordkit.store import DirectoryStore, open_store

__all__ = [
    "Damage",
    "DamageKind",
    "DirectoryStore",
    "Limits",
    "RecordKitError",
    "Recorder",
    "Recording",
    "RecordingSession",
    "State",
    "Stats",
    "Summary",
    "__version__",
    "open_recording",
    "open_store",
]

_HOMES: Final[Mapping[str, str]] = {
    "Damage": "container",
    "DamageKind": "container",
    "DirectoryStore": "store",
    "Recorder": "recorder",
    "Recording": "container",
    "RecordingSession": "recorder",
    "State": "container",
    "Stats": "recorder",
    "Summary": "container",
    "open_recording": "container",
    "open_store": "store",
}
__getattr__, __dir__ = on_first_use(__name__, _HOMES)
