"""
How long until the player shows something, for a session of a million events against one of a thousand.

    python -m benchmarks.first_screen --events 1000000

"first screen" is a process of its own in a pseudo-terminal, from its start until the first line of the transcript
has been drawn: most of that is Python's own start and imports. The other rows are within one process, from a call
until all lines of an 80 x 24 screen are made, each time with the recording newly opened. Both recordings take
turns; figures are milliseconds, medians. Sessions are made at run time from a seed: pgbench's statements, each
with its result, 10 ms apart, one failure in a thousand.
"""

import argparse
import json
import os
import platform
import pty
import select
import shutil
import statistics
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import recordkit
from benchmarks.workloads import CONSTANTS, SID, START_NS, statements
from recordkit.clock import ManualClock, SystemClock
from recordkit.container import State
from recordkit.playback import Player
from recordkit.terminal.controller import Controller
from recordkit.terminal.keys import press
from recordkit.terminal.screen import compose

_FIRST_LINE: Final = b"Session started"
_STEP_S: Final = 0.005


def make(folder: Path, events: int) -> Path:
    """
    Record a session of *events* events and return its file.
    """
    clock = ManualClock(START_NS)
    with recordkit.Recorder(folder, clock=clock) as recorder, recorder.session(sid=SID, **CONSTANTS) as session:
        clock.advance(1.0)
        for number, sql in enumerate(statements((events - 2) // 2)):
            session.query(sql)
            clock.advance(_STEP_S)
            if number % 1000 == 100:
                session.result(success=False, error="ERROR: deadlock detected (SQLSTATE 40P01)")
            else:
                session.result(affected_records=1)
            clock.advance(_STEP_S)
    return folder / SID[-2:] / f"{SID}.jsonl.zst"


def first_screen(path: Path) -> None:
    """
    Start the player on a terminal of its own and wait for its first line.
    """
    child, terminal = pty.fork()
    if child == 0:
        termios.tcsetwinsize(0, (24, 80))
        environment = os.environ | {"TERM": "xterm-256color"}
        os.execve(sys.executable, [sys.executable, "-m", "recordkit", "play", str(path)], environment)
    seen = b""
    while _FIRST_LINE not in seen:
        ready, _, _ = select.select([terminal], [], [], 60)
        if not ready:
            raise SystemExit(f"no first screen within a minute: {seen[-500:]!r}")
        seen += os.read(terminal, 65536)
    os.write(terminal, b"q")
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the terminal's other end is closed
        pass
    os.waitpid(child, 0)
    os.close(terminal)


class _Fixed:
    def state(self) -> State:
        return State.COMPLETE


def in_process(path: Path, *keys: str) -> None:
    """
    Open the recording, press *keys*, and make a screen.
    """
    clock = SystemClock()
    with recordkit.open_recording(path) as recording:
        player = Player(recording, clock=clock)
        controller = Controller(
            player, clock=clock, source=_Fixed(), state=State.COMPLETE, title="benchmark", read_time=int
        )
        if not keys:
            player.advance()
        for key in keys:
            press(controller, key)
        compose(controller, 80, 24)


def compare(sizes: list[int], *, rounds: int, directory: str | None = None) -> list[dict[str, Any]]:
    """
    Return a row for each question: what, and the milliseconds for each size.
    """
    folder = Path(tempfile.mkdtemp(prefix="recordkit-screen-", dir=directory))
    try:
        paths = [make(folder / str(size), size) for size in sizes]
        questions: dict[str, Callable[[Path], None]] = {
            "first screen, from the program's start": first_screen,
            "open and draw": in_process,
            "open, go to 50 %, draw": partial(_pressed, keys=("5",)),
            "open, go to the end, draw": partial(_pressed, keys=("end",)),
            "open, next error, draw": partial(_pressed, keys=("e",)),
            "open, last error, draw": partial(_pressed, keys=("end", "E")),
        }
        rows: list[dict[str, Any]] = []
        for what, question in questions.items():
            taken: list[list[float]] = [[] for _ in paths]
            for number in range(rounds + 1):
                for times, path in zip(taken, paths, strict=True):
                    begun = time.perf_counter()
                    question(path)
                    if number:  # the first round warms up
                        times.append(time.perf_counter() - begun)
            rows.append({"what": what, "ms": [round(statistics.median(times) * 1e3, 2) for times in taken]})
    finally:
        shutil.rmtree(folder)
    return rows


def _pressed(path: Path, *, keys: tuple[str, ...]) -> None:
    in_process(path, *keys)


def main() -> None:
    """
    Measure both sizes and print them with their ratio.
    """
    parser = argparse.ArgumentParser(description="time to the player's first screen, and of jumps")
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the large recording")
    parser.add_argument("--small", type=int, default=1000, help="events of the small recording")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    parser.add_argument("--dir", help="where to make them; 20 bytes an event")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    rows = compare([options.small, options.events], rounds=options.rounds, directory=options.dir)
    if options.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
        json.dump(
            {"machine": machine, "events": [options.small, options.events], "results": rows}, sys.stdout, indent=2
        )
        return
    print(f"{'milliseconds':42}{options.small:>12}{options.events:>12}  ratio")
    for row in rows:
        small, large = row["ms"]
        print(f"{row['what']:42}{small:>12.2f}{large:>12.2f} {large / small:>6.1f}")


if __name__ == "__main__":
    main()
