"""
What a recording must hold, told by reading it the slow way: line by line, with nothing but `json`.
"""

import json
import time
from collections.abc import Callable

import orjson

from recordkit.container.chunks import Counts
from recordkit.container.layout import INT64_MAX, INT64_MIN, MARK_END, MARK_START
from recordkit.events import KINDS, Role, parse_time
from recordkit.store import open_store

CLUSTER = {"cluster_name": "teleport.example.com", "user": "alice", "db_service": "aurora", "db_protocol": "postgres"}


def eventually(condition: Callable[[], object], *, within_s: float = 30.0) -> None:
    """
    Wait until *condition* holds; fail if it doesn't come to that.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.002)


def events_of(store, sid):
    """
    Return the events of a session as they are stored; any damage raises.
    """
    with open_store(store) as opened, opened[sid] as recording:
        return list(recording.events())


def summary_of(store, sid):
    with open_store(store) as opened, opened[sid] as recording:
        return recording.summary


def parsed(line: bytes):
    """
    Return the event of a *line*, and see to it that no object in it has a key twice.
    """

    def once(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"a key twice: {keys}"
        return dict(pairs)

    return json.loads(line, object_pairs_hook=once)


def same(left, right) -> bool:
    """
    Whether two values are equal as JSON: 1, 1.0 and True are three things.
    """
    option = orjson.OPT_SORT_KEYS
    return orjson.dumps(left, option=option) == orjson.dumps(right, option=option)


def recount(events) -> Counts:
    """
    Count *events*, the whole of a session in order, by the rules of FORMAT.md.
    """
    counts = Counts()
    ei, time_ns, asked_ns = -1, None, None
    for event in events:
        kind = KINDS.get(event["event"])
        role = None if kind is None else kind.role
        ei = event.get("ei", ei + 1)
        if "time" in event:
            own_ns = parse_time(event["time"])
            time_ns = own_ns if INT64_MIN < own_ns < INT64_MAX else time_ns
        counts.events += 1
        counts.lowest_ei, counts.highest_ei = min(counts.lowest_ei, ei), max(counts.highest_ei, ei)
        if time_ns is not None:
            counts.earliest_ns, counts.latest_ns = min(counts.earliest_ns, time_ns), max(counts.latest_ns, time_ns)
        counts.errors += event.get("success") is False
        if role is Role.QUERY:
            counts.queries += 1
            asked_ns = time_ns
        elif role is Role.RESULT and asked_ns is not None and time_ns is not None:
            counts.longest_wait_ns = max(counts.longest_wait_ns, time_ns - asked_ns)
            asked_ns = None
        elif role is Role.START:
            counts.marks |= MARK_START
        elif role is Role.END:
            counts.marks |= MARK_END
        elif role is Role.GAP and type(event.get("count")) is int and event["count"] > 0:
            counts.lost += event["count"]
    return counts


def shown(counts) -> dict:
    return {name: getattr(counts, name) for name in Counts.__slots__}


def gaps_of(events) -> list[tuple[int, int, int]]:
    """
    Return first, last and count of each gap event among *events*.
    """
    return [(event["from"], event["to"], event["count"]) for event in events if event["event"] == "recordkit.gap"]
