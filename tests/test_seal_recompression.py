"""
Sealing that compresses harder: smaller where it pays, as long as there is time, and never another line.
"""

import random
import shutil
import sys
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashing_files import CrashingFiles, Died
from long_statements import SHAPES, long_session
from recordings import (
    QuickFiles,
    flat,
    lines_of,
    open_name,
    parts,
    pieces,
    query,
    read,
    recording_bytes,
    sealed_name,
    write,
)
from recordkit.container import State, open_recording
from recordkit.container import seal as seal_recording
from recordkit.container.frames import Compressor
from recordkit.container.layout import (
    CHUNK,
    CRC,
    MAGIC,
    SKIPPABLE,
    chain_start,
    chain_value,
    skippable,
    unpack_chunk_header,
)
from recordkit.container.seal import TEMPORARY_SUFFIX
from recordkit.container.signatures import Role, Signer, load_public_key, load_signing_key, new_key_files
from recordkit.errors import FormatError
from recordkit.verification import Evidence, verify_recording

LONG = long_session(12, 60)
FULL = min(len(lines_of(events)) for events in LONG)  # chunk_bytes with which nothing is to be joined


class Harder:
    """
    Compresses so many chunks; then time is up.
    """

    def __init__(self, chunks=10**9):
        self.left = chunks
        self.frame = Compressor(harder=True).frame

    def has_time(self):
        self.left -= 1
        return self.left >= 0


SAMPLES = 1  # of LONG, which has less than 16 chunks


def seal(directory, *, chunks=10**9, chunk_bytes=FULL, **options):
    """
    Seal the open recording of this directory with time for so many chunks, samples included.
    """
    options = {"files": QuickFiles()} | options
    target = directory / sealed_name()
    return seal_recording(
        directory / open_name(), target, chunk_bytes=chunk_bytes, recompression=Harder(chunks), **options
    )


def files_in(directory):
    """
    The names of all files.
    """
    return sorted(path.name for path in directory.iterdir())


def frames_of(data):
    """
    The zstd frames of a recording without index.
    """
    return [piece[SKIPPABLE.size + SKIPPABLE.unpack_from(piece)[1] :] for piece in pieces(data)[1:]]


def bodies(path, chunks):
    """
    The frames of the first so many chunks of a sealed recording.
    """
    return frames_of(path.read_bytes())[:chunks]


BEFORE = frames_of(recording_bytes(LONG, sealed=False))
AFTER = [Compressor(harder=True).frame(lines_of(events)) for events in LONG]


# ---------------------------------------------------------------- what comes out


def test_what_pays_is_compressed_harder_and_stays_the_same(tmp_path):
    """
    Each chunk keeps its lines and its place, and takes less room; all that can be verified holds.
    """
    before = write(tmp_path, LONG, sealed=False).read_bytes()
    summary = seal(tmp_path)
    path = tmp_path / sealed_name()
    assert files_in(tmp_path) == [sealed_name()]
    assert bodies(path, 12) == AFTER
    assert summary.stored_bytes == path.stat().st_size < 0.9 * len(recording_bytes(LONG, sealed=True))
    assert pieces(path.read_bytes())[0] == pieces(before)[0]
    with open_recording(path) as recording:
        assert recording.summary == summary
        assert b"".join(recording.lines()) == lines_of(flat(LONG))
        assert [entry.raw_size for entry in recording.chunks()] == [len(lines_of(events)) for events in LONG]
    report = verify_recording(path)
    assert (report.findings, report.events, summary.state) == ((), len(flat(LONG)), State.COMPLETE)


def test_what_does_not_pay_stays_as_it_was_written(tmp_path):
    """
    Random text is compressed as well as it can be: the index is appended, nothing is written anew.
    """
    dice = random.Random(1)
    chunks = [[query(n, dice.randbytes(4000).hex())] for n in range(4)]
    write(tmp_path, chunks, sealed=False)
    seal(tmp_path, chunk_bytes=6000)
    assert (tmp_path / sealed_name()).read_bytes() == recording_bytes(chunks, sealed=True)


def test_less_than_a_full_chunk_stays_as_it_was_written(tmp_path):
    """
    A short recording could save less than a block of the disk, so not even a sample is taken.
    """
    write(tmp_path, LONG[-1:], sealed=False)
    seal(tmp_path, chunk_bytes=2 * FULL)
    assert (tmp_path / sealed_name()).read_bytes() == recording_bytes(LONG[-1:], sealed=True)


def test_joined_chunks_are_compressed_harder_too(tmp_path):
    """
    Tiny chunks are joined to full ones first; the samples are as large as these.
    """
    write(tmp_path, [[event] for event in flat(LONG)], sealed=False)
    summary = seal(tmp_path, chunk_bytes=2 * FULL)
    path = tmp_path / sealed_name()
    with open_recording(path) as recording:
        payloads = [raw for _, raw in recording.follow()]
    assert len(payloads) == summary.chunks < 9
    assert b"".join(payloads) == lines_of(flat(LONG))
    assert bodies(path, summary.chunks) == [Compressor(harder=True).frame(raw) for raw in payloads]
    assert verify_recording(path).findings == ()


@pytest.mark.parametrize("chunks", range(14))
def test_what_there_is_no_time_for_stays_as_it_was_written(tmp_path, chunks):
    """
    Once time is up, the frames of the other chunks are taken over as they are.
    """
    write(tmp_path, LONG, sealed=False)
    seal(tmp_path, chunks=chunks)
    path = tmp_path / sealed_name()
    harder = max(0, chunks - SAMPLES)
    assert bodies(path, 12) == AFTER[:harder] + BEFORE[harder:]
    assert (read(path).events, verify_recording(path).findings) == (flat(LONG), ())


def test_samples_come_from_the_whole_recording(tmp_path):
    """
    A long recording that begins with what can't become smaller is judged by its later parts as well.
    """
    dice = random.Random(1)
    noise = [[query(0, dice.randbytes(FULL // 2).hex())]]
    chunks = noise * 3 + long_session(21, 60)
    write(tmp_path, chunks, sealed=False)
    seal(tmp_path)
    assert bodies(tmp_path / sealed_name(), 24)[3:] == [
        Compressor(harder=True).frame(lines_of(events)) for events in chunks[3:]
    ]


def test_a_huge_chunk_is_not_compressed_again(tmp_path, monkeypatch):
    """
    Compressing one chunk can't be broken off when time is up, so one that would take long stays as it is.
    """
    monkeypatch.setattr(sys.modules["recordkit.container.seal"], "_INDIVISIBLE", 3 * FULL)
    chunks = [flat(LONG[:6]), *LONG[6:]]
    write(tmp_path, chunks, sealed=False)
    seal(tmp_path)
    assert bodies(tmp_path / sealed_name(), 7) == [Compressor().frame(lines_of(chunks[0])), *AFTER[6:]]
    assert read(tmp_path / sealed_name()).events == flat(LONG)


def test_huge_chunks_are_not_even_sampled(tmp_path, monkeypatch):
    """
    A recording of which no sample can be taken stays as it is.
    """
    monkeypatch.setattr(sys.modules["recordkit.container.seal"], "_INDIVISIBLE", FULL // 2)
    write(tmp_path, LONG, sealed=False)
    harder, compressed = Harder(), []
    harder.frame = lambda raw: compressed.append(raw) or b""
    seal_recording(
        tmp_path / open_name(),
        tmp_path / sealed_name(),
        chunk_bytes=FULL,
        files=QuickFiles(),
        recompression=harder,
    )
    assert not any(compressed)
    assert (tmp_path / sealed_name()).read_bytes() == recording_bytes(LONG, sealed=True)


def test_frames_are_taken_over_whatever_made_them(tmp_path, monkeypatch):
    """
    What there is no time for is not compressed again at all, so frames of another level stay what they are.
    """
    monkeypatch.setattr("recordings.Compressor", lambda: Compressor(2))
    before = frames_of(write(tmp_path, LONG, sealed=False).read_bytes())
    assert before != BEFORE
    seal(tmp_path, chunks=SAMPLES + 1)
    assert bodies(tmp_path / sealed_name(), 12) == AFTER[:1] + before[1:]


def test_a_recording_with_fields_of_a_later_writer_keeps_them(tmp_path):
    """
    What a later recordkit says in its chunk headers is not lost by writing them anew.
    """
    start, *chunks = pieces(recording_bytes(LONG, sealed=False))
    made, chain = [start], chain_start(start[len(MAGIC) :])
    for chunk in chunks:
        end = SKIPPABLE.size + SKIPPABLE.unpack_from(chunk)[1]
        header = unpack_chunk_header(chunk[SKIPPABLE.size : end])
        header = header._replace(size=header.size + len(b"later"))
        chain = chain_value(chain, CHUNK.pack(*header) + b"later" + bytes(CRC.size), chunk[end:])
        body = CHUNK.pack(*header._replace(chain=chain)) + b"later"
        made += [skippable(body + CRC.pack(zlib.crc32(body))), chunk[end:]]
    (tmp_path / open_name()).write_bytes(b"".join(made))
    seal(tmp_path)
    assert (tmp_path / sealed_name()).read_bytes().startswith(b"".join(made))
    assert read(tmp_path / sealed_name()).events == flat(LONG)


def test_what_was_sealed_before_its_writer_died_is_not_touched(tmp_path):
    """
    A recording that only lacks its name gets that, and keeps its head.
    """
    write(tmp_path, LONG, sealed=False).write_bytes(recording_bytes(LONG, sealed=True))
    seal(tmp_path)
    assert (tmp_path / sealed_name()).read_bytes() == recording_bytes(LONG, sealed=True)


def test_the_signature_is_of_what_was_compressed_harder(tmp_path):
    """
    Signing comes last, so the signature holds for the file as it stays.
    """
    private, public = new_key_files()
    write(tmp_path, LONG, sealed=False)
    seal(tmp_path, signer=Signer(load_signing_key(private), role=Role.RECORDER, now_ns=lambda: 0))
    assert bodies(tmp_path / sealed_name(), 12) == AFTER
    evidence = Evidence(keys=(load_public_key(public),))
    assert verify_recording(tmp_path / sealed_name(), evidence=evidence).findings == ()


EVENTS = st.lists(
    st.lists(
        st.fixed_dictionaries(
            {"db_query": st.one_of(st.sampled_from(SHAPES), st.text(max_size=40))},
            optional={
                "ei": st.integers(-5, 20),
                "time": st.sampled_from(["2026-07-20T12:00:00Z", "2026-07-20T12:00:05.5+01:00", "never"]),
                "event": st.sampled_from(["db.session.start", "db.session.query", "recordkit.gap", "db.session.end"]),
                "count": st.integers(1, 9),
                "success": st.booleans(),
            },
        ),
        max_size=25,
    ),
    max_size=12,
)


@given(EVENTS, st.sampled_from([1, 500, 4000, 20_000]), st.integers(0, 15))
@settings(max_examples=80)
def test_recompressing_changes_no_event(tmp_path_factory, chunks, chunk_bytes, time_for):
    """
    Whatever was recorded, and however much time there is, lines, places and totals are the same, and all of it verifies.
    """
    directory = tmp_path_factory.mktemp("any")
    write(directory, chunks, sealed=False)
    with open_recording(directory / open_name(), live=False) as recording:
        before, lines = recording.summary, b"".join(recording.lines())
    summary = seal(directory, chunks=time_for, chunk_bytes=chunk_bytes)
    with open_recording(directory / sealed_name()) as recording:
        assert recording.summary == summary
        assert b"".join(recording.lines()) == lines == lines_of(flat(chunks))
        assert list(recording.events()) == flat(chunks)
    for name in ("sid", "state", "user", "start_ns", "end_ns", "events", "queries", "errors", "lost", "raw_bytes"):
        assert getattr(summary, name) == getattr(before, name), name
    assert verify_recording(directory / sealed_name()).errors == ()
    shutil.rmtree(directory)


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("how", ["changed", "cut"])
def test_a_file_that_fails_while_it_is_written_anew_stays_as_it_is(tmp_path, how):
    """
    What was sound when it was surveyed, and is not when it is read again, is an error and no loss.
    """
    path = write(tmp_path, LONG, sealed=False)
    sound = path.read_bytes()
    at = [part for part in parts(sound) if part.name == "body"][5].offset + 20
    failing = sound[:at] + (bytes([sound[at] ^ 1]) + sound[at + 1 :] if how == "changed" else b"")

    class Meanwhile(Harder):
        def has_time(self):
            path.write_bytes(failing)
            return True

    with pytest.raises(FormatError):
        seal_recording(path, tmp_path / sealed_name(), chunk_bytes=FULL, files=QuickFiles(), recompression=Meanwhile())
    assert files_in(tmp_path) == [open_name()]
    assert path.read_bytes() == failing


SHORT = long_session(4, 40)
FAULTY = {"chunk_bytes": min(len(lines_of(events)) for events in SHORT)}


def done_by_sealing(directory):
    """
    The operations of a whole sealing.
    """
    directory.mkdir()
    write(directory, SHORT, sealed=False)
    files = CrashingFiles(10**6, "refused")
    seal(directory, files=files, **FAULTY)
    return files.done


@pytest.mark.parametrize("how", CrashingFiles.HOW)
def test_whichever_operation_fails_one_file_holds_the_recording(tmp_path, how):
    """
    A fault or a crash at any operation leaves exactly one recording with all events; sealing it again ends the work.
    """
    for at in range(len(done_by_sealing(tmp_path / "all"))):
        directory = tmp_path / str(at)
        directory.mkdir()
        write(directory, SHORT, sealed=False)
        files = CrashingFiles(at, how)
        with suppress(Died, OSError):
            seal(directory, files=files, **FAULTY)
        assert files.failed
        left = [name for name in files_in(directory) if not name.endswith(TEMPORARY_SUFFIX)]
        assert len(left) == 1, (at, files.done)
        if left == [open_name()]:
            found = read(directory / open_name(), mode="tail", live=False)
            assert (found.events, found.error) == (flat(SHORT), None), (at, files.done)
            assert seal(directory, **FAULTY).state is State.COMPLETE
        assert files_in(directory) == [sealed_name()], (at, files.done)
        assert read(directory / sealed_name()).events == flat(SHORT)
        assert verify_recording(directory / sealed_name()).findings == ()


@pytest.mark.parametrize("how", ["refused", "half"])
def test_a_disk_without_room_for_both_seals_what_is_there(tmp_path, how):
    """
    Where the smaller copy can't be written, the recording is sealed as it was, and the copy is gone.
    """
    done = done_by_sealing(tmp_path / "all")
    copying = range(done.index("create"), done.index("rename"))
    assert [done[at] for at in copying] == ["create", *["append"] * 5, "sync"]
    for at in copying:
        directory = tmp_path / str(at)
        directory.mkdir()
        write(directory, SHORT, sealed=False)
        assert seal(directory, files=CrashingFiles(at, how), **FAULTY).state is State.COMPLETE
        assert files_in(directory) == [sealed_name()]
        assert (directory / sealed_name()).read_bytes() == recording_bytes(SHORT, sealed=True)
