from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from recordkit.playback import FASTEST, SLOWEST, SPEEDS, Playhead
from recordkit.playback.playhead import faster, slower

S = 1_000_000_000


def test_a_change_of_speed_in_mid_wait_acts_on_what_is_left():
    """Half of a wait at single speed, the rest at four times that, takes five eighths of the time."""
    head = Playhead().play(now_ns=0)
    assert head.due_in_ns(8 * S, now_ns=4 * S) == 4 * S
    head = head.with_speed(4.0, now_ns=4 * S)
    assert head.due_in_ns(8 * S, now_ns=4 * S) == S
    assert head.at(4 * S + S // 2) == 6 * S
    head = head.with_speed(0.25, now_ns=4 * S + S // 2)
    assert head.due_in_ns(8 * S, now_ns=4 * S + S // 2) == 8 * S


def test_pauses_are_cut_in_real_time_at_any_speed():
    """The idle limit bounds what a person waits, counted from the last event and across changes of speed."""
    head = Playhead(idle_ns=2 * S).play(now_ns=0)
    assert head.due_in_ns(100 * S, now_ns=0) == 2 * S
    assert head.due_in_ns(1 * S, now_ns=0) == 1 * S
    head = head.with_speed(0.25, now_ns=S)
    assert head.due_in_ns(100 * S, now_ns=S) == S
    head = head.pause(now_ns=S).play(now_ns=50 * S)
    assert head.due_in_ns(100 * S, now_ns=50 * S) == S
    head = head.reached(100 * S, now_ns=51 * S)
    assert head.position_ns == 100 * S
    assert head.due_in_ns(200 * S, now_ns=51 * S) == 2 * S
    assert head.with_idle(None, now_ns=51 * S).due_in_ns(101 * S, now_ns=51 * S) == 4 * S


def test_standing_still_is_no_special_moment():
    """A pause at 0, at an event and between events keeps the position, and nothing is due."""
    for position in (0, 1, 5 * S):
        head = Playhead(position_ns=position)
        assert head.at(10**15) == position
        assert head.due_in_ns(position + 1, now_ns=10**15) is None
        assert head.play(now_ns=7).pause(now_ns=7) == Playhead(position_ns=position, since_ns=7)


def test_time_does_not_run_past_the_next_event():
    """Between two looks at the clock the position stays before what is not shown yet."""
    head = Playhead(speed=16.0).play(now_ns=0)
    assert head.at(10 * S, before_ns=3 * S) == 3 * S
    assert head.pause(now_ns=10 * S, before_ns=3 * S).position_ns == 3 * S
    assert head.seek(5 * S, now_ns=0).at(0, before_ns=3 * S) == 5 * S


def test_small_delays_do_not_add_up():
    """A moment that is shown late does not put off the next one, unless the lateness is a stop."""
    head = Playhead().play(now_ns=0).reached(1 * S, now_ns=S + 50_000_000)
    assert head.due_in_ns(2 * S, now_ns=S + 50_000_000) == 950_000_000
    stopped = Playhead().play(now_ns=0).reached(1 * S, now_ns=3600 * S)
    assert stopped.due_in_ns(2 * S, now_ns=3600 * S) == 750_000_000


def test_events_that_go_back_in_time_are_due_at_once():
    """An event earlier than the one before it is shown without a wait, and the position does not fall."""
    head = Playhead(position_ns=5 * S).play(now_ns=0)
    assert head.due_in_ns(3 * S, now_ns=0) == 0
    assert head.reached(3 * S, now_ns=0).position_ns == 5 * S


@pytest.mark.parametrize(
    "fault", [{"speed": 0}, {"speed": 17.0}, {"speed": float("nan")}, {"position_ns": -1}, {"idle_ns": -1}]
)
def test_what_makes_no_sense_is_refused(fault):
    """Speeds outside 0.25 to 16 and negative times are no playhead."""
    with pytest.raises(ValueError, match="expected"):
        Playhead(**fault)


def test_the_steps_of_speed_go_up_and_down_and_end():
    """+ and - walk the same ladder from any speed, and stay on its ends."""
    assert [faster(speed) for speed in SPEEDS] == [*SPEEDS[1:], FASTEST]
    assert [slower(speed) for speed in SPEEDS] == [SLOWEST, *SPEEDS[:-1]]
    assert (faster(3.0), slower(3.0)) == (4.0, 2.0)


class Playing(RuleBasedStateMachine):
    """A playhead beside a model that adds up time exactly, piece by piece."""

    def __init__(self):
        super().__init__()
        self.now = 0
        self.head = Playhead()
        self.position = Fraction(0)
        self.waited = Fraction(0)
        self.playing, self.speed, self.idle = False, 1.0, None

    @rule(ns=st.integers(0, 10 * S))
    def time_passes(self, ns):
        self.now += ns
        if self.playing:
            self.position += ns * Fraction(self.speed)
            self.waited += ns

    @rule()
    def play(self):
        self.head, self.playing = self.head.play(now_ns=self.now), True

    @rule()
    def pause(self):
        self.head, self.playing = self.head.pause(now_ns=self.now), False

    @rule(speed=st.sampled_from(SPEEDS) | st.floats(SLOWEST, FASTEST))
    def change_speed(self, speed):
        self.head, self.speed = self.head.with_speed(speed, now_ns=self.now), speed

    @rule(idle=st.none() | st.integers(0, 5 * S))
    def change_idle(self, idle):
        self.head, self.idle = self.head.with_idle(idle, now_ns=self.now), idle

    @rule(position=st.integers(-S, 1000 * S))
    def seek(self, position):
        self.head = self.head.seek(position, now_ns=self.now)
        self.position, self.waited = Fraction(max(0, position)), Fraction(0)

    @rule(ahead=st.integers(-S, 100 * S))
    def play_up_to(self, ahead):
        moment = self.head.at(self.now) + ahead
        due = self.head.due_in_ns(moment, now_ns=self.now)
        if moment >= 0 and due is not None:
            self.now += due
            self.head = self.head.reached(moment, now_ns=self.now)
            self.position = (
                max(self.position, Fraction(moment)) if due == 0 else Fraction(max(moment, self.head.position_ns))
            )
            self.waited = Fraction(0)
            if due == 0:  # it may have been due a while ago
                self.position = Fraction(self.head.at(self.now))
                self.waited = Fraction(self.now - self.head.since_ns)

    @invariant()
    def the_position_is_the_models(self):
        assert abs(self.head.at(self.now) - self.position) <= 64
        self.position = Fraction(self.head.at(self.now))  # whole nanoseconds: don't let the cuts add up

    @invariant()
    def what_is_due_is_due_exactly_then(self):
        moment = self.head.at(self.now) + 7 * S
        due = self.head.due_in_ns(moment, now_ns=self.now)
        assert (due is None) == (not self.playing)
        if due is None:
            return
        assert self.head.due_in_ns(moment, now_ns=self.now + due) == 0
        if due:
            assert self.head.due_in_ns(moment, now_ns=self.now + due - 1) == 1
        exact = 7 * S / Fraction(self.speed)
        if self.idle is not None:
            exact = min(exact, max(0, self.idle - self.waited))
        assert abs(due - exact) <= 300  # some 64 ns of position, at a quarter of the speed


TestPlaying = Playing.TestCase
TestPlaying.settings = settings(max_examples=60, stateful_step_count=40)
