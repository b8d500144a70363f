"""
A recording being written: header, then chunk after chunk, nothing else.

The file ends at `size` whenever no write is under way. A write that fails may have left part of a chunk
there; it is cut off before the next one, so a failed write never leaves damage in the middle.
"""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import orjson

from recordkit.container.chunks import Counts, begin, encode_chunk
from recordkit.container.files import Files
from recordkit.container.frames import Compressor


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
            attributes: JSON object for the header.
            files: Does the work.
        """
        self.path = path
        self.sid = sid
        self._files = files
        self._start, self._position = begin(
            sid=UUID(sid).bytes, owner=bytes.fromhex(owner), created_ns=created_ns, attributes=orjson.dumps(attributes)
        )
        self._unclean = False

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
        try:
            self._files.create(self.path, self._start)
        except FileExistsError:
            raise
        except OSError:
            self._files.remove(self.path)
            raise

    def append(self, raw: bytes | memoryview, counts: Counts, compressor: Compressor) -> None:
        """
        Write the next chunk; when it returns, the chunk survives the death of this process.

        Raises:
            OSError: The chunk is not in the file; the same chunk may be tried again.
        """
        chunk = encode_chunk(self._position, raw, counts, compressor)
        if self._unclean:
            self._files.truncate(self.path, self.size)
            self._unclean = False
        try:
            self._files.append(self.path, chunk.data, offset=self.size)
        except OSError:
            self._unclean = True
            raise
        self._position = chunk.after

    def sync(self) -> None:
        """
        Make all that was written survive power loss; the directory entry too.

        Raises:
            OSError: It may not have.
        """
        self._files.sync(self.path)
        self._files.sync(self.path.parent)
