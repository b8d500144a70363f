"""
From an open recording to a sealed one, so that at any moment exactly one file holds it.

    many small chunks, or      write them joined, or harder compressed, to ….tmp, sync it, rename it over the
    much smaller ones to win?  open file
    else                       cut a torn tail off, append index and seek table, sync
    both                       rename the open file to the sealed path, sync the directories

A crash between any two steps leaves an open recording that this same function seals. What it reads it
verifies: hash and checksum of every chunk. It makes nothing up, and a file with damage in the middle
stays as it is. Who wrote the recording knows its head, and so notices here what others changed.

The recorder compresses as fast as it can, since somebody waits. Here nobody does, so what would become a good
deal smaller is compressed once more, as far as there is time. Whether it would is tried on samples.

All of that comes before signing: what is signed is the head of the file as it will stay.
"""

from array import array
from pathlib import Path
from typing import Final, Protocol

from recordkit.container.chunks import Counts, Position, first_position, frame_chunk
from recordkit.container.damage import Damage, DamageKind
from recordkit.container.decoder import Chunk, Decoder
from recordkit.container.files import Files, OsFiles
from recordkit.container.frames import Compressor, Decompressor
from recordkit.container.header import Header
from recordkit.container.index import IndexBuilder
from recordkit.container.layout import CHUNK_FRAME_SIZE, MAGIC
from recordkit.container.signatures import SIGNATURES, Signer
from recordkit.container.source import FileSource
from recordkit.container.summary import State, Summary
from recordkit.errors import ChainError, FormatError, TruncatedError
from recordkit.limits import DEFAULT_LIMITS, KIB, MIB, Limits

DEFAULT_CHUNK_BYTES: Final = 256 * KIB
TEMPORARY_SUFFIX: Final = ".tmp"

_WORTH: Final = 0.05
"""
The part of the samples that must be saved. A twentieth of a recording has paid for the processor's time after a month
in an object store (0.023 $ a GB-month, 0.04 $ a core-hour).
"""
_SAMPLES: Final = 3
_FEW: Final = 16
"""Of so many chunks one sample is enough; more would cost as much as the work itself."""
_INDIVISIBLE: Final = 8 * MIB
"""A chunk of more is compressed only once: compressing can't be broken off, and this takes some 0.2 s."""


class Recompression(Protocol):
    """
    Compresses chunks harder than the recorder did, as long as it may.
    """

    def has_time(self) -> bool:
        """
        Tell whether there is time for another chunk.
        """

    def frame(self, raw: bytes) -> bytes:
        """
        Return *raw* as one zstd frame; see `recordkit.container.frames.Compressor.frame`.
        """


def seal(
    open_path: Path,
    sealed_path: Path,
    *,
    chunk_bytes: int = DEFAULT_CHUNK_BYTES,
    files: Files | None = None,
    limits: Limits = DEFAULT_LIMITS,
    written_head: str | None = None,
    signer: Signer | None = None,
    recompression: Recompression | None = None,
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
        recompression: Compresses what becomes at least a twentieth smaller by it; default: nothing is. A recording
            of less than one full chunk stays as it is: it would save less than a block of the disk.

    Raises:
        FormatError: The recording is damaged before its end, or has another head; it is left as it is.
        OSError: Sealing may be tried again.
    """
    files = files or OsFiles()
    source = FileSource(open_path)
    try:
        survey = _Survey(source, open_path, limits)
        head = survey.head.hex()
        if written_head not in (None, head):
            raise ChainError("the file does not hold what was written into it", expected=written_head, found=head)
        files.remove(_temporary(open_path))  # of a process that died while joining
        if survey.sealed is not None and (survey.signed or signer is None):
            files.sync(open_path)  # whoever sealed it may have died before
        else:
            harder = recompression if _pays(survey, chunk_bytes, recompression) else None
            if survey.wants_joining(chunk_bytes) or harder is not None:
                survey.summary = _rewrite(survey, chunk_bytes, files, signer, harder)
            survey.summary = survey.summary or _append_index(survey, open_path, files, signer)
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
        self.offsets = array("Q")
        self.plain = True
        self.end = self.header.end
        self.sealed: Summary | None = None
        self.signed = False
        self.summary: Summary | None = None
        torn = False
        for item in self.decoder.walk():
            if isinstance(item, Chunk):
                self.builder.add(item.entry, header_size=item.header_size)
                self.offsets.append(item.offset)
                self.plain &= item.header_size == CHUNK_FRAME_SIZE  # else a later writer said something more
                self.end = item.end
                continue
            if item.offset < self.end or not self._is_tail(item):
                raise item.error
            torn = True
        self.head = self.decoder.head  # another walk begins anew
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

    def sample(self, number: int, size: int) -> bytes:
        """
        Return the lines of chunk *number*, and of those behind it, up to about *size* bytes; none of a huge chunk.
        """
        decompressor = Decompressor()
        raw: list[bytes] = []
        for place in range(number, len(self.offsets)):
            chunk = self.decoder.item_at(self.offsets[place], frames=True)
            if not isinstance(chunk, Chunk):
                raise TruncatedError("the recording became shorter", offset=self.offsets[place], expected=self.end)
            if size <= 0 or chunk.header.raw_size > _INDIVISIBLE:
                break
            raw.append(chunk.raw(decompressor, self.limits))
            size -= chunk.header.raw_size
        return b"".join(raw)

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
    head = survey.head
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


def _pays(survey: _Survey, chunk_bytes: int, recompression: Recompression | None) -> bool:
    """
    Tell by samples whether *recompression* makes the recording so much smaller that it is worth its time.
    """
    totals = survey.builder.totals
    if recompression is None or totals.raw_bytes < chunk_bytes or not survey.plain:
        return False
    samples = _SAMPLES if totals.raw_bytes >= _FEW * chunk_bytes else 1
    fast, before, after = Compressor(), 0, 0
    for number in range(samples):
        if not recompression.has_time():
            return False
        raw = survey.sample(totals.chunks * (2 * number + 1) // (2 * samples), chunk_bytes)
        before += len(fast.frame(raw))
        after += len(recompression.frame(raw))
    return after < before * (1 - _WORTH)


def _rewrite(
    survey: _Survey, chunk_bytes: int, files: Files, signer: Signer | None, harder: Recompression | None
) -> Summary | None:
    """
    Write the recording anew with full chunks, over the open file; None if that failed and can be done without.
    """
    temporary = _temporary(survey.path)
    header = survey.header
    try:
        try:
            files.create(temporary, MAGIC + header.frame)
            rewriter = _Rewriter(temporary, survey, chunk_bytes, files, harder)
            for item in survey.decoder.walk():
                if isinstance(item, Chunk):
                    rewriter.add(item)
                elif item.offset < survey.end:
                    raise item.error  # it was not there before
            summary = rewriter.finish(header, survey.state, signer)
            files.sync(temporary)
        except OSError:
            if survey.wants_joining(chunk_bytes):
                raise
            files.remove(temporary)  # a disk that has no room for both has room for the index
            return None
        files.rename(temporary, survey.path)
    except BaseException:
        files.remove(temporary)
        raise
    return summary


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + TEMPORARY_SUFFIX)


class _Rewriter:
    """
    Gathers small chunks and writes full ones, compressed harder as long as there is time for it.
    """

    def __init__(
        self, path: Path, survey: _Survey, chunk_bytes: int, files: Files, harder: Recompression | None
    ) -> None:
        self._path = path
        self._position: Position = first_position(survey.header.frame)
        self._limits = survey.limits
        self._chunk_bytes = chunk_bytes
        self._files = files
        self._harder = harder
        self._builder = IndexBuilder(self._position.offset - len(MAGIC))
        self._compressor = Compressor()
        self._decompressor = Decompressor()
        self._pending: list[Chunk] = []
        self._size = 0

    def add(self, chunk: Chunk) -> None:
        size = chunk.header.raw_size
        if self._size and self._size + size > self._chunk_bytes:
            self._flush()
        self._pending.append(chunk)
        self._size += size

    def _flush(self) -> None:
        counts = Counts()
        for chunk in self._pending:
            counts.add(chunk.entry)
        written = frame_chunk(self._position, self._frame(), self._size, counts)
        self._files.append(self._path, written.data, offset=self._position.offset)
        self._builder.add(written.entry)
        self._position = written.after
        self._pending, self._size = [], 0

    def _frame(self) -> bytes:
        """
        Return what is pending as one frame: the very one that is there, if nothing better can be made of it.
        """
        harder = self._harder
        if harder is not None and (self._size > _INDIVISIBLE or not harder.has_time()):
            harder = None
        if harder is None and len(self._pending) == 1:
            return self._pending[0].frame
        raw = b"".join([chunk.raw(self._decompressor, self._limits) for chunk in self._pending])
        return (harder or self._compressor).frame(raw)

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
