"""
`recordkit show`: what one recording is about.
"""

import click

from recordkit.cli import summaries
from recordkit.cli.app import App, complete_recording, examples, pass_app
from recordkit.events import encode_line
from recordkit.render.control_chars import safe_json

EPILOG = examples(
    ("recordkit show 307b", "by the beginning of its sid"),
    ("recordkit show recordings/01/307b49d6*.zst", "by file"),
    ("recordkit show 307b --format json", "for programs"),
)


@click.command(name="show", epilog=EPILOG, short_help="Show what a recording is about.")
@click.argument("recording", metavar="SID|PREFIX|FILE", shell_complete=complete_recording)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@pass_app
def command(app: App, *, recording: str, form: str) -> int:
    """
    Show what a recording is about: who, where, when, how much, and how it ended.

    The head is a checksum over all its chunks, in order.
    """
    with app.open(recording) as opened:
        summary, path = opened.summary, str(opened.path)
    if form == "json":
        app.out.write(safe_json(encode_line(summaries.to_json(summary) | {"path": path})))
        return 0
    for name, value in [*summaries.described(summary), ("file", path)]:
        app.out.line(f"{name + ':':10} {value}")
    return 0
