"""
`recordkit ls`: what recordings there are.
"""

import shutil

import click

from recordkit.cli import summaries
from recordkit.cli.app import App, examples, pass_app
from recordkit.cli.filters import recording_filters
from recordkit.cli.json_list import JsonList
from recordkit.store import RecordingFilter

EPILOG = examples(
    ("recordkit ls", "the newest 50"),
    ("recordkit ls --last 24h --user alice", "alice's of today"),
    ("recordkit ls --since 2026-07-20 --until 2026-07-21", "those of a day"),
    ("recordkit ls --state interrupted --limit 0", "all that have no end"),
    ("recordkit ls --format json | head -c 300", "for programs"),
)


@click.command(name="ls", epilog=EPILOG, short_help="List recordings, newest first.")
@recording_filters
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="At most so many; 0: all.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@pass_app
def command(app: App, *, wanted: RecordingFilter, limit: int, form: str) -> int:
    """
    List recordings, newest first.

    A recording is named by its sid. Every verb takes the beginning of one, if no other recording
    begins so. ERR counts events that report a failure; LOST counts events that a recorder had to drop.
    """
    with app.store() as store:
        found = store.select(wanted, limit=limit or None)
        if form == "json":
            with JsonList(app.out) as items:
                for summary in found:
                    items.add(summaries.to_json(summary))
        else:
            columns = shutil.get_terminal_size().columns if app.out.is_terminal else None
            empty = True
            for line in summaries.table(found, columns=columns):
                app.out.line(line)
                empty = False
            if empty:
                app.err.complain("no recording matches")
        problems = store.problems
    app.out.flush()
    for problem in problems:
        app.err.complain(f"left out: {problem}")
    return 3 if problems else 0
