import logging

import pytest

from cli_run import FIRST, run
from faults import QuickFiles
from recordkit import Recorder
from recordkit.container.summary import ATTRIBUTES
from recordkit.errors import InvalidEventError


@pytest.fixture
def recorder(tmp_path):
    with Recorder(tmp_path / "store", files=QuickFiles()) as opened:
        yield opened


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize("value", [5, True, 1.5, ["alice"], {"name": "alice"}, b"alice"], ids=repr)
def test_what_recordings_are_found_by_is_text(recorder, name, value):
    """Anything else is refused by its name before there is a file; the sid stays free."""
    with pytest.raises(InvalidEventError, match=f"event field {name}: expected text, found {type(value).__name__}"):
        recorder.session(sid=FIRST, **{name: value})
    with recorder.session(sid=FIRST, **{name: None}):
        pass


def test_a_misspelt_name_is_warned_of_and_kept(recorder, tmp_path, caplog):
    """Any field may be recorded; one that looks like a known one is named in the log, once, with what was meant."""
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        with recorder.session(usr="alice", colour="red", db_user="alice", db_roles=["r"], user="alice"):
            pass
    assert caplog.records == []  # the known one is there as well
    for _ in range(2):
        with recorder.session(usr="alice", colour="red") as session:
            pass
    assert [record.getMessage() for record in caplog.records] == [
        "session field 'usr' is recorded as it is, but not known: is 'user' meant?"
    ]
    assert caplog.records[0].name == "recordkit.recorder"
    assert '"usr":"alice"' in run("play", session.sid, "--format", "jsonl", store=tmp_path / "store").out
