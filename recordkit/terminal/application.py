"""
The player on a real terminal: prompt_toolkit reads keys and draws, nothing more.

One window shows the lines that `screen.compose` makes, one line below takes what is typed. A task beside
them calls the controller's `work` and then waits, on the injected clock and in a thread of its own, until
something is due or a key wakes it.
"""

import asyncio  # noqa: TID253 - this module is imported when a player starts
import os
import sys
import threading
from typing import Any, Final

from prompt_toolkit.application import Application  # noqa: TID253 - as above
from prompt_toolkit.buffer import Buffer  # noqa: TID253
from prompt_toolkit.filters import Condition  # noqa: TID253
from prompt_toolkit.formatted_text import StyleAndTextTuples  # noqa: TID253
from prompt_toolkit.input import Input  # noqa: TID253
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent  # noqa: TID253
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window  # noqa: TID253
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl  # noqa: TID253
from prompt_toolkit.layout.processors import BeforeInput  # noqa: TID253
from prompt_toolkit.output import ColorDepth, Output  # noqa: TID253
from prompt_toolkit.styles import Style  # noqa: TID253

from recordkit.clock import Clock
from recordkit.terminal.capabilities import has_colour
from recordkit.terminal.controller import Asking, Controller
from recordkit.terminal.keys import KEYS, press
from recordkit.terminal.screen import compose, window_title
from recordkit.terminal.theme import STYLES

_BREATH_S: Final = 0.004
"""Between two slices of work, so that the keyboard is heard and the machine's other programs run."""
_ESCAPE_S: Final = 0.05
"""How long to wait for more after Esc before it counts as that key; terminals send a key's bytes at once."""
_SAVE_TITLE: Final = "\x1b[22;0t"
_RESTORE_TITLE: Final = "\x1b[23;0t"


class Screen:
    """
    One run of the player on a terminal.
    """

    def __init__(
        self,
        controller: Controller,
        *,
        clock: Clock,
        keyboard: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._controller = controller
        self._clock = clock
        self._wake = threading.Event()
        self._ending = False
        self._typed = Buffer(multiline=False, accept_handler=self._accept)
        self.application: Application[None] = Application(
            layout=self._layout(),
            key_bindings=self._bindings(),
            style=Style(list(STYLES.items())),
            full_screen=True,
            mouse_support=False,
            color_depth=None if has_colour() else ColorDepth.DEPTH_1_BIT,
            input=keyboard,
            output=output,
        )
        self.application.ttimeoutlen = _ESCAPE_S
        encoding = getattr(self.application.output, "encoding", lambda: "utf-8")()
        self._plain = "utf" not in encoding.lower()

    def run(self) -> None:
        """
        Show the player until the person leaves it.
        """
        output = self.application.output
        self._controller.work()  # so that the first screen has what is due at once
        titled = _has_title()
        if titled:
            output.write_raw(_SAVE_TITLE)
            output.set_title(window_title(self._controller))
        try:
            self.application.run(pre_run=self._begin, handle_sigint=False)
        finally:
            self._wake.set()
            if titled:
                output.write_raw(_RESTORE_TITLE)
                output.flush()

    def _begin(self) -> None:
        self.application.create_background_task(self._drive())

    async def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        controller = self._controller
        try:
            while True:
                self._wake.clear()
                if controller.work():
                    self.application.invalidate()
                if controller.busy:
                    await asyncio.sleep(_BREATH_S)
                    continue
                wait_s = controller.wait_s()
                if wait_s is None or wait_s > 0:
                    await loop.run_in_executor(None, self._clock.wait, self._wake, wait_s)
                    self.application.invalidate()
                else:
                    await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 - whatever it is: give the terminal back, then raise it there
            self._end(error)
        finally:
            self._wake.set()

    def _end(self, error: Exception | None = None) -> None:
        """
        Leave the player once; *error* is raised by `run`.
        """
        if self._ending:
            return
        self._ending = True
        if error is None:
            self.application.exit()
        else:
            self.application.exit(exception=error)

    def _layout(self) -> Layout:
        body = Window(
            FormattedTextControl(self._fragments, focusable=True, show_cursor=False),
            wrap_lines=False,
            always_hide_cursor=True,
        )
        question = Window(
            BufferControl(self._typed, input_processors=[BeforeInput(lambda: self._controller.asking.value)]),
            height=1,
            style="class:prompt",
        )
        self._body, self._question = body, question
        return Layout(
            HSplit([body, ConditionalContainer(question, filter=Condition(self._asked))]), focused_element=body
        )

    def _fragments(self) -> StyleAndTextTuples:
        size = self.application.output.get_size()
        rows = max(1, size.rows - self._asked())
        fragments: StyleAndTextTuples = []
        try:
            lines = compose(self._controller, max(1, size.columns), rows, plain=self._plain)
        except Exception as error:  # noqa: BLE001 - as in `_drive`: the recording is read while it is drawn
            self._end(error)
            return []
        for number, line in enumerate(lines):
            if number:
                fragments.append(("", "\n"))
            fragments.extend(line)
        return fragments

    def _asked(self) -> bool:
        return self._controller.asking is not Asking.NOTHING

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()
        watching = Condition(lambda: not self._asked())
        for key in KEYS:
            for name in key.names:
                eager = name == "escape"
                bindings.add(name, filter=watching, eager=eager)(self._pressed(name))
        asked = Condition(self._asked)
        for name in ("escape", "c-c"):
            bindings.add(name, filter=asked, eager=True)(self._cancelled)
        bindings.add("c-l")(lambda event: event.app.renderer.clear())
        bindings.add("c-z")(lambda event: event.app.suspend_to_background())
        return bindings

    def _pressed(self, name: str) -> Any:
        def handle(event: KeyPressEvent) -> None:
            try:
                press(self._controller, name)
            except Exception as error:  # noqa: BLE001 - as in `_drive`
                self._end(error)
                return
            if self._controller.leaving:
                self._end()
            elif self._asked():
                self._typed.reset()
                event.app.layout.focus(self._question)
            self._wake.set()

        return handle

    def _cancelled(self, event: KeyPressEvent) -> None:
        self._controller.asking = Asking.NOTHING
        event.app.layout.focus(self._body)
        self._wake.set()

    def _accept(self, buffer: Buffer) -> bool:
        self._controller.message = None
        try:
            self._controller.typed(buffer.text)
        except Exception as error:  # noqa: BLE001 - as in `_drive`
            self._end(error)
        self.application.layout.focus(self._body)
        self._wake.set()
        return False


def _has_title() -> bool:
    """
    Tell whether standard output is a terminal whose window has a title.
    """
    return sys.stdout.isatty() and os.environ.get("TERM", "").split("-")[0] not in (
        "",
        "dumb",
        "linux",
        "eterm",
        "vt100",
        "vt220",
    )
