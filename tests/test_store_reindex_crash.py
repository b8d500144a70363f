"""
P7: kill -9 while the catalog is rebuilt, at any moment, loses no recording and no row, and leaves nothing behind.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recordkit.store import open_store
from recordkit.store.paths import CATALOG_NAME, OPEN_DIRECTORY, sealed_path
from store_recordings import NOON, SECOND, scan, write_open, write_sealed

ROOT = Path(__file__).parents[1]

# Rebuilds the catalog again and again; says so before it begins.
_VICTIM = """
import sys
from recordkit.store import open_store
with open_store(sys.argv[1]) as store:
    print("begins", flush=True)
    while True:
        store.reindex()
"""


def killed(root: Path, after_s: float) -> None:
    """
    Start rebuilding the catalog of the store *root*, and kill that with SIGKILL some time after it began.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(root)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == b"begins\n"
    time.sleep(after_s)  # the moment of the kill is what this test is about
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def give_work(root: Path, turn: int, expected: dict[str, int]) -> None:
    """
    Change the store so that the next rebuilding has something of everything to do; keep *expected* up to date.
    """
    for number in range(3):  # left by a dead recorder; many chunks, so that sealing rewrites them
        chunks = (1, 9, 30)[number]
        expected[write_open(root, start_ns=NOON + turn * SECOND, chunks=chunks, ended=number == 1)] = 2 * chunks
    expected[write_sealed(root, start_ns=NOON - turn * SECOND)] = 2  # copied in, say
    gone = next(iter(expected))
    if sealed_path(root, gone).exists():
        sealed_path(root, gone).unlink()
        del expected[gone]
    catalog = root / CATALOG_NAME
    if turn % 7 == 3:
        catalog.unlink(missing_ok=True)
    elif turn % 7 == 5 and catalog.exists():
        catalog.write_bytes(b"x" * 8192)


def check(root: Path, fresh: Path, expected: dict[str, int]) -> None:
    """
    See that the store lists what a catalog made from nothing lists, each recording whole, and that nothing lies about.
    """
    with open_store(root) as store:
        assert {summary.sid: summary.events for summary in store.list()} == expected
        assert store.reindex().problems == ()
        listed = list(store.list())
        assert listed == scan(root)
        assert store.reindex().changed == 0
    assert list((root / OPEN_DIRECTORY).iterdir()) == []
    names = {path.name for path in root.rglob("*") if path.is_file() and not path.name.startswith("catalog.")}
    assert names == {sealed_path(root, sid).name for sid in expected}
    shutil.copytree(root, fresh, copy_function=os.link, ignore=shutil.ignore_patterns("catalog.*"))
    with open_store(fresh) as store:
        assert store.reindex().added == len(expected)
        assert list(store.list()) == listed
    shutil.rmtree(fresh)


def run_of_kills(tmp_path: Path, kills: int) -> None:
    dice = random.Random(20_261_122)
    root, expected = tmp_path / "store", {}
    for _ in range(20):
        expected[write_sealed(root)] = 2
    for turn in range(kills):
        give_work(root, turn, expected)
        killed(root, dice.random() * 0.12)
        with open_store(root) as store:
            assert {summary.sid: summary.events for summary in store.list()} == expected
            assert store.problems == ()
        if turn % 5 == 4:
            check(root, tmp_path / "fresh", expected)
            while len(expected) > 60:
                gone = next(iter(expected))
                sealed_path(root, gone).unlink()
                del expected[gone]


def test_a_store_outlives_kills_while_its_catalog_is_rebuilt(tmp_path):
    """After each of 20 kills at random moments the store lists every recording once and whole, as a rebuilt catalog does."""
    run_of_kills(tmp_path, 20)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_store_outlives_a_thousand_kills_while_its_catalog_is_rebuilt(tmp_path):
    """The same a thousand times."""
    run_of_kills(tmp_path, 1000)
