import sqlite3
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recordkit.container import State
from recordkit.store import rows, targets
from recordkit.store.catalog import Catalog
from recordkit.store.filters import RecordingFilter, order_key
from recordkit.store.migrations import MIGRATIONS, migrate
from recordkit.store.rows import Entry
from store_recordings import NOON, make_summary

FAR = 2**63

# few values, some of them common, so that rows tie and most filters meet often and some never
names = st.sampled_from(["a", "a", "a", "b", "c", None])
moments = st.sampled_from([1, 2, 3, 3, 4, -FAR, FAR - 1])
states = st.sampled_from([State.COMPLETE, State.COMPLETE, State.INTERRUPTED, State.TORN])
summaries = st.builds(
    make_summary,
    sid=st.uuids().map(str),
    user=names,
    db_service=names,
    db_name=names,
    db_protocol=names,
    state=states,
    start_ns=moments,
)
filters = st.builds(
    RecordingFilter,
    since_ns=st.one_of(st.none(), st.integers(0, 6), st.just(-FAR - 1)),
    until_ns=st.one_of(st.none(), st.integers(0, 7), st.just(FAR + 1)),
    user=names,
    db=names,
    protocol=names,
    state=st.one_of(st.none(), states),
)


def listed(catalog, wanted, *, limit):
    """All pages of a listing, one after the other."""
    found = []
    after = None
    while True:
        page = catalog.page(wanted, after=after, limit=limit)
        found += [entry.summary for entry in page]
        if len(page) < limit:
            return found
        after = rows.cursor_of(page[-1])


def scanned(summaries, wanted):
    """What a listing must give."""
    return sorted(filter(wanted.matches, summaries), key=order_key, reverse=True)


@given(
    st.lists(summaries, max_size=25, unique_by=lambda summary: summary.sid),
    st.lists(filters, min_size=1, max_size=6),
    st.integers(1, 6),
    st.sampled_from([0, 1, 3, 500, 500]),
    st.sampled_from([1, 2, 10]),
)
@example(  # ties across pages, then older rows, of several targets
    [
        make_summary(start_ns=start_ns, user="a", db_service="a", db_protocol=protocol)
        for start_ns in (1, 2, 3)
        for protocol in ("a", "b", "a", "c")
    ],
    [RecordingFilter(user="a", db="a"), RecordingFilter(db="a", state=State.COMPLETE)],
    2,
    500,
    1,
)
def test_any_filters_give_what_a_scan_gives_in_the_same_order(summaries, several, limit, most, together):
    """Pages of any size, for any filters together, with few or many targets, are a scan's rows in the scan's order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "MOST", most)
        patch.setattr(targets, "_TOGETHER", together)
        catalog = Catalog.private()
        catalog.put(Entry(summary, 1, 2) for summary in summaries)
        for wanted in several:
            assert listed(catalog, wanted, limit=limit) == scanned(summaries, wanted)
        catalog.close()


@given(st.lists(summaries, max_size=12, unique_by=lambda summary: summary.sid), summaries, summaries)
def test_replaced_and_removed_rows_are_listed_as_they_are_now(summaries, one, other):
    """A row that changes goes to its new target, one that is removed is in none."""
    catalog = Catalog.private()
    gone, changed = one, replace(other, sid="307b49d6-56c7-4d20-8cf0-5bc5348a7101")
    catalog.put(Entry(summary, 1, 2) for summary in [*summaries, gone, replace(one, sid=changed.sid)])
    catalog.put([Entry(changed, 1, 2)])
    catalog.remove([gone.sid])
    expected = [*(summary for summary in summaries if summary.sid != gone.sid), changed]
    for user in ("a", "b"):
        wanted = RecordingFilter(user=user, db="a")
        assert listed(catalog, wanted, limit=4) == scanned(expected, wanted)
    assert catalog.sound()
    catalog.close()


def steps_of(catalog, wanted, *, after=None):
    """A measure of the work of one page: thousands of instructions of SQLite's virtual machine."""
    calls = []
    catalog._connection.set_progress_handler(lambda: calls.append(1), 1000)
    found = catalog.page(wanted, after=after, limit=10)
    catalog._connection.set_progress_handler(None, 0)
    return len(calls), len(found)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ({"user": "a", "db": "orders"}, 0),
        ({"user": "a", "protocol": "mysql"}, 0),
        ({"user": "a", "db": "sales", "protocol": "postgres"}, 10),
        ({"db": "sales", "protocol": "mysql"}, 0),
        ({"db": "sales", "state": State.TORN}, 1),
        ({"user": "b", "db": "orders", "state": State.TORN}, 0),
        ({"user": "b", "state": State.TORN}, 0),
    ],
)
@pytest.mark.parametrize("period", [{}, {"since_ns": 1, "until_ns": 5000}])
def test_a_page_costs_the_same_however_many_rows_match_one_filter_alone(wanted, matches, period):
    """Two filters that are both common and never meet are answered without reading the rows of either."""
    steps = []
    for count in (100, 2000):
        catalog = Catalog.private()
        catalog.put(
            Entry(
                make_summary(
                    user="b" if number % 2 else "a",
                    db_service="orders" if number % 2 else "sales",
                    db_protocol="mysql" if number % 2 else "postgres",
                    state=State.TORN if number == 2 else State.COMPLETE,
                    start_ns=number,
                ),
                1,
                2,
            )
            for number in range(count)
        )
        taken, found = steps_of(catalog, RecordingFilter(**wanted | period))
        assert found == (0 if period and wanted.get("state") and not matches else matches)
        steps.append(taken)
        catalog.close()
    assert steps[1] <= steps[0] + 1


@pytest.mark.parametrize(("user", "found", "index"), [("rare", 1, "user_and_target"), ("common", 10, "user ")])
def test_of_very_many_targets_only_the_users_own_are_looked_at(monkeypatch, user, found, index):
    """Where more targets match than are worth it, a user who has few of them is still answered from those."""
    monkeypatch.setattr(targets, "MOST", 20)
    catalog = Catalog.private()
    summaries = [
        make_summary(user="common", db_service=f"service-{number % 200}", db_protocol="mysql", start_ns=number)
        for number in range(2000)
    ]
    summaries += [
        make_summary(user="rare", db_service="other", db_protocol="postgres" if number else "mysql", start_ns=number)
        for number in range(2000)
    ]
    catalog.put(Entry(summary, 1, 2) for summary in summaries)
    wanted = RecordingFilter(user=user, protocol="mysql")
    asked = []
    catalog._connection.set_trace_callback(asked.append)
    page = catalog.page(wanted, after=None, limit=10)
    assert [entry.summary for entry in page] == scanned(summaries, wanted)[:10]
    assert len(page) == found
    assert f"INDEXED BY recording_by_{index}" in next(sql for sql in reversed(asked) if "head" in sql)
    assert sum("RECURSIVE" in sql for sql in asked) == (2 if user == "rare" else 1)
    catalog.close()


def test_one_filter_alone_needs_no_targets(monkeypatch):
    """One filter, or none, has an index of its own, whatever the period."""
    catalog = Catalog.private()
    monkeypatch.setattr(targets, "_targets", None)  # not called
    catalog.put([Entry(make_summary(user="a", db_service="b"), 1, 2)])
    for wanted in ({}, {"since_ns": 1}, {"user": "a"}, {"db": "b"}, {"state": State.COMPLETE, "until_ns": NOON * 2}):
        assert len(catalog.page(RecordingFilter(**wanted), after=None, limit=5)) == 1
    catalog.close()


def old_writer_puts(path, summaries):
    """Add rows as a recordkit does that knows nothing of targets."""
    connection = sqlite3.connect(path, isolation_level=None)
    names = [*rows.SUMMARY_COLUMNS, "file_size", "file_mtime_ns", "shard", "began_ns"]
    sql = f"INSERT OR REPLACE INTO recording ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    connection.executemany(sql, [rows.to_row(Entry(summary, 1, 2)) for summary in summaries])
    connection.close()


@given(st.lists(summaries, max_size=12, unique_by=lambda summary: summary.sid), filters)
def test_rows_of_before_are_given_targets_by_the_migration(tmp_path_factory, summaries, wanted):
    """A catalog of the first schema answers as before once it is migrated."""
    path = tmp_path_factory.mktemp("old") / "catalog.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:1])
    connection.close()
    old_writer_puts(path, summaries)
    catalog = Catalog.at(path, busy_timeout_s=1, may_change=True)
    assert catalog.sound()
    assert listed(catalog, wanted, limit=3) == scanned(summaries, wanted)
    catalog.close()


def test_rows_without_a_target_are_listed_and_get_one_from_the_next_writer(tmp_path):
    """An older recordkit that has the catalog open goes on adding rows; nobody misses them."""
    path = tmp_path / "catalog.sqlite"
    catalog = Catalog.at(path, busy_timeout_s=1, may_change=True)
    known = make_summary(user="a", db_service="b", start_ns=1)
    late = make_summary(user="a", db_service="b", db_name="new", start_ns=2)
    newest = make_summary(user="a", db_service="b", start_ns=3)
    catalog.put([Entry(known, 1, 2)])
    old_writer_puts(path, [late])
    wanted = RecordingFilter(user="a", db="b")
    asked = []
    catalog._connection.set_trace_callback(asked.append)
    assert listed(catalog, wanted, limit=9) == [late, known]
    assert not any("recording_by_user_and_target" in sql for sql in asked)
    catalog.put([Entry(newest, 1, 2)])
    asked.clear()
    assert listed(catalog, wanted, limit=9) == [newest, late, known]
    assert any("recording_by_user_and_target" in sql for sql in asked)
    assert catalog.sound()
    catalog.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE recording SET target = target + 1",
        "UPDATE recording SET user = 'a', db_name = 'other'",
        "DELETE FROM target",
        "UPDATE target SET state = 'torn'",
    ],
)
def test_a_row_with_another_target_than_its_own_is_found_by_the_full_check(tmp_path, damage):
    """Rows that are missed under their filters make the catalog one to be rebuilt."""
    path = tmp_path / "catalog.sqlite"
    catalog = Catalog.at(path, busy_timeout_s=1, may_change=True)
    catalog.put([Entry(make_summary(user="a", db_service="b"), 1, 2)])
    assert catalog.sound()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(damage)
    other.close()
    assert not catalog.sound()
    catalog.close()


def test_each_step_reads_nothing_but_its_index():
    """What looks for moments reads no rows, and nothing sorts more than ties."""
    catalog = Catalog.private()
    catalog.put(
        Entry(make_summary(user="a", db_service="b", db_name=f"name-{number}", start_ns=number), 1, 2)
        for number in range(3)
    )
    plans = []

    def ask(query):
        steps = [step for *_, step in catalog._connection.execute("EXPLAIN QUERY PLAN " + query.sql, query.parameters)]
        plans.append((query.sql, [step for step in steps if "recording" in step]))
        return catalog._connection.execute(*query).fetchall()

    for user, index in (("a", "recording_by_user_and_target"), (None, "recording_by_target")):
        plans.clear()
        wanted = RecordingFilter(user=user, db="b", state=State.COMPLETE)
        assert len(targets.newest_page(ask, wanted, after=None, limit=2)) == 2
        assert plans
        for sql, steps in plans:
            whole = "head" in sql  # the last step: it reads the rows of the page
            assert all(f"{'' if whole else 'COVERING '}INDEX recording_by" in step for step in steps), (sql, steps)
            assert not any("SCAN" in step for step in steps)
        assert sum(f"INDEX {index}" in step for _, steps in plans for step in steps) >= 5
    catalog.close()
