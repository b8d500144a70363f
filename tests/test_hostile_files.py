"""
P11: files made to hurt end in typed errors, within bounded memory, and never in a wrong event.
"""

import json
import random
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

import fuzzing
from programs import start
from recordings import (
    SID,
    MemorySource,
    QuickFiles,
    bomb,
    lines_of,
    parts,
    query,
    read,
    recording_bytes,
    sealed_name,
    session,
)
from recordkit.container import seal
from recordkit.container.chunks import Counts, begin, encode_chunk
from recordkit.container.decoder import Chunk, Decoder
from recordkit.container.frames import Compressor
from recordkit.container.layout import CRC, INDEX, SKIPPABLE, skippable
from recordkit.errors import FormatError, LimitExceededError, RecordKitError, StoreError
from recordkit.limits import DEFAULT_LIMITS
from recordkit.store import open_store
from recordkit.store.paths import create_store, sealed_path


def part_of_file(data, name):
    """
    The first frame of this name.
    """
    return next(part for part in parts(data) if part.name == name)


START, FIRST = begin(sid=bytes(16), owner=bytes(16), created_ns=0, attributes=b"")


def chain_of(count, *, spoil=0):
    """
    So many chunks of one event each; the last byte of every *spoil*-th is changed.
    """
    position, compressor, made, counts = FIRST, Compressor(), [START], Counts()
    counts.events = 1
    for number in range(count):
        chunk = encode_chunk(position, b"{}\n", counts, compressor)
        position = chunk.after
        data = bytearray(chunk.data)
        if spoil and number % spoil == spoil - 1:
            data[-1] ^= 1
        made.append(bytes(data))
    return b"".join(made)


def one_chunk(raw, lines):
    """
    An open recording with these lines.
    """
    counts = Counts()
    counts.events = lines
    return START + encode_chunk(FIRST, raw, counts, Compressor()).data


def with_summary(text):
    """
    A sealed recording with this summary, whose checksums hold.
    """
    data = recording_bytes(session(2, 2), sealed=True)
    index, table = part_of_file(data, "index"), part_of_file(data, "table")
    body = data[index.offset + SKIPPABLE.size : index.end]
    fields = [*INDEX.unpack_from(body)[:-1], len(text)]
    fixed, entries, trailer = INDEX.pack(*fields), body[INDEX.size : INDEX.size + 2 * 88], body[-52:-20]
    size = SKIPPABLE.size + len(fixed) + len(entries) + len(text) + 52
    trailer += struct.pack("<III", zlib.crc32(entries), zlib.crc32(text), size)
    trailer += CRC.pack(zlib.crc32(fixed + trailer)) + b"RKIE"
    return data[: index.offset] + skippable(fixed + entries + text + trailer) + data[table.offset :]


LISTS = b'{"a":[' + b"[]," * (20 << 20) + b"0]}"

READ = """
import resource
from recordkit import open_recording
resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
for path in sorted(STORE.iterdir()):
    for mode in MODES:
        events, error, damage, size = 0, None, 0, 0
        begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        try:
            with open_recording(path, mode=mode, live=False) as recording:
                try:
                    recording.summary
                    for _ in recording.events():
                        events += 1
                    damage = len(recording.damage)
                    for _ in recording.events(start_ei=1 << 40):
                        pass
                    for _ in recording.lines():
                        pass
                    sum(1 for _ in recording.chunks())
                    recording.table()
                finally:
                    damage = damage or len(recording.damage)
        except RecordKitError as caught:
            error = type(caught).__name__
        seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - begun
        say(name=path.name, mode=mode, events=events, error=error, damage=damage, seconds=seconds)
# not ru_maxrss, which begins with what the parent had
say(peak=next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


PATIENT = """
import resource
signal.alarm(0)
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
"""
"""For long work: a hundred seconds of the processor, however busy the machine is."""


def hostile(tmp_path, files, *, modes=("strict", "salvage"), patient=False):
    """
    Read these files in a process with 300 MiB of address space; return what came of each, and the peak in MiB.
    """
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    process = start(f"MODES = {modes!r}\n{PATIENT if patient else ''}{READ}", tmp_path)
    out, _ = process.communicate(timeout=1500 if patient else 120)
    assert process.returncode == 0
    *said, peak = map(json.loads, out.splitlines())
    return {(one.pop("name"), one.pop("mode")): one for one in said}, peak["peak"] // 1024


def test_files_of_a_few_bytes_that_become_gigabytes_end_in_typed_errors(tmp_path):
    """
    Bombs, a line that is a hundred times as large once parsed, a summary of 60 MiB and JSON as deep as it gets.
    """
    deep = b'{"a":' * 900 + b"1" + b"}" * 900 + b"\n"
    files = {
        "lists.open": one_chunk(LISTS + b"\n", 1),
        "text.open": one_chunk(b'{"a":"' + b"x" * (100 << 20) + b'"}\n', 1),
        "deep.open": one_chunk(deep * 3, 3),
        "deeper.open": one_chunk(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", 1),
        "number.open": one_chunk(b'{"a":' + b"9" * 1_000_000 + b"}\n", 1),
        "summary.jsonl.zst": with_summary(LISTS),
        "summary-at-limit.jsonl.zst": with_summary(b'{"a":[' + b"[]," * 349_000 + b"0]}"),
        "summary-deep.jsonl.zst": with_summary(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "zeros.open": one_chunk(b"{}\n", 1)[:-20] + bomb(200 << 20),
    }
    said, _ = hostile(tmp_path, files)
    assert len(said) == 2 * len(files)
    for name in ("lists.open", "text.open", "deeper.open", "zeros.open"):
        assert said[name, "strict"]["error"] is not None, name
        assert (said[name, "salvage"]["error"], said[name, "salvage"]["damage"]) == (None, 1), name
        assert said[name, "salvage"]["events"] == 0
    assert (said["deep.open", "strict"]["events"], said["deep.open", "strict"]["error"]) == (3, None)
    for name in ("summary.jsonl.zst", "summary-at-limit.jsonl.zst", "summary-deep.jsonl.zst"):
        assert said[name, "strict"]["error"] in ("LimitExceededError", "ChecksumError")
        assert (said[name, "salvage"]["events"], said[name, "salvage"]["error"]) == (4, None)
    assert said["summary.jsonl.zst", "strict"]["error"] == "LimitExceededError"


def test_files_of_many_small_parts_take_little_memory(tmp_path):
    """
    Tiny chunks, damaged ones, foreign skippable frames and false beginnings of chunks, thousands of each.
    """
    many = 3_000
    skips = struct.pack("<II", 0x184D2A50, 0) * 200_000
    tiny, index = chain_of(many), recording_bytes(session(2, 2), sealed=True)
    files = {
        "tiny.open": tiny,
        "damaged.open": chain_of(many, spoil=2),
        "skips.open": START + skips,
        "skips-between.open": chain_of(1) + skips + tiny[len(START) :],
        "headers.open": START + (struct.pack("<II", 0x184D2A5B, 4096) + b"RKCH") * 3_000,
        "indexes.open": START + (struct.pack("<II", 0x184D2A5B, 84) + b"RKIX") * 10_000,
        "ends.jsonl.zst": index + index[part_of_file(index, "index").offset :] * 200,
        "frames.open": START + b"\x28\xb5\x2f\xfd\x24\x00\x01\x00\x00\x99\xe9\xd8\x51" * 50_000,
    }
    said, peak = hostile(tmp_path, files)
    assert said["tiny.open", "strict"]["events"] == said["tiny.open", "salvage"]["events"] == many
    assert (said["damaged.open", "salvage"]["events"], said["damaged.open", "salvage"]["damage"]) == (
        many // 2,
        many // 2,
    )
    assert said["damaged.open", "strict"]["events"] == 1
    for name in ("skips.open", "headers.open", "indexes.open", "frames.open"):
        assert (said[name, "salvage"]["events"], said[name, "salvage"]["damage"]) == (0, 1), name
        assert said[name, "strict"]["error"] == "BadMagicError" or name in ("headers.open", "indexes.open")
    assert said["ends.jsonl.zst", "salvage"]["events"] == 4
    assert said["ends.jsonl.zst", "strict"]["error"] == "ChainError"
    assert peak < 120


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["strict", "salvage"])
def test_a_million_tiny_chunks(tmp_path, mode):
    """
    A million chunks take six passes over them less than a hundred seconds of the processor, and little memory.
    """
    said, peak = hostile(tmp_path, {"tiny.open": chain_of(1_000_000)}, modes=(mode,), patient=True)
    assert (said["tiny.open", mode]["events"], said["tiny.open", mode]["damage"]) == (1_000_000, 0)
    assert peak < 200


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_fifty_thousand_damaged_chunks_among_tiny_ones(tmp_path):
    """
    Every third of 150 000 tiny chunks is damaged: each is told of, and the others come, in time.
    """
    said, peak = hostile(tmp_path, {"damaged.open": chain_of(150_000, spoil=3)}, patient=True)
    assert said["damaged.open", "salvage"]["damage"] == 50_000
    assert said["damaged.open", "salvage"]["events"] == 100_000
    assert peak < 300


def test_damage_does_not_keep_chunks_in_memory(tmp_path):
    """
    Of a recording with fifty damaged chunks of half a megabyte each, salvage holds one at a time.
    """
    noise = random.Random(1)
    chunks = [[query(n, noise.randbytes(1 << 18).hex())] for n in range(50)]
    data = bytearray(recording_bytes(chunks, sealed=False))
    offset = part_of_file(bytes(data), "head").offset
    while offset < len(data):
        size, stored = struct.unpack_from("<I", data, offset + 4)[0], struct.unpack_from("<I", data, offset + 32)[0]
        offset += 8 + size + stored
        data[offset - 9] ^= 1
    (tmp_path / "rotten.open").write_bytes(data)
    said, peak = hostile(tmp_path, {})
    assert said["rotten.open", "salvage"]["damage"] == 50
    assert peak < 60


def test_declared_sizes_at_every_limit_are_refused_before_reading(tmp_path):
    """
    Each size of each structure at, and one above, what it may be: a typed error, or the events as they are.
    """
    data = recording_bytes(session(2, 2), sealed=True)
    header, head, index = (part_of_file(data, name) for name in ("header", "head", "index"))
    limits, truth = DEFAULT_LIMITS, [event for chunk in session(2, 2) for event in chunk]
    path = tmp_path / sealed_name()
    for part, at, width in (
        (header, 4, 4), (header, 16, 4), (header, 60, 4), (head, 4, 4), (head, 12, 2), (head, 32, 4), (head, 36, 4),
        (head, 40, 4), (index, 4, 4), (index, 12, 2), (index, 28, 4), (index, 32, 4), (index, 36, 4),
    ):  # fmt: skip
        for size in (
            0,
            1,
            2**15,
            4096,
            4097,
            limits.header,
            limits.index,
            limits.raw_chunk,
            limits.stored_chunk,
            2**32 - 1,
        ):
            for more in (0, 1):
                value = (size + more) % 2 ** (8 * width)
                changed = bytearray(data)
                changed[part.offset + at : part.offset + at + width] = value.to_bytes(width, "little")
                path.write_bytes(fuzzing.targets.repaired(bytes(changed), 15))
                for mode in ("strict", "salvage"):
                    found = read(path, mode=mode)
                    assert all(event in truth for event in found.events)


def test_a_seek_table_that_lies_misleads_nobody(tmp_path):
    """
    A footer that claims any number of frames costs a typed error and no event.
    """
    data = recording_bytes(session(2, 2), sealed=True)
    path = tmp_path / sealed_name()
    for frames in (0, 1, 6, 8, 2**16, len(data) // 8, 2**31, 2**32 - 1):
        path.write_bytes(data[:-9] + struct.pack("<I", frames) + data[-5:])
        found = read(path, mode="salvage")
        assert lines_of(found.events) == lines_of([event for chunk in session(2, 2) for event in chunk])
        assert set(found.kinds) == {"index"}, frames


def test_no_memory_for_a_chunk_is_an_error_of_the_format():
    """
    Where the machine can't give memory for a chunk's stored bytes, that chunk is damage, and the others come.
    """

    class Poor(MemorySource):
        def read_at(self, offset, size):
            if size > 5000:
                raise MemoryError
            return super().read_at(offset, size)

    chunks = [*session(1, 2, ended=False), [query(2, random.Random(1).randbytes(9000).hex())], [query(3)]]
    decoder = Decoder(Poor(recording_bytes(chunks, sealed=False)), DEFAULT_LIMITS)
    first, damage, last = decoder.walk()
    assert isinstance(first, Chunk)
    assert isinstance(last, Chunk)
    assert isinstance(damage.error, LimitExceededError)


# ---------------------------------------------------------------- any bytes, one family of errors


@pytest.mark.parametrize("name", fuzzing.targets.TARGETS)
def test_whatever_is_changed_ends_in_a_value_or_in_one_family_of_errors(name):
    """
    A short run of each fuzz target over changed files of the corpus; the long ones are `python tests/fuzz/run_targets.py`.
    """
    runs = {"recording": 120, "sealing": 150, "walk": 500}.get(name, 2000)
    assert fuzzing.blindly(name, runs=runs, seed=20_261_122) == runs


def test_what_a_fuzzer_found_stays_mended():
    """
    Inputs that once failed their target, kept in tests/fuzz/found as TARGET-…, no longer do.
    """
    for path in (Path(__file__).parent / "fuzz" / "found").glob("*-*"):
        fuzzing.targets.TARGETS[path.name.split("-")[0]](path.read_bytes())


def test_a_target_that_fails_is_told_with_its_input(monkeypatch):
    """
    The short runs can fail: an error of another family is reported with the bytes that made it.
    """

    def broken(data):
        raise KeyError(len(data))

    monkeypatch.setitem(fuzzing.targets.TARGETS, "line", broken)
    with pytest.raises(AssertionError, match=r"line: KeyError\(\d+\) for [0-9a-f]+"):
        fuzzing.blindly("line", runs=1)


def test_a_store_of_hostile_files_answers(tmp_path):
    """
    Listing, finding, opening and reindexing a store whose files are garbage name problems and raise nothing else.
    """
    create_store(tmp_path)
    dice, data = random.Random(5), recording_bytes(session(2, 2), sealed=True)
    seeds = fuzzing.targets.seeds("recording")
    for number in range(40):
        sid = SID[:-4] + f"{number:02x}01"
        path = sealed_path(tmp_path, sid)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(fuzzing.mutated(dice.choice(seeds)[1:], seeds, dice))
        (tmp_path / "open" / (sid[:-2] + "ff.jsonl.zst.open")).write_bytes(fuzzing.mutated(data, seeds, dice))
    (tmp_path / "open" / ("ab" * 16 + ".lock")).write_bytes(b"")
    for catalog in (None, b"garbage" * 500, b"SQLite format 3\0" + dice.randbytes(4000)):
        if catalog is not None:
            (tmp_path / "catalog.sqlite").write_bytes(catalog)
        with open_store(tmp_path) as store:
            for summary in store.list():
                try:
                    with store[summary.sid] as recording:
                        list(recording.events())
                except (FormatError, StoreError):
                    pass
            assert store.problems
            store.reindex(seal=lambda source, target: seal(source, target, files=QuickFiles()))


def test_a_catalog_with_changed_bytes_changes_no_answer(tmp_path):
    """
    Whatever byte of the catalog is changed, listing gives the same recordings.
    """
    create_store(tmp_path)
    for number in range(4):
        sid = SID[:-4] + f"{number:02x}01"
        path = sealed_path(tmp_path, sid)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(recording_bytes(session(1, 2), sealed=True, sid=sid))
    catalog, dice = tmp_path / "catalog.sqlite", random.Random(8)
    with open_store(tmp_path) as store:
        truth = [summary.sid for summary in store.list()]
        assert len(truth) == 4
    good = catalog.read_bytes()
    for _ in range(40):
        for name in ("catalog.sqlite-wal", "catalog.sqlite-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        bad = fuzzing.mutated(good, [good], dice)
        with catalog.open("r+b") as file:  # in place, as a disk rots
            file.write(bad)
            file.truncate(len(bad))
        with open_store(tmp_path) as store:
            assert sorted(summary.sid for summary in store.list()) == sorted(truth)
            with suppress(RecordKitError):
                store.reindex()
