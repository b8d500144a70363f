"""
What each key does. The docstring of a command is its line in the help.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from recordkit.terminal.controller import Asking, Controller, View

_JUMP_NS: Final = 10_000_000_000
PAGE: Final = 10

Command = Callable[[Controller], None]


class Key(NamedTuple):
    """
    Keys that do the same.

    Attributes:
        names: As prompt_toolkit calls them.
        shown: As the help calls them.
        command: What they do.
    """

    names: tuple[str, ...]
    shown: str
    command: Command

    @property
    def help(self) -> str:
        """
        What the keys do, in a line.
        """
        return " ".join((self.command.__doc__ or "").split())


KEYS: Final[list[Key]] = []
"""All keys, in the order of the help."""


def _key(shown: str, *names: str) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        KEYS.append(Key(names, shown, command))
        return command

    return add


@_key("space", " ")
def play_or_pause(controller: Controller) -> None:
    """
    Play, pause, play again.
    """
    player = controller.player
    if player.at_end and not controller.live and player.shown is not None:
        controller.seek(player.seek_start)
        player.play()
    elif player.playing:
        controller.following = False
        player.pause()
    else:
        player.play()


@_key("left", "left")
def back(controller: Controller) -> None:
    """
    Back 10 seconds.
    """
    player = controller.player
    controller.seek(lambda: player.seek(player.position_ns - _JUMP_NS))


@_key("right", "right")
def ahead(controller: Controller) -> None:
    """
    Ahead 10 seconds.
    """
    player = controller.player
    controller.seek(lambda: player.seek(player.position_ns + _JUMP_NS))


@_key("down j", "down", "j")
def next_query(controller: Controller) -> None:
    """
    Next statement.
    """
    _scan(controller, "statement", forward=True)


@_key("up k", "up", "k")
def previous_query(controller: Controller) -> None:
    """
    Previous statement.
    """
    _scan(controller, "statement", forward=False)


@_key("+", "+", "=")
def faster(controller: Controller) -> None:
    """
    Faster, up to 16x.
    """
    controller.player.speed_up()


@_key("-", "-", "_")
def slower(controller: Controller) -> None:
    """
    Slower, down to 0.25x.
    """
    controller.player.slow_down()


@_key("home", "home")
def start(controller: Controller) -> None:
    """
    To the start.
    """
    controller.seek(controller.player.seek_start)


@_key("end", "end")
def end(controller: Controller) -> None:
    """
    To the end.
    """
    controller.seek(controller.player.seek_end)


def _percent(digit: int) -> Command:
    def command(controller: Controller) -> None:
        controller.seek(lambda: controller.player.seek_percent(digit * 10))

    command.__doc__ = "To 0 % to 90 %."
    return command


for _digit in range(10):
    KEYS.append(Key((str(_digit),), "0 to 9", _percent(_digit)))


@_key("/", "/")
def search(controller: Controller) -> None:
    """
    Search; regular expression.
    """
    controller.asking = Asking.SEARCH


@_key("n", "n")
def search_again(controller: Controller) -> None:
    """
    Next match.
    """
    controller.search_on(forward=True)


@_key("N", "N")
def search_back(controller: Controller) -> None:
    """
    Previous match.
    """
    controller.search_on(forward=False)


@_key("e", "e")
def next_error(controller: Controller) -> None:
    """
    Next error.
    """
    _scan(controller, "error", forward=True)


@_key("E", "E")
def previous_error(controller: Controller) -> None:
    """
    Previous error.
    """
    _scan(controller, "error", forward=False)


@_key("s", "s")
def next_slow(controller: Controller) -> None:
    """
    Next slow one; see --slow.
    """
    _scan(controller, "slow statement", forward=True)


@_key("S", "S")
def previous_slow(controller: Controller) -> None:
    """
    Previous slow one.
    """
    _scan(controller, "slow statement", forward=False)


@_key("w", "w")
def next_change(controller: Controller) -> None:
    """
    Next change.
    """
    _scan(controller, "change", forward=True)


@_key("W", "W")
def previous_change(controller: Controller) -> None:
    """
    Previous change.
    """
    _scan(controller, "change", forward=False)


@_key("enter", "enter")
def details(controller: Controller) -> None:
    """
    Statement in detail.
    """
    if controller.view is View.TRANSCRIPT and controller.player.selected is None:
        controller.say("no statement here yet")
        return
    controller.show(View.DETAIL)


@_key("pgup pgdn", "pageup")
def page_up(controller: Controller) -> None:
    """
    Scroll detail and help.
    """
    controller.scroll = max(0, controller.scroll - PAGE)


@_key("pgup pgdn", "pagedown")
def page_down(controller: Controller) -> None:
    """
    Scroll detail and help.
    """
    controller.scroll += PAGE


@_key("f", "f")
def follow(controller: Controller) -> None:
    """
    Follow what comes, or stop.
    """
    controller.follow()


@_key("g", "g")
def go_to_time(controller: Controller) -> None:
    """
    Go to 90, 1:30, 2m, 20:01Z.
    """
    controller.asking = Asking.TIME


@_key("esc", "escape")
def leave_view(controller: Controller) -> None:
    """
    Stop search, leave detail.
    """
    if not controller.cancel() and controller.view is not View.TRANSCRIPT:
        controller.show(View.TRANSCRIPT)


@_key("?", "?")
def help_page(controller: Controller) -> None:
    """
    This help, and back.
    """
    controller.show(View.HELP)


@_key("q", "q", "c-c")
def leave(controller: Controller) -> None:
    """
    Quit.
    """
    controller.leaving = True


def _scan(controller: Controller, what: str, *, forward: bool) -> None:
    player = controller.player
    place = player.start_of_search(forward=forward)
    scans = player.scans
    scan = {
        "statement": lambda: scans.query(place, forward=forward),
        "error": lambda: scans.error(place, forward=forward),
        "slow statement": lambda: scans.slow(place, controller.slow_ns, forward=forward),
        "change": lambda: scans.write(place, forward=forward),
    }[what]()
    controller.start_scan(f"looking for a {what}", scan, f"no {'further' if forward else 'earlier'} {what}")


def press(controller: Controller, name: str) -> None:
    """
    Do what the key *name* does; nothing if it does nothing.
    """
    for key in KEYS:
        if name in key.names:
            controller.message = None
            key.command(controller)
            return
