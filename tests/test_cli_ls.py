import json

import pytest

from cli_run import FIRST, HOSTILE, INTERRUPTED, MYSQL, SkippingClock, demo_store, record_one, run, sealed
from recordkit.cli.summaries import distinct_length
from recordkit.render.control_chars import is_safe

NEWEST_FIRST = ["bd05e6a9", "73f8a1c4", "19d4f7b2", "e2a6c5f8", "5be9e0d3", "c41d7a90", "8f0c2b17", "307b49d6"]


def listed(*argv, store, **options):
    result = run("ls", *argv, store=store, **options)
    assert result.code == 0
    return [line.split()[0][:8] for line in result.out.splitlines()[1:]]


def test_recordings_are_listed_newest_first(tmp_path):
    """All are there, in the order of their starts, with a header."""
    store = demo_store(tmp_path)
    assert listed(store=store) == NEWEST_FIRST
    header, *_, last = run("ls", store=store).out.splitlines()
    assert header.split() == [
        "SID",
        "START",
        "TOOK",
        "STATE",
        "USER",
        "DATABASE",
        "PROTOCOL",
        "EVENTS",
        "ERR",
        "LOST",
        "SIZE",
    ]
    assert last.split()[:10] == [
        FIRST,
        "2026-07-20T20:00:00.000Z",
        "30m00s",
        "complete",
        "alice",
        "postgres-database",
        "postgres",
        "6",
        "1",
        "0",
    ]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--user", "alice"], ["5be9e0d3", "307b49d6"]),
        (["--db", "shop"], ["bd05e6a9", "73f8a1c4", "5be9e0d3", "8f0c2b17"]),
        (["--protocol", "mysql"], ["c41d7a90"]),
        (["--state", "interrupted"], ["73f8a1c4"]),
        (["--limit", "2"], NEWEST_FIRST[:2]),
        (["--limit", "0"], NEWEST_FIRST),
        (["--since", "2026-07-20T21:00:00Z"], ["bd05e6a9", "73f8a1c4"]),
        (["--since", "2026-07-20 21:30"], ["bd05e6a9"]),
        (["--until", "2026-07-20T20:05:00Z"], ["307b49d6"]),
        (["--since", "2026-07-20", "--until", "2026-07-21"], NEWEST_FIRST),
        (["--until", "2026-07-20"], []),
        (["--last", "24h"], NEWEST_FIRST),
        (["--last", "45m"], ["bd05e6a9"]),
        (["--since", "1h"], ["bd05e6a9", "73f8a1c4"]),
        (["--user", "bob", "--state", "complete"], ["8f0c2b17"]),
    ],
)
def test_filters_choose(argv, expected, tmp_path):
    """Each filter narrows the list, and they combine."""
    clock = SkippingClock(1784584800 * 10**9)  # 2026-07-20T22:00:00Z
    assert listed(*argv, store=demo_store(tmp_path), clock=clock) == expected


def test_since_and_last_exclude_each_other(tmp_path):
    """Two beginnings of one period are a mistake."""
    result = run("ls", "--since", "1d", "--last", "1d", store=demo_store(tmp_path))
    assert (result.code, result.raw) == (2, b"")


def test_nothing_found_is_no_failure(tmp_path):
    """An empty list is empty output and a word on standard error."""
    result = run("ls", "--user", "nobody", store=demo_store(tmp_path))
    assert (result.code, result.raw, result.err) == (0, b"", "recordkit: no recording matches\n")


def test_json_has_every_summary(tmp_path):
    """The array holds what the table shows and more, with times as text too."""
    store = demo_store(tmp_path)
    items = json.loads(run("ls", "--format", "json", store=store).raw)
    assert [item["sid"][:8] for item in items] == NEWEST_FIRST
    first = items[-1]
    assert first["start"] == "2026-07-20T20:00:00Z"
    assert first["start_ns"] == 1784577600 * 10**9
    assert (first["state"], first["events"], first["duration_s"]) == ("complete", 6, 1800.0)
    assert json.loads(run("ls", "--user", "x", "--format", "json", store=store).raw) == []


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_the_table_fits_the_terminal(columns, tmp_path, monkeypatch):
    """On a terminal sids are short but tell recordings apart, names are cut, and no line is too wide."""
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run("ls", store=demo_store(tmp_path), terminal=True)
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert [line.split()[0] for line in lines[1:]] == NEWEST_FIRST
    assert "2026-07-20 20:00" in lines[-1]
    assert ("postgres-database" in lines[-1]) == (columns > 80)
    assert "LOST" not in lines[0]
    assert ("SIZE" in lines[0]) == (columns > 80)
    assert all(name in result.out for name in ("mallory", "complete", "interrupted", "postgres ", "1m02s"))


def test_lost_events_show_on_a_terminal_too(tmp_path):
    """A recording with a gap is marked by how much it lost."""
    gap = {"event": "recordkit.gap", "from": 1, "to": 7, "count": 7, "reason": "overflow"}
    record_one(tmp_path / "store", FIRST, [gap], user="u")
    header, line = run("ls", store=tmp_path / "store", terminal=True).out.splitlines()
    assert "LOST" in header
    assert line.split()[-1] == "7"


def test_names_of_recordings_are_safe(tmp_path):
    """User and database names can't write to the terminal or break the table."""
    record_one(tmp_path / "store", FIRST, [], user="\x1b[2J\nroot", db_service="\u202edb\x9b", db_protocol="漢字")
    for terminal in (True, False):
        result = run("ls", store=tmp_path / "store", terminal=terminal)
        assert len(result.out.splitlines()) == 2
        assert is_safe(result.out)
    assert r"\x1b[2J\nroot \u202edb\x9b 漢字" in result.out


def test_many_recordings_are_listed_in_blocks(tmp_path):
    """One header stands above all, and each recording has its line."""
    from recordkit.recorder import Recorder

    with Recorder(tmp_path / "store") as recorder:
        for _ in range(1203):
            recorder.session(user="u").close(wait=False)
    lines = run("ls", "--limit", "0", store=tmp_path / "store").out.splitlines()
    assert len(lines) == 1204
    assert sum(line.startswith("SID") for line in lines) == 1


def test_a_file_that_cannot_be_listed_is_named(tmp_path):
    """A recording that is left out makes the list incomplete, which is said: exit code 3."""
    store = demo_store(tmp_path)
    sealed(store, MYSQL).write_bytes(b"nonsense")
    result = run("ls", store=store)
    assert result.code == 3
    assert len(result.out.splitlines()) == 8
    assert f"{MYSQL}.jsonl.zst" in result.err


def test_short_sids_are_long_enough():
    """As many characters are shown as tell the sids from each other."""
    assert distinct_length([FIRST, INTERRUPTED]) == 8
    assert distinct_length([FIRST]) == 8
    assert distinct_length([FIRST, FIRST[:20] + "f" + FIRST[21:]]) == 21
    assert distinct_length([FIRST, FIRST[:-1] + "2", HOSTILE]) == 36
