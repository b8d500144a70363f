import json
import os
import shutil
import zlib

import pytest

from cli_run import FIRST, HOSTILE, INTERRUPTED, MYSQL, demo_store, run, sealed
from recordings import parts
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
    assert total == "checked 8 recordings, 44 events: 1 with errors"
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
    assert result.out.splitlines()[-1] == "checked 9 recordings, 48 events: 2 with errors"


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


def forge_sequence(path, sequence):
    """Give the only chunk of a recording another sequence, its header's CRC to match."""
    data = path.read_bytes()
    head = next(part for part in parts(data) if part.name == "head")
    body = bytearray(data[head.offset + 8 : head.end - 4])
    body[16:24] = sequence.to_bytes(8, "little")
    path.write_bytes(data[: head.offset + 8] + bytes(body) + zlib.crc32(body).to_bytes(4, "little") + data[head.end :])


def test_a_forged_recording_does_not_end_the_report_of_the_others(tmp_path):
    """The highest number that a header can hold is damage like any other, in JSON and for salvage too."""
    store = demo_store(tmp_path)
    forge_sequence(sealed(store, FIRST), 2**64 - 1)
    result = run("verify", "--format", "json", store=store)
    report = json.loads(result.raw)
    assert (result.code, report["totals"]["recordings"], report["totals"]["damaged"]) == (3, 8, 1)
    assert run("verify", store=store).out.splitlines()[-1] == "checked 8 recordings, 44 events: 1 with errors"
    (tmp_path / "saved").mkdir()
    saved = run("verify", FIRST, MYSQL, "--salvage", tmp_path / "saved", store=store)
    assert (saved.code, saved.err) == (3, "")
    assert run("verify", *(tmp_path / "saved").iterdir()).code == 0


def test_a_name_that_is_no_text_is_reported(tmp_path):
    """File names are bytes; one that is not Unicode is written with escapes, and the JSON is whole."""
    path = tmp_path / os.fsdecode(b"\xff.jsonl.zst")
    shutil.copy(sealed(demo_store(tmp_path), FIRST), path)
    (item,) = json.loads(run("verify", path, "--format", "json").raw)["recordings"]
    assert (item["file"], item["sound"]) == (f"{tmp_path}/\\udcff.jsonl.zst", True)


@pytest.mark.parametrize("verb", [["verify"], ["ls"], ["grep", "x"]])
def test_a_directory_that_is_no_store_is_refused(verb, tmp_path):
    """A wrong --store must not look like a store in which all is well; recordings that lie in it are named."""
    store = demo_store(tmp_path)
    for wrong in (tmp_path, sealed(store, FIRST).parent, tmp_path / "nosuch"):
        result = run(*verb, store=wrong)
        assert (result.code, result.raw) == (1, b""), wrong
        assert f"no store at {str(wrong)!r}" in result.err
        assert (FIRST in result.err) == (wrong == sealed(store, FIRST).parent)


@pytest.mark.parametrize("directory", ["open", "a7"])
def test_an_empty_store_has_nothing_to_check(directory, tmp_path):
    """What was not checked is not said to be sound; listing an empty store is fine."""
    store = tmp_path / "store"
    (store / directory).mkdir(parents=True)
    result = run("verify", store=store)
    assert (result.code, result.out) == (4, "checked 0 recordings, 0 events: none checked\n")
    assert result.err == f"recordkit: nothing to check in {str(store)!r}\n"
    assert json.loads(run("verify", "--format", "json", store=store).raw)["totals"]["recordings"] == 0
    assert run("ls", store=store).code == 0


def test_a_name_that_stands_for_nothing_is_not_sound(tmp_path):
    """The last line says that nothing was checked."""
    result = run("verify", "nosuch", store=demo_store(tmp_path))
    assert (result.code, result.out) == (4, "checked 0 recordings, 0 events: none checked\n")


def test_recordings_in_the_stores_own_directory_are_named(tmp_path):
    """Nothing looks for them there, so they are not checked, and that is a warning."""
    store = demo_store(tmp_path)
    shutil.copy(sealed(store, FIRST), store / "copy.jsonl.zst")
    result = run("verify", store=store)
    warning, total = result.out.splitlines()
    assert warning.startswith(f"{store / 'copy.jsonl.zst'}: warning: not checked")
    assert (result.code, total) == (0, "checked 8 recordings, 50 events: all sound, 1 warning")
