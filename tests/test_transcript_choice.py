from hypothesis import given
from hypothesis import strategies as st

from recordkit.events import KINDS
from recordkit.transcript import for_protocol, translate
from recordkit.transcript.generic import GenericTranslator
from recordkit.transcript.postgres import PostgresTranslator

START = {"event": "db.session.start", "time": "2026-07-20T20:00:00Z", "db_service": "s", "db_protocol": "postgres"}
QUERY = {"event": "db.session.query", "db_query": "SELECT 1", "db_name": "d"}


def texts(*events):
    return [segment.text for segment in translate(events)]


def test_postgres_has_its_own_translator_and_cockroachdb_not():
    """Only the protocol named postgres gets the exact text."""
    assert isinstance(for_protocol("postgres"), PostgresTranslator)
    for protocol in ("cockroachdb", "mysql", "", None):
        assert isinstance(for_protocol(protocol), GenericTranslator)


def test_the_start_event_decides():
    """What the start event names holds, also against an event before it and for events without a protocol."""
    created = {"event": "db.session.user.create", "db_protocol": "mysql", "username": "u"}
    assert texts(created, START, QUERY) == [
        "\n[db.session.user.create] username: u\n",
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


TEXT = st.text(st.characters())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({field for kind in KINDS.values() for field in kind.fields} - {"event"})
KIND = st.sampled_from(sorted(KINDS)) | JSON
EVENT = st.builds(
    lambda kind, known, other: other | known | {"event": kind},
    KIND,
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6),
    st.dictionaries(TEXT, JSON, max_size=3),
)
PROTOCOL = st.sampled_from(["postgres", "mysql", None]) | JSON


@given(PROTOCOL, st.lists(EVENT | st.dictionaries(TEXT, JSON, max_size=4), max_size=6))
def test_no_list_of_json_objects_raises(protocol, events):
    """Whatever types the fields hold, a transcript comes out, in whole lines."""
    for segment in translate([{"event": "db.session.start", "db_protocol": protocol}, *events]):
        assert segment.text.endswith("\n")
        assert segment.delay_ns >= 0


@given(st.lists(EVENT, max_size=6))
def test_the_generic_form_shows_every_event(events):
    """Each event of a protocol without its own transcript adds something to read."""
    translator = for_protocol("other")
    assert all(translator.feed(event) for event in events)
