"""
How fast recordings become Parquet, and in how much memory, beside what a user would take instead.

    python -m benchmarks.exporting --events 1000000

Each contestant turns the same ``.jsonl.zst`` files into Parquet with zstd, in a process of its own, with two
threads, in turns; figures are medians of microseconds an event. Imports do not count. The peak of memory is of one
more run, which is watched: what its processes have in all, shared pages once, looked at every 20 ms. The ratio is
DuckDB's time over the contestant's. Workloads: *queries* (`db.session.query` alone, one session), *mixed* (prepared
statements of PostgreSQL: parse, bind, execute, query, result; start and end of the session) and *many* (sessions of
400 events: a query, its result, and so on).

recordkit is what the command does, with two processes instead of threads where there is enough to do. The peers are
told more than they would be in life: DuckDB gets the columns of mixed and many, since its sample misses the fields of a
session's end, and in a row of its own those of *queries*, too; Polars and pyarrow get the file decompressed to memory
first, as neither reads frames behind each other (their time includes it). None of them says which rows are new, sorts
them by time, divides them by day, checks a hash chain, or gives `time` as a timestamp in nanoseconds.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import recordkit
from benchmarks.workloads import CONSTANTS, SID, START_NS, query_events, statements
from recordkit.events import format_time

MIXED_SID: Final = SID[:-1] + "2"
MANY_SID: Final = SID[:-5]
_LOOKED_S: Final = 0.02
FLOOR: Final = "DuckDB read_json -> COPY"
TOLD: Final = "the same, told the columns"
WORKLOADS: Final = ("queries", "mixed", "many")

_BEGIN: Final = """
import glob, os, shutil, sys, time
source, out = sys.argv[1], sys.argv[2]
files = glob.glob(source + "/*/*.jsonl.zst")
"""
_END: Final = """
took = time.perf_counter() - begin
print(took, rows)
"""
_OURS: Final = """
from recordkit.cli.main import main
from recordkit.analytics.memory_pool import use_keeping_pool
use_keeping_pool()  # as the command does first; here before the imports that don't count
import pyarrow.parquet, pyarrow.compute, pyarrow.json, recordkit.analytics.exporting
import pyarrow; pyarrow.set_cpu_count(2); pyarrow.array([0])
shutil.rmtree(out, ignore_errors=True)
begin = time.perf_counter()
if main(["--store", source, "export", "parquet", out, "--table", "{table}", "--jobs", "2"]):
    sys.exit(1)
took = time.perf_counter() - begin
rows = sum(pyarrow.parquet.read_metadata(file).num_rows for file in glob.glob(out + "/*/*/*.parquet"))
begin = time.perf_counter() - took
"""
_DUCKDB: Final = """
import duckdb
connection = duckdb.connect(); connection.execute("set threads=2")
begin = time.perf_counter()
columns = sys.argv[{argument}]
rows = connection.execute(
    f"copy (select * from read_json({files!r}, format='newline_delimited'{columns})) to '{out}'"
    " (format parquet, compression zstd)"
).fetchone()[0]
"""
CONTESTANTS: Final = {
    FLOOR: _DUCKDB.replace("{argument}", "3"),
    TOLD: _DUCKDB.replace("{argument}", "4"),
    "recordkit events": _OURS.format(table="events"),
    "recordkit queries": _OURS.format(table="queries"),
    "Polars read_ndjson": """
os.environ["POLARS_MAX_THREADS"] = "2"
import io, polars, zstandard
begin = time.perf_counter()
reader = zstandard.ZstdDecompressor().stream_reader
text = b"".join(reader(open(file, "rb"), read_across_frames=True).read() for file in files)
frame = polars.read_ndjson(io.BytesIO(text), infer_schema_length=None)
frame.write_parquet(out, compression="zstd", compression_level=1)
rows = frame.height
""",
    "pyarrow.json read_json": """
import pyarrow, pyarrow.json, pyarrow.parquet, zstandard
pyarrow.set_cpu_count(2)
begin = time.perf_counter()
reader = zstandard.ZstdDecompressor().stream_reader
text = b"".join(reader(open(file, "rb"), read_across_frames=True).read() for file in files)
table = pyarrow.json.read_json(pyarrow.BufferReader(text))
pyarrow.parquet.write_table(table, out, compression="zstd")
rows = table.num_rows
""",
}


def mixed_events(count: int) -> Iterator[dict[str, Any]]:
    """
    Yield about *count* events of prepared statements, without what the session puts in.
    """
    for number, sql in enumerate(statements(count // 5)):
        name = f"s{number % 7}"
        yield {"event": "db.session.postgres.statements.parse", "statement_name": name, "query": sql}
        yield {
            "event": "db.session.postgres.statements.bind", "statement_name": name, "portal_name": "",
            "parameters": [str(number), "x"],
        }  # fmt: skip
        yield {"event": "db.session.postgres.statements.execute", "portal_name": ""}
        yield {"event": "db.session.query", "db_query": sql, "success": True}
        if number % 50:
            yield {"event": "db.session.result", "success": True, "affected_records": number % 10}
        else:
            yield {"event": "db.session.result", "success": False, "error": "permission denied (SQLSTATE 42501)"}


def record(folder: Path, workload: str, count: int) -> None:
    """
    Record the workload into the store *folder*.
    """
    with recordkit.Recorder(folder) as recorder:
        if workload == "queries":
            with recorder.session(sid=SID, start=False, **CONSTANTS) as session:
                for begin in range(0, count, 100_000):
                    part = query_events(min(100_000, count - begin), seed=begin + 1)
                    for event in part:
                        ei = event["ei"] + begin
                        session.emit({**event, "ei": ei, "time": format_time(START_NS + ei * 50_000)})
            return
        if workload == "many":
            for number in range(max(count // 400, 1)):
                with recorder.session(sid=f"{MANY_SID}{number:05d}", **CONSTANTS) as session:
                    for sql in statements(199, seed=number):
                        session.query(sql)
                        session.result(affected_records=number % 10)
            return
        with recorder.session(sid=MIXED_SID, **CONSTANTS) as session:
            for event in mixed_events(count):
                session.emit(event)


def columns_of(store: Path) -> str:
    """
    Return the argument that tells DuckDB the columns of a store's events.
    """
    types: dict[str, str] = {}
    for sid in recordkit.open_store(store):
        with recordkit.open_store(store)[sid] as recording:
            for event in recording.events():
                for name, value in event.items():
                    kind = {bool: "BOOLEAN", int: "BIGINT", list: "VARCHAR[]"}.get(type(value), "VARCHAR")
                    types.setdefault(name, "TIMESTAMP" if name == "time" else kind)
    return ", columns={" + ", ".join(f"'{name}': '{kind}'" for name, kind in types.items()) + "}"


def run(
    name: str, store: Path, out: Path, columns: tuple[str, str], *, watched: bool = False
) -> tuple[float, int, int]:
    """
    Run a contestant in a process of its own: seconds, rows, and if it is *watched*, its peak of memory in MiB.

    *columns* are DuckDB's: what it needs to be told, and all of them.
    """
    program = _BEGIN + CONTESTANTS[name] + _END
    command = [sys.executable, "-c", program, str(store), str(out), *columns]
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root, "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2"}
    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        peak = 0
        while watched and process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            time.sleep(_LOOKED_S)
        told, complaints = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{name}: {complaints}")
    seconds, rows = told.splitlines()[-1].split()  # before it DuckDB may show a bar
    return float(seconds), int(rows), peak // 1024


def memory_of(pid: int) -> int:
    """
    Return how many KiB of memory a process and those that it made have, what they share counted once.
    """
    with contextlib.suppress(OSError, StopIteration):  # it may end meanwhile
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return own + sum(memory_of(int(child)) for child in children)
    return 0


def measure(workload: str, events: int, rounds: int, names: list[str]) -> list[dict[str, Any]]:
    """
    Let the contestants take turns and return a row each.
    """
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        store = folder / "store"
        record(store, workload, events)
        told = columns_of(store)
        columns = "" if workload == "queries" else told, told
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                times[name].append(run(name, store, folder / "out", columns)[0])
        found = {name: run(name, store, folder / "out", columns, watched=True)[1:] for name in names}
        all_rows = found[FLOOR][0]
        medians = {name: statistics.median(taken) for name, taken in times.items()}
        return [
            {
                "workload": workload,
                "name": name,
                "us_per_event": round(medians[name] / all_rows * 1e6, 3),
                "ratio": round(medians[FLOOR] / medians[name], 2),
                "rows": found[name][0],
                "peak_mib": found[name][1],
            }
            for name in names
        ]
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """
    Run what was asked for, and print a table each.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exporting", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of each workload (default: 1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant (default: 3)")
    parser.add_argument("--workload", choices=WORKLOADS, help="default: all")
    parser.add_argument("--only", action="append", help="only contestants whose names begin so; may be repeated")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments = parser.parse_args()
    names = [FLOOR] + [
        name for name in CONTESTANTS if name != FLOOR and (not arguments.only or name.startswith(tuple(arguments.only)))
    ]
    rows = []
    for workload in [arguments.workload] if arguments.workload else WORKLOADS:
        part = measure(workload, arguments.events, arguments.rounds, names)
        rows += part
        print(f"\n{workload}, {arguments.events} events, median of {arguments.rounds} rounds\n")
        print(f"  {'':26}{'µs/event':>10}{'x DuckDB':>10}{'rows':>10}{'peak MiB':>10}")
        for row in part:
            print(
                f"  {row['name']:26}{row['us_per_event']:>10.2f}{row['ratio']:>10.2f}"
                f"{row['rows']:>10}{row['peak_mib']:>10}"
            )
    if arguments.json:
        machine = {"python": sys.version, "machine": platform.machine(), "processor": platform.processor()}
        arguments.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
