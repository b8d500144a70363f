import ctypes
import os
import subprocess
import sys
from pathlib import Path

from recordkit.cli.allocation import keep_freed_memory

# Two blocks are freed and asked for again: without being told, they are new to the process each time.
PROGRAM = """
import resource
from recordkit.cli.allocation import keep_freed_memory
told = keep_freed_memory()
def two_blocks():
    first = b"x" * (8 << 20)
    second = b"x" * ((8 << 20) + 4096)
for _ in range(3):
    two_blocks()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    two_blocks()
print(told, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_freed_memory_is_not_paid_for_again():
    """Where the C library can be told, blocks of 8 MiB cost no page faults once there were some."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True)
    told, faults = done.stdout.split()
    assert told == "False" or int(faults) < 2048  # 40 blocks have 81920 pages


def test_another_c_library_is_left_alone(monkeypatch):
    """Without ``mallopt`` nothing happens."""

    class Library:
        pass

    monkeypatch.setattr(ctypes, "CDLL", lambda _name: Library())
    assert not keep_freed_memory()
