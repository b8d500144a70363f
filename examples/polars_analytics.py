"""
Ask Polars about recordings: over the export, and lazily over live splits.

    python examples/polars_analytics.py --store recordings
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recordkit import analytics

try:
    import polars as pl
    from polars.io.plugins import register_io_source
except ImportError as error:
    sys.exit(f"this example needs {error.name}: pip install polars")


def scan(source: str, **filters: Any) -> pl.LazyFrame:
    """
    Give Polars the table `events`, split by split: this is the whole adapter.
    """

    def read(
        columns: list[str] | None, wanted: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        for split in analytics.splits(source, **filters):
            for batch in analytics.read_split(split):
                frame = pl.DataFrame(batch if columns is None else batch.select(columns))
                frame = frame if wanted is None else frame.filter(wanted)
                yield frame if rows is None else frame.head(rows)
                rows = None if rows is None else rows - min(rows, frame.height)

    return register_io_source(read, schema=pl.DataFrame(analytics.events([])).schema)


def ask(frame: pl.LazyFrame) -> list[Any]:
    """
    Return each user's events, and how many failed.
    """
    user = pl.col("user").cast(pl.String)
    failed = (pl.col("success") == False).sum()  # noqa: E712 -- an expression
    return frame.group_by(user).agg(pl.len().alias("events"), failed.alias("failed")).sort("user").collect().rows()


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
        analytics.export_parquet(store, Path(folder) / "audit")
        exported = ask(pl.scan_parquet(f"{folder}/audit/events/*/*.parquet", hive_partitioning=True))
        live = ask(scan(store))
        for row in exported:
            print(*row, sep="\t")
        if arguments.self_test and not (exported == live and exported):
            raise SystemExit(f"the answers differ:\n{exported}\n{live}")


if __name__ == "__main__":
    main()
