"""
`recordkit grep`: who ran such a statement, and when.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final, NamedTuple

import click

from recordkit.cli import forms
from recordkit.cli.app import App, examples, pass_app
from recordkit.cli.filters import recording_filters
from recordkit.cli.json_list import JsonList
from recordkit.cli.search import STATEMENT_FIELDS, Search
from recordkit.container import Recording
from recordkit.errors import FormatError, SessionNotFoundError
from recordkit.events import Event, decode_line, parse_time
from recordkit.store import DirectoryStore, RecordingFilter
from recordkit.transcript.phrases import text_of

EPILOG = examples(
    ("recordkit grep 'INSERT INTO products'", "who added products"),
    ("recordkit grep -i 'drop|delete' --since 2026-07-01", "what went since July"),
    ("recordkit grep 'permission denied' --user alice", "what was refused"),
    ("recordkit grep . --count", "how many in each"),
    ("recordkit grep products --format json", "for programs"),
)

_EXCERPT: Final = 1000
"""Characters of a match on a terminal; a statement may have 64 million."""


class Match(NamedTuple):
    """
    An event in which the pattern was found.
    """

    event: Event
    delay_ns: int
    fields: dict[str, str]


@click.command(name="grep", epilog=EPILOG, short_help="Search the statements of all recordings.")
@click.argument("pattern")
@recording_filters
@click.option("-i", "--ignore-case", is_flag=True, help="Upper and lower case are the same.")
@click.option("-c", "--count", is_flag=True, help="Only how many events match in each recording that has any.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@pass_app
def command(app: App, *, pattern: str, wanted: RecordingFilter, ignore_case: bool, count: bool, form: str) -> int:
    """
    Search statements, their parameters and errors for a regular expression of Python.

    Prints sid, time since the session's start, and the statement, newest session first. Finding
    nothing is no failure: the exit code is 0. What is sound of a damaged recording is searched too,
    and the exit code is 3.
    """
    try:
        search = Search(pattern, ignore_case=ignore_case)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    damaged = False
    with app.store() as store, ExitStack() as stack:
        write: Callable[[Recording, Iterator[Match]], None]
        if form == "json":
            items = stack.enter_context(JsonList(app.out))
            write = partial(_write_json_count if count else _write_json, items)
        else:
            write = partial(_write_count if count else _write_text, app)
        for summary in store.select(wanted):
            app.err.status(f"searching {summary.sid}")
            for fault in _searched(store, summary.sid, search, write):
                damaged = True
                app.out.flush()
                app.err.status("")
                app.err.complain(fault)
        app.err.status("")
        for problem in store.problems:
            damaged = True
            app.err.complain(f"not searched: {problem}")
    return 3 if damaged else 0


def _searched(
    store: DirectoryStore, sid: str, search: Search, write: Callable[[Recording, Iterator[Match]], None]
) -> list[str]:
    """
    Write the matches of one recording and return its faults in words.
    """
    try:
        with store.open(sid, mode="salvage") as recording:
            write(recording, _matches(recording, search))
            return [str(damage.error) for damage in recording.damage]
    except SessionNotFoundError:
        return []  # removed while we searched
    except FormatError as error:
        return [str(error)]


def _matches(recording: Recording, search: Search) -> Iterator[Match]:
    start_ns: int | None = None
    for run in recording.lines():
        if not search.may_match(run):
            continue
        for line in run.split(b"\n"):
            if not line or not search.may_match(line):
                continue
            event = decode_line(line)
            fields = search.matches(event)
            if fields:
                if start_ns is None:
                    start_ns = recording.summary.start_ns or 0
                yield Match(event, max(0, _time_ns(event, start_ns) - start_ns), fields)


def _time_ns(event: Event, default: int) -> int:
    try:
        return parse_time(event["time"])
    except (KeyError, TypeError, ValueError):
        return default


def _write_text(app: App, recording: Recording, matches: Iterator[Match]) -> None:
    """
    Write matches under their recording on a terminal, else with the sid on each line, between tabs.
    """
    headed = False
    for match in matches:
        shown = _shown(match)
        if not app.out.is_terminal:
            app.out.line_of(recording.sid, forms.delay(match.delay_ns), shown)
            continue
        if not headed:
            app.err.status("")
            app.out.line(_heading(recording))
            headed = True
        excerpt = shown if len(shown) <= _EXCERPT else f"{shown[:_EXCERPT]}…"
        app.out.line(f"  {forms.delay(match.delay_ns)}  {excerpt}")
    if headed:
        app.out.line("")
        app.out.flush()


def _write_count(app: App, recording: Recording, matches: Iterator[Match]) -> None:
    number = sum(1 for _ in matches)
    if number:
        app.out.line_of(recording.sid, str(number))


def _write_json(items: JsonList, recording: Recording, matches: Iterator[Match]) -> None:
    for match in matches:
        event = {name: match.event.get(name) for name in ("ei", "time", "event")}
        items.add({"sid": recording.sid, "delay_s": match.delay_ns / 1e9} | event | {"matches": match.fields})


def _write_json_count(items: JsonList, recording: Recording, matches: Iterator[Match]) -> None:
    number = sum(1 for _ in matches)
    if number:
        items.add({"sid": recording.sid, "count": number})


def _shown(match: Match) -> str:
    statement = next((text_of(match.event[name]) for name in STATEMENT_FIELDS if name in match.event), None)
    others = [f"{name}: {text}" for name, text in match.fields.items() if name not in STATEMENT_FIELDS]
    return "  -- ".join(others if statement is None else [statement, *others])


def _heading(recording: Recording) -> str:
    summary = recording.summary
    about = (summary.user, summary.db_service, summary.db_protocol, forms.minute(summary.start_ns))
    return " ".join([recording.sid, *filter(None, about)])
