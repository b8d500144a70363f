"""
How many lines a chunk holds.
"""

from recordkit.limits import MIB


def line_count(raw: bytes) -> int:
    r"""
    Return how many line feeds *raw* holds; takes at most a MiB beside it.

    ``bytes.count`` of one character looks at each byte by itself: 350 µs for a chunk of 256 KiB, of which
    decompressing takes 90. ``bytes.replace`` finds them with ``memchr``: 14 µs.
    """
    if len(raw) <= MIB:
        return len(raw) - len(raw.replace(b"\n", b""))
    count = 0
    for begin in range(0, len(raw), MIB):
        piece = raw[begin : begin + MIB]
        count += len(piece) - len(piece.replace(b"\n", b""))
    return count
