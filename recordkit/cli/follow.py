"""
Read a recording while it is being written, until it ends.

The file grows at its end. When its session ends it is sealed: renamed, perhaps rewritten in other
chunks. What was seen before is then the beginning of what is there, so counting events is enough to go
on behind them.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Final

from recordkit.cli.app import reopen
from recordkit.clock import Clock
from recordkit.container import Recording, State

_POLL_S: Final = 0.2


def followed(recording: Recording, *, clock: Clock, idle: Callable[[], None]) -> Iterator[bytes]:
    """
    Yield the lines of *recording*, several whole ones at a time, as they come; end when it is no longer written.

    Args:
        recording: Strict ones raise as in `Recording.events`. It is left open.
        clock: Whose time is waited.
        idle: Called before each wait.
    """
    last, count = None, 0
    never = threading.Event()
    while True:
        before = count
        for entry, raw in recording.follow(last):
            last = entry
            count += entry.events
            yield raw
        if count > before:
            continue  # more may have come meanwhile
        idle()
        try:
            now = reopen(recording)
        except FileNotFoundError:
            return  # removed while we read it
        with now:
            if now.state is not State.OPEN:
                yield from behind(now, count)
                return
        clock.wait(never, _POLL_S)


def behind(recording: Recording, count: int) -> Iterator[bytes]:
    """
    Yield the lines behind the first *count* events.
    """
    last = None
    for entry in recording.chunks():
        if entry.events > count:
            break
        last = entry
        count -= entry.events
    for _, raw in recording.follow(last):
        lines = raw.split(b"\n", count)[-1] if count else raw
        count = 0
        if lines:
            yield lines
