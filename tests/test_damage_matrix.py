"""
P3, P4, P5: recordings damaged in every small way lose what the damage touches, say so, and never give a wrong event.
"""

import pytest

import damage_matrix
from damage_matrix import Subject, blocks, cuts, flips, large, small, subjects
from recordings import open_name, recording_bytes, sealed_name, session

CORPUS = {name: (named, data) for name, named, data in subjects()}
SMALL = [name for name, (_, data) in CORPUS.items() if len(data) < 2500]


@pytest.mark.parametrize("name", SMALL)
def test_cuts_of_every_kind_of_recording_is_told(tmp_path, name):
    """
    Cut here and there, each sound case gives its whole chunks and says that it is torn.
    """
    subject = Subject(tmp_path, *CORPUS[name])
    assert set(cuts(subject, 29)) == {None}


@pytest.mark.parametrize("name", SMALL)
def test_flipped_bits_of_every_kind_of_recording_are_told(tmp_path, name):
    """
    With a bit changed here and there, each sound case loses at most that chunk, and names it.
    """
    assert set(flips(Subject(tmp_path, *CORPUS[name]), 211)) == {None}


@pytest.mark.parametrize("own", [False, True], ids=["lost", "written to a wrong place"])
@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "open"])
@pytest.mark.parametrize("made", [large, small])
def test_four_kilobytes_cost_the_chunks_that_they_touch_and_one_more_at_most(tmp_path, made, sealed, own):
    """
    Zeros, noise or other bytes of the same file over 4 KiB anywhere: all other chunks come, and the damage is told.
    """
    found = list(blocks(Subject(tmp_path, *made(sealed)), 60, own=own))
    assert (len(found), set(found)) == (60, {None})


def test_the_matrix_can_fail(tmp_path, monkeypatch):
    """
    A reader that keeps silent, or gives other events, is found out by each of the three.
    """
    subject = Subject(tmp_path, sealed_name(), recording_bytes(session(3, 2), sealed=True))
    read = damage_matrix.read

    def silent(path, **options):
        found = read(path, **options)
        return type(found)(found.events, None, (), found.state)

    monkeypatch.setattr(damage_matrix, "read", silent)
    assert None not in set(flips(subject, 997))
    assert "cut: unnoticed" in set(cuts(subject))
    assert set(blocks(Subject(tmp_path, *large(True)), 3)) == {"lost block: unnoticed"}

    def forgetful(path, **options):
        found = read(path, **options)
        return type(found)(found.events[:-1], found.error, found.damage, found.state)

    monkeypatch.setattr(damage_matrix, "read", forgetful)
    subject = Subject(tmp_path, open_name(), recording_bytes(session(3, 2), sealed=False))
    assert "cut: other events" in set(cuts(subject))
    assert "strict: other events" in set(flips(subject, 997))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_every_bit_of_everything():
    """
    `python tests/damage_matrix.py --all` finds nothing wrong.
    """
    for what, counted in damage_matrix.table(every=True):
        assert set(counted) == {None}, what
