"""
Where a decoder's bytes come from: exact reads at any offset, from memory or from a file that moves and grows.
"""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordkit.container.source import FileSource, MemorySource
from recordkit.errors import ClosedError

CONTENT = bytes(range(100))


@pytest.fixture
def path(tmp_path):
    """
    A file of a hundred bytes.
    """
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@given(offset=st.integers(0, 150), size=st.integers(0, 150))
def test_both_sources_read_the_same(tmp_path_factory, offset, size):
    """
    A read gives the bytes at the offset, fewer only where they end.
    """
    path = tmp_path_factory.getbasetemp() / "same"
    path.write_bytes(CONTENT)
    for source in (MemorySource(CONTENT), FileSource(path)):
        assert source.read_at(offset, size) == CONTENT[offset : offset + size]
        assert source.size() == 100


def test_short_reads_are_gone_on_with(path, monkeypatch):
    """
    A system that gives fewer bytes than asked for is asked again, until the end.
    """
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: pread(fd, min(size, 3), offset))
    source = FileSource(path)
    assert source.read_at(10, 50) == CONTENT[10:60]
    assert source.read_at(95, 50) == CONTENT[95:]


def test_a_file_is_read_on_after_it_was_renamed_and_while_it_grows(path):
    """
    The source stays with its file, and sees what is added.
    """
    source = FileSource(path)
    path = path.rename(path.with_name("elsewhere"))
    with path.open("ab") as file:
        file.write(b"more")
    assert source.size() == 104
    assert source.read_at(98, 99) == CONTENT[98:] + b"more"


@pytest.mark.parametrize("offset", [2**62, 2**63 - 12, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_offset_beyond_all_files_has_no_bytes(path, offset):
    """
    A hostile offset of 64 bits is behind the end like any other.
    """
    assert FileSource(path).read_at(offset, 12) == MemorySource(CONTENT).read_at(offset, 12) == b""


def test_a_closed_file_says_so(path):
    """
    Reading after closing raises an error that names the file; closing twice is fine.
    """
    source = FileSource(path)
    source.close()
    source.close()
    with pytest.raises(ClosedError, match="file: the recording is closed"):
        source.size()
    with pytest.raises(ClosedError):
        source.read_at(0, 1)


def test_a_source_that_is_dropped_gives_its_file_back(path):
    """
    No descriptor stays open when the last reference is gone.
    """
    source = FileSource(path)
    fd = source._fd
    del source
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_missing_file_is_the_systems_error(tmp_path):
    """
    What can't be opened raises the system's error, and nothing else when it is dropped.
    """
    with pytest.raises(FileNotFoundError):
        FileSource(tmp_path / "nothing")
