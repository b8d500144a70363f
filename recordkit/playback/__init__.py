"""
Playing recordings without a terminal: where one stands in time, what is due, how to get anywhere fast.

    >>> import recordkit
    >>> from recordkit.clock import SystemClock
    >>> from recordkit.playback import Player
    >>> with recordkit.open_recording("session.jsonl.zst") as recording:  # doctest: +SKIP
    ...     player = Player(recording, clock=SystemClock(), speed=4.0)
    ...     player.seek(90 * 10**9)
    ...     player.play()
    ...     while (wait_s := player.due_in_s()) is not None:
    ...         time.sleep(wait_s)
    ...         for moment in player.advance():
    ...             print(*(segment.text for segment in moment.segments), sep="", end="")

Nothing here waits, prints or starts a thread; text of moments is not yet safe for a terminal.
"""

from recordkit.playback.decoded import Address
from recordkit.playback.marks import Mark, Marks
from recordkit.playback.moments import Moment, Moments
from recordkit.playback.player import Player
from recordkit.playback.playhead import FASTEST, SLOWEST, SPEEDS, Playhead
from recordkit.playback.scans import Scans, found_by
from recordkit.playback.search import Search

__all__ = [
    "FASTEST",
    "SLOWEST",
    "SPEEDS",
    "Address",
    "Mark",
    "Marks",
    "Moment",
    "Moments",
    "Player",
    "Playhead",
    "Scans",
    "Search",
    "found_by",
]
