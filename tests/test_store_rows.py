import sqlite3
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.container import State, Summary
from recordkit.store import rows
from recordkit.store.catalog import Catalog
from recordkit.store.filters import RecordingFilter
from recordkit.store.rows import Entry
from store_recordings import make_summary

SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"

text = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
count = st.integers(0, 2**70)
moment = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))


def test_every_field_of_a_summary_has_a_column():
    """A field that is added to the summary needs a migration; without it a listing would lack it."""
    assert set(rows.SUMMARY_COLUMNS) == {field.name for field in fields(Summary)}


@given(
    st.builds(
        make_summary,
        sid=st.uuids().map(str),
        state=st.sampled_from(State),
        user=text,
        cluster_name=text,
        db_user=text,
        writer=text.map(lambda value: value or ""),
        created_ns=st.integers(-(2**63), 2**63 - 1),
        start_ns=moment,
        end_ns=moment,
        events=count,
        lost=count,
        stored_bytes=count,
    )
)
def test_what_goes_into_the_catalog_comes_out(summary):
    """Texts, missing values and counts of any size survive the way through SQLite."""
    catalog = Catalog.private()
    entry = Entry(summary, 2**40, -1)
    catalog.put([entry])
    assert catalog.entry(summary.sid) == entry
    assert catalog.page(RecordingFilter(), after=None, limit=2) == [entry]
    catalog.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "finished"),
        ("state", None),
        ("user", 7),
        ("user", b"alice"),
        ("events", None),
        ("events", "many"),
        ("events", b"3"),
        ("head", None),
        ("sid", None),
        ("start_ns", "noon"),
    ],
)
def test_a_row_with_a_value_of_the_wrong_type_is_refused(column, value):
    """A damaged row is an error, never a summary that no recording has."""
    row = [*rows.to_row(Entry(make_summary(), 1, 2))[:-2]]
    row[rows.SUMMARY_COLUMNS.index(column)] = value
    with pytest.raises(ValueError):
        rows.to_entry(tuple(row))


@pytest.mark.parametrize(
    ("prefix", "low"),
    [
        ("3", "3"),
        ("307b49d6", "307b49d6"),
        ("307b49d65", "307b49d6-5"),
        ("307b49d656c74d208cf05bc5348a710", "307b49d6-56c7-4d20-8cf0-5bc5348a710"),
        ("307b49d656c74d208cf05bc5348a7101", SID),
    ],
)
def test_the_range_of_a_prefix_holds_what_begins_with_it(prefix, low):
    """The bounds have the dashes of a sid, and the upper one is above all sids with the prefix."""
    lower, upper = rows.prefix_range(prefix)
    assert lower == low
    assert lower <= SID < upper
    assert not lower <= "307b49d5-ffff-ffff-ffff-ffffffffffff" < upper or len(prefix) == 1
    assert not lower <= "307b49d7-0000-0000-0000-000000000000" < upper or len(prefix) == 1


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, ["recording_by_time"]),
        ({"since_ns": 1, "until_ns": 9}, ["recording_by_time"]),
        ({"user": "a"}, ["recording_by_user"]),
        ({"db": "a"}, ["recording_by_db_service", "recording_by_db_name"]),
        ({"protocol": "a"}, ["recording_by_db_protocol"]),
        ({"state": State.TORN}, ["recording_by_state"]),
    ],
)
@pytest.mark.parametrize("after", [None, rows.Cursor(5, SID)])
def test_no_listing_reads_more_rows_than_it_gives(wanted, index, after):
    """Each filter walks its own index from the newest row on: SQLite plans no scan, and sorts only ties."""
    catalog = Catalog.private()
    query = rows.page_query(RecordingFilter(**wanted), lead=None, after=after, limit=50)
    plan = [step for *_, step in catalog._connection.execute("EXPLAIN QUERY PLAN " + query.sql, query.parameters)]
    touched = [step for step in plan if "recording" in step and "SUBQUERY" not in step]
    assert len(touched) == len(index)
    for step, name in zip(touched, index, strict=True):
        assert f"INDEX {name}" in step
        assert not step.startswith("SCAN") or (index == ["recording_by_time"] and not wanted and after is None)
    assert (
        not any("ORDER BY" in step and "LAST TERM" not in step and "RIGHT PART" not in step for step in plan)
        or len(index) == 2
    )
    catalog.close()


def test_comparing_a_directory_reads_nothing_but_an_index():
    """The marks of a directory come from a covering index, not from the rows."""
    catalog = Catalog.private()
    seen = []
    catalog._connection.set_trace_callback(seen.append)
    catalog.marks("00")
    (sql,) = [statement for statement in seen if "SELECT" in statement]
    (plan,) = catalog._connection.execute("EXPLAIN QUERY PLAN " + sql.replace("?", "'00'"))
    assert "COVERING INDEX recording_by_shard" in plan[-1]
    catalog.close()


def test_with_several_filters_the_rarest_leads():
    """Of two filters the one with fewer rows is walked, whichever was named first."""
    catalog = Catalog.private()
    base = make_summary(user="busy", db_protocol="rare")
    catalog.put(
        Entry(replace(base, sid=make_summary().sid, db_protocol="common" if number else "rare"), 1, 2)
        for number in range(30)
    )
    wanted = RecordingFilter(user="busy", protocol="rare")
    counts = {
        lead: catalog._connection.execute(*query).fetchone()[0] for lead, query in rows.leading_counts(wanted).items()
    }
    assert counts == {"user": 30, "protocol": 1}
    assert "recording_by_db_protocol" in rows.page_query(wanted, lead="protocol", after=None, limit=5).sql
    assert len(catalog.page(wanted, after=None, limit=5)) == 1
    catalog.close()


def test_counting_for_the_choice_of_an_index_is_bounded():
    """A filter with many rows is not counted to its end."""
    connection = sqlite3.connect(":memory:")
    (query, *_) = rows.leading_counts(RecordingFilter(user="a", protocol="b")).values()
    assert query.sql.endswith(f"LIMIT {rows.COUNTED})")
    assert rows.leading_counts(RecordingFilter(user="a", since_ns=1)) == {}
    connection.close()
