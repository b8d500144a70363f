"""
Getting about in a recording, against a model that has all of it in memory.
"""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playback_sessions import MS, SECOND, Model, event, nearest, result_of, role_of, sessions, write
from recordkit.clock import ManualClock
from recordkit.container import open_recording
from recordkit.events import Role
from recordkit.playback import Address, Player, Search
from recordkit.transcript.statement import statement_of


@contextmanager
def playing(chunks, *, sealed):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), chunks, sealed=sealed)
        with open_recording(path) as recording:
            yield Player(recording, clock=ManualClock())


def texts(moments):
    return [[segment.text for segment in moment.segments] for moment in moments]


@given(sessions(), st.booleans(), st.lists(st.integers(0, 100), max_size=12))
@settings(max_examples=80)
def test_a_seek_shows_the_model_s_event_and_reads_two_chunks(chunks, sealed, percents):
    """A seek ends at the last event that is not later and reads at most two chunks, three where the clock went back."""
    model = Model(chunks)
    most = 2 if model.delays == sorted(model.delays) else 3  # a header can't say that its first event is too late
    with playing(chunks, sealed=sealed) as player:
        for percent in percents:
            delay_ns = model.duration * percent // 100
            before = player.chunks.reads
            player.seek(delay_ns)
            if player.shown is not None:
                player.moments.of(player.shown.chunk)
            assert player.position_ns == min(delay_ns, model.duration)
            assert player.at_end == (player.shown == model.addresses[-1])
            assert player.chunks.reads - before <= most
            assert player.shown == model.shown(delay_ns)
            assert not player.playing


@given(sessions(ordered=True), st.booleans(), st.data())
@settings(max_examples=80)
def test_the_transcript_is_the_same_from_wherever_one_comes(chunks, sealed, data):
    """After the look back a chunk reads as if all had been played from the start, whichever came before it."""
    model = Model(chunks)
    with playing(chunks, sealed=sealed) as player:
        for number in data.draw(st.lists(st.integers(0, len(chunks) - 1), max_size=6)):
            found = texts(player.moments.of(number))
            whole = [model.texts[model.at[Address(number, place)]] for place in range(len(chunks[number]))]
            if player.moments.guessed(number):
                result_of(player.moments.catch_up(number))
                assert not player.moments.guessed(number)
                found = texts(player.moments.of(number))
                assert found == whole
            known = all("execute" not in str(one["event"]) for one in chunks[number])
            if known:  # what is there without looking back is right, too, but for a result asked two chunks ago
                waited = [place for place, one in enumerate(chunks[number]) if role_of(one) is Role.RESULT][:1]
                same = [place for place in range(len(found)) if place not in waited]
                assert [found[place] for place in same] == [whole[place] for place in same]


@given(sessions(), st.booleans(), st.data())
@settings(max_examples=120)
def test_searches_find_what_the_model_finds(chunks, sealed, data):
    """Next and previous statement, error, slow statement, change and match are the nearest there are, from any place."""
    model = Model(chunks)
    threshold = data.draw(st.sampled_from((0, 400 * MS, 1500 * MS, 20 * SECOND)))
    search = Search(data.draw(st.sampled_from(("needle", "DELETE|update", "^select", '"hi"', "ünï", "zzz"))))

    def matches(one):
        said = [text for name in ("db_query", "query", "error") if isinstance(text := one.get(name), str)]
        return any(
            search.expression.search(text)
            for text in [*said, *one.get("what", []), "3" if "affected_records" in one else ""]
        )

    statements = dict(zip(model.addresses, model.texts, strict=True))
    wanted = {
        "query": model.those(lambda one: role_of(one) is Role.QUERY),
        "error": model.those(lambda one: one.get("success") is False),
        "slow": model.slow(threshold),
        "text": model.those(matches),
        "write": [
            address
            for address in model.those(lambda one: role_of(one) is Role.QUERY)
            if any(word in "".join(statements[address]) for word in ("INSERT", "DELETE", "UPDATE", "CREATE"))
        ],
    }
    with playing(chunks, sealed=sealed) as player:
        scans = player.scans
        for start in data.draw(st.lists(st.none() | st.sampled_from(model.addresses), min_size=1, max_size=4)):
            for forward in (True, False):
                found = {
                    "query": scans.query(start, forward=forward),
                    "error": scans.error(start, forward=forward),
                    "slow": scans.slow(start, threshold, forward=forward),
                    "text": scans.text(start, search, forward=forward),
                    "write": scans.write(start, forward=forward),
                }
                for name, scan in found.items():
                    assert result_of(scan) == nearest(wanted[name], start, forward=forward), (name, start, forward)


@given(sessions(ordered=True), st.booleans())
@settings(max_examples=60)
def test_stepping_goes_through_all_statements_and_back(chunks, sealed):
    """j to the end and k to the start select each statement once, with its answer shown and nothing of the next."""
    model = Model(chunks)
    queries = model.those(lambda one: role_of(one) is Role.QUERY)
    with playing(chunks, sealed=sealed) as player:
        for forward in (True, False):
            selected = []
            while found := result_of(player.scans.query(player.start_of_search(forward=forward), forward=forward)):
                player.go_to(found)
                assert player.selected == found
                assert player.shown >= found
                following = nearest(queries, found, forward=True)
                assert following is None or player.shown < following
                selected.append(found)
            assert selected == (queries if forward else queries[-2::-1])


@given(sessions(), st.booleans(), st.sampled_from((0.25, 1.0, 16.0)))
@settings(max_examples=60)
def test_playing_shows_each_event_once_and_in_time(chunks, sealed, speed):
    """Played from the start, all events come in file order, none before its time."""
    model = Model(chunks)
    with playing(chunks, sealed=sealed) as player:
        clock = player._clock
        player.set_speed(speed)
        player.play()
        seen = []
        while (wait_s := player.due_in_s()) is not None:
            clock.advance(wait_s)
            taken = player.advance()
            assert taken
            for moment in taken:
                assert clock.monotonic() * speed * 1e9 >= moment.delay_ns - 100
            seen += taken
        assert [moment.address for moment in seen] == model.addresses
        assert texts(seen) == model.texts
        assert player.at_end
        assert clock.monotonic() == pytest.approx(model.duration / 1e9 / speed, abs=1e-3)


def test_chunks_that_hold_nothing_are_not_read(tmp_path):
    """Errors, statements and slow answers are found by the headers: of a hundred chunks two or three are read."""
    chunks = [[event("db.session.result", 1000 * n, success=True)] for n in range(100)]
    chunks[90] = [event("db.session.query", 90_000, db_query="SELECT pg_sleep(5)")]
    chunks[91] = [event("db.session.result", 95_000, success=False, error="ERROR: cancelled")]
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording:
        player = Player(recording, clock=ManualClock())
        assert player.chunks.reads == 0
        assert result_of(player.scans.query(None, forward=True)) == Address(90, 0)
        assert result_of(player.scans.error(None, forward=True)) == Address(91, 0)
        assert result_of(player.scans.slow(None, 2 * SECOND, forward=True)) == Address(90, 0)
        assert result_of(player.scans.slow(None, 2 * SECOND, forward=False)) == Address(90, 0)
        assert player.chunks.reads <= 3


def test_memory_holds_a_few_chunks(tmp_path):
    """However far one plays, no more than the kept number of chunks stays in memory."""
    chunks = [[event("db.session.query", 10 * n, db_query="SELECT 1")] for n in range(400)]
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording:
        player = Player(recording, clock=ManualClock())
        for number in range(400):
            player.moments.of(number)
        assert len(player.chunks._kept) <= 64
        assert len(player.moments._kept) <= 64
        assert len(player.moments._states) <= 256


def test_an_open_recording_grows(tmp_path):
    """What is written behind the last chunk is there after it was looked for, and the duration with it."""
    chunks = [[event("db.session.query", 10 * n, db_query=f"SELECT {n}")] for n in range(6)]
    path = write(tmp_path, chunks[:2], sealed=False)
    whole = write(tmp_path / ".." / tmp_path.name, chunks, sealed=False)
    data = whole.read_bytes()
    with open_recording(path) as recording:
        sizes = [entry.offset + 140 + entry.stored_size for entry in recording.chunks()]
        path.write_bytes(data[: sizes[1]])
        player = Player(recording, clock=ManualClock())
        player.seek_end()
        assert player.shown == Address(1, 0)
        path.write_bytes(data[: sizes[2] + 50])
        assert player.moments.extended()
        path.write_bytes(data)
        assert player.moments.extended()
        assert not player.moments.extended()
        assert player.duration_ns == 50 * MS
        assert result_of(player.scans.query(player.shown, forward=True)) == Address(2, 0)
        player.seek_end()
        assert player.shown == Address(5, 0)


@pytest.mark.parametrize("sealed", [False, True])
def test_damage_is_shown_where_it_is_and_the_rest_plays(tmp_path, sealed):
    """A chunk whose bytes differ is named in its place; the events before and behind it are there."""
    chunks = [[event("db.session.query", 10 * n, db_query=f"SELECT {n}")] for n in range(6)]
    path = write(tmp_path, chunks, sealed=sealed)
    with open_recording(path) as recording:
        third = list(recording.chunks())[2]
    data = bytearray(path.read_bytes())
    data[third.offset + 140 + third.stored_size - 6] ^= 1
    path.write_bytes(data)
    with open_recording(path) as recording:
        player = Player(recording, clock=ManualClock())
        said = ["".join(*texts(player.moments.of(number))) for number in range(6)]
        assert [f"SELECT {n}" in text for n, text in enumerate(said)] == [True, True, False, True, True, True]
        assert "damaged" in said[2]
        assert "chunk 2" in said[2]
        assert [error.chunk for error in player.chunks.damage] == [2]


def test_an_index_that_lies_is_found_out(tmp_path):
    """Where a chunk is not what a sound index says, the headers' word counts, and playback goes on by it."""
    chunks = [[event("db.session.query", 10 * n, db_query=f"SELECT {n}")] for n in range(6)]
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording:
        player = Player(recording, clock=ManualClock())
        true = list(player.chunks.table)
        table = type(player.chunks.table)(indexed=True)
        for entry in (*true[:2], true[2]._replace(errors=5, latest_ns=true[5].latest_ns)):
            table.add(entry)
        player.chunks.table = table
        player.chunks._measure()
        assert "SELECT 2" in texts(player.moments.of(2))[0][0]
        assert list(player.chunks.table) == true
        assert player.chunks.renewed == 1
        assert len(player.chunks.damage) == 1
        assert player.find_place()
        player.seek_end()
        assert player.shown == Address(5, 0)


def test_a_percentage_and_the_ends():
    """0 to 100 % are parts of the duration; beyond the ends there is nothing."""
    chunks = [[event("db.session.query", 1000 * n, db_query="SELECT 1")] for n in range(11)]
    with playing(chunks, sealed=True) as player:
        player.seek_percent(50)
        assert (player.position_ns, player.shown) == (5 * SECOND, Address(5, 0))
        player.seek(10**18)
        assert (player.position_ns, player.at_end) == (10 * SECOND, True)
        player.seek(-5)
        assert (player.position_ns, player.shown) == (0, Address(0, 0))
        player.seek_start()
        assert (player.position_ns, player.shown, player.selected) == (0, None, None)


def test_statements_come_without_prompt_and_with_parameters():
    """Of a prepared statement the text and the parameters are told apart, as the detail pane shows them."""
    parse = event("db.session.postgres.statements.parse", 0, statement_name="a", query="SELECT $1 || '($1 = ')")
    bind = event("db.session.postgres.statements.bind", 1, statement_name="a", portal_name="", parameters=["x"])
    run = event("db.session.postgres.statements.execute", 2, portal_name="")
    with playing([[parse, bind, run]], sealed=True) as player:
        moment = player.moments.of(0)[2]
        assert statement_of(moment.event, moment.segments) == ("SELECT $1 || '($1 = ')", '$1 = "x"')


def test_a_look_back_that_was_left_off_goes_on_where_it_was(tmp_path):
    """Half of a look back is not lost: the next one begins at the last place that it left known."""
    parse = event("db.session.postgres.statements.parse", 0, statement_name="a", query="SELECT 'far'")
    bind = event("db.session.postgres.statements.bind", 1, statement_name="a", portal_name="p")
    filling = [[event("db.session.query", 10 * n, db_query="SELECT 1")] for n in range(1, 200)]
    run = event("db.session.postgres.statements.execute", 2000, portal_name="p")
    with open_recording(write(tmp_path, [[parse, bind], *filling, [run]], sealed=True)) as recording:
        player = Player(recording, clock=ManualClock())
        assert player.moments.guessed(200)
        search = player.moments.catch_up(200)
        progress = [next(search) for _ in range(150)]
        assert progress == sorted(progress)
        search.close()
        before = player.chunks.reads
        result_of(player.moments.catch_up(200))
        assert player.chunks.reads - before <= 200 - 128
        assert "SELECT 'far'" in texts(player.moments.of(200))[0][0]


def test_an_event_from_before_the_start_moves_the_start(tmp_path):
    """When an open recording gets an event that is earlier than its first, all delays count from there."""
    chunks = [[event("db.session.query", ms, db_query="SELECT 1")] for ms in (5000, 6000, 1000)]
    path = write(tmp_path, chunks, sealed=False)
    data = path.read_bytes()
    with open_recording(path) as recording:
        third = list(recording.chunks())[2]
        path.write_bytes(data[: third.offset])
        player = Player(recording, clock=ManualClock())
        player.seek_end()
        assert player.position_ns == SECOND
        path.write_bytes(data)
        player.moments.extended()
        assert player.find_place()
        assert [player.moments.of(number)[0].delay_ns for number in range(3)] == [4 * SECOND, 5 * SECOND, 0]
        assert player.duration_ns == 5 * SECOND
