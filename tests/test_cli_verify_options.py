"""
`recordkit verify` with evidence from outside, in shares, within a time, and with salvage.
"""

import json

import pytest

from cli_run import FIRST, INTERRUPTED, MYSQL, SkippingClock, demo_store, record_one, run, sealed
from forging import chunks_of, recomputed
from recordkit.container import open_recording
from recordkit.render.control_chars import is_safe
from recordkit.verification import verify_recording
from store_recordings import write_sealed

OTHER = "407b49d6-56c7-4d20-8cf0-5bc5348a7101"


def names(directory):
    """
    What is in a directory.
    """
    return sorted(path.name for path in directory.iterdir())


def damage(path):
    """
    Flip a bit in the frame of the first chunk.
    """
    with open_recording(path) as recording:
        chunk = next(recording.chunks())
    data = bytearray(path.read_bytes())
    data[chunk.offset + 160] ^= 1
    path.write_bytes(data)


class TickingClock(SkippingClock):
    """A clock that moves on by a second whenever somebody looks at it."""

    def monotonic(self):
        self.advance(1)
        return super().monotonic()


# ---------------------------------------------------------------- heads


def test_a_noted_head_is_held_against_the_recording(tmp_path):
    """
    The head that `show` prints proves later that nothing was cut off, by name or by sid.
    """
    store = demo_store(tmp_path)
    head = json.loads(run("show", FIRST, "--format", "json", store=store).raw)["head"]
    ways = (
        ["307b", "--head", head], ["--head", f"{FIRST}={head}"], ["307b", "--head", f"{FIRST}={head}"],
        ["--head", f"307B={head}"], ["--head", f"{FIRST.replace('-', '').upper()}={head}"],
    )  # fmt: skip
    for way in ways:
        result = run("verify", *way, store=store)
        assert (result.code, result.out) == (0, "checked 1 recording, 6 events: all sound\n")
    path = sealed(store, FIRST)
    path.write_bytes(recomputed(path.read_bytes(), [chunks_of(path.read_bytes())[0][:-1]]))
    assert run("verify", path).code == 0
    for way in ways:
        result = run("verify", *way, store=store)
        assert result.code == 3
        assert "the noted head is not in the chain" in result.out
        assert head in result.out


@pytest.mark.parametrize(
    ("head", "code", "said"),
    [
        ("=abcd", 2, "expected HEX or SID=HEX, found '=abcd'"),
        ("nosuch=abcd", 2, "expected HEX or SID=HEX, found 'nosuch=abcd'"),
        ("307b=abcd", 2, "64"),
        (f"ffff={'0' * 64}", 4, "no recording begins with 'ffff'"),
        (f"ffff49d6-56c7-4d20-8cf0-5bc5348a7101={'0' * 64}", 4, "ffff49d6"),
    ],
)
def test_a_head_of_nothing_is_refused_by_name(head, code, said, tmp_path):
    """
    What is no sid and what is no head are told apart from a recording that is not there.
    """
    result = run("verify", "--head", head, store=demo_store(tmp_path))
    assert result.code == code
    assert said in result.err
    assert "event field" not in result.err


def test_a_head_is_for_the_recording_that_it_names(tmp_path):
    """
    Among several recordings, a head noted for one is not asked of the others.
    """
    store = demo_store(tmp_path)
    head = json.loads(run("show", FIRST, "--format", "json", store=store).raw)["head"]
    assert run("verify", FIRST, MYSQL, "--head", f"{FIRST}={head}", store=store).code == 0
    assert run("verify", FIRST, "--head", f"{MYSQL}={head}", store=store).code == 3


def test_a_head_of_a_recording_that_is_gone_is_missing(tmp_path):
    """
    A head noted for a sid that is not in the store ends in exit code 4.
    """
    result = run("verify", "--head", f"{OTHER}={'00' * 32}", store=demo_store(tmp_path))
    assert result.code == 4
    assert OTHER in result.err


@pytest.mark.parametrize(
    "argv",
    [
        ["--head", "00" * 32], ["--head", "xyz", FIRST], ["--head", f"x={'00' * 32}"], ["--head", "00" * 32, FIRST, MYSQL],
        ["--sample", "0%"], ["--sample", "200%"], ["--sample", "x"], ["--max-duration", "soon"], ["--sample", "5%", FIRST],
        ["--max-duration", "1m", FIRST], ["--round", "3", FIRST], ["--salvage", "out"], ["--public-key", __file__],
        ["--signing-key", __file__, "--salvage", "out", FIRST],
    ],
    ids=" ".join,
)  # fmt: skip
def test_misuse_is_explained(argv, tmp_path):
    """
    Options that make no sense alone or together end in exit code 2 before anything is checked.
    """
    result = run("verify", *argv, store=demo_store(tmp_path))
    assert (result.code, result.raw) == (2, b"")


# ---------------------------------------------------------------- warnings, text and JSON


def test_warnings_are_shown_and_are_no_damage(tmp_path):
    """
    A hole that nothing names is printed as a warning, counted, and ends in exit code 0.
    """
    events = [{"event": "db.session.query", "ei": ei} for ei in (1, 2, 7)]
    record_one(tmp_path / "s", FIRST, events, user="alice")
    result = run("verify", store=tmp_path / "s")
    assert result.code == 0
    warning, total = result.out.splitlines()
    assert "warning: chunk 0 at offset" in warning
    assert "events are missing, and no gap event names them (expected ei 3, found ei 7)" in warning
    assert total == "checked 1 recording, 5 events: all sound, 1 warning"


def test_json_is_a_tree(tmp_path):
    """
    The store, its recordings, their findings and the totals are one object, safe for a terminal.
    """
    store = demo_store(tmp_path)
    damage(sealed(store, FIRST))
    result = run("verify", "--format", "json", store=store)
    assert result.code == 3
    assert is_safe(result.out)
    tree = json.loads(result.raw)
    assert (tree["store"], tree["position"]) == (str(store), None)
    assert tree["totals"] == {"recordings": 8, "events": 44, "damaged": 1, "warnings": 0, "missing": 0}
    assert len(tree["recordings"]) == 8
    (bad,) = [item for item in tree["recordings"] if not item["sound"]]
    (finding,) = bad["findings"]
    assert (finding["severity"], finding["chunk"], finding["lost"], finding["first_ei"], finding["last_ei"]) == (
        "error",
        0,
        6,
        0,
        5,
    )
    assert finding["offset"] > 0
    assert finding["length"] > 0
    named = json.loads(run("verify", MYSQL, "--format", "json", store=store).raw)
    assert (named["store"], len(named["recordings"])) == (None, 1)


def test_a_store_with_a_hostile_name_is_valid_json(tmp_path):
    """
    Quotes and control characters in the store's name don't break the output.
    """
    store = tmp_path / 'a"b\x1b\n'
    record_one(store, FIRST, [], user="alice")
    result = run("verify", "--format", "json", store=store)
    assert json.loads(result.raw)["store"] == str(store)
    assert is_safe(result.out)


# ---------------------------------------------------------------- nightly scrubs


def test_a_run_stops_in_time_and_the_next_goes_on(tmp_path):
    """
    Runs of a limited time come to each recording once, whichever way they are cut, and then begin a new pass.
    """
    store = tmp_path / "store"
    sids = sorted(write_sealed(store) for _ in range(9))
    seen = []
    for number in range(9):
        result = run("verify", "--max-duration", "4s", "--format", "json", store=store, clock=TickingClock())
        tree = json.loads(result.raw)
        assert result.code == 0
        seen += [item["sid"] for item in tree["recordings"]]
        if tree["position"] is None:
            break
        assert "goes on from there" in result.err
        assert number < 8
    assert number > 0
    assert sorted(seen) == sids
    assert "all done: 9 checked, 0 with errors" in result.err
    assert json.loads((store / "scrub.json").read_bytes())["passes"] == 1
    again = run("verify", "--max-duration", "1h", store=store, clock=TickingClock())
    assert again.out == "checked 9 recordings, 18 events: all sound\n"


def test_a_position_can_be_kept_elsewhere(tmp_path):
    """
    With a file of its own the store is only read, also by several scrubs at once.
    """
    store = demo_store(tmp_path)
    before = names(store)
    result = run("verify", "--max-duration", "1s", "--position", tmp_path / "here", store=store, clock=TickingClock())
    assert (result.code, names(store)) == (0, before)
    assert json.loads((tmp_path / "here").read_bytes())["checked"] == 1
    (tmp_path / "here").write_bytes(b"x")
    assert run("verify", "--position", tmp_path / "here", store=store).code == 1


def test_damage_in_the_middle_of_a_scrub_is_remembered(tmp_path):
    """
    The run that meets damage ends in exit code 3; the position counts it until the pass is complete.
    """
    store = demo_store(tmp_path)
    damage(sealed(store, FIRST))
    codes = []
    for _ in range(20):
        result = run("verify", "--max-duration", "1s", store=store, clock=TickingClock())
        codes.append(result.code)
        if "all done" in result.err:
            break
    assert sorted(codes)[-2:] == [0, 3]
    assert "8 checked, 1 with errors" in result.err


def test_a_sample_is_another_each_day_and_comes_to_all(tmp_path):
    """
    Successive rounds, or days, of a quarter each check all recordings in four.
    """
    store = tmp_path / "store"
    sids = {write_sealed(store) for _ in range(20)}

    def checked(*argv, **options):
        result = run("verify", "--sample", "25%", *argv, "--format", "json", store=store, **options)
        return {item["sid"] for item in json.loads(result.raw)["recordings"]}

    assert set().union(*(checked("--round", n) for n in range(4))) == sids
    days = [checked(clock=SkippingClock(day * 86_400 * 10**9)) for day in range(20_000, 20_004)]
    assert set().union(*days) == sids
    assert max(map(len, days)) < 20


def test_a_scrub_of_samples_moves_to_the_next_sample(tmp_path):
    """
    With a position kept, each complete run has the next round, so that nobody has to count nights.
    """
    store = tmp_path / "store"
    sids = {write_sealed(store) for _ in range(20)}
    seen = set()
    for _ in range(4):
        result = run("verify", "--sample", "0.25", "--position", tmp_path / "p", "--format", "json", store=store)
        seen |= {item["sid"] for item in json.loads(result.raw)["recordings"]}
    assert seen == sids


# ---------------------------------------------------------------- salvage


def test_salvage_writes_what_is_sound_and_says_what_is_lost(tmp_path):
    """
    The findings, what was saved and what was lost are printed; the exit code is 3, and what was written is sound.
    """
    store = demo_store(tmp_path)
    damage(sealed(store, FIRST))
    out = tmp_path / "out.jsonl.zst"
    result = run("verify", FIRST, "--salvage", out, store=store)
    assert result.code == 3
    finding, saved, total = result.out.splitlines()
    assert "6 events lost (ei 0 to 5)" in finding
    assert saved == f"{out}: 0 events saved, 6 lost"
    assert total.endswith("1 with errors")
    assert run("verify", out).code == 0
    shown = run("show", out).out
    assert "from a damaged recording: 1 findings; this is not the original" in shown
    assert "lost:      6\n" in shown
    assert "-- 6 events missing here (ei 0 to 5): salvage:" in run("play", out, "--format", "text").out


def test_salvage_of_a_sound_recording_loses_nothing(tmp_path):
    """
    The exit code is 0, and the events are equal.
    """
    store = demo_store(tmp_path)
    out = tmp_path / "out.jsonl.zst"
    result = run("verify", FIRST, "--salvage", out, store=store)
    assert (result.code, result.out.splitlines()[0]) == (0, f"{out}: 6 events saved, nothing lost")
    assert run("play", out, "--format", "jsonl").raw == run("play", FIRST, "--format", "jsonl", store=store).raw


def test_several_recordings_are_salvaged_into_a_directory(tmp_path):
    """
    Each is written under its sid; what is there already is not replaced, and that is told.
    """
    store = demo_store(tmp_path)
    out = tmp_path / "out"
    result = run("verify", FIRST, MYSQL, "--salvage", out, store=store)
    assert result.code == 0
    assert names(out) == sorted(f"{sid}.jsonl.zst" for sid in (FIRST, MYSQL))
    before = {path: path.read_bytes() for path in out.iterdir()}
    result = run("verify", INTERRUPTED, MYSQL, "--salvage", out, store=store)
    assert result.code == 1
    assert "overwrites nothing" in result.err
    assert {path: path.read_bytes() for path in before} == before
    assert verify_recording(out / f"{INTERRUPTED}.jsonl.zst").findings == ()


def test_salvage_finds_a_recording_whose_header_is_damaged(tmp_path):
    """
    By its sid, too, a recording is salvaged that can't be opened any more.
    """
    store = demo_store(tmp_path)
    path = sealed(store, FIRST)
    path.write_bytes(bytes(30) + path.read_bytes()[30:])
    out = tmp_path / "out.jsonl.zst"
    result = run("verify", FIRST, "--salvage", out, "--format", "json", store=store)
    assert result.code == 3
    assert json.loads(result.raw)["recordings"][0]["salvaged"] == {"file": str(out), "events": 6}
    assert len(run("play", out, "--format", "jsonl").raw.splitlines()) == 6


def test_where_nothing_can_be_saved_that_is_said(tmp_path):
    """
    A file of nonsense ends in exit code 3 and leaves no file.
    """
    store = demo_store(tmp_path)
    sealed(store, FIRST).write_bytes(b"nonsense")
    result = run("verify", FIRST, "--salvage", tmp_path / "out", store=store)
    assert result.code == 3
    assert "not salvaged" in result.err
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- loss is visible


def test_loss_shows_in_ls_show_and_play(tmp_path):
    """
    A recording with a gap says how many events are missing in the listing, in its summary, and at the place.
    """
    gap = {"event": "recordkit.gap", "ei": 2, "from": 2, "to": 41, "count": 40, "reason": "overflow"}
    store = tmp_path / "s"
    record_one(
        store, FIRST, [{"event": "db.session.query", "db_query": "SELECT 1"}, gap], user="alice", db_protocol="postgres"
    )
    listing = run("ls", store=store, terminal=True).out.splitlines()
    column = listing[0].index("LOST")
    assert listing[1][column : column + 4].strip() == "40"
    assert json.loads(run("ls", "--format", "json", store=store).raw)[0]["lost"] == 40
    assert "lost:      40\n" in run("show", FIRST, store=store).out
    assert (
        "-- 40 events missing here (ei 2 to 41): overflow --" in run("play", FIRST, "--format", "text", store=store).out
    )
    assert json.loads(run("verify", FIRST, "--format", "json", store=store).raw)["recordings"][0]["lost"] == 40


def test_show_says_whether_a_recording_is_signed(tmp_path):
    """
    An unsigned recording is said to be unsigned, in text and in JSON.
    """
    store = demo_store(tmp_path)
    assert "signed:    no\n" in run("show", FIRST, store=store).out
    assert json.loads(run("show", FIRST, "--format", "json", store=store).raw)["signatures"] == []


def test_what_is_salvaged_can_be_signed(tmp_path):
    """
    With --signing-key the new recording names the key, and `show` and `verify` say that it was salvaged, not recorded.
    """
    store, out, key = demo_store(tmp_path), tmp_path / "out.jsonl.zst", tmp_path / "auditor.key"
    assert run("keygen", key).code == 0
    assert run("verify", FIRST, "--salvage", out, "--signing-key", key, store=store).code == 0
    assert run("verify", FIRST, "--signing-key", key, store=store).code == 2
    assert "by who salvaged it, not by its recorder" in run("show", out).out
    checked = run("verify", out, "--public-key", f"{key}.pub")
    assert checked.code == 0
    assert "warning: signed by who salvaged it from a damaged recording: it is not the original" in checked.out
