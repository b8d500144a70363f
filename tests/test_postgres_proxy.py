"""
The example proxy between real clients and a real PostgreSQL.
"""

import asyncio
import base64
import importlib.util
import re
import resource
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from postgres_server import (
    PROXY,
    SYNC,
    TERMINATE,
    RawClient,
    RunningProxy,
    Server,
    bind,
    eventually,
    execute,
    message,
    parse,
    running,
    startup,
)
from recordkit.errors import RecordKitError
from recordkit.events import original_bytes

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server():
    running_server = Server()
    yield running_server
    running_server.stop()


@pytest.fixture
def proxy(server, tmp_path):
    running_proxy = RunningProxy(server.address, tmp_path / "recordings")
    yield running_proxy
    if running_proxy.process.poll() is None:
        assert running_proxy.stop() == ""
        assert running_proxy.process.returncode == 0


@pytest.fixture
def psql(server, proxy):
    def run(*arguments, text="", check=True, **variables):
        command = [server.programs / "psql", "-XAtq", *arguments]
        return subprocess.run(
            command, input=text, env=proxy.environment(**variables), capture_output=True, text=True, check=check
        )

    return run


class Notebook:
    """
    A session that writes events into a list.
    """

    def __init__(self):
        self.events = []

    def start(self, **status):
        self.events.append(("start", status))

    def query(self, sql):
        self.events.append(("query", sql))

    def result(self, **result):
        self.events.append(("result", result))

    def emit(self, event):
        self.events.append(("event", event))

    def close(self, **how):
        self.events.append(("close", how))

    async def room(self):
        pass


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("postgres_proxy", PROXY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# -- what the recording says -------------------------------------------------------------------------


def test_start_names_user_database_client_and_server_process(server, proxy, psql):
    """
    The session's start says who connected to what, and its constant fields are in every event.
    """
    process = psql("-c", "SELECT pg_backend_pid()").stdout
    (recorded,) = proxy.recorded()
    start = recorded.events[0]
    assert start["event"] == "db.session.start"
    assert start["success"] is True
    assert start["postgres_pid"] == int(process)
    assert start["user_agent"] == "psql"
    assert start["addr.remote"].startswith("127.0.0.1:")
    for event in recorded.events:
        assert (event["user"], event["db_user"], event["db_name"]) == ("postgres", "postgres", "postgres")
        assert (event["db_service"], event["db_protocol"]) == (server.address, "postgres")


def test_options_set_the_constant_fields(server, tmp_path):
    """
    Who is behind the database user, cluster and service can be given on the command line.
    """
    options = ["--user", "alice", "--cluster-name", "example.com", "--db-service", "aurora"]
    proxy = RunningProxy(server.address, tmp_path / "recordings", *options)
    with psycopg.connect(**proxy.settings()):
        pass
    (recorded,) = proxy.recorded()
    assert proxy.stop() == ""
    for event in recorded.events:
        assert (event["user"], event["cluster_name"], event["db_service"]) == ("alice", "example.com", "aurora")
        assert event["db_user"] == "postgres"


def test_statements_of_one_query_message_share_a_result(proxy, psql):
    """
    Several statements in one Query are one statement event, with the sum of the affected rows.
    """
    psql("-c", "CREATE TEMP TABLE t (a int); INSERT INTO t SELECT generate_series(1, 7); DELETE FROM t WHERE a < 3")
    (recorded,) = proxy.recorded()
    assert recorded.kinds == ["start", "query", "result", "end"]
    assert recorded.state == "complete"
    assert recorded.statements[0][0].count(";") == 2
    assert recorded.results == [9]


def test_error_has_severity_message_and_sqlstate(proxy, psql):
    """
    A failed statement's result holds the server's error as an auditor knows it, and the session goes on.
    """
    ran = psql("-c", "SELECT 1/0", "-c", "SELEC", "-c", "", "-c", "SELECT 5", check=False)
    assert ran.stdout == "5\n"
    (recorded,) = proxy.recorded()
    assert recorded.results == [
        "ERROR: division by zero (SQLSTATE 22012)",
        'ERROR: syntax error at or near "SELEC" (SQLSTATE 42601)',
        0,
        1,
    ]
    assert [event["code"] for event in recorded.of("result")] == ["TDB10I"] * 4


def test_rows_before_an_error_are_counted(proxy, psql):
    """
    A Query that fails in its second statement fails as a whole, and keeps the count of its first.
    """
    psql("-c", "SELECT generate_series(1, 3); SELECT 1/0; SELECT 2", check=False)
    (recorded,) = proxy.recorded()
    (result,) = recorded.of("result")
    assert (result["success"], result["affected_records"]) == (False, 3)


def test_copy_from_stdin_and_to_stdout(proxy, psql):
    """
    COPY both ways passes through, its rows are counted, its data are not recorded.
    """
    script = "CREATE TEMP TABLE t (a text);\nCOPY t FROM STDIN;\none\ntwo\n\\.\nCOPY t TO STDOUT;\nCOPY t FROM STDIN (FORMAT csv, FORCE_NULL (b));\n"
    ran = psql(text=script, check=False)
    assert ran.stdout == "one\ntwo\n"
    (recorded,) = proxy.recorded()
    assert recorded.results == [0, 2, 2, 'ERROR: column "b" of relation "t" does not exist (SQLSTATE 42703)']
    assert "one" not in str(recorded.events)


def test_copy_from_stdin_by_extended_query(proxy):
    """
    The Sync that libpq sends right after such a COPY has no answer, so the next errors stay where they belong.
    """
    with psycopg.connect(**proxy.settings(), autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE t (a int)")
        for data in (b"1\n2\n3\n", b"no number\n"):
            raw = connection.pgconn
            raw.send_query_params(b"COPY t FROM STDIN", None)
            assert raw.get_result().status == psycopg.pq.ExecStatus.COPY_IN
            raw.put_copy_data(data)
            raw.put_copy_end()
            while raw.get_result() is not None:
                pass
        connection.execute("SELECT %s", ["after"])
    (recorded,) = proxy.recorded()
    created, copied, failed, selected = recorded.results
    assert (created, copied, selected) == (0, 3, 1)
    assert "22P02" in failed
    assert [statement for statement, _ in recorded.statements[1:3]] == ["COPY t FROM STDIN"] * 2


def test_sync_during_copy_is_swallowed_by_the_server(proxy):
    """
    A Sync between the server's CopyInResponse and the copy's end has no answer, the one after it has.
    """
    with RawClient(proxy.address) as client:
        client.send(
            message("Q", "CREATE TEMP TABLE t (a int)"), parse("COPY t FROM STDIN"), bind(), execute(), message("H")
        )
        client.until(b"G")
        client.send(
            SYNC, message("d", b"1\n2\n"), SYNC, message("c"), SYNC, parse("SELECT 1/0"), bind(), execute(), SYNC
        )
        client.until(b"C")
        client.until(b"Z")
        client.until(b"Z")
        client.send(parse("COPY t FROM STDIN"), bind(), execute(), SYNC)
        client.until(b"G")
        client.send(message("f", "no more"), SYNC, message("Q", "SELECT 3"), TERMINATE)
        client.until(b"Z")
        client.until(b"Z")
    (recorded,) = proxy.recorded()
    by_zero = "ERROR: division by zero (SQLSTATE 22012)"
    given_up = "ERROR: COPY from stdin failed: no more (SQLSTATE 57014)"
    assert recorded.results == [0, 2, by_zero, given_up, 1]
    assert recorded.kinds.count("result") == len(recorded.statements)


def test_copy_both_of_replication(server, proxy):
    """
    A replication connection, where both sides copy at once, works and ends.
    """
    command = [server.programs / "pg_receivewal", "-D", str(proxy.store.parent), "--no-loop", "--synchronous"]
    with running(command, env=proxy.environment()) as process:
        eventually(lambda: server.sql("SELECT state FROM pg_stat_replication") == "streaming", "replication")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    texts = [text for one in proxy.recorded() for text, _ in one.statements]
    assert any(text.startswith("START_REPLICATION") for text in texts)


def test_notices_and_notifications_pass_through(proxy):
    """
    Messages that the server sends by itself reach the client and disturb no result.
    """
    notices = []
    with psycopg.connect(**proxy.settings(), autocommit=True) as listener:
        listener.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        listener.execute("LISTEN news")
        with psycopg.connect(**proxy.settings(), autocommit=True) as speaker:
            speaker.execute("NOTIFY news, 'hello'")
        (heard,) = listener.notifies(timeout=30, stop_after=1)
        listener.execute("NOTIFY news, 'to myself'")
        listener.execute("DO $$ BEGIN RAISE NOTICE 'careful'; END $$")
        listener.execute("SET application_name = 'other'")  # answered with a ParameterStatus as well
        listener.execute("SELECT 1")
    assert heard.payload == "hello"
    assert notices == ["careful"]
    first, _ = proxy.recorded(2)
    assert first.results == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("by_signal", [False, True])
def test_cancel_request_reaches_the_server(server, proxy, by_signal):
    """
    A CancelRequest is passed on by a connection of its own, which leaves no recording.
    """
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)'"
    if by_signal:
        command = [server.programs / "psql", "-X", "-c", "SELECT pg_sleep(300)"]
        with running(command, env=proxy.environment()) as process:
            eventually(lambda: server.sql(sleeping) == "1", "the statement")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 1
    else:
        with psycopg.connect(**proxy.settings()) as connection:
            canceller = threading.Thread(
                target=lambda: (
                    eventually(lambda: server.sql(sleeping) == "1", "the statement") and connection.cancel_safe()
                )
            )
            canceller.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(300)")
            canceller.join()
    (recorded,) = proxy.recorded()
    assert "ERROR: canceling statement due to user request (SQLSTATE 57014)" in recorded.results


# -- prepared statements and pipelines -----------------------------------------------------------------


def test_parameters_are_text_where_they_can_be(server, proxy):
    """
    Text and simple binary parameters are recorded as the server saw them, NULL as null, others in base64.
    """
    values = [7, -3_000_000_000, 12, 1.5, True, "a'b", None, "NULL", UUID(int=5), b"\x00\xff"]
    casts = ["int2", "int8", "int4", "float8", "bool", "text", "text", "text", "uuid", "bytea"]
    for marker in ("%b", "%t"):
        with psycopg.connect(**proxy.settings()) as connection:
            query = "SELECT " + ", ".join(f"{marker}::{cast}" for cast in casts)
            row = connection.execute(query, values).fetchone()
            assert row[-1] == values[-1]
    binary, text = proxy.recorded(2)
    common = ["7", "-3000000000", "12", "1.5", "t", "a'b", None, "NULL", str(UUID(int=5))]
    ((_, binary_parameters),) = [one for one in binary.statements if one[0].startswith("SELECT")]
    ((_, text_parameters),) = [one for one in text.statements if one[0].startswith("SELECT")]
    assert binary_parameters == [*common, base64.b64encode(b"\x00\xff").decode()]
    assert [str(UUID(one)) if one and len(one) == 32 else one for one in text_parameters] == [*common, "\\x00ff"]
    (executed,) = [one for one in server.executed(text.process)[text.process] if one[0].startswith("SELECT")]
    assert executed[1] == [*common, "\\x00ff"]


def test_types_that_only_the_server_declares_are_known_by_describe(proxy):
    """
    Drivers that leave the types to the server ask for them by Describe; the answer tells how to read parameters.
    """
    values = struct.pack(">i2si", 2, b"ab", 4) + struct.pack(">i", -5)
    with RawClient(proxy.address) as client:
        client.send(parse("SELECT $1::text, $2::int4", "s"), message("D", b"S", "s"), SYNC)
        client.until(b"Z")
        client.send(message("B", "", "s", 2, 0, 1, 2, values, 0), execute(), SYNC)
        client.until(b"Z")
        client.send(TERMINATE)
    (recorded,) = proxy.recorded()
    assert recorded.statements == [("SELECT $1::text, $2::int4", ["ab", "-5"])]
    assert recorded.results == [1]


def test_prepared_statements_are_recorded_step_by_step(server, proxy):
    """
    A statement is parsed once, executed often and closed, and playback can tell each execution's text.
    """
    with psycopg.connect(**proxy.settings(), autocommit=True, prepare_threshold=0) as connection:
        for number in range(3):
            connection.execute("SELECT generate_series(1, %s)", [number])
    with RawClient(proxy.address) as client:
        client.send(
            parse("SELECT 1", "s"), bind("s", "p"), execute("p"), message("C", b"P", "p"), message("C", b"S", "s"), SYNC
        )
        client.until(b"Z")
        client.send(TERMINATE)
    prepared, closed = proxy.recorded(2)
    assert prepared.kinds.count("statements.parse") == 1
    assert prepared.results == [0, 1, 2]
    assert prepared.statements == server.executed(prepared.process)[prepared.process]
    names = [(event["statement_name"], event["portal_name"]) for event in closed.of("postgres.statements.close")]
    assert names == [("", "p"), ("s", "")]


def test_results_of_a_pipeline_are_in_the_order_of_its_statements(proxy):
    """
    After an error in a pipeline the statements up to the next Sync get results that say they were skipped.
    """

    with psycopg.connect(**proxy.settings(), autocommit=True) as connection:
        wire = connection.pgconn  # which sends all before it looks at an answer, however quick that is
        wire.enter_pipeline_mode()
        for number in (b"1", b"0", b"2"):
            wire.send_query_params(b"SELECT 1/$1::int", [number])
        wire.send_query_params(b"SELECT nonsense", [])
        wire.pipeline_sync()
        wire.flush()
        states = []
        while states[-1:] != [psycopg.pq.ExecStatus.PIPELINE_SYNC]:
            result = wire.get_result()
            states += [] if result is None else [result.status]
        wire.exit_pipeline_mode()
        aborted = psycopg.pq.ExecStatus.PIPELINE_ABORTED
        assert states[1:4] == [psycopg.pq.ExecStatus.FATAL_ERROR, aborted, aborted]
        connection.execute("SELECT 'after'")
    (recorded,) = proxy.recorded()
    skipped = "skipped by the server after an earlier error in the same pipeline"
    assert recorded.results == [1, "ERROR: division by zero (SQLSTATE 22012)", skipped, skipped, 1]
    assert len(recorded.statements) == 5


def test_error_of_parse_is_the_result_of_its_execute(proxy):
    """
    A statement that fails before Execute fails as that Execute, also if the rest of the pipeline comes much later.
    """
    with RawClient(proxy.address) as client:
        client.send(parse("SELECT 1"), bind(), execute(), parse("SELEC"), message("H"))
        client.until(b"E")
        client.send(bind(), execute(), parse("SELECT 2"), bind(), execute(), message("Q", "SELECT 3"), SYNC)
        client.until(b"Z")
        client.send(message("Q", "SELECT 4"), TERMINATE)
        client.until(b"Z")
    (recorded,) = proxy.recorded()
    skipped = "skipped by the server after an earlier error in the same pipeline"
    error = 'ERROR: syntax error at or near "SELEC" (SQLSTATE 42601)'
    assert recorded.results == [1, error, skipped, skipped, 1]


def test_suspended_portal_gives_a_result_for_each_execute(proxy):
    """
    A portal read in parts by a row limit has one result an Execute, with that part's rows.
    """
    with RawClient(proxy.address) as client:
        client.send(
            parse("SELECT generate_series(1, 5)"), bind("", "p"), execute("p", 2), execute("p", 2), execute("p", 2)
        )
        client.send(parse(""), bind(), execute(), SYNC, TERMINATE)
        client.until(b"Z")
    (recorded,) = proxy.recorded()
    assert recorded.results == [2, 2, 1, 0]


def test_error_without_a_statement_is_kept(proxy):
    """
    A deferred constraint that fails at Sync and a failing Parse without Execute leave events of their own.
    """
    with RawClient(proxy.address) as client:
        client.send(
            message(
                "Q", "CREATE TEMP TABLE t (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); INSERT INTO t VALUES (1)"
            )
        )
        client.until(b"Z")
        client.send(parse("INSERT INTO t VALUES (1)"), bind(), execute(), SYNC)
        assert [kind for kind, _ in client.until(b"Z")] == [b"1", b"2", b"C", b"E", b"Z"]
        client.send(parse("SELEC"), message("D", b"S", ""), SYNC, message("Q", "SELECT 1"), TERMINATE)
        client.until(b"Z")
        client.until(b"Z")
    (recorded,) = proxy.recorded()
    assert recorded.results == [1, 1, 1]
    stray = [event["error"] for event in recorded.events if event["event"] == "postgres_proxy.error"]
    assert [re.search(r"\(SQLSTATE (.*)\)", error)[1] for error in stray] == ["23505", "42601"]


def test_function_call_is_a_statement(proxy):
    """
    A FunctionCall is recorded with its arguments, and has a result.
    """
    int4pl, no_such = struct.pack(">I", 177), struct.pack(">I", 1)
    two_numbers = struct.pack(">hhhiiii", 1, 1, 2, 4, 20, 4, 22)
    with RawClient(proxy.address) as client:
        client.send(message("F", int4pl, two_numbers, 1))
        assert client.until(b"Z")[0] == (b"V", struct.pack(">ii", 4, 42))
        client.send(message("F", no_such, 0, 1, struct.pack(">i", -1), 0), TERMINATE)
        client.until(b"Z")
    (recorded,) = proxy.recorded()
    called, failed = recorded.of("postgres.function")
    assert called["function_oid"] == 177
    assert called["function_args"] == [base64.b64encode(struct.pack(">i", number)).decode() for number in (20, 22)]
    assert failed["function_args"] == [None]
    assert recorded.results == [0, "ERROR: function with OID 1 does not exist (SQLSTATE 42883)"]


# -- bytes that are not UTF-8, and many of them ------------------------------------------------------


def test_statements_in_other_encodings_are_kept_exactly(server, proxy, tmp_path):
    """
    The bytes of a Query, a Parse and a parameter that are not UTF-8 come out of the recording as they went in.
    """
    query = "SELECT 'd\xe9j\xe0 vu'".encode("latin-1")
    (tmp_path / "q.sql").write_bytes(query + b";\n")
    command = [server.programs / "psql", "-XAtqf", tmp_path / "q.sql"]
    ran = subprocess.run(command, env=proxy.environment(PGCLIENTENCODING="LATIN1"), capture_output=True, check=True)
    assert ran.stdout == "d\xe9j\xe0 vu\n".encode("latin-1")
    with psycopg.connect(**proxy.settings(), client_encoding="latin1") as connection:
        connection.execute("SELECT '\xe9', %s::text", ["\xe8"])
    by_query, by_parse = proxy.recorded(2)
    assert original_bytes(by_query.of("query")[-1]) == query + b";"
    assert by_query.of("query")[-1]["db_query"] == r"SELECT 'd\xe9j\xe0 vu';"
    ((event,)) = [one for one in by_parse.of("postgres.statements.parse") if "text" in one["query"]]
    assert original_bytes(event, "query") == b"SELECT '\xe9', $1::text"
    ((event,)) = [one for one in by_parse.of("postgres.statements.bind") if one["parameters"]]
    assert original_bytes(event, "parameters", 0) == b"\xe8"


@pytest.mark.parametrize("size", [3 * MIB, 64 * MIB])
def test_long_statements_are_recorded_whole(proxy, size):
    """
    A statement of many chunks, and one in the other protocol, are recorded to the last byte.
    """
    text = "x" * size
    unlogged = proxy.settings(autocommit=True, options="-c log_statement=none")
    with psycopg.connect(**unlogged) as connection:
        assert connection.execute(f"SELECT length('{text}')").fetchone() == (size,)
        assert connection.execute("SELECT length(%s)", [text[: size // 8]]).fetchone() == (size // 8,)
    (recorded,) = proxy.recorded()
    assert recorded.statements[0] == (f"SELECT length('{text}')", [])
    assert recorded.statements[1] == ("SELECT length($1)", [text[: size // 8]])
    assert recorded.results == [1, 1]


def test_large_results_pass_through(proxy, psql):
    """
    Rows and COPY data of many chunks, with rows longer than a chunk, reach the client unchanged.
    """
    wide = "SELECT repeat(chr(65 + i), 700000) FROM generate_series(0, 9) i"
    lines = psql("-c", wide).stdout.split()
    assert lines == [chr(65 + number) * 700_000 for number in range(10)]
    lines = psql("-c", "COPY (SELECT i FROM generate_series(1, 200000) i) TO STDOUT").stdout.split()
    assert lines == [str(number) for number in range(1, 200_001)]
    assert [one.results for one in proxy.recorded(2)] == [[10], [200_000]]


# -- against the server's own log ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pgbench(server):
    command = [server.programs / "pgbench"]
    direct = ["-h", server.socket_directory, "-p", str(server.port), "-U", "postgres", "postgres"]
    subprocess.run([*command, "-iq", *direct], capture_output=True, check=True)
    return command


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_recordings_of_pgbench_equal_the_servers_log(server, proxy, pgbench, mode):
    """
    What several pgbench clients sent stands in the recordings by count, text, parameters and order; nothing is lost.
    """
    command = [*pgbench, "-M", mode, "-n", "-c", "4", "-j", "2", "-t", "50"]
    ran = subprocess.run(command, env=proxy.environment(), capture_output=True, text=True, check=True)
    assert "actually processed: 200/200" in ran.stdout
    recorded = proxy.recorded(5)  # pgbench's own connection and four clients
    truth = server.executed()
    assert {one.process: one.statements for one in recorded} == {one.process: truth[one.process] for one in recorded}
    clients = [one for one in recorded if len(one.statements) == 50 * 7]
    assert len(clients) == 4
    for one in recorded:
        assert one.state == "complete"
        assert len(one.results) == len(one.statements)
        assert not [error for error in one.results if isinstance(error, str)]
    assert all(one.kinds.count("query") == (350 if mode == "simple" else 0) for one in clients)
    if mode == "prepared":
        assert all(one.kinds.count("statements.parse") == 7 for one in clients)


def test_recording_of_a_pgbench_pipeline_equals_the_servers_log(server, proxy, tmp_path):
    """
    Many messages before one Sync are recorded and answered in order.
    """
    script = tmp_path / "pipeline.sql"
    script.write_text(
        "\\startpipeline\n" + "".join(f"SELECT {number}, :client_id;\n" for number in range(20)) + "\\endpipeline\n"
    )
    command = [server.programs / "pgbench", "-M", "prepared", "-n", "-c", "2", "-t", "20", "-f", script]
    subprocess.run(command, env=proxy.environment(), capture_output=True, check=True)
    recorded = [one for one in proxy.recorded(3) if len(one.statements) == 400]
    assert len(recorded) == 2
    for one in recorded:
        assert one.statements == server.executed(one.process)[one.process]
        assert one.results == [1] * 400


def test_recording_of_pg_dump_equals_the_servers_log(server, proxy, psql):
    """
    A dump through the proxy restores through the proxy, and both are recorded as the server executed them.
    """
    server.sql(
        "CREATE SCHEMA dumped; CREATE TABLE dumped.t AS SELECT i, 'row ' || i AS name FROM generate_series(1, 1000) i"
    )
    command = [server.programs / "pg_dump", "-n", "dumped"]
    dump = subprocess.run(command, env=proxy.environment(), capture_output=True, text=True, check=True).stdout
    server.sql("DROP SCHEMA dumped CASCADE")
    psql("-v", "ON_ERROR_STOP=1", text=dump)
    assert server.sql("SELECT count(*) FROM dumped.t") == "1000"
    for one in proxy.recorded(2):
        assert one.statements == server.executed(one.process)[one.process]
        assert len(one.results) == len(one.statements)


# -- beginnings and ends -----------------------------------------------------------------------------


def test_encryption_is_refused_and_plain_text_goes_on(proxy, psql):
    """
    A client that prefers TLS goes on without it; one that requires it is refused and leaves no recording.
    """
    assert psql("-c", "SELECT 1", PGSSLMODE="prefer").stdout == "1\n"
    assert psql("-c", "SELECT 1", PGSSLMODE="require", check=False).returncode == 2
    with RawClient(proxy.address, login=False) as client:
        client.send(struct.pack(">II", 8, 80877104))  # GSSENCRequest
        assert client._stream.read(1) == b"N"
        client.send(startup())
        client.until(b"Z")
        client.send(TERMINATE)
    assert len(proxy.recorded(2)) == 2


@pytest.mark.parametrize("minor_version", [2, 9999])
def test_newer_minor_versions_are_negotiated_by_the_server(server, proxy, minor_version):
    """
    Client and server agree on version and options by themselves, and keys of any length cancel.
    """
    with RawClient(proxy.address, login=False) as client:
        client.send(startup(minor_version, **{"_pq_.unheard_of": "on"}))
        login = dict(client.until(b"Z"))
        assert b"_pq_.unheard_of" in login[b"v"]
        client.send(message("Q", "SELECT pg_sleep(300)"))
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)'"
        eventually(lambda: server.sql(sleeping) == "1", "the statement")
        with RawClient(proxy.address, login=False) as canceller:
            canceller.send(struct.pack(">II", 8 + len(login[b"K"]), 80877102), login[b"K"])
            assert list(canceller.answers()) == []
        client.until(b"Z")
        client.send(TERMINATE)
    (recorded,) = proxy.recorded()
    assert recorded.process == struct.unpack_from(">I", login[b"K"])[0]
    assert recorded.results == ["ERROR: canceling statement due to user request (SQLSTATE 57014)"]


def test_scram_passes_through(server, proxy, psql):
    """
    Authentication is between client and server; a wrong password leaves a failed start, the right one no trace.
    """
    server.sql("CREATE ROLE with_password LOGIN PASSWORD 'open sesame'")
    assert psql("-c", "SELECT 1", PGUSER="with_password", PGPASSWORD="open sesame").stdout == "1\n"
    assert psql("-wc", "SELECT 1", PGUSER="with_password", PGPASSWORD="wrong", check=False).returncode == 2
    good, bad = proxy.recorded(2)
    assert good.results == [1]
    assert "sesame" not in str(good.events)
    assert bad.events[0]["code"] == "TDB00W"
    assert bad.events[0]["error"] == ('FATAL: password authentication failed for user "with_password" (SQLSTATE 28P01)')


def test_refused_login_is_recorded(proxy, psql):
    """
    A login to a database that does not exist leaves a recording with a failed start and no statement.
    """
    ran = psql("-c", "SELECT 1", "nowhere", check=False)
    assert 'database "nowhere" does not exist' in ran.stderr
    (recorded,) = proxy.recorded()
    assert (recorded.events[0]["success"], recorded.events[0]["db_name"]) == (False, "nowhere")
    assert recorded.state == "complete"
    assert recorded.statements == []


def test_client_that_leaves_during_login_is_recorded(proxy, psql):
    """
    A login that the client gave up leaves a failed start, and is interrupted.
    """
    with RawClient(proxy.address, login=False) as client:
        client.send(startup(user="with_password"))
        client.until(b"R")
    (recorded,) = proxy.recorded()
    assert (recorded.events[0]["success"], recorded.state) == (False, "interrupted")


def test_server_that_is_not_there_is_told_to_the_client(tmp_path, server):
    """
    So is whoever started the proxy, at once; the client learns why, and the attempt is recorded.
    """
    proxy = RunningProxy(f"{tmp_path}:1", tmp_path / "recordings")
    assert re.match(r"postgres_proxy: no connection to the server .*:1:", proxy.process.stderr.readline())
    with pytest.raises(psycopg.OperationalError, match="no connection to the server"):
        psycopg.connect(**proxy.settings())
    (recorded,) = proxy.recorded()
    assert recorded.events[0]["success"] is False
    assert "no connection to the server" in recorded.events[0]["error"]
    assert recorded.state == "complete"
    assert "no connection to the server" in proxy.stop()


def test_statement_sent_before_the_login_is_over_waits_for_it(proxy):
    """
    A client that can't wait does not get a statement past the session's start.
    """
    with RawClient(proxy.address, login=False) as client:
        client.send(startup(), message("Q", "SELECT 1"), TERMINATE)
        client.until(b"Z")
        client.until(b"Z")
    (recorded,) = proxy.recorded()
    assert recorded.kinds == ["start", "query", "result", "end"]


def test_results_are_recorded_for_a_client_that_does_not_listen(server, proxy):
    """
    Statements followed by Terminate and a closed socket are executed, so their results are recorded.
    """
    with RawClient(proxy.address) as client:
        client.send(message("Q", "SELECT generate_series(1, 100000)"), message("Q", "SELECT pg_sleep(0.2)"), TERMINATE)
    (recorded,) = proxy.recorded()
    assert recorded.results == [100_000, 1]
    assert recorded.state == "complete"


@pytest.mark.parametrize("busy", [False, True])
def test_killed_client_leaves_an_interrupted_recording(server, proxy, busy):
    """
    A client that dies, idle or in the middle of a statement, leaves what it said, without an end.
    """
    command = [server.programs / "psql", "-XAtq"]
    with running(command, env=proxy.environment()) as process:
        process.stdin.write(b"SELECT 'last words';\n" + b"SELECT pg_sleep(300);\n" * busy)
        process.stdin.flush()
        assert process.stdout.readline() == b"last words\n"
        if busy:
            sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(300)%'"
            eventually(lambda: server.sql(sleeping) == "1", "the statement")
        process.kill()
    (recorded,) = proxy.recorded()
    assert recorded.state == "interrupted"
    assert recorded.kinds == ["start", "query", "result", *["query"] * busy]
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(300)%'")


@pytest.mark.parametrize("busy", [False, True])
def test_killed_server_process_leaves_an_interrupted_recording(server, proxy, busy):
    """
    The server's last words reach client and recording, as the running statement's result if there is one.
    """
    with RawClient(proxy.address) as client:
        client.send(message("Q", "SELECT 1"))
        client.until(b"Z")
        if busy:
            client.send(message("Q", "SELECT pg_sleep(300)"))
        one = eventually(
            lambda: server.sql("SELECT pid FROM pg_stat_activity WHERE application_name = '' AND query LIKE "
                               f"'{'SELECT pg_sleep(300)' if busy else 'SELECT 1'}'"), "the session"
        )  # fmt: skip
        server.sql(f"SELECT pg_terminate_backend({one})")
        assert client.until(b"E")
        assert list(client.answers()) == []
    (recorded,) = proxy.recorded()
    error = "FATAL: terminating connection due to administrator command (SQLSTATE 57P01)"
    assert recorded.state == "interrupted"
    assert recorded.events[-1]["event"] == ("db.session.result" if busy else "postgres_proxy.error")
    assert recorded.events[-1]["error"] == error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_proxy_closes_open_sessions_as_interrupted(proxy, number):
    """
    A signal stops the proxy cleanly: all is recorded, nothing is said on stderr, sessions are interrupted.
    """
    with RawClient(proxy.address) as client:
        client.send(message("Q", "SELECT 1"))
        client.until(b"Z")
        assert proxy.stop(number) == ""
        assert proxy.process.returncode == 0
        assert list(client.answers()) == []
    (recorded,) = proxy.recorded()
    assert (recorded.kinds, recorded.state) == (["start", "query", "result"], "interrupted")


def test_killed_proxy_leaves_what_it_had_flushed(proxy):
    """
    What was on disk before kill -9 is found, is readable and counts as interrupted.
    """
    with RawClient(proxy.address) as client:
        for number in range(3):
            client.send(message("Q", f"SELECT {number}"))
            client.until(b"Z")

        def flushed():
            return [one for one in proxy.recordings() if len(one.results) == 3]

        eventually(flushed, "a flush")
        proxy.stop(signal.SIGKILL)
    (recorded,) = proxy.recorded()
    assert recorded.state == "interrupted"
    assert [text for text, _ in recorded.statements] == ["SELECT 0", "SELECT 1", "SELECT 2"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes the limits of another process")
def test_full_disk_cuts_the_line(server, proxy):
    """
    Once the disk refuses events the client is told so and cut off; what was on disk before is found.
    """
    statements = []
    with RawClient(proxy.address) as client:
        client.send(message("Q", "SELECT 'first'"))
        client.until(b"Z")
        eventually(lambda: proxy.recordings() and proxy.recordings()[0].results, "a flush")
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        last = b"Z"
        while last == b"Z":
            statements.append(f"SELECT {len(statements)}, pg_sleep(0.01)")
            client.send(message("Q", statements[-1]))
            last, body = client.until(b"Z", b"E")[-1]
        assert b"writing failed: File too large" in body
        assert list(client.answers()) == []
    assert "writing failed" in proxy.stop()
    (recorded,) = proxy.recorded()
    assert recorded.state == "interrupted"
    texts = [text for text, _ in recorded.statements]
    assert texts == ["SELECT 'first'", *statements][: len(texts)]
    assert texts


def test_statement_that_cannot_be_recorded_is_not_executed(server, example):
    """
    A statement that the session refuses does not reach the server.
    """

    class Full(Notebook):
        def query(self, sql):
            if sql == b"SELECT 'refused'":
                raise RecordKitError("no room")
            super().query(sql)

    class Recorder:
        def session(self, *, start, **fields):
            self.made = Full()
            return self.made

    def talk(address):
        with RawClient(address) as client:
            client.send(message("Q", "SELECT 'recorded'"), message("Q", "SELECT 'refused'"))
            return dict(client.until(b"E"))[b"E"]

    async def main():
        proxy = example.Proxy(recorder, server.address)
        host, _, port = (await proxy.start("127.0.0.1:0")).partition(":")
        try:
            return await asyncio.to_thread(talk, (host, int(port)))
        finally:
            await proxy.close()

    recorder = Recorder()
    assert b"no room" in asyncio.run(main())
    process = recorder.made.events[0][1]["postgres_pid"]
    assert server.executed(process) == {}
    assert recorder.made.events[-1] == ("close", {"interrupted": True, "wait": False})


# -- what is not the protocol ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "packet",
    [
        message("Q", b"SELECT 1"),  # no zero at the end
        message("Q", b"SELECT 1\0SELECT 2\0"),
        message("B", "", "", 0, 1, struct.pack(">i", 1000), b"short", 0),
        message("B", "", "", 2, 1, 1, 3, struct.pack(">iii", -1, -1, -1), 0),
        message("E", "portal"),
        message("P", "name", "SELECT 1", 7),
        message("C", b"S"),
        message("F", b"\0"),
    ],
    ids=lambda packet: repr(packet[:20]),
)
def test_malformed_message_is_recorded_and_passed_on(proxy, packet):
    """
    The server is the one to judge a message that can't be read; the recording has it byte for byte.
    """
    with RawClient(proxy.address) as client:
        client.send(packet, SYNC)
        assert [kind for kind, _ in client.until(b"Z")] == [b"E", b"Z"]
        if packet[:1] in b"QF":
            client.until(b"Z")
        client.send(message("Q", "SELECT 2"), TERMINATE)
        client.until(b"Z")
    (recorded,) = proxy.recorded()
    (event,) = recorded.of("malformed_packet")
    assert base64.b64decode(event["payload"]) == packet
    assert recorded.kinds == ["start", "malformed_packet", "postgres_proxy.error", "query", "result", "end"]


@pytest.mark.parametrize("length", [0, 3, 0x40000001, 0xFFFFFFFF])
def test_impossible_length_is_recorded_and_passed_on(proxy, length):
    """
    A length that can't be true is no reason to wait for so many bytes; the server ends the session.
    """
    packet = b"Q" + struct.pack(">I", length) + b"SELECT 1\0"
    with RawClient(proxy.address) as client:
        client.send(message("Q", "SELECT 1"), packet)
        client.until(b"Z")
        assert list(client.answers()) == []
    (recorded,) = proxy.recorded()
    assert base64.b64decode(recorded.of("malformed_packet")[0]["payload"]) == packet
    assert recorded.statements == [("SELECT 1", [])]
    assert recorded.state == "interrupted"


def test_unknown_message_is_passed_on(proxy):
    """
    A message of a kind that we don't know reaches the server, which ends the session.
    """
    with RawClient(proxy.address) as client:
        client.send(message("~", "what?"))
        assert b"invalid frontend message type 126" in client.until(b"E")[-1][1]
    (recorded,) = proxy.recorded()
    assert "invalid frontend message type" in recorded.events[-1]["error"]


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", struct.pack(">II", 7, 196608)]
)
def test_other_protocols_are_turned_away(proxy, first):
    """
    Who does not begin as a PostgreSQL client does is told so, and leaves no recording.
    """
    with RawClient(proxy.address, login=False) as client:
        client.send(first)
        assert b"without TLS" in client.until(b"E")[-1][1]
    assert "without TLS" in proxy.stop()
    assert proxy.recordings() == []


# -- without a server ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 10_000])
def test_chunk_sizes_make_no_difference(example, size):
    """
    However the bytes are cut on their way, the same events come out.
    """
    steps = [
        ("server", message("S", "TimeZone", "UTC") + message("A", b"notification")),
        ("client", message("Q", "SELECT 1")),
        ("server", message("T", b"x" * 500) + message("D", b"y" * 300) + message("C", "SELECT 1") + message("Z", b"I")),
        (
            "client",
            parse("SELECT $1") + message("B", "", "", 0, 1, struct.pack(">i", 2), b"ab", 0) + message("D", b"P", ""),
        ),
        ("client", execute() + SYNC),
        ("server", message("1") + message("2") + message("n") + message("N", b"z" * 40) + message("C", "UPDATE 3")),
        ("server", message("Z", b"I")),
        ("client", message("d", b"ignored") + TERMINATE),
    ]

    def events(chunk_size):
        notebook = Notebook()
        conversation = example.Conversation(notebook)
        for side, said in steps:
            tell = conversation.client_says if side == "client" else conversation.server_says
            for start in range(0, len(said), chunk_size):
                tell(said[start : start + chunk_size])
        assert conversation.ended
        return notebook.events

    whole = events(1_000_000)
    assert [what for what, _ in whole] == ["query", "result", "event", "event", "event", "result"]
    assert whole[-1] == ("result", {"affected_records": 3, "success": True, "error": None})
    assert events(size) == whole


def test_long_message_is_not_copied_for_each_chunk(example):
    """
    Collecting a message touches each byte a fixed number of times, however many chunks it comes in.
    """
    framer = example.Framer(frozenset({b"Q"}))
    whole = message("Q", "x" * MIB)
    pieces = [whole[start : start + 100] for start in range(0, len(whole), 100)]
    copied = 0

    class Counting(bytearray):
        def __iadd__(self, more):
            nonlocal copied
            copied += len(more)
            return super().__iadd__(more)

    framer._begun = Counting()
    found = [body for piece in pieces for _, body in framer.feed(piece)]
    assert found == [whole[5:]]
    assert copied == len(whole)


def test_nothing_has_a_meaning_after_an_impossible_length(example):
    """
    What follows a length that can't be true is not taken for messages.
    """
    framer = example.Framer(frozenset({b"Q"}))
    good, bad = message("Q", "SELECT 1"), b"Q\0\0\0\3"
    assert list(framer.feed(good + bad + b"rest")) == [(b"Q", b"SELECT 1\0"), (b"", bad + b"rest")]
    assert list(framer.feed(good)) == []


def test_proxy_imports_nothing_but_recordkit_and_the_standard_library():
    """
    The example needs no package of its own.
    """
    imported = re.findall(r"^(?:import|from) (\w+)", Path(PROXY).read_text(), re.MULTILINE)
    assert {name for name in imported if name not in sys.stdlib_module_names} == {"recordkit"}
