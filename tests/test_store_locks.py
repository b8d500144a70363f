import os
import threading

import pytest

from recordkit.store.locks import lock_file, names


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


def test_one_holder_keeps_others_out_until_it_closes(path):
    """An exclusive lock is had once; closing the descriptor lets the next one in."""
    first = lock_file(path)
    assert lock_file(path) is None
    assert lock_file(path, shared=True) is None
    os.close(first)
    second = lock_file(path)
    assert second is not None
    os.close(second)


def test_shared_holders_keep_only_an_exclusive_one_out(path):
    """Several may share, and none is alone meanwhile."""
    held = [lock_file(path, shared=True) for _ in range(3)]
    assert None not in held
    assert lock_file(path, wait_s=0.01) is None
    for descriptor in held:
        os.close(descriptor)


@pytest.mark.parametrize("wait_s", [None, 60.0])
def test_a_waiting_caller_gets_the_lock_when_it_is_let_go(path, wait_s):
    """With a time to wait, the call returns once the holder closes."""
    first = lock_file(path)
    got = []
    waiting = threading.Thread(target=lambda: got.append(lock_file(path, wait_s=wait_s)))
    waiting.start()
    os.close(first)
    waiting.join(60)
    assert got[0] is not None
    os.close(got[0])


def test_a_lock_on_a_removed_file_does_not_count(path):
    """Who waited for a file that was removed meanwhile locks the file that has the name now."""
    first = lock_file(path)
    got = []
    waiting = threading.Thread(target=lambda: got.append(lock_file(path, wait_s=None)))
    waiting.start()
    path.unlink()
    os.close(first)
    waiting.join(60)
    assert names(path, got[0])
    assert lock_file(path) is None
    os.close(got[0])


def test_a_missing_file_is_made_only_if_wanted(path):
    """Without *create* a missing file is an error; with it the file is for its owner alone."""
    with pytest.raises(FileNotFoundError):
        lock_file(path, create=False)
    os.close(lock_file(path))
    assert path.stat().st_mode & 0o077 == 0
    os.close(lock_file(path, create=False))


def test_a_descriptor_is_not_inherited_by_other_programs(path):
    """A program started by this one does not keep the lock."""
    descriptor = lock_file(path)
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_a_file_without_write_permission_can_be_locked(path, monkeypatch):
    """Who may only read takes part in locking all the same."""
    path.touch()
    opened = os.open

    def reading_only(name, flags, *mode):
        if flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return opened(name, flags, *mode)

    monkeypatch.setattr(os, "open", reading_only)
    descriptor = lock_file(path)
    assert lock_file(path) is None
    os.close(descriptor)


def test_a_directory_in_the_place_of_the_file_is_an_error(path):
    """What isn't a matter of permission is not worked around."""
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        lock_file(path)
