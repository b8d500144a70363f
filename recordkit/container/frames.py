"""
zstd frames, one at a time and whole; the home of zstandard.

python-zstandard ignores ``max_output_size`` when a frame declares its size, reads only the first
frame of several, and its stream readers end early without an error on a cut frame. So a frame is
only ever decompressed in one shot, after its declared size was held against what the chunk header
and the limits allow, and never with anything behind it.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import zstandard

from recordkit.errors import ChecksumError, LimitExceededError

DEFAULT_LEVEL: Final = 1
"""Fastest, and within 4 % of level 3's size on query events in chunks of 256 KiB."""

HARDER: Final = zstandard.ZstdCompressionParameters(
    strategy=zstandard.STRATEGY_LAZY2,
    window_log=19,
    hash_log=15,
    chain_log=16,
    search_log=6,
    min_match=6,
    target_length=16,
    write_checksum=True,
    write_content_size=True,
)
"""
For chunks that nobody waits for: 12 to 46 % smaller on query events, at a tenth to a fifth of the speed. What counts
is the strategy, which looks two bytes ahead before it takes a match; a larger table only finds matches farther away,
whose distance takes more bits. No level has these: level 9 is as small, and slower by a fifth.
"""


class Compressor:
    """
    Makes frames that declare their size and carry a checksum. Not for several threads at once.
    """

    def __init__(self, level: int = DEFAULT_LEVEL, *, harder: bool = False) -> None:
        """
        Prepare to compress with *level*, or as `HARDER` says.
        """
        self._zstd = (
            zstandard.ZstdCompressor(compression_params=HARDER)
            if harder
            else zstandard.ZstdCompressor(level=level, write_checksum=True, write_content_size=True)
        )

    def frame(self, raw: bytes | memoryview) -> bytes:
        """
        Return *raw* as one frame; the interpreter lock is free meanwhile.
        """
        return self._zstd.compress(raw)

    def frames(self, raws: Sequence[bytes | memoryview]) -> list[bytes]:
        """
        Return each of *raws* as a frame of its own, with the interpreter lock given up once for all of them.

        Beside a busy thread, each time that the lock is taken back costs up to its switch interval, 5 ms: far
        more than the compressing of a chunk.
        """
        together = getattr(self._zstd, "multi_compress_to_buffer", None)  # only zstandard's C backend has it
        if len(raws) < 2 or together is None or not all(raws):
            return [self._zstd.compress(raw) for raw in raws]
        made = together(list(raws))
        return [made[number].tobytes() for number in range(len(made))]


class Decompressor:
    """
    Opens frames that a chunk header has announced. Not for several threads at once.
    """

    @cached_property
    def _zstd(self) -> zstandard.ZstdDecompressor:
        return zstandard.ZstdDecompressor()  # takes as long as to decompress 50 KB; not all need it

    def raw(self, frame: bytes, *, raw_size: int, max_raw_size: int) -> bytes:
        """
        Return the content of *frame*, which must be *raw_size* bytes long.

        Raises:
            LimitExceededError: *raw_size* is over *max_raw_size*; nothing was allocated.
            ChecksumError: The frame is damaged, cut, followed by other bytes, or of another size.
        """
        if raw_size > max_raw_size:
            raise LimitExceededError("chunk is over the size limit", expected=f"<= {max_raw_size}", found=raw_size)
        try:
            parameters = zstandard.get_frame_parameters(frame)
            if parameters.content_size != raw_size:
                raise ChecksumError("frame declares another size", expected=raw_size, found=parameters.content_size)
            if not parameters.has_checksum or parameters.dict_id:
                raise ChecksumError("frame has no checksum or wants a dictionary")
            raw = self._zstd.decompress(frame, max_output_size=raw_size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise ChecksumError(f"frame can't be decompressed: {error}") from error
        except MemoryError as error:
            raise LimitExceededError("not enough memory for the chunk", found=raw_size, expected="less") from error
        if len(raw) != raw_size:
            raise ChecksumError("frame holds another size", expected=raw_size, found=len(raw))
        return raw
