"""
`recordkit reindex`: make the catalog anew.
"""

import click

from recordkit.cli.app import App, examples, pass_app

EPILOG = examples(("recordkit reindex", "at any time; readers and recorders may go on"))


@click.command(name="reindex", epilog=EPILOG, short_help="Rebuild the catalog; seal what dead recorders left.")
@pass_app
def command(app: App) -> int:
    """
    Rebuild the catalog from the recordings, and seal what dead recorders left.

    Nothing depends on it: the catalog keeps itself up to date, and the next recorder seals as well. The
    exit code is 3 if there are files that can't be used.
    """
    with app.store() as store:
        report = store.reindex(lambda done, total: app.err.status(f"reading recordings: {done} of {total}"))
    app.err.status("")
    counts = f"{report.added} added, {report.removed} removed, {report.changed} changed"
    app.out.line(f"read {report.scanned} recordings: {counts}, {len(report.sealed)} sealed")
    for sid in report.sealed:
        app.out.line(f"sealed {sid}")
    app.out.flush()
    for problem in report.problems:
        app.err.complain(f"can't be used: {problem}")
    return 3 if report.problems else 0
