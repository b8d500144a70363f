import contextlib
import threading
from io import BytesIO

import pytest

from faults import GatedFiles
from recorded import events_of, eventually, summary_of
from recordkit import Recorder
from recordkit.container.frames import Compressor, Decompressor
from recordkit.errors import RecordingWriteError
from recordkit.recorder.pending import SpareCompressor


def opened(frame: bytes, size: int) -> bytes:
    return Decompressor().raw(frame, raw_size=size, max_raw_size=size)


# ------------------------------------------------------------------ compressing beside the writer's thread


def test_a_spare_compressor_takes_what_is_in_the_buffer_and_no_more():
    """What an earlier use has left behind the lines is not compressed with them, and the buffer can be written on."""
    buffer = BytesIO(b"lines\n" + b"left" * 100)
    assert opened(SpareCompressor().frame(buffer, 6), 6) == b"lines\n"
    buffer.seek(6)
    buffer.write(b"x" * 1000)


def test_a_spare_compressor_that_is_in_use_does_not_wait(monkeypatch):
    """While one call compresses, others leave theirs to the writer's thread."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(self, raw):
        begun.set()
        go_on.wait(30)
        return b"done"

    spare, made = SpareCompressor(), []
    monkeypatch.setattr(Compressor, "frame", slow)
    thread = threading.Thread(target=lambda: made.append(spare.frame(BytesIO(b"a\n"), 2)))
    thread.start()
    begun.wait(30)
    assert spare.frame(BytesIO(b"b\n"), 2) is None
    go_on.set()
    thread.join()
    assert made == [b"done"]


def test_a_spare_compressor_without_memory_leaves_it(monkeypatch):
    """What can't be compressed in a call is no error of that call."""

    def no_memory(self, raw):
        raise MemoryError

    spare = SpareCompressor()
    with monkeypatch.context() as patched:
        patched.setattr(Compressor, "frame", no_memory)
        assert spare.frame(BytesIO(b"a\n"), 2) is None
    assert opened(spare.frame(BytesIO(b"a\n"), 2), 2) == b"a\n"


def test_calls_compress_what_a_slow_writer_leaves(tmp_path):
    """Behind a writer that does not keep up, calls compress; the recording is the same, and no memory stays counted."""
    files = GatedFiles()
    statements = [f"SELECT {number}, {'x' * 500}" for number in range(400)]
    with Recorder(tmp_path, files=files, chunk_bytes=4096) as recorder, recorder.session() as session:
        session.flush()
        files.shut()
        for sql in statements:
            session.query(sql)
        eventually(lambda: any(draft.frame for draft in session.backlog.drafts))
        with session.backlog.lock:
            ready = [draft.frame is not None for draft in session.backlog.drafts]
            held = sum(draft.held for draft in session.backlog.drafts)
        assert ready.index(True) >= 16, "it compresses before the writer has had its turn"
        assert recorder._budget.held >= held
        files.open()
        session.flush()
        eventually(lambda: recorder._budget.held == 0)
    events = events_of(tmp_path, session.sid)
    assert [event["db_query"] for event in events if "db_query" in event] == statements
    assert [event["ei"] for event in events] == list(range(len(events)))
    assert summary_of(tmp_path, session.sid).queries == len(statements)


@pytest.mark.parametrize("on_error", ["strict", "best_effort"])
def test_what_calls_compressed_may_be_refused_like_all_else(tmp_path, on_error):
    """A disk that refuses drafts with ready frames loses nothing (strict), or what a gap event says (best_effort)."""

    class Refusing(GatedFiles):
        refuses = False

        def append(self, path, data, *, offset):
            super()._pass()
            if self.refuses:
                raise OSError(28, "No space left on device")
            super().append(path, data, offset=offset)

    files = Refusing()
    with Recorder(tmp_path, files=files, chunk_bytes=4096, on_error=on_error) as recorder:
        session = recorder.session()
        session.flush()
        files.shut()
        for number in range(400):
            session.query(f"SELECT {number}, {'x' * 500}")
        assert any(draft.frame for draft in session.backlog.drafts)
        files.refuses = True
        files.open()
        with contextlib.nullcontext() if on_error == "best_effort" else pytest.raises(RecordingWriteError):
            session.flush()
        files.refuses = False
        session.close()
    events = events_of(tmp_path, session.sid)
    lost = sum(event["count"] for event in events if event["event"] == "recordkit.gap")
    assert sum("db_query" in event for event in events) + lost == 400
    assert session.stats.lost == lost
    assert (lost == 0) == (on_error == "strict")
