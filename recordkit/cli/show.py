"""
`recordkit show`: what one recording is about.
"""

from collections.abc import Iterator
from typing import Final

import click

from recordkit.cli import forms, summaries
from recordkit.cli.app import App, complete_recording, examples, pass_app
from recordkit.container import State, Summary
from recordkit.events import encode_line
from recordkit.render.control_chars import safe_json
from recordkit.verification import Role, SealedNotes, sealed_notes

EPILOG = examples(
    ("recordkit show 307b", "by the beginning of its sid"),
    ("recordkit show recordings/01/307b49d6*.zst", "by file"),
    ("recordkit show 307b --format json", "for programs"),
)

_SIGNERS: Final = {
    Role.RECORDER: "by its recorder",
    Role.RECOVERY: "by a later recorder, after a crash",
    Role.SALVAGE: "by who salvaged it, not by its recorder",
}


@click.command(name="show", epilog=EPILOG, short_help="Show what a recording is about.")
@click.argument("recording", metavar="SID|PREFIX|FILE", shell_complete=complete_recording)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@pass_app
def command(app: App, *, recording: str, form: str) -> int:
    """
    Show what a recording is about: who, where, when, how much, and how it ended.

    The head is a checksum over all its chunks, in order. Noted down elsewhere,
    it proves later that nothing before it was changed or cut off: see
    `recordkit verify --head`. Signatures are shown, not checked: see
    `recordkit verify --public-key`.
    """
    with app.open(recording) as opened:
        summary, path = opened.summary, opened.path
    notes = sealed_notes(path)
    if form == "json":
        more = {"path": str(path), "signatures": [signature.to_json() for signature in notes.signatures]}
        app.out.write(safe_json(encode_line(summaries.to_json(summary) | more)))
        return 0
    for name, value in [*summaries.described(summary), *_sealed(summary, notes), ("file", str(path))]:
        app.out.line(f"{name + ':':10} {value}")
    return 0


def _sealed(summary: Summary, notes: SealedNotes) -> Iterator[tuple[str, str]]:
    if notes.salvaged is not None:
        yield "salvaged", f"from a damaged recording: {notes.salvaged} findings; this is not the original"
    for signature in notes.signatures:
        by = _SIGNERS[signature.role]
        yield "signed", f"{forms.moment(signature.signed_ns)} {by}, key {signature.key.key_id} (not checked here)"
    if not notes.signatures:
        yield "signed", "not yet, it is open" if summary.state is State.OPEN else "no"
