import math
import uuid
from io import BytesIO

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recorded import parsed, recount, same, shown
from recordkit.container.chunks import Counts
from recordkit.errors import InvalidEventError
from recordkit.events import CONSTANT_FIELDS, KINDS, code_for, format_time, parse_time
from recordkit.recorder.lines import SessionLines

SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"
NOON = 1_784_548_800_000_000_000
CONSTANTS = {"cluster_name": "c", "user": "alice", "db_name": "100%d", "db_labels": {"sid": SID, "user": "alice"}}

# ------------------------------------------------------------------ events of all sorts

texts = st.text(max_size=12) | st.sampled_from(
    ["", "%", "%d", "%b %012x", '"sid":', f'{{"sid":"{SID}",', "null", "\n", "\x00", "é", "\U0001f600", "{", "}\\"]
)
numbers = (
    st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**64 - 1, -(2**63), 2**53 + 1, 0.1, -0.0, 1e-320, 1.7976931348623157e308])
)
keys = texts | st.sampled_from(["ei", "time", "uid", "sid", "event", "code", "user", "db_name", *CONSTANT_FIELDS[:12]])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
kinds = st.sampled_from(
    [*sorted(KINDS)[:60:6], "db.session.query", "db.session.result", "db.session.start", "db.session.end",
     "recordkit.gap", "my.own", "100%d", ""]
)  # fmt: skip
fields = st.dictionaries(
    keys.filter(lambda name: name not in {"ei", "time", "uid", "sid", "event", "code"}), values, max_size=4
)
times = (
    st.integers(0, 2**61).map(format_time)
    | st.integers(0, 999_999).map(lambda us: f"2026-07-20T20:00:00.{us:06d}Z")
    | st.sampled_from(
        ["2026-07-20T20:00:00Z", "2026-07-20t20:00:00.5z", "2016-12-31T23:59:60.123456Z", "0001-01-01T00:00:00Z",
         "2026-07-20T22:00:00.123456+02:00", "9999-12-31T23:59:59.999999Z", "2016-12-31T23:59:60.000001Z"]
    )
)  # fmt: skip
eis = st.integers(0, 50) | st.integers(0, 2**62 - 1)


@st.composite
def own_events(draw):
    extra = {name: value for name, value in draw(fields).items() if name not in CONSTANTS}
    return {"event": draw(kinds)} | draw(st.sampled_from([{}, {"success": False}, {"success": True}])) | extra


@st.composite
def mixed_events(draw):
    event = {"event": draw(kinds)} | draw(fields)
    event |= draw(st.sampled_from([{}, {"success": False}, {"count": 7, "reason": "x"}]))
    if draw(st.booleans()):
        event["ei"] = draw(eis)
    if draw(st.booleans()):
        event["time"] = draw(times)
    if draw(st.booleans()):
        event["uid"] = draw(st.uuids().map(str) | texts)
    if draw(st.booleans()):
        event["code"] = draw(texts)
    if draw(st.booleans()):
        event["sid"] = draw(st.sampled_from([SID, SID.upper(), SID.replace("-", "")]))
    return dict(draw(st.permutations(list(event.items()))))


@st.composite
def given_events(draw):
    """
    Events that bring everything, constants in one run or in several, as in the event before or not.
    """
    block = dict(draw(st.sampled_from([CONSTANTS, CONSTANTS | {"db_user": "bob"}, {"user": "eve"}, {}])))
    if draw(st.booleans()):
        block = {"sid": SID} | block
    own = {
        "ei": draw(eis), "event": draw(kinds), "uid": draw(st.uuids().map(str)), "code": draw(texts),
        "time": draw(times),
    }  # fmt: skip
    before = draw(fields)
    behind = {name: value for name, value in draw(fields).items() if name not in before}
    parts = draw(st.permutations([own, block, before, behind, {"sid": SID}]))
    event = {}
    for part in parts:
        event |= part
    return event


events = own_events() | mixed_events() | given_events()
batches = st.lists(st.lists(events, max_size=5), max_size=5)


def write(lines, batches):
    """
    Return the decoded lines of *batches*, each written by one call, and what was counted.
    """
    out, counts, clock = BytesIO(), Counts(), iter(range(NOON + 789, NOON + 10**15, 1_000_000_123))
    for batch in batches:
        end = lines.write([lines.item(event, clock.__next__) for event in batch], out, counts)
        assert end == out.tell()
    raw = out.getvalue()
    assert raw.endswith(b"\n") or not raw
    return [parsed(line) for line in raw.split(b"\n")[:-1]], counts


def expected_names(event, constants):
    names = {"ei", "time", "uid", "sid", *constants, *event}
    if "code" in event or code_for(event["event"], success=event.get("success") is not False) is not None:
        names.add("code")
    return names


# ------------------------------------------------------------------ what goes in comes out


@settings(deadline=None, max_examples=100)
@given(batches=batches)
@example(batches=[[{"event": "recordkit.gap", "count": 3}]])
@example(batches=[[{"event": "x", "ei": 5, "uid": "u"}, {"event": "x", "uid": "u"}, {"event": "x", "time": "2026-07-20T20:00:00Z"}]])  # fmt: skip
def test_events_come_out_as_they_went_in_and_filled(batches):
    """An event comes out with each value that it brought, and with all that it left out put in, nothing else."""
    given_in = [event for batch in batches for event in batch]
    copies = orjson.loads(orjson.dumps(given_in))
    written, counts = write(SessionLines(SID, CONSTANTS, verbatim=False), batches)
    assert same(given_in, copies), "an event was changed"
    assert len(written) == len(given_in)
    ei, uids = -1, []
    for before, after in zip(given_in, written, strict=True):
        assert same({name: after.get(name) for name in before}, before)
        assert set(after) == expected_names(before, CONSTANTS)
        assert same(
            {name: after[name] for name in CONSTANTS}, {name: before.get(name, CONSTANTS[name]) for name in CONSTANTS}
        )
        ei = before.get("ei", ei + 1)
        assert after["ei"] == ei
        if "sid" not in before:
            assert after["sid"] == SID
        if "code" not in before and "code" in after:
            assert after["code"] == code_for(before["event"], success=before.get("success") is not False)
        if "time" not in before:
            assert NOON <= parse_time(after["time"]) < NOON + 10**15
        if "uid" not in before:
            uids.append((ei, after["uid"]))
            assert str(uuid.UUID(after["uid"])) == after["uid"]
    assert len(set(uids)) == len({ei for ei, _ in uids}), "a uid for two events"
    assert shown(counts) == shown(recount(written))


@settings(deadline=None, max_examples=100)
@given(batches=st.lists(st.lists(given_events() | mixed_events(), max_size=5), max_size=5))
def test_a_verbatim_session_adds_and_changes_nothing(batches):
    """In a verbatim session each event comes out exactly as it went in."""
    given_in = [event for batch in batches for event in batch]
    written, counts = write(SessionLines(SID, {}, verbatim=True), batches)
    assert same(written, given_in)
    assert shown(counts) == shown(recount(given_in))


@settings(deadline=None, max_examples=100)
@given(
    constants=st.dictionaries(
        keys.filter(lambda name: name not in {"ei", "time", "uid", "event", "code", "sid"}), values, max_size=5
    ),
    batch=st.lists(events, max_size=5),
)
def test_any_field_may_be_a_constant(constants, batch):
    """Whatever a session's constants are called and hold, they stand in each event that doesn't bring them."""
    written, _ = write(SessionLines(SID, constants, verbatim=False), [batch])
    for before, after in zip(batch, written, strict=True):
        assert same(after, after | constants | before)
        assert set(after) == expected_names(before, constants)


def test_constants_stand_first_and_in_one_order():
    """Each line begins with the same bytes, wherever an event has its constant fields."""
    lines = SessionLines(SID, CONSTANTS, verbatim=False)
    given_first = {"sid": SID, **CONSTANTS, "ei": 0, "event": "x", "uid": "u", "code": "c", "time": format_time(NOON)}
    given_last = dict(reversed(given_first.items())) | {"ei": 1}
    own = {"event": "x", "db_query": "SELECT 1"}
    out = BytesIO()
    items = [lines.item(event, lambda: NOON) for event in (given_first, given_last, own, given_first)]
    lines.write(items, out, Counts())
    prefix = orjson.dumps({"sid": SID, **CONSTANTS})[:-1]
    assert all(line.startswith(prefix) for line in out.getvalue().splitlines())


def test_an_inner_object_that_looks_like_the_constants_stays_where_it_is():
    """The constant fields' bytes inside a nested object or a text are not taken for the event's own."""
    block = {"sid": SID, "user": "alice"}
    lines = SessionLines(SID, {"user": "alice"}, verbatim=False)
    events = [
        {"ei": n, "event": "x", "uid": "u", "code": "c", "time": format_time(NOON), **middle, **block, "db_query": "1"}
        for n, middle in enumerate(
            [
                {},
                {"inner": {"a": 1, **block, "z": 2}},
                {"text": orjson.dumps(block)[1:].decode()},
                {"text": '"sid":"' + SID + '","user":"alice",'},
                {"list": [{"a": 1, **block}]},
                {},
            ]
        )
    ]
    written, _ = write(lines, [events[:1], events[1:]])
    assert same(written, events)


def test_changing_constants_are_kept():
    """An event's own user stays its own, also among events with another."""
    lines = SessionLines(SID, {"user": "alice"}, verbatim=False)
    base = {"event": "x", "uid": "u", "code": "c", "time": format_time(NOON), "sid": SID}
    events = [{"ei": n, **base, "user": user, "q": n} for n, user in enumerate(["alice", "alice", "bob", "bob", "al"])]
    written, _ = write(lines, [[event] for event in events])
    assert same(written, events)


def test_many_kinds_are_all_kept():
    """More kinds of events than the tables hold are recorded like any other."""
    lines = SessionLines(SID, {}, verbatim=False)
    events = [{"event": f"kind.{n}"} for n in range(3000)] * 2
    written, _ = write(lines, [events])
    assert [event["event"] for event in written] == [event["event"] for event in events]
    assert [event["ei"] for event in written] == list(range(6000))


def test_a_failure_takes_the_code_of_the_audit_log():
    """The code follows from kind and success; one that the event brings stays."""
    lines = SessionLines(SID, {}, verbatim=False)
    result = {"event": "db.session.result"}
    written, counts = write(lines, [[result, result | {"success": False}, result | {"code": "X"}]])
    known = KINDS["db.session.result"]
    assert [event["code"] for event in written] == [known.code, known.failed_code, "X"]
    assert counts.errors == 1


def test_times_go_back_and_numbers_jump():
    """Numbers and times that go back are kept, and counted as what they are."""
    lines = SessionLines(SID, {}, verbatim=False)
    events = [{"event": "x", "ei": ei, "time": format_time(NOON - ei)} for ei in (7, 3, 3, 900, 0)]
    written, counts = write(lines, [[*events, {"event": "x"}]])
    assert [event["ei"] for event in written] == [7, 3, 3, 900, 0, 1]
    assert (counts.lowest_ei, counts.highest_ei, counts.earliest_ns) == (0, 900, NOON - 900)


def test_the_longest_wait_spans_batches():
    """The time from a statement to its result counts, also when they are written apart; only the first result does."""
    lines = SessionLines(SID, {}, verbatim=False)
    at = {name: {"time": format_time(ns)} for name, ns in (("asked", 0), ("answered", 5_000), ("later", 9_000))}
    query, result = {"event": "db.session.query"}, {"event": "db.session.result"}
    _, counts = write(lines, [[query | at["asked"]], [result | at["answered"]], [result | at["later"]]])
    assert counts.longest_wait_ns == 5_000


# ------------------------------------------------------------------ many at once, as in a burst

common = st.builds(
    lambda kind, success, sql: {"event": kind, **success, "db_query": sql},
    st.sampled_from(["db.session.query", "db.session.result", "db.session.start", "x"]),
    st.sampled_from([{}, {}, {"success": True}, {"success": False}]),
    texts,
)
many = st.lists(common, min_size=8, max_size=30) | st.lists(own_events(), min_size=8, max_size=30)


@settings(deadline=None, max_examples=30)
@given(
    batches=st.lists(many, min_size=1, max_size=3),
    first_ei=st.sampled_from([0, 3, 90, 95, 985, 995, 9_990, 10**6 - 5, 10**12 - 7, 2**62 - 1]),
    start_ns=st.sampled_from([NOON, NOON + 999_999_000, 999_999_999_999_999_000, 10**18, 5_000]),
    step_ns=st.sampled_from([0, 1, 700, 40_000, 100_000_000]),
)
def test_a_burst_of_own_events_is_numbered_and_timed_one_by_one(batches, first_ei, start_ns, step_ns):
    """However many of the session's own events are written at once, each has its number, its time and its uid."""
    lines, out, counts = SessionLines(SID, CONSTANTS, verbatim=False), BytesIO(), Counts()
    lines.next_ei = first_ei
    given_in = [event for batch in batches for event in batch]
    times = [start_ns + number * step_ns for number in range(len(given_in))]
    clock = iter(times)
    for batch in batches:
        lines.write([lines.item(event, clock.__next__) for event in batch], out, counts)
    written = [parsed(line) for line in out.getvalue().splitlines()]
    assert [event["ei"] for event in written] == list(range(first_ei, first_ei + len(given_in)))
    assert [parse_time(event["time"]) for event in written] == [time_ns // 1000 * 1000 for time_ns in times]
    assert [event["uid"][-12:] for event in written] == [f"{event['ei'] % 10**12:012d}" for event in written]
    assert len({event["uid"][:-12] for event in written}) <= 1
    assert all(str(uuid.UUID(event["uid"])) == event["uid"] for event in written)
    for before, after in zip(given_in, written, strict=True):
        assert same(
            {name: value for name, value in after.items() if name in {**CONSTANTS, **before}}, CONSTANTS | before
        )
    assert shown(counts) == shown(recount(written))


@settings(deadline=None, max_examples=30)
@given(
    given_in=st.lists(
        st.tuples(
            st.sampled_from(["db.session.query", "db.session.result", "x"]),
            st.sampled_from([{}, {"success": True}, {"success": False}]),
            st.integers(0, 3),
            st.integers(0, 3_000_000),
            texts,
        ),
        max_size=30,
    )
)
def test_a_burst_of_whole_events_comes_out_as_it_went_in(given_in):
    """Whole events in quick succession keep all values, and count as what they are."""
    events = []
    for ei, (kind, success, user, micros, sql) in enumerate(given_in):
        time = f"2026-07-20T12:00:0{micros // 10**6}.{micros % 10**6:06d}Z"
        events.append(
            {"ei": ei, "event": kind, "uid": f"{ei:032x}", "code": "c", "time": time, **CONSTANTS, "sid": SID,
             "user": f"user{user // 3}", "db_query": sql, **success}
        )  # fmt: skip
    written, counts = write(SessionLines(SID, CONSTANTS, verbatim=False), [events])
    assert same(written, events)
    assert shown(counts) == shown(recount(events))


@pytest.mark.parametrize("learnt", [None, "text"])
def test_nan_is_refused_also_where_the_event_before_had_null(learnt):
    """A constant field that is NaN is refused, though its line looks like that of an event that had null there."""
    lines = SessionLines(SID, {"db_user": learnt}, verbatim=False)
    whole = {"ei": 0, "event": "x", "uid": "u", "code": "c", "time": format_time(NOON), "sid": SID, "db_user": learnt}
    lines.item(whole | {"db_query": "1"}, lambda: NOON)
    lines.item(whole | {"db_query": "1"}, lambda: NOON)
    for name in ("db_user", "uid", "code", "db_query"):
        with pytest.raises(InvalidEventError) as refused:
            lines.item(whole | {"db_query": "1"} | {name: math.nan}, lambda: NOON)
        assert refused.value.field == name
    written, _ = write(lines, [[whole | {"db_query": "1"}]])
    assert written[0]["db_user"] == learnt


@pytest.mark.parametrize(
    "wrong",
    ["2026-07-20T12:00:00.0001x2Z", "2026-07-20T12:00:00.0001234", "2026-07-20T12:00:00.000 12Z",
     "2026-07-20T12:00:00.000+12Z", "2026-07-20T12:00:00.0001_2Z", "2026-07-20T12:00:00.00012\u0663Z",
     "2026-07-20T12:00:00.000123Zz", "2026-07-20T12:00:00.000", "2026-07-20T12:00:00.00 123Z"],
)  # fmt: skip
def test_a_time_that_only_begins_like_the_one_before_is_refused(wrong):
    """A time is looked at to its end, also when it begins like that of the event before."""
    lines = SessionLines(SID, {}, verbatim=False)
    whole = {"ei": 0, "event": "x", "uid": "u", "code": "c", "time": "2026-07-20T12:00:00.000001Z", "sid": SID}
    for _ in range(3):
        lines.item(whole, lambda: NOON)
    with pytest.raises(InvalidEventError) as refused:
        lines.item(whole | {"time": wrong}, lambda: NOON)
    assert refused.value.field == "time"


# ------------------------------------------------------------------ what is refused, by name

DEEP = inner = {}
for _ in range(300):
    inner["in"] = {}
    inner = inner["in"]


@pytest.mark.parametrize("verbatim", [False, True])
@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"a": math.nan}, "a"),
        ({"a": {"b": [0, math.inf]}}, "a.b[1]"),
        ({"a": -math.inf}, "a"),
        ({"a": 2**64}, "a"),
        ({"a": [-(2**63) - 1]}, "a[0]"),
        ({"a": {"b": "\ud800"}}, "a.b"),
        ({"a": b"bytes"}, "a"),
        ({"a": {1: 2}}, "a"),
        ({"a": {"b": {"\udfff": 2}}}, "a.b"),
        ({1: "a"}, ""),
        ({"a": {1, 2}}, "a"),
        ({"a": object()}, "a"),
        ({"event": 5}, "event"),
        ({"event": None}, "event"),
        ({"ei": -1}, "ei"),
        ({"ei": 2**62}, "ei"),
        ({"ei": 1.0}, "ei"),
        ({"ei": True}, "ei"),
        ({"ei": "1"}, "ei"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-07-20T20:00:00.12345٣Z"}, "time"),
        ({"time": "2026-02-30T00:00:00Z"}, "time"),
        ({"time": 5}, "time"),
        ({"sid": "x"}, "sid"),
        ({"sid": "00000000-0000-0000-0000-000000000000"}, "sid"),
        ({"sid": 7}, "sid"),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_what_is_not_json_is_refused_by_name(extra, field, verbatim, whole):
    """A value that can't come back equal is refused with its path, and the next event is recorded as if nothing was."""
    lines = SessionLines(SID, {}, verbatim=verbatim)
    sound = {"event": "x"}
    if whole:
        sound |= {"ei": 0, "time": "2026-07-20T20:00:00.000001Z", "sid": SID, "uid": "u", "code": "c"}
    write(lines, [[sound]])
    with pytest.raises(InvalidEventError) as refused:
        lines.item(sound | extra, lambda: NOON)
    assert refused.value.field == field
    written, counts = write(lines, [[sound]])
    assert len(written) == counts.events == 1


@pytest.mark.parametrize("verbatim", [False, True])
def test_deep_nesting_is_refused_by_name(verbatim):
    """An event nested more deeply than JSON libraries go is refused, with the path."""
    with pytest.raises(InvalidEventError, match=r"in\.in\.in") as refused:
        SessionLines(SID, {}, verbatim=verbatim).item({"event": "x", "a": DEEP}, lambda: NOON)
    assert refused.value.field.startswith("a.in.in")


@pytest.mark.parametrize("wrong", [None, [], "event", 5, {"a": 1}, {}])
def test_what_is_no_event_is_refused(wrong):
    """Only a dict that has a kind is an event."""
    with pytest.raises(InvalidEventError):
        SessionLines(SID, {}, verbatim=False).item(wrong, lambda: NOON)


@pytest.mark.parametrize(
    ("constants", "field"),
    [
        ({"user": math.nan}, "user"), ({"user": "\ud800"}, "user"), ({"labels": {"a": 2**64}}, "labels.a"),
        ({"ei": 1}, "ei"), ({"time": "2026-07-20T20:00:00Z"}, "time"), ({"uid": "u"}, "uid"), ({"code": "c"}, "code"),
        ({"event": "x"}, "event"), ({"user": "x" * (16 * 2**20)}, ""),
    ],
)  # fmt: skip
def test_constants_are_checked_once_at_the_door(constants, field):
    """A constant that can't be recorded, or that must differ from event to event, is refused by name."""
    with pytest.raises(InvalidEventError) as refused:
        SessionLines(SID, constants, verbatim=False)
    assert refused.value.field == field


# ------------------------------------------------------------------ all or nothing


class Interrupted(BaseException):
    """
    As Ctrl-C: comes up anywhere.
    """


class InterruptedBuffer(BytesIO):
    """
    Is interrupted right after the bytes are in.
    """

    armed = False

    def write(self, data):
        written = super().write(data)
        if self.armed:
            raise Interrupted
        return written


def test_an_interrupted_write_leaves_no_trace():
    """A write that Ctrl-C breaks off is undone: lines, counts and numbers are as before, and it can be done again."""
    lines, out, counts = SessionLines(SID, {}, verbatim=False), InterruptedBuffer(), Counts()

    def item(event, time_ns):
        return lines.item(event, lambda: time_ns)

    lines.write([item({"event": "db.session.query"}, 0)], out, counts)
    size, before = out.tell(), shown(counts)
    last = [item({"event": "db.session.result", "success": False}, 5_000_000), item({"event": "x", "ei": 9}, NOON)]
    out.armed = True
    with pytest.raises(Interrupted):
        lines.write(last, out, counts)
    assert (out.tell(), shown(counts)) == (size, before)
    out.armed = False
    end = lines.write(last, out, counts)
    written = [parsed(line) for line in out.getvalue()[:end].splitlines()]
    assert [event["ei"] for event in written] == [0, 1, 9]
    assert shown(counts) == shown(recount(written))
    assert counts.longest_wait_ns == 5_000_000
