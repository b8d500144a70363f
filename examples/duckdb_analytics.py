"""
Ask DuckDB about recordings: over the export, over the raw files, and over live splits; pandas, too.

    python examples/duckdb_analytics.py --store recordings
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa

from recordkit import analytics

try:
    import duckdb
    import pandas as pd
except ImportError as error:
    sys.exit(f"this example needs {error.name}: pip install duckdb pandas")


def scan(source: str, **filters: Any) -> pa.RecordBatchReader:
    """
    Give DuckDB (or any other reader of Arrow) the table `events`, split by split: this is the whole adapter.
    """
    splits = analytics.splits(source, **filters)
    batches = (batch for split in splits for batch in analytics.read_split(split))
    first = next(batches, None)
    if first is None:
        return pa.RecordBatchReader.from_batches(analytics.events([]).schema, [])
    return pa.RecordBatchReader.from_batches(first.schema, (batch for part in ([first], batches) for batch in part))


FAILED = "select user, count(*) as events, count(*) filter (not success) as failed from {} group by user order by user"


def ask(store: str, folder: str) -> tuple[list[Any], list[Any], list[Any], pd.DataFrame]:
    """
    Ask the same of three sources, and a question of pandas.
    """
    analytics.export_parquet(store, folder)
    exported = duckdb.sql(FAILED.format(f"read_parquet('{folder}/events/*/*.parquet', hive_partitioning = true)"))
    # no export, no recordkit: the recordings are JSON Lines; sample_size = -1 looks at all kinds of events first
    raw = duckdb.sql(FAILED.format(f"read_json('{store}/??/*.jsonl.zst', format = 'nd', sample_size = -1)"))
    connection = duckdb.connect()
    connection.register("live", scan(store))
    streamed = connection.sql(FAILED.format("live"))
    frame = pd.read_parquet(f"{folder}/events", columns=["db_protocol", "event"])
    kinds = frame.astype(str).value_counts().rename("events").reset_index()
    return exported.fetchall(), raw.fetchall(), streamed.fetchall(), kinds


def main() -> None:
    """
    Ask about the store that was named.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="recordings")
    parser.add_argument("--self-test", action="store_true", help="use the demo's sessions and check the outcome")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = arguments.store
        if arguments.self_test:
            from recordkit.cli.main import main as recordkit_command

            store = str(Path(folder) / "store")
            recordkit_command(["--store", store, "demo"])
        exported, raw, streamed, kinds = ask(store, str(Path(folder) / "audit"))
        for row in exported:
            print(*row, sep="\t")
        print(kinds.to_string(index=False))
        if arguments.self_test and not (exported == raw == streamed and exported and kinds["events"].sum() > 0):
            raise SystemExit(f"the answers differ:\n{exported}\n{raw}\n{streamed}")


if __name__ == "__main__":
    main()
