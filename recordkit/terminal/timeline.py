"""
The two lines at the bottom: where one stands in the session, and what state playback is in.

    0:01:35 ━━●──────────────────────────!────w──────── 0:30:00
    playing  1x  ei 4  alice@postgres-database                     ? help  q quit
"""

from typing import Final

from recordkit.playback import Mark, Player
from recordkit.terminal.fragments import Line, cut, spread, width

_LETTERS: Final = {Mark.WRITE: "w", Mark.ERROR: "!", Mark.WRITE | Mark.ERROR: "!"}
_STYLES: Final = {
    Mark.WRITE: "class:bar.write",
    Mark.ERROR: "class:bar.error",
    Mark.WRITE | Mark.ERROR: "class:bar.error",
}
_SHORTEST: Final = 8


def time_text(delay_ns: int, longest_ns: int) -> str:
    """
    Return a delay as ``1:35`` or ``0:01:35``, as long as *longest_ns* needs; below a minute with tenths.
    """
    seconds, rest = divmod(max(0, delay_ns), 1_000_000_000)
    if longest_ns < 60_000_000_000:
        return f"{seconds // 60}:{seconds % 60:02d}.{rest // 100_000_000}"
    if longest_ns < 3600_000_000_000:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def timeline(player: Player, columns: int, *, plain: bool) -> Line:
    """
    Return the bar: elapsed time, marks of errors (``!``) and changes (``w``), total time.

    Args:
        player: Whose.
        columns: Width of the screen.
        plain: In ASCII.
    """
    duration, position = player.duration_ns, min(player.position_ns, player.duration_ns)
    left = f" {time_text(position, duration)} "
    right = f" {time_text(duration, duration)} "
    room = columns - len(left) - len(right)
    if room < _SHORTEST:
        return cut([("class:bar", left.strip() + "/" + right.strip())], columns)
    played, ahead, head = ("=", "-", "#") if plain else ("━", "─", "●")
    at = 0 if duration == 0 else min(room - 1, position * room // (duration + 1))
    line: Line = [("class:bar", left)]
    for column, mark in enumerate(player.marks.bar(room)):
        if column == at:
            line.append(("class:bar.head" if mark is Mark.NONE else f"{_STYLES[mark]} class:bar.head", head))
        elif mark is not Mark.NONE:
            line.append((_STYLES[mark], _LETTERS[mark]))
        else:
            line.append(("class:bar.played", played) if column < at else ("class:bar", ahead))
    return [*line, ("class:bar", right)]


def speed_text(speed: float) -> str:
    """
    Return ``1x``, ``0.25x``.
    """
    return f"{speed:g}x"


def toolbar(state: str, facts: list[str], message: Line, columns: int) -> Line:
    """
    Return the state line: state, facts that fit, or the message in their place; keys at the right.
    """
    bar = "class:toolbar"
    left: Line = [("class:toolbar.state", f" {state} ")]
    hints: Line = [(bar, " ? help  q quit ")]
    if message:
        left += [(bar, " "), *message]
        hints = [(bar, " ")]
    else:
        for fact in facts:
            added: Line = [(bar, f" {fact} ")]
            if width(left) + width(added) + width(hints) < columns:
                left += added
    line = spread(left, hints, columns)
    filled = [(style or bar, text) for style, text in line]
    return [*filled, (bar, " " * (columns - width(filled)))]
