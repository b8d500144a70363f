import subprocess
import sys

from cli_run import FIRST, MYSQL, demo_store, environment, run, sealed


def test_a_sound_catalog_is_left_as_it_is(tmp_path):
    """Nothing to do is said too."""
    store = demo_store(tmp_path)
    run("ls", store=store)
    result = run("reindex", store=store)
    assert (result.code, result.out) == (0, "read 8 recordings: 0 added, 0 removed, 0 changed, 0 sealed\n")


def test_the_catalog_is_made_again(tmp_path):
    """A catalog that is garbage is replaced; a recording that is gone is removed from a good one."""
    store = demo_store(tmp_path)
    for name in store.glob("catalog.sqlite*"):
        name.write_bytes(b"garbage")
    result = run("reindex", store=store)
    assert (result.code, result.out) == (0, "read 8 recordings: 8 added, 0 removed, 0 changed, 0 sealed\n")
    sealed(store, FIRST).unlink()
    assert "1 removed" in run("reindex", store=store).out
    assert FIRST not in run("ls", store=store).out


def test_what_a_dead_recorder_left_is_sealed(tmp_path):
    """The session of a killed process is sealed as interrupted, and named."""
    program = (
        "import os, sys; from recordkit.recorder import Recorder\n"
        "session = Recorder(sys.argv[1]).session(sid=sys.argv[2]); session.query('SELECT 1'); session.flush(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path, FIRST], env=environment(), check=False)
    result = run("reindex", store=tmp_path)
    assert result.code == 0
    assert result.out.splitlines() == ["read 1 recordings: 1 added, 0 removed, 0 changed, 1 sealed", f"sealed {FIRST}"]
    assert sealed(tmp_path, FIRST).exists()
    assert run("ls", "--state", "interrupted", store=tmp_path).out.count(FIRST) == 1


def test_files_that_cannot_be_used_are_named(tmp_path):
    """A file that is no recording: exit code 3, and its name."""
    store = demo_store(tmp_path)
    sealed(store, MYSQL).write_bytes(b"nonsense")
    result = run("reindex", store=store)
    assert result.code == 3
    assert MYSQL in result.err


def test_no_store_is_no_work(tmp_path):
    """A path without a store is refused, not made."""
    assert run("reindex", store=tmp_path / "x").code == 1
    assert not (tmp_path / "x").exists()
