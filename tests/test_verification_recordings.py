"""
What verifying one recording finds: everything that is wrong, where it is, what it costs, and nothing that isn't there.
"""

import json
import random
from itertools import permutations

import pytest

from cli_run import demo_store
from forging import chunks_of, edited, recompressed, recomputed
from recordings import (
    NOON,
    SECOND,
    SID,
    QuickFiles,
    count,
    flat,
    lines_of,
    open_name,
    parts,
    pieces,
    query,
    recording_bytes,
    sealed_name,
    session,
    write,
)
from recordkit.container import State, open_recording, seal
from recordkit.container.chunks import encode_chunk, first_position
from recordkit.container.frames import Compressor
from recordkit.container.header import read_header
from recordkit.container.longest_run import left_out
from recordkit.container.source import MemorySource
from recordkit.events import format_time
from recordkit.limits import DEFAULT_LIMITS
from recordkit.recorder import Recorder
from recordkit.verification import Evidence, Severity, parse_head, salvage, verify_recording

CHUNKS = session(5, 4)
SEALED = recording_bytes(CHUNKS, sealed=True)
OPEN = recording_bytes(CHUNKS, sealed=False)
PIECES = pieces(SEALED)
OFFSETS = [part.offset for part in parts(SEALED) if part.name == "head"]
FOREIGN = pieces(recording_bytes(session(5, 4), sealed=True, sid="407b49d6-56c7-4d20-8cf0-5bc5348a7101"))


def check(tmp_path, data, *, name=None, **options):
    """
    Verify these bytes under the name of a sealed recording, or another one.
    """
    path = tmp_path / (name or sealed_name())
    path.write_bytes(data)
    return verify_recording(path, **options)


def places(report):
    """
    Kind, chunk, offset and events lost of each finding.
    """
    return [
        (item.kind.value, item.chunk, item.offset, item.lost, item.first_ei, item.last_ei) for item in report.findings
    ]


# ---------------------------------------------------------------- sound recordings


@pytest.mark.parametrize("chunks", [1, 2, 7])
@pytest.mark.parametrize("events", [1, 5])
@pytest.mark.parametrize("ended", [True, False])
def test_a_sound_recording_has_no_finding(chunks, events, ended, tmp_path):
    """
    Sealed, open and being written, complete or interrupted, in whatever chunking: nothing is found.
    """
    made = session(chunks, events, ended=ended)
    for sealed, live, state in ((True, None, None), (False, True, State.OPEN), (False, False, None)):
        data = recording_bytes(made, sealed=sealed)
        report = check(tmp_path, data, name=sealed_name() if sealed else open_name(), live=live)
        assert report.findings == ()
        assert report.sound
        assert (report.sid, report.events, report.chunks) == (SID, chunks * events, chunks)
        assert report.state is (state or (State.COMPLETE if ended else State.INTERRUPTED))


def test_an_empty_recording_is_sound(tmp_path):
    """
    A recording without a chunk, open or sealed, has no finding.
    """
    for sealed in (True, False):
        report = check(tmp_path, recording_bytes([], sealed=sealed), name=sealed_name() if sealed else open_name())
        assert (report.findings, report.events) == ((), 0)


def test_whatever_the_recorder_makes_is_sound(tmp_path):
    """
    The sessions of all protocols that the demo records have neither errors nor warnings.
    """
    found = sorted(demo_store(tmp_path).glob("*/*.jsonl.zst"))
    assert len(found) == 8
    assert [verify_recording(path).findings for path in found] == [()] * 8


@pytest.mark.parametrize("seed", range(6))
def test_events_of_any_sort_are_counted_as_the_recorder_counts(seed, tmp_path):
    """
    Random sessions with results, errors, gaps, given and missing times and numbers agree with their chunk headers.
    """
    pick = random.Random(seed)
    with Recorder(tmp_path, files=QuickFiles(), max_result_rows=3) as recorder, recorder.session(user="alice") as s:
        for _ in range(200):
            choice = pick.randrange(7)
            if choice < 3:
                s.query("SELECT 1", success=pick.random() < 0.8)
            elif choice == 3:
                s.result(affected_records=pick.randrange(9))
            elif choice == 4:
                s.emit({"event": "db.session.mysql.statements.execute", "statement_id": 1})
            elif choice == 5:
                s.emit({"event": "some.thing", "time": format_time(NOON + pick.randrange(10**6) * SECOND)})
            elif pick.random() < 0.3:
                s.flush()
    report = verify_recording(tmp_path / s.sid[-2:] / f"{s.sid}.jsonl.zst")
    assert report.errors == ()
    assert {finding.kind.value for finding in report.findings} <= {"time"}


def test_dropped_events_that_are_named_are_no_finding(tmp_path):
    """
    A hole in ei that a gap event names is counted, not complained of.
    """
    gap = {"event": "recordkit.gap", "from": 2, "to": 6, "count": 5, "reason": "overflow", "sid": SID}
    chunks = [[query(0), query(1), query(2) | gap], [query(7), query(8) | {"event": "db.session.end"}]]
    report = check(tmp_path, recording_bytes(chunks, sealed=True))
    assert (report.findings, report.named_lost) == ((), 5)


def test_events_that_survived_within_a_gap_are_no_finding(tmp_path):
    """
    A gap's range may hold events that were recorded after all; only those outside it go back.
    """
    gap = {"event": "recordkit.gap", "from": 2, "to": 6, "count": 4, "reason": "overflow", "sid": SID}
    events = [query(0), query(1), query(2) | gap, query(4), query(7), query(8)]
    assert one_chunk(tmp_path, events).findings == ()
    assert [
        finding.first_ei for finding in one_chunk(tmp_path, [*events, query(1)]).findings if finding.kind.value == "ei"
    ] == [1]


# ---------------------------------------------------------------- honest over mutations

MUTATIONS = (
    "flip",
    "cut",
    "zeros",
    "insert",
    "remove",
    "swap",
    "repeat",
    "drop",
    "foreign",
    "edit",
    "garbage",
    "append",
)


def mutated(kind, pick, data):
    """
    One mutation of a recording.
    """
    place, some = pick.randrange(len(data)), pick.choice([1, 3, 30, 200, 4096])
    made, own = bytearray(data), pieces(data)
    numbers = range(1, 6)
    if kind == "flip":
        made[place] ^= 1 << pick.randrange(8)
    elif kind == "cut":
        del made[place:]
    elif kind == "zeros":
        made[place : place + some] = bytes(min(some, len(data) - place))
    elif kind == "garbage":
        made[place : place + some] = pick.randbytes(min(some, len(data) - place))
    elif kind == "insert":
        made[place:place] = pick.randbytes(some)
    elif kind == "remove":
        del made[place : place + some]
    elif kind == "append":
        made += pick.randbytes(some)
    elif kind == "edit":
        return recompressed(data, pick.randrange(5), db_query=f"SELECT {pick.random()}")
    else:
        one, other = pick.sample(numbers, 2)
        if kind == "swap":
            own[one], own[other] = own[other], own[one]
        elif kind == "repeat":
            own.insert(other, own[one])
        elif kind == "drop":
            del own[one]
        else:
            own.insert(other, FOREIGN[one])
        return b"".join(own)
    return bytes(made)


@pytest.mark.parametrize("kind", MUTATIONS)
@pytest.mark.parametrize("sealed", [True, False])
def test_no_mutation_is_called_sound(kind, sealed, tmp_path):
    """
    Whatever is done to a recording without computing its chain anew is an error, and no event that was not recorded counts.
    """
    data = SEALED if sealed else OPEN
    whole = {OPEN[:end] for end in [*OFFSETS, len(OPEN)]}  # an open recording may end behind any chunk
    pick = random.Random(f"{kind} {sealed}")
    for number in range(60):
        made = mutated(kind, pick, data)
        if made == data or (not sealed and made in whole):
            continue
        report = check(tmp_path, made, name=sealed_name() if sealed else open_name(), live=False)
        assert not report.sound, (kind, number)
        assert report.events <= len(flat(CHUNKS))


def test_every_bit_of_a_chunk_is_blamed_on_that_chunk(tmp_path):
    """
    A flipped bit in a chunk's header or frame is found in that chunk, at its offset, and costs its four events.
    """
    for part in parts(SEALED):
        if part.name not in ("head", "body"):
            continue
        number = sum(offset <= part.offset for offset in OFFSETS) - 1
        for offset in range(part.offset, part.end, 3):
            made = bytearray(SEALED)
            made[offset] ^= 1 << (offset % 8)
            report = check(tmp_path, made)
            (finding,) = report.findings
            assert (finding.chunk, finding.offset, finding.lost) == (number, OFFSETS[number], 4), offset
            assert (finding.first_ei, finding.last_ei) == (number * 4, number * 4 + 3)
            assert report.events == 16


def test_damage_of_4_kib_costs_the_chunks_it_touches(tmp_path):
    """
    A zeroed block of 4 KiB anywhere in a recording of many chunks loses no more than the chunks it touches, plus one.
    """
    chunks = [
        [query(n * 3 + k, f"SELECT {random.Random(n * 3 + k).randbytes(300).hex()};") for k in range(3)]
        for n in range(30)
    ]
    chunks[-1][-1]["event"] = "db.session.end"
    data = recording_bytes(chunks, sealed=True)
    heads = [part.offset for part in parts(data) if part.name == "head"]
    end = next(part.offset for part in parts(data) if part.name == "index")
    for begin in range(heads[0], end - 4096, 997):
        made = data[:begin] + bytes(4096) + data[begin + 4096 :]
        report = check(tmp_path, made)
        touched = sum(
            first < begin + 4096 and last > begin for first, last in zip(heads, [*heads[1:], end], strict=True)
        )
        lost = sum(finding.lost for finding in report.findings)
        assert 3 <= lost <= 3 * (touched + 1)
        assert lost == 90 - report.events


# ---------------------------------------------------------------- each fault by itself

INDEX_AT = next(part.offset for part in parts(SEALED) if part.name == "index")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([*PIECES[:2], *PIECES[3:]], [("misplaced", 1, OFFSETS[1], 4, 4, 7)]),
        ([*PIECES[:5], PIECES[6]], [("misplaced", 4, OFFSETS[4], 4, 16, 19)]),
        ([*PIECES[:3], PIECES[2], *PIECES[3:]], [("misplaced", 2, OFFSETS[2], 0, None, None)]),
        ([*PIECES[:3], FOREIGN[3], *PIECES[3:]], [("misplaced", 2, OFFSETS[2], 0, None, None)]),
        ([*PIECES[:3], FOREIGN[3], *PIECES[4:]], [("misplaced", 2, OFFSETS[2], 4, 8, 11)]),
        ([SEALED, b"x" * 5], [("index", None, None, 0, None, None)]),
        ([PIECES[0], b"x" * 9, *PIECES[1:]], [("corrupt", 0, OFFSETS[0], 0, None, None)]),
    ],
    ids=["removed", "last removed", "repeated", "foreign", "replaced", "appended", "inserted"],
)
def test_a_fault_is_named_with_what_it_costs(made, expected, tmp_path):
    """
    The finding says what sort of fault it is, at which chunk and byte, and which events are lost by it.
    """
    found = places(check(tmp_path, b"".join(made)))
    if expected[0][0] == "index":
        found = [(kind, chunk, None, *rest) for kind, chunk, _, *rest in found]
    assert found == expected


def test_a_swap_costs_the_chunk_that_comes_too_late(tmp_path):
    """
    Of two swapped chunks the later one is read, the earlier one is out of sequence.
    """
    report = check(tmp_path, b"".join([*PIECES[:2], PIECES[3], PIECES[2], *PIECES[4:]]))
    assert [(kind, chunk, lost) for kind, chunk, _, lost, *_ in places(report)] == [
        ("misplaced", 1, 4),
        ("misplaced", 3, 0),
    ]


def test_an_edited_chunk_is_found_though_its_checksums_are_right(tmp_path):
    """
    Lines changed, compressed anew and given the right CRC and size do not follow the chain.
    """
    report = check(tmp_path, recompressed(SEALED, 2, db_query="SELECT 'nothing';"))
    assert places(report)[0][:2] + places(report)[0][3:] == (
        "misplaced",
        2,
        4,
        8,
        11,
    )
    assert report.events == 16


def test_without_an_index_the_neighbours_tell_what_is_lost(tmp_path):
    """
    In a recording that is not sealed, the events between two sound chunks are counted by their ei.
    """
    own = pieces(OPEN)
    report = check(tmp_path, b"".join([*own[:2], *own[3:]]), name=open_name(), live=False)
    assert places(report) == [("misplaced", 1, OFFSETS[1], 4, 4, 7)]


@pytest.mark.parametrize("cut", [1, 20, 130])
def test_what_is_behind_a_cut_is_not_known(cut, tmp_path):
    """
    A torn recording says from which event on something may be missing, and not how many.
    """
    report = check(tmp_path, OPEN[:-cut], name=open_name(), live=False)
    assert places(report) == [("torn", 4, OFFSETS[4], None, 16, None)]
    assert report.state is State.TORN
    assert "events may be lost (ei 16 on)" in report.findings[0].sentence(report.path)
    assert check(tmp_path, OPEN[:-cut], name=open_name(), live=True).findings == ()


def test_a_sealed_file_cut_behind_a_chunk_is_torn(tmp_path):
    """
    A file that is named as sealed and has no index is torn, even if it ends with a whole chunk.
    """
    report = check(tmp_path, OPEN)
    assert [finding.kind.value for finding in report.findings] == ["torn"]
    assert report.state is State.TORN
    assert check(tmp_path, SEALED[:-1]).findings[0].lost == 0  # all chunks are there


def test_damage_of_index_and_seek_table_costs_nothing(tmp_path):
    """
    Where only the repeated information is damaged, that is said, with no event lost.
    """
    for offset in range(INDEX_AT, len(SEALED), 11):
        made = bytearray(SEALED)
        made[offset] ^= 2
        report = check(tmp_path, made)
        assert report.errors
        assert (report.events, {finding.lost for finding in report.findings}) == (20, {0}), offset


def test_what_is_no_recording_is_one_finding(tmp_path):
    """
    A file of something else, an empty one and one with a damaged header can't be read, and that is a report like any other.
    """
    for data in (b"", b"nonsense", SEALED[:5], bytes(1000), SEALED[:20] + b"x" + SEALED[21:]):
        report = check(tmp_path, data)
        assert [finding.kind.value for finding in report.findings] == ["unreadable"]
        assert (report.sid, report.state, report.events) == (None, None, 0)


def test_a_newer_recording_is_told_from_a_damaged_one(tmp_path):
    """
    A recording that needs a newer recordkit is unsupported, not corrupt.
    """
    import struct
    import zlib

    made = bytearray(SEALED)
    struct.pack_into("<H", made, 13 + 14, 0x8000)
    end = OFFSETS[0]
    struct.pack_into("<I", made, end - 4, zlib.crc32(made[13 + 8 : end - 4]))
    assert [finding.kind.value for finding in check(tmp_path, made).findings] == ["unsupported"]


def test_a_file_that_is_gone_is_not_a_report(tmp_path):
    """
    That there is no file is an error of the caller's, not a finding.
    """
    with pytest.raises(FileNotFoundError):
        verify_recording(tmp_path / "none")


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path):
    """
    A directory in a recording's place is unreadable.
    """
    (tmp_path / sealed_name()).mkdir()
    (finding,) = verify_recording(tmp_path / sealed_name()).findings
    assert finding.kind.value == "unreadable"


def test_a_recording_under_another_name_is_misplaced(tmp_path):
    """
    A name that says another session is an error; a name that says nothing is none.
    """
    other = sealed_name("407b49d6-56c7-4d20-8cf0-5bc5348a7101")
    assert [finding.kind.value for finding in check(tmp_path, SEALED, name=other).findings] == ["misplaced"]
    assert check(tmp_path, SEALED, name="copy.zst").findings == ()


# ---------------------------------------------------------------- headers against events


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("queries", 3), ("errors", 1), ("lost", 2), ("lowest_ei", 5), ("highest_ei", 9), ("earliest_ns", NOON),
        ("latest_ns", NOON + 99 * SECOND), ("longest_wait_ns", 7), ("marks", 5),
    ],
)  # fmt: skip
def test_a_chunk_header_that_lies_about_its_events_is_found(name, value, tmp_path):
    """
    Counts, ends and marks of a chunk's header are held against its events, though all checksums are right.
    """
    from recordings import Places, count, lines_of

    data = recording_bytes(CHUNKS, sealed=False)
    header = read_header(MemorySource(data), DEFAULT_LIMITS)
    position, place, made = first_position(header.frame), Places(), [data[: header.end]]
    for number, events in enumerate(CHUNKS):
        counts = count(events, place)
        if number == 1:
            setattr(counts, name, value)
        chunk = encode_chunk(position, lines_of(events), counts, Compressor())
        made.append(chunk.data)
        position = chunk.after
    report = check(tmp_path, b"".join(made), name=open_name(), live=False)
    assert places(report)[0][:3] == ("counts", 1, OFFSETS[1])
    assert name in report.findings[0].what
    assert len(report.errors) == 1


def test_a_mark_that_misleads_the_search_is_found(tmp_path):
    """
    A chunk that says ORDERED though it does not rise above the ones before it is an error, also where no index says otherwise.
    """
    from recordings import Places, count, lines_of
    from recordkit.container.chunks import Order

    data = recording_bytes([], sealed=False)
    position, place, made = first_position(read_header(MemorySource(data), DEFAULT_LIMITS).frame), Places(), [data]
    for events in ([query(5), query(6)], [query(0), query(1)]):
        chunk = encode_chunk(position._replace(order=Order()), lines_of(events), count(events, place), Compressor())
        made.append(chunk.data)
        position = chunk.after
    report = check(tmp_path, b"".join(made), name=open_name(), live=False)
    (finding,) = report.errors
    assert (finding.kind.value, finding.chunk, finding.expected) == ("counts", 1, "mark ORDERED unset")


def test_a_line_that_is_no_event_costs_that_line(tmp_path):
    """
    In a chunk whose checksums hold, a line that is no JSON object is corrupt and the others are events.
    """
    from recordings import count, lines_of

    data = recording_bytes([], sealed=False)
    header = read_header(MemorySource(data), DEFAULT_LIMITS)
    counts = count([query(0), query(1), query(2)])
    raw = lines_of([query(0)]) + b"[1]\n" + lines_of([query(2)])
    chunk = encode_chunk(first_position(header.frame), raw, counts, Compressor())
    report = check(tmp_path, data + chunk.data, name=open_name(), live=False)
    assert places(report)[0][:2] + places(report)[0][3:4] == ("corrupt", 0, 1)
    assert report.events == 2


# ---------------------------------------------------------------- events against each other


@pytest.mark.parametrize(
    ("number", "exact"),
    [
        (b"18446744073709551615", True), (b"18446744073709551616", False), (b"-9223372036854775808", True),
        (b"-9223372036854775809", False), (b"1" * 300, False), (b'"18446744073709551616"', True),
        (b"18446744073709551616.5", True), (b"[[18446744073709551616]]", False),
        (b"[" * 600 + b"1" * 30 + b"]" * 600, False),
    ],
)  # fmt: skip
def test_an_integer_beyond_64_bits_is_told_of(number, exact, tmp_path):
    """
    Reading gives the nearest double for it; verifying says so, of the line that holds it.
    """
    lines = lines_of(CHUNKS[0][:2]) + lines_of([query(2)])[:-2] + b',"n":' + number + b"}\n" + lines_of([query(3)])
    header = read_header(MemorySource(OPEN), DEFAULT_LIMITS)
    chunk = encode_chunk(first_position(header.frame), lines, count([query(n) for n in range(4)]), Compressor())
    report = check(tmp_path, PIECES[0] + chunk.data, name=open_name(), live=False)
    assert report.events == 4
    assert [(item.kind, item.chunk, item.lost) for item in report.errors] == ([] if exact else [("corrupt", 0, 0)])


def test_what_gaps_name_is_counted_up_to_63_bits(tmp_path):
    """
    A report is JSON within 64 bits also where forged gaps name more than there can be.
    """
    gaps = [query(n, event="recordkit.gap", count=2**63 - 1) for n in range(4)]
    data = recording_bytes([gaps[:2], gaps[2:]], sealed=True)
    assert check(tmp_path, data).named_lost == 2**63 - 1


def one_chunk(tmp_path, events):
    """
    The report on a sealed recording of these events.
    """
    return check(tmp_path, recording_bytes([events], sealed=True))


def test_an_event_of_another_session_is_an_error(tmp_path):
    """
    Each event must name the recording's session; one that names none is a warning, another spelling is fine.
    """
    other = "407b49d6-56c7-4d20-8cf0-5bc5348a7101"
    report = one_chunk(tmp_path, [query(0), query(1, sid=other), query(2)])
    (finding,) = report.errors
    assert (finding.kind.value, finding.first_ei, finding.expected, finding.found) == ("sid", 1, SID, other)
    assert one_chunk(tmp_path, [query(0, sid=SID.upper()), query(1, sid=SID.replace("-", ""))]).findings == ()
    nameless = [{name: value for name, value in query(n).items() if name != "sid"} for n in range(30)]
    report = one_chunk(tmp_path, nameless)
    assert report.sound
    assert [(finding.kind.value, finding.places) for finding in report.findings] == [("sid", 1), ("sid", 29)]


def test_a_hole_in_ei_that_nothing_names_is_a_warning(tmp_path):
    """
    Missing numbers are named, once each; the recording is sound all the same.
    """
    report = one_chunk(tmp_path, [query(0), query(1), query(5), query(6), query(9)])
    assert report.sound
    assert [(finding.kind.value, finding.severity, finding.first_ei, finding.last_ei) for finding in report.findings] == [
        ("ei", Severity.WARNING, 2, 4), ("ei", Severity.WARNING, 7, 8),
    ]  # fmt: skip
    assert one_chunk(tmp_path, [query(3), query(4)]).findings[0].last_ei == 2


def test_numbers_that_come_again_are_a_warning(tmp_path):
    """
    An ei that goes back or stands twice is named.
    """
    report = one_chunk(tmp_path, [query(0), query(1), query(1), query(2), query(0)])
    assert [(finding.what, finding.first_ei) for finding in report.findings if finding.kind.value == "ei"] == [
        ("ei goes back", 1), ("ei goes back", 0),
    ]  # fmt: skip


def test_many_findings_of_one_sort_are_counted(tmp_path):
    """
    A recording in which every other event is missing lists twenty holes and counts the rest.
    """
    report = one_chunk(tmp_path, [query(2 * n) for n in range(100)])
    assert len(report.findings) == 21
    assert report.findings[-1].places == 79


def test_time_that_goes_back_is_a_warning(tmp_path):
    """
    An event with an earlier time than one before it is named, and so are events without a time.
    """
    report = one_chunk(tmp_path, [query(0), query(1, time=format_time(NOON - SECOND)), query(2), query(3, time="soon")])
    assert report.sound
    assert [(finding.kind.value, finding.what) for finding in report.findings] == [
        ("time", "time goes back"), ("time", "events have no time that can be read"),
    ]  # fmt: skip


def test_two_ends_are_a_warning(tmp_path):
    """
    More than one `db.session.end` is named; what comes behind the end is not, as users are removed then.
    """
    end = {"event": "db.session.end"}
    assert one_chunk(tmp_path, [query(0), query(1) | end, query(2)]).findings == ()
    (finding,) = one_chunk(tmp_path, [query(0) | end, query(1) | end]).findings
    assert (finding.kind.value, finding.severity) == ("marker", Severity.WARNING)


def test_damage_is_not_told_twice(tmp_path):
    """
    A lost chunk is one finding: the hole that it leaves in ei, and the session's times, are no others.
    """
    for number in range(1, 5):
        report = check(tmp_path, b"".join([*PIECES[:number], *PIECES[number + 1 :]]))
        assert len(report.findings) == 1


# ---------------------------------------------------------------- heads


def heads_of(data):
    """
    The chain's value before the first chunk and behind each.
    """
    from recordkit.container.decoder import Decoder

    decoder = Decoder(MemorySource(data), DEFAULT_LIMITS)
    return [decoder.header.chain, *(item.header.chain for item in decoder.walk(growing=True))]


def test_a_noted_head_proves_that_nothing_is_cut_off(tmp_path):
    """
    A recording that was cut, rewritten and sealed anew is sound in itself, but does not have the head that was noted.
    """
    head = verify_recording(write(tmp_path, CHUNKS, sealed=True)).head
    noted = Evidence(heads=(parse_head(head),))
    assert check(tmp_path, SEALED, evidence=noted).findings == ()
    for forged in (chunks_of(SEALED)[:-1], edited(chunks_of(SEALED), 0, db_query="x")):
        made = recomputed(SEALED, forged)
        assert check(tmp_path, made).errors == ()
        report = check(tmp_path, made, evidence=noted)
        assert [finding.kind.value for finding in report.errors] == ["head"]
        assert report.errors[0].expected == head


def test_a_growing_recording_has_all_its_former_heads(tmp_path):
    """
    A head noted at any chunk of an open recording is found later, and it is not once something before it is changed.
    """
    heads = heads_of(OPEN)
    assert len(heads) == 6
    report = check(tmp_path, OPEN, name=open_name(), evidence=Evidence(heads=tuple(heads)))
    assert report.findings == ()
    changed = recomputed(OPEN, edited(chunks_of(OPEN), 2, db_query="x"), sealed=False)
    report = check(tmp_path, changed, name=open_name(), evidence=Evidence(heads=tuple(heads)))
    assert {finding.expected for finding in report.errors} == {head.hex() for head in heads[3:]}
    report = check(tmp_path, OPEN[: OFFSETS[3]], name=open_name(), evidence=Evidence(heads=(heads[4],)))
    assert [finding.kind.value for finding in report.errors] == ["head"]


def test_a_sealed_recording_that_grew_is_a_warning(tmp_path):
    """
    A noted head with more chunks behind it is fine for a recording that was open then, and said for a sealed one.
    """
    (finding,) = check(tmp_path, SEALED, evidence=Evidence(heads=(heads_of(OPEN)[3],))).findings
    assert (finding.kind.value, finding.severity) == ("head", Severity.WARNING)


def test_a_head_behind_damage_is_not_proven(tmp_path):
    """
    What is stored as chain behind a damaged chunk proves nothing of what stood before.
    """
    made = bytearray(SEALED)
    made[OFFSETS[2] + 150] ^= 1
    report = check(tmp_path, made, evidence=Evidence(heads=(heads_of(OPEN)[5],)))
    assert [finding.kind.value for finding in report.errors] == ["corrupt", "head"]


def test_sealing_by_joining_makes_another_head(tmp_path):
    """
    A head of the open recording is not found once its chunks were joined, and the finding says that this may be why.
    """
    path = write(tmp_path, session(20, 2), sealed=False)
    head = verify_recording(path).head
    seal(path, tmp_path / "s.jsonl.zst", files=QuickFiles())
    (finding,) = verify_recording(tmp_path / "s.jsonl.zst", evidence=Evidence(heads=(parse_head(head),))).errors
    assert "joined" in finding.what


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33])
def test_what_is_no_head_is_refused(text):
    """
    A head is 64 hexadecimal digits.
    """
    with pytest.raises(ValueError, match="64 hexadecimal"):
        parse_head(text)


# ---------------------------------------------------------------- beside a writer


def test_verifying_beside_a_writer_finds_nothing(tmp_path):
    """
    At every moment of a recording's life, until it is sealed and after, it is sound.
    """
    recorder = Recorder(tmp_path, files=QuickFiles())
    s = recorder.session(user="alice")
    path = tmp_path / "open" / f"{s.sid}.jsonl.zst.open"
    for number in range(10):
        s.query(f"SELECT {number}")
        s.flush()
        report = verify_recording(path)
        assert (report.findings, report.state, report.events) == ((), State.OPEN, number + 2)
    recorder.close()
    report = verify_recording(tmp_path / s.sid[-2:] / f"{s.sid}.jsonl.zst")
    assert (report.findings, report.state) == ((), State.INTERRUPTED)


def test_a_report_is_json(tmp_path):
    """
    A report with findings of all parts becomes JSON types, with what it is about beside them.
    """
    made = bytearray(SEALED)
    made[OFFSETS[2] + 150] ^= 1
    report = check(tmp_path, made)
    values = json.loads(json.dumps(report.to_json()))
    assert (values["sid"], values["events"], values["sound"]) == (SID, 16, False)
    (finding,) = values["findings"]
    assert (finding["severity"], finding["kind"], finding["chunk"], finding["lost"]) == ("error", "corrupt", 2, 4)
    with open_recording(report.path, mode="salvage") as recording:
        assert len(list(recording.events())) == report.events


@pytest.mark.parametrize("sealed", [True, False])
def test_in_any_order_of_chunks_what_is_lost_is_counted(sealed, tmp_path):
    """
    Each order of five chunks: the events that are read and those said to be lost are all, and salvage is sound.
    """
    start, *rest = pieces(recording_bytes(session(5, 2), sealed=sealed))
    path = tmp_path / (sealed_name() if sealed else open_name())
    for number, order in enumerate(permutations(range(5))):
        path.write_bytes(start + b"".join(rest[n] for n in order) + b"".join(rest[5:]))
        report = verify_recording(path, live=False)
        assert report.events == 2 * (5 - len(list(left_out(order))))
        assert report.events + sum(finding.lost for finding in report.findings) == 10, order
        assert report.sound == (order == (0, 1, 2, 3, 4))
        assert verify_recording(salvage(path, tmp_path / f"{number}.jsonl.zst", live=False).path).sound
