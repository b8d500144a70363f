"""
From a session's drafts to its file: compress, write, count; and what happens when the disk refuses.

Only the recorder's thread comes here, so one compressor serves all sessions. ``strict``: a refused draft
stays first in its session's line and is tried again; the session's caller is told. ``best_effort``: it is
let go, and the next thing that the disk takes is the gap event that says what is missing.

A refused write may have reached the file all the same, whole or in part. No draft is counted as lost before
the disk has said what became of it, so counts, gap events and file agree. Only a disk that refuses every call,
also those that would cut off or read what is there, makes them differ, and then too much is told, never too
little: events that were counted as lost are found again.
"""

import errno
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final

from recordkit.container.chunks import Counts
from recordkit.container.frames import Compressor
from recordkit.container.writer import ReadyFrame
from recordkit.limits import MIB
from recordkit.recorder.budget import Budget
from recordkit.recorder.pending import BufferPool, Draft
from recordkit.recorder.refusals import os_error
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
        session.attempts += 1
        error: OSError | None = None
        alone = False
        self._settle(session)
        while backlog.drafts:
            drafts = self._batch(backlog.drafts, alone=alone)
            try:
                self._write_some(session, drafts)
            except Exception as refused:
                settled = self._settle(session)
                if settled == len(drafts):
                    continue
                error = os_error(session.sid, refused)
                if self._strict:
                    break
                if settled or len(drafts) > 1:  # no more than the disk refuses shall be lost
                    alone = True
                    continue
                backlog.let_go(drafts[0], f"disk: {error.strerror or error}")
                session.settled += 1
                self._give_back(session)
            else:
                self._count_written(session, len(drafts))
        if backlog.refused is not None:
            try:
                self._create(session)
                self._write_gap(session)
                error = None
            except Exception as refused:
                error = os_error(session.sid, refused)
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
            chunks: list[tuple[memoryview | ReadyFrame, Counts]] = []
            for draft in drafts:
                if draft.frame is not None:
                    chunks.append((ReadyFrame(draft.frame, draft.size), draft.counts))
                    continue
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
        try:
            session.writer.append(line, counts, self._compressor)
        except Exception:
            if not session.writer.settle():
                session.writer.renounce()
                raise
        session.written += counts.events
        session.backlog.name_refused()

    def _settle(self, session: RecordingSession) -> int:
        """
        Take out of the drafts those that a refused write has put into the file; return how many.
        """
        settled = session.writer.settle()
        if settled is None and not self._strict:
            session.writer.renounce()  # its drafts will not be the first ones any more
        self._count_written(session, settled or 0)
        return settled or 0

    def _count_written(self, session: RecordingSession, drafts: int) -> None:
        for _ in range(drafts):
            session.written += session.backlog.drafts[0].counts.events
            session.settled += 1
            self._give_back(session)

    def _give_back(self, session: RecordingSession) -> None:
        draft = session.backlog.drafts.pop(0)
        self._buffers.give(draft.buffer, draft.size)
        self._budget.give_back(draft.held)
