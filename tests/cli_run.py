"""
Runs the command line in this process, with streams of its own.
"""

import contextlib
import functools
import io
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from recordkit.cli.demo_sessions import EVENING
from recordkit.cli.main import main
from recordkit.clock import ManualClock
from recordkit.recorder import Recorder

FIRST = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"
PREPARED = "8f0c2b17-5d0e-4b57-9a3c-6f1e2d4a9b02"
MYSQL = "c41d7a90-2e6b-4f3a-8b1d-0a9c5e7f3303"
INTERRUPTED = "73f8a1c4-0d92-4b6e-8e57-c5b2d3964f07"
HOSTILE = "bd05e6a9-4c7f-4a12-93d8-e86b0f1c2a08"


class Stream(io.TextIOWrapper):
    """A standard stream in memory, a terminal if wanted."""

    def __init__(self, content=b"", *, terminal=False):
        super().__init__(io.BytesIO(content), encoding="utf-8", write_through=True)
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    @property
    def content(self):
        self.flush()
        return self.buffer.getvalue()


@dataclass
class Run:
    code: int
    raw: bytes
    err: str

    @property
    def out(self):
        return self.raw.decode()


def run(*argv, store=None, stdin=b"", terminal=False, clock=None):
    """Run ``recordkit *argv`` and return its exit code and what it wrote."""
    out, err, before = Stream(terminal=terminal), Stream(terminal=terminal), sys.stdin
    sys.stdin = Stream(stdin)
    arguments = [*([] if store is None else ["--store", str(store)]), *map(str, argv)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments, clock=clock)
    finally:
        sys.stdin = before
    return Run(code, out.content, err.content.decode())


class SkippingClock(ManualClock):
    """A clock that moves on at once when somebody waits for it, and notes for how long."""

    def __init__(self, start_ns=0):
        super().__init__(start_ns)
        self.waits = []

    def wait(self, event, timeout_s):
        self.waits.append(round(timeout_s, 6))
        self.advance(timeout_s)
        return event.is_set()


@functools.cache
def _demo():
    directory = tempfile.TemporaryDirectory(prefix="recordkit-test-")
    with mock.patch("recordkit.cli.demo.SESSIONS", EVENING):  # counts in tests don't follow what is added to the demo
        assert run("demo", store=Path(directory.name) / "store").code == 0
    return directory


def demo_store(tmp_path):
    """Return a store of its own with the first sessions of ``recordkit demo``, those of the evening."""
    return Path(shutil.copytree(Path(_demo().name) / "store", tmp_path / "store"))


def sealed(store, sid):
    """Return the file of a sealed recording."""
    return store / sid[-2:] / f"{sid}.jsonl.zst"


def environment(**more):
    """Return the environment in which a subprocess finds this recordkit."""
    root = str(Path(__file__).resolve().parent.parent)
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**inherited, "PYTHONPATH": root, **more}


def record_one(store, sid, events, *, interrupted=False, **fields):
    """Record *events* as one session, at a fixed time, a second apart."""
    clock = ManualClock(1784577600 * 10**9)
    with Recorder(store, clock=clock) as recorder:
        session = recorder.session(sid=sid, **fields)
        for event in events:
            clock.advance(1)
            session.emit(event)
        clock.advance(1)
        session.close(interrupted=interrupted)
