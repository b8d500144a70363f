"""
The README keeps its word: commands, verbs, links and promises are those of the code.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["run", "test"])
def test_ci_runs_the_commands_of_the_readme(name):
    """Both commands are found by the script that CI runs them with, word for word."""
    found = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme_command", name], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert found.startswith("python3 -m venv")
    assert found in README
    assert "\n" not in found
    assert f"readme {name}" in (ROOT / ".ci" / "run").read_text()


def test_files_that_are_named_exist():
    """Every link and every test file that the README names is there."""
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    tests = re.findall(r"`(test_\w+\.py)`", README)
    missing = [link for link in links if not (ROOT / link).exists()]
    missing += [name for name in tests if not (ROOT / "tests" / name).exists()]
    assert links
    assert tests
    assert missing == []


def test_verbs_are_those_of_the_command_line():
    """The table of verbs names each verb once, and no other."""
    from recordkit.cli.main import VERBS

    table = README.split("| verb | does |")[1].split("Exit codes")[0]
    assert re.findall(r"^\| `(\w+)", table, re.MULTILINE) == list(VERBS)


def test_promises_are_complete():
    """P1 to P13 stand in the table, in order."""
    table = README.split("| | promise | tests |")[1].split("## How fast")[0]
    assert re.findall(r"^\| (P\d+) \|", table, re.MULTILINE) == [f"P{n}" for n in range(1, 14)]


def test_transcript_in_the_readme_is_what_play_prints(tmp_path, capsys):
    """The session shown in the README is the demo's, to the letter."""
    from recordkit.cli.main import main

    assert main(["--store", str(tmp_path / "store"), "demo"]) == 0
    capsys.readouterr()
    assert main(["--store", str(tmp_path / "store"), "play", "307b", "--format", "text"]) == 0
    printed = capsys.readouterr().out
    shown = README.split("$ recordkit play 307b --format text\n")[1].split("$ recordkit grep")[0]
    assert printed == shown
