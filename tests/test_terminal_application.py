"""
prompt_toolkit's part, without a terminal: keys from a pipe, nothing drawn.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from prompt_toolkit.application import Application
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from playback_sessions import event, write
from recordkit.clock import SystemClock
from recordkit.container import State, open_recording
from recordkit.playback import Address, Player
from recordkit.terminal.application import Screen
from recordkit.terminal.controller import Controller

ROOT = Path(__file__).parents[1]


class Store:
    def state(self):
        return State.COMPLETE


def run(tmp_path, keys, *, spoil=lambda controller: None):
    """Play three statements with these keys, and return the controller and what was asked of the time."""
    asked = []

    def read_time(text):
        asked.append(text)
        return 1_000_000_000

    chunks = [[event("db.session.query", 1000 * n, db_query=f"SELECT {n}")] for n in range(3)]
    clock = SystemClock()
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording, create_pipe_input() as keyboard:
        controller = Controller(
            Player(recording, clock=clock),
            clock=clock,
            source=Store(),
            state=State.COMPLETE,
            title="t",
            read_time=read_time,
        )
        spoil(controller)
        keyboard.send_text(keys)
        Screen(controller, clock=clock, keyboard=keyboard, output=DummyOutput()).run()
        return controller, asked


def test_keys_from_a_pipe_drive_the_player(tmp_path):
    """What is typed moves the player, and q ends the program though nothing more is due."""
    controller, _ = run(tmp_path, "jjq")
    assert controller.player.selected == Address(1, 0)
    assert controller.leaving


def test_what_is_typed_after_a_question_is_no_command(tmp_path):
    """Letters typed after / and g go into the answer, also those that are keys."""
    controller, asked = run(tmp_path, "gqq jj\rq")
    assert asked == ["qq jj"]
    assert controller.player.position_ns == 1_000_000_000
    controller, _ = run(tmp_path, "/select 2\rq")
    assert controller.player.selected == Address(2, 0)
    assert controller.search.pattern == "select 2"


def test_ctrl_z_suspends_the_player(tmp_path, monkeypatch):
    """The shell's key for it works here, too, also in a question."""
    suspended = []

    def suspend(application):
        suspended.append(application)

    monkeypatch.setattr(Application, "suspend_to_background", suspend)
    run(tmp_path, "\x1ag\x1a\x03q")
    assert len(suspended) == 2


def test_ctrl_c_in_a_question_only_ends_the_question(tmp_path):
    """Leaving a question is not leaving the player."""
    controller, asked = run(tmp_path, "gabc\x03jq")
    assert asked == []
    assert controller.player.selected == Address(0, 0)


@pytest.mark.parametrize("keys", ["j", "", "/x\r"])
def test_a_fault_of_the_disk_gives_the_terminal_back(tmp_path, keys):
    """An error from below ends the player in order and comes out of it, whether a key, the drawing or time met it."""

    def spoil(controller):
        def fail(*_):
            raise OSError(5, "Input/output error")

        controller.player.chunks.recording.read_chunk = fail
        controller.work = lambda: False
        controller.player.play()

    with pytest.raises(OSError, match="Input/output"):
        run(tmp_path, keys, spoil=spoil)


def test_the_command_line_loads_prompt_toolkit_only_for_the_player(tmp_path):
    """`play --format text` runs without prompt_toolkit, asyncio or sqlparse."""
    program = (
        "import sys; from recordkit.cli.main import main\n"
        f"code = main(['play', {str(write(tmp_path, [[event('db.session.query', 0, db_query='SELECT 1')]], sealed=True))!r}])\n"
        "print(code, *[name for name in ('prompt_toolkit', 'asyncio', 'sqlparse') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"
