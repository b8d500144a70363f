"""
The benchmarks work; how fast they find things is nobody's test.
"""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from recordkit.recorder import Recorder

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _benchmarks_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_tiny_run_gives_table_figures_and_plot(tmp_path):
    """Each line of the table has what was measured, and the JSON and the plot hold the same lines."""
    names = ["recording", "calling", "sizes", "interactive", "reading", "play", "seeking", "scaling"]
    done = run(*names, "--events", "200", "--rounds", "1", "--json", str(tmp_path / "o"), "--plot", str(tmp_path / "p"))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o").read_text(encoding="utf-8"))
    assert list(found["benchmarks"]) == names
    assert found["machine"]["processors"] >= 1
    assert found["scale"] == {"events": 200, "rounds": 1}
    rows = {row["name"]: row for row in found["benchmarks"]["recording"]["races"]["recording, workload pgbench"]}
    assert {"session.query(sql)", "session.emit(whole event)", "session.emit(own fields)"} <= rows.keys()
    assert all(row["us_per_event"] > 0 and row["ratio"] > 0 for row in rows.values())
    targets = [target for benchmark in found["benchmarks"].values() for target in benchmark["targets"]]
    assert all(target["value"] > 0 for target in targets)
    assert all(target["what"] in done.stdout and target["figures"] in done.stdout for target in targets)
    drawn = "".join(ET.parse(tmp_path / "p").getroot().itertext())
    assert all(
        (target["what"] in drawn) == (target["holds"] is not None) for target in targets if len(target["what"]) < 72
    )


@pytest.mark.parametrize("arguments", [["nothing"], ["--events", "0"], ["--rounds", "0"]])
def test_misuse_is_told(arguments):
    """An unknown benchmark, or none at all of something, ends with usage and exit code 2."""
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_a_ratio_is_taken_within_its_round():
    """A round in which all were slow changes no ratio."""
    from benchmarks.measure import race

    seconds = {"floor": iter([9.0, 1.0, 1.0, 50.0]), "other": iter([9.0, 2.0, 2.0, 100.0])}
    contestants = {name: lambda taken=taken: {"seconds": next(taken), "size": 3} for name, taken in seconds.items()}
    floor, other = race(contestants, events=10, rounds=3)
    assert (floor.ratio, other.ratio) == (1.0, 0.5)
    assert other.times_faster(floor) == 0.5
    assert other.us == 2.0 / 10 * 1e6
    assert other.extra == {"size": 3}


@pytest.mark.parametrize(
    ("value", "target", "at_most", "holds", "margin"),
    [
        (3.0, 1.5, False, True, 2.0),
        (1.0, 2.0, False, False, 0.5),
        (1.0, 4.0, True, True, 4.0),
        (8.0, 4.0, True, False, 0.5),
    ],
)
def test_a_target_holds_or_is_missed(value, target, at_most, holds, margin):
    """The margin says how many times better than the target, whichever side of it is the good one."""
    from benchmarks.measure import Check

    check = Check(what="a", against="b", value=value, target=target, at_most=at_most)
    assert (check.holds, check.margin) == (holds, margin)


def test_what_has_no_target_is_only_reported():
    """Without a target nothing holds or fails, and nothing is drawn."""
    from benchmarks.measure import Check
    from benchmarks.plot import svg

    check = Check(what="only told", against="b", value=1.0)
    assert (check.holds, check.margin) == (None, None)
    assert "only told" not in svg([check], subtitle="here & there")


@pytest.mark.parametrize("name", ["pgbench", "orm", "interactive", "large", "mixed"])
def test_workloads_are_the_same_each_time(name):
    """Two runs measure the same events, another seed others, and each session counts from 0."""
    from benchmarks.workloads import WORKLOADS, constants_of, own_fields

    events = WORKLOADS[name](60, 1)
    assert events == WORKLOADS[name](60, 1)
    assert events != WORKLOADS[name](60, 2)
    for sid in constants_of(events):
        session = [event for event in events if event["sid"] == sid]
        assert [event["ei"] for event in session] == list(range(len(session)))
    assert not {"sid", "ei", "uid", "time", "user", "db_service"} & own_fields(events[0]).keys()


@pytest.mark.parametrize("numbers", [[0, 1, 3], [0, 1, 1], [0, 2, 1], [1, 2, 3]])
def test_lost_doubled_and_mixed_events_are_found(tmp_path, numbers):
    """The scaling benchmark fails if an event is missing, there twice, or out of its thread's order."""
    from benchmarks.scaling import check

    with Recorder(tmp_path) as recorder, recorder.session(start=False) as session:
        for number in numbers:
            session.query(f"SELECT {number} FROM t WHERE thread = 0")
    with pytest.raises(SystemExit):
        check(tmp_path)


def test_sound_recordings_are_counted(tmp_path):
    """What threads recorded side by side is all there."""
    from benchmarks.scaling import check, record

    for threads, shared in ((3, True), (2, False)):
        begin, end = record(tmp_path, threads=threads, events=40, shared=shared)
        assert begin < end
    assert check(tmp_path) == 5 * 40
