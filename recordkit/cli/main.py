"""
`recordkit [--store DIR] VERB ...`: arguments in, exit code out.

Each verb is a module of this package with a `command`, imported when it is called for, so that
`recordkit --help` and shell completion stay fast.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from recordkit import errors
from recordkit.cli.output import Messages, Output, standard
from recordkit.clock import Clock, SystemClock

VERBS: Final[Mapping[str, str]] = {
    "demo": "Record sample sessions to try things on.",
    "record": "Turn JSON Lines of events into recordings.",
    "ls": "List recordings, newest first.",
    "show": "Show what a recording is about.",
    "play": "Show a session as the person saw it.",
    "grep": "Search the statements of all recordings.",
    "export": "Write recordings as Parquet for analytics.",
    "verify": "Check recordings for damage.",
    "keygen": "Make a key that signs recordings.",
    "reindex": "Rebuild the catalog; seal what dead recorders left.",
    "completion": "Print the completion script of a shell.",
}
"""Verbs and what they do, in the order in which a newcomer meets them."""

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
DAMAGED: Final = 3
NOT_FOUND: Final = 4
INTERRUPTED: Final = 130  # as a shell reports SIGINT
BROKEN_PIPE: Final = 141  # as a shell reports SIGPIPE

EXIT_CODES: Final[Mapping[type[Exception], int]] = {
    errors.InvalidEventError: FAILED,
    errors.ClosedError: FAILED,
    errors.RecordingWriteError: FAILED,
    errors.BadMagicError: DAMAGED,
    errors.UnsupportedVersionError: FAILED,  # sound, but not for this version
    errors.TruncatedError: DAMAGED,
    errors.ChecksumError: DAMAGED,
    errors.ChainError: DAMAGED,
    errors.LimitExceededError: DAMAGED,
    errors.UndecodableEventError: DAMAGED,
    errors.FormatError: DAMAGED,
    errors.SessionNotFoundError: NOT_FOUND,
    errors.AmbiguousPrefixError: USAGE,
    errors.DuplicateSessionError: FAILED,
    errors.CatalogError: FAILED,
    errors.StoreError: FAILED,
    errors.ExportError: FAILED,
    errors.MissingDependencyError: FAILED,
    errors.RecordKitError: FAILED,
    OSError: FAILED,
}
"""What the program returns for an error; the nearest base class decides. A test holds it complete."""

EPILOG: Final = """\b
A first look:
  recordkit demo          # record sample sessions into ./recordings
  recordkit ls            # list them
  recordkit play 307b     # see one as the person saw it

\b
Exit codes: 0 fine, 1 failure, 2 usage, 3 damage found or output lossy,
4 no such recording.
"""


class Verbs(click.Group):
    """
    The verbs, each loaded when it is needed.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """
        Return the verbs in the order of `VERBS`.
        """
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """
        Return the command of a verb; None if there is no such verb.
        """
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"recordkit.cli.{cmd_name}").command
        _take_store(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """
        Write the list of verbs without loading them.
        """
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """
        Return the verbs that begin with *incomplete*, without loading them.
        """
        from click.shell_completion import CompletionItem

        offered = [CompletionItem(name, help=text) for name, text in VERBS.items() if name.startswith(incomplete)]
        return offered + click.Command.shell_complete(self, ctx, incomplete)


def _take_store(command: click.Command) -> None:
    """
    Let --store stand behind a verb as well, where many look for it first.
    """
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        _take_store(inner)
    if all(option.name != "store_behind" for option in command.params):
        names = ["--store", "store_behind"]
        command.params.append(
            click.Option(names, metavar="DIR", hidden=True, is_eager=True, expose_value=False, callback=_set_store)
        )


def _set_store(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.find_root().params["store_path"] = value  # where completion looks
        if ctx.obj is not None:
            ctx.obj.store_path = value


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted and not ctx.resilient_parsing:
        from recordkit.version import __version__

        ctx.obj.out.line(f"recordkit {__version__}")
        ctx.exit()


@click.group(
    cls=Verbs,
    epilog=EPILOG,
    subcommand_metavar="VERB ...",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--store",
    "store_path",
    metavar="DIR",
    envvar="RECORDKIT_STORE",
    default="recordings",
    help="Where the recordings are. Default: $RECORDKIT_STORE, else ./recordings.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.pass_context
def cli(ctx: click.Context, store_path: str) -> int:
    """
    Record, find, play and export database sessions.
    """
    ctx.obj.store_path = store_path
    if ctx.invoked_subcommand is None:
        ctx.obj.err.say(ctx.get_help())
    return USAGE  # of a verb only its own return value counts


def main(argv: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """
    Run the command line with *argv* (default: the process's arguments) and return its exit code.
    """
    instruction = os.environ.get("_RECORDKIT_COMPLETE") if argv is None else None
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, "recordkit", "_RECORDKIT_COMPLETE", instruction)
    out, err = standard()
    try:
        code = _invoke(list(sys.argv[1:] if argv is None else argv), out, err, clock or SystemClock())
        out.flush()
    except BrokenPipeError:
        out.discard()
        return BROKEN_PIPE
    except OSError as error:  # only what `_invoke` let out: standard output itself
        out.discard()
        err.complain(_sentence(error))
        return FAILED
    return code


def _invoke(argv: list[str], out: Output, err: Messages, clock: Clock) -> int:
    from recordkit.cli.app import App

    try:
        with cli.make_context("recordkit", argv, obj=App(out=out, err=err, clock=clock)) as ctx:
            code = cli.invoke(ctx)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.UsageError as error:
        if error.ctx is not None:
            err.say(f"{error.ctx.get_usage()}\nTry `{error.ctx.command_path} --help`.")
        err.complain(error.format_message())
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        err.status("")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except (errors.RecordKitError, OSError) as error:
        out.flush()  # what was found before it comes before it
        err.status("")
        err.complain(_sentence(error))
        return exit_code_of(error)
    return code if isinstance(code, int) else OK


def exit_code_of(error: Exception) -> int:
    """
    Return the exit code for *error*, from its nearest base class in `EXIT_CODES`.
    """
    return next((EXIT_CODES[base] for base in type(error).__mro__ if base in EXIT_CODES), FAILED)


def _sentence(error: Exception) -> str:
    if isinstance(error, errors.BadMagicError) and error.path is not None and not error.offset:
        return f"{error.path}: not a recording"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error) or type(error).__name__


def run() -> None:
    """
    Run the command line and leave the process with its exit code.
    """
    sys.exit(main())
