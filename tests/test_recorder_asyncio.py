import asyncio
import threading

import pytest

from faults import FaultyFiles, GatedFiles, QuickFiles
from recorded import events_of, eventually, summary_of
from recordkit import Recorder, State
from recordkit.errors import ClosedError, RecordingWriteError

KIB = 1024


def fill(session, recorder):
    """
    Record until the memory budget has no room; return how many statements that took.
    """
    count = 0
    while recorder.has_room:
        session.query("x" * 1000)
        count += 1
    return count


async def ticks(count):
    """
    Let the loop turn *count* times.
    """
    for _ in range(count):
        await asyncio.sleep(0)


def test_async_with_is_a_whole_session(tmp_path):
    """A session used from asyncio code is recorded like any other, and sealed when `async with` ends."""

    async def proxy():
        async with recorder.session(user="alice") as session:
            session.query("SELECT 1")
            await session.aflush()
            assert session.stats.written == 2
            await session.aflush(sync=True)
            await session.room()
            session.result(affected_records=1)
        return session

    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        session = asyncio.run(proxy())
        assert [event["event"].rpartition(".")[2] for event in events_of(tmp_path, session.sid)] == [
            "start",
            "query",
            "result",
            "end",
        ]
        assert summary_of(tmp_path, session.sid).state is State.COMPLETE


@pytest.mark.parametrize("cancelled", [False, True])
def test_left_by_an_exception_or_cancelled_it_is_interrupted(tmp_path, cancelled):
    """A task that fails or is cancelled leaves an interrupted session with all that it recorded."""
    sids = []

    async def client():
        async with recorder.session() as session:
            sids.append(session.sid)
            session.query("SELECT 1")
            if not cancelled:
                raise ConnectionResetError
            await asyncio.Event().wait()

    async def proxy():
        task = asyncio.create_task(client())
        await ticks(5)
        task.cancel()
        with pytest.raises((ConnectionResetError, asyncio.CancelledError)):
            await task

    with Recorder(tmp_path, files=QuickFiles()) as recorder:
        asyncio.run(proxy())
    assert len(events_of(tmp_path, sids[0])) == 2
    assert summary_of(tmp_path, sids[0]).state is State.INTERRUPTED


def test_calls_never_wait_for_the_disk_while_there_is_room(tmp_path):
    """While the disk stands still, a hundred sessions record and begin and end on the loop, which goes on turning."""
    files = GatedFiles()

    async def client(n):
        session = recorder.session(user=f"user{n}")
        for k in range(50):
            session.query(f"SELECT {k}")
            session.result(affected_records=k)
            session.emit({"event": "x", "n": k})
            await session.room()
            await asyncio.sleep(0)
        session.close(wait=False)
        return session

    async def proxy():
        return await asyncio.gather(*(client(n) for n in range(100)))

    with Recorder(tmp_path, files=files, flush_interval_s=0.04, chunk_bytes=4096) as recorder:
        files.shut()
        sessions = asyncio.run(proxy())  # would hang here
        assert files.waiting.is_set()
        assert sum(session.stats.written for session in sessions) == 0
        files.open()
    for session in sessions:
        assert len(events_of(tmp_path, session.sid)) == 152


def test_room_waits_without_holding_the_loop(tmp_path):
    """Without room `room` waits, the loop goes on, and it returns once the disk has taken something."""
    files = GatedFiles()

    async def proxy():
        session = recorder.session(start=False)
        count = fill(session, recorder)
        waiting = asyncio.create_task(session.room())
        await ticks(200)
        assert not waiting.done()
        files.open()
        await waiting
        assert recorder.has_room
        await session.aclose()
        assert session.stats.written == count
        return session.stats.slow

    with Recorder(tmp_path, files=files, memory_budget=64 * KIB) as recorder:
        files.shut()
        assert asyncio.run(proxy()) == 0


def test_waiting_for_room_takes_no_threads(tmp_path):
    """However many sessions wait for room, other work that asyncio does in threads goes on."""
    files = GatedFiles()

    async def proxy():
        sessions = [recorder.session(start=False) for _ in range(200)]
        fill(sessions[0], recorder)
        waiting = [asyncio.create_task(session.room()) for session in sessions]
        await ticks(5)
        assert await asyncio.to_thread(lambda: 5) == 5  # would hang here
        assert not any(task.done() for task in waiting)
        threads = threading.active_count()
        files.open()
        await asyncio.gather(*waiting)
        return threads

    before = threading.active_count()
    with Recorder(tmp_path, files=files, memory_budget=64 * KIB) as recorder:
        files.shut()
        assert asyncio.run(proxy()) <= before + 4


def test_room_returns_for_an_error_to_be_told(tmp_path):
    """On a full disk `room` does not wait for ever: it returns, and the next call raises."""
    files = FaultyFiles()

    async def proxy():
        session = recorder.session(start=False)
        files.fail("N")
        told = 0
        for _ in range(1000):
            await session.room()
            try:
                session.query("x" * 1000)
            except RecordingWriteError:
                told += 1
                if told == 5:
                    break
        files.heal()
        await session.aflush()
        await session.aclose()
        return told

    with Recorder(tmp_path, files=files, memory_budget=64 * KIB, flush_interval_s=0.04) as recorder:
        assert asyncio.run(proxy()) == 5


def test_room_of_a_closed_session_returns(tmp_path):
    """Whoever waits for room when the session is closed, or asks after, comes back."""
    files = GatedFiles()

    async def proxy():
        full, session = recorder.session(start=False), recorder.session(start=False)
        fill(full, recorder)
        waiting = asyncio.create_task(session.room())
        await ticks(5)
        session.close(wait=False)
        await session.room()
        files.open()
        await waiting
        with pytest.raises(ClosedError):
            session.query("SELECT 1")
        await full.room()

    with Recorder(tmp_path, files=files, memory_budget=64 * KIB) as recorder:
        files.shut()
        asyncio.run(proxy())


def test_a_cancelled_wait_and_a_loop_that_is_gone_harm_nobody(tmp_path):
    """Who gives up waiting for room, even with the loop itself, leaves the recorder as it was."""
    files = GatedFiles()

    async def give_up(session):
        waiting = asyncio.create_task(session.room())
        await ticks(5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def wait(session):
        await session.room()
        session.query("SELECT 1")
        await session.aclose()

    with Recorder(tmp_path, files=files, memory_budget=64 * KIB) as recorder:
        files.shut()
        session = recorder.session(start=False)
        count = fill(session, recorder)
        asyncio.run(give_up(session))
        files.open()
        asyncio.run(wait(session))
    assert len(events_of(tmp_path, session.sid)) == count + 1


def test_errors_come_out_of_the_awaiting_call(tmp_path):
    """A refused write is raised where the flush or the close is awaited."""
    files = FaultyFiles()

    async def proxy():
        session = recorder.session()
        files.fail("N")
        with pytest.raises(RecordingWriteError):
            await session.aflush()
        with pytest.raises(RecordingWriteError, match="2 events are lost"):
            await session.aclose()
        with pytest.raises(ClosedError):
            await session.aflush()

    with Recorder(tmp_path, files=files) as recorder:
        asyncio.run(proxy())


def test_many_clients_on_one_loop(tmp_path):
    """Three hundred clients on one loop, more than the budget holds: nothing is lost, each session is in order."""

    async def client(n):
        async with recorder.session(user=f"user{n}") as session:
            for k in range(60):
                session.query(f"{k}:" + "x" * 300)
                await session.room()
                await asyncio.sleep(0)
        return session.sid

    async def proxy():
        return await asyncio.gather(*(client(n) for n in range(300)))

    with Recorder(tmp_path, files=QuickFiles(), memory_budget=512 * KIB) as recorder:
        sids = asyncio.run(proxy())
    for sid in sids:
        events = events_of(tmp_path, sid)
        assert [int(event["db_query"].split(":")[0]) for event in events if "db_query" in event] == list(range(60))
        assert [event["ei"] for event in events] == list(range(62))
    eventually(lambda: not list((tmp_path / "open").iterdir()))
