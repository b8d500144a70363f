"""
The player without a terminal: commands in, lines out, on a clock that stands still.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playback_sessions import event, sessions, write
from recordkit.clock import ManualClock
from recordkit.container import State, open_recording
from recordkit.playback import Address, Player
from recordkit.render.control_chars import display_width, is_safe
from recordkit.terminal import controller as controllers
from recordkit.terminal.controller import Asking, Controller, View
from recordkit.terminal.keys import KEYS, press
from recordkit.terminal.screen import compose, window_title


class Store:
    """A store that says what it is told to say."""

    def __init__(self, state=State.COMPLETE):
        self.now = state

    def state(self):
        if self.now is None:
            raise FileNotFoundError("gone")
        return self.now


def controlling(recording, *, state=State.COMPLETE, **options):
    clock = ManualClock()
    player = Player(recording, clock=clock)
    return Controller(
        player, clock=clock, source=Store(state), state=state, title="alice shop", read_time=lambda text: int(text) * 10**9, **options
    )  # fmt: skip


@pytest.fixture
def played(tmp_path):
    """Thirty statements, a second apart, each with its result; one of them fails."""
    chunks = []
    for n in range(30):
        answer = {"success": False, "error": "ERROR: no"} if n == 20 else {"success": True, "affected_records": n}
        chunks.append(
            [
                event("db.session.query", 1000 * n, db_query=f"SELECT {n}", ei=2 * n),
                event("db.session.result", 1000 * n + 1, ei=2 * n + 1, **answer),
            ]
        )
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording:
        yield controlling(recording)


def screen(controller, columns=60, rows=12):
    return ["".join(text for _, text in line) for line in compose(controller, columns, rows)]


def idle(controller, rows=12):
    """Work until nothing is left to do."""
    for _ in range(10_000):
        if not controller.work() and not controller.busy:
            return
        screen(controller, rows=rows)
    raise AssertionError("it never came to rest")


def test_a_screen_fills_up_from_earlier_chunks_bit_by_bit(played):
    """After a jump two chunks are read for the screen; the lines above them come while nothing else is to do."""
    played.seek(lambda: played.player.seek(25 * 10**9))
    reads = played.player.chunks.reads
    assert reads <= 2
    first = screen(played, rows=24)
    assert "shop=> SELECT 25" in first
    assert "shop=> SELECT 21" not in first
    assert played.lines.short
    idle(played, rows=24)
    assert "shop=> SELECT 21" in screen(played, rows=24)
    assert not played.lines.short


def test_a_long_search_goes_on_while_keys_are_answered(played, monkeypatch):
    """A search that takes longer than a slice says how far it is, can be stopped, and otherwise arrives."""
    monkeypatch.setattr(controllers, "_SLICE_S", -1.0)  # every step is too long
    press(played, "/")
    assert played.asking is Asking.SEARCH
    played.typed("SELECT 25")
    assert "searching: " in screen(played)[-1]
    assert played.busy
    press(played, "+")
    assert played.player.head.speed == 2.0
    played.work()
    assert "searching: " in screen(played)[-1]
    press(played, "escape")
    assert "stopped" in screen(played)[-1]
    assert played.player.selected is None
    press(played, "n")
    idle(played)
    assert played.player.selected == Address(25, 0)


def test_what_was_searched_for_stands_out(played):
    """Matches are drawn in a style of their own, and nothing else of the line changes."""
    played.typed("unused")
    played.asking = Asking.SEARCH
    played.typed("lect 2")
    idle(played)
    (line,) = [line for line in compose(played, 60, 12) if "".join(text for _, text in line) == "shop=> SELECT 2"]
    assert "".join(text for style, text in line if "match" in style) == "LECT 2"


def test_the_driver_knows_how_long_nothing_happens(played):
    """Paused it may sleep for ever, playing until the next event or the next frame, live until the next look."""
    idle(played)
    assert played.wait_s() is None
    press(played, " ")
    assert played.work()
    assert played.wait_s() == pytest.approx(0.001)
    played._clock.advance(0.5)
    assert played.work()
    assert played.wait_s() == pytest.approx(0.1)
    played.live = True
    played._clock.advance(0.15)
    assert played.wait_s() == 0


def test_a_recording_that_is_removed_is_said_to_be(tmp_path):
    """An open recording that is gone when it is looked at again has no more to come, and that is said."""
    path = write(tmp_path, [[event("db.session.query", 0, db_query="SELECT 1")]], sealed=False)
    with open_recording(path) as recording:
        controller = controlling(recording, state=State.OPEN)
        press(controller, "f")
        assert controller.status == "following"
        controller._source.now = None
        controller._clock.advance(1)
        controller.work()
        assert not controller.live
        assert "the recording was removed" in screen(controller)[-1]


@pytest.mark.parametrize(("state", "said"), [(State.INTERRUPTED, "interrupted"), (State.TORN, "torn")])
def test_how_a_session_ended_stands_behind_its_last_event(tmp_path, state, said):
    """A session without its end says why on the transcript's last line, with what the recorder lost."""
    path = write(tmp_path, [[event("db.session.query", 0, db_query="SELECT 1")]], sealed=True)
    with open_recording(path) as recording:
        controller = controlling(recording, state=state, lost=7)
        press(controller, "end")
        shown = "\n".join(screen(controller))
        assert said in shown
        assert "7 events are missing" in shown


def test_space_at_the_end_plays_again(played):
    """At the end the space bar begins anew; before it pauses and goes on."""
    press(played, "end")
    press(played, " ")
    assert played.player.playing
    assert played.player.shown is None
    press(played, " ")
    assert not played.player.playing


def test_every_key_says_what_it_does():
    """Each key's help is one short sentence, and no two commands share a key."""
    for key in KEYS:
        assert key.help.endswith(".")
        assert len(key.help) <= 28
    names = [name for key in KEYS for name in key.names]
    assert len(names) == len(set(names))


HOSTILE = st.text("ab\x00\x07\x1b\x9b\n\r\t漢\u202e\u0301;' ()", max_size=60)
FIELDS = st.one_of(
    HOSTILE,
    st.none(),
    st.integers(-(2**63), 2**63),
    st.lists(HOSTILE, max_size=3),
    st.dictionaries(HOSTILE, HOSTILE, max_size=2),
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"event": st.sampled_from(["db.session.query", "db.session.result", "db.session.start", "x"]) | HOSTILE},
            optional=dict.fromkeys(
                ("db_query", "db_query_parameters", "error", "db_name", "rows", "columns", "ei", "db_protocol"), FIELDS
            )
            | {"success": st.booleans()},
        ),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.sampled_from([name for key in KEYS for name in key.names]), max_size=8),
    st.integers(1, 50),
    st.integers(1, 20),
)
@settings(max_examples=60)
def test_any_events_at_any_size_make_safe_lines(events, keys, columns, rows):
    """Whatever events say and whichever keys come, the screen has its size and nothing that a terminal obeys."""
    with tempfile.TemporaryDirectory() as folder:
        with open_recording(write(Path(folder), [events], sealed=True)) as recording:
            controller = controlling(recording)
            controller.title = str(events[0]["event"])
            press(controller, "end")
            for name in keys:
                press(controller, name)
                controller.typed("a+")
                idle_lines = compose(controller, columns, rows)
                assert len(idle_lines) == rows
                for line in idle_lines:
                    text = "".join(part for _, part in line)
                    assert is_safe(text)
                    assert "\n" not in text
                    assert display_width(text) <= columns
            assert is_safe(window_title(controller))


@given(sessions(), st.data())
@settings(max_examples=40)
def test_keys_in_any_order_keep_the_player_sound(chunks, data):
    """After any run of keys and time the place shown exists, and the position is within the session."""
    with tempfile.TemporaryDirectory() as folder:
        with open_recording(write(Path(folder), chunks, sealed=data.draw(st.booleans()))) as recording:
            controller = controlling(recording)
            names = [name for key in KEYS for name in key.names]
            for name in data.draw(st.lists(st.sampled_from(names), max_size=15)):
                press(controller, name)
                controller.typed("3")
                controller._clock.advance(data.draw(st.sampled_from((0, 0.5, 30))))
                controller.work()
                player = controller.player
                assert 0 <= player.position_ns <= player.duration_ns
                assert player.shown is None or player.moments.at(player.shown).address == player.shown
                assert player.selected is None or player.selected <= player.shown
                compose(controller, 80, 24)


def test_details_follow_the_statement(played):
    """The detail pane shows the selected statement with its answer, also when one steps on."""
    press(played, "j")
    press(played, "enter")
    assert played.view is View.DETAIL
    assert any("rows   0" in line for line in screen(played))
    press(played, "e")
    shown = screen(played)
    assert any("ERROR: no" in line for line in shown)
    assert any("after 1 ms" in line for line in shown)
    press(played, "enter")
    assert played.view is View.TRANSCRIPT


def test_marks_come_from_headers_at_once_and_exactly_later(tmp_path):
    """The bar has the error before anything was read, and after a pass over the chunks the changes, too."""
    chunks = [
        [event("db.session.query", 1000 * n, db_query="DELETE FROM t" if n == 3 else "SELECT 1", success=n != 7)]
        for n in range(10)
    ]
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording:
        controller = controlling(recording)
        assert screen(controller)[-2].count("!") == 1
        assert controller.player.chunks.reads <= 1  # for the event that comes next
        assert "w" not in screen(controller)[-2]
        idle(controller)
        bar = screen(controller)[-2]
        assert (bar.count("!"), bar.count("w")) == (1, 1)
        assert bar.index("w") < bar.index("!")


def test_a_statement_prepared_long_ago_is_looked_up_while_its_name_stands_there(tmp_path):
    """After a jump an execution first shows the name, and when the look back has found it, the statement."""
    prepared = [
        event("db.session.postgres.statements.parse", 0, statement_name="far", query="SELECT 'from afar'"),
        event("db.session.postgres.statements.parse", 0, statement_name="other", query="SELECT 'not this'"),
    ]
    filling = [[event("db.session.query", 1000 * n, db_query=f"SELECT {n}")] for n in range(1, 40)]
    used = [
        event("db.session.postgres.statements.bind", 50_000, statement_name="far", portal_name=""),
        event("db.session.postgres.statements.execute", 50_001, portal_name=""),
    ]
    with open_recording(write(tmp_path, [prepared, *filling, used], sealed=True)) as recording:
        controller = controlling(recording)
        press(controller, "end")
        assert controller.player.chunks.reads <= 2
        assert any("far" in line and "from afar" not in line for line in screen(controller))
        idle(controller)
        assert any("SELECT 'from afar'" in line for line in screen(controller))
        assert not any("not this" in line for line in screen(controller))


def test_a_lying_index_does_not_stop_the_player(tmp_path):
    """When the chunks turn out not to be what the index says, the screen goes on, at the same time, and says damage."""
    chunks = [[event("db.session.query", 1000 * n, db_query=f"SELECT {n}")] for n in range(8)]
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording:
        controller = controlling(recording)
        table = type(controller.player.chunks.table)(indexed=True)
        true = list(controller.player.chunks.table)
        for entry in (*true[:6], true[6]._replace(errors=1), *true[7:], true[7]):
            table.add(entry)
        controller.player.chunks.table = table
        press(controller, "5")
        idle(controller)
        shown = screen(controller)
        assert "shop=> SELECT 3" in shown
        assert "damage: 1" in shown[-1]
        assert list(controller.player.chunks.table) == true


def test_the_player_comes_to_rest(tmp_path):
    """A screen that even many chunks can't fill stays as it is, and the work ends, in every view."""
    chunks = [[event("db.session.query", 10 * n, db_query="SELECT 1")] for n in range(200)]
    with open_recording(write(tmp_path, chunks, sealed=True)) as recording:
        controller = controlling(recording)
        press(controller, "end")
        for view in ("?", "escape", "enter"):
            idle(controller, rows=500)
            assert controller.lines.short
            assert not controller.busy
            assert controller.wait_s() is None
            press(controller, view)
