import threading
from functools import partial

import pytest

from recordkit.cli import scanning
from recordkit.cli.scanning import Scans
from recordkit.cli.search import Search
from recordkit.errors import SessionNotFoundError
from recordkit.recorder import Recorder
from recordkit.store import open_store

SIDS = [f"307b49d6-56c7-4d20-8cf0-5bc5348a71{number:02d}" for number in range(12)]


@pytest.fixture
def store(tmp_path):
    with Recorder(tmp_path) as recorder:
        for number, sid in enumerate(SIDS):
            with recorder.session(sid=sid, user="alice") as session:
                for statement in range(number * 20):
                    session.query(f"SELECT {statement} FROM words{number} -- {'x' * 100}")
    return open_store(tmp_path)


def scans_of(store, pattern, **options):
    return Scans(partial(store.open, mode="salvage"), Search(pattern), **{"keep": True, "threads": 3, **options})


def statements(scans, scan):
    return [match.event["db_query"].split()[1] for match in scans.matches(scan)]


def test_recordings_come_in_the_order_of_their_sids(store):
    """Each recording's matches come whole, in order, and behind those of the recording before."""
    with scans_of(store, "FROM words") as scans:
        found = [(scan.sid, statements(scans, scan)) for scan in scans.in_order(SIDS)]
    assert found == [(sid, [str(place) for place in range(number * 20)]) for number, sid in enumerate(SIDS)]


def test_matches_may_be_counted_only(store):
    """Without keeping them nothing is handed over but the count."""
    with scans_of(store, "FROM words", keep=False) as scans:
        for number, scan in enumerate(scans.in_order(SIDS)):
            assert list(scans.matches(scan)) == []
            assert scan.count == number * 20


@pytest.mark.parametrize("ahead", [1, 3, 100])
def test_what_waits_is_bounded(store, monkeypatch, ahead):
    """However much is found, and however far ahead, only so many bytes of lines wait to be written."""
    monkeypatch.setattr(scanning, "_KEPT_BYTES", 4000)
    monkeypatch.setattr(scanning, "_BATCH_BYTES", 500)
    monkeypatch.setattr(scanning, "_AHEAD", ahead)
    most = 0
    with scans_of(store, "FROM words") as scans:
        for number, scan in enumerate(scans.in_order(SIDS)):
            found = [scans._held for _ in scans.matches(scan)]
            most = max([most, *found])
            assert len(found) == number * 20
    assert 0 < most <= 2 * 4000 + 3 * 1000


def test_leaving_early_ends_the_threads(store, monkeypatch):
    """Who stops in the middle, as by Ctrl-C, waits for no thread that has more to hand over."""
    monkeypatch.setattr(scanning, "_KEPT_BYTES", 1000)
    monkeypatch.setattr(scanning, "_BATCH_BYTES", 500)
    before = set(threading.enumerate())

    def interrupted():
        with scans_of(store, "FROM words") as scans:
            for scan in scans.in_order(reversed(SIDS)):
                next(scans.matches(scan))
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert set(threading.enumerate()) == before


def test_errors_come_where_their_recording_stands():
    """A recording that went is passed over; one that can't be read raises at its turn."""

    def failing(sid):
        if sid == SIDS[0]:
            raise SessionNotFoundError(sid)
        raise PermissionError(13, "no", sid)

    with Scans(failing, Search("x"), keep=True, threads=2) as scans:
        found = scans.in_order(SIDS[:2])
        assert list(scans.matches(next(found))) == []
        second = next(found)
        with pytest.raises(PermissionError):
            list(scans.matches(second))
