"""
Reading: from a recording to events as dicts.

The floor is zstd's decompression of each chunk and ``orjson.loads`` of each line, with no check at all.
"""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

import orjson
import zstandard

import recordkit
from benchmarks.measure import Check, Contestant, Report, Row, race
from benchmarks.peers import write_mcap
from benchmarks.recording import installed
from benchmarks.workloads import CONSTANTS, SID, query_events

FLOOR: Final = "floor: zstd + orjson.loads"
EVENTS: Final = "recording.events()"


def report(events: int, rounds: int) -> list[Report]:
    """
    Return the rows with the target.
    """
    rows = run(events, rounds)
    ratio = next(row.ratio for row in rows if row.name == EVENTS)
    checks = [Check(what="read all events as dicts", against="zstd + orjson.loads", value=ratio, target=0.9)]
    return [Report(rows=rows, checks=checks, title="reading")]


def run(events: int, rounds: int) -> list[Row]:
    """
    Return the rows of this benchmark.
    """
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        whole = query_events(events)
        store = folder / "store"
        with (
            recordkit.Recorder(store) as recorder,
            recorder.session(sid=SID, start=False, **CONSTANTS) as session,
        ):
            for event in whole:
                session.emit(event)
        path = recordkit.open_store(store)[SID].path
        frames = _frames(path)
        contestants: dict[str, Contestant] = {
            FLOOR: lambda: _floor(frames, events),
            EVENTS: lambda: _events(path, events),
            "recording.lines()": lambda: _lines(path, events),
            "open + last 100 events": lambda: _tail(path, events),
        }
        if installed("mcap"):
            write_mcap(whole, folder / "peer.mcap")
            contestants["mcap (Python)"] = lambda: _mcap(folder / "peer.mcap", events)
        return race(contestants, events=events, rounds=rounds)
    finally:
        shutil.rmtree(folder)


def _frames(path: Path) -> list[bytes]:
    data = path.read_bytes()
    with recordkit.open_recording(path) as recording:
        spans = [(entry.offset, entry.stored_size) for entry in recording.chunks()]
    return [data[offset + 140 : offset + 140 + size] for offset, size in spans]


def _check(found: int, expected: int) -> None:
    if found != expected:
        raise SystemExit(f"read {found} events, expected {expected}")


def _floor(frames: list[bytes], events: int) -> None:
    decompressor = zstandard.ZstdDecompressor()
    found = 0
    for frame in frames:
        for line in decompressor.decompress(frame).splitlines():
            orjson.loads(line)
            found += 1
    _check(found, events)


def _events(path: Path, events: int) -> None:
    with recordkit.open_recording(path) as recording:
        _check(sum(1 for _ in recording.events()), events)


def _lines(path: Path, events: int) -> None:
    with recordkit.open_recording(path) as recording:
        size = sum(len(lines) for lines in recording.lines())
        _check(recording.summary.events if size == recording.summary.raw_bytes else 0, events)


def _tail(path: Path, events: int) -> dict[str, float]:
    begin = time.perf_counter()
    with recordkit.open_recording(path) as recording:
        _check(sum(1 for _ in recording.events(start_ei=events - 100)), 100)
    took = time.perf_counter() - begin
    return {"seconds": took, "milliseconds": round(took * 1e3, 2)}


def _mcap(path: Path, events: int) -> None:
    from mcap.reader import make_reader

    with path.open("rb") as file:
        _check(sum(1 for message in make_reader(file).iter_messages() if orjson.loads(message[2].data)), events)
