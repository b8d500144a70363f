import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordkit.events import format_time
from recordkit.events.place import Place, place_of, time_of

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def at(seconds):
    """An event at so many seconds after 1970."""
    return {"time": format_time(seconds * 10**9)}


def places(place, events):
    """What *place* says of each event in turn."""
    return [place.next(event) for event in events]


def test_what_an_event_says_is_its_place():
    """An event's own index and time are its place, whatever came before."""
    events = [{"ei": 5, **at(1)}, {"ei": 3, **at(7)}, {"ei": -2, **at(0)}]
    assert places(Place(0, None), events) == [(5, 10**9), (3, 7 * 10**9), (-2, 0)]


def test_an_event_without_an_index_comes_right_behind_the_one_before():
    """Missing indexes count on from the last known one, from the start's where there is none."""
    assert [ei for ei, _ in places(Place(4, None), [{}, {}, {"ei": 9}, {}, {"ei": None}])] == [4, 5, 9, 10, 11]


@pytest.mark.parametrize("ei", ["1", 1.0, True, None, [1], INT64_MAX + 1, INT64_MIN - 1])
def test_an_index_that_is_no_64_bit_integer_counts_as_missing(ei):
    """Other types, and integers that a chunk's header could not hold, are passed over."""
    assert Place(7, None).next({"ei": ei}) == (7, None)


def test_an_event_without_a_time_has_the_time_of_the_one_before():
    """A missing or unreadable time is that of the event before; before the first there is none."""
    events = [{}, at(1), {}, {"time": "yesterday"}, {"time": 5}, at(3), {"time": None}]
    assert [time_ns for _, time_ns in places(Place(0, None), events)] == [
        None, 10**9, 10**9, 10**9, 10**9, 3 * 10**9, 3 * 10**9,
    ]  # fmt: skip


def test_a_chunk_without_times_begins_without_one():
    """The header's mark for "no time" is no time; any other is where its events without one stand."""
    assert place_of(3, INT64_MAX).next({}) == (3, None)
    assert place_of(3, 17).next({}) == (3, 17)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"time": "1970-01-01T00:00:00.000000001Z"}, 1),
        ({"time": "1969-12-31t23:59:59z"}, -(10**9)),
        ({"time": format_time(INT64_MAX - 1)}, INT64_MAX - 1),
        ({"time": format_time(INT64_MIN + 1)}, INT64_MIN + 1),
        ({"time": format_time(INT64_MAX)}, None),
        ({"time": format_time(INT64_MIN)}, None),
        ({"time": "0001-01-01T00:00:00Z"}, None),
        ({"time": "9999-12-31T23:59:59-23:59"}, None),
        ({"time": ""}, None),
        ({"time": b"1970-01-01T00:00:00Z"}, None),
        ({"time": 0}, None),
        ({}, None),
    ],
)
def test_a_time_is_nanoseconds_of_64_bits_or_none(event, expected):
    """A time that is no text, no RFC 3339, outside 64 bits, or one of the two marks for "none", is none."""
    assert time_of(event) == expected


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "ei": st.integers(INT64_MIN, INT64_MAX) | st.text(max_size=2),
                "time": st.integers(INT64_MIN + 1, INT64_MAX - 1).map(format_time) | st.none() | st.text(max_size=3),
            },
        ),
        max_size=8,
    )
)
def test_following_in_two_runs_is_following_in_one(events):
    """Where a run of events is cut makes no difference, if the second begins where the first ended."""
    whole = Place(0, None)
    expected = places(whole, events)
    for cut in range(len(events) + 1):
        first = Place(0, None)
        before = places(first, events[:cut])
        ei, time_ns = before[-1] if before else (-1, None)
        assert before + places(Place(ei + 1, time_ns), events[cut:]) == expected
