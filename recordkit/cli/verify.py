"""
`recordkit verify`: is everything as it was written?
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from recordkit.cli.app import App, complete_recording, examples, pass_app
from recordkit.cli.json_list import JsonList
from recordkit.container import DamageKind, Recording, State, open_recording
from recordkit.errors import FormatError, InvalidEventError, SessionNotFoundError
from recordkit.events import parse_sid

EPILOG = examples(
    ("recordkit verify", "all recordings of the store"),
    ("recordkit verify 307b", "one of them"),
    ("recordkit verify --format json", "for programs"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something that is not as it was written.

    Attributes:
        kind: As in `recordkit.container.DamageKind`; "unreadable" for what can't be opened.
        offset, chunk: Where; None if that can't be said.
        what, expected, found: As in `recordkit.errors.FormatError`.
        text: All of it in one sentence.
    """

    kind: str
    offset: int | None
    chunk: int | None
    what: str
    expected: str
    found: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """
        Return the finding as JSON types.
        """
        names = ("kind", "offset", "chunk", "what", "expected", "found")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    What checking one recording came to.
    """

    file: str
    sid: str | None = None
    state: str | None = None
    events: int = 0
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """
        Return the check as JSON types.
        """
        values = {"file": self.file, "sid": self.sid, "state": self.state, "events": self.events}
        return values | {"findings": [finding.to_json() for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class Target:
    """
    A recording to check.

    Attributes:
        open: Opens it.
        asked_for: By name, so that it must be there.
        problem: Why its store can't use it; None if it can.
    """

    name: str
    open: Callable[[], Recording]
    asked_for: bool = False
    problem: str | None = None


class Totals:
    """
    Counts what was checked.
    """

    def __init__(self) -> None:
        self.recordings = self.events = self.damaged = self.missing = 0

    def sentence(self) -> str:
        """
        Return the result in words.
        """
        result = f"{self.damaged} damaged" if self.damaged else "all sound"
        return f"checked {_count(self.recordings, 'recording')}, {_count(self.events, 'event')}: {result}"


@click.command(name="verify", epilog=EPILOG, short_help="Check recordings for damage.")
@click.argument("names", nargs=-1, metavar="[SID|PREFIX|FILE]...", shell_complete=complete_recording)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@pass_app
def command(app: App, *, names: tuple[str, ...], form: str) -> int:
    """
    Check recordings: structure, order, checksums, index, and that each line is an event.

    Without names, all recordings of the store are checked. Each finding is one line. The exit code is 3
    if there is any.
    """
    totals = Totals()
    checks = _checks(app, _named(app, names) if names else _stored(app), totals)
    if form == "json":
        with JsonList(app.out) as items:
            for check in checks:
                items.add(check.to_json())
    else:
        for check in checks:
            for finding in check.findings:
                app.err.status("")
                app.out.line(finding.text)
                app.out.flush()
        app.out.line(totals.sentence())
    app.err.status("")
    if totals.damaged:
        return 3
    return 4 if totals.missing else 0


def _checks(app: App, targets: Iterable[Target], totals: Totals) -> Iterator[Check]:
    for number, target in enumerate(targets, 1):
        app.err.status(f"checking {number}: {target.name}")
        try:
            check = _check(target)
        except (SessionNotFoundError, FileNotFoundError) as error:
            if target.asked_for:  # else it was removed while we checked
                totals.missing += 1
                app.err.status("")
                app.err.complain(str(error))
            continue
        totals.recordings += 1
        totals.events += check.events
        totals.damaged += bool(check.findings)
        yield check


def _named(app: App, names: Iterable[str]) -> Iterator[Target]:
    for name in names:
        yield Target(name, partial(app.open, name, mode="salvage"), asked_for=True)


def _stored(app: App) -> Iterator[Target]:
    with app.store() as store:
        for summary in store.select():
            yield Target(summary.sid, partial(store.open, summary.sid, mode="salvage"))
        for problem in store.problems:
            yield Target(str(problem.path), partial(open_recording, problem.path, mode="salvage"), problem=problem.what)


def _check(target: Target) -> Check:
    try:
        with target.open() as recording:
            events = sum(1 for _ in recording.events())
            findings = [_finding(damage.error, kind=damage.kind.value) for damage in recording.damage]
            summary, file = recording.summary, recording.path
            if not findings:
                findings = list(_disagreements(recording, events, target.problem))
    except FormatError as error:
        if error.path is None:
            error.path = Path(target.name)
        return Check(file=str(error.path), findings=(_finding(error, kind="unreadable"),))
    return Check(file=str(file), sid=recording.sid, state=summary.state.value, events=events, findings=tuple(findings))


def _disagreements(recording: Recording, events: int, problem: str | None) -> Iterator[Finding]:
    """
    Yield what is wrong about a recording that is sound in itself.
    """
    path, summary = recording.path, recording.summary
    if summary.state is not State.OPEN and summary.events != events:
        error = FormatError(
            "the summary counts other events than there are", path=path, expected=summary.events, found=events
        )
        yield _finding(error, kind=DamageKind.INDEX)
    try:
        named = parse_sid(path.name[:36])
    except InvalidEventError:
        named = recording.sid
    if named != recording.sid:
        error = FormatError(f"it is named for session {named}, but holds {recording.sid}", path=path)
        yield _finding(error, kind=DamageKind.MISPLACED)
    elif problem is not None:
        yield _finding(FormatError(problem, path=path), kind=DamageKind.MISPLACED)


def _finding(error: FormatError, *, kind: str) -> Finding:
    return Finding(
        kind=str(kind),
        offset=error.offset,
        chunk=error.chunk,
        what=error.what,
        expected=error.expected,
        found=error.found,
        text=str(error),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
