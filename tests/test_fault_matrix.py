"""
P9: whichever system call fails, and however, nothing accepted is lost in silence and nothing good is spoilt.

Each test runs one piece of work again and again and lets its first, second, … N-th system call fail, until a run
needs fewer calls than that. `recordkit.container.files` is given another ``os``; nothing else notices.
"""

import errno
import itertools
import os
import threading
from contextlib import suppress

import pytest

from recorded import eventually, gaps_of
from recordings import QuickFiles, flat, open_name, read, recording_bytes, sealed_name, session
from recordkit import Recorder, State, open_recording, open_store
from recordkit.clock import ManualClock
from recordkit.container import RecordingWriter, seal
from recordkit.errors import DuplicateSessionError, FormatError, RecordingWriteError
from recordkit.store.paths import open_path, sealed_path
from recordkit.store.recovery import recover
from store_recordings import write_open

CALLS = frozenset({"open", "pwrite", "fsync", "link", "replace", "truncate", "close"})
READS = frozenset({"open", "pread", "fstat"})
FAULTS = {
    "full": errno.ENOSPC,
    "broken": errno.EIO,
    "interrupted": errno.EINTR,
    "short": errno.ENOSPC,
    "quota": errno.EDQUOT,
}
SIDS = ("307b49d6-56c7-4d20-8cf0-5bc5348a7101", "307b49d6-56c7-4d20-8cf0-5bc5348a7102")


class FaultyOs:
    """
    The module ``os``, of which some calls fail.

    Args:
        at: Number, from 0, of the call that fails first; None: none does.
        fault: Name in `FAULTS`; ``short`` writes a half, and fails when the rest is to be written.
        times: How many calls fail from there on.
        calls: Which are counted.
    """

    def __init__(self, at, fault, *, times=1, calls=CALLS):
        self._at = at
        self._fault = fault
        self._times = times
        self._calls = calls
        self._lock = threading.Lock()
        self._half = False
        self.count = 0
        self.failed = []

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in self._calls:
            return real
        return lambda *args, **options: self._call(name, real, args, options)

    def heal(self):
        self._at = None

    def _call(self, name, real, args, options):
        with self._lock:
            number = self.count
            self.count += 1
            at = self._at
            fails = at is not None and (at <= number < at + self._times or self._half)
            if fails:
                self.failed.append(name)
                short = self._fault == "short" and name == "pwrite" and not self._half
                self._half = short
        if not fails:
            return None if name == "fsync" else real(*args, **options)
        if short:
            descriptor, data, offset = args
            return os.pwrite(descriptor, bytes(data)[: len(data) // 2], offset)
        if name == "close":  # the descriptor is gone whatever close says
            real(*args)
        raise OSError(FAULTS[self._fault], os.strerror(FAULTS[self._fault]))


def runs(monkeypatch, fault, *, times=1, where="recordkit.container.files.os", calls=CALLS, first=0, step=1):
    """
    Yield an ``os`` for each run: the first fails at its first call (or *first*), and so on until all calls work.
    """
    for at in itertools.count(first, step):
        faulty = FaultyOs(at, fault, times=times, calls=calls)
        monkeypatch.setattr(where, faulty)
        yield faulty
        if not faulty.failed:
            assert at > 3
            return
        assert at < 2000


def numbers(events):
    """
    The numbers of the statements among *events*.
    """
    return [int(event["db_query"].split(":")[0]) for event in events if "db_query" in event]


# ---------------------------------------------------------------- recording, end to end


class Told:
    """
    What a proxy knows of one session: what was taken, and whether it was told of a loss.
    """

    def __init__(self, session_):
        self.session = session_
        self.accepted = []
        self.failures = []


def record(root, told, **options):
    """
    Record two sessions, and note down what their caller is told.
    """
    with Recorder(root, chunk_bytes=4096, flush_interval_s=0.4, **options) as recorder:
        for sid in SIDS:
            told.append(Told(recorder.session(sid=sid, start=False)))
        for n in range(8):
            for one in told:
                try:
                    one.session.query(f"{n}:" + "x" * (n * 97))
                    one.accepted.append(n)
                    if n % 2:
                        one.session.flush(sync=n == 5)
                except RecordingWriteError as error:
                    assert isinstance(error.__cause__, OSError)
                    one.failures.append(error)
                if one.session.stats.accepted > len(one.accepted) and n not in one.accepted:
                    one.accepted.append(n)  # taken, though the call told of something earlier
        for one in told:
            try:
                one.session.close(interrupted=True)
            except RecordingWriteError as error:
                one.failures.append(error)


@pytest.mark.parametrize("times", [1, 10_000], ids=["once", "for good"])
@pytest.mark.parametrize("fault", ["broken", "short"])
@pytest.mark.parametrize("on_error", ["strict", "best_effort"])
def test_recording_with_calls_failing(tmp_path, monkeypatch, on_error, fault, times):
    """
    What was accepted is in the recording, or named by a gap event, or its loss was told by an exception; counts agree.
    """
    first, step = (len(on_error) % 4, 4) if times == 1 else (len(fault), 12)
    recording_runs(tmp_path, on_error, times, runs(monkeypatch, fault, times=times, first=first, step=step))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("times", [1, 2, 3, 4, 5, 10_000])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("on_error", ["strict", "best_effort"])
def test_recording_with_every_call_failing(tmp_path, monkeypatch, on_error, fault, times):
    """
    The same for each N, each fault, and one to all calls from there on.
    """
    recording_runs(tmp_path, on_error, times, runs(monkeypatch, fault, times=times))


def recording_runs(tmp_path, on_error, times, faulty_runs):
    """
    Record once for each run, and hold what is found against what was told.
    """
    for number, faulty in enumerate(faulty_runs):
        root, told = tmp_path / f"{number}", []
        overflow = "drop" if number % 2 else "block"
        with suppress(OSError, RecordingWriteError):  # the store can't be made, or not be closed
            record(root, told, on_error=on_error, overflow=overflow)
        faulty.heal()
        if not told:
            continue
        assert recover(root).problems == ()
        with open_store(root) as store:
            for one in told:
                check(store, one, on_error, for_good=times > 5)
        assert list((root / "open").iterdir()) == []


def check(store, one, on_error, *, for_good):
    """
    What was accepted and is not there was told of, and the recording's own counts say the same.
    """
    sid, stats = one.session.sid, one.session.stats
    if sid not in store:
        assert one.failures or not one.accepted or on_error == "best_effort"
        assert stats.lost >= len(one.accepted)
        return
    with store[sid] as recording:
        events, summary = list(recording.events()), recording.summary
    there = numbers(events)
    missing = [n for n in one.accepted if n not in there]
    assert there == [n for n in one.accepted if n in there], "in order, once, and nothing else"
    assert summary.events == len(events)
    if for_good:  # what a write has left, and no truncate could take away, is found although it was told as lost
        assert stats.lost >= len(missing)
        assert stats.written <= len(events)
    else:
        assert stats.lost == len(missing)
        assert stats.written == len(events)
    assert summary.state is State.INTERRUPTED
    named = [ei for first, last, _ in gaps_of(events) for ei in range(first, last + 1)]
    if missing:
        assert one.failures or sorted(named) == sorted(missing)
    assert summary.lost == sum(count for _, _, count in gaps_of(events))
    assert on_error == "best_effort" or not named


# ---------------------------------------------------------------- writer, sealing, recovery, reindexing


@pytest.mark.parametrize("fault", FAULTS)
def test_writing_with_any_call_failing(tmp_path, monkeypatch, fault):
    """
    After each refused write the file is a whole recording up to some chunk, and the same write may be tried again.
    """
    from recordings import count, lines_of
    from recordkit.container.files import OsFiles
    from recordkit.container.frames import Compressor

    chunks = session(3, 2)
    for number, _ in enumerate(runs(monkeypatch, fault)):
        path = tmp_path / f"{number}.jsonl.zst.open"
        writer = RecordingWriter(path, sid=SIDS[0], owner="0f" * 16, created_ns=0, attributes={}, files=OsFiles())
        for _ in range(3):
            with suppress(OSError):
                writer.create()
                break
        for chunk in chunks:
            for attempt in range(3):
                try:
                    writer.append(lines_of(chunk), count(chunk), Compressor())
                    break
                except OSError:
                    assert attempt < 2
        with suppress(OSError):
            writer.sync()
        assert read(path, live=False).events == flat(chunks)


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20], ids=["index appended", "chunks joined"])
@pytest.mark.parametrize("fault", FAULTS)
def test_sealing_with_any_call_failing(tmp_path, monkeypatch, fault, chunk_bytes):
    """
    One file holds the recording whatever fails, and sealing it again gives what sealing without a fault gives.
    """
    chunks = session(4, 2)
    for number, faulty in enumerate(runs(monkeypatch, fault)):
        root = tmp_path / f"{number}"
        root.mkdir()
        path, target = root / open_name(), root / "01" / sealed_name()
        path.write_bytes(recording_bytes(chunks, sealed=False) + b"torn tail")
        with suppress(OSError):
            seal(path, target, chunk_bytes=chunk_bytes)
        faulty.heal()
        if not target.exists():
            assert read(path, mode="salvage", live=False).events == flat(chunks)
            seal(path, target, chunk_bytes=chunk_bytes)
        found = read(target)
        assert (found.events, found.error, found.state) == (flat(chunks), None, State.COMPLETE)
        assert [one for one in root.rglob("*") if one.is_file()] == [target]


@pytest.mark.parametrize(("fault", "times"), [("full", 10_000), ("broken", 1)], ids=["full for good", "broken once"])
def test_reindexing_with_any_call_failing(tmp_path, monkeypatch, fault, times):
    """
    What dead recorders left is sealed or named as a problem, and the next reindexing, on a sound disk, ends the work.
    """
    for number, faulty in enumerate(runs(monkeypatch, fault, times=times)):
        faulty.heal()
        root = tmp_path / f"{number}"
        for sid in SIDS:
            write_open(root, sid, chunks=3, ended=True)
        faulty._at = faulty.count + number
        with open_store(root) as store:
            report = store.reindex()
            assert len(report.sealed) + len(report.problems) == len(SIDS)
            faulty.heal()
            assert store.reindex().problems == ()
            assert sorted(summary.sid for summary in store.list()) == sorted(SIDS)
            for sid in SIDS:
                with store[sid] as recording:
                    assert len(list(recording.events())) == 6
        assert list((root / "open").iterdir()) == []


# ---------------------------------------------------------------- reading


def test_reading_with_any_call_failing(tmp_path, monkeypatch):
    """
    A disk that can't be read is the system's error, after events that are right; none is left out in silence.
    """
    path = tmp_path / sealed_name()
    path.write_bytes(recording_bytes(session(3, 2), sealed=True))
    for mode in ("strict", "tail", "salvage"):
        for _ in runs(monkeypatch, "broken", where="recordkit.container.source.os", calls=READS):
            events = []
            try:
                with open_recording(path, mode=mode) as recording:
                    for event in recording.events():
                        events.append(event)  # noqa: PERF402 -- what came before the error counts
            except OSError as error:
                assert error.errno == errno.EIO
            except FormatError:
                raise AssertionError("a failing disk was taken for damage") from None
            else:
                assert events == flat(session(3, 2))  # nothing failed, or not when it was tried again
            assert events == flat(session(3, 2))[: len(events)]


def test_a_disk_that_reads_a_byte_at_a_time_changes_nothing(tmp_path, monkeypatch):
    """
    Short reads are gone on with.
    """

    class Slow:
        def __getattr__(self, name):
            return getattr(os, name)

        def pread(self, descriptor, size, offset):
            return os.pread(descriptor, min(size, 1 + offset % 3), offset)

    path = tmp_path / sealed_name()
    path.write_bytes(recording_bytes(session(3, 2), sealed=True))
    monkeypatch.setattr("recordkit.container.source.os", Slow())
    found = read(path)
    assert (found.events, found.error) == (flat(session(3, 2)), None)


# ---------------------------------------------------------------- the catalog


@pytest.mark.parametrize("state", ["full", "read-only", "locked", "garbage", "gone"])
def test_recording_goes_on_whatever_the_catalog_is(tmp_path, monkeypatch, state):
    """
    A catalog that is full, locked, damaged or can't be written costs no event and no row of a list.
    """
    import sqlite3

    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        recorder.session(sid=SIDS[0]).close()
    catalog = tmp_path / "catalog.sqlite"
    holder = None
    if state == "full":
        from recordkit.store import catalog as module

        connect = module._connect

        def full(database, busy_timeout_s):
            connection = connect(database, busy_timeout_s)
            if database:
                connection.execute("PRAGMA max_page_count = 1")
            return connection

        monkeypatch.setattr(module, "_connect", full)
    elif state == "locked":
        monkeypatch.setattr("recordkit.store.catalog_file.BUSY_TIMEOUT_S", 0.0)
        holder = sqlite3.connect(catalog, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    elif state == "garbage":
        catalog.write_bytes(b"x" * 8192)
    elif state == "gone":
        catalog.unlink()
    else:
        catalog.chmod(0o400)
    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        with recorder.session(sid=SIDS[1]) as session_:
            for n in range(300):
                session_.query(f"{n}:")
    if holder is not None:
        holder.close()
    with open_store(tmp_path) as store:
        assert sorted(summary.sid for summary in store.list()) == sorted(SIDS)
        with store[SIDS[1]] as recording:
            assert numbers(recording.events()) == list(range(300))


# ---------------------------------------------------------------- several at once, and a clock that jumps back


def test_two_recorders_on_one_store_keep_out_of_each_others_way(tmp_path):
    """
    Sessions of two recorders are all there, one sid is recorded by one of them, and neither seals the other's.
    """
    with Recorder(tmp_path, files=QuickFiles()) as one, Recorder(tmp_path, files=QuickFiles()) as other:
        kept = one.session(sid=SIDS[0], start=False)
        kept.query("0:")
        kept.flush()
        with pytest.raises(DuplicateSessionError):
            other.session(sid=SIDS[0])
        made = []

        def work(recorder):
            for _ in range(15):
                with recorder.session(start=False) as session_:
                    for n in range(20):
                        session_.query(f"{n}:")
                made.append(session_.sid)

        threads = [threading.Thread(target=work, args=(recorder,)) for recorder in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with Recorder(tmp_path, files=QuickFiles()), open_store(tmp_path) as store:
            assert store.reindex().problems == ()
            assert open_path(tmp_path, SIDS[0]).exists(), "a live recorder's file was sealed by another"
        kept.query("1:")
        kept.close()
    with open_store(tmp_path) as store:
        assert len(made) == 30
        assert {summary.sid for summary in store.list()} == {*made, SIDS[0]}
        for sid in made:
            with store[sid] as recording:
                assert numbers(recording.events()) == list(range(20))
        with store[SIDS[0]] as recording:
            assert numbers(recording.events()) == [0, 1]


def test_a_clock_that_jumps_back_loses_and_reorders_nothing(tmp_path):
    """
    Where the wall clock falls by an hour in the middle, events stay in their order, with the times that they had.
    """
    clock = ManualClock(1_784_548_800_000_000_000)
    with Recorder(tmp_path, files=QuickFiles(), clock=clock, chunk_bytes=4096) as recorder:
        with recorder.session(sid=SIDS[0]) as session_:
            for n in range(40):
                session_.query(f"{n}:")
                clock.set_time_ns(clock.time_ns() + (-3_600_000_000_000 if n == 20 else 1_000_000_000))
                if n % 7 == 0:
                    session_.flush()
    eventually(lambda: sealed_path(tmp_path, SIDS[0]).exists())
    with open_store(tmp_path) as store, store[SIDS[0]] as recording:
        events = list(recording.events())
        assert numbers(events) == list(range(40))
        assert [event["ei"] for event in events] == list(range(len(events)))
        times = [event["time"] for event in events if "db_query" in event]
        assert times[20] > times[21]
        assert times[21:] == sorted(times[21:])
        assert recording.summary.start_ns < 1_784_548_800_000_000_000
        for start_ei in (5, 21, 25):
            assert numbers(recording.events(start_ei=start_ei))[0] == start_ei - 1
