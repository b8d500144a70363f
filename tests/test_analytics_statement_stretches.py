"""
Stretches of plain rows, looked at in columns, against the same rows looked at one by one.
"""

from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordkit.analytics import statement_rows
from recordkit.analytics.blocks import EventBlocks
from recordkit.analytics.event_columns import EventColumns
from recordkit.analytics.pairing import Pairing
from recordkit.analytics.prepared import Prepared
from recordkit.analytics.query_arrays import statement_columns
from recordkit.analytics.statement_rows import Session, Walk
from recordkit.events import encode_line
from recordkit.sql.derivation import Deriver

PG = "db.session.postgres.statements."
NAMES = st.sampled_from(["", "a", "b", "c"])
ONE_BY_ONE = 10**9


def events():
    """Events that plain stretches are made of, and others that end them."""
    return st.one_of(
        st.builds(lambda n: {"event": "db.session.query", "db_query": f"SELECT {n}"}, st.integers(0, 9)),
        st.just({"event": "db.session.query", "db_query": "SELECT x", "db_query_parameters": ["1"]}),
        st.just({"event": "db.session.query"}),
        st.just({"event": "db.session.query", "db_query": "SELECT no", "success": False, "error": "no"}),
        st.just({"event": "db.session.query.failed", "db_query": "SELECT no", "error": "no"}),
        st.just({"event": "db.session.result", "success": True}),
        st.just({"event": "db.session.result", "success": True}),
        st.builds(lambda name, n: {"event": PG + "parse", "statement_name": name, "query": f"SELECT {n}"}, NAMES, st.integers(10, 99)),
        st.builds(lambda name: {"event": PG + "parse", "statement_name": name}, NAMES),
        st.builds(lambda portal, name: {"event": PG + "bind", "portal_name": portal, "statement_name": name}, NAMES, NAMES),
        st.builds(
            lambda portal, name, given: {"event": PG + "bind", "portal_name": portal, "statement_name": name, "parameters": given},
            NAMES, NAMES, st.lists(st.sampled_from(["1", "x", None]), max_size=2),
        ),
        st.just({"event": PG + "bind"}),
        st.builds(lambda portal: {"event": PG + "execute", "portal_name": portal}, NAMES),
        st.just({"event": PG + "execute"}),
        st.just({"event": PG + "close"}),
    )  # fmt: skip


def prepared():
    """What a driver sends: a statement is prepared, once, and executed later."""
    parse = st.builds(
        lambda name, n: {"event": PG + "parse", "statement_name": name, "query": f"SELECT {n}"},
        NAMES,
        st.integers(10, 99),
    )
    run = st.builds(
        lambda portal, name: [
            {"event": PG + "bind", "portal_name": portal, "statement_name": name, "parameters": [name]},
            {"event": PG + "execute", "portal_name": portal},
        ],
        st.just("") | NAMES,
        NAMES,
    )
    steps = st.tuples(st.lists(parse, max_size=3), st.lists(run, max_size=3))
    return steps.map(lambda both: [*both[0], *(row for pair in both[1] for row in pair)])


def others():
    return st.sampled_from([
        {"event": "recordkit.gap", "count": 2}, {"event": "db.session.start"}, {"event": "db.session.query", "db_query": 5},
        {"event": "db.session.result", "success": 1}, {"event": "db.session.postgres.function", "function_oid": 7},
    ])  # fmt: skip


def batch_of(rows):
    blocks = EventBlocks(lambda *told: pytest.fail(str(told)), fast=False, threads=False)
    made = [*blocks.add(b"".join(map(encode_line, rows)), len(rows), ends=False), *blocks.flush()]
    assert len(made) == 1
    return made[0].batch


def followed(blocks, long, *, waiting, entries, chars):
    """What a session's blocks give, with stretches of *long* rows and more in columns; and what is known in the end."""
    session = Session()
    session.pairing = Pairing(max_waiting=waiting)
    session._statements._prepared = Prepared(max_entries=entries, max_chars=chars)
    found, numbers, results = [], 0, []
    with mock.patch.object(statement_rows, "_LONG", long):
        for rows in blocks:
            columns = EventColumns(batch_of(rows))
            walk = Walk(columns, results, 0)
            before = len(results)
            session.walk(walk, columns, 0, columns.count, first=numbers, broken=[])
            session.leave(columns)
            places = walk.statements()
            if places is not None:
                batch = statement_columns(columns, places, walk.own, Deriver())
                found += batch.select(["ei", "statement", "parameters", "prepared_name", "resolved"]).to_pylist()
            assert len(results) - before == (0 if places is None else len(places.rows))
            # numbers of results are of this block: made the event's place, as they mean another row in the next one
            mine = {place: walk.results[place] for place in range(len(results)) if walk.results[place] is not None}
            found.append(sorted(mine.items()))
            results[:] = [None] * len(results)
    pairing, statements = session.pairing, session._statements
    known = (
        list(pairing.waiting), pairing.sent - pairing.answered, pairing.doubt, list(statements._prepared._texts.items()),
        statements._prepared._chars, statements._portals,
    )  # fmt: skip
    return found, known


@given(
    steps=st.lists(
        st.one_of(st.lists(events(), max_size=8), prepared(), prepared(), others().map(lambda row: [row])),
        min_size=8, max_size=30,
    ),
    size=st.sampled_from([3, 10, 30, 200]),
    gap=st.none() | st.integers(0, 80),
    long=st.sampled_from([1, 2, 5]),
    bounds=st.fixed_dictionaries({
        "waiting": st.sampled_from([1, 3, 4096]), "entries": st.sampled_from([1, 2, 10_000]), "chars": st.sampled_from([20, 40, 10_000]),
    }),
)  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_columns_tell_what_single_rows_do(steps, size, gap, long, bounds):
    """Statements, whose the results are, and what is known behind them are the same, however tight the bounds are."""
    rows = [row for step in steps for row in step]
    numbered = [
        {"ei": number + (gap is not None and number >= gap), "time": "2026-01-01T00:00:00Z", **row}
        for number, row in enumerate(rows)
    ]
    blocks = [numbered[begin : begin + size] for begin in range(0, len(rows), size)]
    assert followed(blocks, long, **bounds) == followed(blocks, ONE_BY_ONE, **bounds)


@pytest.mark.parametrize(
    "pattern",
    [
        ["query"] * 5000, ["result"] * 3000, ["query", "result"] * 3000, ["query", "query", "result"] * 9000,
        ["query"] * 4200 + ["result"] * 4300 + ["query", "result"] * 2000, ["result", "query"] * 3000,
    ],
    ids=["unanswered", "unasked", "in turns", "half of them", "a pipeline too deep", "the wrong way round"],
)  # fmt: skip
@pytest.mark.parametrize("size", [4200, 7000])
def test_long_sessions_of_queries_and_results(pattern, size):
    """The real bounds, met by real lengths: whose a result is does not depend on how rows are looked at."""
    rows = [{"event": f"db.session.{name}", "ei": number} for number, name in enumerate(pattern)]
    blocks = [rows[begin : begin + size] for begin in range(0, len(rows), size)]
    bounds = {"waiting": 4096, "entries": 10_000, "chars": 10_000}
    assert followed(blocks, 2048, **bounds) == followed(blocks, ONE_BY_ONE, **bounds)


def test_a_stretch_is_looked_at_in_columns():
    """Else this file compares a way with itself."""
    rows = [{"event": "db.session.query", "db_query": "SELECT 1", "ei": number} for number in range(3000)]
    with mock.patch.object(
        Session, "_walk", side_effect=lambda walk, columns, begin, end, first: begin == end or 1 / 0
    ):
        found, _ = followed([rows], 2048, waiting=1, entries=1, chars=1)
    assert len(found) == 3001
