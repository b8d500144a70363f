"""
Runs small programs that record, each in a process of its own, to be killed, forked, or left to end.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]

_PROLOGUE = """
import faulthandler, json, os, signal, sys, threading, time, warnings
faulthandler.register(signal.SIGALRM, chain=True)  # whoever hangs says where
signal.alarm(100)
signal.signal(signal.SIGINT, signal.default_int_handler)  # where it was ignored, as in a background job, it stays so
warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads is what some of them are about
from pathlib import Path
import recordkit
from recordkit import Recorder
from recordkit.errors import *
from faults import FaultyFiles, GatedFiles, QuickFiles

def say(**values):
    sys.stdout.write(json.dumps(values) + "\\n")
    sys.stdout.flush()

STORE = Path(sys.argv[1])
"""


def start(program, store, **options):
    """
    Start *program*, Python text that may use what the prologue above imports; its output is a pipe.
    """
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-c", _PROLOGUE + textwrap.dedent(program), str(store)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        **options,
    )


def run(program, store, *, code=0, **options):
    """
    Run *program* to its end and return what it said, a dict a line.
    """
    process = start(program, store, **options)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == code, process.returncode
    return [json.loads(line) for line in said.splitlines()]
