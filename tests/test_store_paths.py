from pathlib import Path

import pytest

from recordkit.errors import StoreError
from recordkit.store.paths import (
    SHARDS,
    Problem,
    create_store,
    open_path,
    open_sids,
    owner_path,
    owners,
    sealed_count,
    sealed_path,
    sealed_sid,
)

SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"
OWNER = "0123456789abcdef" * 2


def test_the_paths_of_a_recording_follow_from_its_sid():
    """A sealed recording lies in the directory named by the last two digits of its sid, an open one in open/."""
    root = Path("store")
    assert sealed_path(root, SID) == Path(f"store/01/{SID}.jsonl.zst")
    assert open_path(root, SID) == Path(f"store/open/{SID}.jsonl.zst.open")
    assert owner_path(root, OWNER) == Path(f"store/open/{OWNER}.lock")


def test_there_is_a_directory_for_each_pair_of_digits():
    """The last two digits of any sid name one of 256 directories."""
    assert len(SHARDS) == 256
    assert (SHARDS[0], SHARDS[1], SHARDS[255]) == ("00", "01", "ff")


@pytest.mark.parametrize("owner", ["", "../../../etc/passwd", OWNER[:-1], OWNER.upper(), OWNER + "\n"])
def test_an_owner_that_is_no_hexadecimal_id_has_no_path(owner):
    """An owner read out of a damaged header can't lead out of the store."""
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        owner_path(Path("store"), owner)


@pytest.mark.parametrize(
    ("name", "shard", "sid"),
    [
        (f"{SID}.jsonl.zst", "01", SID),
        (f"{SID}.jsonl.zst", "02", None),
        (f"{SID.upper()}.jsonl.zst", "01", None),
        (f"{SID}.jsonl.zst.open", "01", None),
        (f"{SID}.jsonl.zst.tmp", "01", None),
        (f"{SID.replace('-', '')}.jsonl.zst", "01", None),
        (f"{SID[:-3]}\n01.jsonl.zst", "01", None),
        ("notes.txt", "01", None),
        ("", "01", None),
    ],
)
def test_only_a_canonical_name_in_its_own_directory_stands_for_a_recording(name, shard, sid):
    """A file that its sid would not lead to is not taken for a recording."""
    assert sealed_sid(name, shard) == sid


def test_a_store_is_made_for_its_owner_alone_and_only_once(tmp_path):
    """Making a store creates open/, closed to others, and keeps what is there."""
    root = tmp_path / "a" / "store"
    create_store(root)
    (root / "open" / "kept").touch()
    create_store(root)
    assert (root / "open" / "kept").exists()
    assert (root / "open").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_in_the_way_of_a_store_is_named(tmp_path, below):
    """A store can't be made where a file is, nor below one."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="not a directory"):
        create_store(tmp_path / "file" / below)


def test_open_recordings_and_owners_are_told_from_other_files(tmp_path):
    """Listing open/ gives exactly the sids and owners whose names are canonical."""
    assert (open_sids(tmp_path), owners(tmp_path)) == ([], [])
    create_store(tmp_path)
    for name in (
        f"{SID}.jsonl.zst.open",
        f"{SID}.jsonl.zst.open.tmp",
        f"{SID.upper()}.jsonl.zst.open",
        f"{OWNER}.lock",
        f"{OWNER}.lock~",
        "x.lock",
    ):
        (tmp_path / "open" / name).touch()
    assert open_sids(tmp_path) == [SID]
    assert owners(tmp_path) == [OWNER]


def test_names_of_sealed_recordings_are_counted_without_looking_into_them(tmp_path):
    """The count takes names as they are, and a missing directory as empty."""
    (tmp_path / "01").mkdir()
    (tmp_path / "01" / f"{SID}.jsonl.zst").touch()
    (tmp_path / "01" / "notes.txt").touch()
    assert [sealed_count(tmp_path, shard) for shard in ("01", "02")] == [1, 0]


def test_a_problem_names_its_file_once():
    """The text of a problem begins with the file, unless it already says which."""
    assert str(Problem(Path("a/b"), "is damaged")) == "a/b: is damaged"
    assert str(Problem(Path("a/b"), "a/b: chunk 7: is damaged")) == "a/b: chunk 7: is damaged"
