import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_benchmark_runs_and_all_contestants_write_the_same_rows(tmp_path):
    """A tiny run measures every contestant on each workload, and each has all events."""
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.exporting", "--events", "2000", "--rounds", "1", "--json", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert {row["workload"] for row in rows} == {"queries", "mixed", "many"}
    for row in rows:
        assert row["us_per_event"] > 0
        assert row["peak_mib"] > 0
        if row["name"] != "recordkit queries":
            assert row["rows"] == {"queries": 2000, "mixed": 2002, "many": 2000}[row["workload"]]
