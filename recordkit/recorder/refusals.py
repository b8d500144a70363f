"""
What a disk that refuses is called on the way from the call that failed to the session's caller.
"""

import errno
import logging
from pathlib import Path
from typing import Final

from recordkit.errors import RecordingWriteError

_log: Final = logging.getLogger("recordkit.recorder")


def os_error(sid: str, refused: Exception) -> OSError:
    """
    Return what to tell the caller of session *sid*; any fault counts as a refusal, for one session must not stop all.
    """
    if isinstance(refused, OSError):
        return refused
    if not isinstance(refused, MemoryError):
        _log.error("session %s can't be written", sid, exc_info=refused)
    error = OSError(
        errno.ENOMEM if isinstance(refused, MemoryError) else errno.EIO, str(refused) or "not enough memory"
    )
    error.__cause__ = refused
    return error


def write_error(path: Path, cause: OSError | None, hint: str) -> RecordingWriteError:
    """
    Return the error to raise for the recording at *path*.
    """
    cause = cause or OSError(0, "unknown error")
    error = RecordingWriteError(path, cause, hint=hint)
    error.__cause__ = cause
    return error
