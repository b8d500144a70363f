import json

from cli_run import FIRST, INTERRUPTED, demo_store, record_one, run, sealed
from recordkit.render.control_chars import is_safe


def fields(text):
    return dict(line.split(":", 1) for line in text.splitlines())


def test_show_says_what_a_recording_is_about(tmp_path):
    """Who, where, when, how much, how it ended, and the head of its chain."""
    store = demo_store(tmp_path)
    result = run("show", "307b", store=store)
    shown = {name: value.strip() for name, value in fields(result.out).items()}
    assert result.code == 0
    assert shown["sid"] == FIRST
    assert (shown["state"], shown["user"], shown["database"]) == ("complete", "alice", "postgres-database")
    assert (shown["start"], shown["end"], shown["duration"]) == (
        "2026-07-20T20:00:00Z",
        "2026-07-20T20:30:00Z",
        "30m00s",
    )
    assert shown["events"] == "6, of them 2 statements, 1 that failed"
    assert len(shown["head"]) == 64
    assert shown["file"] == str(sealed(store, FIRST))


def test_a_recording_is_named_by_sid_prefix_or_file(tmp_path, monkeypatch):
    """All ways lead to the same recording; digits alone are never a file."""
    store = demo_store(tmp_path)
    expected = json.loads(run("show", FIRST, "--format", "json", store=store).raw)
    (tmp_path / "307b").write_bytes(b"not this")
    monkeypatch.chdir(tmp_path)
    for name in ("307b", FIRST.upper(), FIRST.replace("-", ""), sealed(store, FIRST)):
        assert json.loads(run("show", name, "--format", "json", store=store).raw) == expected
    assert run("show", "./307b", store=store).code == 3


def test_json_is_one_object(tmp_path):
    """The summary's fields and the file."""
    shown = json.loads(run("show", INTERRUPTED, "--format", "json", store=demo_store(tmp_path)).raw)
    assert (shown["sid"], shown["state"], shown["events"]) == (INTERRUPTED, "interrupted", 5)


def test_a_name_that_fits_nothing_or_several_is_refused(tmp_path):
    """A name that fits nothing ends in exit code 4, and one that fits several lists them and ends in 2."""
    store = demo_store(tmp_path)
    record_one(store, "307b49d6-56c7-4d20-8cf0-5bc5348a7102", [], user="u")
    for name in ("ffff", FIRST[:-1] + "f", "./nothing", "nothing.jsonl.zst"):
        assert run("show", name, store=store).code == 4
    result = run("show", "307b", store=store)
    assert (result.code, result.raw) == (2, b"")
    assert FIRST in result.err


def test_what_is_shown_is_safe(tmp_path):
    """Names out of events can't take over the terminal."""
    record_one(tmp_path / "s", FIRST, [], user="\x1b]0;x\x07", db_name="a\nstate: complete", db_user="\u202e")
    for form in ("text", "json"):
        result = run("show", FIRST, "--format", form, store=tmp_path / "s")
        assert is_safe(result.out)
    assert [line for line in run("show", FIRST, store=tmp_path / "s").out.splitlines() if line.startswith("state")] == [
        "state:     complete"
    ]
