"""
One session being recorded: what a proxy calls for each statement.

A call checks the event, appends it to a list and returns; that is all the caller pays. Every so many
bytes the caller's thread also writes the list's lines into the session's buffer, which is where ``ei``
and the order are fixed. Compressing and the disk are the recorder's thread's.

Nothing accepted is forgotten silently: closing waits for what another thread has just appended, and
what can't be written is counted as lost and named by a gap event.
"""

import threading
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from recordkit.container.writer import RecordingWriter
from recordkit.errors import ClosedError, InvalidEventError, RecordingWriteError
from recordkit.events import constructors
from recordkit.events.codec import LINE_OPTIONS, Event, check_finite
from recordkit.events.kinds import code_for
from recordkit.recorder.backlog import Backlog
from recordkit.recorder.lines import SessionLines
from recordkit.recorder.pending import Room
from recordkit.recorder.refusals import write_error
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

    # For the recorder and its threads:
    #   backlog      events on their way to the disk
    #   written      events that the disk has taken
    #   settled      drafts that were written or let go
    #   attempts     how often its drafts were, or are being, written
    #   refused      which of them the disk refused last
    #   error        what it said last, until it takes something and the caller was told
    #   abandoned    it refused to the end
    #   created      there is a file
    #   closing      no event is accepted any more
    #   written_out  no draft is to come any more: the file is the sealer's
    #   sealed       it has sealed it
    #   finished     nothing is to be done any more
    #   failure      what `close` has to raise

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
        lines = SessionLines(self.sid, constants, verbatim=verbatim)
        self._lines = lines
        self._brings_nothing, self._own, self._own_failed = lines.reserved.isdisjoint, lines.own, lines.own_failed
        # Its template has fields beside the constants, and no line may have one twice.
        self._query_template = (
            lines.own_template(
                constructors.QUERY,
                failed=False,
                fixed={
                    "event": constructors.QUERY,
                    "code": code_for(constructors.QUERY, success=True),
                    "success": True,
                },
                body=b'"db_query":',
            )
            if not verbatim and _OF_QUERIES.isdisjoint(constants)
            else None
        )
        self.backlog = Backlog(lines, recorder, now_ns=self._now_ns, ready=partial(recorder.ready, self))
        self._append = self.backlog.items.append
        self._room = recorder.step_bytes // 2  # until the next call that has to attend to more than its event
        self._alarm = False
        self._error_told = False
        self._handed_in = False
        self._slow = 0
        self.written = 0
        self.settled = 0
        self.attempts = self.refused = 0
        self.error: OSError | None = None
        self.abandoned = self.created = self.closing = self.written_out = self.sealed = self.finished = False
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
        template = self._query_template
        if parameters is None and success is True and error is None and message is None and not fields and template:
            try:
                if not isinstance(sql, str):
                    sql = sql.decode()
                line = _dumps(sql) + b"}\n"  # and in its own size: what orjson returns for text holds 4 KiB
            except (TypeError, AttributeError, UnicodeDecodeError):  # no Unicode, or no text at all: below
                pass
            else:
                item = (template, self._now_ns(), line, None)
                self._append(item)
                room = self._room = self._room - len(line) - _ITEM_COST
                if room < 0 or self._alarm:
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
        try:
            if self._brings_nothing(event):
                failed = "success" in event and event["success"] is False
                template = (self._own_failed if failed else self._own)[event["event"]]
                line = _dumps(event, None, LINE_OPTIONS)[_BEHIND_BRACE]
                if line.count(b"null"):  # takes half the time of `in`
                    check_finite(event)
                item = (template, self._now_ns(), line, None)
            else:
                item = self._lines.item(event, self._now_ns)
                line = item[2]
        except (KeyError, TypeError, AttributeError, RecursionError):
            item = self._lines.item(event, self._now_ns)  # a kind that is new, or an error that it names
            line = item[2]
        self._append(item)
        room = self._room = self._room - len(line) - _ITEM_COST
        if room < 0 or self._alarm:
            self._attend(item)

    def flush(self, *, sync: bool = False) -> None:
        """
        Wait until all events accepted so far are in the file.

        When it has returned, they survive the death of this process at any moment, also by ``kill -9``
        (promise P1); with *sync*, also a power cut, as far as the disk keeps what ``fsync`` says (P2). Under
        ``on_error="best_effort"`` a gap event stands in place of events that the disk refused, as soon as it takes
        one; `stats` says so.

        Blocks on the disk.

        Raises:
            ClosedError: The session is closed.
            RecordingWriteError: The disk refused events (``on_error="strict"``); they are kept and tried again.
                Or it refused to sync.
        """
        backlog = self.backlog
        with backlog.lock:
            if self.closing:
                raise ClosedError(f"session {self.sid} is closed")
            backlog.write_all()
            backlog.hand_over()
            target = backlog.handed
        self._recorder.settle(self, target)
        if self.settled < target:
            with backlog.lock:
                self._error_told = True
                raise self._write_error()
        if sync and self.created:
            self._sync()

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
        recorder = self._recorder
        if recorder.lets_in(self):
            return
        import asyncio

        # Not in a thread: waiting ones would fill asyncio's few, and with them all else that runs there.
        loop = asyncio.get_running_loop()
        while not recorder.lets_in(self):
            told = asyncio.Event()
            recorder.tell_room(partial(loop.call_soon_threadsafe, told.set))
            if not recorder.lets_in(self):
                await told.wait()

    def close(self, *, interrupted: bool = False, wait: bool = True) -> None:
        """
        End the session: write its end event, seal the recording. Closing twice is fine.

        Args:
            interrupted: The session broke off: no end event is written, the recording says *interrupted*.
            wait: Block until the recording is sealed; without it the recorder does so in the background, and
                `Recorder.close` waits for it.

        Raises:
            RecordingWriteError: The disk refused events or the sealing (``on_error="strict"``), or even the gap event
                that was to name what is lost (``best_effort``). What is in the file is found again, and sealed by
                the next recorder.
        """
        with self.backlog.lock:
            if not self._handed_in:
                # From here on a call that has appended its event meets the alarm, and takes it back itself.
                self.closing = self._alarm = True
                self._write_last(ended=not interrupted and not self._verbatim)
                self.backlog.hand_over()
                self._recorder.finish(self)
                self._handed_in = True
        if wait:
            self._recorder.wait_for_end(self)
            failure, self.failure = self.failure, None
            if failure is not None:
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
        backlog = self.backlog
        waiting = 0 if self.closing else len(backlog.items)
        return Stats(backlog.accepted + waiting, self.written, backlog.lost, self._slow)

    def _attend(self, item: tuple[Any, ...]) -> None:
        """
        Do what a call that has just appended *item* has to: write lines, wait for room, tell errors.
        """
        backlog = self.backlog
        size = len(item[2])
        if size > backlog.longest_event:
            with backlog.lock:
                if backlog.take_back(item):
                    expected = f"at most {backlog.longest_event} bytes as JSON"
                    raise InvalidEventError("", expected=expected, found=f"{size} bytes")
        if self._alarm:
            with backlog.lock:
                self._answer_alarm(item)
        if self._room >= 0:
            return
        step_bytes = self._recorder.step_bytes
        if self._room > -step_bytes // 2 and self._recorder.busy.take_on(self, step_bytes):
            self._room += step_bytes // 2
            return
        room = self._recorder.admit(self)
        with backlog.lock:
            if self.closing:
                self._refuse_late(item)
            elif room is not Room.NONE:
                if room is Room.AFTER_WAIT:
                    self._slow += len(backlog.items)
                backlog.write_lines()
                self._room = self._recorder.step_bytes
            elif self._recorder.drops:
                backlog.drop("overflow")
                self._room = self._recorder.step_bytes
            elif backlog.take_back(item):  # `_room` stays below zero: the next call asks again
                raise self._write_error()

    def _answer_alarm(self, item: tuple[Any, ...]) -> None:
        if self.closing:
            self._refuse_late(item)
        elif not self._recorder.strict or self.error is None or self._error_told:
            self._alarm = False
        elif self.backlog.take_back(item):  # else it was taken before, and is accepted; the next call tells
            self._error_told = True
            self._alarm = False
            raise self._write_error()

    def _refuse_late(self, item: tuple[Any, ...]) -> None:
        """
        Refuse *item*, unless closing the session took it along.
        """
        if self.backlog.take_back(item):
            raise ClosedError(f"session {self.sid} is closed")

    def _write_last(self, *, ended: bool) -> None:
        """
        Write what waits, and the end event if the session *ended* and began.
        """
        backlog, lines = self.backlog, self._lines
        try:
            backlog.write_all()
            if ended and lines.started and not lines.ended:
                backlog.put_end()
        except Exception as error:  # a session must end, whatever happens to it
            self.failure = error

    def _sync(self) -> None:
        try:
            self.writer.sync()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and self.closing:
                self._recorder.wait_for_end(self)  # it was sealed under our hands, and that syncs it
                if self.sealed:
                    return
            hint = "the events may not survive a power cut"
            raise RecordingWriteError(self.writer.path, error, hint=hint) from error

    def _write_error(self) -> RecordingWriteError:
        hint = "the events before this call are kept in memory and tried again; make room, or end the session"
        if self.abandoned:
            hint = "the session has ended meanwhile, and its last events are lost"
        return write_error(self.writer.path, self.error, hint)

    # ------------------------------------------------------------------ for the recorder's thread

    def note_error(self, error: OSError | None) -> None:
        """
        Remember what the disk said last; None for success.
        """
        with self.backlog.lock:
            if error is not None:
                self.error, self._error_told = error, False
                self.refused = self.attempts
                self._alarm = True
            elif self._error_told or not self._recorder.strict:
                self.error = None

    def write_waiting(self, *, hand_over: bool) -> None:
        """
        Write all that waits into the buffer, and hand that over if told to.
        """
        with self.backlog.lock:
            if self.closing:
                return  # what stands there now came too late; its own call refuses it
            self.backlog.write_all()
            if self._recorder.has_room:
                self._room = self._recorder.step_bytes
            if hand_over:
                self.backlog.hand_over()

    def disown(self) -> None:
        """
        Refuse all further calls; for a forked child, in which nobody would write them.
        """
        self.backlog.lock = threading.Lock()  # new ones: who held the old ones does not live here
        self.closing = self._alarm = self._handed_in = True
        self.backlog.items.clear()
        self.finished = True


_OF_QUERIES: Final = frozenset({"success", "db_query"})
_dumps: Final = orjson.dumps
_BEHIND_BRACE: Final = slice(1, None)  # one that is ready takes three quarters of the time
