import gc
import os
import subprocess
import sys

import pytest

from recordkit.store.owners import alive, claim, take
from recordkit.store.paths import create_store, owner_path

OWNER = "0123456789abcdef" * 2

HOLDER = """
import sys
from pathlib import Path
from recordkit.store.owners import take
lock = take(Path(sys.argv[1]), sys.argv[2])
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path):
    create_store(tmp_path)
    return tmp_path


def test_a_living_owner_can_not_be_claimed(root):
    """While a recorder holds its lock it counts as alive, also within the same process."""
    with take(root, OWNER):
        assert alive(root, OWNER)
        assert claim(root, OWNER) is None
    assert not alive(root, OWNER)


def test_a_released_lock_leaves_no_file(root):
    """The lock file is gone with its owner, and a second release does nothing."""
    lock = take(root, OWNER)
    assert owner_path(root, OWNER).exists()
    assert lock.held
    lock.release()
    lock.release()
    assert not lock.held
    assert not owner_path(root, OWNER).exists()


def test_an_owner_without_a_lock_file_is_dead_and_can_be_claimed_once(root):
    """A recording copied here by hand has an owner that never had a lock in this store."""
    assert not alive(root, OWNER)
    with claim(root, OWNER) as lock:
        assert lock is not None
        assert claim(root, OWNER) is None
        assert alive(root, OWNER)  # being sealed: not for others to touch
    assert claim(root, OWNER).release() is None


def test_looking_whether_an_owner_lives_leaves_no_trace(root):
    """Asking neither makes a lock file nor keeps it locked."""
    assert not alive(root, OWNER)
    assert not owner_path(root, OWNER).exists()
    owner_path(root, OWNER).touch()
    assert not alive(root, OWNER)
    take(root, OWNER).release()


def test_the_lock_of_a_killed_process_can_be_claimed(root):
    """kill -9 lets go of the lock and leaves the file, which a claim takes over and removes."""
    arguments = [sys.executable, "-c", HOLDER, str(root), OWNER]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"taken\n"
        assert alive(root, OWNER)
        assert claim(root, OWNER) is None
        process.kill()
        process.wait()
        assert owner_path(root, OWNER).exists()
        assert not alive(root, OWNER)
        claim(root, OWNER).release()
    assert not owner_path(root, OWNER).exists()


def test_a_forked_child_neither_keeps_nor_loses_its_parents_lock(root):
    """The child's copy is closed when it is made: the parent's lock holds, and ends with the parent's release."""
    lock = take(root, OWNER)
    asking, told = os.pipe()
    waiting, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(told, b"1" if not lock.held and alive(root, OWNER) else b"0")
        lock.release()  # must not remove the parent's file
        os.read(waiting, 1)
        os._exit(0)
    try:
        assert os.read(asking, 1) == b"1"
        assert alive(root, OWNER)
        assert owner_path(root, OWNER).exists()
        lock.release()
        assert not alive(root, OWNER)  # though the child lives
    finally:
        os.write(go, b"x")
        os.waitpid(child, 0)
        for descriptor in (asking, told, waiting, go):
            os.close(descriptor)


def test_a_lock_file_that_was_replaced_is_not_removed(root):
    """Releasing removes only the file that was locked."""
    lock = take(root, OWNER)
    path = owner_path(root, OWNER)
    path.unlink()
    path.touch()
    lock.release()
    assert path.exists()


def test_locks_that_are_gone_are_not_kept_in_memory(root):
    """The list of locks for forking holds none that nobody else holds."""
    from recordkit.store import owners

    gc.collect()  # what other tests have left
    before = len(owners._held)
    take(root, OWNER).release()
    gc.collect()
    assert len(owners._held) == before
