"""
`recordkit play`: what happened in a session.
"""

import math
import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import click

from recordkit.cli import forms
from recordkit.cli.allocation import keep_freed_memory
from recordkit.cli.app import App, complete_recording, examples, pass_app, reopen
from recordkit.cli.follow import followed
from recordkit.cli.forms import delay_s
from recordkit.cli.interactive import can_interact, play_interactively
from recordkit.cli.stored_lines import followed_lines, recorded_lines
from recordkit.clock import Clock
from recordkit.container import Recording, State
from recordkit.errors import UndecodableEventError
from recordkit.events import Event, decode_line
from recordkit.render import Format, Renderer, renderer_for
from recordkit.render.control_chars import safe_json
from recordkit.render.text import segment_bytes
from recordkit.transcript import SessionTranslator
from recordkit.transcript.segments import Delays

INTERACTIVE: Final = "interactive"
_OF_TRANSCRIPTS: Final = frozenset({Format.ASCIICAST, Format.HTML})
IDLE_S: Final = 0.5
"""Longest pause with --skip-idle alone, as in Teleport's player."""

EPILOG = examples(
    ("recordkit play 307b", "the player; ? for keys"),
    ("recordkit play 307b --format text", "all at once"),
    ("recordkit play 307b --speed 16 --skip-idle=0.1", "in its time, faster"),
    ("recordkit play 307b --start 1:30", "without the first 90 s"),
    ("recordkit play 307b --format jsonl | grep 42501", "as JSON Lines"),
    ("recordkit play 307b --format json > session.json", "one array"),
    ("recordkit play 307b --format html > page.html", "to mail"),
    ("recordkit play --follow 307b", "while it goes on"),
)


def _read_delay(ctx: click.Context, param: click.Parameter, value: str) -> float:
    try:
        return delay_s(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def _finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to count with", ctx, param)
    return value


class _PlayCommand(click.Command):
    """
    Takes ``--skip-idle`` without a value only where none is given by ``=``: the word after it is the recording.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """
        See `click.Command.parse_args`.
        """
        end = args.index("--") if "--" in args else len(args)
        given = [f"{arg}={IDLE_S}" if arg == "--skip-idle" else arg for arg in args[:end]]
        return super().parse_args(ctx, given + args[end:])


@click.command(name="play", cls=_PlayCommand, epilog=EPILOG, short_help="Show a session as the person saw it.")
@click.argument("name", metavar="SID|PREFIX|FILE", shell_complete=complete_recording)
@click.option(
    "--format",
    "form",
    type=click.Choice([INTERACTIVE, *(form.value for form in Format)]),
    help="Default: interactive on a terminal, else text.",
)
@click.option(
    "--start", callback=_read_delay, metavar="DELAY", default="0", help="From so long after the start: 90, 1:30, 2m."
)
@click.option(
    "--speed",
    type=click.FloatRange(0.25, 16),
    callback=_finite,
    metavar="FACTOR",
    help="On a terminal: in the session's time, 0.25 to 16 times as fast. Text without it comes at once.",
)
@click.option(
    "--skip-idle",
    type=click.FloatRange(min=0),
    callback=_finite,
    metavar="[=SECONDS]",
    help=f"The same, with pauses cut to so much; alone: {IDLE_S}.",
)
@click.option(
    "--slow",
    type=click.FloatRange(min=0),
    callback=_finite,
    metavar="SECONDS",
    default=1.0,
    help="What the player's keys s and S take for slow; 1 unless given.",
)
@click.option("--follow", is_flag=True, help="Go on while the session does; interactive, text and jsonl.")
@pass_app
def command(
    app: App,
    *,
    name: str,
    form: str | None,
    start: float,
    speed: float | None,
    skip_idle: float | None,
    slow: float,
    follow: bool,
) -> int:
    """
    Show what happened in a session, as the person saw it.

    On a terminal it is a player: space, arrows, / to search, e for errors, ? for all keys. Text is
    printed at once; --speed or --skip-idle print it on a terminal as it came. Controls in statements
    are shown, not sent: no recording can take over the terminal. Damage: what is sound before it is
    printed, then the exit code is 3; a JSON array then lacks its end, so that it does not parse.

    JSON Lines are the stored lines. They are checked against the recording's checksums and for their
    form, an object in UTF-8 each; that they are JSON inside the braces, only `verify` and the other
    formats find out.
    """
    interacting = can_interact(app)
    keep_freed_memory()
    if form is None:
        form = INTERACTIVE if interacting else Format.TEXT
    if form == INTERACTIVE and not interacting:
        raise click.UsageError("--format interactive needs a terminal as keyboard and screen; try --format text")
    if follow and form not in (INTERACTIVE, Format.TEXT, Format.JSONL):
        raise click.UsageError("--follow goes with --format interactive, text or jsonl: the others have an end")
    if follow and start:
        raise click.UsageError("--follow and --start exclude each other")
    timed = speed is not None or skip_idle is not None
    pace = (
        Pace(app.clock, speed=speed or 1.0, idle_s=skip_idle, start_s=start) if timed and app.out.is_terminal else None
    )
    with app.open(name) as recording:
        if form == INTERACTIVE:
            code = play_interactively(
                app, recording, start_s=start, speed=speed or 1.0, idle_s=skip_idle, slow_s=slow, follow=follow
            )
            _tell_now(app, recording)
            return code
        runs = followed(recording, clock=app.clock, idle=app.out.flush) if follow else None
        if form == "text":
            events = _events_of(recording, runs) if runs is not None else recording.events()
            _write_text(app, events, start_s=start, pace=pace)
        elif form == "jsonl" and not start:
            for run in followed_lines(recording, runs) if runs is not None else recorded_lines(recording):
                app.out.write(safe_json(run) if app.out.is_terminal else run)
        elif form in _OF_TRANSCRIPTS:
            _write_transcript(app, form, recording.events(), start_s=start)
        else:
            _write(app, renderer_for(form or ""), recording.events(start_delay=start) if start else recording.events())
        app.out.flush()
        if not follow:
            if start > recording.summary.duration_s:
                lasted = forms.duration(recording.summary.duration_s)
                app.err.complain(f"the session lasted {lasted}, so there is nothing from --start on")
            _tell(app, recording)
            return 0
        _tell_now(app, recording)
    return 0


class Pace:
    """
    Waits until a moment of the session is due, by a `Playhead`.
    """

    def __init__(self, clock: Clock, *, speed: float, idle_s: float | None, start_s: float) -> None:
        from recordkit.playback import Playhead

        self._clock = clock
        self._head = Playhead(
            position_ns=round(start_s * 1e9),
            since_ns=self._now_ns(),
            playing=True,
            speed=speed,
            idle_ns=None if idle_s is None else round(idle_s * 1e9),
        )
        self._never = threading.Event()

    def wait(self, delay_ns: int) -> None:
        """
        Wait for the moment *delay_ns* after the session's start.
        """
        wait_ns = self._head.due_in_ns(delay_ns, now_ns=self._now_ns())
        if wait_ns:
            self._clock.wait(self._never, wait_ns / 1e9)
        self._head = self._head.reached(delay_ns, now_ns=self._now_ns())

    def _now_ns(self) -> int:
        return round(self._clock.monotonic() * 1e9)


def _write_text(app: App, events: Iterable[Event], *, start_s: float, pace: Pace | None) -> None:
    # from the first event on also with a start: a later statement may refer to an earlier one
    start_ns = round(start_s * 1e9)
    translator = SessionTranslator()
    for event in events:
        for segment in translator.feed(event):
            if segment.delay_ns < start_ns:
                continue
            if pace is not None:
                app.out.flush()
                pace.wait(segment.delay_ns)
            app.out.write(segment_bytes(segment))


def _write_transcript(app: App, form: str, events: Iterable[Event], *, start_s: float) -> None:
    # as above: what was prepared before the start is known behind it
    start_ns, delays, translator = round(start_s * 1e9), Delays(), SessionTranslator()
    behind = iter(events)
    for event in behind:
        if delays.measure(event) >= start_ns:
            _write(app, renderer_for(form, translator=translator), chain((event,), behind))
            return
        translator.feed(event)
    _write(app, renderer_for(form, translator=translator), ())


def _write(app: App, renderer: Renderer, events: Iterable[Event]) -> None:
    app.out.write(renderer.begin())
    for event in events:
        app.out.write(renderer.write(event))
    app.out.write(renderer.end())


def _events_of(recording: Recording, runs: Iterable[bytes]) -> Iterator[Event]:
    try:
        for run in runs:
            yield from map(decode_line, run.split(b"\n")[:-1])
    except UndecodableEventError as error:
        error.path = recording.path
        raise


def _tell_now(app: App, recording: Recording) -> None:
    try:
        now = reopen(recording)
    except FileNotFoundError:
        app.err.complain("the recording was removed")
        return
    with now:
        _tell(app, now)


def _tell(app: App, recording: Recording) -> None:
    summary = recording.summary
    if summary.state is State.OPEN:
        app.err.complain("the session goes on; --follow shows what comes")
    elif summary.state is State.INTERRUPTED:
        app.err.complain("the session was interrupted: its end was not recorded")
    elif summary.state is State.TORN:
        app.err.complain("the recording is torn: what came after this is missing")
    if summary.lost:
        app.err.complain(f"{summary.lost} events are missing; the recorder had to drop them")
