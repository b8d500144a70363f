"""
`recordkit verify`: is everything as it was written?
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import click

from recordkit.cli.app import App, complete_recording, examples, is_sid_or_prefix, pass_app
from recordkit.cli.forms import period_s
from recordkit.cli.json_list import JsonList
from recordkit.cli.scrub import Scrub
from recordkit.errors import FormatError, InvalidEventError, SessionNotFoundError
from recordkit.events import encode_line, parse_sid
from recordkit.render.control_chars import safe_json
from recordkit.store.paths import open_path, sealed_path
from recordkit.verification import (
    Evidence,
    PublicKey,
    Report,
    Salvage,
    Severity,
    SigningKey,
    load_public_key,
    load_signing_key,
    parse_head,
    salvage,
    verify_recording,
)

EPILOG = examples(
    ("recordkit verify", "the whole store"),
    ("recordkit verify 307b", "one of them"),
    ("recordkit verify --sample 5% --max-duration 10m", "each night"),
    ("recordkit verify 307b --salvage 307b.jsonl.zst", "what is sound"),
    ("recordkit verify --format json", "for programs"),
)

Heads = tuple[tuple[str | None, bytes], ...]
"""Noted heads, each with the sid, or its beginning, that it was noted for; None: of the recording that is named."""


Items = Iterator[tuple[Report, Salvage | None]]
"""Reports, each with what was saved of its recording."""


class _Asked(NamedTuple):
    """
    What named recordings are held against, and where what is sound of them goes.
    """

    keys: tuple[PublicKey, ...]
    heads: Heads
    salvage_to: Path | None
    signing_key: SigningKey | None


def _signing_key(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> SigningKey | None:
    try:
        return None if value is None else load_signing_key(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _keys(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[PublicKey, ...]:
    try:
        return tuple(load_public_key(path) for path in value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _heads(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> Heads:
    try:
        return tuple(_head(text) for text in value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _head(text: str) -> tuple[str | None, bytes]:
    sid, separator, digits = text.rpartition("=")
    if separator and not is_sid_or_prefix(sid):
        raise ValueError(f"expected HEX or SID=HEX, found {text!r}")
    return sid.lower() if separator else None, parse_head(digits)


def _whole_sids(app: App, heads: Heads) -> Heads:
    """
    Return *heads* with the sids that were given by their beginning.

    Raises:
        SessionNotFoundError, AmbiguousPrefixError: Not exactly one begins so.
    """
    return tuple((None if sid is None else _whole_sid(app, sid), head) for sid, head in heads)


def _whole_sid(app: App, prefix: str) -> str:
    try:
        return parse_sid(prefix)  # of this one there need be no recording
    except InvalidEventError:
        with app.store() as store:
            return store.resolve(prefix)


def _share(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        share = float(value.removesuffix("%")) / 100 if value.endswith("%") else float(value)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise click.BadParameter(f"expected a share such as 5% or 0.05, found {value!r}")
    return share


def _duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else period_s(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(name="verify", epilog=EPILOG, short_help="Check recordings for damage.")
@click.argument("names", nargs=-1, metavar="[SID|PREFIX|FILE]...", shell_complete=complete_recording)
@click.option(
    "--public-key", "keys", multiple=True, metavar="FILE", callback=_keys, help="Signed by this key, or another given."
)
@click.option("--head", "heads", multiple=True, metavar="[SID=]HEX", callback=_heads, help="A head noted down before.")
@click.option("--salvage", "salvage_to", metavar="OUT", type=click.Path(path_type=Path), help="Write what is sound.")
@click.option(
    "--signing-key", metavar="FILE", type=click.Path(path_type=Path), callback=_signing_key,
    help="Sign what --salvage writes.",
)  # fmt: skip
@click.option("--sample", "share", metavar="SHARE", callback=_share, help="Check only 5% of the store.")
@click.option("--round", "round_number", type=click.IntRange(min=0), help="Which share; default: another each day.")
@click.option(
    "--max-duration", "limit_s", metavar="PERIOD", callback=_duration, help="Stop after 10m; go on next time."
)
@click.option("--position", "position_path", metavar="FILE", type=click.Path(path_type=Path),
              help="Where the next run goes on; default: scrub.json in the store.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@pass_app
def command(
    app: App,
    *,
    names: tuple[str, ...],
    keys: tuple[PublicKey, ...],
    heads: Heads,
    salvage_to: Path | None,
    signing_key: SigningKey | None,
    share: float | None,
    round_number: int | None,
    limit_s: float | None,
    position_path: Path | None,
    form: str,
) -> int:
    """
    Check recordings: structure, every checksum, the chain, index and seek
    table, each event against the chunk's header and its neighbours, the
    catalog. Without names, the whole store.

    Each finding is one line. Errors end in exit code 3; warnings (a hole in
    ei that nothing names, time that goes back, a recording that is gone)
    don't. --head and --public-key prove what checksums can't: that nobody
    has rewritten a recording or cut off its end. A --signing-key signs what
    --salvage writes, as salvaged: by whom and when, not who recorded it.
    """
    whole_store = not names and not any(sid for sid, _ in heads)
    if not whole_store and (share or round_number is not None or limit_s is not None or position_path):
        raise click.UsageError("--sample, --round, --max-duration and --position are for whole stores")
    if any(sid is None for sid, _ in heads) and len(names) != 1:
        raise click.UsageError("--head HEX is for one recording; name it, or give SID=HEX")
    if salvage_to is not None and not names:
        raise click.UsageError("--salvage: name the recordings")
    if signing_key is not None and salvage_to is None:
        raise click.UsageError("--signing-key is for what --salvage writes; a Recorder signs what it records")
    heads = _whole_sids(app, heads)
    totals = Totals()
    if whole_store:
        scrub = Scrub(app, share=share, round_number=round_number, limit_s=limit_s, position_path=position_path)
        items: Items = ((report, None) for report in scrub.reports(Evidence(keys=keys)))
    else:
        scrub = None
        asked = _Asked(keys, heads, salvage_to, signing_key)
        items = _named(app, [*names, *_unnamed(names, heads)], asked, totals)
    if form == "json":
        _write_json(app, items, totals, scrub)
    else:
        for report, saved in items:
            _write_text(app, report, saved)
            totals.add(report, saved)
        app.err.status("")
        app.out.line(totals.sentence())
    app.err.status("")
    if scrub is not None:
        app.out.flush()
        for note in filter(None, (scrub.note, f"nothing to check in {app.store_path!r}" if scrub.empty else "")):
            app.err.complain(note)
        totals.missing += scrub.empty
    return totals.exit_code


class Totals:
    """
    Counts what was checked.
    """

    def __init__(self) -> None:
        self.recordings = self.events = self.damaged = self.warnings = self.missing = self.failed = 0
        self.lossy = False

    def add(self, report: Report, saved: Salvage | None) -> None:
        """
        Count one report.
        """
        self.recordings += report.state is not None or bool(report.errors)
        self.events += report.events
        self.damaged += not report.sound
        self.warnings += sum(finding.severity is Severity.WARNING for finding in report.findings)
        self.lossy |= saved is not None and not saved.lossless

    def sentence(self) -> str:
        """
        Return the result in words.
        """
        result = f"{self.damaged} with errors" if self.damaged else "all sound" if self.recordings else "none checked"
        more = f", {_count(self.warnings, 'warning')}" if self.warnings else ""
        return f"checked {_count(self.recordings, 'recording')}, {_count(self.events, 'event')}: {result}{more}"

    def to_json(self) -> dict[str, Any]:
        """
        Return the counts as JSON types.
        """
        names = ("recordings", "events", "damaged", "warnings", "missing")
        return {name: getattr(self, name) for name in names}

    @property
    def exit_code(self) -> int:
        """
        What the program returns.
        """
        if self.damaged or self.lossy:
            return 3
        return 1 if self.failed else 4 if self.missing else 0


def _write_text(app: App, report: Report, saved: Salvage | None) -> None:
    if report.findings or saved is not None:
        app.err.status("")
    for finding in report.findings:
        app.out.line(finding.sentence(report.path))
    if saved is not None:
        app.out.line(f"{saved.path}: {_saved(saved)}")
    if report.findings or saved is not None:
        app.out.flush()


def _saved(saved: Salvage) -> str:
    known = [finding.lost for finding in saved.findings if finding.lost is not None]
    unknown = ", and perhaps more" if len(known) < len(saved.findings) else ""
    kept = saved.summary.events - sum(finding.lost != 0 for finding in saved.findings)
    lost = "nothing lost" if saved.lossless else f"{sum(known)} lost{unknown}"
    return f"{_count(kept, 'event')} saved, {lost}"


def _write_json(app: App, items: Iterator[tuple[Report, Salvage | None]], totals: Totals, scrub: Scrub | None) -> None:
    """
    Write the tree: the store, its recordings, their findings, item by item; it parses only when it is complete.
    """
    store = None if scrub is None else app.store_path
    app.out.write(b'{"store":%b,"recordings":' % safe_json(encode_line({"x": store}))[5:-2])
    with JsonList(app.out) as recordings:
        for report, saved in items:
            totals.add(report, saved)
            more = {} if saved is None else {"salvaged": {"file": str(saved.path), "events": saved.summary.events}}
            recordings.add(report.to_json() | more)
    ends = {"totals": totals.to_json(), "position": None if scrub is None else scrub.place}
    app.out.write(b"," + safe_json(encode_line(ends))[1:])


def _unnamed(names: tuple[str, ...], heads: Heads) -> Iterator[str]:
    """
    Yield the sids that heads were noted for, but those that a name stands for already.
    """
    for sid in dict.fromkeys(sid for sid, _ in heads if sid is not None):
        if not any(sid in name or (is_sid_or_prefix(name) and sid.startswith(name.lower())) for name in names):
            yield sid


def _named(app: App, names: list[str], asked: _Asked, totals: Totals) -> Items:
    for number, name in enumerate(names, 1):
        app.err.status(f"checking {number}: {name}")
        try:
            report = _check(app, name, asked)
        except (SessionNotFoundError, FileNotFoundError) as error:
            totals.missing += 1
            app.err.status("")
            app.err.complain(str(error))
            continue
        saved = None
        if asked.salvage_to is not None:
            saved = _salvage(app, report, asked, asked.salvage_to, totals, several=len(names) > 1)
        yield report, saved


def _check(app: App, name: str, asked: _Asked) -> Report:
    for _ in range(2):
        path = _path(app, name)
        heads = tuple(head for sid, head in asked.heads if sid is None or sid == path.name[:36])
        with suppress(FileNotFoundError):  # sealed meanwhile
            return verify_recording(path, evidence=Evidence(keys=asked.keys, heads=heads))
    raise SessionNotFoundError(f"{name!r} is gone")


def _path(app: App, name: str) -> Path:
    """
    Return the file of the recording that a person named, which need not be one.
    """
    if not is_sid_or_prefix(name):
        if not Path(name).is_file():
            raise SessionNotFoundError(f"{name!r} is neither a file nor the beginning of a sid")
        return Path(name)
    with app.store() as store:
        sid = store.resolve(name)
        sealed = sealed_path(store.root, sid)
        return sealed if sealed.exists() else open_path(store.root, sid)


def _salvage(app: App, report: Report, asked: _Asked, target: Path, totals: Totals, *, several: bool) -> Salvage | None:
    if several or target.is_dir():
        target.mkdir(exist_ok=True)
        target = target / f"{report.sid or report.path.name[:36]}.jsonl.zst"
    try:
        return salvage(report.path, target, signing_key=asked.signing_key, clock=app.clock)
    except (FormatError, OSError) as error:
        totals.failed += 1
        app.err.status("")
        app.err.complain(f"{report.path}: not salvaged: {error}")
        return None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
