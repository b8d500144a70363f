"""
Rendering: from a recording to the bytes of each format, reading included.

    python -m benchmarks.rendering --events 100000

The floor is the decoding that nobody can do without: zstd's decompression of each chunk and
``orjson.loads`` of each line, with no check at all. ``jsonl`` stands twice: as the renderer makes it of
events, and as the command line writes it, whose lines are those of the recording.

Every second event is the result of the statement before it; every hundredth result is an error.
"""

import argparse
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import recordkit
from benchmarks.measure import Row, race
from benchmarks.reading import _floor, _frames
from benchmarks.workloads import CONSTANTS, SID, query_events
from recordkit.render import Format, renderer_for
from recordkit.render.control_chars import safe_json


def run(events: int, rounds: int) -> list[Row]:
    """
    Return the rows of this benchmark.
    """
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        store = folder / "store"
        with recordkit.Recorder(store) as recorder, recorder.session(sid=SID, start=False, **CONSTANTS) as session:
            for event in session_events(events):
                session.emit(event)
        path = recordkit.open_store(store)[SID].path
        frames = _frames(path)
        contestants: dict[str, Any] = {
            "floor: zstd + orjson.loads": lambda: _floor(frames, events),
            "recording.events()": lambda: _read(path),
            **{form.value: partial(_render, path, form) for form in Format},
            "jsonl, as recorded lines": lambda: _lines(path),
        }
        return race(contestants, events=events, rounds=rounds)
    finally:
        shutil.rmtree(folder)


def session_events(count: int) -> list[dict[str, Any]]:
    """
    Return *count* events, statements and their results in turns.
    """
    events = query_events(count)
    for number, event in enumerate(events):
        if number % 2:
            del event["db_query"]
            event |= {"event": "db.session.result", "code": "TDB04I", "affected_records": number % 7}
            if number % 200 == 199:
                event |= {"success": False, "error": "ERROR: deadlock detected (SQLSTATE 40P01)"}
    return events


def _read(path: Path) -> None:
    with recordkit.open_recording(path) as recording:
        for _ in recording.events():
            pass


def _render(path: Path, form: Format) -> dict[str, float]:
    renderer = renderer_for(form)
    size = len(renderer.begin())
    count = 0
    with recordkit.open_recording(path) as recording:
        for event in recording.events():
            size += len(renderer.write(event))
            count += 1
    size += len(renderer.end())
    return {"bytes_per_event": round(size / count, 1)}


def _lines(path: Path) -> dict[str, float]:
    size = count = 0
    with recordkit.open_recording(path) as recording:
        for lines in recording.lines():
            size += len(safe_json(lines))
            count += lines.count(b"\n")
    return {"bytes_per_event": round(size / count, 1)}


def main() -> None:
    """
    Print the table, or JSON.
    """
    parser = argparse.ArgumentParser(description="rendering in each format, against the decode floor")
    parser.add_argument("--events", type=int, default=100_000, help="events in each round (default: 100000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count; the median is shown (default: 5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    rows = run(options.events, options.rounds)
    if options.json:
        print(json.dumps([row.to_json() for row in rows], indent=2))
        return
    print(f"rendering, {options.events} events, median of {options.rounds} rounds\n")
    print(f"  {'':30}{'µs/event':>10}{'events/s':>12}{'x floor':>10}{'bytes/event':>13}")
    for row in rows:
        size = row.extra.get("bytes_per_event", "")
        print(f"  {row.name:30}{row.us:>10.2f}{1e6 / row.us:>12,.0f}{row.ratio:>10.3f}{size:>13}")


if __name__ == "__main__":
    main()
