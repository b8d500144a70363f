import os
import uuid

import pytest

from recordkit.container import State, seal
from recordkit.errors import FormatError, SessionNotFoundError
from recordkit.store import DirectoryStore
from recordkit.store import finding as module
from recordkit.store.owners import take
from recordkit.store.paths import create_store, open_path, sealed_path
from store_recordings import DEAD, QuickFiles, sid_with, write_open, write_sealed

ALIVE = "a11fe" + "0" * 27


@pytest.fixture
def root(tmp_path):
    create_store(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def store(root):
    with DirectoryStore(root) as store:
        yield store


@pytest.fixture
def living(root):
    """The owner of a recorder that lives."""
    with take(root, ALIVE):
        yield ALIVE


def test_a_sid_finds_its_recording_sealed_or_open_without_the_catalog(root, store):
    """The path follows from the sid; nothing else is looked at, and no catalog is made."""
    sealed, being_written = write_sealed(root), write_open(root)
    for sid in (sealed, being_written):
        with store[sid] as recording:
            assert recording.sid == sid
            assert len(list(recording.events())) == 2
    assert not (root / "catalog.sqlite").exists()


@pytest.mark.parametrize("form", [str.upper, lambda sid: sid.replace("-", ""), uuid.UUID])
def test_a_sid_may_be_written_in_any_way(root, store, form):
    """Upper case, without dashes, or as a UUID: it is the same session."""
    sid = write_sealed(root)
    with store[form(sid)] as recording:
        assert recording.sid == sid
    assert form(sid) in store


@pytest.mark.parametrize("sid", ["307b49d6-56c7-4d20-8cf0-5bc5348a7101", "307b", "", "../../etc/passwd", None, 7])
def test_a_sid_without_a_recording_is_not_found(store, sid):
    """The error is a LookupError that names what was asked for and where."""
    assert sid not in store
    with pytest.raises(SessionNotFoundError) as missing:
        store[sid]
    assert isinstance(missing.value, LookupError)
    assert str(store.root) in str(missing.value)
    assert str(sid) in str(missing.value)


def test_a_recording_that_is_sealed_while_it_is_looked_for_is_found(root, store, monkeypatch):
    """Sealing moves it from the second place to the first, between our looks at both."""
    sid = write_open(root)
    opened = module.open_recording

    def sealing_in_between(path, **options):
        if path == open_path(root, sid) and path.exists():
            seal(path, sealed_path(root, sid), files=QuickFiles())
        return opened(path, **options)

    monkeypatch.setattr(module, "open_recording", sealing_in_between)
    with store[sid] as recording:
        assert recording.path == sealed_path(root, sid)


def test_another_sessions_recording_is_refused(root, store):
    """A file that was renamed is not passed off as the session that was asked for."""
    sid, other = write_sealed(root, sid_with(last="0a")), sid_with(last="0a")
    sealed_path(root, sid).rename(sealed_path(root, other))
    with pytest.raises(FormatError, match=f"holds the recording {sid}; its name says otherwise") as wrong:
        store[other]
    assert wrong.value.path == sealed_path(root, other)


def test_the_mode_of_reading_is_passed_on(root, store):
    """A damaged recording can be opened for salvage by its sid as well."""
    sid = write_sealed(root, chunks=3)
    os.truncate(sealed_path(root, sid), sealed_path(root, sid).stat().st_size - 300)
    with store.open(sid, mode="salvage") as recording, store.find(sid[:30], mode="salvage") as found:
        assert recording.mode == found.mode == "salvage"


def test_whether_a_recording_is_being_written_depends_on_its_recorder(root, store, living):
    """A living recorder's is open; a dead one's is what it will be once it is sealed."""
    being_written, left = write_open(root, owner=living), write_open(root, owner=DEAD)
    with store[being_written] as one, store[left] as other:
        assert one.state is State.OPEN
        assert other.state is State.INTERRUPTED
    states = {summary.sid: summary.state for summary in store.list()}
    assert states == {being_written: State.OPEN, left: State.INTERRUPTED}
