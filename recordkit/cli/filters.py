"""
The options by which `ls` and `grep` choose recordings.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

import click

from recordkit.cli.app import App
from recordkit.cli.forms import moment_ns, period_s
from recordkit.container import State
from recordkit.store import RecordingFilter


def _since(text: str, now_ns: int) -> int:
    return moment_ns(text, now_ns=now_ns)


def _last(text: str, now_ns: int) -> int:
    return now_ns - round(period_s(text) * 1e9)


def _read_by(read: Callable[[str, int], int]) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """
    Return a callback for an option whose text *read* turns into a time, given the time now.
    """

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
        app = ctx.find_object(App)
        if value is None or app is None:  # None: the shell is only completing
            return None
        try:
            return read(value, app.clock.time_ns())
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error

    return callback


_OPTIONS: Final = (
    click.option(
        "--since", callback=_read_by(_since), metavar="TIME", help="Begun at this time (UTC) or later, or 24h, 7d ago."
    ),
    click.option("--until", callback=_read_by(_since), metavar="TIME", help="Begun before this time."),
    click.option("--last", callback=_read_by(_last), metavar="PERIOD", help="Begun within the last 24h, 7d, 1h30m."),
    click.option("--user", metavar="NAME", help="Of this user."),
    click.option("--db", metavar="NAME", help="On this database service, or in the database of this name."),
    click.option("--protocol", metavar="NAME", help="Of this protocol: postgres, mysql, mongodb, ..."),
    click.option("--state", type=click.Choice([state.value for state in State]), help="In this state."),
)


def recording_filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    Add the options that choose recordings; the function gets them as one `RecordingFilter`, *wanted*.
    """

    @functools.wraps(command)
    def with_filter(
        *,
        since: int | None,
        until: int | None,
        last: int | None,
        user: str | None,
        db: str | None,
        protocol: str | None,
        state: str | None,
        **others: Any,
    ) -> Any:
        if since is not None and last is not None:
            raise click.UsageError("--since and --last exclude each other")
        try:
            wanted = RecordingFilter(
                since_ns=last if since is None else since,
                until_ns=until,
                user=user,
                db=db,
                protocol=protocol,
                state=None if state is None else State(state),
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        return command(wanted=wanted, **others)

    decorated: Callable[..., Any] = with_filter
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
