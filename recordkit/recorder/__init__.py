"""
Recording: from a proxy's calls to files, off the proxy's path.
"""

from recordkit.recorder.recorder import Recorder
from recordkit.recorder.session import RecordingSession
from recordkit.recorder.stats import Stats

__all__ = ["Recorder", "RecordingSession", "Stats"]
