"""
Summaries: added up from chunks, written to an index and read from it, or refused.
"""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import NOON, SECOND, SID, count, query
from recordkit.container.chunks import encode_chunk, first_position
from recordkit.container.frames import Compressor
from recordkit.container.layout import INT64_MAX, pack_header
from recordkit.container.summary import ATTRIBUTES, State, Summary, Totals, summarise, summary_from_json

TEXT = st.none() | st.text(max_size=10)
COUNT = st.integers(0, 2**63 - 1)
TIME = st.integers(-(2**63), 2**63 - 1)
SUMMARIES = st.builds(
    Summary,
    sid=st.just(SID),
    state=st.sampled_from(State),
    created_ns=TIME,
    start_ns=st.none() | TIME,
    end_ns=st.none() | TIME,
    head=st.text(max_size=10),
    writer=st.text(max_size=10),
    **dict.fromkeys(ATTRIBUTES, TEXT),
    **dict.fromkeys(("events", "queries", "errors", "lost", "chunks", "stored_bytes", "raw_bytes"), COUNT),
)
SOME = summarise(
    sid=SID, state=State.COMPLETE, attributes={}, created_ns=1, totals=Totals(), stored_bytes=100, head="ab"
)


def entries(*chunks):
    """
    Index entries of chunks of these events.
    """
    position, found = first_position(pack_header(sid=bytes(16), owner=bytes(16), created_ns=0, attributes=b"")), []
    for events in chunks:
        chunk = encode_chunk(position, b"{}\n" * len(events), count(events), Compressor())
        found.append(chunk.entry)
        position = chunk.after
    return found


@given(SUMMARIES)
def test_a_summary_survives_json(summary):
    """
    What `to_json` gives is plain JSON, and makes the same summary again.
    """
    values = orjson.loads(orjson.dumps(summary.to_json()))
    assert summary_from_json(values, stored_bytes=summary.stored_bytes) == summary


def test_the_files_size_is_told_by_the_file():
    """
    A size in the JSON is not believed.
    """
    assert summary_from_json(SOME.to_json(), stored_bytes=5).stored_bytes == 5


def test_keys_of_later_writers_are_passed_over():
    """
    Unknown keys don't hinder reading.
    """
    assert summary_from_json(SOME.to_json() | {"signatures": []}, stored_bytes=100) == SOME


@pytest.mark.parametrize("name", sorted(set(SOME.to_json()) - {"stored_bytes", *ATTRIBUTES}))
def test_a_missing_key_is_an_error(name):
    """
    A summary without one of its keys is refused; only the session's texts may be missing.
    """
    values = SOME.to_json()
    del values[name]
    with pytest.raises((TypeError, ValueError)):
        summary_from_json(values, stored_bytes=100)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sid", None),
        ("state", "finished"),
        ("state", None),
        ("user", 5),
        ("created_ns", 1.0),
        ("start_ns", "2026"),
        ("events", True),
        ("events", None),
        ("lost", [1]),
        ("head", b"ab"),
    ],
)
def test_a_value_of_another_type_is_an_error(name, value):
    """
    Each key has one type; booleans and floats are no integers.
    """
    with pytest.raises((TypeError, ValueError)):
        summary_from_json(SOME.to_json() | {name: value}, stored_bytes=100)


def test_totals_add_up_what_the_chunks_say():
    """
    Counts are sums, times the earliest and latest, marks all of them together.
    """
    totals = Totals(
        entries(
            [query(3), query(4, success=False)],
            [query(1), query(9, event="recordkit.gap", count=5)],
            [query(7, event="db.session.end")],
        )
    )
    assert (totals.chunks, totals.events, totals.queries, totals.errors, totals.lost) == (3, 5, 3, 1, 5)
    assert totals.raw_bytes == 5 * 3
    assert (totals.earliest_ns, totals.latest_ns) == (NOON + SECOND, NOON + 9 * SECOND)
    assert totals.timed
    assert totals.ended
    assert not totals.rising


def test_events_without_times_have_no_start():
    """
    A summary of events of unknown time says so, instead of a made-up moment.
    """
    totals = Totals(entries([{"ei": 1}, {"ei": 2}]))
    summary = summarise(
        sid=SID, state=State.INTERRUPTED, attributes={}, created_ns=1, totals=totals, stored_bytes=1, head=""
    )
    assert not totals.timed
    assert (summary.start_ns, summary.end_ns, summary.duration_s) == (None, None, 0.0)


def test_the_duration_is_from_the_earliest_to_the_latest_event():
    """
    Duration is in seconds.
    """
    totals = Totals(entries([query(2), query(1)]))
    summary = summarise(sid=SID, state=State.OPEN, attributes={}, created_ns=1, totals=totals, stored_bytes=1, head="")
    assert summary.duration_s == 1.0


def test_attributes_that_are_not_text_are_passed_over():
    """
    Of the header's attributes only texts of known names become part of the summary.
    """
    attributes = {"user": "alice", "db_user": 5, "writer": ["x"], "keys": "k", "sid": "other"}
    summary = summarise(
        sid=SID, state=State.OPEN, attributes=attributes, created_ns=1, totals=Totals(), stored_bytes=1, head=""
    )
    assert (summary.sid, summary.user, summary.db_user, summary.writer) == (SID, "alice", None, "")


def test_losses_stay_within_what_a_database_can_hold():
    """
    A hostile file's losses add up to 2**63 - 1 at most.
    """
    (entry,) = entries([query(1)])
    totals = Totals([entry._replace(lost=2**64 - 1)] * 3)
    assert totals.lost == INT64_MAX
