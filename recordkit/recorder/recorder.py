"""
Records many sessions into one store.

    callers ─▶ sessions (items, buffers) ─▶ one writer's thread (compress, write) ─▶ a few sealers (index, sync)

The writer's thread looks at all sessions every so often rather than being woken by each: a wake-up costs
more than recording a hundred events. It is woken when somebody waits: for a flush, an end, or room.

Each recorder holds a lock file as long as it lives; by that others know which open recordings were left
by the dead. Every recorder that starts seals what dead ones left.
"""

import logging
import secrets
import threading
import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from recordkit.clock import Clock, SystemClock
from recordkit.container import RecordingWriter
from recordkit.container.files import Files, OsFiles
from recordkit.container.signatures import KeySource, load_signing_key
from recordkit.container.summary import ATTRIBUTES
from recordkit.errors import ClosedError, DuplicateSessionError, RecordingWriteError
from recordkit.events.ids import new_sid, parse_sid
from recordkit.limits import KIB, MIB
from recordkit.recorder.budget import Budget
from recordkit.recorder.busy import TICK_S, BusySessions
from recordkit.recorder.constants import check_constants
from recordkit.recorder.drafts import DraftWriter
from recordkit.recorder.life import living
from recordkit.recorder.pending import BufferPool, Room, SpareCompressor
from recordkit.recorder.recompression import Recompressor
from recordkit.recorder.refusals import write_error
from recordkit.recorder.sealer import Sealer
from recordkit.recorder.session import RecordingSession
from recordkit.store.owners import take
from recordkit.store.paths import create_store, open_path, sealed_path
from recordkit.version import __version__

_log: Final = logging.getLogger("recordkit.recorder")

_BUSY_TICK_S: Final = 0.02
"""How often full buffers are looked for while events come; 20 ms of them fill a few megabytes."""


class Recorder:
    """
    Records sessions into the store *path*; thread-safe, a context manager.

    Several recorders, in one process or in many, may record into one store at once. It does not decide what
    is worth recording, nor when old recordings go.

        >>> with Recorder("recordings") as recorder:  # doctest: +SKIP
        ...     with recorder.session(user="alice", db_protocol="postgres") as session:
        ...         session.query("SELECT 1")

    Attributes:
        path: The store.
        owner: Hex id of this recorder; it stands in the header of what it records.
        clock: Where event times come from.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        flush_interval_s: float = 1.0,
        chunk_bytes: int = 256 * KIB,
        memory_budget: int = 64 * MIB,
        overflow: Literal["block", "drop"] = "block",
        on_error: Literal["strict", "best_effort"] = "strict",
        max_result_rows: int = 0,
        max_result_bytes: int = MIB,
        max_recompress_s: float = 5.0,
        signing_key: KeySource | None = None,
        clock: Clock | None = None,
        files: Files | None = None,
    ) -> None:
        """
        Open the store, which is made if there is none, and start sealing what dead recorders left.

        Args:
            path: A directory.
            flush_interval_s: An event is in its file after about so many seconds, > 0, even without `flush`.
            chunk_bytes: Lines per chunk before compression, 4 KiB to 64 MiB. Smaller: finer seeking. Larger: smaller
                files.
            memory_budget: Bytes held for all sessions together, >= 64 KiB. When half of it is used, the oldest
                buffers are written first.
            overflow: What a call does when the budget is used up: wait (``block``), or give the event up and leave
                a ``recordkit.gap`` event that says what is missing (``drop``).
            on_error: What a refused write does: raise at the session's next call and be tried again (``strict``),
                or become a gap event (``best_effort``).
            max_result_rows: Result rows to record per result; 0 records none.
            max_result_bytes: Bytes of cells to record per result.
            max_recompress_s: Seconds, >= 0, that sealing a recording may spend in the background on compressing it
                harder, where that makes it at least a twentieth smaller; what there is no time for stays as it was
                written. `RecordingSession.close` waits so much longer at most, and so does `close`, for all sessions
                together. 0: recordings stay as they were written.
            signing_key: Signs each recording as it is sealed: an Ed25519 private key's file, its content as bytes, or
                a loaded key; see `recordkit keygen`.
            clock: Default: the machine's.
            files: Default: the operating system's.

        Raises:
            ValueError: An argument is out of its range, or *signing_key* is no such key.
            StoreError: *path* is no directory.
            OSError: The store can't be made or locked, or the key not be read.
            MissingDependencyError: *signing_key* needs the package cryptography.
        """
        if not flush_interval_s > 0:
            raise ValueError(f"flush_interval_s: expected seconds > 0, found {flush_interval_s}")
        if not 4 * KIB <= chunk_bytes <= 64 * MIB:
            raise ValueError(f"chunk_bytes: expected 4096 to 67108864, found {chunk_bytes}")
        if overflow not in ("block", "drop"):
            raise ValueError(f"overflow: expected 'block' or 'drop', found {overflow!r}")
        if on_error not in ("strict", "best_effort"):
            raise ValueError(f"on_error: expected 'strict' or 'best_effort', found {on_error!r}")
        if max_result_rows < 0 or max_result_bytes < 0:
            raise ValueError("max_result_rows and max_result_bytes: expected numbers >= 0")
        if not max_recompress_s >= 0:
            raise ValueError(f"max_recompress_s: expected seconds >= 0, found {max_recompress_s}")
        key = None if signing_key is None else load_signing_key(signing_key)
        self.path = Path(path).absolute()
        self.owner = secrets.token_hex(16)
        self.clock = clock or SystemClock()
        self.chunk_bytes = chunk_bytes
        self.drops = overflow == "drop"
        self.strict = on_error == "strict"
        self.result_limits = (max_result_rows, max_result_bytes) if max_result_rows else None
        self.buffers = BufferPool(keep=32, max_bytes=2 * chunk_bytes)
        self.spare = SpareCompressor()
        self._interval_s = flush_interval_s
        self._files = files or OsFiles()
        self._budget = Budget(memory_budget)
        self._writer = DraftWriter(self.path, strict=self.strict, budget=self._budget, buffers=self.buffers)
        self._sealer = Sealer(
            self.path,
            chunk_bytes=chunk_bytes,
            files=self._files,
            signing_key=key,
            recompressor=Recompressor(max_recompress_s, self.clock.monotonic),
            now_ns=self.clock.time_ns,
        )
        self._sessions: dict[str, RecordingSession] = {}
        self._ready: deque[RecordingSession] = deque()
        self._finishing: deque[RecordingSession] = deque()
        self._refused: set[RecordingSession] = set()
        self._failed: list[RecordingSession] = []
        self._looked_s = self._retried_s = -flush_interval_s
        self._wake = threading.Event()
        self.busy = BusySessions(self._budget, self._wake)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = self._stopping = self._ended = False
        create_store(self.path)
        self._owner_lock = take(self.path, self.owner)
        self._sealer.recover()
        living.add(self)

    # ------------------------------------------------------------------ for the proxy's author

    def session(
        self,
        *,
        sid: str | uuid.UUID | None = None,
        start: bool = True,
        verbatim: bool = False,
        **fields: Any,
    ) -> RecordingSession:
        """
        Begin a session and record its ``db.session.start``.

        Args:
            sid: Its UUID; default: a new random one.
            start: False leaves ``db.session.start`` to the caller (`RecordingSession.start`), as when users are
                created before it or the login may fail.
            verbatim: Record events of another program exactly as they are: nothing is put in, no start and no end
                is written. ``sid`` must be given.
            **fields: Fields that every event of the session has: ``user``, ``cluster_name``, ``db_service``,
                ``db_protocol``, ``db_type``, ``db_name``, ``db_user``, …; others are kept as they are, with a warning
                in the log if one looks like a misspelt name.

        Raises:
            InvalidEventError: *sid* is no UUID, a field can't be recorded, or one of the seven above is no text.
            DuplicateSessionError: There is a recording of this sid.
            ClosedError: The recorder is closed.
        """
        if verbatim and sid is None:
            raise ValueError("sid: a verbatim session needs the sid of its events")
        name = new_sid() if sid is None else parse_sid(sid)
        if not verbatim:
            check_constants(fields)
        writer = RecordingWriter(
            open_path(self.path, name),
            sid=name,
            owner=self.owner,
            created_ns=self.clock.time_ns(),
            attributes={key: fields[key] for key in ATTRIBUTES if isinstance(fields.get(key), str)}
            | {"writer": f"recordkit/{__version__}"},
            files=self._files,
        )
        session = RecordingSession(self, writer, {} if verbatim else fields, verbatim=verbatim)
        with self._lock:
            self._check_open()
            if name in self._sessions or (sid is not None and self._exists(name)):
                raise DuplicateSessionError(f"{self.path}: there is already a recording of session {name}")
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="recordkit-writer", daemon=True)
                thread.start()
                self._thread = thread
            self._sessions[name] = session
            self._budget.set_aside(len(self._sessions))
        if start and not verbatim:
            try:
                session.start()
            except BaseException:
                with self._lock:
                    self._sessions.pop(name, None)
                raise
        self._wake.set()
        return session

    def close(self) -> None:
        """
        Write all that waits, seal all sessions, end the threads. Closing twice is fine.

        Sessions that nobody has ended are sealed as interrupted. Blocks on the disk.

        Raises:
            RecordingWriteError: As in `RecordingSession.close`, of a session whose end was not waited for.
        """
        with self._lock:
            if self._ended:
                return
            self._closed = True
            sessions = list(self._sessions.values())
        self._sealer.hurry()
        # Ctrl-C may break this off anywhere: done again, it goes on from there.
        for session in sessions:
            session.close(interrupted=True, wait=False)
        for session in sessions:
            self.wait_for_end(session)
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._sealer.close()
        self._owner_lock.release()
        living.discard(self)
        self._ended = True
        for session in self._failed:
            if session.failure is not None:
                raise session.failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except RecordingWriteError:
            if kind is None:
                raise

    @property
    def has_room(self) -> bool:
        """
        Whether the memory budget has room, so that calls don't wait.
        """
        return self._budget.has_room

    def disown(self) -> None:
        """
        Refuse all further calls without touching a file; for a forked child.
        """
        self._closed = self._ended = True
        self._lock = threading.Lock()  # a new one: who held the old one does not live here
        for session in self._sessions.values():
            session.disown()

    # ------------------------------------------------------------------ for its sessions

    @property
    def step_bytes(self) -> int:
        """
        Bytes of items that a session may hold before it writes their lines.
        """
        return self._budget.step_bytes(len(self._sessions))

    def grow(self, size: int) -> None:
        """
        Count *size* bytes of lines that a session has written into its buffer.
        """
        self._budget.add(size)
        if self._budget.presses and not self._wake.is_set():
            self._wake.set()

    def admit(self, session: RecordingSession) -> Room:
        """
        Return when there is room for more, or when it is clear that there won't be.
        """
        budget = self._budget
        if budget.has_room:
            return Room.FREE
        if self.drops:
            return Room.NONE
        self._wake.set()
        with budget.changed:
            budget.changed.wait_for(lambda: self.lets_in(session))
        return Room.AFTER_WAIT if budget.has_room else Room.NONE

    def lets_in(self, session: RecordingSession) -> bool:
        """
        Whether a call of *session* need not wait: there is room, or there won't be and it is told so.
        """
        return self._budget.has_room or session.closing or (self.strict and session.error is not None)

    def tell_room(self, callback: Callable[[], object]) -> None:
        """
        Have *callback* called, in any thread, when `lets_in` may have changed.
        """
        self._wake.set()
        self._budget.call_once(callback)

    def ready(self, session: RecordingSession) -> None:
        """
        Note that *session* has a draft to write.
        """
        self._ready.append(session)
        if not self._wake.is_set():
            self._wake.set()

    def settle(self, session: RecordingSession, target: int) -> None:
        """
        Block until *session* has *target* drafts behind it, or the disk has refused once more.
        """
        attempts = session.attempts  # of which one may be under way: what that meets was before this call
        self._ready.append(session)
        self._wake.set()
        with self._budget.changed:
            self._budget.changed.wait_for(
                lambda: session.settled >= target or (self.strict and session.refused > attempts) or session.abandoned
            )

    def finish(self, session: RecordingSession) -> None:
        """
        Have *session*, which is closed, written out and sealed.
        """
        self._finishing.append(session)
        self._wake.set()

    def wait_for_end(self, session: RecordingSession) -> None:
        """
        Block until nothing of *session*, which is closed, is to be done any more.
        """
        if session.finished:  # in a forked child nobody may ever give the lock back
            return
        with self._budget.changed:
            self._budget.changed.wait_for(lambda: session.finished)

    # ------------------------------------------------------------------ the writer's thread

    def _run(self) -> None:
        while not self._stopping:
            self.clock.wait(self._wake, self._tick_s())
            self._wake.clear()
            try:
                self._pass()
            except Exception:
                _log.exception("the writer's thread met an error that it does not know")

    def _tick_s(self) -> float | None:
        if self.busy:
            return min(TICK_S, self._interval_s / 4)
        if self._budget.held:
            return min(_BUSY_TICK_S, self._interval_s / 4)
        return self._interval_s / 4 if self._sessions else None

    def _pass(self) -> None:
        """
        Write what is ready, due or pressed for; finish what is closed.
        """
        self.busy.write_lines()
        self._write_ready()
        now = self.clock.monotonic()
        if now - self._retried_s >= self._interval_s / 4:
            self._retried_s = now
            self._ready.extend(self._refused)
        if self._budget.presses or now - self._looked_s >= self._interval_s / 4:
            self._looked_s = now
            self._hand_over_due(now)
            self._write_ready()
        for _ in range(len(self._finishing)):
            self._finish(self._finishing.popleft())

    def _write_ready(self) -> None:
        waiting = dict.fromkeys(self._ready.popleft() for _ in range(len(self._ready)))
        for session in waiting:
            if session.written_out:
                continue  # asked for while it ended; its file is the sealer's now
            if self._writer.write(session):
                self._refused.discard(session)
            else:
                self._refused.add(session)

    def _hand_over_due(self, now: float) -> None:
        """
        Hand over what has waited long enough; when memory is short, the oldest of the rest as well.
        """
        due_s = self._interval_s / 2
        waiting: list[tuple[float, RecordingSession]] = []
        for session in list(self._sessions.values()):
            backlog = session.backlog
            if not backlog.waits:
                backlog.waiting_since = None
                continue
            since = backlog.waiting_since
            if since is None:
                since = backlog.waiting_since = now
            if now - since >= due_s:
                self._hand_over(session)
            else:
                waiting.append((since, session))
        if self._budget.presses:
            waiting.sort(key=lambda pair: pair[0])
            for _, session in waiting:
                self._hand_over(session)
                self._write_ready()
                if self._budget.held * 4 < self._budget.total:
                    break

    def _hand_over(self, session: RecordingSession) -> None:
        # Behind a refused draft, small ones would only pile up: that session's lines wait in one buffer.
        piles_up = self.strict and session in self._refused
        try:
            session.write_waiting(hand_over=not piles_up)
        except Exception:  # one session must not stop the others
            _log.exception("lines of session %s can't be written", session.sid)

    def _finish(self, session: RecordingSession) -> None:
        if session.written_out:
            return
        self._writer.write(session)
        self._refused.discard(session)
        lost = 0
        if session.backlog.drafts:
            lost = self._writer.abandon(session)
        elif session.backlog.refused is not None:
            lost = session.backlog.refused.count
        session.written_out = True
        if lost:
            hint = f"{lost} events are lost; what was written before is found again"
            session.failure = write_error(session.writer.path, session.error, hint)
            _log.error("session %s: %s", session.sid, session.failure)
        if session.created and session.failure is None:
            self._sealer.seal(session.writer, lambda failure: self._end(session, failure))
        else:
            self._forget(session)

    # ------------------------------------------------------------------ the sealer's threads

    def _end(self, session: RecordingSession, failure: Exception | None) -> None:
        if isinstance(failure, OSError):
            hint = "it is written but not sealed; the next recorder, or `recordkit reindex`, seals it"
            failure = write_error(session.writer.path, failure, hint)
        if failure is not None:
            _log.warning("session %s is not sealed: %s", session.sid, failure)
            session.failure = failure if self.strict else None  # no event is missing, so best_effort goes on
        session.sealed = failure is None
        self._forget(session)

    def _forget(self, session: RecordingSession) -> None:
        with self._lock:
            self._sessions.pop(session.sid, None)
            self._budget.set_aside(len(self._sessions))
            self._failed = [other for other in self._failed if other.failure is not None]  # the others were told
            if session.failure is not None:
                self._failed.append(session)
            session.finished = True
        self._budget.tell(everyone=True)

    def _exists(self, sid: str) -> bool:
        return open_path(self.path, sid).exists() or sealed_path(self.path, sid).exists()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"{self.path}: the recorder is closed")
