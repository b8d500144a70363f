"""
The player in a pseudo-terminal: keys in, a screen out, and every byte that was sent to it.
"""

import os
import signal
import sys
import time
import warnings

import pexpect
import pyte

from cli_run import environment
from recordkit.clock import ManualClock
from recordkit.recorder import Recorder

START_NS = 1_784_577_600 * 10**9  # 2026-07-20T20:00:00Z
DEADLINE_S = 60.0
KEYS = {
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "enter": "\r", "esc": "\x1b", "space": " ", "pgdn": "\x1b[6~", "pgup": "\x1b[5~",
}  # fmt: skip


class Terminal:
    """
    One run of ``recordkit *argv`` in a terminal of 80 x 24, if no other size is given.
    """

    def __init__(self, *argv, columns=80, rows=24, **variables):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = b""
        variables = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | variables
        inherited = {name: value for name, value in environment().items() if name not in ("NO_COLOR", "COLORTERM")}
        with warnings.catch_warnings():
            # from Python 3.12 on; the child of this fork does nothing but exec
            warnings.filterwarnings("ignore", message=".*multi-threaded", category=DeprecationWarning)
            self.process = pexpect.spawn(
                sys.executable, ["-m", "recordkit", *map(str, argv)], dimensions=(rows, columns),
                env=inherited | variables, timeout=DEADLINE_S,
            )  # fmt: skip
        self.process.delaybeforesend = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.close(force=True)

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def state(self):
        return self.screen.display[-1]

    @property
    def bar(self):
        return self.screen.display[-2]

    def press(self, *keys):
        """
        Type keys, by name or as they are.
        """
        for key in keys:
            self.process.send(KEYS.get(key, key))

    def until(self, condition):
        """
        Read what the player draws until *condition*, some text or a function, holds of the screen.
        """
        holds = (lambda: condition in self.text) if isinstance(condition, str) else condition
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline, f"it never came to {condition!r}:\n{self.text}"
            self._read(0.02)
        return self

    def resize(self, columns, rows):
        """
        Give the terminal another size.
        """
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)
        os.kill(self.process.pid, signal.SIGWINCH)

    def end(self):
        """
        Read until the program has ended, and return its exit code.
        """
        while self._read(0.1):
            pass
        self.process.close()
        return self.process.exitstatus

    def _read(self, timeout_s):
        try:
            piece = self.process.read_nonblocking(65536, timeout_s)
        except pexpect.TIMEOUT:
            return self.process.isalive()
        except pexpect.EOF:
            return False
        self.sent += piece
        self._stream.feed(piece)
        return True


def record(store, sid, steps, *, end_s=None, interrupted=False, **fields):
    """
    Record a session: each step is its seconds since the start, and an event.
    """
    clock = ManualClock(START_NS)
    constants = {
        "user": "alice",
        "db_service": "shop",
        "db_protocol": "postgres",
        "db_name": "shop",
        "db_user": "alice",
    }
    with Recorder(store, clock=clock) as recorder:
        session = recorder.session(sid=sid, **constants | fields)
        for at_s, event in steps:
            clock.set_time_ns(START_NS + round(at_s * 1e9))
            session.emit(event)
        if end_s is not None:
            clock.set_time_ns(START_NS + round(end_s * 1e9))
        session.close(interrupted=interrupted)


def query(sql, **fields):
    return {"event": "db.session.query", "db_query": sql} | fields


def result(count=None, **fields):
    return (
        {"event": "db.session.result", "success": True}
        | ({} if count is None else {"affected_records": count})
        | fields
    )


def failure(text):
    return {"event": "db.session.result", "success": False, "error": text}
