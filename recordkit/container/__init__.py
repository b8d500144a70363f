"""
The file that holds a session: compressed, chunked, verifiable, and plain ``.jsonl.zst`` to other tools.

FORMAT.md beside this package is normative. Encoder and decoder are pure; reader, writer and sealing put
files around them.
"""

from recordkit.container.damage import Damage, DamageKind
from recordkit.container.reader import Mode, Recording, open_recording
from recordkit.container.seal import seal
from recordkit.container.summary import State, Summary
from recordkit.container.writer import RecordingWriter

__all__ = [
    "Damage",
    "DamageKind",
    "Mode",
    "Recording",
    "RecordingWriter",
    "State",
    "Summary",
    "open_recording",
    "seal",
]
