"""
The table of statements against what a real PostgreSQL says that it executed.

Sessions of pgbench, psql and psycopg go through the example proxy; the server's own log, which knows nothing of
proxy or recording, is the truth.
"""

import subprocess
from collections import Counter

import psycopg
import pytest

import recordkit
from postgres_server import RunningProxy, Server
from recordkit.analytics.queries import query_batches
from recordkit.events import parse_time


@pytest.fixture(scope="module")
def server():
    running_server = Server()
    subprocess.run(
        [running_server.programs / "pgbench", "-i", "-q", "-h", running_server.socket_directory, "-p",
         str(running_server.port), "-U", "postgres", "postgres"],
        check=True, capture_output=True,
    )  # fmt: skip
    yield running_server
    running_server.stop()


@pytest.fixture
def proxy(server, tmp_path):
    running_proxy = RunningProxy(server.address, tmp_path / "recordings")
    yield running_proxy
    if running_proxy.process.poll() is None:
        assert running_proxy.stop() == ""


def tables_of(proxy, recorded):
    """
    The rows of each recording.
    """
    with recordkit.open_store(proxy.store) as store:
        found = []
        for one in recorded:
            with store[one.sid] as recording:
                batches = list(query_batches(recording, batch_rows=17))
                found.append([row for batch in batches for row in batch.to_pylist()])
        return found


def check(server, recorded, rows):
    """
    Hold one session's rows against the server's log and the session's events.
    """
    assert [(row["statement"], row["parameters"] or []) for row in rows] == server.executed(recorded.process)[
        recorded.process
    ]
    length_ns = parse_time(recorded.events[-1]["time"]) - parse_time(recorded.events[0]["time"])
    for row in rows:
        assert row["resolved"] is True
        assert row["success"] is not None
        assert 0 <= row["duration_ns"] <= length_ns
        assert row["result_ei"] > row["ei"]


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_in_each_protocol(server, proxy, mode):
    """
    In all three modes the rows are the server's statements, in its order and count, and all alike but for literals.
    """
    command = [server.programs / "pgbench", "-M", mode, "-n", "-c", "2", "-t", "20"]
    subprocess.run(command, env=proxy.environment(), check=True, capture_output=True)
    recorded = [one for one in proxy.recorded(3) if any("UPDATE" in text for text, _ in one.statements)]
    assert len(recorded) == 2
    for one, rows in zip(recorded, tables_of(proxy, recorded), strict=True):
        check(server, one, rows)
        assert len(rows) == 7 * 20
        counts = Counter(row["fingerprint_hash"] for row in rows)
        assert sorted(counts.values()) == [20] * 7
        assert Counter(row["statement_class"] for row in rows) == {"write": 80, "read": 20, "transaction": 40}
        updated = [row for row in rows if row["tables_written"] == ["pgbench_accounts"]]
        assert [row["affected_records"] for row in updated] == [1] * 20
        assert all(row["success"] for row in rows)


def test_fingerprints_are_the_same_in_all_protocols(server, proxy):
    """
    A statement has one fingerprint, whether its values come as literals or as parameters.
    """
    for mode in ("simple", "extended", "prepared"):
        command = [server.programs / "pgbench", "-M", mode, "-n", "-c", "1", "-t", "2"]
        subprocess.run(command, env=proxy.environment(), check=True, capture_output=True)
    recorded = [one for one in proxy.recorded(6) if any("UPDATE" in text for text, _ in one.statements)]
    found = [{row["fingerprint_hash"] for row in rows} for rows in tables_of(proxy, recorded)]
    assert len(found) == 3
    assert found[0] == found[1] == found[2]


def test_psycopg_with_parameters_errors_and_a_pipeline(server, proxy):
    """
    Parameters, failures with their SQLSTATE, skipped statements and counts are joined to the right statements.
    """
    with psycopg.connect(**proxy.settings(), autocommit=True, prepare_threshold=2) as connection:
        connection.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)")
        for number in range(5):
            connection.execute("INSERT INTO t VALUES (%t, %t)", [str(number), "it's"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO t VALUES (%t, %t)", ["1", None])
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nowhere")
        connection.execute("UPDATE t SET b = 'x' WHERE a > 2")
        pipeline = connection.pipeline()
        with pytest.raises(psycopg.errors.DivisionByZero), pipeline:
            for number in (1, 0, 2):
                connection.execute("SELECT 1/%t::int", [str(number)])
        connection.execute("SELECT 'after'")
    (recorded,) = proxy.recorded()
    (rows,) = tables_of(proxy, [recorded])
    told = [(row["success"], row["affected_records"], row["sqlstate"]) for row in rows]
    assert told == [
        (True, 0, None),
        *[(True, 1, None)] * 5,
        (False, None, "23505"),
        (False, None, "42P01"),
        (True, 2, None),
        (True, 1, None),
        (False, None, "22012"),
        (False, None, None),  # skipped by the server
        (True, 1, None),
    ]
    assert rows[6]["parameters"] == ["1", None]
    assert [row["statement_class"] for row in rows[:2]] == ["ddl", "write"]
    assert [row["tables"] for row in rows[5:9]] == [["t"], ["t"], ["nowhere"], ["t"]]
    # the server does not log what fails while it is planned, nor what it skips for that
    logged = [row for row in rows if row["sqlstate"] != "22012" and "skipped" not in (row["error"] or "")]
    ours = [(row["statement"], row["parameters"] or []) for row in logged]
    assert ours == server.executed(recorded.process)[recorded.process]


def test_psql_with_several_statements_in_one_message(server, proxy):
    """
    Several statements in one message are one row, whose class is the strongest and whose tables are those of all.
    """
    script = "CREATE TEMP TABLE a (x int); INSERT INTO a VALUES (1), (2); SELECT * FROM a"
    subprocess.run(
        [server.programs / "psql", "-XAtq", "-c", script, "-c", r"SELECT 1/0"],
        env=proxy.environment(),
        capture_output=True,
        check=False,
    )
    (recorded,) = proxy.recorded()
    (rows,) = tables_of(proxy, [recorded])
    assert [(row["statement_class"], row["tables"], row["affected_records"], row["sqlstate"]) for row in rows] == [
        ("ddl", ["a"], 4, None),
        ("read", [], None, "22012"),
    ]
    assert [row["statement"] for row in rows] == [
        text for text, _ in server.executed(recorded.process)[recorded.process]
    ]


def test_affected_rows_are_those_that_the_server_counts(server, proxy):
    """
    Rows affected, summed up by table, are what the tables' own statistics of the server count.
    """
    with psycopg.connect(**proxy.settings(), autocommit=True) as connection:
        connection.execute("CREATE TABLE counted (a int)")
        connection.execute("INSERT INTO counted SELECT generate_series(1, 500)")
        connection.execute("UPDATE counted SET a = a + 1 WHERE a > %s", [400])
        connection.execute("DELETE FROM counted WHERE a < %s", [50])
        connection.execute("SELECT pg_stat_force_next_flush()")
    (recorded,) = proxy.recorded()
    (rows,) = tables_of(proxy, [recorded])
    ours = {row["statement"].split()[0]: row["affected_records"] for row in rows if row["statement_class"] == "write"}
    theirs = server.sql("SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = 'counted'")
    assert [str(ours[verb]) for verb in ("INSERT", "UPDATE", "DELETE")] == theirs.split("|")
