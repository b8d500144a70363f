"""
How long a store with a million recordings takes to answer, against one with a thousand.

    python -m benchmarks.catalog --rows 1000000

The rows are synthetic; files exist only where an answer needs them, because a listing checks the file of
each row that it gives: the rows that the measured queries return (sparse files of the right size and
time), all names of one directory (which is changed and compared), and one real recording. All else is
what the store does: `DirectoryStore` is called as a program would call it, 256 directories are looked at
each time.

Both stores take turns at each question. Figures are milliseconds, medians of several warm calls; "first
listing" opens the store anew each time, in the same process.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from recordkit.clock import ManualClock
from recordkit.container import RecordingWriter, State, Summary, seal
from recordkit.container.files import OsFiles
from recordkit.store import DirectoryStore, RecordingFilter
from recordkit.store.filters import EVERYTHING
from recordkit.store.paths import SHARDS, create_store, open_path, sealed_path, shard_of
from recordkit.store.placing import place
from recordkit.store.reconcile import status_of
from recordkit.store.rows import Entry

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND
EPOCH: Final = 1_784_548_800 * SECOND
PERIOD: Final = 730 * DAY
LIMIT: Final = 50
FILLED: Final = "00"  # the directory whose names all exist
BATCH: Final = 5000

PROTOCOLS: Final = ("postgres", "mysql", "mongodb", "redis", "sqlserver", "cassandra")
STATES: Final = (State.COMPLETE, State.INTERRUPTED, State.TORN)


def summaries(rows: int, seed: int = 1) -> Iterator[Summary]:
    """
    Yield *rows* summaries of two years: 300 people, some busier, 40 services with 60 databases.

    The third-busiest never uses MongoDB.
    """
    chance = random.Random(seed)
    people = [f"person{number:03d}@example.com" for number in range(300)]
    busy = [1 / (number + 1) for number in range(300)]
    users = chance.choices(people, busy, k=rows)
    for number, user in enumerate(users):
        start_ns = EPOCH + (number * PERIOD + chance.randrange(PERIOD)) // rows  # in order, as recorders add them
        service = chance.randrange(40)
        if user == people[2] and PROTOCOLS[service % len(PROTOCOLS)] == "mongodb":
            service += 1
        events = chance.randrange(2, 400)
        yield Summary(
            sid=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            state=chance.choices(STATES, (95, 4.9, 0.1))[0],
            cluster_name="cluster.example.com",
            user=user,
            db_service=f"service-{service:02d}",
            db_protocol=PROTOCOLS[service % len(PROTOCOLS)],
            db_type="rds",
            db_name=f"database-{(service * 7 + chance.randrange(3)) % 60:02d}",
            db_user=user.partition("@")[0],
            created_ns=start_ns - 1_000_000,
            start_ns=start_ns,
            end_ns=start_ns + chance.randrange(7200 * SECOND),
            events=events,
            queries=events // 2,
            errors=events // 50,
            lost=0,
            chunks=events // 100 + 1,
            stored_bytes=1000 + events * 40,
            raw_bytes=events * 520,
            head=f"{chance.getrandbits(256):064x}",
            writer="recordkit 0.1.0",
        )


QUERIES: Final[dict[str, RecordingFilter]] = {
    "newest 50": RecordingFilter(),
    "user (busiest)": RecordingFilter(user="person000@example.com"),
    "user (rare)": RecordingFilter(user="person299@example.com"),
    "db (service)": RecordingFilter(db="service-07"),
    "db (name)": RecordingFilter(db="database-11"),
    "protocol": RecordingFilter(protocol="mysql"),
    "state (common)": RecordingFilter(state=State.COMPLETE),
    "state (rare)": RecordingFilter(state=State.TORN),
    "one day": RecordingFilter(since_ns=EPOCH + 300 * DAY, until_ns=EPOCH + 301 * DAY),
    "user + db": RecordingFilter(user="person000@example.com", db="service-07"),
    "user + protocol + state": RecordingFilter(user="person003@example.com", protocol="redis", state=State.COMPLETE),
    "user + protocol + one month": RecordingFilter(
        user="person001@example.com", protocol="mysql", since_ns=EPOCH + 300 * DAY, until_ns=EPOCH + 330 * DAY
    ),
    "user + state (rare)": RecordingFilter(user="person000@example.com", state=State.TORN),
    "protocol + state (common)": RecordingFilter(protocol="mysql", state=State.COMPLETE),
    "db + protocol that never meet": RecordingFilter(db="service-07", protocol="postgres"),
    "user + db that never meet": RecordingFilter(user="person002@example.com", db="service-02"),
    "user + protocol that never meet": RecordingFilter(user="person002@example.com", protocol="mongodb"),
    "nobody": RecordingFilter(user="nobody@example.com"),
}


def run(rows: int, *, directory: str | None = None, repeat: int = 15) -> list[dict[str, Any]]:
    """
    Return one result per question for a store with *rows* recordings: what, rows, and ms or bytes.

    A listing's result has the number of recordings that it gave as well.
    """
    return compare([rows], directory=directory, repeat=repeat)


def compare(sizes: Sequence[int], *, directory: str | None = None, repeat: int = 15) -> list[dict[str, Any]]:
    """
    Return the results of stores of several sizes, which take turns at each question.
    """
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(_Store(rows, directory)) for rows in sizes]
        results = [{"what": "add rows, per 1000", "rows": store.rows, "ms": store.adding_ms} for store in stores]
        questions = [store.questions() for store in stores]
        for what in questions[0]:
            medians = _medians_ms([asked[what] for asked in questions], repeat)
            given = [store.given.get(what) for store in stores]
            results += [
                {"what": what, "rows": rows, "ms": ms} | ({} if gave is None else {"given": gave})
                for rows, ms, gave in zip(sizes, medians, given, strict=True)
            ]
        results += [{"what": "catalog, per recording", "rows": store.rows, "bytes": store.bytes} for store in stores]
        return results


class _Store:
    """
    A store full of synthetic rows; a context manager that removes it.
    """

    def __init__(self, rows: int, directory: str | None) -> None:
        self.rows = rows
        self.given: dict[str, int] = {}
        self.clock = ManualClock(time.time_ns() + 3600 * SECOND)  # directories changed long ago
        self.root = Path(tempfile.mkdtemp(prefix="recordkit-catalog-", dir=directory))
        try:
            self.sids, seconds = _fill(self.root, rows, self.clock)
        except BaseException:
            shutil.rmtree(self.root)
            raise
        self.adding_ms = round(seconds / rows * 1e6, 3)
        self.bytes = sum(path.stat().st_size for path in self.root.glob("catalog.sqlite*")) // rows
        self.store = DirectoryStore(self.root, clock=self.clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.store.close()
        shutil.rmtree(self.root)

    def questions(self) -> dict[str, Callable[[], object]]:
        """
        Return what is measured, by name.
        """
        chance = random.Random(2)
        listings = {f"ls: {what}": partial(self.listing, wanted) for what, wanted in QUERIES.items()}
        self.given = {f"ls: {what}": len(list(self.store.select(one, limit=LIMIT))) for what, one in QUERIES.items()}
        return listings | {
            "find by prefix (12 digits)": lambda: self.store.resolve(chance.choice(self.sids)[:12]),
            "open by sid": lambda: self.store.open(self.sids[-1]).close(),
            # these include making the file and adding its row
            "ls: newest 50, after a recorder sealed one": partial(self.listing_after_change, stepped=True),
            "ls: newest 50, after a copy among 1/256 of all": partial(self.listing_after_change, stepped=False),
            "ls: newest 50, first listing of a store": self.first_listing,
        }

    def listing(self, wanted: RecordingFilter = EVERYTHING) -> None:
        """
        Take the newest recordings that match.
        """
        deque(self.store.select(wanted, limit=LIMIT), maxlen=0)

    def listing_after_change(self, *, stepped: bool) -> None:
        """
        Put a recording into the store, as a recorder does or by hand, and list.
        """
        entry = _place(self.root)
        self.store.catalog.add_many([entry if stepped else entry._replace(step=None)])
        self.listing()

    def first_listing(self) -> None:
        """
        Open the store anew and list.
        """
        with DirectoryStore(self.root, clock=self.clock) as store:
            deque(store.select(limit=LIMIT), maxlen=0)


def _fill(root: Path, rows: int, clock: ManualClock) -> tuple[list[str], float]:
    """
    Make the store; return all sids and the seconds that adding the rows took.
    """
    create_store(root)
    for shard in SHARDS:
        (root / shard).mkdir(mode=0o700)
    sids: list[str] = []
    seconds = 0.0
    with DirectoryStore(root, clock=clock) as store:
        catalog = store.catalog.shared()
        batch: list[Entry] = []
        for summary in summaries(rows):
            sids.append(summary.sid)
            batch.append(Entry(summary, summary.stored_bytes, summary.created_ns))
            if shard_of(summary.sid) == FILLED:
                _pretend(root, batch[-1])
            if len(batch) == BATCH or len(sids) == rows:
                begun = time.perf_counter()
                catalog.put(batch)
                seconds += time.perf_counter() - begun
                batch.clear()
        for wanted in QUERIES.values():
            for entry in catalog.page(wanted, after=None, limit=LIMIT):
                _pretend(root, entry)
        sids.append(_record(root))
        for shard in SHARDS:
            stamp, _ = status_of(f"{root}/{shard}")
            catalog.settle(shard, stamp=stamp, gone=())
    return sids, seconds


def _pretend(root: Path, entry: Entry) -> None:
    path = sealed_path(root, entry.summary.sid)
    path.touch()
    os.truncate(path, entry.file_size)
    os.utime(path, ns=(entry.file_mtime_ns, entry.file_mtime_ns))


def _place(root: Path) -> Entry:
    """
    Move a recording to its place as a recorder does, and return its row.
    """
    sid = str(uuid.UUID(int=random.getrandbits(120) << 8 | int(FILLED, 16), version=4))
    summary = next(summaries(1))
    entry = Entry(replace(summary, sid=sid), summary.stored_bytes, summary.created_ns)
    source = open_path(root, sid)
    source.touch()
    os.truncate(source, entry.file_size)
    os.utime(source, ns=(entry.file_mtime_ns, entry.file_mtime_ns))
    return entry._replace(step=place(OsFiles(), source, sealed_path(root, sid)))


def _record(root: Path) -> str:
    sid = str(uuid.UUID(int=7, version=4))
    path = open_path(root, sid)
    writer = RecordingWriter(path, sid=sid, owner="0" * 32, created_ns=EPOCH, attributes={}, files=OsFiles())
    writer.create()
    seal(path, sealed_path(root, sid))
    return sid


def _medians_ms(calls: Sequence[Callable[[], object]], repeat: int) -> list[float]:
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(repeat + 1):
        for times, call in zip(taken, calls, strict=True):
            begun = time.perf_counter()
            call()
            if number:  # the first round warms up
                times.append(time.perf_counter() - begun)
    return [round(statistics.median(times) * 1e3, 3) for times in taken]


def main() -> None:
    """
    Measure 1000 rows and --rows, and print both and their ratio.
    """
    parser = argparse.ArgumentParser(description="listings and look-ups of a large store against a small one")
    parser.add_argument("--rows", type=int, default=1_000_000, help="recordings in the large store")
    parser.add_argument("--small", type=int, default=1000, help="recordings in the small store")
    parser.add_argument("--dir", help="where to make the stores, about 0.6 KB a recording")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    results = compare([options.small, options.rows], directory=options.dir)
    if options.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
        json.dump({"machine": machine, "results": results}, sys.stdout, indent=2)
        return
    print(f"{'':53}{options.small:>10} {options.rows:>10}  ratio")
    for before, after in zip(results[::2], results[1::2], strict=True):
        unit = "ms" if "ms" in before else "bytes"
        what = after["what"]
        print(f"{what:48}{unit:>5}{before[unit]:>10.2f} {after[unit]:>10.2f} {after[unit] / before[unit]:>6.1f}")


if __name__ == "__main__":
    main()
