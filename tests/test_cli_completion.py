import os
import shutil
import subprocess
import sys

import pytest

from cli_run import FIRST, demo_store, environment, run
from recordkit.cli.main import VERBS


@pytest.mark.parametrize(("shell", "word"), [("bash", "complete"), ("zsh", "#compdef recordkit"), ("fish", "complete")])
def test_each_shell_gets_its_script(shell, word):
    """The script names the program and the variable by which it asks."""
    result = run("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert word in result.out
    assert f"_RECORDKIT_COMPLETE={shell}_complete" in result.out


def test_other_shells_are_refused():
    """What we have no script for is misuse."""
    assert run("completion", "tcsh").code == 2


def completed(*words, store=None):
    """Return what bash is offered for the last of *words*."""
    program = ["recordkit", *([] if store is None else ["--store", str(store)]), *words]
    answer = subprocess.run(
        [sys.executable, "-m", "recordkit"],
        env=environment(_RECORDKIT_COMPLETE="bash_complete", COMP_WORDS=" ".join(program), COMP_CWORD=str(len(program) - 1)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.stderr == ""
    return [line.partition(",")[2] for line in answer.stdout.splitlines() if line]


def test_verbs_options_and_values_are_completed(tmp_path):
    """The shell is offered what fits there."""
    assert set(VERBS) <= set(completed(""))
    assert completed("pl") == ["play"]
    assert completed("play", "--form") == ["--format"]
    assert completed("play", "307b", "--format", "js") == ["json", "jsonl"]


def test_sids_are_completed_from_the_store(tmp_path):
    """A beginning of a sid completes; a path is left to the shell; no store is no error."""
    store = demo_store(tmp_path)
    assert completed("play", "307", store=store) == [FIRST]
    assert len(completed("verify", "", store=store)) == 8
    assert completed("show", "./x", store=store) == ["./x"]
    assert completed("play", "307", store=tmp_path / "nothing") == []


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_takes_the_script(tmp_path):
    """A real bash loads it and completes a sid with it."""
    store = demo_store(tmp_path)
    program = tmp_path / "bin" / "recordkit"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m recordkit "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(recordkit completion bash)"\n'
        "COMP_WORDS=(recordkit play 307); COMP_CWORD=2\n"
        '_recordkit_completion recordkit 307 play; echo "${COMPREPLY[@]}"'
    )
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=environment(PATH=path, RECORDKIT_STORE=str(store)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == (FIRST, "")
