"""
A recording being written: header, then chunk after chunk, nothing else.

The file ends at `size` whenever no write is under way. A write that fails may have left anything behind it,
from nothing to all of its chunks: it is cut off before the next one, so a failed write never leaves damage in
the middle. Where the disk refuses even that, what is there is looked at: a chunk that a reader will find is
not to be counted as lost. See `RecordingWriter.settle`.
"""

import errno
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from recordkit.container.chunks import Counts, Position, begin, frame_chunk
from recordkit.container.files import Files
from recordkit.container.frames import Compressor
from recordkit.events.codec import encode_line

MAX_ATTRIBUTE: Final = 1000
"""
Characters of text in a header attribute; the events hold what is longer. Clients choose some of these texts,
and seven of them have to fit into the 64 KiB that a reader accepts.
"""

_TRIES: Final = 3
"""How often the disk is asked what became of a write: refusing five calls in a row does not keep it from us."""

_FORGETTING: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT})
"""What ``fsync`` says where it could not write; other errors come before it was asked."""


class ReadyFrame(NamedTuple):
    """
    Lines that somebody else has compressed.

    Attributes:
        frame: One zstd frame of all of them.
        raw_size: Their length in bytes.
    """

    frame: bytes
    raw_size: int


class RecordingWriter:
    """
    Appends chunks to one open recording. One thread at a time; holds no file descriptor.

    Attributes:
        path: The open recording.
        sid: Its session.
    """

    def __init__(
        self, path: Path, *, sid: str, owner: str, created_ns: int, attributes: Mapping[str, object], files: Files
    ) -> None:
        """
        Prepare; nothing is written before `create`.

        Args:
            path: Where the open recording goes.
            sid: The session's UUID.
            owner: 32 hex digits that name the recorder.
            created_ns: Nanoseconds since the Unix epoch.
            attributes: JSON object for the header; its texts are cut to `MAX_ATTRIBUTE`.
            files: Does the work.

        Raises:
            InvalidEventError: An attribute is not JSON.
        """
        cut = {name: value[:MAX_ATTRIBUTE] if type(value) is str else value for name, value in attributes.items()}
        self.path = path
        self.sid = sid
        self._files = files
        self._start, self._position = begin(
            sid=UUID(sid).bytes,
            owner=bytes.fromhex(owner),
            created_ns=created_ns,
            attributes=encode_line(cut).rstrip(b"\n"),
        )
        self._unclean = False  # there may be something behind `size`
        self._doubtful: tuple[bytes, list[Position]] | None = None  # what that may be: chunks, and each one's end
        self._may_exist = False
        self._forgotten: OSError | None = None

    @property
    def size(self) -> int:
        """
        Bytes of the file that are sound.
        """
        return self._position.offset

    @property
    def head(self) -> str:
        """
        Hex of the chain value of the last chunk.
        """
        return self._position.chain.hex()

    def create(self) -> None:
        """
        Create the file with its header.

        Raises:
            FileExistsError: There is an open recording of this session.
            OSError: It may have been made all the same; calling this again is right then too.
        """
        try:
            self._files.create(self.path, self._start)
        except OSError as error:
            self._may_exist = self._may_exist or not isinstance(error, FileExistsError)
            if not self._may_exist or not self._is_created():
                raise

    def _is_created(self) -> bool:
        """
        Whether the file is there as a `create` of ours that raised has left it; nobody else has its header.
        """
        try:
            return self._files.read(self.path, self.size + 1, offset=0) == self._start
        except OSError:
            return False

    def discard(self) -> None:
        """
        Remove the file again; only before the first chunk.

        Raises:
            OSError: It is still there.
        """
        self._files.remove(self.path)

    def append(self, raw: bytes | memoryview, counts: Counts, compressor: Compressor) -> None:
        """
        Write the next chunk; when it returns, the chunk survives the death of this process.

        Raises:
            OSError: It was refused; see `settle`. The same chunk may be tried again.
        """
        self.append_all([(raw, counts)], compressor)

    def append_all(
        self, chunks: Sequence[tuple[bytes | memoryview | ReadyFrame, Counts]], compressor: Compressor
    ) -> None:
        """
        Write the next chunks by one write; see `append`. Those that are compressed already may be among them.

        Raises:
            OSError: It was refused; see `settle`. Called again without that, it begins with none of them in the file.
        """
        position = self._position
        parts: list[bytes] = []
        ends: list[Position] = []
        frames = iter(compressor.frames([raw for raw, _ in chunks if not isinstance(raw, ReadyFrame)]))
        for raw, counts in chunks:
            frame, raw_size = raw if isinstance(raw, ReadyFrame) else (next(frames), len(raw))
            chunk = frame_chunk(position, frame, raw_size, counts)
            parts.append(chunk.data)
            position = chunk.after
            ends.append(position)
        if self._unclean:
            self._cut()
        data = b"".join(parts)
        try:
            self._files.append(self.path, data, offset=self.size)
        except BaseException:  # Ctrl-C too may leave half a chunk
            self._unclean, self._doubtful = True, (data, ends)
            raise
        self._position = position
        self._start = b""  # ten thousand of them, which nobody needs any more, are megabytes

    def settle(self) -> int | None:
        """
        Find out what became of a refused write.

        What it left is cut off. Where the disk refuses that too, the file is read: chunks that are there whole stay,
        and are as good as written. A disk that refuses both keeps the answer to itself: ask again later, or
        `renounce`.

        Returns:
            How many of its chunks, the first ones, are in the file; the others are not. 0 if nothing is in doubt;
            None if the disk does not say.
        """
        if self._doubtful is None:
            return 0
        for _ in range(_TRIES):
            with suppress(OSError):
                self._cut()
                return 0
            with suppress(OSError):
                return self._adopt(*self._doubtful)
        return None

    def renounce(self) -> None:
        """
        Count what is in doubt as not written, whatever is found: from now on it is only cut off.

        Should the disk never allow that, a reader finds chunks that were counted as lost.
        """
        self._doubtful = None

    def _cut(self) -> None:
        self._files.truncate(self.path, self.size)
        self._unclean, self._doubtful = False, None

    def _adopt(self, data: bytes, ends: Sequence[Position]) -> int:
        """
        Count those of the chunks *data* that the file holds as written; return how many.
        """
        begin = self.size
        found = self._files.read(self.path, len(data) + 1, offset=begin)
        there = [end for end in ends if found.startswith(data[: end.offset - begin])]
        if there:
            self._position = there[-1]
        self._unclean, self._doubtful = len(found) > self.size - begin, None
        return len(there)

    def sync(self) -> None:
        """
        Make all that was written survive power loss; the directory entry too.

        Once the disk has refused to take what was written, every later sync raises as well: the system counts it
        as written from then on, and would say that all is well (https://wiki.postgresql.org/wiki/Fsync_Errors).

        Raises:
            OSError: It may not have.
        """
        if self._forgotten is not None:
            raise OSError(self._forgotten.errno, f"an earlier sync failed: {self._forgotten.strerror}")
        try:
            self._files.sync(self.path)
        except OSError as error:
            if error.errno in _FORGETTING:
                self._forgotten = error
            raise
        self._files.sync(self.path.parent)
