"""
`recordkit demo`: something to look at.
"""

from pathlib import Path

import click
from click.core import ParameterSource

from recordkit.cli.app import App, examples, pass_app
from recordkit.cli.demo_sessions import SESSIONS
from recordkit.cli.demo_steps import DemoSession
from recordkit.clock import ManualClock
from recordkit.recorder import Recorder
from recordkit.store import open_store

EPILOG = examples(
    ("recordkit demo", "into ./recordings"),
    ("recordkit --store /tmp/recordkit-demo demo", "somewhere else"),
)


@click.command(name="demo", epilog=EPILOG, short_help="Record sample sessions to try things on.")
@click.pass_context
@pass_app
def command(app: App, ctx: click.Context) -> int:
    """
    Record sample sessions of several protocols into the store, and say how to look at them.

    Among them: an interrupted session, and one whose statements try to take over the terminal. They
    always have the same sids and times; those that are there already are left alone.
    """
    missing = [demo for demo in SESSIONS if not _exists(app, demo)]
    if missing:
        clock = ManualClock()
        with Recorder(app.store_path, clock=clock) as recorder:
            for demo in missing:
                _record(recorder, clock, demo)
        app.out.line(f"recorded {len(missing)} sessions in {app.store_path}; now try")
    else:
        app.out.line(f"all {len(SESSIONS)} sessions are in {app.store_path} already, nothing was changed; try")
    given = ctx.find_root().get_parameter_source("store_path") is ParameterSource.COMMANDLINE
    program = f"recordkit --store {app.store_path}" if given else "recordkit"
    for verb in ("ls", "play 307b", "play 8f0c --format jsonl", "grep -i 'delete|drop'"):
        app.out.line(f"  {program} {verb}")
    return 0


def _exists(app: App, demo: DemoSession) -> bool:
    if not Path(app.store_path).is_dir():
        return False
    with open_store(app.store_path) as store:
        return demo.sid in store


def _record(recorder: Recorder, clock: ManualClock, demo: DemoSession) -> None:
    clock.set_time_ns(demo.start_ns)
    session = recorder.session(sid=demo.sid, **demo.fields)
    for delay_s, step in demo.steps:
        clock.set_time_ns(demo.start_ns + round(delay_s * 1e9))
        step(session)
    if demo.end_s is not None:
        clock.set_time_ns(demo.start_ns + round(demo.end_s * 1e9))
    session.close(interrupted=demo.end_s is None)
