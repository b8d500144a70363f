"""
`recordkit grep`: who ran such a statement, and when.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

import click

from recordkit.cli import forms
from recordkit.cli.allocation import keep_freed_memory
from recordkit.cli.app import App, examples, pass_app
from recordkit.cli.filters import recording_filters
from recordkit.cli.json_list import JsonList
from recordkit.cli.scanning import Match, Scan, Scans
from recordkit.cli.search import STATEMENT_FIELDS, Search
from recordkit.store import RecordingFilter
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
    keep_freed_memory()
    with app.store() as store, ExitStack() as stack:
        write: Callable[[Scan, Iterator[Match]], None]
        if form == "json":
            items = stack.enter_context(JsonList(app.out))
            write = partial(_write_json_count if count else _write_json, items)
        else:
            write = partial(_write_count if count else _write_text, app)
        scans = stack.enter_context(Scans(partial(store.open, mode="salvage"), search, keep=not count))
        for scan in scans.in_order(summary.sid for summary in store.select(wanted)):
            app.err.status(f"searching {scan.sid}")
            write(scan, scans.matches(scan))
            for fault in scan.faults:
                damaged = True
                app.out.flush()
                app.err.status("")
                app.err.complain(fault)
        app.err.status("")
        for problem in store.problems:
            damaged = True
            app.err.complain(f"not searched: {problem}")
    return 3 if damaged else 0


def _write_text(app: App, scan: Scan, matches: Iterator[Match]) -> None:
    """
    Write matches under their recording on a terminal, else with the sid on each line, between tabs.
    """
    headed = False
    for match in matches:
        shown = _shown(match)
        if not app.out.is_terminal:
            app.out.line_of(scan.sid, forms.delay(match.delay_ns), shown)
            continue
        if not headed:
            app.err.status("")
            app.out.line(_heading(scan))
            headed = True
        excerpt = shown if len(shown) <= _EXCERPT else f"{shown[:_EXCERPT]}…"
        app.out.line(f"  {forms.delay(match.delay_ns)}  {excerpt}")
    if headed:
        app.out.line("")
        app.out.flush()


def _write_count(app: App, scan: Scan, matches: Iterator[Match]) -> None:
    if (number := _counted(scan, matches)) > 0:
        app.out.line_of(scan.sid, str(number))


def _write_json(items: JsonList, scan: Scan, matches: Iterator[Match]) -> None:
    for match in matches:
        event = {name: match.event.get(name) for name in ("ei", "time", "event")}
        items.add({"sid": scan.sid, "delay_s": match.delay_ns / 1e9} | event | {"matches": match.fields})


def _write_json_count(items: JsonList, scan: Scan, matches: Iterator[Match]) -> None:
    if (number := _counted(scan, matches)) > 0:
        items.add({"sid": scan.sid, "count": number})


def _counted(scan: Scan, matches: Iterator[Match]) -> int:
    for _ in matches:  # there are none: it ends when all were counted
        pass
    return scan.count


def _shown(match: Match) -> str:
    statement = next((text_of(match.event[name]) for name in STATEMENT_FIELDS if name in match.event), None)
    others = [f"{name}: {text}" for name, text in match.fields.items() if name not in STATEMENT_FIELDS]
    return "  -- ".join(others if statement is None else [statement, *others])


def _heading(scan: Scan) -> str:
    summary = scan.summary
    if summary is None:
        return scan.sid
    about = (summary.user, summary.db_service, summary.db_protocol, forms.minute(summary.start_ns))
    return " ".join([scan.sid, *filter(None, about)])
