"""
The benchmark of the first screen works; how fast it finds things is nobody's test.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_tiny_run_answers_every_question(tmp_path):
    """Both sizes get a time for each question, in a terminal of their own and in one process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.first_screen", "--events", "200", "--small", "50", "--rounds", "1", "--json", "--dir", tmp_path],
        cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert len(results) == 6
    assert all(time > 0 for row in results for time in row["ms"])
    assert list(tmp_path.iterdir()) == []
