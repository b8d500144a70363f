"""
One session being recorded: what a proxy calls for each statement.

A call checks the event, appends it to a list and returns; that is all the caller pays. Every so many
bytes the caller's thread also writes the list's lines into the session's buffer, which is where ``ei``
and the order are fixed. Compressing and the disk are the recorder's thread's.

Nothing accepted is forgotten silently: closing waits for what another thread has just appended, and
what can't be written is counted as lost and named by a gap event.
"""

import threading
from collections import deque
from collections.abc import Sequence
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from recordkit.container.chunks import Counts
from recordkit.container.layout import INT64_MAX
from recordkit.container.writer import RecordingWriter
from recordkit.errors import ClosedError, InvalidEventError, RecordingWriteError
from recordkit.events import constructors
from recordkit.events.codec import Event
from recordkit.events.kinds import code_for
from recordkit.events.timestamps import format_time
from recordkit.recorder.lines import SessionLines
from recordkit.recorder.pending import Draft, Loss, Room
from recordkit.recorder.stats import Stats

if TYPE_CHECKING:
    from recordkit.recorder.recorder import Recorder

_ITEM_COST: Final = 256
"""Bytes charged for an item beside its line: tuple, list slot and objects."""


class RecordingSession:
    """
    Records one session; made by `Recorder.session`. A context manager, also of the ``async`` kind.

    Safe for several threads, and for asyncio code: `query`, `result` and `emit` never wait for the disk
    while the recorder's memory budget has room (see `room`). `flush` and `close` wait for it; asyncio
    code uses `aflush` and `aclose`.

    Left by an exception it is sealed as *interrupted*, with no end event.

        >>> with recorder.session(user="alice", db_protocol="postgres") as session:  # doctest: +SKIP
        ...     session.query("SELECT 1")
        ...     session.result(affected_records=1)

    Attributes:
        sid: The session's UUID.
    """

    def __init__(
        self,
        recorder: "Recorder",
        writer: RecordingWriter,
        constants: Event,
        *,
        verbatim: bool,
    ) -> None:
        self.sid = writer.sid
        self.writer = writer
        self._recorder = recorder
        self._verbatim = verbatim
        self._now_ns = recorder.clock.time_ns
        self._lines = SessionLines(self.sid, constants, verbatim=verbatim)
        self._query_template = self._lines.own_template(
            constructors.QUERY,
            failed=False,
            fixed={"event": constructors.QUERY, "code": code_for(constructors.QUERY, success=True), "success": True},
            body=b'"db_query":%b}\n',
        )
        self._items: list[tuple[Any, ...]] = []
        self._append = self._items.append
        self._step = self._room = recorder.step_bytes
        self._alarm = False
        self.lock = threading.Lock()
        self.drafts: deque[Draft] = deque()
        self._buffer: BytesIO | None = None
        self._counts = Counts()
        self.handed = 0
        self.settled = 0
        self.overflow: Loss | None = None
        self.refused: Loss | None = None
        self.error: OSError | None = None
        self._error_told = False
        self.waiting_since: float | None = None
        self._accepted = self.written = self.lost = self.slow = 0
        self.attempts = 0
        self.created = False
        self.closing = False
        self.interrupted = False
        self.finished = threading.Event()
        self.failure: Exception | None = None

    # ------------------------------------------------------------------ what happens in the session

    def start(
        self, *, success: bool = True, error: str | None = None, message: str | None = None, **fields: Any
    ) -> None:
        """
        Record ``db.session.start``; only for sessions that were made with ``start=False``.

        Raises:
            InvalidEventError: A field can't be recorded.
            ClosedError: The session is closed.
        """
        self.emit(constructors.start_event(success=success, error=error, message=message, fields=fields))

    def query(
        self,
        sql: str | bytes,
        parameters: Sequence[Any] | None = None,
        *,
        success: bool = True,
        error: str | None = None,
        message: str | None = None,
        **fields: Any,
    ) -> None:
        """
        Record a statement, before or after it is sent on.

        Args:
            sql: The statement. Bytes that are not UTF-8 are kept without loss (``recordkit.db_query_bytes``).
            parameters: Text, bytes, None for NULL, or other JSON scalars.
            success: False for a statement that was refused before it reached the database
                (``db.session.query.failed``).
            error: Why it was refused.
            message: The same for people.
            **fields: Other fields of this event, as ``db_name``.

        Raises:
            InvalidEventError: A field can't be recorded; nothing was.
            ClosedError: The session is closed.
            RecordingWriteError: The disk refused earlier events (``on_error="strict"``).
        """
        if parameters is None and success is True and error is None and message is None and not fields:
            try:
                line = _dumps(sql)
            except TypeError:  # bytes, or text that is no Unicode: below
                pass
            else:
                if type(sql) is str and not self._verbatim:
                    item = (self._query_template, self._now_ns(), line, None)
                    self._append(item)
                    self._room -= len(line) + _ITEM_COST
                    if self._room < 0 or self._alarm:
                        self._attend(item)
                    return
        self.emit(
            constructors.query_event(sql, parameters, success=success, error=error, message=message, fields=fields)
        )

    def result(
        self,
        *,
        affected_records: int | None = None,
        success: bool = True,
        error: str | None = None,
        message: str | None = None,
        columns: Sequence[Any] | None = None,
        rows: Sequence[Sequence[Any]] | None = None,
        **fields: Any,
    ) -> None:
        """
        Record the result of the statement before.

        Args:
            affected_records: Rows returned or changed, >= 0.
            success: Whether the database carried it out.
            error: Its error, as ``ERROR: permission denied (SQLSTATE 42501)``.
            message: The same for people.
            columns: Names, (name, type) pairs or objects; recorded only together with rows.
            rows: Result rows. Recorded only if the recorder was told to (``max_result_rows``), up to its limits.
            **fields: Other fields of this event.

        Raises:
            InvalidEventError, ClosedError, RecordingWriteError: As in `query`.
        """
        event = constructors.result_event(
            affected_records=affected_records, success=success, error=error, message=message, fields=fields
        )
        limits = self._recorder.result_limits
        if rows is not None and limits is not None:
            event |= constructors.result_rows(columns, rows, max_rows=limits[0], max_bytes=limits[1])
        self.emit(event)

    def emit(self, event: Event) -> None:
        """
        Record any event.

        What it leaves out is put in: ``ei``, ``uid``, ``time``, ``code``, ``sid`` and the session's constant
        fields; what it brings is kept. In a verbatim session nothing is put in.

        Args:
            event: A dict of JSON types with an ``event`` field. It is not changed and may be reused.

        Raises:
            InvalidEventError, ClosedError, RecordingWriteError: As in `query`.
        """
        item = self._lines.item(event, self._now_ns)
        size = len(item[2])
        if size > self._recorder.max_line_bytes:
            raise InvalidEventError(
                "", expected=f"at most {self._recorder.max_line_bytes} bytes as JSON", found=str(size)
            )
        self._append(item)
        self._room -= size + _ITEM_COST
        if self._room < 0 or self._alarm:
            self._attend(item)

    # ------------------------------------------------------------------ waiting

    def flush(self, *, sync: bool = False) -> None:
        """
        Wait until all events accepted so far are in the file.

        When it has returned, they survive the death of this process at any moment, also by ``kill -9``
        (promise P1); with *sync*, also a power cut, as far as the disk keeps what ``fsync`` says (P2). Under
        ``on_error="best_effort"`` a gap event may stand in place of events that the disk refused; `stats` says so.

        Blocks on the disk.

        Raises:
            ClosedError: The session is closed.
            RecordingWriteError: The disk refused events (``on_error="strict"``); they are kept and tried again.
        """
        with self.lock:
            if self.closing:
                raise ClosedError(f"session {self.sid} is closed")
            self._write_lines()
            self._write_overflow()
            self.hand_over()
            target = self.handed
        self._recorder.settle(self, target)
        if self.settled < target:
            raise self._write_error()
        if sync:
            try:
                self.writer.sync()
            except OSError as error:
                raise RecordingWriteError(
                    self.writer.path, error, hint="the events may not survive a power cut"
                ) from error

    async def aflush(self, *, sync: bool = False) -> None:
        """
        Do what `flush` does, in a thread.
        """
        import asyncio

        await asyncio.to_thread(self.flush, sync=sync)

    async def room(self) -> None:
        """
        Return when the recorder's memory budget has room, so that the next call will not wait.

        For asyncio code that records under ``overflow="block"``: await it before reading more from the client.
        """
        if self._recorder.has_room:
            return
        import asyncio

        await asyncio.to_thread(self._recorder.wait_for_room)

    def close(self, *, interrupted: bool = False, wait: bool = True) -> None:
        """
        End the session: write its end event, seal the recording. Closing twice is fine.

        Args:
            interrupted: The session broke off: no end event is written, the recording says *interrupted*.
            wait: Block until the recording is sealed; without it the recorder does so in the background, and
                `Recorder.close` waits for it.

        Raises:
            RecordingWriteError: The disk refused events or the sealing (``on_error="strict"``). What is in the file
                is found again, and sealed by the next recorder.
        """
        with self.lock:
            first = not self.closing
            if first:
                self._write_lines()
                self._write_overflow()
                if (
                    not interrupted
                    and not self._verbatim
                    and self._lines.started_ns is not None
                    and not self._lines.ended
                ):
                    self._write_end()
                self.interrupted = interrupted
                self.closing = True
                self._alarm = True
                # Another thread may have appended between; it looks at the alarm next and finds its event taken.
                self._write_lines()
                self.hand_over()
        if first:
            self._recorder.finish(self)
        if wait:
            self.finished.wait()
            failure, self.failure = self.failure, None
            if failure is not None and self._recorder.strict:
                raise failure

    async def aclose(self, *, interrupted: bool = False) -> None:
        """
        Do what `close` does, in a thread.
        """
        import asyncio

        await asyncio.to_thread(self.close, interrupted=interrupted)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close(interrupted=kind is not None)
        except RecordingWriteError:
            if kind is None:
                raise  # else: the caller's own error is on its way, and `stats` tells of ours

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.aclose(interrupted=kind is not None)
        except RecordingWriteError:
            if kind is None:
                raise

    @property
    def stats(self) -> Stats:
        """
        Counts so far; exact once the session is closed.
        """
        return Stats(self._accepted + len(self._items), self.written, self.lost, self.slow)

    # ------------------------------------------------------------------ the caller's side

    def _attend(self, item: tuple[Any, ...]) -> None:
        """
        Do what a call that has just appended *item* has to: write lines, wait for room, tell errors.
        """
        if self._alarm:
            self._answer_alarm(item)
        room = self._recorder.admit(self)
        with self.lock:
            self._room = self._recorder.step_bytes
            if room is Room.NONE:
                if self._recorder.drops:
                    self._drop("overflow")
                elif self._take_back(item):
                    raise self._write_error()
                return
            if room is Room.AFTER_WAIT:
                self.slow += len(self._items)
            self._write_lines()

    def _answer_alarm(self, item: tuple[Any, ...]) -> None:
        with self.lock:
            untold = self._recorder.strict and self.error is not None and not self._error_told
            if not self.closing and not untold:
                self._alarm = False
                return
            if not self._take_back(item):
                return  # it was taken before: accepted. The next call tells.
            if self.closing:
                raise ClosedError(f"session {self.sid} is closed")
            self._error_told = True
            self._alarm = False
            raise self._write_error()

    def _take_back(self, item: tuple[Any, ...]) -> bool:
        """
        Remove *item* from those that wait; False if it is not there any more.
        """
        kept = [other for other in self._items if other is not item]
        if len(kept) == len(self._items):
            return False
        self._items[:] = kept
        return True

    def _write_error(self) -> RecordingWriteError:
        cause = self.error or OSError(0, "unknown error")
        hint = "the events before this call are kept in memory and tried again; make room, or end the session"
        error = RecordingWriteError(self.writer.path, cause, hint=hint)
        error.__cause__ = cause
        return error

    def note_error(self, error: OSError | None) -> None:
        """
        Remember what the disk said last; None for success. For the recorder's thread.
        """
        self.attempts += 1
        if error is None:
            self.error = None if self._error_told or not self._recorder.strict else self.error
        else:
            self.error, self._error_told = error, False
            self._alarm = True

    def disown(self) -> None:
        """
        Refuse all further calls; for a forked child, in which nobody would write them.
        """
        self.lock = threading.Lock()
        self.closing = self._alarm = True
        self._items.clear()
        self.finished.set()

    # ------------------------------------------------------------------ under the lock

    def _write_lines(self) -> None:
        """
        Move the items that are there now into the buffer; hand the buffer over when it is full.
        """
        taken = len(self._items)
        if not taken:
            return
        items = self._items[:taken]
        del self._items[:taken]
        self._accepted += taken
        self._write_overflow()
        if self._buffer is None:
            self._buffer = self._recorder.buffers.take()
        before = self._buffer.tell()
        chunk_bytes = self._recorder.chunk_bytes
        if sum(len(item[2]) for item in items[:64]) > chunk_bytes or len(items) > 4096:
            self._write_large(items)
            return
        self._lines.write(items, self._buffer, self._counts)
        size = self._buffer.tell()
        self._recorder.grow(size - before)
        if size >= chunk_bytes:
            self.hand_over()

    def _write_large(self, items: list[tuple[Any, ...]]) -> None:
        """
        Write items one by one, so that no chunk holds more than one that is over the chunk size.
        """
        for item in items:
            if self._buffer is None:
                self._buffer = self._recorder.buffers.take()
            before = self._buffer.tell()
            if before and before + len(item[2]) > self._recorder.chunk_bytes:
                self.hand_over()
                self._buffer, before = self._recorder.buffers.take(), 0
            self._lines.write((item,), self._buffer, self._counts)
            self._recorder.grow(self._buffer.tell() - before)
        if self._buffer is not None and self._buffer.tell() >= self._recorder.chunk_bytes:
            self.hand_over()

    def hand_over(self) -> None:
        """
        Give the buffer to the recorder's thread, if there is anything in it.
        """
        if self._buffer is None or not self._counts.events:
            return
        draft = Draft(self._buffer, self._buffer.tell(), self._counts)
        self._buffer, self._counts = None, Counts()
        self.handed += 1
        self.waiting_since = None
        self.drafts.append(draft)
        self._recorder.ready(self)

    def flush_waiting(self) -> None:
        """
        Write and hand over all that waits; for the recorder's thread.
        """
        with self.lock:
            self._write_lines()
            self.hand_over()

    @property
    def waits(self) -> bool:
        """
        Whether anything is not handed over yet.
        """
        return bool(self._items) or self._buffer is not None

    def _write_end(self) -> None:
        stop_ns = self._now_ns() // 1000 * 1000
        user = self._lines.constants.get("user")
        event = constructors.end_event(
            start_ns=self._lines.started_ns or stop_ns,
            stop_ns=stop_ns,
            participants=[user] if isinstance(user, str) else [],
            fields={},
        )
        self._items.append(self._lines.item(event, lambda: stop_ns))

    def _drop(self, reason: str) -> None:
        taken = len(self._items)
        items = self._items[:taken]
        del self._items[:taken]
        self._accepted += taken
        self.lost += taken
        lines = self._lines
        for item in items:
            ei = lines.next_ei if item[3] is None else item[3]
            lines.next_ei = ei + 1
            if self.overflow is None:
                self.overflow = Loss(ei, ei, 1, reason, item[1] or self._now_ns())
            else:
                self.overflow.extend(ei, 1)

    def _write_overflow(self) -> None:
        """
        Write the gap event for what was dropped, now that there is room again.
        """
        loss, self.overflow = self.overflow, None
        if loss is None:
            return
        if self._buffer is None:
            self._buffer = self._recorder.buffers.take()
        before = self._buffer.tell()
        next_ei = self._lines.next_ei
        self._lines.write((self.gap_item(loss),), self._buffer, self._counts)
        self._lines.next_ei = next_ei
        self._accepted += 1
        self._recorder.grow(self._buffer.tell() - before)

    def gap_item(self, loss: Loss) -> tuple[Any, ...]:
        """
        Return the event that stands for *loss*.
        """
        event = constructors.gap_event(
            first_ei=min(loss.first_ei, INT64_MAX - 1), last_ei=loss.last_ei, count=loss.count, reason=loss.reason
        )
        event |= {"time": format_time(loss.time_ns), "sid": self.sid}
        return self._lines.item(event, self._now_ns)

    def gap_chunk(self, loss: Loss) -> tuple[bytes, Counts]:
        """
        Return the line, and its counts, of a chunk that holds nothing but the gap event for *loss*.
        """
        with self.lock:
            out, counts = BytesIO(), Counts()
            next_ei = self._lines.next_ei
            self._lines.write((self.gap_item(loss),), out, counts)
            self._lines.next_ei = next_ei
            self._accepted += 1
        return out.getvalue(), counts


_dumps = orjson.dumps
