"""
Reading a recording from its file: every event of every sound chunk, from any start, and never a wrong one.
"""

import math
import os
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recordings import (
    NOON,
    SECOND,
    SID,
    MemorySource,
    QuickFiles,
    count,
    flat,
    from_start,
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
from recordkit.container import Recording, State, open_recording, seal
from recordkit.container.chunks import begin, encode_chunk
from recordkit.container.frames import Compressor
from recordkit.container.header import read_header
from recordkit.container.index import IndexBuilder, find_index
from recordkit.container.layout import CRC, ENTRY, INDEX, SKIPPABLE, ChunkEntry, skippable
from recordkit.container.source import FileSource
from recordkit.container.summary import Totals
from recordkit.errors import (
    BadMagicError,
    ChainError,
    ChecksumError,
    ClosedError,
    FormatError,
    LimitExceededError,
    TruncatedError,
    UndecodableEventError,
    UnsupportedVersionError,
)
from recordkit.limits import DEFAULT_LIMITS, Limits

SESSION = session(3, 2)
TRUTH = flat(SESSION)
BOTH = pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "open"])

# ---------------------------------------------------------------- what is sound


@BOTH
def test_all_events_come_in_order(tmp_path, sealed):
    """
    Sealed or open, a recording gives its events as they were recorded.
    """
    found = read(write(tmp_path, SESSION, sealed=sealed))
    assert (found.events, found.error, found.damage) == (TRUTH, None, ())
    assert found.state is (State.COMPLETE if sealed else State.OPEN)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ANY_CHUNKS = st.lists(st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), max_size=4), max_size=4)


@given(ANY_CHUNKS, st.booleans())
@example([[{"a": "\u2028\x00\x1f\x7f", "b": 2**64 - 1, "c": -(2**63), "d": 1e308}], [], [{}]], True)
@settings(max_examples=60)
def test_any_events_come_out_as_they_went_in(tmp_path_factory, chunks, sealed):
    """
    Whatever JSON objects were recorded, in whatever chunks, they are read back equal.
    """
    path = write(tmp_path_factory.getbasetemp(), chunks, sealed=sealed)
    found = read(path)
    assert (found.events, found.error) == (flat(chunks), None)
    with open_recording(path) as recording:
        assert b"".join(recording.lines()) == lines_of(flat(chunks))


@BOTH
def test_lines_are_the_stored_ones_chunk_by_chunk(tmp_path, sealed):
    """
    Raw lines come a chunk at a time, and are what other tools see.
    """
    with open_recording(write(tmp_path, SESSION, sealed=sealed)) as recording:
        assert list(recording.lines()) == [lines_of(events) for events in SESSION]


def test_only_events_of_the_wanted_kinds_come(tmp_path):
    """
    A filter on kinds passes events of these kinds and no others, also none without a kind.
    """
    odd = [{"ei": 2}, {"ei": 2, "event": ["db.session.query"]}, {"ei": 2, "event": None}, {"ei": 2, "event": 7}]
    chunks = [[query(0, event="db.session.start"), query(1)], [*odd, query(3), query(4, event="db.session.end")]]
    path = write(tmp_path, chunks, sealed=True)
    with open_recording(path) as recording:
        assert [event["ei"] for event in recording.events(kinds=["db.session.query"])] == [1, 3]
        assert [event["ei"] for event in recording.events(kinds={"db.session.query"}, start_ei=2)] == [3]
        assert list(recording.events(kinds=())) == []


def test_the_summary_of_sealed_and_open_recordings_agree(tmp_path):
    """
    What the index says is what a walk over the headers finds, but for state and size.
    """
    chunks = [[query(0, event="db.session.start"), query(1, success=False)], [query(5, event="recordkit.gap", count=3)]]
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording:
        sealed = recording.summary
    with open_recording(write(tmp_path, chunks, sealed=False)) as recording:
        walked = recording.summary
    names = [name for name in type(sealed).__dataclass_fields__ if name not in ("state", "stored_bytes")]
    assert [getattr(sealed, name) for name in names] == [getattr(walked, name) for name in names]
    assert (sealed.state, walked.state) == (State.INTERRUPTED, State.OPEN)
    assert (sealed.user, sealed.events, sealed.queries, sealed.errors, sealed.lost) == ("alice", 3, 1, 1, 3)
    assert (sealed.start_ns, sealed.end_ns) == (NOON, NOON + 5 * SECOND)
    assert (sealed.chunks, sealed.raw_bytes) == (2, len(lines_of(flat(chunks))))
    assert sealed.stored_bytes == (tmp_path / sealed_name()).stat().st_size


def test_the_summary_of_a_sealed_recording_needs_neither_headers_nor_payload(tmp_path, monkeypatch):
    """
    However long the recording, its summary costs a few small reads: of the header and of the end.
    """
    path = write(tmp_path, session(300, 1), sealed=True)
    asked = []
    read_at = FileSource.read_at
    monkeypatch.setattr(FileSource, "read_at", lambda self, o, n: asked.append((o, n)) or read_at(self, o, n))
    with open_recording(path) as recording:
        assert recording.summary.events == 300
    assert len(asked) < 10
    assert sum(size for _, size in asked) < 1500


def test_seeking_in_a_sealed_recording_reads_few_headers(tmp_path, monkeypatch):
    """
    An ordered recording is searched through its index; only the headers that prove the place are read.
    """
    path = write(tmp_path, session(300, 1), sealed=True)
    asked = []
    read_at = FileSource.read_at
    monkeypatch.setattr(FileSource, "read_at", lambda self, o, n: asked.append((o, n)) or read_at(self, o, n))
    with open_recording(path) as recording:
        assert next(recording.events(start_ei=250))["ei"] == 250
        assert next(recording.events(start_delay=200.5))["ei"] == 201
    assert len(asked) < 50


def test_a_summary_of_an_open_recording_grows_with_it(tmp_path):
    """
    A recording that is being written is walked anew when it has grown.
    """
    data = recording_bytes(SESSION, sealed=False)
    edges = [part.end for part in parts(data) if part.name in ("header", "body")]
    path = tmp_path / open_name()
    path.write_bytes(data[: edges[0]])
    with open_recording(path) as recording:
        for n, edge in enumerate(edges):
            path.write_bytes(data[:edge])
            assert recording.summary.events == 2 * n
            assert recording.summary.stored_bytes == edge
            assert list(recording.events()) == TRUTH[: 2 * n]


# ---------------------------------------------------------------- seeking


def test_a_start_is_an_ei_or_a_delay(tmp_path):
    """
    Both at once, and delays that are no time, are mistakes of the caller.
    """
    with open_recording(write(tmp_path, SESSION, sealed=True)) as recording:
        for wrong in (
            {"start_ei": 1, "start_delay": 1.0},
            {"start_delay": -0.1},
            {"start_delay": math.nan},
        ):
            with pytest.raises(ValueError):
                next(recording.events(**wrong))


@BOTH
@pytest.mark.parametrize(
    ("start", "first"),
    [
        ({"start_ei": -5}, 0),
        ({"start_ei": 0}, 0),
        ({"start_ei": 1}, 1),
        ({"start_ei": 2}, 2),
        ({"start_ei": 5}, 5),
        ({"start_ei": 6}, None),
        ({"start_ei": 10**30}, None),
        ({"start_delay": 0}, 0),
        ({"start_delay": 0.0000001}, 1),
        ({"start_delay": 1}, 1),
        ({"start_delay": 4.999999999}, 5),
        ({"start_delay": 5.000000001}, None),
        ({"start_delay": 1e300}, None),
        ({"start_delay": math.inf}, None),
    ],
)
def test_seeking_begins_with_the_first_event_that_is_late_enough(tmp_path, sealed, start, first):
    """
    A start at an event is inclusive, between events it is the next, behind the last there is nothing.
    """
    found = read(write(tmp_path, SESSION, sealed=sealed), **start)
    assert found.error is None
    assert found.events == ([] if first is None else TRUTH[first:])


TIMES = [f"2026-07-20T12:00:0{n}Z" for n in range(6)] + ["1066-10-14T09:00:00Z", "noon", None]
PLACED = st.fixed_dictionaries({}, optional={"ei": st.integers(-2, 8), "time": st.sampled_from(TIMES)})
PLACED_CHUNKS = st.lists(st.lists(PLACED, max_size=4), max_size=6)
RISING = st.lists(st.integers(0, 3), min_size=1, max_size=6)
STARTS = st.one_of(
    st.fixed_dictionaries({"start_ei": st.integers(-3, 12)}),
    st.fixed_dictionaries({"start_delay": st.sampled_from([0, 0.5, 1, 2.0, 3.5, 5, 9])}),
)


def seeks_agree(directory, chunks, start, lie=None):
    """
    Whether each form of a recording gives the events that the page's definition gives.
    """
    expected = from_start(chunks, **start)
    sealed = recording_bytes(chunks, sealed=True)
    index = next(part for part in parts(sealed) if part.name == "index")
    forms = {sealed_name(): sealed, open_name(): sealed[: index.offset], "lost.jsonl.zst": sealed[: index.offset]}
    if lie is not None:
        forms["lie.jsonl.zst"] = sealed[: index.offset] + lie
    for name, data in forms.items():
        path = directory / name
        path.write_bytes(data)
        found = read(path, mode="tail", live=False, **start)
        assert found.events == expected, name
        assert found.error is None, name


@given(PLACED_CHUNKS, STARTS)
@example([[{"ei": 5, "time": TIMES[5]}], [{"ei": 1, "time": TIMES[0]}], [{"ei": 9}]], {"start_ei": 4})
@example([[{"ei": 0, "time": TIMES[3]}], [{}], [{"ei": 2, "time": TIMES[5]}]], {"start_delay": 0})
@settings(max_examples=150)
def test_seeking_is_the_same_sealed_open_and_without_index(tmp_path_factory, chunks, start):
    """
    Clocks that jump back, ei that jump, events without either: every start gives what reading from the start gives.
    """
    seeks_agree(tmp_path_factory.getbasetemp(), chunks, start)


@given(RISING, STARTS)
def test_seeking_in_ordered_recordings_is_the_same_too(tmp_path_factory, sizes, start):
    """
    The search by halves finds the same as brute force, with empty chunks in between or not.
    """
    numbers = iter(range(100))
    chunks = [[{"ei": n, "time": TIMES[n % 6 if n < 6 else 5]} for n, _ in zip(numbers, range(size))] for size in sizes]  # noqa: B905
    seeks_agree(tmp_path_factory.getbasetemp(), chunks, start)


# ---------------------------------------------------------------- an index that lies


def lying_index(data, lie):
    """
    The end of a sealed recording with other entries and summary, whose checksums hold.
    """
    index = find_index(MemorySource(data), len(data), DEFAULT_LIMITS, with_entries=True)
    header = read_header(MemorySource(data), DEFAULT_LIMITS)
    entries, summary = lie([entry._asdict() for entry in index.all_entries()], dict(index.summary))
    builder = IndexBuilder(len(header.frame))
    for entry in entries:
        builder.add(ChunkEntry(**entry))
    builder.totals = Totals(ChunkEntry(**entry) for entry in entries)

    class Told:
        def to_json(self):
            return summary | {"stored_bytes": 0}

    return builder.finish(recording_id=header.chain[:8], chain=index.trailer.chain, summary=Told())


def changed(**fields):
    """
    A lie that changes fields of all entries; a function is given the old value.
    """

    def lie(entries, summary):
        for entry in entries:
            for name, value in fields.items():
                entry[name] = value(entry[name]) if callable(value) else value
        return entries, summary

    return lie


def swapped(entries, summary):
    entries[0], entries[-1] = entries[-1], entries[0]
    return entries, summary


LIES = {
    "offsets beside": changed(offset=lambda n: n + 1),
    "offsets at the header": changed(offset=13),
    "offsets far away": changed(offset=2**63),
    "offsets at the first chunk": changed(offset=len(pieces(recording_bytes(SESSION, sealed=False))[0])),
    "other sequence": changed(sequence=7),
    "other sizes": changed(stored_size=5, raw_size=5),
    "other events": changed(events=9),
    "earlier times": changed(earliest_ns=0, latest_ns=1),
    "later times": changed(earliest_ns=NOON * 2, latest_ns=NOON * 2),
    "lower ei": changed(lowest_ei=-9, highest_ei=-9),
    "higher ei": changed(lowest_ei=1000, highest_ei=1000),
    "ordered": changed(marks=7),
    "not ordered": changed(marks=0),
    "entries swapped": swapped,
    "entries reversed": lambda entries, summary: (entries[::-1], summary),
    "first entry lost": lambda entries, summary: (entries[1:], summary),
    "last entry lost": lambda entries, summary: (entries[:-1], summary),
    "only the last": lambda entries, summary: (entries[-1:], summary),
    "all entries lost": lambda entries, summary: ([], summary),
    "one entry many times": lambda entries, summary: (entries[:1] * 50, summary),
    "start in the summary": lambda entries, summary: (entries, summary | {"start_ns": 0, "end_ns": 1}),
    "no start in the summary": lambda entries, summary: (entries, summary | {"start_ns": None}),
    "another sid in the summary": lambda entries, summary: (entries, summary | {"sid": SID[::-1]}),
    "an empty summary": lambda entries, summary: (entries, {}),
}
JUMPING = [[query(4), query(9)], [query(0), query(7)], [query(2)], [query(8), query(1)]]


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("chunks", [SESSION, JUMPING, [[query(0)]]], ids=["ordered", "jumping", "one"])
def test_an_index_that_lies_changes_no_event(tmp_path, lie, chunks):
    """
    With entries that point elsewhere, or name other places, counts or times, every start gives the same events.
    """
    sealed = recording_bytes(chunks, sealed=True)
    end = lying_index(sealed, LIES[lie])
    body = sealed[: next(part for part in parts(sealed) if part.name == "index").offset]
    path = tmp_path / sealed_name()
    path.write_bytes(body + end)
    starts = [{"start_ei": n} for n in range(-1, 11)] + [{"start_delay": n / 2} for n in range(20)]
    for start in starts:
        found = read(path, mode="salvage", **start)
        assert (found.events, found.error) == (from_start(chunks, **start), None), start
        assert set(found.kinds) <= {"index"}
    assert [event for _, raw in followed(path) for event in map(orjson.loads, raw.splitlines())] == flat(chunks)


def followed(path):
    """
    The chunks of a recording, whatever its end says.
    """
    with open_recording(path, mode="salvage") as recording:
        assert [entry.sequence for entry in recording.chunks()] == list(range(len(list(recording.chunks()))))
        return list(recording.follow())


@pytest.mark.parametrize("lie", LIES)
def test_an_index_that_lies_is_named_by_whole_reading(tmp_path, lie):
    """
    Reading all of a recording tells of an index that does not agree, after all events.
    """
    sealed = recording_bytes(SESSION, sealed=True)
    body = sealed[: next(part for part in parts(sealed) if part.name == "index").offset]
    path = tmp_path / sealed_name()
    path.write_bytes(body + lying_index(sealed, LIES[lie]))
    found = read(path)
    assert found.events == TRUTH
    assert isinstance(found.error, ChecksumError)
    salvaged = read(path, mode="salvage")
    assert (salvaged.events, salvaged.error) == (TRUTH, None)
    assert set(salvaged.kinds) == {"index"}


def test_a_summary_that_is_none_is_made_from_the_headers(tmp_path):
    """
    An index whose summary can't be used, or is another session's, costs time, not the summary.
    """
    sealed = recording_bytes(SESSION, sealed=True)
    body = sealed[: next(part for part in parts(sealed) if part.name == "index").offset]
    path = tmp_path / sealed_name()
    with open_recording(write(tmp_path, SESSION, sealed=True)) as recording:
        truth = recording.summary
    for lie in ("an empty summary", "another sid in the summary"):
        end = lying_index(sealed, LIES[lie])
        path.write_bytes(body + end)
        with open_recording(path) as recording:
            found = recording.summary
        assert found.events == truth.events
        assert (found.sid, found.head, found.state) == (truth.sid, truth.head, State.COMPLETE)


# ---------------------------------------------------------------- cut anywhere


def whole_before(data, cut):
    """
    How many chunks lie whole before the cut.
    """
    return sum(part.name == "body" and part.end <= cut for part in parts(data))


def test_a_sealed_recording_cut_at_any_byte_is_torn(tmp_path):
    """
    Cut at every byte: an error at opening within the header, else every whole chunk, an error, and state torn.
    """
    data = recording_bytes(SESSION, sealed=True)
    path = tmp_path / sealed_name()
    start = next(part for part in parts(data) if part.name == "header").end
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        found = read(path)
        assert isinstance(found.error, TruncatedError), cut
        assert found.error.path == path
        if cut < start:
            assert found.state is None
            continue
        whole = TRUTH[: 2 * whole_before(data, cut)]
        assert (found.events, found.state) == (whole, State.TORN), cut
        tail, salvaged = read(path, mode="tail"), read(path, mode="salvage")
        assert tail.events == salvaged.events == whole
        assert tail.kinds == salvaged.kinds == ["torn"]
        assert tail.error is salvaged.error is None
        (damage,) = tail.damage
        assert damage.offset + damage.length == cut
        inside = next((part.chunk for part in parts(data) if part.offset + 12 <= cut < part.end), None)
        assert damage.chunk == inside or inside is None


def _ends(data):
    return [data[: part.end] for part in parts(data) if part.name in ("header", "body")]


def test_an_open_recording_cut_at_any_byte_gives_every_whole_chunk(tmp_path):
    """
    Cut at every byte: to a reader beside a living writer it is just shorter, without one it is torn or interrupted.
    """
    data = recording_bytes(SESSION, sealed=False)
    path = tmp_path / open_name()
    start = next(part for part in parts(data) if part.name == "header").end
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        beside, alone = read(path), read(path, live=False)
        if cut < start:
            assert isinstance(beside.error, TruncatedError)
            assert isinstance(alone.error, TruncatedError)
            continue
        whole = TRUTH[: 2 * whole_before(data, cut)]
        assert (beside.events, beside.error, beside.state) == (whole, None, State.OPEN)
        assert alone.events == whole
        if data[:cut] in _ends(data):
            assert (alone.error, alone.state) == (None, State.INTERRUPTED)
        else:
            assert isinstance(alone.error, TruncatedError)
            assert (alone.state, alone.error.chunk) == (State.TORN, len(whole) // 2)
            assert read(path, live=False, mode="tail").error is None


@pytest.mark.parametrize("start", [{"start_ei": 0}, {"start_ei": 3}, {"start_ei": 99}, {"start_delay": 2}])
def test_a_torn_recording_is_torn_from_any_start(tmp_path, start):
    """
    Seeking in a cut recording gives what is there and then the error, also if nothing there is late enough.
    """
    data = recording_bytes(SESSION, sealed=True)
    for cut in (_ends(data)[-1], _ends(data)[-2], data[:-1], _ends(data)[-1][:-1]):
        path = tmp_path / sealed_name()
        path.write_bytes(cut)
        found = read(path, **start)
        whole = SESSION[: whole_before(data, len(cut))]
        assert found.events == from_start(whole, **start)
        assert isinstance(found.error, TruncatedError)


# ---------------------------------------------------------------- every bit


def flips(path, data, begin, step=1):
    """
    Yield each bit's number (or every so manieth) with the file changed in it.
    """
    path.write_bytes(data)
    fd = os.open(path, os.O_WRONLY)
    try:
        for bit in range(begin * 8, len(data) * 8, step):
            byte = data[bit // 8]
            os.pwrite(fd, bytes([byte ^ 1 << bit % 8]), bit // 8)
            yield bit
            os.pwrite(fd, bytes([byte]), bit // 8)
    finally:
        os.close(fd)


@BOTH
def test_every_flipped_bit_is_noticed_and_costs_at_most_its_chunk(tmp_path, sealed):
    """
    For every bit: strict reading gives the events before and a typed error with the right chunk; salvage loses no more
    than that chunk; no wrong event ever comes.
    """
    chunks = session(3, 1)
    truth = flat(chunks)
    data = recording_bytes(chunks, sealed=sealed, attributes=b"{}")
    path = tmp_path / (sealed_name() if sealed else open_name())
    where = {offset: part for part in parts(data) for offset in range(part.offset, part.end)}
    for bit in flips(path, data, 0):
        part = where[bit // 8]
        found = read(path)
        assert found.error is not None, bit
        if part.name in ("magic", "header"):
            assert found.events == []
            assert found.state is None
            continue
        assert found.error.path == path
        assert found.error.chunk == part.chunk, (bit, found.error)
        salvaged = read(path, mode="salvage", live=False)
        if part.chunk is None:
            assert found.events == salvaged.events == truth
            assert set(salvaged.kinds) == {"index"}, (bit, salvaged.damage)
            assert salvaged.state is State.COMPLETE
        else:
            assert found.events == truth[: part.chunk], bit
            assert salvaged.events == truth[: part.chunk] + truth[part.chunk + 1 :], (bit, salvaged.damage)
            (damage,) = salvaged.damage
            assert damage.chunk == part.chunk
            assert damage.kind in ("corrupt", "misplaced")
            assert damage.offset <= bit // 8 < damage.offset + damage.length
        assert salvaged.error is None


def test_a_flipped_bit_leaves_seeking_right(tmp_path):
    """
    For every third bit of a sealed recording, a start in the middle gives the sound events behind it or a typed error.
    """
    chunks = session(2, 1)
    data = recording_bytes(chunks, sealed=True, attributes=b"{}")
    path = tmp_path / sealed_name()
    where = {offset: part for part in parts(data) for offset in range(part.offset, part.end)}
    begin = next(part for part in parts(data) if part.name == "header").end
    for bit in flips(path, data, begin, step=3):
        part = where[bit // 8]
        late = read(path, start_ei=1)
        if part.chunk == 1 or part.name == "head":  # without the first header nobody knows what was in that chunk
            assert (late.events, late.error and late.error.chunk) == ([], part.chunk)
        else:
            assert late.events == flat(chunks)[1:]
            assert late.error is None or late.error.chunk in (None, part.chunk)
        delayed = read(path, mode="salvage", start_delay=1.0)
        assert delayed.error is None
        if part.chunk == 1 or part.name == "head":  # without its first header the session seems to begin later
            assert delayed.events == []
        else:
            assert delayed.events == flat(chunks)[1:]


# ---------------------------------------------------------------- modes


def flip(data, part, at=-1):
    """
    The recording with one bit of this frame changed.
    """
    offset = part.end + at if at < 0 else part.offset + at
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


def part_of(data, name, chunk=None):
    """
    A frame by name.
    """
    return next(part for part in parts(data) if (part.name, part.chunk) == (name, chunk))


def test_modes_differ_in_what_they_do_at_damage(tmp_path):
    """
    At damage in the middle and a cut end: strict stops at the first, tail too, salvage reads on and reports both.
    """
    data = recording_bytes(session(5, 2), sealed=False)
    data = flip(data, part_of(data, "body", 1))[:-3]
    path = tmp_path / sealed_name()
    path.write_bytes(data)
    for mode in ("strict", "tail"):
        found = read(path, mode=mode)
        assert found.events == flat(session(5, 2)[:1])
        assert isinstance(found.error, ChecksumError)
        assert (found.error.chunk, found.kinds) == (1, ["corrupt"])
    found = read(path, mode="salvage")
    assert found.events == flat([session(5, 2)[n] for n in (0, 2, 3)])
    assert [(item.kind, item.chunk) for item in found.damage] == [("corrupt", 1), ("torn", 4)]
    assert (found.error, found.state) == (None, State.TORN)


def test_damage_in_the_middle_does_not_hide_that_the_end_is_missing(tmp_path):
    """
    A sealed recording with a damaged chunk that was also cut behind a whole chunk has two damages.
    """
    data = recording_bytes(SESSION, sealed=False)
    path = tmp_path / sealed_name()
    for damaged in range(2):
        path.write_bytes(flip(data, part_of(data, "body", damaged)))
        found = read(path, mode="salvage")
        assert [(item.kind, item.chunk) for item in found.damage] == [("corrupt", damaged), ("torn", None)]


def test_damage_is_that_of_the_last_iteration(tmp_path):
    """
    Reading twice does not count damage twice.
    """
    data = recording_bytes(SESSION, sealed=True)
    path = tmp_path / sealed_name()
    path.write_bytes(flip(data, part_of(data, "head", 1)))
    with open_recording(path, mode="salvage") as recording:
        for _ in range(2):
            assert len(list(recording.events())) == 4
            assert [item.chunk for item in recording.damage] == [1]
        assert list(recording.events(start_ei=4)) == SESSION[2]
        assert recording.damage[-1:] == () or recording.damage[-1].chunk == 1


@BOTH
def test_damage_that_may_hide_the_start_is_told(tmp_path, sealed):
    """
    A damaged chunk that could hold the events asked for is met, with the index as without; one before them is not.
    """
    chunks = session(4, 2)
    data = recording_bytes(chunks, sealed=sealed)
    path = tmp_path / (sealed_name() if sealed else open_name())
    path.write_bytes(flip(data, part_of(data, "head", 1), 30))
    for start in ({"start_ei": 3}, {"start_ei": 4}, {"start_delay": 3}, {"start_delay": 4}):
        found = read(path, live=False, **start)
        assert (found.events, found.error.chunk) == ([], 1), start
        salvaged = read(path, live=False, mode="salvage", **start)
        assert salvaged.events == flat(chunks[2:])
        assert [item.chunk for item in salvaged.damage] == [1]
    for start in ({"start_ei": 6}, {"start_ei": 7}, {"start_delay": 6}):
        found = read(path, live=False, **start)
        assert (found.events, found.error) == (from_start(chunks, **start), None)


@BOTH
def test_damage_is_told_wherever_it_may_hide_the_start(tmp_path, sealed):
    """
    Where ei jump about, a chunk that can't be read may hold what is looked for, wherever it stands.
    """
    chunks = [[query(5)], [query(9)], [query(1)], [query(7)]]
    data = recording_bytes(chunks, sealed=sealed)
    path = tmp_path / (sealed_name() if sealed else open_name())
    path.write_bytes(flip(data, part_of(data, "head", 1), 30))
    for start in ({"start_ei": 8}, {"start_ei": 6}, {"start_delay": 7}):
        found = read(path, live=False, **start)
        assert (found.events, found.error.chunk) == ([], 1), start
        salvaged = read(path, live=False, mode="salvage", **start)
        assert salvaged.events == from_start([chunks[0], *chunks[2:]], **start)
        assert [item.chunk for item in salvaged.damage] == [1]


@pytest.mark.parametrize("mode", ["strict", "tail", "salvage"])
def test_lines_that_are_no_events_are_named_after_the_events_before_them(tmp_path, mode):
    """
    A chunk whose checksums hold but one of whose lines is no object costs that line, and ends strict reading there.
    """
    for bad in (
        b"[1]\n",
        b"nonsense\n",
        b"\n",
        b'"text"\n',
        b'{"a":1},{"b":2}\n',
        b'{"a":[1\n',
        b'{"a":"\xff"}\n',
        b"1\n",
    ):
        good = lines_of(SESSION[0])
        path = tmp_path / sealed_name()
        path.write_bytes(odd_recording(good + bad + good, SESSION[1]))
        found = read(path, mode=mode)
        if mode == "salvage":
            assert found.events == SESSION[0] * 2 + SESSION[1]
            assert (found.error, found.kinds) == (None, ["corrupt"])
        else:
            assert found.events == SESSION[0]
            assert isinstance(found.error, UndecodableEventError)
            assert (found.error.chunk, found.error.path) == (0, path)


def odd_recording(raw, events):
    """
    A sealed recording whose first chunk holds these lines, whatever they are.
    """
    start, position = begin(sid=bytes(16), owner=bytes(16), created_ns=0, attributes=b"")
    counts = count([{}] * raw.count(b"\n"))
    first = encode_chunk(position, raw, counts, Compressor())
    second = encode_chunk(first.after, lines_of(events), count(events), Compressor())
    header = read_header(MemorySource(start), DEFAULT_LIMITS)
    builder = IndexBuilder(len(header.frame))
    builder.add(first.entry)
    builder.add(second.entry)
    after = second.after
    summary = header.summary(State.INTERRUPTED, builder.totals, stored_bytes=0, head=after.chain.hex())
    end = builder.finish(recording_id=after.recording_id, chain=after.chain, summary=summary)
    return start + first.data + second.data + end


def test_a_carriage_return_between_tokens_does_not_end_a_line(tmp_path):
    """
    Only a newline ends a line, also in a chunk that is parsed line by line.
    """
    path = tmp_path / sealed_name()
    path.write_bytes(odd_recording(b'{"a":\r1}\n[]\n', SESSION[0]))
    assert read(path, mode="salvage").events == [{"a": 1}, *SESSION[0]]


def test_large_chunks_are_parsed_a_part_at_a_time(tmp_path):
    """
    Events come, and starts and bad lines are found, also where a chunk is much larger than what is parsed at once.
    """
    events = [query(n, "x" * (700_000 if n % 3 == 0 else 10)) for n in range(12)]
    path = write(tmp_path, [events, SESSION[0]], sealed=True)
    assert read(path).events == events + SESSION[0]
    for n in range(12):
        assert read(path, start_ei=n).events == events[n:] + SESSION[0]
    path.write_bytes(odd_recording(lines_of(events[:8]) + b"bad\n" + lines_of(events[8:]), SESSION[0]))
    assert read(path).events == events[:8]
    assert read(path, mode="salvage").events == events + SESSION[0]


# ---------------------------------------------------------------- newer recordings


def test_a_critical_flag_is_refused_by_name_in_every_mode(tmp_path):
    """
    A recording that needs a newer reader is refused at opening, or from the chunk on that needs it.
    """
    data = recording_bytes(SESSION, sealed=True)
    header, head = part_of(data, "header"), part_of(data, "head", 1)
    path = tmp_path / sealed_name()
    for mode in ("strict", "tail", "salvage"):
        path.write_bytes(flagged(data, header, 14))
        found = read(path, mode=mode)
        assert isinstance(found.error, UnsupportedVersionError)
        assert (found.events, found.state, found.error.path) == ([], None, path)
        path.write_bytes(flagged(data, head, 14))
        found = read(path, mode=mode)
        assert isinstance(found.error, UnsupportedVersionError)
        assert (found.events, found.error.path, found.error.chunk) == (SESSION[0], path, 1)


def flagged(data, part, at):
    """
    The recording with a critical flag in this frame, whose CRC holds.
    """
    body = bytearray(data[part.offset + SKIPPABLE.size : part.end - CRC.size])
    body[at - SKIPPABLE.size] |= 1
    frame = skippable(bytes(body) + CRC.pack(zlib.crc32(body)))
    return data[: part.offset] + frame + data[part.end :]


def test_a_later_writers_larger_index_entries_are_read(tmp_path):
    """
    Entries with fields that version 1 doesn't know serve for seeking.
    """
    data = recording_bytes(session(20, 1), sealed=True)
    index = find_index(MemorySource(data), len(data), DEFAULT_LIMITS, with_entries=True)
    entries = b"".join(ENTRY.pack(*entry) + b"later!!!" for entry in index.all_entries())
    fixed = INDEX.pack(*index.fields._replace(entry_size=ENTRY.size + 8))
    text = orjson.dumps(index.summary | {"signatures": ["later"]})
    fixed = fixed[:-4] + len(text).to_bytes(4, "little")
    size = 8 + len(fixed) + len(entries) + len(text) + 52
    trailer = index.trailer.chain + b"".join(
        number.to_bytes(4, "little") for number in (zlib.crc32(entries), zlib.crc32(text), size)
    )
    trailer += zlib.crc32(fixed + trailer).to_bytes(4, "little") + b"RKIE"
    table = part_of(data, "table")
    sizes = data[table.offset + 8 : table.end - 17] + size.to_bytes(4, "little") + bytes(4) + data[table.end - 9 :]
    path = tmp_path / sealed_name()
    path.write_bytes(data[: index.offset] + skippable(fixed + entries + text + trailer) + skippable(sizes, 0x184D2A5E))
    found = read(path)
    assert (found.events, found.error, found.state) == (flat(session(20, 1)), None, State.COMPLETE)
    assert read(path, start_ei=15).events == flat(session(20, 1))[15:]


# ---------------------------------------------------------------- files


def test_what_is_no_recording_is_refused_at_opening(tmp_path):
    """
    Other files raise an error that names them; a missing one is the system's error.
    """
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(BadMagicError, match=r"x\.jsonl\.zst: at offset 0: not a recording"):
        open_recording(path)
    with pytest.raises(FileNotFoundError):
        open_recording(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        open_recording(tmp_path)


def test_an_unknown_mode_is_a_mistake_of_the_caller(tmp_path):
    """
    Modes are known by name.
    """
    with pytest.raises(ValueError, match="strict, tail or salvage"):
        open_recording(write(tmp_path, SESSION, sealed=True), mode="lenient")


def test_a_closed_recording_says_so(tmp_path):
    """
    Nothing is read after closing; closing twice is fine; a recording is a context manager.
    """
    with open_recording(str(write(tmp_path, SESSION, sealed=True))) as recording:
        assert isinstance(recording, Recording)
        events = recording.events()
        next(events)
    recording.close()
    for read_on in (lambda: list(events), lambda: recording.summary, lambda: next(recording.lines())):
        with pytest.raises(ClosedError):
            read_on()


def test_a_failed_opening_keeps_no_descriptor(tmp_path, monkeypatch):
    """
    Refused files are given back at once.
    """
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(b"no")
    opened = []
    open_file = os.open
    monkeypatch.setattr(os, "open", lambda *args: opened.append(open_file(*args)) or opened[-1])
    with pytest.raises(FormatError) as caught:
        open_recording(path)
    assert caught.value.__traceback__ is not None  # which would keep the recording, and with it the file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


def test_the_callers_limits_are_kept(tmp_path):
    """
    A chunk over the caller's limit is refused by name; the others are read in salvage.
    """
    chunks = [SESSION[0], [query(2, "x" * 5000)], SESSION[1]]
    path = write(tmp_path, chunks, sealed=True)
    found = read(path, limits=Limits(raw_chunk=1000))
    assert isinstance(found.error, LimitExceededError)
    assert (found.events, found.error.chunk) == (SESSION[0], 1)
    assert read(path, mode="salvage", limits=Limits(raw_chunk=1000)).events == SESSION[0] + SESSION[1]


@given(st.binary(max_size=300), st.booleans(), st.sampled_from(["strict", "tail", "salvage"]))
@settings(max_examples=150)
def test_arbitrary_bytes_raise_nothing_else(tmp_path_factory, data, sealed, mode):
    """
    Whatever a file holds, opening, reading, seeking and summing up end with one family of errors at most.
    """
    whole = recording_bytes(SESSION, sealed=True)
    head = whole[: part_of(whole, "head", 1).offset]
    path = tmp_path_factory.getbasetemp() / (sealed_name() if sealed else open_name())
    for content in (data, head + data, head + data + whole[len(head) :], whole + data):
        path.write_bytes(content)
        for start in ({}, {"start_ei": 1}, {"start_delay": 1}):
            found = read(path, mode=mode, **start)
            assert all(event in TRUTH for event in found.events)


def test_foreign_chunks_and_removed_ones_are_told_from_a_file_too(tmp_path):
    """
    What the decoder tells of misplaced chunks raises a chain error with the chunk that belongs there.
    """
    start, c0, c1, c2, end = pieces(recording_bytes(SESSION, sealed=True))
    other = pieces(recording_bytes(SESSION, sealed=True, created_ns=NOON + 1))
    path = tmp_path / sealed_name()
    for data, chunk, left in (
        ([start, c1, c0, c2, end], 0, [1, 2]),
        ([start, c0, c0, c1, c2, end], 1, [0, 1, 2]),
        ([start, c0, other[2], c2, end], 1, [0, 2]),
        ([start, c0, c2, end], 1, [0, 2]),
        ([start, c0, c1, end], 2, [0, 1]),
    ):
        path.write_bytes(b"".join(data))
        found = read(path)
        assert isinstance(found.error, ChainError)
        assert found.error.chunk == chunk
        assert read(path, mode="salvage").events == flat([SESSION[n] for n in left])


# ---------------------------------------------------------------- beside a writer


def test_following_goes_on_behind_what_was_seen(tmp_path):
    """
    A reader that asks again gets the chunks that came since, also after the file was renamed, and none twice.
    """
    data = recording_bytes(session(6, 2), sealed=True)
    edges = [part.end for part in parts(data) if part.name in ("header", "body")]
    path = tmp_path / open_name()
    path.write_bytes(data[: edges[0]])
    seen, last = [], None
    with open_recording(path) as recording:
        for edge in (edges[0], edges[1] + 50, edges[3], edges[3], edges[6] + 9, len(data)):
            with path.open("r+b") as file:
                file.write(data[:edge])
            for entry, raw in recording.follow(last):
                seen.append(raw)
                last = entry
        path.rename(tmp_path / sealed_name())
        assert list(recording.follow(last)) == []
        assert list(recording.follow()) == list(zip(recording.chunks(), seen, strict=True))
    assert b"".join(seen) == lines_of(flat(session(6, 2)))


def test_following_behind_a_chunk_that_rotted_repeats_nothing(tmp_path):
    """
    If the last seen chunk's header is damaged meanwhile, what came before it does not come again.
    """
    data = recording_bytes(SESSION, sealed=False)
    path = tmp_path / open_name()
    path.write_bytes(data)
    with open_recording(path, mode="salvage") as recording:
        entry = list(recording.chunks())[1]
        path.write_bytes(flip(data, part_of(data, "head", 1), 40))
        assert [found.sequence for found, _ in recording.follow(entry)] == [2]


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from recordings import NOON, OWNER, SID, QuickFiles, count, lines_of, query
    from recordkit.container import RecordingWriter, seal
    from recordkit.container.frames import Compressor
    path, sealed = Path(sys.argv[1]), Path(sys.argv[2])
    writer = RecordingWriter(path, sid=SID, owner=OWNER, created_ns=NOON, attributes={}, files=QuickFiles())
    writer.create()
    compressor = Compressor()
    print("created", flush=True)
    for chunk in range(400):
        events = [query(chunk * 2, "SELECT 1;"), query(chunk * 2 + 1, "x" * (chunk * 97 % 30_000))]
        writer.append(lines_of(events), count(events), compressor)
    sys.stdin.read(1)
    seal(path, sealed, files=QuickFiles(), chunk_bytes=1)
    """
)


def test_a_reader_beside_a_writer_sees_a_growing_exact_prefix(tmp_path):
    """
    While another process appends as fast as it can, every reading is strict, sound and continues the one before.
    """
    path, sealed = tmp_path / open_name(), tmp_path / sealed_name()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path, sealed],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "created\n"
        seen = [0]
        with open_recording(path) as staying:
            followed, last = [], None
            while seen[-1] < 800:
                with open_recording(path) as recording:
                    numbers = [event["ei"] for event in recording.events(start_ei=max(0, seen[-1] - 10))]
                assert numbers == list(range(max(0, seen[-1] - 10), numbers[-1] + 1 if numbers else 0))
                seen.append(numbers[-1] + 1 if numbers else 0)
                for entry, raw in staying.follow(last):
                    last = entry
                    followed += [orjson.loads(line)["ei"] for line in raw.splitlines()]
                assert followed == list(range(len(followed)))
                assert staying.summary.events >= len(followed)
                assert staying.state is State.OPEN
                assert process.poll() is None
            process.stdin.write("x")
            process.stdin.close()
            while last is None or staying.state is State.OPEN:
                for entry, raw in staying.follow(last):
                    last = entry
                    followed += [orjson.loads(line)["ei"] for line in raw.splitlines()]
            assert followed == list(range(800))
        assert process.wait() == 0
    assert seen == sorted(seen)
    found = read(sealed)
    assert (len(found.events), found.error, found.state) == (800, None, State.INTERRUPTED)


def test_a_reader_that_stays_while_chunks_are_joined_keeps_its_file(tmp_path):
    """
    Sealing that writes a new file leaves a reader of the old one with all its events.
    """
    write(tmp_path, SESSION, sealed=False)
    with open_recording(tmp_path / open_name()) as recording:
        events = recording.events()
        first = next(events)
        seal(tmp_path / open_name(), tmp_path / sealed_name(), files=QuickFiles())
        assert [first, *events] == TRUTH
    assert read(tmp_path / sealed_name()).events == TRUTH
