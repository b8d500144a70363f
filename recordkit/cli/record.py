"""
`recordkit record`: events of another program into recordings.

Every event is kept as it is. What can't be kept exactly (a number that doesn't fit, a field given twice)
is refused with its line's number, since a recording that differs from its source is worth nothing. The
good lines around it are recorded.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click

from recordkit.cli.app import App, examples, pass_app
from recordkit.errors import DuplicateSessionError, InvalidEventError
from recordkit.events import CONSTANT_FIELDS, Event, decode_input_line, parse_sid
from recordkit.limits import DEFAULT_LIMITS
from recordkit.recorder import Recorder, RecordingSession

EPILOG = examples(
    ("recordkit record events.jsonl", "one recording a sid"),
    ("cat *.jsonl | recordkit record", "from standard input"),
    ("recordkit record monday.jsonl tuesday.jsonl", "a session may span both"),
)

_LONGEST_LINE: Final = DEFAULT_LIMITS.raw_chunk
_STATUS_LINES: Final = 10_000


@click.command(name="record", epilog=EPILOG, short_help="Turn JSON Lines of events into recordings.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@pass_app
def command(app: App, *, files: tuple[str, ...]) -> int:
    """
    Turn JSON Lines of events, of many sessions mixed, into one recording a session.

    Each line is an event with a "sid" and is kept exactly as it is; nothing is added. A session without
    a db.session.end is recorded as interrupted. Prints the sid of each recording. Lines that are no such
    events are named and left out, as are sessions that the store already holds; the exit code is then 1.
    """
    with Recorder(app.store_path) as recorder:
        intake = Intake(app, recorder)
        for name in files or ("-",):
            intake.take(_lines(name))
        app.err.status("sealing")
        sessions = intake.close()
    app.err.status("")
    for session in sessions:
        if session.stats.accepted:
            app.out.line(session.sid)
    app.out.flush()
    for sid, number in intake.refused.items():
        app.err.complain(f"session {sid} is already in the store; {number} events of it were left out")
    if intake.bad_lines:
        app.err.complain(f"{intake.bad_lines} of {intake.lines} lines were left out")
    return 1 if intake.bad_lines or intake.refused else 0


class Intake:
    """
    Takes lines and hands each event to its session.

    Attributes:
        lines, bad_lines: Counts; blank lines don't count.
        refused: Sessions that the store already holds, and how many events of them came.
    """

    def __init__(self, app: App, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder
        self._sessions: dict[str, RecordingSession] = {}
        self.lines = self.bad_lines = 0
        self.refused: dict[str, int] = {}

    def take(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """
        Record *lines*, each given with the place it comes from.

        Raises:
            RecordingWriteError: The disk refuses more.
        """
        for place, line in lines:
            self.lines += 1
            try:
                self._record(line)
            except InvalidEventError as error:
                self.bad_lines += 1
                self._app.err.status("")
                self._app.err.complain(f"{place}: {error}")
            if self.lines % _STATUS_LINES == 0:
                self._app.err.status(f"{self.lines} lines, {len(self._sessions)} sessions")

    def close(self) -> list[RecordingSession]:
        """
        End all sessions and return them; they are sealed when the recorder is closed.
        """
        for session in self._sessions.values():
            session.close(wait=False)
        return list(self._sessions.values())

    def _record(self, line: bytes) -> None:
        if len(line) > _LONGEST_LINE:
            raise InvalidEventError("", expected=f"at most {_LONGEST_LINE} bytes", found="more")
        event = decode_input_line(line)
        session = self._session_of(event)
        if session is not None:
            session.emit(event)

    def _session_of(self, event: Event) -> RecordingSession | None:
        sid = parse_sid(event.get("sid"))
        session = self._sessions.get(sid)
        if session is not None:
            return session
        if sid in self.refused:
            self.refused[sid] += 1
            return None
        about = {name: event[name] for name in CONSTANT_FIELDS if name in event and name != "sid"}
        try:
            session = self._recorder.session(sid=sid, verbatim=True, **about)
        except DuplicateSessionError:
            self.refused[sid] = 1
            return None
        self._sessions[sid] = session
        return session


def _lines(name: str) -> Iterator[tuple[str, bytes]]:
    """
    Yield the lines of a file that are not blank, with their places.
    """
    if name == "-":
        yield from _numbered("standard input", sys.stdin.buffer)
        return
    with Path(name).open("rb") as file:
        yield from _numbered(name, file)


def _numbered(name: str, file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE and not line.endswith(b"\n"):  # read over the rest of it
            while rest := file.readline(_LONGEST_LINE):
                if rest.endswith(b"\n"):
                    break
        if not line.isspace():
            yield f"{name}:{number}", line.rstrip(b"\r\n")
