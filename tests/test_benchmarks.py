"""
The benchmarks work; how fast they find things is nobody's test.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_tiny_run_gives_a_row_for_each_contestant(tmp_path):
    """All recordkit rows come with a time and a ratio, and the JSON holds what the table shows."""
    script = (
        "import benchmarks.recording as r, json\n"
        "r.write_mcap = lambda events, path: path.write_bytes(b'-')\n"  # the peer is an extra that tests don't install
        "print(json.dumps([row.to_json() for row in r.run(500, 1)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert {"session.query(sql)", "session.emit(whole event)", "session.emit(own fields)"} <= rows.keys()
    assert all(row["us_per_event"] > 0 and row["ratio"] > 0 for row in rows.values())


def test_workloads_are_the_same_each_time():
    """Two runs measure the same events."""
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks.workloads import query_events
    finally:
        sys.path.remove(str(ROOT))
    assert query_events(50) == query_events(50)
    assert query_events(50, seed=2) != query_events(50)
