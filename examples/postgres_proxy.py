"""
A PostgreSQL proxy that records every session: a complete program, and a tutorial on recordkit.

    python examples/postgres_proxy.py --listen 127.0.0.1:6432 --server 127.0.0.1:5432 --store recordings
    psql -h 127.0.0.1 -p 6432 -c 'SELECT 1' postgres
    recordkit --store recordings ls
    recordkit --store recordings play 307b            # the first digits of a sid that ls shows

The server may also be a Unix socket: ``--server /var/run/postgresql:5432``. Clients need nothing but
the proxy's address; passwords and SCRAM pass through unread.

How it works, from top to bottom of this file:

1. `Framer` cuts a stream of bytes, which arrives in chunks of any size, into PostgreSQL's messages,
   and steps over those that nobody asked for (rows, COPY data) without copying them.
2. `Conversation` turns one connection's messages into events of a recordkit session, and matches the
   server's answers to the client's statements. It knows nothing of sockets.
3. `Proxy` and `relay` move the bytes. Each chunk is shown to the conversation, *then* sent on.

What the recordings promise:

- A statement is handed to recordkit before its last byte goes to the server, and is on disk within about
  a second (``await session.aflush()`` in `relay` would make that at once, at the price of a disk write per
  chunk). When recordkit can't take it (disk full), it is not sent: the line is cut, the client is told why.
- Each statement (``db.session.query``, ``...statements.execute``, ``...function``) gets one
  ``db.session.result``, in the order of the statements: the affected rows, or the server's error. One
  that the server skipped, because another of the same pipeline had failed before it, gets a failed
  result that says so. Results are missing only where the line broke.
- An error that belongs to no statement (a deferred constraint that fails at Sync, a shutdown) is kept
  as an event of our own kind, ``postgres_proxy.error``.
- What is not PostgreSQL's protocol is kept as ``db.session.malformed_packet``, and passed on.
- Bind parameters: text as text; binary as text where the type is known and simple, else base64; NULL
  as ``null``, so that it differs from the text ``NULL``.
- The client said goodbye (Terminate): the recording is *complete*. Client, server or proxy vanished:
  it is *interrupted*. A login that failed leaves a recording with a failed ``db.session.start``.

TLS is refused on the client's side and not used on the server's: put the proxy where you trust the line.
Protocol 3.0 and 3.2: https://www.postgresql.org/docs/current/protocol.html
"""

import argparse
import asyncio
import base64
import contextlib
import logging
import signal
import struct
import sys
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import recordkit
from recordkit.events import exact_text, exact_texts

CHUNK_BYTES: Final = 256 * 1024  # most that is read at once, and that waits for a slow receiver
MAX_MESSAGE_BYTES: Final = 1024**3  # PostgreSQL refuses longer ones; a greater length means that we lost our place
MAX_STARTUP_BYTES: Final = 10_000  # PostgreSQL's own limit
MAX_LOGIN_BYTES: Final = 1024**2  # more than a password, a token or a login's notice has
STARTUP_TIMEOUT_S: Final = 60.0  # PostgreSQL's authentication_timeout
FIRST_LOOK_S: Final = 5.0
CANCEL_REQUEST, SSL_REQUEST, GSSENC_REQUEST = 80877102, 80877103, 80877104

# A message is one letter, a length that counts itself but not the letter, and the body. These tell what happens:
HEADER: Final = struct.Struct(">cI")
FROM_CLIENT: Final = frozenset(
    {
        b"Q", b"F",  # Query, FunctionCall: answered by anything, then ReadyForQuery
        b"P", b"B", b"D", b"E", b"C",  # Parse, Bind, Describe, Execute, Close: each answered on its own
        b"S",  # Sync: ends a run of these; answered by ReadyForQuery
        b"c", b"f",  # CopyDone, CopyFail
        b"X",  # Terminate
    }
)  # fmt: skip
FROM_SERVER: Final = frozenset(
    {
        b"1", b"2", b"3", b"t", b"T", b"n",  # Parse-, Bind-, CloseComplete, Parameter-, RowDescription, NoData
        b"C", b"I", b"s",  # CommandComplete, EmptyQueryResponse, PortalSuspended: how an Execute ends
        b"G",  # CopyInResponse
        b"E", b"Z",  # ErrorResponse, ReadyForQuery
    }
)  # fmt: skip
ANSWERED_BY: Final = {b"1": b"P", b"2": b"B", b"3": b"C", b"T": b"D", b"n": b"D", b"C": b"E", b"I": b"E", b"s": b"E"}
NUMBERS: Final = {20: ">q", 21: ">h", 23: ">i", 26: ">I", 700: ">f", 701: ">d"}  # int8 int2 int4 oid float4 float8
TEXTS: Final = frozenset({19, 25, 114, 705, 1042, 1043})  # name, text, json, unknown, char(n), varchar
STATEMENTS: Final = "db.session.postgres.statements"
SKIPPED: Final = "skipped by the server after an earlier error in the same pipeline"

log = logging.getLogger("postgres_proxy")


class RefusedError(Exception):
    """
    We cut a connection; the message tells the client why.
    """


# -- 1. bytes to messages ----------------------------------------------------------------------------


class Framer:
    """
    Cuts one direction of a connection into messages; holds at most the one that is arriving.
    """

    def __init__(self, wanted: frozenset[bytes]) -> None:
        self._wanted = wanted
        self._begun = bytearray()  # a wanted message, or a header, whose end is still to come
        self._missing = 0  # how many bytes
        self._skip = 0  # bytes to come of a message that nobody wants
        self._lost = False

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """
        Yield kind and body of each wanted message that *chunk* completes.

        Kind is empty and body the rest of *chunk* if a length can't be true; then comes nothing more.
        """
        if self._lost:
            return
        if self._missing:  # collect, so that 64 MiB are not joined anew for every chunk
            self._begun += chunk
            self._missing -= len(chunk)
            if self._missing > 0:
                return
            chunk, self._begun, self._missing = bytes(self._begun), bytearray(), 0
        size, position = len(chunk), self._skip
        while (body := position + HEADER.size) <= size:
            kind, length = HEADER.unpack_from(chunk, position)
            if not 4 <= length <= MAX_MESSAGE_BYTES:
                self._lost = True
                yield b"", chunk[position:]
                return
            end = position + 1 + length
            if kind in self._wanted:
                if end > size:
                    break
                yield kind, chunk[body:end]
            position = end
        self._skip = max(position - size, 0)
        if position < size:
            self._begun += chunk[position:]
            self._missing = (end if body <= size else body) - size


def text(raw: bytes) -> str:
    """
    Return *raw* for reading; bytes that are not UTF-8 are shown in hexadecimal.
    """
    return raw.decode(errors="backslashreplace")


def strings(body: bytes, count: int, start: int = 0) -> tuple[list[bytes], int]:
    """
    Return the *count* zero-terminated strings at *start*, and where they end.
    """
    found = []
    for _ in range(count):
        end = body.index(0, start)
        found.append(body[start:end])
        start = end + 1
    return found, start


def integers(body: bytes, start: int, form: str) -> tuple[tuple[int, ...], int]:
    """
    Return the list at *start*, an int16 count and so many integers of struct's *form*, and where it ends.
    """
    (count,) = struct.unpack_from(">H", body, start)
    layout = struct.Struct(f">{count}{form}")
    return layout.unpack_from(body, start + 2), start + 2 + layout.size


def parameters(body: bytes, start: int, types: tuple[int, ...]) -> tuple[list[str | bytes | None], int]:
    """
    Return the parameters at *start*, and where they end: a list of formats, then the values.
    """
    formats, start = integers(body, start, "H")
    (count,), start = struct.unpack_from(">H", body, start), start + 2
    if len(formats) not in {0, 1, count}:
        raise ValueError("neither none, nor one, nor as many formats as parameters")
    found: list[str | bytes | None] = []
    for number in range(count):
        (length,), start = struct.unpack_from(">i", body, start), start + 4
        if length < 0:
            found.append(None)  # SQL's NULL
            continue
        raw = body[start : (start := start + length)]
        binary = formats[0 if len(formats) == 1 else number] if formats else 0
        found.append(readable(raw, types[number] if number < len(types) else 0) if binary else raw)
    return found, start


def readable(raw: bytes, type_oid: int) -> str | bytes:
    """
    Return a binary parameter as text if its type is simple, else in base64.
    """
    form = NUMBERS.get(type_oid)
    if form is not None and struct.calcsize(form) == len(raw):
        return str(struct.unpack(form, raw)[0])
    if type_oid == 16 and len(raw) == 1:
        return "f" if raw == b"\0" else "t"
    if type_oid == 2950 and len(raw) == 16:
        return str(uuid.UUID(bytes=raw))
    return raw if type_oid in TEXTS else base64.b64encode(raw).decode()


def affected_rows(tag: bytes) -> int:
    """
    Return the number at the end of a CommandComplete, as ``INSERT 0 5``; 0 for one without, as ``BEGIN``.
    """
    number = tag[:-1].rpartition(b" ")[2]
    return int(number) if number.isdigit() else 0


def error_text(body: bytes) -> tuple[str, bool]:
    """
    Return an ErrorResponse as ``ERROR: message (SQLSTATE 42501)``, and whether it ends the connection.
    """
    fields = {field[:1]: text(field[1:]) for field in body.split(b"\0")}
    severity = fields.get(b"S", "ERROR")  # in the server's language; V is always in English
    fatal = fields.get(b"V", severity) in {"FATAL", "PANIC"}
    return f"{severity}: {fields.get(b'M', '')} (SQLSTATE {fields.get(b'C', '')})", fatal


# -- 2. messages to events ---------------------------------------------------------------------------


@dataclass(slots=True)
class Awaited:
    """
    A client's message that the server has not answered yet.
    """

    kind: bytes
    recorded: bool = False  # as a statement, so that a result must follow
    max_rows: int = 0  # of an Execute
    name: bytes = b""  # of the statement that a Describe asks about


class Conversation:
    """
    What a client and the server say to each other, written into a recordkit session.

    The server answers in order, so a queue of the messages that await an answer tells what each
    answer, and above all each error, belongs to. After an error in one of Parse, Bind, Describe,
    Execute and Close the server skips everything up to the next Sync.
    """

    def __init__(self, session: recordkit.RecordingSession) -> None:
        self.session = session
        self.ended = False  # as it should: by Terminate, or by a refused login
        self._from_client, self._from_server = Framer(FROM_CLIENT), Framer(FROM_SERVER)
        self._awaited: deque[Awaited] = deque()
        self._types: dict[bytes, tuple[int, ...]] = {}  # of parameters, by statement
        self._rows = 0
        self._error: str | None = None  # not yet in a result
        self._skipping = self._copying = False

    def client_says(self, chunk: bytes) -> None:
        """
        Record what the client is about to ask for.
        """
        for kind, body in self._from_client.feed(chunk):
            match kind:
                case b"X":
                    self.ended = True
                    return
                case b"":
                    self._malformed(body)
                case b"c" | b"f":
                    self._copying = False
                case b"S":
                    if not self._copying:
                        self._awaited.append(Awaited(kind))
                case _:
                    self._awaited.append(self._record(kind, body))

    def _record(self, kind: bytes, body: bytes) -> Awaited:
        awaited = Awaited(kind)
        try:
            event = self._event(awaited, body)
        except (ValueError, IndexError, struct.error):
            self._malformed(HEADER.pack(kind, len(body) + 4) + body)
            return awaited
        if kind == b"Q":
            self.session.query(event["db_query"])
        elif event:
            self.session.emit(event)
        awaited.recorded = kind in {b"Q", b"E", b"F"}
        return awaited

    def _malformed(self, packet: bytes) -> None:
        payload = base64.b64encode(packet).decode()
        self.session.emit({"event": "db.session.malformed_packet", "payload": payload})

    def _event(self, message: Awaited, body: bytes) -> dict[str, Any]:
        event: dict[str, Any] = {}
        match message.kind:
            case b"Q":
                (sql,), end = strings(body, 1)
                event = {"db_query": sql}  # bytes: in whatever encoding, recordkit keeps them exactly
            case b"P":
                (name, sql), end = strings(body, 2)
                types, end = integers(body, end, "I")
                if len(self._types) >= 10_000:  # of statements that were dropped by SQL, most likely
                    self._types.clear()
                self._types[name] = types
                event = {"event": f"{STATEMENTS}.parse", "statement_name": text(name), **exact_text("query", sql)}
            case b"B":
                (portal, name), end = strings(body, 2)
                values, end = parameters(body, end, self._types.get(name, ()))
                _, end = integers(body, end, "H")
                event = {"event": f"{STATEMENTS}.bind", "statement_name": text(name), "portal_name": text(portal)}
                event |= exact_texts("parameters", values)
            case b"D":
                (message.name,), end = strings(body, 1, 1)
            case b"E":
                (portal,), end = strings(body, 1)
                (message.max_rows,), end = struct.unpack_from(">I", body, end), end + 4
                event = {"event": f"{STATEMENTS}.execute", "portal_name": text(portal)}
            case b"C":
                (name,), end = strings(body, 1, 1)
                event = {"event": f"{STATEMENTS}.close", "statement_name": "", "portal_name": ""}
                event["statement_name" if body[:1] == b"S" else "portal_name"] = text(name)
            case _:
                (function,) = struct.unpack_from(">I", body)
                values, end = parameters(body, 4, ())
                end += 2  # the result's format
                event = {"event": "db.session.postgres.function", "function_oid": function}
                event |= exact_texts("function_args", values)
        if end != len(body):
            raise ValueError("the fields don't fill the message")
        return event

    def server_says(self, chunk: bytes) -> None:
        """
        Record what came of it.
        """
        for kind, body in self._from_server.feed(chunk):
            head = self._awaited[0] if self._awaited else Awaited(b"")
            match kind:
                case b"C":
                    self._rows += affected_rows(body)
                case b"s":
                    self._rows = head.max_rows
                case b"t":
                    self._types[head.name] = integers(body, 0, "I")[0]
                case b"G" if head.kind == b"E":
                    # Until this COPY FROM STDIN is over the server swallows Sync, also one that is on its way.
                    self._copying = True
                    self._awaited = deque(message for message in self._awaited if message.kind != b"S")
                case b"E":
                    self._failed(head, body)
                case b"Z":
                    self._ready()
                case b"":
                    raise RefusedError("the server does not speak PostgreSQL's protocol")
            if ANSWERED_BY.get(kind) == head.kind:
                self._finish(self._awaited.popleft())

    def _finish(self, message: Awaited) -> None:
        if message.recorded:
            failed = self._error is not None
            rows = None if failed and self._rows == 0 else self._rows
            self.session.result(affected_records=rows, success=not failed, error=self._error)
            self._rows, self._error = 0, None
        if message.kind == b"E":
            self._copying = False

    def _failed(self, head: Awaited, body: bytes) -> None:
        error, fatal = error_text(body)
        self._error = self._error or error
        if fatal:  # the server's last words
            if head.recorded:
                self._finish(self._awaited.popleft())
            self._stray_error()
        elif head.kind in {b"P", b"B", b"D", b"E", b"C"} and not self._skipping:
            self._skipping = True
            self._finish(self._awaited.popleft())  # if it is no Execute, the error goes to the Execute that follows
        elif not head.recorded:
            self._stray_error()

    def _ready(self) -> None:
        while self._awaited:
            message = self._awaited.popleft()
            if message.kind == b"S" or (message.kind in {b"Q", b"F"} and not self._skipping):
                self._finish(message)
                break
            if message.recorded:
                self._error = self._error or SKIPPED
                self._finish(message)
        self._stray_error()
        self._skipping, self._rows = False, 0

    def _stray_error(self) -> None:
        if self._error is not None:
            self.session.emit({"event": "postgres_proxy.error", "success": False, "error": self._error})
            self._error = None


# -- 3. sockets --------------------------------------------------------------------------------------

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def split_address(address: str) -> tuple[str, int]:
    """
    Return host and port.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"expected HOST:PORT or /DIRECTORY:PORT, found {address!r}")
    return host.strip("[]"), int(port)


async def connect(address: str) -> Line:
    """
    Connect to HOST:PORT, or to PORT in a directory of Unix sockets.

    Proxies must set TCP_NODELAY on both their lines, else many a round trip takes 40 ms more; asyncio does.
    """
    host, port = split_address(address)
    try:
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}", limit=CHUNK_BYTES)
        return await asyncio.open_connection(host, port, limit=CHUNK_BYTES)
    except OSError as error:
        raise RefusedError(f"no connection to the server {address}: {error}") from error


async def read_startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
    """
    Return the code of the client's first packet, which has no letter, and the packet; refuse encryption.
    """
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack(">II", head)
        if not 8 <= length <= MAX_STARTUP_BYTES:
            raise RefusedError("this is a PostgreSQL proxy, without TLS")
        packet = head + await reader.readexactly(length - 8)
        if code not in {SSL_REQUEST, GSSENC_REQUEST}:
            return code, packet
        writer.write(b"N")


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[bytes, bytes]:
    """
    Move one message of the login, and return its kind and body.
    """
    header = await reader.readexactly(HEADER.size)
    kind, length = HEADER.unpack(header)
    if not 4 <= length <= MAX_LOGIN_BYTES:
        raise RefusedError(f"a message of {length} bytes in the login")
    body = await reader.readexactly(length - 4)
    writer.write(header + body)
    return kind, body


async def login(client: Line, server: Line) -> dict[str, Any]:
    """
    Pass on the login and return what came of it, as fields of ``db.session.start``.

    Nothing but passwords is read from the client, so that no statement can come before that event.
    """
    fields: dict[str, Any] = {}
    while True:
        kind, body = await pass_on(server[0], client[1])
        match kind:
            case b"R":  # Authentication...: what the server wants to see
                wanted = int.from_bytes(body[:4])
                if wanted in {7, 8, 9}:
                    raise RefusedError("GSSAPI and SSPI can't pass through a proxy; use SCRAM or a password")
                if wanted in {3, 5, 10, 11}:  # password in clear text, by MD5; SASL begins, goes on
                    await pass_on(client[0], server[1])
            case b"K":  # BackendKeyData
                fields["postgres_pid"] = int.from_bytes(body[:4])
            case b"E":
                return fields | {"success": False, "error": error_text(body)[0]}
            case b"Z":
                return fields | {"success": True}


async def relay(conversation: Conversation, client: Line, server: Line) -> None:
    """
    Move bytes both ways until one side is done; each chunk is recorded, then sent on.
    """
    (from_client, to_client), (from_server, to_server) = client, server
    room = conversation.session.room  # waits while the recorder is short of memory: a slow disk slows the line

    async def upstream() -> bool:
        while chunk := await from_client.read(CHUNK_BYTES):
            await room()
            conversation.client_says(chunk)
            to_server.write(chunk)
            try:
                await to_server.drain()
            except ConnectionError:
                return True
            if conversation.ended:
                return True
        return False

    async def downstream() -> None:
        while chunk := await from_server.read(CHUNK_BYTES):
            await room()
            conversation.server_says(chunk)
            if conversation.ended and to_client.is_closing():
                continue  # the client said goodbye and does not listen; we still want the results
            to_client.write(chunk)
            try:
                await to_client.drain()
            except ConnectionError:
                if not conversation.ended:
                    raise

    up, down = asyncio.create_task(upstream()), asyncio.create_task(downstream())
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if not up.done() or up.result():  # the server has the last word, unless the client vanished
            await down
    finally:
        up.cancel()
        down.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


class Proxy:
    """
    Accepts clients, connects each to the server, and records them into *recorder*.

    *constant_fields* are put into all events: ``cluster_name=...``, ``user=...`` instead of the database user.
    """

    def __init__(self, recorder: recordkit.Recorder, server: str, **constant_fields: str) -> None:
        self._recorder, self._server = recorder, server
        self._fields = {"db_service": server, "db_protocol": "postgres", "db_uri": server} | constant_fields
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, listen: str) -> str:
        """
        Listen at HOST:PORT and return the address; port 0 becomes a free one.
        """
        self._listener = await asyncio.start_server(self._accept, *split_address(listen), limit=CHUNK_BYTES)
        host, port, *_ = self._listener.sockets[0].getsockname()
        return f"{host}:{port}"

    async def close(self) -> None:
        """
        Cut all lines; their recordings are interrupted.
        """
        self._listener.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(STARTUP_TIMEOUT_S):
                code, packet = await read_startup(reader, writer)
            if code == CANCEL_REQUEST:  # on a connection of its own, which the server closes without a word
                answers, to_server = await connect(self._server)
                with contextlib.closing(to_server):
                    to_server.write(packet)
                    await answers.read()
            else:
                await self._record(packet, (reader, writer))
        except (OSError, EOFError):
            pass  # a broken line: the recording tells
        except (RefusedError, recordkit.RecordKitError, struct.error) as error:
            log.warning("%s", error)
            body = f"SFATAL\0VFATAL\0C58000\0Mpostgres_proxy: {error}\0\0".encode()
            writer.write(HEADER.pack(b"E", len(body) + 4) + body)
        finally:
            writer.close()

    async def _record(self, packet: bytes, client: Line) -> None:
        pairs = [text(part) for part in packet[8:].split(b"\0")]
        startup = dict(zip(pairs[::2], pairs[1::2], strict=False))
        user = startup.get("user", "")
        fields: dict[str, Any] = {"user": user, "db_user": user, "db_name": startup.get("database", user)}
        host, port, *_ = client[1].get_extra_info("peername") or ("", 0)
        outcome: dict[str, Any] = {"success": False, "error": "the line broke during the login"}
        known = {"addr.remote": f"{host}:{port}", "user_agent": startup.get("application_name", "")}
        session = self._recorder.session(start=False, **fields | self._fields)
        conversation = Conversation(session)
        with contextlib.ExitStack() as at_the_end:
            at_the_end.callback(lambda: session.close(interrupted=not conversation.ended, wait=False))
            try:
                server = await connect(self._server)
                at_the_end.callback(server[1].close)
                server[1].write(packet)
                outcome = await login(client, server)
                conversation.ended = not outcome["success"]
            except RefusedError as refusal:
                outcome["error"] = str(refusal)
                conversation.ended = True
                raise
            finally:
                session.start(**outcome | known)
            if not conversation.ended:
                await relay(conversation, client, server)


# -- the program -------------------------------------------------------------------------------------


async def say_if_unreachable(server: str) -> None:
    """
    Tell whoever starts us with a wrong address; the server may also come later, so nothing else happens.
    """
    try:
        async with asyncio.timeout(FIRST_LOOK_S):
            _, to_server = await connect(server)
    except (RefusedError, TimeoutError) as error:
        why = str(error) or f"no answer from the server {server}"
        print(f"postgres_proxy: {why}; clients are refused while that is so", file=sys.stderr, flush=True)
    else:
        to_server.close()


async def run(options: argparse.Namespace) -> None:
    """
    Serve until SIGINT or SIGTERM.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    given = {"user": options.user, "cluster_name": options.cluster_name, "db_service": options.db_service}
    with recordkit.Recorder(options.store) as recorder:
        proxy = Proxy(recorder, options.server, **{name: value for name, value in given.items() if value})
        print("listening on", await proxy.start(options.listen), file=sys.stderr, flush=True)
        await say_if_unreachable(options.server)
        await stop.wait()
        await proxy.close()


def main() -> None:
    """
    Read the command line and run.
    """
    parser = argparse.ArgumentParser(description="Record PostgreSQL sessions.")
    parser.add_argument("--listen", default="127.0.0.1:6432", help="HOST:PORT (%(default)s)")
    parser.add_argument("--server", default="127.0.0.1:5432", help="HOST:PORT or /SOCKET/DIRECTORY:PORT (%(default)s)")
    parser.add_argument("--store", default="recordings", help="directory of the recordings (%(default)s)")
    parser.add_argument("--user", help="who is behind the database user, if you know better")
    parser.add_argument("--cluster-name", help="recorded with every session")
    parser.add_argument("--db-service", help="the database's name in the recordings (the server's address)")
    logging.basicConfig(format="%(name)s: %(message)s")
    try:
        asyncio.run(run(parser.parse_args()))
    except (OSError, ValueError, recordkit.RecordKitError) as error:
        sys.exit(f"postgres_proxy: {error}")


if __name__ == "__main__":
    main()
