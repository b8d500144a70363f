"""
Recordings for the tests of the store: real files, made without a recorder and without syncing.
"""

import os
import sqlite3
import time
import uuid
from pathlib import Path

from recordkit.clock import ManualClock
from recordkit.container import RecordingWriter, State, Summary, open_recording, seal
from recordkit.container.chunks import Counts
from recordkit.container.files import OsFiles
from recordkit.container.frames import Compressor
from recordkit.container.layout import MARK_END
from recordkit.errors import FormatError
from recordkit.events import encode_line, format_time
from recordkit.store.filters import EVERYTHING, RecordingFilter, order_key
from recordkit.store.owners import alive
from recordkit.store.paths import SHARDS, create_store, open_path, open_sids, sealed_path, sealed_sid

NOON = 1_784_548_800_000_000_000  # 2026-07-20T12:00:00Z
SECOND = 1_000_000_000
DEAD = "dead" * 8  # an owner whose process is gone


class QuickFiles(OsFiles):
    """
    Files that need not survive power loss.
    """

    def sync(self, path: Path) -> None:
        pass


def cold_clock() -> ManualClock:
    """
    A clock so far ahead that every directory changed long ago: what was looked at is trusted.
    """
    return ManualClock(time.time_ns() + 3600 * SECOND)


def hot_clock() -> ManualClock:
    """
    A clock for which every directory changed just now: nothing is trusted.
    """
    return ManualClock(time.time_ns() - 3600 * SECOND)


def write_open(
    root: Path,
    sid: str | None = None,
    *,
    owner: str = DEAD,
    start_ns: int | None = NOON,
    created_ns: int = NOON,
    events: int = 2,
    chunks: int = 1,
    ended: bool = False,
    **attributes: str,
) -> str:
    """
    Write a recording that is not sealed, with so many events in each chunk, and return its sid.
    """
    sid = sid or str(uuid.uuid4())
    create_store(root)
    writer = RecordingWriter(
        open_path(root, sid), sid=sid, owner=owner, created_ns=created_ns, attributes=attributes, files=QuickFiles()
    )
    writer.create()
    for chunk in range(chunks if start_ns is not None and events else 0):
        numbers = range(chunk * events, (chunk + 1) * events)
        counts = Counts()
        counts.events = counts.queries = events
        counts.lowest_ei, counts.highest_ei = numbers[0], numbers[-1]
        counts.earliest_ns, counts.latest_ns = start_ns + numbers[0] * SECOND, start_ns + numbers[-1] * SECOND
        counts.marks = MARK_END if ended and chunk == chunks - 1 else 0
        lines = [
            encode_line({"event": "db.session.query", "ei": n, "sid": sid, "time": format_time(start_ns + n * SECOND)})
            for n in numbers
        ]
        writer.append(b"".join(lines), counts, Compressor())
    return sid


def write_sealed(root: Path, sid: str | None = None, **options: object) -> str:
    """
    Write a sealed recording and return its sid.
    """
    sid = write_open(root, sid, **options)
    seal(open_path(root, sid), sealed_path(root, sid), files=QuickFiles())
    return sid


def scan(root: Path, wanted: RecordingFilter = EVERYTHING) -> list[Summary]:
    """
    What a listing must give, found out without any of the code that it is to be compared with.
    """
    found: dict[str, Summary] = {}
    paths = [(sid, open_path(root, sid)) for sid in open_sids(root)]
    for shard in SHARDS:
        directory = root / shard
        if directory.is_dir():
            names = os.listdir(directory)  # noqa: PTH208 - not by scandir, which some tests replace
            paths += [(sid, directory / name) for name in names if (sid := sealed_sid(name, shard))]
    for sid, path in paths:
        try:
            with open_recording(path) as recording:
                owner = recording.owner
            live = alive(root, owner) if path.name.endswith(".open") else None
            with open_recording(path, live=live) as recording:
                summary = recording.summary
        except (FormatError, OSError):
            continue
        if summary.sid == sid:
            found[sid] = summary
    return sorted(filter(wanted.matches, found.values()), key=order_key, reverse=True)


def sid_with(prefix: str = "", *, last: str = "") -> str:
    """
    A random sid that begins and ends with these hexadecimal digits.
    """
    digits = uuid.uuid4().hex
    digits = prefix + digits[len(prefix) : 32 - len(last)] + last
    return str(uuid.UUID(digits))


def make_summary(**fields: object) -> Summary:
    """
    A summary with these fields and plausible others.
    """
    summary = {
        "sid": str(uuid.uuid4()),
        "state": State.COMPLETE,
        "created_ns": NOON,
        "start_ns": NOON,
        "end_ns": NOON + SECOND,
        "events": 3,
        "queries": 1,
        "errors": 0,
        "lost": 0,
        "chunks": 1,
        "stored_bytes": 100,
        "raw_bytes": 300,
        "head": "00" * 32,
        "writer": "recordkit",
    }
    return Summary(**summary | fields)


def hide_rows_from_index(path: Path, index: str) -> None:
    """
    Remove all rows while SQLite does not know of the index, so that it keeps them.
    """

    def run(statement: str, *parameters: object) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA writable_schema = ON")
        found = connection.execute(statement, parameters).fetchall()
        connection.close()
        return found

    (kept,) = run("SELECT * FROM sqlite_master WHERE name = ?", index)
    run("DELETE FROM sqlite_master WHERE name = ?", index)
    run("DELETE FROM recording")
    run("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", *kept)
