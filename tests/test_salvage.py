"""
Salvage: what is sound of a damaged recording becomes a recording of its own that says what it lacks.
"""

import json
import random
import shutil
import subprocess
from contextlib import suppress

import pytest

from cli_run import demo_store
from crashing_files import CrashingFiles, Died
from faults import FaultyFiles
from forging import recompressed, recomputed
from recordings import (
    SID,
    QuickFiles,
    flat,
    open_name,
    parts,
    pieces,
    query,
    recording_bytes,
    sealed_name,
    session,
)
from recordkit.container import State, open_recording
from recordkit.errors import FormatError, UnsupportedVersionError
from recordkit.recorder import Recorder
from recordkit.verification import salvage, sealed_notes, verify_recording

CHUNKS = session(6, 5)
EVENTS = flat(CHUNKS)
SEALED = recording_bytes(CHUNKS, sealed=True)
OPEN = recording_bytes(CHUNKS, sealed=False)
PIECES = pieces(SEALED)
OFFSETS = [part.offset for part in parts(SEALED) if part.name == "head"]


def names(directory):
    """
    What is in a directory.
    """
    return sorted(path.name for path in directory.iterdir())


def damaged(number, data=SEALED):
    """
    The recording with one bit flipped in the frame of a chunk.
    """
    made = bytearray(data)
    made[OFFSETS[number] + 150] ^= 1
    return bytes(made)


def save(tmp_path, data, *, name=None, live=False, **options):
    """
    Salvage these bytes; return what came of it, and the new recording's events.
    """
    path, out = tmp_path / (name or sealed_name()), tmp_path / "out" / sealed_name()
    out.parent.mkdir(exist_ok=True)
    out.unlink(missing_ok=True)
    path.write_bytes(data)
    result = salvage(path, out, live=live, **{"files": QuickFiles()} | options)
    assert path.read_bytes() == data
    assert verify_recording(out).findings == ()
    with open_recording(out) as recording:
        return result, list(recording.events())


def real(events):
    """
    The events that are no gaps.
    """
    return [event for event in events if event["event"] != "recordkit.gap"]


def gaps(events):
    """
    What the gap events say.
    """
    return [
        (event["from"], event.get("to"), event.get("count")) for event in events if event["event"] == "recordkit.gap"
    ]


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("chunk_bytes", [1, 500, 2**18])
def test_a_sound_recording_comes_out_equal(sealed, ended, chunk_bytes, tmp_path):
    """
    Salvage of what is sound loses nothing, line for line, and ends in the same state.
    """
    chunks = session(6, 5, ended=ended)
    name = sealed_name() if sealed else open_name()
    result, events = save(tmp_path, recording_bytes(chunks, sealed=sealed), name=name, chunk_bytes=chunk_bytes)
    assert events == flat(chunks)
    assert (result.lossless, result.findings) == (True, ())
    assert result.summary.state is (State.COMPLETE if ended else State.INTERRUPTED)
    with open_recording(tmp_path / name, live=False) as one, open_recording(result.path) as other:
        assert b"".join(one.lines()) == b"".join(other.lines())
        assert (one.summary.user, one.summary.created_ns) == (other.summary.user, other.summary.created_ns)


def test_every_demo_session_comes_out_equal(tmp_path):
    """
    Sessions of all protocols, as recorded, are salvaged without a loss.
    """
    store = demo_store(tmp_path)
    for path in store.glob("*/*.jsonl.zst"):
        result = salvage(path, tmp_path / path.name, files=QuickFiles())
        with open_recording(path) as one, open_recording(result.path) as other:
            assert list(one.events()) == list(other.events())
        assert verify_recording(result.path).findings == ()


@pytest.mark.parametrize("number", range(6))
def test_a_lost_chunk_leaves_a_gap_in_its_place(number, tmp_path):
    """
    Where a chunk is damaged, one gap event names its events, their number, and the reason with chunk and byte.
    """
    result, events = save(tmp_path, damaged(number))
    lost = range(number * 5, number * 5 + 5)
    assert real(events) == [event for event in EVENTS if event["ei"] not in lost]
    assert gaps(events) == [(lost[0], lost[-1], 5)]
    (gap,) = [event for event in events if event["event"] == "recordkit.gap"]
    assert events.index(gap) == number * 5
    assert (gap["sid"], gap["ei"], gap["code"]) == (SID, lost[0], "RKG00W")
    assert gap.get("time") == (EVENTS[number * 5 - 1]["time"] if number else None)
    assert gap["reason"].startswith("salvage: ")
    assert gap["reason"].endswith(f"(chunk {number} at offset {OFFSETS[number]} of the damaged recording)")
    assert (result.lossless, result.summary.lost, result.summary.events) == (False, 5, 26)


def test_the_summary_says_what_was_lost(tmp_path):
    """
    The new recording's summary lists the findings with places in the old one, and its header says that it is no original.
    """
    result, _ = save(tmp_path, damaged(2))
    from recordkit.container.index import find_index
    from recordkit.container.source import FileSource
    from recordkit.limits import DEFAULT_LIMITS

    source = FileSource(result.path)
    stored = find_index(source, source.size(), DEFAULT_LIMITS, with_entries=False).summary["salvage"]
    assert stored["found"] == 1
    (finding,) = stored["findings"]
    assert (finding["kind"], finding["chunk"], finding["offset"]) == ("corrupt", 2, OFFSETS[2])
    assert (finding["lost"], finding["first_ei"], finding["last_ei"]) == (5, 10, 14)
    assert sealed_notes(result.path).salvaged == 1
    assert b'"salvaged_by":"recordkit/' in result.path.read_bytes()[:300]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([*PIECES[:3], *PIECES[4:]], [(10, 14, 5)]),
        ([*PIECES[:6], PIECES[7]], [(25, 29, 5)]),
        ([*PIECES[:3], PIECES[2], *PIECES[3:]], []),
        ([*PIECES[:2], PIECES[3], PIECES[2], *PIECES[4:]], [(5, 9, 5)]),
        ([*PIECES[:3], *PIECES[6:]], [(10, 24, 15)]),
        ([OPEN], [(30, None, None)]),
        ([SEALED[:-30]], []),
    ],
    ids=["removed", "last removed", "repeated", "swapped", "three removed", "no index", "seek table cut"],
)
def test_gaps_say_what_is_missing_whatever_the_damage(made, expected, tmp_path):
    """
    Missing, repeated and swapped chunks and a lost end leave gaps for what is missing, and none for what was put in.
    """
    result, events = save(tmp_path, b"".join(made))
    assert gaps(events) == expected
    missing = {ei for first, last, _ in expected if last is not None for ei in range(first, last + 1)}
    assert real(events) == [event for event in EVENTS if event["ei"] not in missing]
    assert result.lossless is (not expected)


def test_a_torn_recording_says_that_nobody_knows_how_much_is_missing(tmp_path):
    """
    Behind a cut the gap names the first event that may be missing, and no number.
    """
    result, events = save(tmp_path, OPEN[:-20], name=open_name())
    assert events[:-1] == EVENTS[:25]
    assert gaps(events) == [(25, None, None)]
    assert "count" not in events[-1]
    assert (result.summary.lost, result.lossless) == (0, False)
    assert result.summary.state is State.INTERRUPTED


def test_a_recording_that_is_written_is_copied_as_far_as_it_is(tmp_path):
    """
    Of a recording in the making, salvage takes what is there, and no gap is made up for the rest.
    """
    with Recorder(tmp_path / "store", files=QuickFiles()) as recorder:
        s = recorder.session(user="alice")
        s.query("SELECT 1")
        s.flush()
        path = tmp_path / "store" / "open" / f"{s.sid}.jsonl.zst.open"
        result = salvage(path, tmp_path / "out.jsonl.zst", files=QuickFiles())
    assert result.lossless
    assert (result.summary.events, result.summary.state) == (2, State.INTERRUPTED)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(("begin", "end"), [(0, 13), (13, 21), (40, 41), (0, 200), (0, 4096)])
def test_a_damaged_header_costs_no_chunk(sealed, begin, end, tmp_path):
    """
    Magic and header are put together anew from the index or the events; only chunks that were hit are lost.
    """
    chunks = [
        [query(n * 3 + k, f"SELECT {random.Random(n * 3 + k).randbytes(200).hex()};") for k in range(3)]
        for n in range(20)
    ]
    data = recording_bytes(chunks, sealed=sealed)
    heads = [part.offset for part in parts(data) if part.name == "head"]
    hit = sum(offset < end for offset in heads)
    made = data[:begin] + bytes(end - begin) + data[end:]
    result, events = save(tmp_path, made, name=sealed_name() if sealed else open_name())
    assert real(events) == flat(chunks[hit:])
    assert gaps(events) == ([(0, hit * 3 - 1, hit * 3)] if hit else [])
    assert result.summary.sid == SID
    if sealed:
        assert result.summary.user == "alice"
        assert result.findings[0].what


def test_a_damaged_header_is_put_together_from_most_chunks(tmp_path):
    """
    A chunk of another recording, though it comes first, does not make the rest foreign.
    """
    foreign = pieces(recording_bytes(session(3, 5), sealed=True, sid="407b49d6-56c7-4d20-8cf0-5bc5348a7101"))
    result, events = save(tmp_path, b"".join([bytes(len(PIECES[0])), foreign[1], *PIECES[1:]]), name="x.jsonl.zst")
    assert (result.summary.sid, real(events)) == (SID, EVENTS)


def test_the_new_file_is_synced_before_it_has_its_name(tmp_path):
    """
    What appears under the new name survives power loss: its content is synced first, its directory afterwards.
    """
    done = []

    class Noting(QuickFiles):
        def sync(self, path):
            done.append((path.name, (tmp_path / "out" / "new").exists()))

    (tmp_path / "out").mkdir()
    path = tmp_path / sealed_name()
    path.write_bytes(SEALED)
    salvage(path, tmp_path / "out" / "new", files=Noting())
    assert done == [("new.tmp", False), ("out", True)]


def test_where_nothing_is_left_nothing_is_written(tmp_path):
    """
    A file without a sound chunk or header, or of a newer format, is refused, and no file appears.
    """
    import struct
    import zlib

    newer = bytearray(SEALED)
    struct.pack_into("<H", newer, 13 + 14, 0x8000)
    struct.pack_into("<I", newer, OFFSETS[0] - 4, zlib.crc32(newer[13 + 8 : OFFSETS[0] - 4]))
    for data, error in ((b"", FormatError), (bytes(9999), FormatError), (bytes(newer), UnsupportedVersionError)):
        path = tmp_path / sealed_name()
        path.write_bytes(data)
        with pytest.raises(error) as raised:
            salvage(path, tmp_path / "out.zst", files=QuickFiles())
        assert raised.value.path == path
        assert names(tmp_path) == [sealed_name()]


def test_nothing_is_ever_replaced(tmp_path):
    """
    A file, a directory or a dangling link at the new place is left as it is.
    """
    path = tmp_path / sealed_name()
    path.write_bytes(SEALED)
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "directory", "link", sealed_name()):
        files = CrashingFiles(999, "refused")
        with pytest.raises(FileExistsError):
            salvage(path, tmp_path / name, files=files)
        assert files.done == []
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert path.read_bytes() == SEALED
    assert len(names(tmp_path)) == 4


def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path):
    """
    A file that appears at the new place while salvage writes is kept, and nothing of salvage is left.
    """

    class Racing(QuickFiles):
        def append(self, path, data, *, offset):
            (tmp_path / "out").write_bytes(b"mine")
            super().append(path, data, offset=offset)

    path = tmp_path / sealed_name()
    path.write_bytes(SEALED)
    with pytest.raises(FileExistsError):
        salvage(path, tmp_path / "out", files=Racing())
    assert (tmp_path / "out").read_bytes() == b"mine"
    assert names(tmp_path) == sorted([sealed_name(), "out"])


@pytest.mark.parametrize("fault", ["N", "E", "S"])
def test_a_disk_that_fails_leaves_nothing_behind(fault, tmp_path):
    """
    Whichever operation fails, the error is told, there is no new file, whole or half, and the old one is untouched.
    """
    path = tmp_path / sealed_name()
    path.write_bytes(damaged(2))
    operations = frozenset({"create", "append", "sync"})
    counting = FaultyFiles(operations=operations)
    salvage(path, tmp_path / "out", files=counting, chunk_bytes=400)
    (tmp_path / "out").unlink()
    assert counting.count > 6
    for number in range(counting.count - 1):  # the last one syncs the directory: the file is whole then
        with pytest.raises(OSError):
            salvage(
                path, tmp_path / "out", chunk_bytes=400, files=FaultyFiles("." * number + fault, operations=operations)
            )
        assert names(tmp_path) == [sealed_name()], number
    salvage(path, tmp_path / "out", files=QuickFiles())


@pytest.mark.parametrize("how", ["dies before", "dies half-way", "dies behind"])
def test_a_process_that_dies_leaves_all_or_nothing(how, tmp_path):
    """
    Under its name the new recording is whole or not there, and salvage can be done again.
    """
    path, out = tmp_path / sealed_name(), tmp_path / "out.jsonl.zst"
    path.write_bytes(damaged(2))
    for at in range(12):
        with suppress(Died):
            salvage(path, out, files=CrashingFiles(at, how), chunk_bytes=400)
        if out.exists():
            assert verify_recording(out).findings == ()
            out.unlink()
        salvage(path, out, files=QuickFiles())
        assert verify_recording(out).findings == ()
        out.unlink()
        shutil.rmtree(tmp_path / "out.jsonl.zst.tmp", ignore_errors=True)
        assert names(tmp_path) == [sealed_name()]


def test_random_damage_is_always_salvaged_to_something_sound(tmp_path):
    """
    Over seeded damage of all sorts, the new recording verifies clean, has only events that were recorded, in order, and counts its losses right.
    """
    pick = random.Random(5)
    for number in range(150):
        made = bytearray(SEALED if number % 2 else OPEN)
        for _ in range(pick.choice([1, 1, 2, 4])):
            place, some = pick.randrange(len(made)), pick.choice([1, 8, 60, 400])
            how = pick.randrange(4)
            if how == 0:
                made[place] ^= 1 << pick.randrange(8)
            elif how == 1:
                made[place : place + some] = bytes(min(some, len(made) - place))
            elif how == 2:
                made[place:place] = pick.randbytes(some)
            else:
                del made[place : place + some]
        try:
            result, events = save(tmp_path, bytes(made), name=sealed_name() if number % 2 else open_name())
        except FormatError:
            assert verify_recording(tmp_path / (sealed_name() if number % 2 else open_name()), live=False).events == 0
            continue
        rest = iter(EVENTS)
        assert all(any(event == other for other in rest) for event in real(events)), number
        lost = [finding.lost for finding in result.findings]
        if None not in lost and number % 2:
            assert sum(lost) == len(EVENTS) - len(real(events)), number


def test_an_edited_chunk_is_not_salvaged(tmp_path):
    """
    Lines that somebody changed are left out, though their checksums are right; the gap names those that were recorded.
    """
    _, events = save(tmp_path, recompressed(SEALED, 3, db_query="SELECT 'nothing';"))
    assert gaps(events) == [(15, 19, 5)]


def test_what_is_salvaged_is_plain_json_lines(tmp_path):
    """
    Stock tools print the new recording's events.
    """
    _, events = save(tmp_path, damaged(1))
    printed = subprocess.run(["zstd", "-dc", tmp_path / "out" / sealed_name()], capture_output=True, check=True).stdout
    assert [json.loads(line) for line in printed.splitlines()] == events


def test_salvage_twice_is_salvage_once(tmp_path):
    """
    What is salvaged is sound, so that salvaging it again changes no event, and earlier gaps still count.
    """
    result, events = save(tmp_path, damaged(4))
    again, same = save(tmp_path, result.path.read_bytes(), name="again.jsonl.zst")
    assert same == events
    assert (again.lossless, again.summary.lost) == (True, 5)


def test_forged_but_sound_recordings_are_copied(tmp_path):
    """
    Salvage believes a chain that was computed anew: only a key or a noted head could tell.
    """
    result, events = save(tmp_path, recomputed(SEALED, CHUNKS[:2]))
    assert (result.lossless, events) == (True, flat(CHUNKS[:2]))
