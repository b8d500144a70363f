"""
From a damaged recording to a sound one that says what it lacks.

What is sound is copied line by line, byte for byte, in order. Where something is missing, a `recordkit.gap`
event takes its place: which events, how many if that is known, and why. The same list stands in the new
recording's summary, with the bytes of the damaged file. It is a recording of its own: its header says by an
attribute that it was salvaged, and its chain has nothing to do with the old one; a signature over the old
one says nothing of it. It may be signed, in a role of its own, by who salvaged it: the header's attribute and
the gap events are under that signature, the summary's list is not. Keep the damaged file.

The file appears under its name when it is whole and synced, or not at all.
"""

import contextlib
import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from recordkit.clock import Clock, SystemClock
from recordkit.container import Summary
from recordkit.container.chunks import begin, encode_chunk, first_position
from recordkit.container.decoder import Decoder, Start
from recordkit.container.files import Files, OsFiles
from recordkit.container.frames import Compressor
from recordkit.container.header import Header, read_header
from recordkit.container.index import IndexBuilder
from recordkit.container.seal import DEFAULT_CHUNK_BYTES
from recordkit.container.signatures import KeySource, Role, Signer, load_signing_key
from recordkit.container.source import MemorySource
from recordkit.container.summary import State
from recordkit.container.unreadable import PatchedSource
from recordkit.errors import FormatError, UndecodableEventError
from recordkit.events import decode_line, encode_line, format_time
from recordkit.events.constructors import GAP
from recordkit.events.kinds import code_for
from recordkit.limits import DEFAULT_LIMITS, Limits
from recordkit.verification.counting import EventCounter
from recordkit.verification.findings import Finding, FindingKind, damage_finding
from recordkit.verification.lost_header import find_header
from recordkit.verification.notes import NOTES
from recordkit.verification.recordings import is_live
from recordkit.verification.stretches import SoundChunk, Stretch, stretches
from recordkit.version import __version__

SALVAGED: Final = "salvaged_by"
"""The header's attribute that tells a salvaged recording from an original one."""

_NOTED: Final = 1000
"""Losses that the summary lists; it has to fit into the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """
    What salvaging a recording came to.

    Attributes:
        path: The new recording.
        summary: Its summary; ``lost`` counts what earlier gap events name, too.
        findings: What was wrong with the old one.
    """

    path: Path
    summary: Summary
    findings: tuple[Finding, ...]

    @property
    def lossless(self) -> bool:
        """
        Whether all events of the old recording are in the new one.
        """
        return all(finding.lost == 0 for finding in self.findings)


def salvage(
    source_path: str | Path,
    path: str | Path,
    *,
    live: bool | None = None,
    files: Files | None = None,
    limits: Limits = DEFAULT_LIMITS,
    chunk_bytes: int = DEFAULT_CHUNK_BYTES,
    signing_key: KeySource | None = None,
    clock: Clock | None = None,
) -> Salvage:
    """
    Write what is sound of the recording at *source_path* as a sealed recording to *path*.

    Args:
        source_path: Any recording, damaged or not; it is left as it is.
        path: Must not exist.
        live: As in `verify_recording`; of a recording that grows, what is there now is written.
        files: Does the work; default: the operating system's.
        limits: Sizes to accept.
        chunk_bytes: Lines per chunk.
        signing_key: Signs the new recording, as `Role.SALVAGE`; a key as for `Recorder`.
        clock: Says when it is signed.

    Raises:
        ValueError: *signing_key* is no such key.
        MissingDependencyError: *signing_key* needs the package cryptography.
        FileExistsError: There is something at *path*.
        FormatError: Nothing of a recording is left, or it needs a newer recordkit.
        OSError: It can't be opened, or the new one not be written; nothing was left behind.
    """
    source_path, path = Path(source_path), Path(path)
    files = files or OsFiles()
    signer = None
    if signing_key is not None:
        signer = Signer(load_signing_key(signing_key), role=Role.SALVAGE, now_ns=(clock or SystemClock()).time_ns)
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "there is a file already; salvage overwrites nothing", str(path))
    source = PatchedSource(source_path)
    try:
        return _salvage(source, path, live=live, files=files, limits=limits, chunk_bytes=chunk_bytes, signer=signer)
    except FormatError as error:
        error.path = source_path
        raise
    finally:
        source.close()


def _salvage(
    source: PatchedSource,
    path: Path,
    *,
    live: bool | None,
    files: Files,
    limits: Limits,
    chunk_bytes: int,
    signer: Signer | None,
) -> Salvage:
    start: Start | None = None
    damage = None
    try:
        decoder = Decoder(source, limits)
    except FormatError as fault:
        found = find_header(source, fault, path=source.path, limits=limits)
        decoder = Decoder(source, limits, header=found.header)
        start, damage = found.start, found.damage
    header = decoder.header
    live = is_live(source.path, header.owner) if live is None else live
    temporary = path.with_name(path.name + ".tmp")
    files.remove(temporary)
    findings: list[Finding] = []
    try:
        copy = _Copy(temporary, header, files, chunk_bytes)
        for item in stretches(decoder, source, limits=limits, live=live, start=start, before=damage):
            if isinstance(item, SoundChunk):
                findings += copy.take(item)
            else:
                findings.append(_finding(item))
                copy.miss(item)
        summary = copy.finish(findings, signer)
        files.sync(temporary)
        _place(temporary, path, files)
    except BaseException:
        with contextlib.suppress(OSError):
            files.remove(temporary)
        raise
    files.sync(path.parent)
    return Salvage(path=path, summary=summary, findings=tuple(findings))


def _place(temporary: Path, path: Path, files: Files) -> None:
    """
    Give the file its name, without replacing what may have come there since.
    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise
        files.rename(temporary, path)
    else:
        files.remove(temporary)


def _finding(stretch: Stretch) -> Finding:
    return damage_finding(stretch.damage, lost=stretch.events, first_ei=stretch.first_ei, last_ei=stretch.last_ei)


class _Copy:
    """
    The new recording while it is written.
    """

    def __init__(self, path: Path, old: Header, files: Files, chunk_bytes: int) -> None:
        start, self._position = begin(
            sid=bytes.fromhex(old.sid.replace("-", "")),
            owner=bytes.fromhex(old.owner),
            created_ns=old.created_ns,
            attributes=encode_line({**old.attributes, SALVAGED: f"recordkit/{__version__}"}).rstrip(b"\n"),
        )
        self._header = read_header(MemorySource(start), DEFAULT_LIMITS)
        self._position = first_position(self._header.frame)
        self._path = path
        self._files = files
        self._chunk_bytes = chunk_bytes
        self._builder = IndexBuilder(len(self._header.frame))
        self._compressor = Compressor()
        self._counter = EventCounter()
        self._lines: list[bytes] = []
        self._size = 0
        files.create(path, start)

    def take(self, sound: SoundChunk) -> list[Finding]:
        """
        Copy a chunk's lines; return what is wrong with some.
        """
        findings = []
        header = sound.chunk.header
        for line in sound.raw[:-1].split(b"\n") if sound.raw else ():
            try:
                event = decode_line(line)
            except UndecodableEventError as error:
                finding = Finding(
                    kind=FindingKind.CORRUPT, what=error.what, offset=sound.chunk.offset,
                    length=sound.chunk.end - sound.chunk.offset, chunk=header.sequence,
                    lost=1, first_ei=self._counter.ei + 1, last_ei=self._counter.ei + 1,
                )  # fmt: skip
                findings.append(finding)
                self._gap(finding)
                continue
            self._write(event, line + b"\n")
        return findings

    def miss(self, stretch: Stretch) -> None:
        """
        Say what is missing here.
        """
        if stretch.events != 0:
            self._gap(_finding(stretch))

    def finish(self, findings: Sequence[Finding], signer: Signer | None) -> Summary:
        """
        Seal the recording and return its summary.
        """
        self._flush()
        header, totals, head = self._header, self._builder.totals, self._position.chain
        state = State.COMPLETE if totals.ended else State.INTERRUPTED
        summary = header.summary(state, totals, stored_bytes=0, head=head.hex())
        notes: dict[str, object] = {NOTES: _notes(findings)}
        if signer is not None:
            notes |= signer.notes(sid=header.sid, head=head, chunks=totals.chunks, events=totals.events)
        tail = self._builder.finish(recording_id=self._position.recording_id, chain=head, summary=summary, notes=notes)
        self._files.append(self._path, tail, offset=self._position.offset)
        return header.summary(state, totals, stored_bytes=self._position.offset + len(tail), head=head.hex())

    def _gap(self, finding: Finding) -> None:
        place = "" if finding.chunk is None else f"chunk {finding.chunk} "
        where = f"{place}at offset {finding.offset} of the damaged recording"
        event: dict[str, Any] = {"sid": self._header.sid, "event": GAP, "code": code_for(GAP, success=False)}
        first = self._counter.ei + 1 if finding.first_ei is None else finding.first_ei
        event |= {"ei": first, "from": first}
        if finding.last_ei is not None:
            event["to"] = finding.last_ei
        if finding.lost is not None:
            event["count"] = finding.lost
        event["reason"] = f"salvage: {finding.what} ({where})"
        if self._counter.time_ns is not None:
            event["time"] = format_time(self._counter.time_ns)
        self._write(event, encode_line(event))

    def _write(self, event: dict[str, Any], line: bytes) -> None:
        if self._size and self._size + len(line) > self._chunk_bytes:
            self._flush()
        self._counter.add(event)
        self._lines.append(line)
        self._size += len(line)

    def _flush(self) -> None:
        if not self._lines:
            return
        chunk = encode_chunk(self._position, b"".join(self._lines), self._counter.counts, self._compressor)
        self._files.append(self._path, chunk.data, offset=self._position.offset)
        self._builder.add(chunk.entry)
        self._position = chunk.after
        self._lines, self._size = [], 0
        self._counter.begin(0, 0)


def _notes(findings: Sequence[Finding]) -> dict[str, Any]:
    """
    Return what the summary says of the damaged recording.
    """
    names = ("kind", "what", "offset", "length", "chunk", "lost", "first_ei", "last_ei")
    return {
        "by": f"recordkit/{__version__}",
        "found": len(findings),
        "findings": [{name: finding.to_json()[name] for name in names} for finding in findings[:_NOTED]],
    }
