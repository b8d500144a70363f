"""
Play a recording in a program of your own: no terminal, no command line, time as you like it.

    python examples/play_programmatically.py 307b       # a prefix of a sid in ./recordings

`Player` holds the place and says when the next moment is due; waiting is the program's. Here it plays 16 times
as fast, with pauses of a second at most, and stops at the first error.
"""

import argparse
import tempfile
import threading

import recordkit
from recordkit.clock import Clock, ManualClock, SystemClock
from recordkit.playback import Player, found_by
from recordkit.render.control_chars import safe_text


def watch(recording: recordkit.Recording, clock: Clock) -> list[str]:
    """
    Print *recording* in its time, up to the first error; return the lines.
    """
    player = Player(recording, clock=clock, speed=16.0, idle_s=1.0)
    first_error = found_by(player.scans.error(None, forward=True))  # reads no chunk that has none
    player.play()
    text = ""
    while (wait_s := player.due_in_s()) is not None and player.shown != first_error:
        clock.wait(threading.Event(), wait_s)
        for moment in player.advance():
            said = safe_text("".join(segment.text for segment in moment.segments))
            print(said, end="")
            text += said
    print(f"\n-- stopped {player.position_ns / 1e9:g} s after the start")
    return text.splitlines()


class Hurried(ManualClock):
    """
    A clock for which waiting is moving on.
    """

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """
        See `Clock.wait`.
        """
        self.advance(timeout_s or 0.0)
        return event.is_set()


def main() -> None:
    """
    Watch the recording that was named.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sid", nargs="?", default="307b", help="a sid, or a unique prefix of one")
    parser.add_argument("--store", default="recordings")
    parser.add_argument("--self-test", action="store_true", help="use the demo's sessions and check the outcome")
    arguments = parser.parse_args()
    if not arguments.self_test:
        with recordkit.open_store(arguments.store) as store, store.find(arguments.sid) as recording:
            watch(recording, SystemClock())
        return
    from recordkit.cli.main import main as recordkit_command

    with tempfile.TemporaryDirectory() as folder:
        recordkit_command(["--store", folder, "demo"])
        with recordkit.open_store(folder) as store, store.find("307b") as recording:
            lines = watch(recording, Hurried())
        if "ERROR: permission denied for table products (SQLSTATE 42501)" not in lines or "Session ended" in lines[-1]:
            raise SystemExit("the demo session does not play as it should")


if __name__ == "__main__":
    main()
