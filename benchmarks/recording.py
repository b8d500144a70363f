"""
Recording: from an event to bytes on the disk.

The floor is what the libraries alone cost: ``orjson.dumps`` of the whole event, chunks of 256 KiB, one-shot
zstd level 1, one write a chunk, in one loop without checks. The peers are what a user would pick instead.
"""

import gzip
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import orjson
import zstandard

import recordkit
from benchmarks.measure import Row, race
from benchmarks.peers import write_mcap
from benchmarks.workloads import CONSTANTS, SID, query_events, statements

_CHUNK: Final = 256 * 1024


def run(events: int, rounds: int) -> list[Row]:
    """
    Return the rows of this benchmark.
    """
    whole = query_events(events)
    sqls = statements(events)
    own = [{"event": "db.session.postgres.statements.parse", "statement_name": "", "query": sql} for sql in sqls]
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        return race(
            {
                "floor: orjson + zstd-1 + write": lambda: _floor(whole, folder / "floor.zst"),
                "session.emit(whole event)": lambda: _record(folder, whole, "emit"),
                "session.emit(own fields)": lambda: _record(folder, own, "emit"),
                "session.query(sql)": lambda: _record(folder, sqls, "query"),
                "mcap (Python), zstd": lambda: _mcap(whole, folder / "peer.mcap"),
                "gzip-6 of JSON lines": lambda: _gzip(whole, folder / "peer.jsonl.gz"),
            },
            events=events,
            rounds=rounds,
        )
    finally:
        shutil.rmtree(folder)


def _floor(events: list[dict[str, Any]], path: Path) -> dict[str, float]:
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
    begin = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        lines: list[bytes] = []
        size = 0
        for event in events:
            line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
            lines.append(line)
            size += len(line)
            if size >= _CHUNK:
                file.write(compressor.compress(b"".join(lines)))
                lines, size = [], 0
        file.write(compressor.compress(b"".join(lines)))
    return {"seconds": time.perf_counter() - begin, "bytes_per_event": round(path.stat().st_size / len(events), 1)}


def _record(folder: Path, items: list[Any], call: str) -> dict[str, float]:
    store = folder / "store"
    with recordkit.Recorder(store) as recorder, recorder.session(sid=SID, start=False, **CONSTANTS) as session:
        record = getattr(session, call)
        begin = time.perf_counter()
        for item in items:
            record(item)
        called = time.perf_counter()
        session.flush()
        done = time.perf_counter()
    summary = recordkit.open_store(store)[SID].summary
    shutil.rmtree(store)
    return {
        "seconds": done - begin,
        "caller_us": round((called - begin) / len(items) * 1e6, 3),
        "bytes_per_event": round(summary.stored_bytes / summary.events, 1),
    }


def _mcap(events: list[dict[str, Any]], path: Path) -> dict[str, float]:
    begin = time.perf_counter()
    write_mcap(events, path)
    return {"seconds": time.perf_counter() - begin, "bytes_per_event": round(path.stat().st_size / len(events), 1)}


def _gzip(events: list[dict[str, Any]], path: Path) -> dict[str, float]:
    begin = time.perf_counter()
    with gzip.open(path, "wb", compresslevel=6) as file:
        for event in events:
            file.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
    return {"seconds": time.perf_counter() - begin, "bytes_per_event": round(path.stat().st_size / len(events), 1)}
