import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli_run import FIRST, demo_store, environment, run
from recordkit import errors
from recordkit.cli import main as cli_main
from recordkit.cli.app import App
from recordkit.cli.main import EXIT_CODES, VERBS, cli, exit_code_of
from recordkit.render.control_chars import is_safe
from recordkit.version import __version__


def leaves(base):
    below = [other for other in vars(errors).values() if isinstance(other, type) and base in other.__bases__]
    return {base} if not below else set().union(*map(leaves, below))


def test_every_error_has_an_exit_code():
    """Each class of error that has no subclass stands in the table by itself."""
    assert leaves(errors.RecordKitError) - set(EXIT_CODES) == set()
    assert set(EXIT_CODES.values()) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ChecksumError("x"), 3),
        (errors.TruncatedError("x"), 3),
        (errors.UnsupportedVersionError("x"), 1),
        (errors.SessionNotFoundError("x"), 4),
        (errors.AmbiguousPrefixError("3", ["30", "31"]), 2),
        (PermissionError(13, "no"), 1),
        (RuntimeError("x"), 1),
    ],
)
def test_exit_codes_tell_damage_from_misuse_from_absence(error, code):
    """The nearest base class of an error decides what the program returns."""
    assert exit_code_of(error) == code


def test_version_and_help_are_printed():
    """Both go to standard output and are no failure."""
    assert run("--version").out == f"recordkit {__version__}\n"
    help_text = run("--help")
    assert help_text.code == 0
    assert all(verb in help_text.out for verb in VERBS)
    assert "recordkit demo" in help_text.out


@pytest.mark.parametrize(
    "argv", [[], ["frob"], ["ls", "--frob"], ["play"], ["ls", "--since", "soon"], ["play", "3", "--speed", "99"]]
)
def test_misuse_is_explained(argv):
    """A wrong command line gives exit code 2, nothing on standard output, and a way to the help."""
    result = run(*argv)
    assert (result.code, result.raw) == (2, b"")
    assert "Usage: recordkit" in result.err
    assert "--help" in result.err


def test_no_verb_shows_the_help():
    """Called with nothing, the program says what it can do."""
    assert run().err == run("--help").out


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_teaches_by_example(verb):
    """A verb's help fits a terminal, has examples, and its line in the list is its own."""
    command = cli.get_command(click.Context(cli), verb)
    assert command.short_help == VERBS[verb]
    result = run(verb, "--help")
    assert result.code == 0
    assert f"recordkit {verb}" in result.out
    assert "Examples:" in result.out
    assert max(map(len, result.out.splitlines())) <= 78


EXAMPLES = sorted(
    {
        match[1].rstrip()
        for command in [cli, *(cli.get_command(click.Context(cli), verb) for verb in VERBS)]
        for match in re.finditer(r"^  (\S.*?)  +# ", command.epilog, re.MULTILINE)
    }
)


def test_examples_are_found():
    """The help has examples of all verbs."""
    assert all(any(f"recordkit {verb}" in example for example in EXAMPLES) for verb in VERBS if verb != "demo")
    assert len(EXAMPLES) > 25


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_help_works(example, tmp_path, monkeypatch):
    """What the help says can be typed as it stands."""
    demo_store(tmp_path).rename(tmp_path / "recordings")
    line = json.dumps(
        {"event": "db.session.query", "sid": "11111111-2222-4333-8444-555555555555", "db_query": "SELECT 1"}
    )
    other = line.replace("1111", "9999")
    for name, text in (("events.jsonl", line), ("monday.jsonl", line), ("tuesday.jsonl", other)):
        if name in example or ("*.jsonl" in example and name != "events.jsonl"):
            (tmp_path / name).write_text(text + "\n")
    example = example.replace("/tmp/recordkit-demo", str(tmp_path / "elsewhere"))
    if re.search(r"[|<>*]", example):
        script = f'recordkit() {{ {shlex.quote(sys.executable)} -m recordkit "$@"; }}\n{example}'
        done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout or ">" in example
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECORDKIT_STORE", raising=False)
    result = run(*shlex.split(example)[1:])
    assert result.code == 0
    assert result.out or result.err.startswith(("recordkit: no recording matches\n", "recordkit: exported "))


def test_the_store_comes_from_option_environment_or_default(tmp_path, monkeypatch):
    """The option wins over RECORDKIT_STORE, which wins over ./recordings."""
    store = demo_store(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECORDKIT_STORE", raising=False)
    assert "no store at 'recordings'" in run("ls").err
    monkeypatch.setenv("RECORDKIT_STORE", str(store))
    assert FIRST in run("ls").out
    assert run("ls", store=tmp_path / "nowhere").code == 1
    store.rename(tmp_path / "recordings")
    monkeypatch.delenv("RECORDKIT_STORE")
    assert FIRST in run("ls").out


def test_a_missing_store_says_what_to_do(tmp_path):
    """Whoever begins is told how."""
    result = run("play", "307b", store=tmp_path / "x")
    assert (result.code, result.raw) == (1, b"")
    assert "recordkit demo" in result.err


def test_messages_are_safe_for_a_terminal(tmp_path):
    """What a message quotes can't take over the terminal."""
    demo_store(tmp_path)
    for argv in (["show", "./\x1b[2J\u202e"], ["\x1b]0;x\x07"], ["ls", "--since", "\x9b31m"], ["grep", "(\x1b"]):
        result = run(*argv, store=tmp_path / "store")
        assert result.code in (2, 4)
        assert is_safe(result.err)


def test_an_interrupt_is_quiet(tmp_path, monkeypatch):
    """Ctrl-C gives exit code 130 and no traceback."""
    store = demo_store(tmp_path)

    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("recordkit.store.DirectoryStore.select", interrupt)
    result = run("ls", store=store)
    assert (result.code, result.raw, result.err) == (130, b"", "")


def test_help_loads_no_verb():
    """The list of verbs is shown without importing what they need."""
    program = (
        "import sys; from recordkit.cli.main import main; main(['--help'])\n"
        "heavy = ('yaml', 'pyarrow', 'prompt_toolkit', 'sqlparse', 'asyncio', 'importlib.metadata')\n"
        "print([name for name in sys.modules if name in heavy or name in map('recordkit.cli.{}'.format, " + repr(list(VERBS)) + ")])"
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def subprocess_run(*argv, **options):
    return subprocess.run(
        [sys.executable, "-m", "recordkit", *map(str, argv)],
        env=environment(),
        capture_output=True,
        check=False,
        **options,
    )


def test_exit_codes_reach_the_shell(tmp_path):
    """A real process returns the codes of the table."""
    store = demo_store(tmp_path)
    assert subprocess_run("--store", store, "ls").returncode == 0
    assert subprocess_run("--store", tmp_path / "x", "ls").returncode == 1
    assert subprocess_run("frob").returncode == 2
    path = store / "01" / f"{FIRST}.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-1])
    assert subprocess_run("play", path).returncode == 3
    assert subprocess_run("--store", store, "play", "ffff").returncode == 4


def test_a_reader_that_goes_is_no_error(tmp_path):
    """When the other end of the pipe is closed the program ends silently, as if by SIGPIPE."""
    store = demo_store(tmp_path)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "recordkit", "--store", store, "play", "307b"],
        stdout=write, stderr=subprocess.PIPE, env=environment(), check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_the_output_is_an_error(tmp_path):
    """Output that could not be written gives exit code 1 and a reason."""
    store = demo_store(tmp_path)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "recordkit", "--store", store, "ls"],
            stdout=full, stderr=subprocess.PIPE, env=environment(), check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == b"recordkit: standard output: No space left on device\n"


def test_run_leaves_with_the_exit_code(monkeypatch):
    """The console script passes the code on."""
    monkeypatch.setattr(cli_main, "main", lambda: 3)
    with pytest.raises(SystemExit) as left:
        cli_main.run()
    assert left.value.code == 3


@pytest.mark.parametrize("verb", VERBS)
def test_the_store_may_be_named_behind_every_verb(verb, tmp_path):
    """--store DIR behind a verb means the same as before it, and wins over one that stands there."""
    app = App(out=None, err=None, clock=None, store_path="elsewhere")
    command = cli.get_command(click.Context(cli), verb)
    for inner in command.commands.values() if isinstance(command, click.Group) else [command]:
        context = click.Context(inner, info_name=verb, obj=app, resilient_parsing=True)
        inner.parse_args(context, ["--store", str(tmp_path)])
        assert app.store_path == str(tmp_path)
        assert "store_behind" not in context.params
        app.store_path = "elsewhere"


def test_recordings_of_a_store_named_behind_the_verb_are_found(tmp_path):
    """ls, show, play and grep take it."""
    store = demo_store(tmp_path)
    for argv in (["ls"], ["show", FIRST], ["play", FIRST], ["grep", "products"]):
        before, behind = run(*argv, store=store), run(*argv, "--store", store, store=tmp_path / "nothing")
        assert (behind.code, behind.raw) == (0, before.raw)
