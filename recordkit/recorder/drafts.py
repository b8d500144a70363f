"""
From a session's drafts to its file: compress, write, count; and what happens when the disk refuses.

Only the recorder's thread comes here, so one compressor serves all sessions. ``strict``: a refused draft
stays first in its session's line and is tried again; the session's caller is told. ``best_effort``: it is
let go, and the next thing that the disk takes is the gap event that says what is missing.
"""

import errno

from recordkit.container.chunks import Counts
from recordkit.container.frames import Compressor
from recordkit.recorder.budget import Budget
from recordkit.recorder.pending import BufferPool, Draft, Loss
from recordkit.recorder.session import RecordingSession


class DraftWriter:
    """
    Writes drafts, for one thread.
    """

    def __init__(self, *, strict: bool, budget: Budget, buffers: BufferPool) -> None:
        self._strict = strict
        self._budget = budget
        self._buffers = buffers
        self._compressor = Compressor()

    def write(self, session: RecordingSession) -> bool:
        """
        Write all drafts of *session* that the disk takes; False if it refused one.
        """
        error: OSError | None = None
        while session.drafts:
            draft = session.drafts[0]
            try:
                self._write_one(session, draft)
            except (OSError, MemoryError) as refused:
                error = refused if isinstance(refused, OSError) else OSError(errno.ENOMEM, "not enough memory")
                if self._strict:
                    break
                self._let_go(session, draft, error)
            else:
                session.written += draft.counts.events
            self._settle(session, draft)
        if error is None and session.refused is not None:
            error = self._try_gap(session)
        session.note_error(error)
        with self._budget.changed:
            self._budget.changed.notify_all()
        return error is None

    def abandon(self, session: RecordingSession) -> int:
        """
        Let go of what the disk refused to the end; return how many events are lost by that.
        """
        lost = 0
        while session.drafts:
            draft = session.drafts[0]
            lost += draft.counts.events
            self._settle(session, draft)
        session.lost += lost
        return lost

    def _write_one(self, session: RecordingSession, draft: Draft) -> None:
        writer = session.writer
        if not session.created:
            writer.create()
            session.created = True
        if session.refused is not None:
            self._write_gap(session, session.refused)
        with draft.buffer.getbuffer() as lines, lines[: draft.size] as raw:
            writer.append(raw, draft.counts, self._compressor)

    def _write_gap(self, session: RecordingSession, loss: Loss) -> None:
        line, counts = session.gap_chunk(loss)
        session.writer.append(line, counts, self._compressor)
        session.written += counts.events
        session.refused = None

    def _try_gap(self, session: RecordingSession) -> OSError | None:
        if session.refused is None or not session.created:
            return None
        try:
            self._write_gap(session, session.refused)
        except OSError as error:
            return error
        return None

    def _let_go(self, session: RecordingSession, draft: Draft, error: OSError) -> None:
        counts: Counts = draft.counts
        session.lost += counts.events
        if session.refused is None:
            session.refused = Loss(
                counts.lowest_ei, counts.highest_ei, counts.events, f"disk: {error.strerror or error}",
                max(counts.earliest_ns, 0) if counts.earliest_ns <= counts.latest_ns else 0,
            )  # fmt: skip
        else:
            session.refused.extend(counts.highest_ei, counts.events)

    def _settle(self, session: RecordingSession, draft: Draft) -> None:
        session.drafts.popleft()
        session.settled += 1
        self._buffers.give(draft.buffer, draft.size)
        self._budget.give_back(draft.size)
