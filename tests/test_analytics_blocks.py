import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_events import sessions
from recorded import same
from recordkit.analytics import blocks, line_columns
from recordkit.analytics.blocks import EventBlocks
from recordkit.analytics.rows import to_events
from recordkit.analytics.tables import TABLES
from recordkit.events import decode_line, encode_line


def never(recording, error):
    raise AssertionError((recording, error))


def read(runs, *, fast=True, fault=never, ends=False):
    """The blocks of runs of lines, each run as its own recording."""
    made = EventBlocks(fault, fast=fast)
    found = []
    for number, lines in enumerate(runs):
        raw = b"".join(lines)
        found += made.add(raw, len(lines), ends=ends, recording=number)
    return [*found, *made.flush()]


def plain(found):
    """The rows of blocks, without regard to how text is encoded."""
    rows = [row for block in found for row in block.batch.to_pylist()]
    for row, value in zip(rows, times_of(found), strict=True):
        row["time"] = value
    return rows


def times_of(found):
    return [value for block in found for value in block.batch["time"].cast(pa.int64()).to_pylist()]


def owners(found):
    return [number for block in found for number in block.recordings.to_pylist()]


class Counting:
    """Counts the lines that took a fast way: field by field, or by Arrow's reader."""

    def __init__(self, monkeypatch):
        self.rows = self.asked = self.cut = 0
        from recordkit.analytics.parsing import Reader

        columns_before = blocks.columns_of

        def columns_of(lines):
            groups, left = columns_before(lines)
            self.cut += sum(len(group.places) for group in groups)
            return groups, left

        monkeypatch.setattr(blocks, "columns_of", columns_of)

        read_before = Reader.read

        def counted(reader, text, rows):
            found = read_before(reader, text, rows)
            self.asked += rows
            self.rows += rows if found is not None else 0
            return found

        monkeypatch.setattr(Reader, "read", counted)


@pytest.fixture(params=[1, 16], ids=["one line is enough", "as always"])
def few(request, monkeypatch):
    """How few lines are worth a way of their own."""
    monkeypatch.setattr(line_columns, "FEW", request.param)
    monkeypatch.setattr(blocks, "FEW", request.param)
    monkeypatch.setattr(line_columns, "_IN_VAIN", 100 if request.param == 1 else 6)
    return request.param


@given(found=st.lists(sessions(), min_size=1, max_size=3), ends=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_give_the_same_rows(few, found, ends):
    """Lines cut and read by Arrow give the rows that one Python object an event gives, and the events come back."""
    runs = [[line for _, line in session] for session in found]
    fast, general = read(runs, ends=ends), read(runs, fast=False)
    events = [event for session in found for event, _ in session]
    for way in (fast, general):
        assert same([event for block in way for event in to_events(block.batch)], events)
        assert owners(way) == [number for number, session in enumerate(found) for _ in session]
    # columns too, not only what they mean
    left, right = (
        pa.Table.from_batches(TABLES["events"].whole(block.batch for block in way)) for way in (fast, general)
    )
    for name in left.column_names:
        if name == "rest":
            continue
        sides = [table[name] for table in (left, right)]
        if pa.types.is_dictionary(sides[0].type):
            sides = [side.cast(pa.string()) for side in sides]
        assert sides[0].combine_chunks().equals(sides[1].combine_chunks()), name


CONSTANT = {"sid": "s", "user": "alice", "db_labels": {"a": "b"}, "tenant": 5}


def line(n, **fields):
    return encode_line(
        CONSTANT | {"ei": n, "time": f"2026-07-20T20:00:00.{n:06d}Z", "event": "db.session.query"} | fields
    )


def test_lines_of_one_layout_are_read_by_arrow(monkeypatch):
    """A session whose lines share their beginning takes no Python object an event, unknown constants among them."""
    counting = Counting(monkeypatch)
    lines = [line(n, db_query=f"SELECT {n}", success=True) for n in range(100)]
    monkeypatch.setattr(blocks, "row_of", None)
    (block,) = read([lines])
    assert (counting.cut, counting.rows) == (100, 0)
    assert list(to_events(block.batch)) == [decode_line(one) for one in lines]
    assert block.batch.schema.field("user").type == pa.dictionary(pa.int32(), pa.string())
    assert len(block.batch["user"].dictionary) == 1


@pytest.mark.parametrize(
    "odd",
    [
        b'{"ei":1}\n',
        line(5, user="bob"),
        line(5, extra=1),
        line(5, db_query=None),
        line(5, args={"a": 1}),
        line(5, ei=2**63),
        line(5, ei="5"),
        line(5, time="2026-07-20 20:00:00Z"),
        line(5, time="2026-07-20T20:00:00+01:00"),
        line(5, session_stop="2026-07-20T20:00:00Z"),
        line(5, db_labels={"x": "y"}),
        line(5)[:-2] + b',"ei":7}\n',
        line(5)[:-2] + b',"user":"carol"}\n',
        line(5).replace(b'"ei":5', b'"ei" : 5, "error" : null'),
        json.dumps(json.loads(line(5))).encode() + b"\n",
        line(5, db_query_parameters=[1]),
        line(5, db_query_parameters=[None, ""]),
        line(5, parameters=[None]),
    ],
)
def test_an_odd_line_takes_the_general_way_alone(odd, monkeypatch):
    """A line that does not fit changes neither its neighbours' rows, nor their order, nor that they are read fast."""
    counting = Counting(monkeypatch)
    lines = [line(n, db_query=f"SELECT {n}") for n in range(40)]
    runs = [lines[:10], [*lines[10:20], odd, *lines[20:30]], lines[30:]]
    found = read(runs)
    flat = [one for run in runs for one in run]
    assert same([event for block in found for event in to_events(block.batch)], [decode_line(one) for one in flat])
    assert counting.rows + counting.cut >= 20


@pytest.mark.parametrize(
    "bad",
    [
        b"{\n",
        b"nonsense\n",
        b"[1]\n",
        b"\n",
        b'{"ei":1}{"ei":2}\n',
        b'{"user":"\xff"}\n',
        b'{"user":"\\ud800"}\n',
        b'{"ei":01}\n',
    ],
)
def test_a_line_that_is_no_event_is_told_of(bad):
    """What is no event has no row, is told of with its recording's number, and costs no other line."""
    good = [line(n, db_query="x") for n in range(5)]
    told = []
    found = read([good, [*good, bad, *good]], fault=lambda number, error: told.append((number, type(error).__name__)))
    assert told == [(1, "UndecodableEventError")]
    assert same([event for block in found for event in to_events(block.batch)], [decode_line(one) for one in good * 3])
    assert owners(found) == [0] * 5 + [1] * 10


@pytest.mark.parametrize("tail", [b'{"ei":1}{"ei":2}', b'\xff"}', b"nonsense"])
def test_a_bad_line_is_found_behind_a_good_beginning(tail):
    """What stands behind the shared beginning is not taken on trust, even where the number of rows would fit."""
    good = [line(n, db_query="x") for n in range(5)]
    prefix = line(0)[: line(0).index(b'"ei"')]
    told = []
    read([[*good, prefix + b'"ei":9' + tail + b"\n", *good]], fault=lambda number, error: told.append(number))
    assert told == [0]


def test_blocks_are_bounded(monkeypatch):
    """A block is given as soon as it is full, and a huge chunk is taken in pieces."""
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 10_000)
    monkeypatch.setattr(blocks, "_PIECE_BYTES", 30_000)
    lines = [line(n, db_query="SELECT " + "x" * 200) for n in range(1000)]
    found = read([lines])
    assert max(block.batch.num_rows for block in found) <= 30_000 // 200
    assert sum(block.batch.num_rows for block in found) == 1000
    assert sum(block.size for block in found) > 200_000


def test_a_block_with_a_huge_line_is_not_copied_about(monkeypatch):
    """Lines beside one that is too large for the fast way take another, and come out as they are."""
    counting = Counting(monkeypatch)
    monkeypatch.setattr(blocks, "_HUGE_BYTES", 100_000)
    lines = [line(n, db_query="x" * (100_000 if n == 50 else 5)) for n in range(100)]
    found = read([lines])
    assert counting.cut == 0
    assert [event for block in found for event in to_events(block.batch)] == [decode_line(one) for one in lines]


@pytest.mark.parametrize("values", [[None], [None, ""], [None, "x"], ["x", None], [None, None, "x"], []])
def test_parameters_that_are_null_are_read(values):
    """Lists with nulls, wherever these stand, come back as they are."""
    lines = [line(n, parameters=values) for n in range(3)]
    events = [event for block in read([lines]) for event in to_events(block.batch)]
    assert same(events, [decode_line(one) for one in lines])


def test_nulls_cost_no_memory():
    """Columns that are null throughout share their memory."""
    (block,) = read([[line(n, db_query="x") for n in range(1000)]])
    assert "db_aws_region" not in block.batch.schema.names
    (batch,) = TABLES["events"].whole([block.batch])
    assert batch["db_aws_region"].buffers()[1].address == batch["db_origin"].buffers()[1].address


def test_no_lines_are_no_block():
    """Without lines there is nothing to give."""
    assert read([]) == []
    assert read([[]]) == []


def test_a_session_that_never_fits_is_read_anyway(monkeypatch):
    """Where all of a block had to take the general way, the next ones take it at once."""
    counting = Counting(monkeypatch)
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 1000)
    runs = [[line(n, extra=n) for n in range(10)] for _ in range(200)]
    found = read(runs)
    assert same(
        [event for block in found for event in to_events(block.batch)],
        [decode_line(one) for run in runs for one in run],
    )
    assert counting.rows == 0
    assert counting.asked < 1500  # of 4000, were each block tried


def test_lines_that_share_nothing_may_begin_with_spaces():
    """A line with white space before its brace is an event also where no field is common to all lines."""
    lines = [b'{"ei":1}\n', b' \t{"ei": 2} \r\n', b'{"ei":3}\n', b"\t{}\n"]
    found = read([lines])
    assert [event for block in found for event in to_events(block.batch)] == [{"ei": 1}, {"ei": 2}, {"ei": 3}, {}]


@pytest.mark.parametrize("count", [3, 30])
def test_what_lines_share_and_nothing_else_is_no_event(count):
    """A line that ends behind the comma of what all lines share is told, and is no event without fields of its own."""
    lines = [line(n, db_query="x") for n in range(count)]
    lines[1] = encode_line(CONSTANT)[:-2] + b",}\n"
    told = []
    found = read([lines], fault=lambda recording, error: told.append(recording))
    assert told == [0]
    events = [event for block in found for event in to_events(block.batch)]
    assert events == [decode_line(one) for one in lines[:1] + lines[2:]]
    assert [place for block in found for place in block.broken] == [(1, 0)]
