"""
`recordkit keygen`: two files, one private, nothing replaced.
"""

import stat
import sys

import pytest

from cli_run import run
from recordings import QuickFiles
from recordkit.container.signatures import load_public_key, load_signing_key
from recordkit.recorder import Recorder


def names(directory):
    """
    What is in a directory.
    """
    return sorted(path.name for path in directory.iterdir())


def test_a_key_pair_is_made(tmp_path):
    """
    The private key is for its owner alone, the public one belongs to it, and the key id is printed.
    """
    path = tmp_path / "audit.key"
    result = run("keygen", path)
    assert (result.code, result.err) == (0, "")
    public = load_public_key(tmp_path / "audit.key.pub")
    assert load_signing_key(path).public == public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "audit.key.pub").stat().st_mode) == 0o644
    assert result.out == f"private key  {path}\npublic key   {path}.pub\nkey id       {public.key_id}\n"
    assert "PRIVATE" not in result.out


@pytest.mark.parametrize("there", ["audit.key", "audit.key.pub"])
def test_no_key_is_replaced(there, tmp_path):
    """
    If either file is there, nothing is written, and it is named.
    """
    (tmp_path / there).write_bytes(b"mine")
    result = run("keygen", tmp_path / "audit.key")
    assert (result.code, result.raw) == (1, b"")
    assert result.err == f"recordkit: {tmp_path / there}: there is a file already; no key is ever replaced\n"
    assert names(tmp_path) == [there]
    assert (tmp_path / there).read_bytes() == b"mine"


def test_what_it_makes_signs_and_verifies(tmp_path):
    """
    The files go into a Recorder and into `verify --public-key`, and the wrong one is found out.
    """
    for name in ("ours", "theirs"):
        assert run("keygen", tmp_path / name).code == 0
    store = tmp_path / "store"
    with Recorder(store, signing_key=tmp_path / "ours", files=QuickFiles()) as recorder, recorder.session() as s:
        s.query("SELECT 1")
    assert run("verify", "--public-key", tmp_path / "ours.pub", store=store).code == 0
    assert run("verify", "--public-key", tmp_path / "theirs.pub", store=store).code == 3
    both = ("--public-key", tmp_path / "theirs.pub", "--public-key", tmp_path / "ours.pub")
    assert run("verify", s.sid, *both, store=store).code == 0
    shown = run("show", s.sid, store=store).out
    key_id = load_public_key(tmp_path / "ours.pub").key_id
    assert f"by its recorder, key {key_id} (not checked here)" in shown


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    """
    A directory that does not exist ends in exit code 1 with the path.
    """
    result = run("keygen", tmp_path / "none" / "key")
    assert result.code == 1
    assert "none" in result.err


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    """
    Where cryptography is missing, the hint is printed and nothing is written.
    """
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    result = run("keygen", tmp_path / "key")
    assert result.code == 1
    assert "recordkit[signatures]" in result.err
    assert names(tmp_path) == []
