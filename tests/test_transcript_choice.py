import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordkit.events import KINDS
from recordkit.events.kinds import METADATA, SESSION, USER
from recordkit.render.control_chars import safe_text
from recordkit.transcript import SegmentKind, SessionTranslator, Severity, for_protocol, translate
from recordkit.transcript.generic import GenericTranslator
from recordkit.transcript.postgres import PostgresTranslator
from recordkit.transcript.remembered import MAX_CHARS, MAX_ENTRIES, Remembered

PROTOCOLS = [
    "cassandra", "clickhouse", "clickhouse-http", "cockroachdb", "dynamodb", "elasticsearch", "mariadb", "mongodb", "mysql",
    "opensearch", "oracle", "postgres", "redis", "snowflake", "spanner", "sqlserver",
]  # fmt: skip

START = {"event": "db.session.start", "time": "2026-07-20T20:00:00Z", "db_service": "s", "db_protocol": "postgres"}
QUERY = {"event": "db.session.query", "db_query": "SELECT 1", "db_name": "d"}


def texts(*events):
    return [segment.text for segment in translate(events)]


def test_each_protocol_has_its_translator():
    """Every protocol name of the audit log has a translator of its own, and any other name the generic one."""
    own = {type(for_protocol(protocol)) for protocol in PROTOCOLS}
    assert GenericTranslator not in own
    assert isinstance(for_protocol("postgres"), PostgresTranslator)
    for protocol in ("duckdb", "Postgres", "", None):
        assert type(for_protocol(protocol)) is GenericTranslator


def test_cockroachdb_has_another_prompt():
    """Only the protocol named postgres gets the exact text of tsh."""
    assert type(for_protocol("cockroachdb")) is not PostgresTranslator


def test_the_start_event_decides():
    """What the start event names holds, also against an event before it and for events without a protocol."""
    created = {"event": "db.session.user.create", "db_protocol": "mysql", "username": "u"}
    assert texts(created, START, QUERY) == [
        '\n-- database user "u" created --\n',
        'Session started to database "s" at Mon Jul 20 20:00 UTC\n',
        "\nd=> SELECT 1\n",
    ]


def test_without_a_start_the_first_protocol_decides():
    """A session whose beginning is missing is shown in the form of the protocol its events name."""
    assert texts(QUERY | {"db_protocol": "postgres"}, QUERY | {"db_protocol": "mysql"}) == ["\nd=> SELECT 1\n"] * 2


def test_a_second_start_of_the_same_protocol_forgets_nothing():
    """Prepared statements stay known when a start is repeated."""
    parse = {"event": "db.session.postgres.statements.parse", "statement_name": "s", "query": "SELECT 1"}
    bind = {"event": "db.session.postgres.statements.bind", "statement_name": "s", "portal_name": ""}
    execute = {"event": "db.session.postgres.statements.execute", "portal_name": "", "db_name": "d"}
    assert texts(START, parse, bind, START, execute)[-1] == "\nd=> SELECT 1\n"


def test_delays_count_from_the_first_time():
    """Delays are never negative, and an event without a usable time has that of the one before it."""
    times = [None, "2026-07-20T20:00:00Z", "2026-07-20T20:00:02Z", 5, "long ago", "2026-07-20T19:00:00Z"]
    events = [START | {"db_protocol": "mysql", "time": time} for time in times]
    assert [segment.delay_ns for segment in translate(events)] == [0, 0, 2 * 10**9, 2 * 10**9, 2 * 10**9, 0]


# ---------------------------------------------------------------- whatever the events hold

HOSTILE = st.sampled_from([
    "", "\n", "\n\n\r\n", "a\nb", "\x1b]52;c;AAAA\x07", "\x9b2J", "\u202e\u2066", "\ud800", "\x00", "\t", "\r", "\u2028",
    '{"find": "c\\u001b", "filter": {"\\n": 1}}', '{"a":{"$oid":"\\n"}}', "USE x\n", "SELECT 3", "e30=", "G1s=", "Msg 1", "ERROR", "Mongo\n",
    "error 1 (ABCDE): ", "/* x", "漢字", "e\u0301" * 200,
])  # fmt: skip
TEXT = st.text(st.characters(), max_size=8) | HOSTILE
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({field for kind in KINDS.values() for field in kind.fields} - {"event"} | {"rows", "columns", "count"})
KIND = st.sampled_from(sorted(KINDS)) | JSON
ROWS = st.lists(st.lists(JSON, max_size=3) | JSON, max_size=3)
EVENT = st.builds(
    lambda kind, known, other: other | known | {"event": kind},
    KIND,
    st.dictionaries(st.sampled_from(FIELDS), JSON | HOSTILE | ROWS, max_size=6),
    st.dictionaries(TEXT, JSON, max_size=3),
)
# kinds with fields of their own, so that statements are prepared, executed, answered
OWN_FIELDS = {
    name: [field for field in kind.fields if field not in METADATA | USER | SESSION] for name, kind in KINDS.items()
}
LIKELY = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.dictionaries(
        st.sampled_from([*OWN_FIELDS[kind], "success"]), st.integers(0, 3) | HOSTILE | st.none() | ROWS, max_size=8
    ).map(lambda fields: fields | {"event": kind})
)
PROTOCOL = st.sampled_from([*PROTOCOLS, None]) | JSON
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


@given(PROTOCOL, st.lists(EVENT | LIKELY | st.dictionaries(TEXT, JSON, max_size=4), max_size=6))
def test_no_list_of_json_objects_raises(protocol, events):
    """Whatever types the fields hold, a transcript comes out, in whole lines that are safe when they are made so."""
    for segment in translate([{"event": "db.session.start", "db_protocol": protocol}, *events]):
        assert segment.text.endswith("\n")
        assert segment.delay_ns >= 0
        safe = safe_text(segment.text)
        assert CONTROLS.search(safe) is None
        assert safe.count("\n") == segment.text.count("\n")


@given(st.sampled_from(PROTOCOLS), st.lists(LIKELY | EVENT, max_size=8))
@settings(max_examples=300)
def test_each_protocol_takes_any_event(protocol, events):
    """Every translator takes every kind with fields of every type, and says something of each event it is given."""
    translator = for_protocol(protocol)
    for event in events:
        segments = translator.feed(event)
        assert segments
        assert all(segment.text.endswith("\n") for segment in segments)
        assert all(CONTROLS.search(safe_text(segment.text)) is None for segment in segments)


SOME = st.lists(LIKELY, max_size=5)


@given(st.sampled_from([*PROTOCOLS, "other"]), SOME, SOME, SOME)
@settings(max_examples=200)
def test_a_fork_goes_on_by_itself(protocol, before, one, other):
    """A fork says what its original would say, and neither hears of what the other is fed."""

    def fed(translator, events):
        return [segment for event in events for segment in translator.feed(event)]

    def begun():
        translator = SessionTranslator()
        fed(translator, [START | {"db_protocol": protocol}, *before])
        return translator

    expected = fed(begun(), one), fed(begun(), other)
    original = begun()
    fork, second = original.fork(), original.fork()
    assert (fed(original, one), fed(fork, other)) == expected
    assert fed(second, one) == expected[0]


def prepared(protocol, text):
    """The events that prepare *text* and execute it."""
    if protocol == "cassandra":
        number = hashlib.md5(text.encode()).hexdigest()
        return {"event": "db.session.cassandra.prepare", "query": text}, {
            "event": "db.session.cassandra.execute",
            "query_id": number,
        }
    if protocol in ("mysql", "mariadb"):
        prepare = {"event": "db.session.mysql.statements.prepare", "query": text}
        return prepare, {"event": "db.session.mysql.statements.execute", "statement_id": 1}
    kind = "db.session.postgres.statements"
    return {"event": f"{kind}.parse", "query": text}, [{"event": f"{kind}.bind"}, {"event": f"{kind}.execute"}]


@pytest.mark.parametrize("protocol", ["cassandra", "cockroachdb", "mariadb", "mysql", "postgres"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_fork_prepares_by_itself(protocol, whole):
    """A statement that one of two prepares is not known to the other, and what both knew stays known."""
    translator = SessionTranslator() if whole else for_protocol(protocol)
    translator.feed(START | {"db_protocol": protocol})
    fork = translator.fork()

    def executed(translator, events):
        for event in events if isinstance(events, list) else [events]:
            segments = translator.feed(event)
        return "".join(segment.text for segment in segments)

    prepare, execute = prepared(protocol, "SELECT 4711")
    translator.feed(prepare)
    assert "SELECT 4711" in executed(translator, execute)
    assert "SELECT 4711" not in executed(fork, execute)
    assert "SELECT 4711" in executed(translator.fork(), execute)


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "other"])
def test_a_gap_always_shows(protocol):
    """Missing events are never an aside, whatever the protocol, and ask for attention."""
    (segment,) = for_protocol(protocol).feed(
        {"event": "recordkit.gap", "from": 4, "to": 9, "count": 6, "reason": "full"}
    )
    assert segment.text == "\n-- 6 events missing here (ei 4 to 9): full --\n"
    assert (segment.kind, segment.severity, segment.aside) == (SegmentKind.NOTICE, Severity.WARNING, False)


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "other"])
def test_what_failed_is_an_error(protocol):
    """A refused statement and a failed result have an error's severity in every protocol, with the reason to read."""
    translator = for_protocol(protocol)
    refused = {"event": "db.session.query.failed", "db_query": "x", "success": False, "error": "no access"}
    broken = {"event": "db.session.result", "success": False, "error": "broken"}
    for event, reason in ((refused, "no access"), (broken, "broken")):
        segments = [segment for segment in translator.feed(event) if segment.severity is Severity.ERROR]
        assert reason in "".join(segment.text for segment in segments)


def test_only_postgres_text_leaves_provisioning_out():
    """Users, permissions and malformed packets are asides where the text equals that of tsh, and shown elsewhere."""
    kinds = ["user.create", "user.deactivate", "permissions.update", "malformed_packet"]
    events = [{"event": f"db.session.{kind}", "success": True} for kind in kinds]
    for protocol in [*PROTOCOLS, "other"]:
        found = {segment.aside for event in events for segment in for_protocol(protocol).feed(event)}
        assert found == {protocol in ("postgres", "cockroachdb")}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_remembered_is_bounded(protocol):
    """However many statements a session prepares, what a translator keeps of them has an upper bound."""
    translator = for_protocol(protocol)
    prepares = [kind for kind in KINDS if kind.endswith(("prepare", "parse", "bind"))]
    for number in range(2000):
        for kind in prepares:
            fields = {"query": f"{number}" + "x" * 10_000, "statement_name": str(number), "portal_name": str(number)}
            translator.feed({"event": kind, "parameters": ["y" * 10_000]} | fields)
    kept = [value for value in vars(translator).values() if hasattr(value, "fork")]
    kept += [inner for value in kept for inner in vars(value).values()]
    memories = [value for value in kept if isinstance(value, Remembered)]
    for memory in memories:
        assert 0 < len(memory) <= MAX_ENTRIES
        assert memory.chars <= MAX_CHARS
    assert bool(memories) == (protocol in ("postgres", "cockroachdb", "mysql", "mariadb", "cassandra"))


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "other"])
def test_huge_and_deep_events_are_taken(protocol):
    """A deep document, a million members and a long text come out bounded where they are set over lines."""
    deep = inner = {}
    for _ in range(20_000):
        inner["a"] = inner = {}
    wide = {"event": "db.session.result", "success": True, "columns": ["c"] * 5000, "rows": [["x" * 5000] * 300] * 300}
    translator = for_protocol(protocol)
    for value in (
        deep,
        [deep],
        {str(number): number for number in range(20_000)},
        [[]] * 20_000,
        "x" * 10**6,
        "\n" * 10**4,
    ):
        for kind in ("dynamodb.request", "elasticsearch.request", "spanner.rpc", "cassandra.batch", "result"):
            fields = {"body": value, "args": value, "children": value, "rows": value, "columns": value}
            assert translator.feed({"event": f"db.session.{kind}"} | fields)
    assert sum(len(segment.text) for segment in translator.feed(wide)) < 2**20
    assert translator.feed({"event": "db.session.query", "db_query": '{"a":' * 50_000})
    assert translator.feed({"event": "db.session.query", "db_query": "[" * 50_000})


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "other"])
def test_a_long_prompt_is_not_repeated_for_each_line(protocol):
    """A name of a hundred thousand characters before a statement of as many lines makes no text of their product."""
    names = dict.fromkeys(("db_name", "db_user", "db_uri", "keyspace", "db_service"), "n" * 100_000)
    (segment,) = for_protocol(protocol).feed({"event": "db.session.query", "db_query": "x\n" * 100_000} | names)
    assert len(segment.text) < 100_000 * 90


@given(st.lists(EVENT, max_size=6))
def test_the_generic_form_shows_every_event(events):
    """Each event of a protocol without its own transcript adds something to read."""
    translator = for_protocol("other")
    assert all(translator.feed(event) for event in events)
