import json
import shutil

import pytest

from cli_run import FIRST, HOSTILE, INTERRUPTED, MYSQL, demo_store, run, sealed
from recordkit.container import open_recording
from recordkit.recorder import Recorder


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_sound_recordings_are_said_to_be_sound(tmp_path):
    """All recordings of the store are read, one still being written too."""
    store = demo_store(tmp_path)
    assert run("verify", store=store).out == "checked 8 recordings, 50 events: all sound\n"
    with Recorder(store) as recorder:
        session = recorder.session()
        session.flush()
        result = run("verify", store=store)
        assert (result.code, result.out) == (0, "checked 9 recordings, 51 events: all sound\n")


def test_named_recordings_alone_are_checked(tmp_path):
    """By sid, prefix or file."""
    store = demo_store(tmp_path)
    sealed(store, MYSQL).write_bytes(b"nonsense")
    result = run("verify", FIRST, "73f8", sealed(store, HOSTILE), store=store)
    assert (result.code, result.out) == (0, "checked 3 recordings, 17 events: all sound\n")
    assert run("verify", "307b", store=store).out == "checked 1 recording, 6 events: all sound\n"


def test_a_flipped_bit_is_found_and_placed(tmp_path):
    """The finding names file, chunk, offset, and what differs; the exit code is 3."""
    store = demo_store(tmp_path)
    path = sealed(store, FIRST)
    with open_recording(path) as recording:
        (chunk,) = recording.chunks()
    flip(path, path.read_bytes().index(b"\x28\xb5\x2f\xfd", chunk.offset) + 40)
    result = run("verify", store=store)
    assert result.code == 3
    finding, total = result.out.splitlines()
    assert finding.startswith(f"{path}: chunk 0 at offset {chunk.offset}: ")
    assert total == "checked 8 recordings, 44 events: 1 damaged"
    (check,) = [
        item
        for item in json.loads(run("verify", "--format", "json", store=store).raw)["recordings"]
        if item["findings"]
    ]
    assert (check["file"], check["sid"], check["events"]) == (str(path), FIRST, 0)
    (item,) = check["findings"]
    assert (item["kind"], item["chunk"], item["offset"]) == ("corrupt", 0, chunk.offset)


def test_every_byte_matters(tmp_path):
    """Whichever byte of a recording is changed, verify says so."""
    path = sealed(demo_store(tmp_path), FIRST)
    data = path.read_bytes()
    for offset in range(0, len(data), 7):
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1 :])
        result = run("verify", path)
        assert result.code == 3, offset
        assert str(path) in result.out


@pytest.mark.parametrize("cut", [1, 100, 700])
def test_a_cut_recording_is_torn(cut, tmp_path):
    """A file that ends too early is found, however little is missing."""
    store = demo_store(tmp_path)
    path = sealed(store, FIRST)
    path.write_bytes(path.read_bytes()[:-cut])
    result = run("verify", FIRST, "--format", "json", store=store)
    assert result.code == 3
    (check,) = json.loads(result.raw)["recordings"]
    assert check["state"] in ("torn", "complete")
    assert check["findings"]


def test_what_cannot_be_opened_is_a_finding(tmp_path):
    """Files in the store that are no recordings, or another session's, are named."""
    store = demo_store(tmp_path)
    sealed(store, MYSQL).write_bytes(b"nonsense")
    shutil.copy(sealed(store, HOSTILE), store / "01" / f"{FIRST[:-4]}ff01.jsonl.zst")
    result = run("verify", store=store)
    assert result.code == 3
    findings = result.out.splitlines()[:-1]
    assert any(MYSQL in line for line in findings)
    assert any("ff01" in line and HOSTILE in line for line in findings)
    assert len(findings) == 2
    assert result.out.splitlines()[-1] == "checked 9 recordings, 48 events: 2 damaged"


def test_a_file_under_a_wrong_name_is_a_finding(tmp_path):
    """Outside a store, too, a recording must be the one it is named for; any other name says nothing."""
    store = demo_store(tmp_path)
    for name, code in ((f"{MYSQL}.jsonl.zst", 3), ("copy.jsonl.zst", 0)):
        shutil.copy(sealed(store, FIRST), tmp_path / name)
        assert run("verify", tmp_path / name).code == code


def test_a_missing_recording_is_told_apart_from_damage(tmp_path):
    """The others are checked; the exit code is 4, or 3 if there is damage as well."""
    store = demo_store(tmp_path)
    result = run("verify", "ffff", FIRST, store=store)
    assert result.code == 4
    assert "ffff" in result.err
    assert result.out == "checked 1 recording, 6 events: all sound\n"
    flip(sealed(store, INTERRUPTED), 500)
    assert run("verify", "ffff", INTERRUPTED, store=store).code == 3


def test_progress_is_shown_on_a_terminal_only(tmp_path):
    """A person sees what is being checked; a pipe sees nothing of it."""
    store = demo_store(tmp_path)
    assert "checking 8" in run("verify", store=store, terminal=True).err
    assert run("verify", store=store).err == ""
