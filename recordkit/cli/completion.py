"""
`recordkit completion`: teach a shell verbs, options and sids.
"""

import click
from click.shell_completion import ShellComplete, get_completion_class

from recordkit.cli.app import App, examples, pass_app

EPILOG = examples(
    ("recordkit completion bash >> bashrc-recordkit", "source it in ~/.bashrc"),
    ("recordkit completion zsh > _recordkit", "into a path of $fpath"),
    ("recordkit completion fish > recordkit.fish", "where fish looks"),
)


@click.command(name="completion", epilog=EPILOG, short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_app
def command(app: App, *, shell: str) -> int:
    """
    Print a script that lets SHELL complete verbs, options, and the sids of the store.
    """
    root = click.get_current_context().find_root().command
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell}")
    # not made.source(): for bash that asks the bash of this machine for its version, and prints about it
    script = ShellComplete.source(made(root, {}, "recordkit", "_RECORDKIT_COMPLETE"))
    app.out.write(script.encode() + b"\n")
    return 0
