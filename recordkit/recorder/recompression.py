"""
How much sealing may spend on making recordings smaller.

    a recording    so many seconds, from when it was to be sealed
    a processor    one at most, whatever number of recordings is sealed: recording goes on beside it
    closing        so many seconds for all that is left together, so that a program's end is not held up

What there is no time for stays as it was written.
"""

import threading
from collections.abc import Callable
from typing import Final

from recordkit.container.frames import Compressor

_NEVER: Final = float("inf")


class Recompressor:
    """
    Compresses harder for all sealings of one recorder; its memory is one compressor's, 1 MiB.
    """

    def __init__(self, limit_s: float, monotonic: Callable[[], float]) -> None:
        """
        Prepare.

        Args:
            limit_s: Seconds for each recording.
            monotonic: The recorder's clock.
        """
        self.limit_s = limit_s
        self.monotonic = monotonic
        self.end_s = _NEVER
        self._compressor = Compressor(harder=True)
        self._turn = threading.Lock()

    def begin(self) -> "Allowance | None":
        """
        Return what a recording may spend that is to be sealed now; None if that is nothing.
        """
        return Allowance(self, self.monotonic() + self.limit_s) if self.limit_s else None

    def hurry(self) -> None:
        """
        Let all recordings together have no more time than one, from now on.
        """
        self.end_s = min(self.end_s, self.monotonic() + self.limit_s)

    def frame(self, raw: bytes) -> bytes:
        """
        Return *raw* as one frame, when it is its turn.
        """
        with self._turn:
            return self._compressor.frame(raw)


class Allowance:
    """
    One recording's time; see `recordkit.container.seal.Recompression`.
    """

    def __init__(self, recompressor: Recompressor, end_s: float) -> None:
        self._recompressor = recompressor
        self._end_s = end_s
        self.frame = recompressor.frame

    def has_time(self) -> bool:
        """
        Tell whether neither this recording's time nor that of all is over.
        """
        return self._recompressor.monotonic() < min(self._end_s, self._recompressor.end_s)
