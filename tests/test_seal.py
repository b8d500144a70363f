"""
Sealing: from an open recording to a sealed one, by way of nothing that a crash could turn into a loss.
"""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashing_files import CrashingFiles, Died
from recordings import (
    NOON,
    SID,
    MemorySource,
    QuickFiles,
    count,
    flat,
    lines_of,
    open_name,
    parts,
    pieces,
    query,
    read,
    recording_bytes,
    sealed_name,
    session,
    write,
)
from recordkit.container import State, open_recording, seal
from recordkit.container.decoder import Decoder
from recordkit.container.layout import MARK_END, MARK_ORDERED, MARK_START
from recordkit.container.seal import TEMPORARY_SUFFIX
from recordkit.errors import ChainError, ChecksumError, FormatError, TruncatedError
from recordkit.limits import DEFAULT_LIMITS

SESSION = session(5, 2)
ASIS = 1  # chunk_bytes that join nothing


def sealed_in(directory):
    """
    Where the tests seal to: a directory that isn't there yet.
    """
    return directory / "01" / sealed_name()


def seal_in(directory, **options):
    """
    Seal the open recording of this directory.
    """
    return seal(directory / open_name(), sealed_in(directory), files=QuickFiles(), **options)


def files_in(directory):
    """
    The names of all files, wherever they are.
    """
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


# ---------------------------------------------------------------- what comes out


def test_sealing_large_chunks_appends_index_and_seek_table(tmp_path):
    """
    Chunks that are large enough stay as they are; index and seek table are what a sealed recording has.
    """
    write(tmp_path, SESSION, sealed=False)
    summary = seal_in(tmp_path, chunk_bytes=ASIS)
    assert files_in(tmp_path) == [sealed_name()]
    assert sealed_in(tmp_path).read_bytes() == recording_bytes(SESSION, sealed=True)
    with open_recording(sealed_in(tmp_path)) as recording:
        assert recording.summary == summary
        assert recording.sealed
        assert summary.chunks == 5


def test_sealing_joins_tiny_chunks(tmp_path):
    """
    Many small chunks become few, with the same header, lines and counts.
    """
    chunks = [
        [query(0, event="db.session.start")],
        [query(1), query(2, event="db.session.result", success=False)],
        [query(3, event="recordkit.gap", count=4)],
        [query(9)],
        [query(5, event="db.session.end")],
    ]
    before = write(tmp_path, chunks, sealed=False).read_bytes()
    summary = seal_in(tmp_path)
    after = sealed_in(tmp_path).read_bytes()
    assert files_in(tmp_path) == [sealed_name()]
    assert pieces(after)[0] == pieces(before)[0]
    (chunk,) = Decoder(MemorySource(after), DEFAULT_LIMITS).walk()
    expected = count(flat(chunks))
    assert chunk.header.marks == MARK_START | MARK_END | MARK_ORDERED
    for name in ("events", "queries", "errors", "lost", "lowest_ei", "highest_ei", "earliest_ns", "latest_ns"):
        assert getattr(chunk.header, name) == getattr(expected, name), name
    assert chunk.header.longest_wait_ns == expected.longest_wait_ns
    assert read(sealed_in(tmp_path)).events == flat(chunks)
    assert (summary.chunks, summary.events, summary.lost) == (1, 6, 4)
    assert summary.stored_bytes == len(after) < len(before)


def test_joined_chunks_keep_to_the_size_asked_for(tmp_path):
    """
    Chunks are joined up to the size that the caller wants, no further.
    """
    chunks = [[query(n, "x" * 50)] for n in range(20)]
    size = len(lines_of(chunks[0]))
    write(tmp_path, chunks, sealed=False)
    assert seal_in(tmp_path, chunk_bytes=4 * size + 40).chunks == 5
    assert read(sealed_in(tmp_path)).events == flat(chunks)


def test_a_chunk_is_never_split(tmp_path):
    """
    A chunk that is larger than asked for stays one, among others that are joined.
    """
    chunks = [[query(0)], [query(1)], [query(2, "x" * 500)], [query(3)], [query(4)]]
    write(tmp_path, chunks, sealed=False)
    assert seal_in(tmp_path, chunk_bytes=600).chunks == 3
    assert read(sealed_in(tmp_path)).events == flat(chunks)


def test_sealing_a_recording_without_events(tmp_path):
    """
    A session of which nothing was written is sealed as interrupted and empty.
    """
    write(tmp_path, [], sealed=False)
    summary = seal_in(tmp_path)
    assert (summary.state, summary.events, summary.chunks) == (State.INTERRUPTED, 0, 0)
    assert read(sealed_in(tmp_path)).events == []


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("chunk_bytes", [ASIS, 1 << 20])
def test_the_state_follows_from_the_end_event_alone(tmp_path, ended, chunk_bytes):
    """
    A session with its end event is complete, one without is interrupted; nothing is made up.
    """
    chunks = session(3, 2, ended=ended)
    write(tmp_path, chunks, sealed=False)
    summary = seal_in(tmp_path, chunk_bytes=chunk_bytes)
    assert summary.state is (State.COMPLETE if ended else State.INTERRUPTED)
    found = read(sealed_in(tmp_path))
    assert (found.events, found.error, found.state) == (flat(chunks), None, summary.state)


EVENTS = st.lists(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "ei": st.integers(-5, 20),
                "time": st.sampled_from(["2026-07-20T12:00:00Z", "2026-07-20T12:00:05.5+01:00", "never"]),
                "event": st.sampled_from(["db.session.start", "db.session.query", "db.session.end", "x"]),
                "success": st.booleans(),
                "db_query": st.text(max_size=20),
            },
        ),
        max_size=4,
    ),
    max_size=6,
)


@given(EVENTS, st.sampled_from([1, 100, 300, 1 << 20]))
@settings(max_examples=60)
def test_sealing_changes_no_event(tmp_path_factory, chunks, chunk_bytes):
    """
    Whatever was recorded, and however it is joined, the sealed recording has the same lines and totals.
    """
    directory = tmp_path_factory.mktemp("any")
    write(directory, chunks, sealed=False)
    with open_recording(directory / open_name(), live=False) as recording:
        before, lines = recording.summary, b"".join(recording.lines())
    summary = seal_in(directory, chunk_bytes=chunk_bytes)
    with open_recording(sealed_in(directory)) as recording:
        assert recording.summary == summary
        assert b"".join(recording.lines()) == lines == lines_of(flat(chunks))
        assert list(recording.events()) == flat(chunks)
    for name in ("sid", "state", "user", "start_ns", "end_ns", "events", "queries", "errors", "lost", "raw_bytes"):
        assert getattr(summary, name) == getattr(before, name), name
    shutil.rmtree(directory)


# ---------------------------------------------------------------- what was left in another state


@pytest.mark.parametrize("chunk_bytes", [ASIS, 1 << 20])
def test_a_tail_torn_at_any_byte_is_cut_off(tmp_path, chunk_bytes):
    """
    Wherever the last chunk is cut, sealing keeps the chunks before it and calls the session interrupted.
    """
    data = recording_bytes(SESSION, sealed=False)
    last = [part for part in parts(data) if part.name == "head"][-1]
    for size in range(last.offset, len(data), 3):
        (tmp_path / open_name()).write_bytes(data[:size])
        summary = seal_in(tmp_path, chunk_bytes=chunk_bytes)
        assert (summary.state, summary.events) == (State.INTERRUPTED, 8)
        found = read(sealed_in(tmp_path))
        assert (found.events, found.error, found.state) == (flat(SESSION[:4]), None, State.INTERRUPTED)
        assert files_in(tmp_path) == [sealed_name()]


@pytest.mark.parametrize("chunk_bytes", [ASIS, 1 << 20])
def test_garbage_where_the_tail_was_to_be_is_cut_off(tmp_path, chunk_bytes):
    """
    What a power cut leaves behind the last sound chunk does not hinder sealing.
    """
    data = recording_bytes(SESSION[:4], sealed=False)
    for garbage in (bytes(5000), b"\xff" * 300, recording_bytes(SESSION, sealed=False)[len(data) : len(data) + 150]):
        (tmp_path / open_name()).write_bytes(data + garbage)
        assert seal_in(tmp_path, chunk_bytes=chunk_bytes).state is State.INTERRUPTED
        found = read(sealed_in(tmp_path))
        assert (found.events, found.error) == (flat(SESSION[:4]), None)


def test_an_index_that_was_cut_at_any_byte_is_made_anew(tmp_path):
    """
    A process that died while it appended the index leaves a recording that seals to the same bytes.
    """
    whole = recording_bytes(SESSION, sealed=True)
    for size in range(len(recording_bytes(SESSION, sealed=False)), len(whole), 5):
        (tmp_path / open_name()).write_bytes(whole[:size])
        assert seal_in(tmp_path, chunk_bytes=ASIS).state is State.COMPLETE
        assert sealed_in(tmp_path).read_bytes() == whole


def test_an_index_that_is_there_is_synced_before_it_gets_its_name(tmp_path):
    """
    Whoever appended the index may have died before it was on the disk.
    """
    done = []

    class Noted(QuickFiles):
        def sync(self, path):
            done.append(("sync", path.name))

        def rename(self, old, new):
            done.append(("rename", old.name))
            super().rename(old, new)

    write(tmp_path, SESSION, sealed=False).write_bytes(recording_bytes(SESSION, sealed=True))
    seal(tmp_path / open_name(), sealed_in(tmp_path), files=Noted())
    # the directory's name comes between: a recording is not moved into a directory that a power cut may take away
    assert done[:3] == [("sync", open_name()), ("sync", tmp_path.name), ("rename", open_name())]
    assert sealed_in(tmp_path).read_bytes() == recording_bytes(SESSION, sealed=True)


@pytest.mark.parametrize("chunk_bytes", [ASIS, 1 << 20])
def test_what_a_dead_process_was_joining_is_thrown_away(tmp_path, chunk_bytes):
    """
    A half-written temporary file is neither used nor left behind.
    """
    path = write(tmp_path, SESSION, sealed=False)
    path.with_name(path.name + TEMPORARY_SUFFIX).write_bytes(recording_bytes(SESSION, sealed=True)[:-3])
    seal_in(tmp_path, chunk_bytes=chunk_bytes)
    assert files_in(tmp_path) == [sealed_name()]
    assert read(sealed_in(tmp_path)).events == flat(SESSION)


START, C0, C1, C2, C3, C4 = pieces(recording_bytes(SESSION, sealed=False))
FOREIGN = pieces(recording_bytes(SESSION, sealed=False, created_ns=NOON + 1))
FLIPPED = C1[:200] + bytes([C1[200] ^ 1]) + C1[201:]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param([START, C0, FLIPPED, C2, C3, C4], ChecksumError, id="flipped"),
        pytest.param([START, C0, C1[:100], C2, C3, C4], FormatError, id="cut in the middle"),
        pytest.param([START, C0, C2, C3, C4], ChainError, id="removed"),
        pytest.param([START, C0, C2, C1, C3, C4], ChainError, id="swapped"),
        pytest.param([START, C0, FOREIGN[2], C2, C3, C4], ChainError, id="foreign"),
        pytest.param([START, C0, C1, pieces(recording_bytes(SESSION, sealed=True))[-1]], ChainError, id="last removed"),
        pytest.param([START[:50]], TruncatedError, id="header cut"),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [ASIS, 1 << 20])
def test_a_recording_damaged_before_its_end_stays_as_it_is(tmp_path, data, error, chunk_bytes):
    """
    Sealing refuses damage that stands before sound chunks, names the file and changes nothing.
    """
    path = tmp_path / open_name()
    path.write_bytes(b"".join(data))
    with pytest.raises(error) as caught:
        seal_in(tmp_path, chunk_bytes=chunk_bytes)
    assert caught.value.path == path
    assert files_in(tmp_path) == [open_name()]
    assert path.read_bytes() == b"".join(data)


def test_a_chunk_with_other_lines_than_it_says_is_not_joined(tmp_path):
    """
    Joining reads what the chunks hold; one that doesn't hold what its header says stops it.
    """
    lying = count([query(0), query(1)])
    events = [[query(0)], [query(1)]]
    from recordkit.container.chunks import begin, encode_chunk
    from recordkit.container.frames import Compressor

    start, position = begin(sid=bytes(16), owner=bytes(16), created_ns=0, attributes=b"")
    first = encode_chunk(position, lines_of(events[0]), count(events[0]), Compressor())
    second = encode_chunk(first.after, lines_of(events[1]), lying, Compressor())
    data = start + first.data + second.data
    (tmp_path / open_name()).write_bytes(data)
    with pytest.raises(ChecksumError, match=r"open: chunk 1 at offset .* another number of lines"):
        seal_in(tmp_path)
    assert files_in(tmp_path) == [open_name()]
    assert (tmp_path / open_name()).read_bytes() == data


def test_a_missing_recording_is_the_systems_error(tmp_path):
    """
    Nothing to seal is no error of the format.
    """
    with pytest.raises(FileNotFoundError):
        seal_in(tmp_path)


# ---------------------------------------------------------------- faults


def prepared(directory: Path, torn: bool) -> list:
    """
    An open recording in a directory of its own; the events that are sound in it.
    """
    data = recording_bytes(SESSION, sealed=False)
    directory.mkdir()
    (directory / open_name()).write_bytes(data[:-7] if torn else data)
    return flat(SESSION[:4] if torn else SESSION)


def operations(tmp_path: Path, torn: bool, chunk_bytes: int) -> int:
    """
    How many operations a whole sealing is.
    """
    prepared(tmp_path / "all", torn)
    files = CrashingFiles(10**6, "refused")
    seal(tmp_path / "all" / open_name(), sealed_in(tmp_path / "all"), files=files, chunk_bytes=chunk_bytes)
    return len(files.done)


@pytest.mark.parametrize("how", CrashingFiles.HOW)
@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
@pytest.mark.parametrize("chunk_bytes", [ASIS, 500, 1 << 20])
def test_whichever_operation_fails_one_file_holds_the_recording(tmp_path, how, torn, chunk_bytes):
    """
    A fault or a crash at any operation of sealing leaves exactly one recording, from which sealing gives all events.
    """
    total = operations(tmp_path, torn, chunk_bytes)
    assert total >= 5
    for at in range(total):
        directory = tmp_path / str(at)
        events = prepared(directory, torn)
        files = CrashingFiles(at, how)
        with pytest.raises((Died, OSError)):
            seal(directory / open_name(), sealed_in(directory), files=files, chunk_bytes=chunk_bytes)
        assert files.failed
        left = [name for name in files_in(directory) if not name.endswith(TEMPORARY_SUFFIX)]
        assert len(left) == 1, (at, files.done)
        path = directory / open_name()
        if path.exists():
            found = read(path, mode="tail", live=False)
            assert (found.events, found.error) == (events, None), (at, files.done)
            summary = seal_in(directory, chunk_bytes=chunk_bytes)
            assert summary.state is (State.INTERRUPTED if torn else State.COMPLETE)
        assert files_in(directory) == [sealed_name()], (at, files.done)
        found = read(sealed_in(directory))
        assert (found.events, found.error) == (events, None)
        shutil.rmtree(directory)


def test_a_second_crash_does_no_more_harm_than_the_first(tmp_path):
    """
    Sealing that dies at any operation, and dies again at any operation of the next attempt, loses nothing.
    """
    total = operations(tmp_path, torn=False, chunk_bytes=500)
    for first in range(total):
        for second in range(total):
            directory = tmp_path / f"{first}-{second}"
            events = prepared(directory, torn=False)
            for at in (first, second):
                if (directory / open_name()).exists():
                    files = CrashingFiles(at, "dies half-way")
                    with suppress(Died):
                        seal(directory / open_name(), sealed_in(directory), files=files, chunk_bytes=500)
            if (directory / open_name()).exists():
                seal_in(directory, chunk_bytes=500)
            assert files_in(directory) == [sealed_name()]
            assert read(sealed_in(directory)).events == events
            shutil.rmtree(directory)


@pytest.mark.parametrize("chunk_bytes", [ASIS, 1 << 20])
def test_everything_is_synced_before_it_gets_the_name_of_something_sealed(tmp_path, chunk_bytes):
    """
    Content is synced before a rename makes it the recording, and both directories after.
    """
    done = []

    class Noted(QuickFiles):
        def append(self, path, data, *, offset):
            done.append(("write", path.name))
            super().append(path, data, offset=offset)

        def sync(self, path):
            done.append(("sync", path.name))

        def rename(self, old, new):
            done.append(("rename", old.name))
            super().rename(old, new)

    write(tmp_path, SESSION, sealed=False)
    seal(tmp_path / open_name(), sealed_in(tmp_path), files=Noted(), chunk_bytes=chunk_bytes)
    name = open_name() + (TEMPORARY_SUFFIX if chunk_bytes > 1 else "")
    first = done.index(("rename", name))
    assert ("sync", name) in done[:first]
    assert ("write", name) not in done[done.index(("sync", name)) :]
    assert done[-4:] == [
        ("sync", tmp_path.name), ("rename", open_name()), ("sync", "01"), ("sync", tmp_path.name)
    ]  # fmt: skip
    assert SID in done[-3][1]
