"""
From a session's drafts to its file: compress, write, count; and what happens when the disk refuses.

Only the recorder's thread comes here, so one compressor serves all sessions. ``strict``: a refused draft
stays first in its session's line and is tried again; the session's caller is told. ``best_effort``: it is
let go, and the next thing that the disk takes is the gap event that says what is missing.
"""

import errno
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final

from recordkit.container.frames import Compressor
from recordkit.limits import MIB
from recordkit.recorder.budget import Budget
from recordkit.recorder.pending import BufferPool, Draft
from recordkit.recorder.session import RecordingSession
from recordkit.store.paths import sealed_path

_log: Final = logging.getLogger("recordkit.recorder")

_MOST_TOGETHER: Final = 32
_LARGEST_TOGETHER: Final = 16 * MIB
"""Drafts, and bytes of them, that are compressed and written together: see `Compressor.frames`."""


class DraftWriter:
    """
    Writes drafts, for one thread.
    """

    def __init__(self, store: Path, *, strict: bool, budget: Budget, buffers: BufferPool) -> None:
        self._store = store
        self._strict = strict
        self._budget = budget
        self._buffers = buffers
        self._compressor = Compressor()

    def write(self, session: RecordingSession) -> bool:
        """
        Write all drafts of *session* that the disk takes; False if it refused one.
        """
        backlog = session.backlog
        error: OSError | None = None
        alone = False
        while backlog.drafts:
            drafts = self._batch(backlog.drafts, alone=alone)
            try:
                self._write_some(session, drafts)
            except Exception as refused:
                error = _os_error(session, refused)
                if self._strict:
                    break
                if len(drafts) > 1:  # no more than the disk refuses shall be lost
                    alone = True
                    continue
                backlog.let_go(drafts[0], f"disk: {error.strerror or error}")
            else:
                session.written += sum(draft.counts.events for draft in drafts)
            for _ in drafts:
                session.settled += 1
                self._give_back(session)
        if error is None and backlog.refused is not None:
            try:
                self._create(session)
                self._write_gap(session)
            except Exception as refused:
                error = _os_error(session, refused)
        session.note_error(error)
        self._budget.tell(everyone=error is not None)
        return error is None

    def abandon(self, session: RecordingSession) -> int:
        """
        Let go of what the disk refused to the end; return how many events are lost by that.
        """
        backlog = session.backlog
        lost = sum(backlog.let_go(draft, None) for draft in backlog.drafts)
        session.abandoned = True
        while backlog.drafts:
            self._give_back(session)
        return lost

    def _batch(self, drafts: Sequence[Draft], *, alone: bool) -> list[Draft]:
        """
        Return the first drafts, as many as may be written together.
        """
        size = 0
        batch: list[Draft] = []
        for draft in islice(drafts, 1 if alone else _MOST_TOGETHER):
            size += draft.size
            if batch and size > _LARGEST_TOGETHER:
                break
            batch.append(draft)
        return batch

    def _write_some(self, session: RecordingSession, drafts: Sequence[Draft]) -> None:
        self._create(session)
        self._write_gap(session)
        with ExitStack() as views:
            chunks = []
            for draft in drafts:
                lines = views.enter_context(draft.buffer.getbuffer())
                chunks.append((views.enter_context(lines[: draft.size]), draft.counts))
            session.writer.append_all(chunks, self._compressor)

    def _create(self, session: RecordingSession) -> None:
        if session.created:
            return
        session.writer.create()
        # As long as another process records this session, its open file is in our way. If it sealed it since we
        # looked, our file could be made, and sealing it would replace theirs.
        if sealed_path(self._store, session.sid).exists():
            session.writer.discard()
            raise FileExistsError(errno.EEXIST, "another process has recorded this session")
        session.created = True

    def _write_gap(self, session: RecordingSession) -> None:
        """
        Write the gap event for what was refused, if anything was.
        """
        loss = session.backlog.refused
        if loss is None:
            return
        line, counts = session.backlog.gap_chunk(loss)
        session.writer.append(line, counts, self._compressor)
        session.written += counts.events
        session.backlog.name_refused()

    def _give_back(self, session: RecordingSession) -> None:
        draft = session.backlog.drafts.pop(0)
        self._buffers.give(draft.buffer, draft.size)
        self._budget.give_back(draft.size)


def _os_error(session: RecordingSession, refused: Exception) -> OSError:
    """
    Return what to tell the session's caller; any fault counts as a refusal, for one session must not stop all.
    """
    if isinstance(refused, OSError):
        return refused
    if not isinstance(refused, MemoryError):
        _log.error("session %s can't be written", session.sid, exc_info=refused)
    error = OSError(
        errno.ENOMEM if isinstance(refused, MemoryError) else errno.EIO, str(refused) or "not enough memory"
    )
    error.__cause__ = refused
    return error
