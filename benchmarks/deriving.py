"""
What it costs to tell what a statement does, and to make the table `queries`, beside DuckDB's copy of plain events.

    python -m benchmarks.deriving --events 200000

`cold` takes every statement apart anew, `warm` with its memory; the statements are pgbench's, whose literals differ
each time, so that no text comes twice. The peer of `queries` is what a user would do without it: DuckDB's
``read_json`` of the same recording, copied to Parquet with all columns as they are, on two threads; it
derives nothing and joins nothing. Both write Parquet with zstd.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import recordkit
from benchmarks.measure import Row, race
from benchmarks.workloads import CONSTANTS, SID, START_NS, query_events, statements
from recordkit.analytics.queries import query_batches
from recordkit.analytics.query_columns import QUERIES
from recordkit.analytics.schema import arrow_schema
from recordkit.events import format_time
from recordkit.sql.classes import statement_class
from recordkit.sql.derivation import Deriver
from recordkit.sql.dialects import dialect_of
from recordkit.sql.fingerprint import fingerprint
from recordkit.sql.tables import tables_of
from recordkit.sql.tokens import cut


def run(events: int, rounds: int) -> list[Row]:
    """
    Return the rows of the table of statements: the floor is DuckDB's copy.
    """
    import duckdb

    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        paths = {
            "queries": _record(folder / "queries", events),
            "with results": _record_results(folder / "both", events),
        }
        rows = []
        for name, path in paths.items():
            target = folder / f"{name}.parquet"
            copy = f"COPY (FROM read_json('{path}', format = 'newline_delimited')) TO '{target}' (COMPRESSION zstd)"

            def peer(sql: str = copy) -> None:
                with duckdb.connect() as database:
                    database.execute("SET threads = 2")
                    database.execute(sql)

            def ours(path: Path = path, target: Path = target) -> None:
                _export(path, target)

            rows += race({f"DuckDB: events, {name}": peer, f"recordkit: {name}": ours}, events=events, rounds=rounds)
        return rows
    finally:
        shutil.rmtree(folder)


def run_statements(count: int, rounds: int) -> list[Row]:
    """
    Return the rows of single statements: the floor is the fast pass alone.
    """
    texts = statements(count)
    dialect = dialect_of("postgres")
    warm = Deriver()
    for text in texts[:100]:
        warm.derive(text, "postgres")

    def each(derive: Callable[[str], Any]) -> Callable[[], None]:
        def measured() -> None:
            for text in texts:
                derive(text)

        return measured

    return race(
        {
            "cut the literals": each(lambda text: cut(text, dialect)),
            "all, warm": each(lambda text: warm.derive(text, "postgres")),
            "class, cold": each(lambda text: statement_class(text, "postgres")),
            "fingerprint, cold": each(lambda text: fingerprint(text, "postgres")),
            "tables, cold": each(lambda text: tables_of(text, "postgres")),
            "all, cold": each(lambda text: Deriver(exact=False).derive(text, "postgres")),
        },
        events=count,
        rounds=rounds,
    )


def _record(store: Path, events: int) -> Path:
    with recordkit.Recorder(store) as recorder, recorder.session(sid=SID, start=False, **CONSTANTS) as session:
        for event in query_events(events):
            session.emit(event)
    return recordkit.open_store(store)[SID].path


def _record_results(store: Path, events: int) -> Path:
    """
    Record as many events, every second a result.
    """
    with recordkit.Recorder(store) as recorder, recorder.session(sid=SID, start=False, **CONSTANTS) as session:
        for number, sql in enumerate(statements(events // 2)):
            time_ns = START_NS + number * 100_000
            session.emit({"event": "db.session.query", "db_query": sql, "time": format_time(time_ns)})
            result = {"event": "db.session.result", "success": True, "affected_records": 1}
            session.emit(result | {"time": format_time(time_ns + 40_000)})
    return recordkit.open_store(store)[SID].path


def _export(path: Path, target: Path) -> None:
    import pyarrow.parquet as pq

    with (
        recordkit.open_recording(path) as recording,
        pq.ParquetWriter(target, arrow_schema(QUERIES), compression="zstd") as writer,
    ):
        for batch in query_batches(recording, deriver=Deriver()):
            writer.write_batch(batch)


def main() -> None:
    """
    Print both tables, and write JSON if a file was named.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deriving", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--statements", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {
        "statements": run_statements(arguments.statements, arguments.rounds),
        "queries": run(arguments.events, arguments.rounds),
    }
    for name, rows in found.items():
        print(f"\n{name}: µs each, and how many times as fast as the first (for queries: as the line before)")
        for row in rows:
            print(f"  {row.name:34}{row.us:>10.2f}{row.ratio:>10.2f}")
    if arguments.json:
        listed = {name: [row.to_json() for row in rows] for name, rows in found.items()}
        arguments.json.write_text(json.dumps(listed, indent=2) + "\n")


if __name__ == "__main__":
    main()
