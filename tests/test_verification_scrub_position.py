"""
The position of a scrub: kept in a file, replaced in one step, refused if it is something else.
"""

import json

import pytest

from faults import FaultyFiles
from recordings import QuickFiles
from recordkit.errors import StoreError
from recordkit.verification import ScrubPosition, load_position, save_position

POSITION = ScrubPosition(after="7f/x", round_number=3, passes=1, checked=10, damaged=2)


def test_a_position_comes_back(tmp_path):
    """
    What is saved is loaded, also over an older one; where there is none, there is none.
    """
    path = tmp_path / "scrub.json"
    assert load_position(path) is None
    for position in (ScrubPosition(), POSITION):
        save_position(path, position)
        assert load_position(path) == position
    assert [item.name for item in tmp_path.iterdir()] == ["scrub.json"]


def test_the_next_pass_has_the_next_round():
    """
    At the end of a pass the position is the beginning of the next one.
    """
    assert POSITION.ended() == ScrubPosition(round_number=4, passes=2)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "7", "{}", '{"version":1}', "[" * 10000),
        json.dumps({"version": 2, "after": None, "round_number": 1, "passes": 0, "checked": 0, "damaged": 0}),
        json.dumps({"version": 1, "after": 5, "round_number": 1, "passes": 0, "checked": 0, "damaged": 0}),
    ],
)
def test_another_file_is_refused(text, tmp_path):
    """
    What is no position is named and left as it is.
    """
    path = tmp_path / "scrub.json"
    path.write_text(text)
    with pytest.raises(StoreError, match="no position of a scrub"):
        load_position(path)


@pytest.mark.parametrize("operation", ["create", "rename"])
def test_a_full_disk_keeps_the_old_position(operation, tmp_path):
    """
    If the new position can't be written, the old one is still there, and the next attempt works.
    """
    path = tmp_path / "scrub.json"
    save_position(path, POSITION)
    with pytest.raises(OSError):
        save_position(path, ScrubPosition(), files=FaultyFiles("N", operations=frozenset({operation})))
    assert load_position(path) == POSITION
    save_position(path, ScrubPosition(), files=QuickFiles())
    assert load_position(path) == ScrubPosition()
