from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.container import State
from recordkit.store.catalog import Catalog
from recordkit.store.filters import RecordingFilter, began_ns, moment_ns, order_key
from recordkit.store.rows import Entry, cursor_of
from store_recordings import NOON, make_summary

MIDNIGHT = 1_784_505_600_000_000_000  # 2026-07-20T00:00:00Z

names = st.sampled_from([None, "", "a", "b", "A", "a\0", "é", "a'; --"])
moments = st.one_of(
    st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63), 2**63 - 2]), st.integers(-(2**63), 2**63 - 1)
)
bounds = st.one_of(st.none(), moments, st.sampled_from([2**63, 2**70, -(2**63) - 1, -(2**70)]))
summaries = st.builds(
    make_summary,
    sid=st.uuids().map(str),
    state=st.sampled_from([State.COMPLETE, State.INTERRUPTED, State.TORN]),
    user=names,
    db_service=names,
    db_name=names,
    db_protocol=names,
    start_ns=st.one_of(st.none(), moments),
    created_ns=moments,
)
filters = st.builds(
    RecordingFilter,
    since_ns=bounds,
    until_ns=bounds,
    user=names,
    db=names,
    protocol=names,
    state=st.one_of(st.none(), st.sampled_from(State)),
)


@given(
    st.lists(summaries, max_size=12, unique_by=lambda summary: summary.sid),
    st.lists(filters, min_size=1, max_size=6),
    st.integers(1, 4),
)
def test_the_catalog_and_the_filter_agree_on_every_recording(recordings, all_wanted, size):
    """Pages of any size give, in order, exactly the recordings that the filter itself accepts."""
    catalog = Catalog.private()
    catalog.put(Entry(summary, 1, 2) for summary in recordings)
    for wanted in all_wanted:
        found, after = [], None
        while page := catalog.page(wanted, after=after, limit=size):
            assert len(page) <= size
            found += [entry.summary for entry in page]
            after = cursor_of(page[-1])
        expected = sorted(filter(wanted.matches, recordings), key=order_key, reverse=True)
        assert [summary for summary in found if wanted.matches(summary)] == expected
        if all(bound is None or -(2**63) <= bound < 2**63 for bound in (wanted.since_ns, wanted.until_ns)):
            assert len(found) == len(expected)  # nothing had to be sorted out afterwards
    catalog.close()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"since_ns": NOON}, True),
        ({"since_ns": NOON + 1}, False),
        ({"until_ns": NOON}, False),
        ({"until_ns": NOON + 1}, True),
        ({"user": "alice"}, True),
        ({"user": "Alice"}, False),
        ({"db": "aurora"}, True),
        ({"db": "orders"}, True),
        ({"db": "postgres"}, False),
        ({"protocol": "postgres"}, True),
        ({"state": State.COMPLETE}, True),
        ({"state": State.OPEN}, False),
        ({"user": "alice", "db": "orders", "state": State.TORN}, False),
    ],
)
def test_each_field_of_a_filter_is_compared_as_documented(wanted, expected):
    """Since is inclusive, until exclusive, db is service or name, all else exact."""
    summary = make_summary(
        user="alice", db_service="aurora", db_name="orders", db_protocol="postgres", start_ns=NOON, created_ns=0
    )
    assert RecordingFilter(**wanted).matches(summary) is expected


def test_a_recording_without_events_began_when_it_was_created():
    """The order and the time filters need a time for every recording."""
    assert began_ns(make_summary(start_ns=None, created_ns=5)) == 5
    assert began_ns(make_summary(start_ns=3, created_ns=5)) == 3


@pytest.mark.parametrize("name", ["user", "db", "protocol"])
def test_text_that_is_not_unicode_is_refused_by_name(name):
    """A filter from a command line in another encoding says so, instead of matching nothing."""
    with pytest.raises(ValueError, match=f"filter {name}: expected Unicode text"):
        RecordingFilter(**{name: "caf\udce9"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (-5, -5),
        ("2026-07-20", MIDNIGHT),
        ("2026-07-20T00:00:00Z", MIDNIGHT),
        ("2026-07-20T02:00:00.000000001+02:00", MIDNIGHT + 1),
        (date(2026, 7, 20), MIDNIGHT),
        (datetime(2026, 7, 20, 0, 0, 0, 1, tzinfo=UTC), MIDNIGHT + 1000),
        (datetime(2026, 7, 20, 2, tzinfo=timezone(timedelta(hours=2))), MIDNIGHT),
    ],
)
def test_times_are_taken_in_every_usual_form(value, expected):
    """Numbers, text, days and datetimes become nanoseconds."""
    assert moment_ns(value, name="since") == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-07",
        "2026-W30-1",
        "2026-13-01",
        "2026-07-20T00:00:00",
        datetime(2026, 7, 20),  # noqa: DTZ001 - that is the point
        1.5,
        True,
        b"2026-07-20",
    ],
)
def test_what_is_no_time_is_refused_with_the_arguments_name(value):
    """A time that would have to be guessed is an error that names the argument."""
    with pytest.raises(ValueError, match=r"^since: expected"):
        moment_ns(value, name="since")
