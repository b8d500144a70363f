"""
`recordkit export`: recordings in the forms of other programs.
"""

import click

from recordkit.cli.allocation import keep_freed_memory
from recordkit.cli.app import App, examples, pass_app
from recordkit.cli.filters import recording_filters
from recordkit.clock import Clock
from recordkit.store import RecordingFilter

EPILOG = examples(
    ("recordkit export parquet audit", "what is not there yet"),
    ("recordkit export parquet audit --table queries", "a row a statement"),
    ("recordkit export parquet audit --last 24h", "since yesterday"),
    ("recordkit export parquet audit --open", "open sessions, too"),
)

_BAR = 24
_TOLD_S = 0.1
_MOST_JOBS = 8


@click.group(name="export", epilog=EPILOG, short_help="Write recordings as Parquet for analytics.")
def command() -> None:
    """
    Write recordings in the forms of other programs.
    """


@command.command(name="parquet", epilog=EPILOG, short_help="Parquet files by day, for DuckDB, Spark, pandas.")
@click.argument("dest", type=click.Path(file_okay=False))
@click.option("--table", type=click.Choice(["events", "queries"]), default="events", show_default=True)
@recording_filters
@click.option("--open", "include_open", is_flag=True, help="Take sessions that are being recorded, as far as they are.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes at once, 200 MiB each.  [default: one a core, 8 at most]"
)
@pass_app
def parquet(app: App, *, dest: str, table: str, wanted: RecordingFilter, include_open: bool, jobs: int | None) -> int:
    """
    Add to the Parquet files in DEST the recordings that are not there yet.

    Files are DEST/TABLE/event_date=YYYY-MM-DD/*.parquet, by day of UTC. Run it as often as you like: no
    row is lost or doubled, also if it is killed. What is sound of damaged recordings is exported, and the
    exit code is 3.
    """
    from pathlib import Path

    from recordkit.analytics.export_workers import cores, workers_for
    from recordkit.analytics.exporting import export
    from recordkit.analytics.memory_pool import use_keeping_pool

    keep_freed_memory()
    use_keeping_pool()
    with app.store() as store:
        told = _Told(app)
        try:
            report = export(
                store,
                Path(dest),
                table=table,
                wanted=wanted,
                include_open=include_open,
                progress=told,
                workers=workers_for(jobs or min(cores(), _MOST_JOBS)),
                clock=app.clock,
            )
        finally:
            app.err.status("")
    for problem in report.problems:
        app.err.complain(f"damaged: {problem}")
    written = f"{_count(report.rows, 'row')} in {_count(report.files, 'file')}"
    parts = [f"exported {_count(report.recordings, 'recording')}: {written}"]
    if report.replaced:
        parts.append(f"{report.replaced} of them replaced")
    if report.skipped:
        parts.append(f"{report.skipped} exported before")
    if report.left_out:
        parts.append(f"{report.left_out} being recorded left out (--open takes them)")
    if report.problems:
        parts.append(f"{_count(len(report.problems), 'problem')}")
    app.err.complain("; ".join(parts))
    return 3 if report.problems else 0


class _Told:
    """
    Shows on a terminal how far the export is.
    """

    def __init__(self, app: App) -> None:
        self._err = app.err
        self._clock: Clock = app.clock
        self._begin_s = self._last_s = app.clock.monotonic()

    def __call__(self, progress: "tuple[int, int, int, int]") -> None:
        if not self._err.is_terminal:
            return
        now_s = self._clock.monotonic()
        if now_s - self._last_s < _TOLD_S:
            return
        self._last_s = now_s
        self._err.status(bar(progress, now_s - self._begin_s))


def bar(progress: "tuple[int, int, int, int]", passed_s: float) -> str:
    """
    Return a progress bar with events a second and the time that is left.
    """
    _, events, _, all_events = progress
    part = min(1.0, events / all_events) if all_events else 1.0
    filled = round(part * _BAR)
    rate = events / passed_s if passed_s > 0 else 0.0
    left = f", {_period(round((all_events - events) / rate))} left" if rate else ""
    return (
        f"exporting [{'#' * filled}{'.' * (_BAR - filled)}] {part:4.0%}  "
        f"{events} of {all_events} events, {rate:.0f} events/s{left}"
    )


def _period(seconds: int) -> str:
    minutes, seconds = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
