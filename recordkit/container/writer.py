"""
A recording being written: header, then chunk after chunk, nothing else.

The file ends at `size` whenever no write is under way. A write that fails may have left part of a chunk
there; it is cut off before the next one, so a failed write never leaves damage in the middle.
"""

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

from recordkit.container.chunks import Counts, begin, frame_chunk
from recordkit.container.files import Files
from recordkit.container.frames import Compressor
from recordkit.events.codec import encode_line

MAX_ATTRIBUTE: Final = 1000
"""
Characters of text in a header attribute; the events hold what is longer. Clients choose some of these texts,
and seven of them have to fit into the 64 KiB that a reader accepts.
"""

_FORGETTING: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT})
"""What ``fsync`` says where it could not write; other errors come before it was asked."""


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
        self._unclean = False
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
            OSError: Nothing was left behind.
        """
        self._files.create(self.path, self._start)

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
            OSError: The chunk is not in the file; the same chunk may be tried again.
        """
        self.append_all([(raw, counts)], compressor)

    def append_all(self, chunks: Sequence[tuple[bytes | memoryview, Counts]], compressor: Compressor) -> None:
        """
        Write the next chunks by one write; see `append`.

        Raises:
            OSError: None of the chunks is in the file.
        """
        position = self._position
        parts: list[bytes] = []
        frames = compressor.frames([raw for raw, _ in chunks])
        for frame, (raw, counts) in zip(frames, chunks, strict=True):
            chunk = frame_chunk(position, frame, len(raw), counts)
            parts.append(chunk.data)
            position = chunk.after
        if self._unclean:
            self._files.truncate(self.path, self.size)
            self._unclean = False
        try:
            self._files.append(self.path, b"".join(parts), offset=self.size)
        except BaseException:  # Ctrl-C too may leave half a chunk
            self._unclean = True
            raise
        self._position = position

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
