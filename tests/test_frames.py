"""
zstd frames: one at a time, whole, of the size that was announced, or an error.
"""

import struct

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from recordings import bomb
from recordkit.container.frames import Compressor, Decompressor
from recordkit.errors import ChecksumError, LimitExceededError

LIMIT = 1 << 20
TEXT = b'{"db_query":"SELECT 1;"}\n' * 100


def raw(frame, size, limit=LIMIT):
    """
    Decompress as a reader would.
    """
    return Decompressor().raw(frame, raw_size=size, max_raw_size=limit)


@given(st.binary(max_size=2000) | st.text(max_size=500).map(str.encode))
@example(b"")
@example(TEXT)
def test_what_is_compressed_comes_out_again(content):
    """
    A frame gives back exactly its content, with the size and a checksum declared.
    """
    frame = Compressor().frame(content)
    parameters = zstandard.get_frame_parameters(frame)
    assert (parameters.content_size, parameters.has_checksum) == (len(content), True)
    assert raw(frame, len(content)) == content


def test_a_frame_can_be_made_of_a_view_and_at_another_level():
    """
    A memoryview is compressed without being copied first; a higher level only makes it smaller.
    """
    frame = Compressor(level=9).frame(memoryview(TEXT))
    assert raw(frame, len(TEXT)) == TEXT
    assert len(frame) <= len(Compressor().frame(TEXT))


def test_a_frame_cut_at_any_byte_is_an_error():
    """
    A cut frame never gives fewer bytes without an error.
    """
    frame = Compressor().frame(TEXT)
    for size in range(len(frame)):
        with pytest.raises(ChecksumError):
            raw(frame[:size], len(TEXT))


def test_every_flipped_bit_gives_the_content_or_an_error():
    """
    No flipped bit makes other content.
    """
    frame = Compressor().frame(TEXT)
    for bit in range(len(frame) * 8):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = raw(bytes(damaged), len(TEXT))
        except ChecksumError:
            continue
        assert found == TEXT


@pytest.mark.parametrize("behind", [b"\0", Compressor().frame(b"x"), struct.pack("<II", 0x184D2A50, 0)])
def test_anything_behind_the_frame_is_an_error(behind):
    """
    A second frame, a skippable frame or a byte of garbage behind the frame is not passed over.
    """
    with pytest.raises(ChecksumError):
        raw(Compressor().frame(TEXT) + behind, len(TEXT))


@pytest.mark.parametrize("size", [0, len(TEXT) - 1, len(TEXT) + 1, LIMIT])
def test_another_size_than_announced_is_an_error(size):
    """
    A frame whose declared size isn't the header's is refused before it is decompressed.
    """
    with pytest.raises(ChecksumError, match=f"another size.*{size}.*{len(TEXT)}"):
        raw(Compressor().frame(TEXT), size)


def test_a_size_over_the_limit_is_refused_first():
    """
    The limit comes before a look at the frame; exactly the limit is fine.
    """
    with pytest.raises(LimitExceededError, match=f"{len(TEXT) - 1}.*{len(TEXT)}"):
        raw(b"", len(TEXT), len(TEXT) - 1)
    assert raw(Compressor().frame(TEXT), len(TEXT), len(TEXT)) == TEXT


def _without(**options):
    return zstandard.ZstdCompressor(**{"write_checksum": True, "write_content_size": True} | options).compress(TEXT)


def _with_dictionary():
    dictionary = zstandard.ZstdCompressionDict(TEXT * 20, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    trained = zstandard.train_dictionary(1024, [TEXT[n:] for n in range(200)])
    assert dictionary.dict_id() == 0
    return zstandard.ZstdCompressor(dict_data=trained, write_checksum=True).compress(TEXT)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(_without(write_checksum=False), id="no checksum"),
        pytest.param(_without(write_content_size=False), id="no size"),
        pytest.param(_with_dictionary(), id="dictionary"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x28\xb5\x2f\xfd", id="magic alone"),
        pytest.param(struct.pack("<II", 0x184D2A50, len(TEXT)) + TEXT, id="skippable"),
        pytest.param(TEXT, id="plain text"),
    ],
)
def test_frames_that_no_writer_makes_are_errors(frame):
    """
    A frame without checksum or size, with a dictionary, or that is none, is refused.
    """
    with pytest.raises(ChecksumError):
        raw(frame, len(TEXT))


def test_a_frame_that_holds_more_than_it_declares_is_an_error():
    """
    A bomb that declares a small size is stopped at that size.
    """
    with pytest.raises(ChecksumError):
        raw(bomb(1 << 30, declared=1000) + bytes(4), 1000)


def test_a_frame_that_holds_less_than_it_declares_is_an_error():
    """
    A frame whose content ends early is refused.
    """
    with pytest.raises(ChecksumError):
        raw(bomb(1000, declared=1 << 19) + bytes(4), 1 << 19)


@given(st.binary(max_size=200), st.integers(0, 2 * LIMIT))
def test_arbitrary_bytes_raise_nothing_else(frame, size):
    """
    Whatever the bytes, there is content of the announced size or an error of the format.
    """
    for data in (frame, b"\x28\xb5\x2f\xfd" + frame):
        try:
            assert len(raw(data, size)) == size
        except (ChecksumError, LimitExceededError):
            continue


def test_no_memory_for_the_content_is_a_limit():
    """
    A size within the limits that the machine can't give memory for is an error of the format, not of Python.
    """
    with pytest.raises(LimitExceededError, match="memory"):
        Starved().raw(Compressor().frame(TEXT), raw_size=len(TEXT), max_raw_size=LIMIT)


class Starved(Decompressor):
    """
    A decompressor on a machine without memory.
    """

    def __init__(self):
        self._zstd = self

    def decompress(self, *args, **options):
        raise MemoryError
