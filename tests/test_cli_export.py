import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from cli_run import FIRST, MYSQL, demo_store, environment, run, sealed
from exported import exact, published
from recordkit.cli.export import bar
from recordkit.recorder import Recorder


def test_a_store_becomes_parquet(tmp_path):
    """All sessions are exported; stdout is empty, and a line on stderr says what was done."""
    store = demo_store(tmp_path)
    result = run("export", "parquet", tmp_path / "out", store=store)
    assert (result.code, result.out) == (0, "")
    assert result.err == "recordkit: exported 8 recordings: 50 rows in 1 file\n"
    assert exact(store, tmp_path / "out")
    result = run("export", "parquet", tmp_path / "out", store=store)
    assert (result.code, result.err) == (0, "recordkit: exported 0 recordings: 0 rows in 0 files; 8 exported before\n")


def test_both_tables_live_beside_each_other(tmp_path):
    """Queries go to a directory of their own below the same place."""
    store = demo_store(tmp_path)
    assert run("export", "parquet", tmp_path / "out", "--table", "queries", store=store).code == 0
    assert run("export", "parquet", tmp_path / "out", store=store).code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"events", "queries"}
    (queries,) = published(tmp_path / "out", "queries")
    assert 0 < pq.ParquetFile(queries).metadata.num_rows < 50
    assert exact(store, tmp_path / "out")


def test_filters_are_those_of_ls(tmp_path):
    """Only what is asked for is exported."""
    store = demo_store(tmp_path)
    assert run("export", "parquet", tmp_path / "out", "--protocol", "mysql", store=store).code == 0
    (path,) = published(tmp_path / "out")
    assert set(pq.ParquetFile(path).read(["sid"])["sid"].to_pylist()) == {MYSQL}
    assert run("export", "parquet", tmp_path / "out", "--since", "1999-99-99", store=store).code == 2


def test_damage_is_named_and_has_its_exit_code(tmp_path):
    """A recording that can't be read is named on stderr, the others are exported, and the exit code is 3."""
    store = demo_store(tmp_path)
    sealed(store, FIRST).write_bytes(b"garbage")
    result = run("export", "parquet", tmp_path / "out", store=store)
    assert result.code == 3
    assert FIRST in result.err
    assert "exported 7 recordings" in result.err
    assert result.err.endswith("1 problem\n")


def test_a_session_that_goes_on_is_left_out_or_taken(tmp_path):
    """The summary says how to take it, and --open does."""
    store = demo_store(tmp_path)
    with Recorder(store) as recorder:
        session = recorder.session(user="alice")
        session.flush()
        result = run("export", "parquet", tmp_path / "out", store=store)
        assert "1 being recorded left out (--open takes them)" in result.err
        result = run("export", "parquet", tmp_path / "out", "--open", store=store)
        assert "exported 1 recording: 1 row in 1 file; 8 exported before" in result.err
        session.close()
    result = run("export", "parquet", tmp_path / "out", store=store)
    assert "exported 1 recording: 2 rows in 1 file; 1 of them replaced; 8 exported before" in result.err
    assert exact(store, tmp_path / "out")


@pytest.mark.parametrize("arguments", [(), ("parquet",), ("csv", "out"), ("parquet", "out", "--table", "rows")])
def test_wrong_use_is_told(arguments, tmp_path):
    """A missing place, an unknown form or table are errors of usage."""
    assert run("export", *arguments, store=demo_store(tmp_path)).code == 2


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    """Where the destination is a file below, the export fails in one sentence."""
    store = demo_store(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/events").write_text("in the way")
    result = run("export", "parquet", tmp_path / "out", store=store)
    assert result.code == 1
    assert result.err.startswith("recordkit: ")
    assert "Traceback" not in result.err


def test_no_store_is_an_error(tmp_path):
    """Without a store nothing is exported."""
    assert run("export", "parquet", tmp_path / "out", store=tmp_path / "nothing").code == 1
    assert not (tmp_path / "out").exists()


def test_a_terminal_is_shown_how_far_it_is(tmp_path, monkeypatch):
    """On a terminal a bar moves, and is gone at the end; elsewhere there is none."""
    store = demo_store(tmp_path)
    monkeypatch.setattr("recordkit.cli.export._TOLD_S", 0.0)
    assert "exporting [" in run("export", "parquet", tmp_path / "out", store=store, terminal=True).err
    assert "exporting [" not in run("export", "parquet", tmp_path / "out2", store=store).err


@pytest.mark.parametrize(
    ("progress", "passed_s", "text"),
    [
        ((0, 0, 9, 1000), 0.0, "exporting [........................]   0%  0 of 1000 events, 0 events/s"),
        (
            (1, 250, 9, 1000),
            0.5,
            "exporting [######..................]  25%  250 of 1000 events, 500 events/s, 0:02 left",
        ),
        (
            (9, 1000, 9, 1000),
            1.0,
            "exporting [########################] 100%  1000 of 1000 events, 1000 events/s, 0:00 left",
        ),
        (
            (1, 1, 9, 10_000),
            1.0,
            "exporting [........................]   0%  1 of 10000 events, 1 events/s, 2:46:39 left",
        ),
        ((0, 0, 0, 0), 1.0, "exporting [########################] 100%  0 of 0 events, 0 events/s"),
    ],
)
def test_the_bar_says_how_much_how_fast_and_how_long(progress, passed_s, text):
    """The bar has the share, the counts, events a second, and the time that is left."""
    assert bar(progress, passed_s) == text


def test_a_full_disk_is_told_and_what_was_published_stays(tmp_path):
    """Where no more may be written, the program says why in one sentence, and the next run is exact."""
    store = demo_store(tmp_path)
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))\n"
        "from recordkit.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--store", store, "export", "parquet", tmp_path / "out"],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "what was published is whole" in done.stderr
    assert "Traceback" not in done.stderr
    assert published(tmp_path / "out") == []
    assert run("export", "parquet", tmp_path / "out", store=store).code == 0
    assert exact(store, tmp_path / "out")
