"""
Blocks that the disk can't read cost the chunks that they touch, and nothing else, in salvage and in verify.
"""

import errno
import json
import os
import random
import zlib
from uuid import UUID

import pytest

from cli_run import run
from recordings import NOON, SID, count, flat, lines_of, open_name, parts, query, recording_bytes, sealed_name, session
from recordkit import open_recording
from recordkit.container.chunks import encode_chunk, first_position
from recordkit.container.damage import DamageKind
from recordkit.container.frames import Compressor
from recordkit.container.layout import CRC, HEADER, HEADER_TAG, MAGIC, skippable
from recordkit.container.seal import seal
from recordkit.verification import FindingKind, salvage, verify_recording

SECTOR = 512


class BadSectors:
    """
    A disk that can't read some sectors: reading any byte of one fails, as often as it is tried.
    """

    def __init__(self):
        self.sectors = range(0)
        self.code = errno.EIO
        self.failed = 0
        self.pread = os.pread

    def __call__(self, fd, size, offset):
        end = min(offset + size, os.fstat(fd).st_size)
        touched = range(offset // SECTOR, (end - 1) // SECTOR + 1) if end > offset else range(0)
        few, many = sorted((touched, self.sectors), key=len)
        if any(sector in many for sector in few):
            self.failed += 1
            raise OSError(self.code, os.strerror(self.code))
        return self.pread(fd, size, offset)


@pytest.fixture
def disk(monkeypatch):
    """
    The disk that readers read from; sound until a test says otherwise.
    """
    disk = BadSectors()
    monkeypatch.setattr("recordkit.container.source.os.pread", disk)
    return disk


def noisy(chunks):
    """
    A session whose chunks take up some sectors each.
    """
    noise = random.Random(3)
    return [[query(2 * n + m, noise.randbytes(260).hex()) for m in range(2)] for n in range(chunks)]


RECORDINGS = {
    f"{name} {end}": (chunks, end == "sealed")
    for name, chunks in {"small": session(9, 2), "noisy": noisy(7)}.items()
    for end in ("sealed", "open")
}


def made(tmp_path, name):
    """
    Write the recording of this name; return its path, its bytes and its chunks.
    """
    chunks, sealed = RECORDINGS[name]
    data = recording_bytes(chunks, sealed=sealed)
    path = tmp_path / (sealed_name() if sealed else open_name())
    path.write_bytes(data)
    return path, data, chunks


def outcome(data, chunks, bad):
    """
    Return the events of the chunks that no sector in *bad* touches, and whether one touches the header.
    """
    touched = {
        part.chunk for part in parts(data) if any(part.offset < (n + 1) * SECTOR and part.end > n * SECTOR for n in bad)
    }
    return flat(events for number, events in enumerate(chunks) if number not in touched), 0 in bad


def choices(data):
    """
    Yield sets of sectors: each one, each run of two and three, and some at random.
    """
    count, dice = -(-len(data) // SECTOR), random.Random(8)
    for length in (1, 2, 3):
        yield from (set(range(first, first + length)) for first in range(count - length + 1))
    yield from (set(dice.sample(range(count), count // 3)) for _ in range(20))


@pytest.mark.parametrize("name", RECORDINGS)
def test_salvage_reads_all_chunks_that_bad_sectors_do_not_touch(name, tmp_path, disk):
    """
    For each sector, each run of sectors and some random ones: exactly the other chunks' events, and damage that says so.
    """
    path, data, chunks = made(tmp_path, name)
    for bad in choices(data):
        sound, header = outcome(data, chunks, bad)
        disk.sectors = bad
        if header:
            with pytest.raises(OSError, match="Input/output error"):
                open_recording(path, mode="salvage", live=False)
            continue
        with open_recording(path, mode="salvage", live=False) as recording:
            assert list(recording.events()) == sound, bad
            told = [item for item in recording.damage if item.what == "bytes can't be read: Input/output error"]
            for sector in bad:
                assert any(
                    item.offset < (sector + 1) * SECTOR and item.offset + item.length > sector * SECTOR for item in told
                )
            assert {item.kind for item in told} <= {DamageKind.UNREADABLE, DamageKind.INDEX}
            last = len(chunks) * 2 - 1
            assert list(recording.events(start_ei=last)) == [event for event in sound if event["ei"] >= last]


@pytest.mark.parametrize("name", RECORDINGS)
def test_verify_names_what_can_not_be_read(name, tmp_path, disk):
    """
    For each sector: an error of this kind at its place, the events that are left, and how many are lost where the index tells.
    """
    path, data, chunks = made(tmp_path, name)
    for bad in choices(data):
        sound, header = outcome(data, chunks, bad)
        disk.sectors = bad
        report = verify_recording(path, live=False)
        assert not report.sound
        if header:
            assert [finding.what for finding in report.findings] == ["can't be read: Input/output error"]
            continue
        assert report.events == len(sound)
        told = [finding for finding in report.findings if "can't be read" in finding.what]
        assert told
        assert {finding.kind for finding in told} <= {FindingKind.UNREADABLE, FindingKind.INDEX}
        lost = [finding.lost for finding in report.findings]
        if None not in lost:
            assert sum(lost) == len(flat(chunks)) - len(sound)


@pytest.mark.parametrize("name", RECORDINGS)
def test_salvaged_recordings_hold_what_could_be_read(name, tmp_path, disk):
    """
    What is written is sound, holds the other chunks' events, and gap events say what is missing; also without the header.
    """
    path, data, chunks = made(tmp_path, name)
    for number, bad in enumerate(choices(data)):
        sound, _ = outcome(data, chunks, bad)
        if not sound and 0 in bad:
            continue
        disk.sectors = bad
        saved = salvage(path, tmp_path / f"{number}.jsonl.zst", live=False)
        disk.sectors = set()
        assert verify_recording(saved.path).sound
        with open_recording(saved.path) as recording:
            events = list(recording.events())
        assert [event for event in events if event["event"] != "recordkit.gap"] == sound
        assert saved.lossless == (len(events) == len(sound) == len(flat(chunks)))
        assert any("can't be read" in finding.what for finding in saved.findings)


def test_the_command_says_so_and_ends_in_three(tmp_path, disk):
    """
    `recordkit verify --salvage` names the sector's chunk, saves the others and ends in the exit code of damage.
    """
    path, data, _ = made(tmp_path, "noisy sealed")
    third = next(part for part in parts(data) if part.name == "body" and part.chunk == 2)
    disk.sectors = {third.offset // SECTOR + 1}
    ended = run("verify", path, "--salvage", tmp_path / "out.jsonl.zst")
    assert ended.code == 3
    assert "chunk 2 at offset" in ended.out
    assert "bytes can't be read: Input/output error" in ended.out
    assert "12 events saved, 2 lost" in ended.out
    (finding,) = json.loads(run("verify", path, "--format", "json").out)["recordings"][0]["findings"]
    assert (finding["kind"], finding["chunk"], finding["lost"]) == ("unreadable", 2, 2)


def test_a_file_that_can_not_be_read_at_all_is_no_recording(tmp_path, disk):
    """
    Where nothing can be read, verify says so, and salvage writes nothing.
    """
    path, data, _ = made(tmp_path, "small sealed")
    disk.sectors = set(range(len(data) // SECTOR + 1))
    ended = run("verify", path, "--salvage", tmp_path / "out.jsonl.zst")
    assert ended.code == 3
    assert "can't be read: Input/output error" in ended.out
    assert not (tmp_path / "out.jsonl.zst").exists()


@pytest.mark.parametrize("mode", ["strict", "tail"])
def test_other_modes_raise_the_error_after_what_stands_before(mode, tmp_path, disk):
    """
    Strict reading, and that of a torn tail, end with the system's error, after the sound events before the sector.
    """
    path, data, chunks = made(tmp_path, "noisy open")
    disk.sectors = {len(data) // SECTOR // 2}
    before = sum(part.end <= len(data) // SECTOR // 2 * SECTOR for part in parts(data) if part.name == "body")
    events = []
    with open_recording(path, mode=mode, live=False) as recording, pytest.raises(OSError, match="Input/output error"):
        for event in recording.events():
            events.append(event)  # noqa: PERF402 - the error comes behind them
    assert events == flat(chunks[:before])
    assert 0 < before < len(chunks) - 1


def test_zeros_that_can_not_be_read_cost_nothing_but_are_told(tmp_path, disk):
    """
    Where checksums hold with zeros in a sector's place, all events come; that it can't be read is an error all the same.
    """
    size = HEADER.size + 3000 + CRC.size  # fields of a later writer, which are zeros
    body = HEADER.pack(HEADER_TAG, 1, 0, size, UUID(SID).bytes, bytes(16), NOON, 0) + bytes(3000)
    header = skippable(body + CRC.pack(zlib.crc32(body)))
    chunk = encode_chunk(
        first_position(header), lines_of([query(0), query(1)]), count([query(0), query(1)]), Compressor()
    )
    path = tmp_path / "later.open"
    path.write_bytes(MAGIC + header + chunk.data)
    disk.sectors = {2, 3}
    with open_recording(path, mode="salvage", live=False) as recording:
        assert list(recording.events()) == [query(0), query(1)]
        (damage,) = recording.damage
    assert (damage.kind, damage.offset, damage.length) == (DamageKind.UNREADABLE, 2 * SECTOR, 2 * SECTOR)
    report = verify_recording(path, live=False)
    (finding,) = report.errors
    assert (report.events, str(report.state)) == (2, "interrupted")
    assert (finding.kind, finding.lost, finding.offset, finding.length) == (
        FindingKind.UNREADABLE, 0, 2 * SECTOR, 2 * SECTOR,
    )  # fmt: skip
    assert salvage(path, tmp_path / "out.jsonl.zst", live=False).lossless


def test_an_error_that_passes_is_no_damage(tmp_path, disk):
    """
    A sector that is read at the second time is sound.
    """
    path, _, chunks = made(tmp_path, "noisy sealed")
    pread, failed = disk.pread, set()

    def once(fd, size, offset):
        sectors = set(range(offset // SECTOR, (offset + size - 1) // SECTOR + 1)) - failed
        if size and sectors & set(range(3, 8)):
            failed.add(min(sectors & set(range(3, 8))))
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(fd, size, offset)

    disk.pread = once
    with open_recording(path, mode="salvage") as recording:
        assert list(recording.events()) == flat(chunks)
        assert recording.damage == ()
    assert failed == set(range(3, 8))


def test_a_device_that_is_gone_is_no_damage(tmp_path, disk):
    """
    Errors that are not about a place end salvage, too.
    """
    path, _, _ = made(tmp_path, "noisy sealed")
    disk.sectors, disk.code = {3}, errno.ENODEV
    with open_recording(path, mode="salvage") as recording, pytest.raises(OSError, match="No such device"):
        list(recording.events())


def test_a_dead_stretch_is_given_up_in_larger_and_larger_pieces(tmp_path, disk):
    """
    A quarter of a gigabyte that can't be read takes some thousand reads, and the chunks on both sides come.
    """
    chunks, size = noisy(6), 256 << 20
    data = recording_bytes(chunks, sealed=False)
    cut = next(part for part in parts(data) if part.name == "head" and part.chunk == 3).offset
    path = tmp_path / open_name()
    with path.open("wb") as file:
        file.write(data[:cut])
        file.seek(size)
        file.write(data[cut:])
    disk.sectors = range(cut // SECTOR + 1, size // SECTOR)
    with open_recording(path, mode="salvage", live=False) as recording:
        assert list(recording.events()) == flat(chunks)
        assert [(item.kind, item.offset, item.length) for item in recording.damage] == [
            (DamageKind.UNREADABLE, cut, size - cut)
        ]
    assert disk.failed < 5000


def test_sealing_does_not_go_on_behind_a_bad_sector(tmp_path, disk):
    """
    Sealing an open recording that can't be read ends in the system's error, and leaves it as it is.
    """
    path, data, _ = made(tmp_path, "noisy open")
    disk.sectors = {4}
    with pytest.raises(OSError, match="Input/output error"):
        seal(path, tmp_path / "sealed" / sealed_name())
    assert path.read_bytes() == data
