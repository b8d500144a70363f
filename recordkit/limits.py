"""
The sizes that a reader accepts and a writer keeps to.

A recording may come from anyone, so nothing is allocated from a size before it was held against
these numbers. Each has a reason; each can be changed by the caller.
"""

from dataclasses import dataclass
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    Upper bounds, in bytes unless the name says otherwise.

    Attributes:
        raw_chunk: A chunk's lines before compression, so also the longest event. A statement of
            64 MiB that is all control characters becomes 384 MiB of JSON; 512 MiB holds it.
        stored_chunk: A chunk's frame as stored; zstd adds at most 0.4 % to what it can't compress.
        header: The header frame's payload. It holds seven short strings.
        index: The index frame's payload. 64 MiB is about 800 000 chunks, some 600 million events.
    """

    raw_chunk: int = 512 * MIB
    stored_chunk: int = 516 * MIB
    header: int = 64 * KIB
    index: int = 64 * MIB

    def __post_init__(self) -> None:
        for name in ("raw_chunk", "stored_chunk", "header", "index"):
            if getattr(self, name) <= 0:
                raise ValueError(f"limit {name} must be positive, found {getattr(self, name)}")


DEFAULT_LIMITS: Final = Limits()
