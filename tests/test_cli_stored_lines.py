import json

import pytest

import recordings
from cli_run import FIRST, demo_store, run, sealed
from recordings import session, write
from recordkit.cli.stored_lines import followed_lines, recorded_lines
from recordkit.container import open_recording
from recordkit.errors import UndecodableEventError

BAD = [
    b"[]",
    b"null",
    b'{"ei":9},',
    b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}',
    b'\xef\xbb\xbf{"ei":9}',
    b"\x1b[2J\x1b[HI own your terminal",
    b'{"a":"\x1b]0;title\x07"}',
    b'{"a":"\r\x08\x0e"}',
    b'{"a":"x\ty"}',
    b"",
]
ODD = [b"{}", b'{ "a": 1 }', b'\t{"a":1} ', b'{"a":"\x7f \xc2\x9b \xf0\x9f\x8e\x89"}', b'{"a":"}\\n{"}', b' {"a":1}\r']


def recording_with(tmp_path, monkeypatch, *lines):
    """A recording of three chunks of three events, with *lines* in place of the second chunk's second event."""
    chunks = session(3, 3)
    place = chunks[1][1]
    own = recordings.lines_of

    def lines_of(events):
        events = list(events)
        if place not in events:
            return own(events)
        return own(events[:1]) + b"".join(line + b"\n" for line in lines) + own(events[2:])

    monkeypatch.setattr(recordings, "lines_of", lines_of)
    return write(tmp_path, chunks, sealed=True)


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_line_that_is_no_event_is_damage(tmp_path, monkeypatch, line):
    """JSON Lines end before it, with a message that names the place and exit code 3, and nothing of it is printed."""
    path = recording_with(tmp_path, monkeypatch, line)
    result = run("play", path, "--format", "jsonl")
    assert result.code == 3
    assert [json.loads(printed)["ei"] for printed in result.raw.splitlines()] == [0, 1, 2, 3]
    assert b"\x1b" not in result.raw
    assert f"{path}: chunk 1 at offset " in result.err
    assert run("play", path, "--format", "json").err == result.err


@pytest.mark.parametrize("line", ODD, ids=range(len(ODD)))
def test_a_line_in_another_writer_s_style_is_printed_as_it_is(tmp_path, monkeypatch, line):
    """What is an event but does not look like ours is no damage."""
    path = recording_with(tmp_path, monkeypatch, line)
    result = run("play", path, "--format", "jsonl")
    assert (result.code, result.err) == (0, "")
    assert result.raw.split(b"\n")[4] == line
    assert result.raw.count(b"\n") == 9


def test_a_followed_recording_is_checked_as_well(tmp_path, monkeypatch):
    """With --follow, too, lines end before one that is no event, and the error names the file."""
    path = recording_with(tmp_path, monkeypatch, b"\x1b[2J")
    for form in ("jsonl", "text"):
        result = run("play", "--follow", "--format", form, path)
        assert result.code == 3
        assert str(path) in result.err
        assert b"\x1b" not in result.raw


def test_what_looks_sound_is_not_parsed(tmp_path, monkeypatch):
    """Sound chunks come whole and unparsed, from a file and from a run of lines; a run with a bad line ends there."""
    monkeypatch.setattr("recordkit.cli.stored_lines.decode_line", None)
    path = sealed(demo_store(tmp_path), FIRST)
    with open_recording(path) as recording:
        raw = b"".join(recording.lines())
        assert list(recorded_lines(recording)) == [raw]
        assert list(followed_lines(recording, [raw, raw])) == [raw, raw]
        monkeypatch.undo()
        with pytest.raises(UndecodableEventError, match=r"\.jsonl\.zst: "):
            list(followed_lines(recording, [b'{"a":1}\n[]\n']))


def test_a_search_goes_on_behind_a_line_that_is_no_event(tmp_path, monkeypatch):
    """grep names a line that it can't read, and finds what stands behind it."""
    store = demo_store(tmp_path)
    written = recording_with(tmp_path, monkeypatch, b'{"db_query":"SELECT 1;"')
    written.replace(sealed(store, FIRST))
    result = run("grep", "SELECT .;", store=store)
    assert result.code == 3
    assert "not JSON" in result.err
    assert sum(line.startswith(FIRST) for line in result.out.splitlines()) == 8
