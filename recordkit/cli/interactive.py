"""
From a recording that was asked for to the full-screen player, and what is said when it was left.
"""

import re
import sys
from functools import partial
from typing import Final

from recordkit.cli.app import App, reopen
from recordkit.cli.forms import delay_s, moment_ns
from recordkit.container import Recording, State

_TIME_OF_DAY: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?(?P<utc>Z?)", re.ASCII)
_DAY_NS: Final = 86_400 * 10**9


def can_interact(app: App) -> bool:
    """
    Tell whether somebody is there: keyboard and screen are a terminal that a full-screen program can use.
    """
    if not (app.out.is_terminal and sys.stdin.isatty()):
        return False
    from recordkit.terminal.capabilities import has_screen

    return has_screen()


def play_interactively(
    app: App,
    recording: Recording,
    *,
    start_s: float,
    speed: float,
    idle_s: float | None,
    slow_s: float,
    follow: bool,
) -> int:
    """
    Play *recording* full-screen until the person leaves; return the exit code.
    """
    from recordkit.cli.main import exit_code_of
    from recordkit.playback import Player
    from recordkit.terminal.application import Screen
    from recordkit.terminal.controller import Controller

    summary = recording.summary
    player = Player(recording, clock=app.clock, speed=speed, idle_s=idle_s)
    about = (summary.user, summary.db_service, summary.db_name, summary.sid[:8])
    controller = Controller(
        player,
        clock=app.clock,
        source=_Source(recording),
        state=summary.state,
        title=" ".join(filter(None, about)),
        read_time=partial(read_time, start_ns=player.chunks.start_ns, duration_ns=player.duration_ns),
        slow_s=slow_s,
        lost=summary.lost,
    )
    if start_s:
        player.seek(round(start_s * 1e9))
    if follow and controller.live:
        controller.follow()
    screen = Screen(controller, clock=app.clock)
    player.play()  # now, and not before all was loaded: the first events would be late
    screen.run()
    for error in player.chunks.damage:
        app.err.complain(str(error))
    if player.chunks.damage:
        return exit_code_of(player.chunks.damage[0])
    return 3 if controller.state is State.TORN else 0


class _Source:
    """
    The `recordkit.terminal.controller.Source` of a recording in a store or a file.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def state(self) -> State:
        """
        See `Source.state`.
        """
        with reopen(self._recording) as now:
            return now.state


def read_time(text: str, *, start_ns: int, duration_ns: int) -> int:
    """
    Return the delay, ns, that a person means by ``90``, ``1:30``, ``2m``, ``20:01Z`` or ``2026-07-20 20:01:35``.

    What may be a delay within the session is one, unless a Z says that it is a time of day, UTC. Longer ones are
    times of day if the session was on then.

    Raises:
        ValueError: It is none of these.
    """
    if re.match(r"\d{4}-", text):
        return max(0, moment_ns(text.replace(" ", "T", 1), now_ns=start_ns) - start_ns)
    clock = _TIME_OF_DAY.fullmatch(text)
    delay_ns = round(delay_s(text.removesuffix("Z") if clock else text) * 1e9)
    if clock is None or (delay_ns <= duration_ns and not clock["utc"]):
        return delay_ns
    hours, minutes, seconds = clock.group(1, 2, 3)
    of_day_ns = round((int(hours) * 3600 + int(minutes) * 60 + float(seconds or 0)) * 1e9)
    since_ns = (of_day_ns - start_ns) % _DAY_NS
    if since_ns > duration_ns and clock["utc"]:
        raise ValueError(f"the session was not on at {text}")
    return since_ns if since_ns <= duration_ns else delay_ns
