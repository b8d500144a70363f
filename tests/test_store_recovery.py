import multiprocessing

import pytest

from recordkit.container import State, open_recording, seal
from recordkit.errors import TruncatedError
from recordkit.store import recovery as module
from recordkit.store.owners import claim, take
from recordkit.store.paths import open_path, open_sids, owner_path, owners, sealed_path
from recordkit.store.recovery import Recovery, recover
from store_recordings import DEAD, QuickFiles, cold_clock, hot_clock, scan, sid_with, write_open, write_sealed

ALIVE = "a11fe" + "0" * 27


def quick_seal(source, target):
    return seal(source, target, files=QuickFiles())


def test_what_a_dead_recorder_left_is_sealed_as_interrupted(tmp_path):
    """Every recording of a dead owner becomes a sealed one with the same events, and no lock file stays."""
    sids = sorted(write_open(tmp_path, events=number) for number in range(1, 6))
    owner_path(tmp_path, DEAD).touch()
    assert recover(tmp_path) == Recovery(sealed=tuple(sids))
    assert (open_sids(tmp_path), owners(tmp_path)) == ([], [])
    for summary in scan(tmp_path):
        assert summary.state is State.INTERRUPTED
        with open_recording(sealed_path(tmp_path, summary.sid)) as recording:
            assert len(list(recording.events())) == summary.events
    assert recover(tmp_path) == Recovery()


def test_the_recordings_of_a_living_recorder_are_left_alone(tmp_path):
    """Its lock keeps every recovery off, also one within its own process."""
    with take_store(tmp_path, ALIVE):
        living = write_open(tmp_path, owner=ALIVE)
        dead = write_open(tmp_path)
        assert recover(tmp_path).sealed == (dead,)
        assert open_sids(tmp_path) == [living]
        assert owners(tmp_path) == [ALIVE]
    assert recover(tmp_path).sealed == (living,)


def take_store(root, owner):
    (root / "open").mkdir(exist_ok=True)
    return take(root, owner)


def test_lock_files_of_the_dead_are_removed_though_they_left_nothing(tmp_path):
    """A recorder that died idle leaves only its lock file."""
    (tmp_path / "open").mkdir()
    for owner in (DEAD, "1" * 32):
        owner_path(tmp_path, owner).touch()
    assert recover(tmp_path) == Recovery()
    assert list((tmp_path / "open").iterdir()) == []


def test_a_store_without_anything_open_has_nothing_to_recover(tmp_path):
    """Also one that has never been written to."""
    assert recover(tmp_path) == Recovery()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_tail_is_cut_off(tmp_path):
    """kill -9 in the middle of a write leaves part of a chunk: what is before it is sealed."""
    sid = write_open(tmp_path, events=3)
    with open_path(tmp_path, sid).open("ab") as file:
        file.write(b"\x50\x2a\x4d\x18half a chunk")
    assert recover(tmp_path).sealed == (sid,)
    with open_recording(sealed_path(tmp_path, sid)) as recording:
        assert len(list(recording.events())) == 3


def test_a_recording_damaged_in_the_middle_is_left_as_it_is_and_named(tmp_path):
    """Damage is for somebody to look at; sealing the others goes on."""
    sid, good = write_open(tmp_path, chunks=3), write_open(tmp_path)
    path = open_path(tmp_path, sid)
    with open_recording(path) as recording:
        _, second, _ = recording.chunks()
    damaged = bytearray(path.read_bytes())
    damaged[second.offset - 5] ^= 1  # in the first chunk
    path.write_bytes(damaged)
    result = recover(tmp_path)
    assert result.sealed == (good,)
    (problem,) = result.problems
    assert problem.path == path
    assert path.read_bytes() == damaged
    assert not sealed_path(tmp_path, sid).exists()


def test_a_file_without_a_sound_header_is_named(tmp_path):
    """Whose it is can't be told, so nobody seals it."""
    (tmp_path / "open").mkdir()
    path = open_path(tmp_path, sid_with())
    path.write_bytes(b"")
    (problem,) = recover(tmp_path, now_ns=cold_clock().time_ns).problems
    assert problem.path == path
    assert path.exists()


def test_a_file_whose_header_is_just_being_written_is_no_problem(tmp_path):
    """A living recorder makes the file and then writes the header: for a moment it is empty."""
    (tmp_path / "open").mkdir()
    open_path(tmp_path, sid_with()).write_bytes(b"")
    assert recover(tmp_path, now_ns=hot_clock().time_ns) == Recovery()


def test_a_sealed_recording_is_never_overwritten(tmp_path):
    """If both exist, somebody has to decide; both stay."""
    sid = write_sealed(tmp_path, user="sealed")
    write_open(tmp_path, sid, user="open")
    (problem,) = recover(tmp_path).problems
    assert problem.path == open_path(tmp_path, sid)
    assert str(sealed_path(tmp_path, sid)) in problem.what
    assert [summary.user for summary in scan(tmp_path)] == ["sealed"]


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (OSError(28, "No space left on device"), True),
        (TruncatedError("short"), True),
        (FileNotFoundError(2, "gone"), False),
    ],
)
def test_a_seal_that_fails_stops_none_of_the_others(tmp_path, error, named):
    """What the disk or the file refuses is named and tried again the next time; a file that is gone was sealed."""
    first, second = sorted(write_open(tmp_path) for _ in range(2))

    def failing(source, target):
        if first in source.name:
            raise error
        quick_seal(source, target)

    result = recover(tmp_path, seal=failing)
    assert result.sealed == (second,)
    assert [problem.path for problem in result.problems] == ([open_path(tmp_path, first)] if named else [])
    assert recover(tmp_path).sealed == (first,)


def test_a_recording_sealed_or_begun_anew_before_the_claim_is_not_touched(tmp_path, monkeypatch):
    """Between looking and locking another process may have sealed it, and a living one begun the session again."""
    sealed, anew = sorted(write_open(tmp_path) for _ in range(2))

    def claim_late(root, owner):
        if not sealed_path(root, sealed).exists():
            quick_seal(open_path(root, sealed), sealed_path(root, sealed))
            open_path(root, anew).unlink()
            write_open(root, anew, owner=ALIVE)
        return claim(root, owner)

    monkeypatch.setattr(module, "claim", claim_late)
    with take_store(tmp_path, ALIVE):
        assert recover(tmp_path) == Recovery()
    assert open_sids(tmp_path) == [anew]


def recover_in_a_process(root, start, results):
    start.wait()
    results.put(recover(root))


def test_two_recoveries_at_once_seal_each_recording_once(tmp_path):
    """Between them several processes seal everything, none twice, none with an error."""
    sids = sorted(write_open(tmp_path, owner=f"{number % 7:032x}") for number in range(60))
    spawn = multiprocessing.get_context("spawn")
    start, results = spawn.Event(), spawn.Queue()
    processes = [spawn.Process(target=recover_in_a_process, args=(tmp_path, start, results)) for _ in range(3)]
    for process in processes:
        process.start()
    start.set()
    reports = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(sid for report in reports for sid in report.sealed) == sids
    assert [report.problems for report in reports] == [(), (), ()]
    assert list((tmp_path / "open").iterdir()) == []
    results.close()
