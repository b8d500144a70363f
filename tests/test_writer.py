"""
Writing chunk after chunk: whatever the disk does, the file is a recording up to some chunk, never damaged before its end.
"""

import errno
import os
import uuid

import pytest

from crashing_files import CrashingFiles, Died
from recordings import (
    NOON,
    OWNER,
    SID,
    Places,
    QuickFiles,
    count,
    flat,
    lines_of,
    parts,
    query,
    read,
    recording_bytes,
    session,
)
from recordkit.container import RecordingWriter, State, open_recording
from recordkit.container.files import OsFiles
from recordkit.container.frames import Compressor
from recordkit.container.writer import MAX_ATTRIBUTE
from recordkit.errors import InvalidEventError
from recordkit.limits import DEFAULT_LIMITS

SESSION = session(3, 2)
BIG = [query(9, "SELECT '" + os.urandom(400).hex() + "';")]


def writer_at(directory, files=None, **attributes):
    """
    A writer of an open recording that is not created yet.
    """
    return RecordingWriter(
        directory / f"{SID}.jsonl.zst.open",
        sid=SID,
        owner=OWNER,
        created_ns=NOON,
        attributes=attributes or {"user": "alice"},
        files=files or QuickFiles(),
    )


def append(writer, events, place=None):
    """
    Write these events as the next chunk.
    """
    writer.append(lines_of(events), count(events, place), Compressor())


def test_what_is_written_is_a_recording(tmp_path):
    """
    Created and appended to, the file is byte for byte what the encoder says, and reads back.
    """
    writer, place = writer_at(tmp_path), Places()
    writer.create()
    for events in SESSION:
        assert read(writer.path).state is State.OPEN
        append(writer, events, place)
        assert writer.size == writer.path.stat().st_size
    assert writer.path.read_bytes() == recording_bytes(SESSION, sealed=False)
    found = read(writer.path, live=False)
    assert (found.events, found.error, found.state) == (flat(SESSION), None, State.COMPLETE)
    with open_recording(writer.path) as recording:
        assert recording.summary.head == writer.head
        assert (recording.sid, recording.owner) == (SID, OWNER)
    assert uuid.UUID(recording.sid).hex == SID.replace("-", "")


def test_a_recording_is_private(tmp_path):
    """
    Only the owner of the file reads what people typed.
    """
    writer = writer_at(tmp_path)
    writer.create()
    assert writer.path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_before_create(tmp_path):
    """
    A writer that is made and dropped leaves no file.
    """
    writer_at(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_is_there_is_not_overwritten(tmp_path):
    """
    A second writer of the same session is refused and leaves the first one's file as it is.
    """
    writer = writer_at(tmp_path)
    writer.create()
    append(writer, SESSION[0])
    before = writer.path.read_bytes()
    with pytest.raises(FileExistsError):
        writer_at(tmp_path).create()
    assert writer.path.read_bytes() == before


def test_long_attributes_leave_the_header_readable(tmp_path):
    """
    Texts chosen by strangers can't make a header that readers refuse: they are cut, whatever their escapes cost.
    """
    names = ("cluster_name", "user", "db_service", "db_protocol", "db_type", "db_name", "db_user")
    writer = writer_at(tmp_path, **dict.fromkeys(names, "\x01" * 70_000))
    writer.create()
    with open_recording(writer.path) as recording:
        assert recording.summary.db_user == "\x01" * MAX_ATTRIBUTE
    assert writer.size < DEFAULT_LIMITS.header


def test_an_attribute_that_is_not_unicode_is_refused_by_name(tmp_path):
    """
    A lone surrogate in an attribute is an error that names the field.
    """
    with pytest.raises(InvalidEventError, match="db_user"):
        writer_at(tmp_path, db_user="\udc80")


def test_sync_reaches_the_file_and_its_directory(tmp_path):
    """
    A sync covers the content and the name.
    """
    synced = []

    class Noted(OsFiles):
        def sync(self, path):
            synced.append(path)

    writer = writer_at(tmp_path, Noted())
    writer.create()
    writer.sync()
    assert synced == [writer.path, tmp_path]


# ---------------------------------------------------------------- a disk that fails


@pytest.mark.parametrize("how", ["refused", "half"])
def test_a_header_that_can_not_be_written_may_be_tried_again(tmp_path, how):
    """
    A create that meets a full disk raises and leaves nothing; the next one makes the file.
    """
    writer = writer_at(tmp_path, CrashingFiles(0, how))
    with pytest.raises(OSError, match="No space left"):
        writer.create()
    assert list(tmp_path.iterdir()) == []
    writer.create()
    append(writer, SESSION[0])
    assert read(writer.path).events == SESSION[0]


@pytest.mark.parametrize("how", ["refused", "half"])
@pytest.mark.parametrize("at", range(1, 5))
@pytest.mark.parametrize("times", [1, 2])
def test_a_refused_write_never_leaves_damage_in_the_middle(tmp_path, how, at, times):
    """
    Whichever append or truncate fails, and however often, the file is a whole recording up to some chunk after each.
    """
    files = CrashingFiles(at, how, times=times)
    writer = writer_at(tmp_path, files)
    writer.create()
    written, failures = [], 0
    for events in [*SESSION, BIG]:
        for _ in range(4):
            try:
                append(writer, events)
            except OSError:
                failures += 1
                found = read(writer.path, live=False)
                assert found.events == flat(written)
                assert found.kinds in ([], ["torn"])
                assert writer.size <= writer.path.stat().st_size
            else:
                written.append(events)
                break
        found = read(writer.path, live=False)
        assert (found.events, found.error) == (flat(written), None)
        assert writer.path.stat().st_size == writer.size
    assert failures == times
    assert written == [*SESSION, BIG]
    assert "truncate" in files.done


@pytest.mark.parametrize("kept", [0, 1, 8, 100, 139, 140, 141, 300, 600])
def test_a_chunk_may_be_followed_by_a_smaller_one_after_a_failed_write(tmp_path, kept):
    """
    However much of a large chunk reached the disk, a smaller one in its place leaves nothing of it behind.
    """

    class Fills(OsFiles):
        full = True

        def append(self, path, data, *, offset):
            if self.full and len(data) > 600:
                super().append(path, data[:kept], offset=offset)
                raise OSError(errno.ENOSPC, "No space left on device")
            super().append(path, data, offset=offset)

    writer = writer_at(tmp_path, Fills())
    writer.create()
    append(writer, SESSION[0])
    with pytest.raises(OSError, match="No space"):
        append(writer, BIG)
    assert read(writer.path).events == SESSION[0]
    assert read(writer.path, live=False).events == SESSION[0]
    append(writer, SESSION[1])
    found = read(writer.path, live=False)
    assert (found.events, found.error) == (SESSION[0] + SESSION[1], None)


def test_an_interrupted_write_is_cut_off_too(tmp_path):
    """
    Ctrl-C in the middle of a write leaves no damage once writing goes on.
    """

    class Interrupted(OsFiles):
        now = False

        def append(self, path, data, *, offset):
            if self.now:
                super().append(path, data[:-1], offset=offset)
                raise KeyboardInterrupt
            super().append(path, data, offset=offset)

    files = Interrupted()
    writer = writer_at(tmp_path, files)
    writer.create()
    files.now = True
    with pytest.raises(KeyboardInterrupt):
        append(writer, BIG)
    files.now = False
    append(writer, SESSION[0])
    found = read(writer.path, live=False)
    assert (found.events, found.error) == (SESSION[0], None)


@pytest.mark.parametrize("how", ["dies before", "dies half-way", "dies behind"])
@pytest.mark.parametrize("at", range(5))
def test_a_process_that_dies_leaves_every_chunk_that_it_has_written(tmp_path, how, at):
    """
    Whichever operation is the process's last, the chunks whose append returned are in the file, whole.
    """
    writer = writer_at(tmp_path, CrashingFiles(at, how))
    written = []
    try:
        writer.create()
        for events in SESSION:
            append(writer, events)
            written.append(events)
    except Died:
        pass
    if not writer.path.exists():
        assert (at, written) == (0, [])
        return
    found = read(writer.path, live=False)
    survived = SESSION[: len(found.events) // 2]
    assert found.events == flat(survived)
    assert len(written) <= len(survived) <= len(written) + 1
    assert found.kinds in ([], ["torn"]) or (at == 0 and found.error is not None)


# ---------------------------------------------------------------- the system's files


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    """
    A system that takes a few bytes at a time is given the rest.
    """
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, bytes(data[:7]), offset))
    writer = writer_at(tmp_path)
    writer.create()
    append(writer, SESSION[0])
    assert read(writer.path, live=False).events == SESSION[0]


def test_a_short_write_that_ends_in_an_error_is_an_error(tmp_path, monkeypatch):
    """
    A write that got half-way before the disk was full raises, and what got there is cut off by the next.
    """
    writer = writer_at(tmp_path)
    writer.create()
    pwrite = os.pwrite
    room = [200]

    def filling(fd, data, offset):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        wrote = pwrite(fd, bytes(data[: room[0]]), offset)
        room[0] -= wrote
        return wrote

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", filling)
        with pytest.raises(OSError, match="No space"):
            append(writer, BIG)
    assert writer.path.stat().st_size == writer.size + 200
    append(writer, SESSION[0])
    found = read(writer.path, live=False)
    assert (found.events, found.error) == (SESSION[0], None)
    assert [part.name for part in parts(writer.path.read_bytes())] == ["magic", "header", "head", "body"]


def test_the_systems_files_rename_remove_and_truncate(tmp_path):
    """
    The small operations do what they say; removing what isn't there and making what is there are fine.
    """
    files, path = OsFiles(), tmp_path / "a"
    files.create(path, b"content")
    files.truncate(path, 3)
    files.sync(path)
    files.sync(tmp_path)
    files.make_directory(tmp_path / "x" / "y")
    files.make_directory(tmp_path / "x" / "y")
    assert (tmp_path / "x" / "y").stat().st_mode & 0o777 == 0o700
    files.rename(path, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"con"
    files.remove(tmp_path / "b")
    files.remove(tmp_path / "b")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["x"]


# ---------------------------------------------------------------- what became of a refused write


class Doubtful(OsFiles):
    """
    Files whose next write does a part of its work and fails; then so many calls are refused.
    """

    def __init__(self):
        self.part = None
        self.refused = 0

    def append(self, path, data, *, offset):
        part, self.part = self.part, None
        super().append(path, data if part is None else data[: int(len(data) * part)], offset=offset)
        if part is not None:
            raise OSError(errno.EIO, "Input/output error")

    def truncate(self, path, size):
        self._refuse()
        super().truncate(path, size)

    def read(self, path, size, *, offset):
        self._refuse()
        return super().read(path, size, offset=offset)

    def _refuse(self):
        if self.refused:
            self.refused -= 1
            raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize(
    ("part", "refused", "settled"), [(1.0, 0, 0), (1.0, 1, 2), (0.6, 1, 1), (0.1, 1, 0), (1.0, 2, 0)]
)
def test_settling_cuts_off_or_adopts_what_a_refused_write_has_left(tmp_path, part, refused, settled):
    """
    It says how many of the chunks are in the file; the others may be written again, and each is there once.
    """
    files = Doubtful()
    writer, place = writer_at(tmp_path, files), Places()
    writer.create()
    append(writer, SESSION[0], place)
    chunks = [(lines_of(events), count(events, place)) for events in SESSION[1:]]
    files.part, files.refused = part, refused
    with pytest.raises(OSError, match="Input/output"):
        writer.append_all(chunks, Compressor())
    assert writer.settle() == settled
    assert writer.settle() == 0
    if chunks[settled:]:
        writer.append_all(chunks[settled:], Compressor())
    assert writer.path.read_bytes() == recording_bytes(SESSION, sealed=False)


def test_what_was_renounced_is_never_adopted(tmp_path):
    """
    While a disk refuses to say, nothing is known; what is given up then is cut off before the next write.
    """
    files = Doubtful()
    writer = writer_at(tmp_path, files)
    writer.create()
    files.part, files.refused = 1.0, 6
    with pytest.raises(OSError, match="Input/output"):
        append(writer, SESSION[0])
    assert writer.settle() is None
    writer.renounce()
    files.refused = 1
    assert writer.settle() == 0
    with pytest.raises(OSError, match="Input/output"):
        append(writer, SESSION[1])
    append(writer, SESSION[1])
    assert read(writer.path, live=False).events == SESSION[1]
