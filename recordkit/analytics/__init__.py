"""
Recordings as tables: typed columns of Arrow, and Parquet that grows with the store.

    events, queries    whole tables
    batches            the same, piece by piece, in bounded memory
    export_parquet     files that every analytics tool reads, incremental and exact
    splits, read_split pieces of work, for adapters of other engines
    to_events          rows of `events` back to events

A *source* is a store or its directory, a recording or its file, or several recordings or files. TABLES.md
beside this package explains every column. Nothing heavy is loaded before one of these is called.
"""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from recordkit.analytics.export_workers import workers_for
from recordkit.analytics.exporting import ExportReport, Progress, export
from recordkit.analytics.rows import to_events
from recordkit.analytics.schema import arrow_schema
from recordkit.analytics.sources import Source, recording_filter
from recordkit.analytics.splitting import SPLIT_BYTES, Split, read, split_source
from recordkit.analytics.tables import TableName, table_of
from recordkit.container import Mode, State
from recordkit.errors import ExportError, FormatError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ExportError",
    "ExportReport",
    "Moment",
    "Progress",
    "Source",
    "Split",
    "batches",
    "events",
    "export_parquet",
    "queries",
    "read_split",
    "splits",
    "to_events",
]

Moment = int | str | date
"""Nanoseconds since the Unix epoch, RFC 3339 text, a day, or a datetime with a time zone."""


def events(
    source: Source,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    user: str | None = None,
    db: str | None = None,
    protocol: str | None = None,
    state: State | str | None = None,
    include_open: bool = False,
    mode: Mode = "strict",
) -> "pa.Table":
    """
    Return the table `events`: one row an event.

    All of it is in memory, some 300 bytes an event; `batches` needs none.

    Args:
        source: A store or its directory, a recording or its file, or several recordings or files.
        since: Recordings that began then or later.
        until: Recordings that began before.
        user: Of this user.
        db: Of this ``db_service`` or ``db_name``.
        protocol: Of this ``db_protocol``.
        state: In this state.
        include_open: Take recordings that are being written, as far as they are.
        mode: What reading does at damage; see `recordkit.container.Mode`.

    Raises:
        FormatError: A recording is damaged; see *mode*.
        StoreError: There is no store.
        ValueError: An argument is of no use.
        OSError: A file can't be opened.
    """
    wanted = recording_filter(since=since, until=until, user=user, db=db, protocol=protocol, state=state)
    return _whole(split_source(source, table="events", wanted=wanted, include_open=include_open, mode=mode), "events")


def queries(
    source: Source,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    user: str | None = None,
    db: str | None = None,
    protocol: str | None = None,
    state: State | str | None = None,
    include_open: bool = False,
    mode: Mode = "strict",
) -> "pa.Table":
    """
    Return the table `queries`: one row a statement as the person meant it, its result joined on.

    Arguments and errors are as in `events`.
    """
    wanted = recording_filter(since=since, until=until, user=user, db=db, protocol=protocol, state=state)
    found = split_source(source, table="queries", wanted=wanted, include_open=include_open, mode=mode)
    return _whole(found, "queries")


def batches(
    source: Source,
    *,
    table: TableName = "events",
    since: Moment | None = None,
    until: Moment | None = None,
    user: str | None = None,
    db: str | None = None,
    protocol: str | None = None,
    state: State | str | None = None,
    include_open: bool = False,
    mode: Mode = "strict",
) -> "Iterator[pa.RecordBatch]":
    """
    Yield a table's rows some thousand at a time, in bounded memory.

    Arguments and errors are as in `events`; those of a recording come when it is its turn.
    """
    wanted = recording_filter(since=since, until=until, user=user, db=db, protocol=protocol, state=state)
    for split in split_source(source, table=table, wanted=wanted, include_open=include_open, mode=mode):
        yield from read(split)


def splits(
    source: Source,
    *,
    table: TableName = "events",
    since: Moment | None = None,
    until: Moment | None = None,
    user: str | None = None,
    db: str | None = None,
    protocol: str | None = None,
    state: State | str | None = None,
    include_open: bool = False,
    mode: Mode = "strict",
    split_bytes: int = SPLIT_BYTES,
) -> Iterator[Split]:
    """
    Yield pieces of work that together are a table; each is small and can be pickled.

    Arguments and errors are as in `events`. *split_bytes* is how many bytes of lines go into one, about: small
    recordings are grouped, huge ones divided.
    """
    wanted = recording_filter(since=since, until=until, user=user, db=db, protocol=protocol, state=state)
    return split_source(
        source, table=table, wanted=wanted, include_open=include_open, mode=mode, split_bytes=split_bytes
    )


def read_split(split: Split, *, on_damage: Callable[[FormatError], None] | None = None) -> "Iterator[pa.RecordBatch]":
    """
    Yield the rows of *split*, in bounded memory; where its files are, in any process.

    Args:
        split: From `splits`.
        on_damage: Told of damage that the split's mode passes over.

    Raises:
        FormatError: A recording is damaged; see the mode given to `splits`.
        OSError: A file can't be opened.
    """
    return read(split, on_damage)


def export_parquet(
    source: Source,
    dest: str | Path,
    *,
    table: TableName = "events",
    since: Moment | None = None,
    until: Moment | None = None,
    user: str | None = None,
    db: str | None = None,
    protocol: str | None = None,
    state: State | str | None = None,
    include_open: bool = False,
    progress: Callable[[Progress], None] | None = None,
    jobs: int = 1,
) -> ExportReport:
    """
    Add to the Parquet files in *dest* the recordings that are not there yet.

    The table is in ``dest/<table>/event_date=YYYY-MM-DD/*.parquet``, by day of UTC, sorted by time within a
    file. Whenever it is stopped, the next run goes on; no row is lost or doubled. Damaged recordings are
    exported as far as they are sound, and named in the report.

    Args:
        source: As in `events`.
        dest: A directory; it is made if it is missing. Both tables can share it.
        table: Which.
        since: Recordings that began then or later.
        until: Recordings that began before.
        user: Of this user.
        db: Of this ``db_service`` or ``db_name``.
        protocol: Of this ``db_protocol``.
        state: In this state.
        include_open: Take recordings that are being written, as far as they are; once there is more of
            them, their rows are replaced.
        progress: Called now and then.
        jobs: Processes to be forked for the work, each some 200 MiB large, if there is enough for them. A program that
            has threads, or does not run on Linux, can't be forked: it does all by itself.

    Raises:
        ExportError: Another export into *dest* is running, the disk refuses, or the manifest can't be read.
        StoreError: There is no store.
        ValueError: An argument is of no use.
        OSError: A file of *source* can't be opened.
    """
    wanted = recording_filter(since=since, until=until, user=user, db=db, protocol=protocol, state=state)
    return export(
        source, Path(dest), table=table, wanted=wanted, include_open=include_open, progress=progress,
        workers=workers_for(jobs),
    )  # fmt: skip


def _whole(found: Iterator[Split], table: str) -> "pa.Table":
    import pyarrow as pa

    schema = arrow_schema(table_of(table).columns)
    return pa.Table.from_batches((batch for split in found for batch in read(split)), schema).unify_dictionaries()
