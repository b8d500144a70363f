"""
What a terminal can do, as far as the environment tells.
"""

import os
from collections.abc import Mapping

_NO_SCREEN = frozenset({"", "dumb", "unknown"})


def has_screen(environment: Mapping[str, str] = os.environ) -> bool:
    """
    Tell whether a full-screen program can run there.
    """
    return environment.get("TERM", "") not in _NO_SCREEN


def has_colour(environment: Mapping[str, str] = os.environ) -> bool:
    """
    Tell whether colours are wanted and there: not with NO_COLOR set, nor where terminfo counts fewer than eight.

    Source: https://no-color.org
    """
    if environment.get("NO_COLOR"):
        return False
    try:
        import curses

        curses.setupterm(environment.get("TERM") or None, 1)
        return curses.tigetnum("colors") >= 8
    except Exception:  # noqa: BLE001 - no terminfo here, or none of this terminal: most have colours
        return True
