"""
From an open recording to a sealed one, so that at any moment exactly one file holds it.

    many small chunks?   write them joined to ….tmp, sync it, rename it over the open file
    else                 cut a torn tail off, append index and seek table, sync
    both                 rename the open file to the sealed path, sync the directories

A crash between any two steps leaves an open recording that this same function seals. What it reads it
verifies: hash and checksum of every chunk. It makes nothing up, and a file with damage in the middle
stays as it is. Who wrote the recording knows its head, and so notices here what others changed.

Joining comes before signing: what is signed is the head of the file as it will stay.
"""

from pathlib import Path
from typing import Final

from recordkit.container.chunks import Counts, Position, encode_chunk, first_position
from recordkit.container.damage import Damage, DamageKind
from recordkit.container.decoder import Chunk, Decoder
from recordkit.container.files import Files, OsFiles
from recordkit.container.frames import Compressor, Decompressor
from recordkit.container.header import Header
from recordkit.container.index import IndexBuilder
from recordkit.container.layout import MAGIC, ChunkEntry
from recordkit.container.signatures import SIGNATURES, Signer
from recordkit.container.source import FileSource
from recordkit.container.summary import State, Summary
from recordkit.errors import ChainError, FormatError
from recordkit.limits import DEFAULT_LIMITS, KIB, Limits

DEFAULT_CHUNK_BYTES: Final = 256 * KIB
TEMPORARY_SUFFIX: Final = ".tmp"


def seal(
    open_path: Path,
    sealed_path: Path,
    *,
    chunk_bytes: int = DEFAULT_CHUNK_BYTES,
    files: Files | None = None,
    limits: Limits = DEFAULT_LIMITS,
    written_head: str | None = None,
    signer: Signer | None = None,
) -> Summary:
    """
    Seal the open recording at *open_path* as *sealed_path* and return its summary.

    Only one caller at a time may seal a recording, and only when nobody writes it any more. Memory: two
    chunks. Blocks on the disk.

    Args:
        open_path: An open recording; also one that a dead process left, torn or half sealed.
        sealed_path: In the same file system; must not exist.
        chunk_bytes: Chunks are joined up to this size if they are much smaller.
        files: Does the work; default: the operating system's.
        limits: Sizes to accept.
        written_head: The head, in hex, that the file must have: of whoever wrote it and still knows.
        signer: Signs the head; default: the recording is not signed.

    Raises:
        FormatError: The recording is damaged before its end, or has another head; it is left as it is.
        OSError: Sealing may be tried again.
    """
    files = files or OsFiles()
    source = FileSource(open_path)
    try:
        survey = _Survey(source, open_path, limits)
        head = survey.decoder.head.hex()
        if written_head not in (None, head):
            raise ChainError("the file does not hold what was written into it", expected=written_head, found=head)
        files.remove(_temporary(open_path))  # of a process that died while joining
        if survey.sealed is not None and (survey.signed or signer is None):
            files.sync(open_path)  # whoever sealed it may have died before
        elif survey.wants_joining(chunk_bytes):
            survey.summary = _join(survey, open_path, chunk_bytes, files, signer)
        else:
            survey.summary = _append_index(survey, open_path, files, signer)
    except FormatError as error:
        error.path = open_path
        raise
    finally:
        source.close()
    files.make_directory(sealed_path.parent)
    files.rename(open_path, sealed_path)
    files.sync(sealed_path.parent)
    files.sync(open_path.parent)
    return survey.finished()


class _Survey:
    """
    What an open recording holds, verified.
    """

    def __init__(self, source: FileSource, path: Path, limits: Limits) -> None:
        self.source = source
        self.path = path
        self.limits = limits
        self.decoder = Decoder(source, limits)
        self.builder = IndexBuilder(self.header.end - len(MAGIC))
        self.end = self.header.end
        self.sealed: Summary | None = None
        self.signed = False
        self.summary: Summary | None = None
        torn = False
        for item in self.decoder.walk():
            if isinstance(item, Chunk):
                self.builder.add(item.entry, header_size=item.header_size)
                self.end = item.end
                continue
            if item.offset < self.end or not self._is_tail(item):
                raise item.error
            torn = True
        index = self.decoder.index
        if index is not None and not torn:
            self.signed = SIGNATURES in index.summary
            self.sealed = self.header.summary(
                self.state, self.builder.totals, stored_bytes=source.size(), head=index.trailer.chain.hex()
            )

    def _is_tail(self, damage: Damage) -> bool:
        # A power cut may leave garbage where the tail was to be, and a crash half an index: in both cases
        # nothing of the recording stands behind it.
        return damage.kind in (DamageKind.TORN, DamageKind.INDEX) or damage.offset + damage.length >= self.source.size()

    @property
    def header(self) -> Header:
        return self.decoder.header

    @property
    def state(self) -> State:
        return State.COMPLETE if self.builder.totals.ended else State.INTERRUPTED

    def wants_joining(self, chunk_bytes: int) -> bool:
        totals = self.builder.totals
        return totals.chunks > 1 and totals.raw_bytes < totals.chunks * chunk_bytes // 2

    def finished(self) -> Summary:
        summary = self.summary or self.sealed
        if summary is None:
            raise FormatError("the recording was not sealed", path=self.path)
        return summary


def _signed(signer: Signer | None, header: Header, builder: IndexBuilder, head: bytes) -> dict[str, object]:
    if signer is None:
        return {}
    totals = builder.totals
    return signer.notes(sid=header.sid, head=head, chunks=totals.chunks, events=totals.events)


def _append_index(survey: _Survey, path: Path, files: Files, signer: Signer | None) -> Summary:
    head = survey.decoder.head
    summary = survey.header.summary(survey.state, survey.builder.totals, stored_bytes=0, head=head.hex())
    notes = _signed(signer, survey.header, survey.builder, head)
    tail = survey.builder.finish(recording_id=survey.header.chain[:8], chain=head, summary=summary, notes=notes)
    if survey.source.size() > survey.end:
        files.truncate(path, survey.end)
    files.append(path, tail, offset=survey.end)
    files.sync(path)
    return survey.header.summary(
        survey.state, survey.builder.totals, stored_bytes=survey.end + len(tail), head=head.hex()
    )


def _join(survey: _Survey, path: Path, chunk_bytes: int, files: Files, signer: Signer | None) -> Summary:
    """
    Write the recording anew with full chunks, over the open file.
    """
    temporary = _temporary(path)
    header = survey.header
    try:
        files.create(temporary, MAGIC + header.frame)
        joiner = _Joiner(temporary, first_position(header.frame), files)
        decompressor = Decompressor()
        for item in survey.decoder.walk():
            if isinstance(item, Chunk):
                joiner.add(item.raw(decompressor, survey.limits), item.entry, chunk_bytes)
        summary = joiner.finish(header, survey.state, signer)
        files.sync(temporary)
        files.rename(temporary, path)
    except BaseException:
        files.remove(temporary)
        raise
    return summary


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + TEMPORARY_SUFFIX)


class _Joiner:
    """
    Gathers small chunks and writes full ones.
    """

    def __init__(self, path: Path, position: Position, files: Files) -> None:
        self._path = path
        self._position = position
        self._files = files
        self._builder = IndexBuilder(position.offset - len(MAGIC))
        self._compressor = Compressor()
        self._pending: list[bytes] = []
        self._size = 0
        self._counts = Counts()

    def add(self, raw: bytes, entry: ChunkEntry, chunk_bytes: int) -> None:
        if self._size and self._size + len(raw) > chunk_bytes:
            self._flush()
        self._pending.append(raw)
        self._size += len(raw)
        self._counts.add(entry)

    def _flush(self) -> None:
        chunk = encode_chunk(self._position, b"".join(self._pending), self._counts, self._compressor)
        self._files.append(self._path, chunk.data, offset=self._position.offset)
        self._builder.add(chunk.entry)
        self._position = chunk.after
        self._pending, self._size, self._counts = [], 0, Counts()

    def finish(self, header: Header, state: State, signer: Signer | None) -> Summary:
        if self._pending:
            self._flush()
        head = self._position.chain
        totals = self._builder.totals
        summary = header.summary(state, totals, stored_bytes=0, head=head.hex())
        notes = _signed(signer, header, self._builder, head)
        tail = self._builder.finish(recording_id=self._position.recording_id, chain=head, summary=summary, notes=notes)
        self._files.append(self._path, tail, offset=self._position.offset)
        return header.summary(state, totals, stored_bytes=self._position.offset + len(tail), head=head.hex())
