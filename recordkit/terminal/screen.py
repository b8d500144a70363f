"""
The whole screen, as lines of fragments: a function of the controller and the screen's size.
"""

from typing import Final

from recordkit.render.control_chars import safe_line
from recordkit.terminal.controller import Controller, View
from recordkit.terminal.detail import detail_lines
from recordkit.terminal.fragments import Line, cut, safe, width, wrap
from recordkit.terminal.keys import KEYS
from recordkit.terminal.timeline import speed_text, timeline, toolbar
from recordkit.transcript.phrases import text_of

_LEAST_ROWS_WITH_BAR: Final = 4
_LEAST_ROWS_WITH_STATE: Final = 2
_MARKS: Final = "On the timeline: ! error, w change of data, tables or rights."
_CASE: Final = "A search for small letters also finds capitals; with a capital in it, it needs (?i) for that."


def compose(controller: Controller, columns: int, rows: int, *, plain: bool = False) -> list[Line]:
    """
    Return *rows* lines of at most *columns* columns, safe for a terminal.

    Args:
        controller: What is shown.
        columns: Width, >= 1.
        rows: Height, >= 1.
        plain: In ASCII, but for what events say.
    """
    controller.player.find_place()
    bottom: list[Line] = []
    if rows >= _LEAST_ROWS_WITH_BAR:
        bottom.append(timeline(controller.player, columns, plain=plain))
    if rows >= _LEAST_ROWS_WITH_STATE:
        bottom.append(toolbar(controller.status, _facts(controller), controller.note, columns))
    room = rows - len(bottom)
    if controller.view is View.TRANSCRIPT:
        body = controller.lines.above(columns, room) or _greeting(controller, columns)[:room]
    else:
        lines = _help(columns) if controller.view is View.HELP else _detail(controller, columns)
        controller.scroll = max(0, min(controller.scroll, len(lines) - room))
        body = lines[controller.scroll : controller.scroll + room]
    empty: list[Line] = [[] for _ in range(room - len(body))]
    return [cut(safe(line), columns) for line in [*body, *empty, *bottom]]


def window_title(controller: Controller) -> str:
    """
    Return the title of the terminal's window, safe.
    """
    return "".join(text for _, text in safe([("", f"recordkit: {controller.title}")]))


def _facts(controller: Controller) -> list[str]:
    player = controller.player
    facts = [speed_text(player.head.speed)]
    if player.chunks.damage:
        facts.append(f"damage: {len(player.chunks.damage)}")
    if player.head.idle_ns is not None:
        facts.append(f"pauses up to {player.head.idle_ns / 1e9:g} s")
    if controller.looked_back is not None:
        facts.append(f"looking for what was prepared: {controller.looked_back:.0%}")
    place = player.selected or player.shown
    if place is not None:
        event = player.moments.at(place).event
        if event is not None and "ei" in event:
            facts.append(f"ei {text_of(event['ei'])}")
    return [safe_line(fact) for fact in (*facts, controller.title)]


def _greeting(controller: Controller, columns: int) -> list[Line]:
    chunks = len(controller.player.chunks)
    text = f"{safe_line(controller.title)}\n\n{'space plays, ? helps' if chunks else 'nothing was recorded'}\n"
    return wrap([("class:label", text)], columns)


def _detail(controller: Controller, columns: int) -> list[Line]:
    selected = controller.player.selected
    if selected is None:
        return [[("class:label", "no statement here")]]
    moment = controller.player.moments.at(selected)
    made_for = (moment.address, moment.segments, controller.answer is None, controller.answered, columns)
    if controller.detail[0] != made_for:
        controller.detail = made_for, detail_lines(moment, controller.answer, controller.answered, columns)
    return controller.detail[1]


def _help(columns: int) -> list[Line]:
    told: dict[str, str] = {}
    for key in KEYS:
        told.setdefault(key.shown, key.help)
    names = max(map(len, told)) + 1
    rows: list[Line] = [[("class:key", f" {shown:{names}}"), ("", text)] for shown, text in told.items()]
    lines: list[Line] = [[("class:heading", "Keys")], *_in_columns(rows, columns), []]
    lines += wrap([("class:label", f"{_MARKS}\n{_CASE}")], columns)
    return lines


def _in_columns(rows: list[Line], columns: int) -> list[Line]:
    """
    Return *rows* beside each other in as many columns as there is room for.
    """
    widest = max(map(width, rows)) + 1
    beside = max(1, columns // widest)
    height = -(-len(rows) // beside)
    lines: list[Line] = []
    for number in range(height):
        line: Line = []
        for row in rows[number::height]:
            line += [("", " " * (widest * (len(line) > 0) - width(line) % widest if line else 0)), *row]
        lines.extend(wrap(line, columns))
    return lines
