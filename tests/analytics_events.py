"""
Random events for the tests of analytics: of every kind, right and wrong, and the lines that hold them.
"""

import json

from hypothesis import strategies as st

from recordkit.container.chunks import Counts
from recordkit.events import CONSTANT_FIELDS, KINDS, FieldType, encode_line, format_time

TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["", "null", ":null", '{"a": null}', "\x00", "\n", '"', "\\", "é🎈", "2026-07-20T20:00:00Z", "true", "5"]
)
INTEGER = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 300)
BIG = st.integers(2**63, 2**64 - 1)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGER | BIG | FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def times(draw):
    """A time as programs write it, mostly; or one in an unusual form."""
    time_ns = draw(st.integers(0, 4_000_000_000)) * 1_000_000_000 + draw(st.sampled_from([0, 5, 100_000, 120_000_000]))
    plain = format_time(time_ns)
    whole = plain[:19]
    return draw(
        st.sampled_from([
            plain, plain, f"{whole}.{time_ns % 10**9:09d}"[:26] + "Z", f"{whole}.{time_ns % 10**9:09d}Z",
            f"{whole}.{time_ns % 10**9:09d}000Z", f"{whole}+02:00", f"{whole}.5-00:30", whole + "z", whole.replace("T", " ") + "Z",
            whole, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "1677-09-21T00:12:43Z",
            "2262-04-11T23:47:17Z", "1678-01-01T00:00:00Z", whole + ".Z", whole + ",5Z", "2026-02-30T00:00:00Z", "noon", "",
        ])
    )  # fmt: skip


VALUES = {
    FieldType.TEXT: TEXT,
    FieldType.INTEGER: INTEGER,
    FieldType.BOOLEAN: st.booleans(),
    FieldType.TIME: times(),
    FieldType.BYTES: st.sampled_from(["", "AAEC", "/w==", "not base64"]),
    FieldType.TEXT_LIST: st.lists(TEXT, max_size=3),
    FieldType.TEXT_MAP: st.dictionaries(TEXT, TEXT, max_size=3),
    FieldType.JSON: JSON,
}
UNKNOWN = st.sampled_from(
    ["x", "rest", "time_digits", "addr_local", "gap_from", "recordkit.db_query_bytes", "", "é", "recording\0"]
)


@st.composite
def events(draw, *, odd=True):
    """An event of any kind; *odd* ones have wrong types, nulls and unknown fields as well."""
    kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    names = draw(st.lists(st.sampled_from(list(kind.fields)), max_size=12, unique=True))
    event = {name: draw(VALUES[kind.fields[name]]) for name in names}
    if draw(st.integers(0, 9)):
        event["event"] = kind.name
    if odd and draw(st.integers(0, 3)) == 0:
        for name in draw(st.lists(st.sampled_from(list(kind.fields)) | UNKNOWN, max_size=3)):
            event[name] = draw(JSON)
    return event


@st.composite
def sessions(draw):
    """Lines of a session as a recorder lays them out, with odd ones between: a list of (event, line)."""
    shared = {
        name: draw(TEXT if kind in ("user", "db_name") else VALUES[FieldType.TEXT_MAP])
        for name, kind in draw(
            st.sampled_from([{}, {"user": "user"}, {"db_name": "db_name", "db_labels": "map"}])
        ).items()
    }
    if draw(st.booleans()):
        shared["x"] = draw(JSON)
    usual = draw(st.lists(events(odd=False), min_size=1, max_size=3))
    found = []
    for number in range(draw(st.integers(1, 12))):
        match draw(st.integers(0, 7)):
            case 0:
                event = draw(events())
            case 1:
                event = shared | draw(events())
            case _:
                own = {
                    name: value for name, value in draw(st.sampled_from(usual)).items() if name not in CONSTANT_FIELDS
                }
                event = {**shared, "ei": number, "time": f"2026-07-20T20:00:0{number % 10}.{number:06d}Z", **own}
        line = encode_line(event)
        if draw(st.integers(0, 15)) == 0:
            line = json.dumps(event).encode() + b"\n"  # other spacing, other escapes
        found.append((event, line))
    return found


def counts_of(number):
    """Counts for a chunk of so many events, with nothing in them that export looks at."""
    counts = Counts()
    counts.events = number
    counts.cover(0, number - 1)
    return counts
