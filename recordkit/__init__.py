"""
Record, find, play and export database sessions.

A database proxy sees every statement; recordkit turns those audit events into compressed, verifiable
recordings, one file a session. Importing it is cheap: no Parquet, terminal or SQL library is loaded.

    Recorder           records sessions into a store
    open_store         finds recordings
    open_recording     reads one
"""

from recordkit.container import Damage, DamageKind, Recording, State, Summary, open_recording
from recordkit.errors import RecordKitError
from recordkit.limits import Limits
from recordkit.recorder import Recorder, RecordingSession, Stats
from recordkit.store import DirectoryStore, open_store
from recordkit.version import __version__

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
