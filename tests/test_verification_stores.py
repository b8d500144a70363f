"""
Verifying a store: every recording once, the catalog against the files, shares that come to all, runs that go on.
"""

import os
import shutil
import uuid

import pytest

from cli_run import demo_store
from recordings import QuickFiles
from recordkit.container import State, seal
from recordkit.container.signatures import new_key_files
from recordkit.recorder import Recorder
from recordkit.store import open_store
from recordkit.store.paths import open_path, sealed_path
from recordkit.store.reconcile import status_of
from recordkit.verification import (
    Evidence,
    Severity,
    is_chosen,
    load_public_key,
    parse_head,
    share_rounds,
    verify_recording,
    verify_store,
)
from store_recordings import cold_clock, write_open, write_sealed


def verified(root, **options):
    """
    The reports on a store.
    """
    with open_store(root) as store:
        return list(verify_store(store, **options))


def listed(root, *, trusted=False):
    """
    List the store, so that its catalog agrees with its directories; and, if wanted, relies on that.
    """
    from recordkit.store import DirectoryStore

    with DirectoryStore(root, clock=cold_clock() if trusted else None) as store:
        return [summary.sid for summary in store.select()]


def found(reports):
    """
    Sid, kind and severity of each finding.
    """
    return [
        (report.sid, finding.kind.value, finding.severity.value) for report in reports for finding in report.findings
    ]


def test_each_recording_is_verified_once(tmp_path):
    """
    Sealed recordings, those a dead recorder left, and one being written all have a report, and nothing is found.
    """
    sids = {write_sealed(tmp_path) for _ in range(20)} | {write_open(tmp_path) for _ in range(3)}
    with Recorder(tmp_path.parent / f"{tmp_path.name}-live", files=QuickFiles()) as recorder:
        s = recorder.session()
        s.flush()
        (live,) = verified(recorder.path)
        assert (live.sid, live.state, live.findings) == (s.sid, State.OPEN, ())
    for _ in range(2):
        reports = verified(tmp_path)
        assert sorted(report.sid for report in reports) == sorted(sids)
        assert found(reports) == []
        assert len({report.place for report in reports}) == 23
        listed(tmp_path)


def test_an_empty_store_has_no_report(tmp_path):
    """
    A directory without recordings is a sound store.
    """
    assert verified(tmp_path) == []


def test_verifying_changes_nothing(tmp_path):
    """
    No file of the store comes, goes or changes, the catalog's rows neither.
    """
    store = demo_store(tmp_path)
    listed(store)
    (next(store.glob("*/*.jsonl.zst"))).unlink()

    def state():
        return {path: path.read_bytes() for path in store.rglob("*") if path.suffix in (".zst", ".open", ".sqlite")}

    before = state()
    verified(store)
    assert state() == before


def test_damage_is_reported_with_its_recording(tmp_path):
    """
    Findings hang below the recording that they are about; the others have none.
    """
    store = demo_store(tmp_path)
    path = sorted(store.glob("*/*.jsonl.zst"))[3]
    data = bytearray(path.read_bytes())
    data[-400] ^= 1
    path.write_bytes(data)
    bad = [report for report in verified(store) if not report.sound]
    assert [report.path for report in bad] == [path]


# ---------------------------------------------------------------- catalog and files


def test_a_row_without_its_file_is_a_warning(tmp_path):
    """
    A recording that the catalog knows and that is gone is named: retention may have removed it, or somebody else.
    """
    sids = [write_sealed(tmp_path) for _ in range(5)]
    listed(tmp_path)
    sealed_path(tmp_path, sids[2]).unlink()
    reports = verified(tmp_path)
    assert found(reports) == [(sids[2], "catalog", "warning")]
    assert len(reports) == 5
    listed(tmp_path)
    assert found(verified(tmp_path)) == []


def test_a_file_without_a_row_is_an_error_only_where_the_catalog_is_relied_upon(tmp_path):
    """
    A new file is news; one that a catalog hides which says that it agrees with the directory is an error.
    """
    sids = [write_sealed(tmp_path) for _ in range(3)]
    assert found(verified(tmp_path)) == []
    listed(tmp_path, trusted=True)
    with open_store(tmp_path) as store:
        shard = sids[1][-2:]
        store.catalog.shared().settle(shard, stamp=status_of(str(tmp_path / shard))[0], gone=[sids[1]])
    assert found(verified(tmp_path)) == [(sids[1], "catalog", "error")]
    other = write_sealed(tmp_path)
    assert other not in {sid for sid, *_ in found(verified(tmp_path))}


def test_a_recording_that_was_replaced_differs_from_its_row(tmp_path):
    """
    Another recording of the same session in a sealed one's place, sound in itself, is an error against the catalog.
    """
    sid = write_sealed(tmp_path, events=5)
    listed(tmp_path)
    sealed_path(tmp_path, sid).unlink()
    write_open(tmp_path, sid, events=4)
    seal(open_path(tmp_path, sid), sealed_path(tmp_path, sid), files=QuickFiles())
    (report,) = verified(tmp_path)
    (finding,) = report.errors
    assert finding.kind.value == "catalog"
    assert "differs in" in finding.what
    assert "events" in finding.what
    assert "head" in finding.what


def test_a_copied_store_is_no_finding(tmp_path):
    """
    Files whose times alone changed are the same recordings.
    """
    sids = [write_sealed(tmp_path / "a") for _ in range(3)]
    listed(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for sid in sids:
        os.utime(sealed_path(tmp_path / "b", sid), (1, 1))
    assert found(verified(tmp_path / "b")) == []


def test_a_catalog_that_cannot_be_used_is_a_warning(tmp_path):
    """
    A catalog of another program is named, and all recordings are verified.
    """
    write_sealed(tmp_path)
    (tmp_path / "catalog.sqlite").write_bytes(b"nonsense" * 1000)
    reports = verified(tmp_path)
    assert [report.sound for report in reports if report.sid] == [True]
    assert {severity for _, _, severity in found(reports)} <= {"warning"}


def test_files_that_are_no_recordings_are_named(tmp_path):
    """
    Files under names that no sid leads to, directories, and an open recording beside a sealed one are errors.
    """
    sid, other = write_sealed(tmp_path), write_sealed(tmp_path)
    shutil.copy(sealed_path(tmp_path, sid), tmp_path / sid[-2:] / "copy.jsonl.zst")
    wrong = f"{(int(sid[-2:], 16) + 1) % 256:02x}"
    (tmp_path / wrong).mkdir(exist_ok=True)
    shutil.copy(sealed_path(tmp_path, sid), tmp_path / wrong / f"{sid}.jsonl.zst")
    name = str(uuid.uuid4())
    sealed_path(tmp_path, name).parent.mkdir(exist_ok=True)
    sealed_path(tmp_path, name).mkdir()
    write_open(tmp_path, other)
    named = {(report.path.name, finding.kind.value) for report in verified(tmp_path) for finding in report.errors}
    assert named == {
        ("copy.jsonl.zst", "file"), (f"{sid}.jsonl.zst", "file"), (f"{name}.jsonl.zst", "file"), (f"{other}.jsonl.zst.open", "file"),
    }  # fmt: skip


def test_a_recording_that_is_sealed_meanwhile_is_not_missed(tmp_path):
    """
    One that moves from open/ to its directory while the store is verified has a report all the same.
    """
    sid = write_open(tmp_path)
    with open_store(tmp_path) as store:

        def move(name):
            if open_path(tmp_path, sid).exists():
                seal(open_path(tmp_path, sid), sealed_path(tmp_path, sid), files=QuickFiles())

        reports = list(verify_store(store, watch=move))
    assert [report.sid for report in reports if report.path.suffix == ".zst"] == [sid]
    assert found(reports) == []


def test_keys_and_heads_hold_for_the_whole_store(tmp_path):
    """
    With a public key each sealed recording must be signed; a head noted for a sid is held against that one.
    """
    private, public = new_key_files()
    unsigned = write_sealed(tmp_path)
    with Recorder(tmp_path, signing_key=private, files=QuickFiles()) as recorder:
        with recorder.session() as s:
            s.query("SELECT 1")
    head = verify_recording(sealed_path(tmp_path, s.sid)).head
    evidence = Evidence(keys=(load_public_key(public),))
    assert found(verified(tmp_path, evidence=evidence, heads={s.sid: (parse_head(head),)})) == [
        (unsigned, "signature", "error")
    ]
    wrong = {s.sid: (bytes(32),), unsigned: ()}
    assert found(verified(tmp_path, heads=wrong)) == [(s.sid, "head", "error")]


# ---------------------------------------------------------------- shares and going on


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 1.0])
def test_successive_rounds_come_to_every_recording(share, tmp_path):
    """
    Each round checks about its share, and as many successive rounds as `share_rounds` says check all, whichever is first.
    """
    sids = [str(uuid.UUID(int=number * 2**70 + number)) for number in range(2000)]
    for first in (0, 20_000):
        rounds = [
            {sid for sid in sids if is_chosen(sid, share=share, round_number=first + n)}
            for n in range(share_rounds(share))
        ]
        assert set().union(*rounds) == set(sids)
        assert all(abs(len(chosen) - share * 2000) < 100 for chosen in rounds)


def test_a_share_is_the_same_each_time(tmp_path):
    """
    The same round over the same store verifies the same recordings.
    """
    for _ in range(40):
        write_sealed(tmp_path)
    one, again, other = ([r.sid for r in verified(tmp_path, share=0.25, round_number=n)] for n in (3, 3, 4))
    assert one == again
    assert 0 < len(one) < 40
    assert not set(one) & set(other)


@pytest.mark.parametrize("share", [0, -1, 1.1, float("nan")])
def test_a_share_is_above_0_and_at_most_1(share, tmp_path):
    """
    Other numbers are refused.
    """
    with pytest.raises(ValueError, match="share"):
        verified(tmp_path, share=share)


def test_a_run_goes_on_where_the_last_one_stopped(tmp_path):
    """
    From any report's place on, the rest comes in the same order, and nothing twice.
    """
    for _ in range(12):
        write_sealed(tmp_path)
    for _ in range(3):
        write_open(tmp_path)
    whole = verified(tmp_path)
    places = [report.place for report in whole]
    assert len(set(places)) == 15
    for number, place in enumerate(places):
        assert [report.place for report in verified(tmp_path, after=place)] == places[number + 1 :]


def test_findings_have_severities():
    """
    There are errors and warnings, and nothing between.
    """
    assert [severity.value for severity in Severity] == ["error", "warning"]
