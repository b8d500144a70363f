"""
What an export must hold, told from the recordings without any of the code that exports.
"""

import json
from collections import Counter
from pathlib import Path

from pyarrow import parquet

from recordkit import analytics
from recordkit.container import seal
from recordkit.events import parse_time
from recordkit.store import open_store
from recordkit.store.paths import open_path, sealed_path
from store_recordings import NOON, QuickFiles, write_open, write_sealed

HOUR = 3600 * 1_000_000_000
MIDNIGHT = NOON + 12 * HOUR


def published(dest: Path, table: str = "events") -> list[Path]:
    """The files that a reader with a glob sees."""
    return sorted((dest / table).glob("**/*.parquet"))


def rows_of(dest: Path) -> list[dict]:
    """All events of an export, with the partition that each is in; every file must be whole."""
    rows = []
    for path in published(dest):
        table = parquet.ParquetFile(path).read()
        rows += [(path.parent.name, event) for event in analytics.to_events(table)]
    return rows


def keys(rows) -> Counter:
    return Counter((partition, json.dumps(event, sort_keys=True)) for partition, event in rows)


def expected(store: Path, *, left_out=()) -> Counter:
    """What must be there: each event of each recording once, in the partition of its day."""
    rows = []
    with open_store(store) as opened:
        for sid in opened:
            if sid in left_out:
                continue
            with opened.open(sid, mode="salvage") as recording:
                for event in recording.events():
                    day = (
                        event["time"][:10]
                        if "time" in event and parse_time(event["time"])
                        else "__HIVE_DEFAULT_PARTITION__"
                    )
                    rows.append((f"event_date={day}", event))
    return keys(rows)


def exact(store: Path, dest: Path, *, left_out=()) -> bool:
    return keys(rows_of(dest)) == expected(store, left_out=left_out)


def seal_begun(store: Path, sid: str) -> None:
    """Seal a recording that `write_open` left."""
    seal(open_path(store, sid), sealed_path(store, sid), files=QuickFiles())


def sample_store(store: Path) -> list[str]:
    """Three sealed recordings, one of them over midnight, and one that is begun; return their sids."""
    sids = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]
    write_sealed(store, sids[0], events=3, start_ns=NOON, ended=True)
    write_sealed(store, sids[1], events=4, start_ns=MIDNIGHT - 2_000_000_000, ended=True)
    write_sealed(store, sids[2], events=2, chunks=4, start_ns=NOON + 48 * HOUR, user="bob")
    write_open(store, sids[3], events=3, start_ns=NOON + HOUR)
    return sids
