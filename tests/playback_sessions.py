"""
Sessions to play, and what playing them must come to, found out the slow way: all events in a list.
"""

from unittest import mock

from hypothesis import strategies as st

import recordings
from recordings import NOON, SID
from recordkit.events import KINDS, Role, format_time
from recordkit.playback import Address
from recordkit.transcript import SessionTranslator

MS = 1_000_000
SECOND = 1_000_000_000
STATEMENTS = (
    "SELECT 1",
    "select * from t where note = 'say \"hi\"'",
    "INSERT INTO t VALUES (1)",
    "-- x\nDELETE FROM t",
    "WITH a AS (SELECT 1) UPDATE t SET x = 1",
    "CREATE TABLE u (id int)",
    "BEGIN",
    "SELECT 'ünï' -- needle",
)
KINDS_DRAWN = ("query", "query", "result", "result", "error", "parse", "bind", "execute", "notice", "strange")


def event(kind, ms, **fields):
    """An event of a PostgreSQL session, so long after noon."""
    made = {"sid": SID, "user": "alice", "db_protocol": "postgres", "db_name": "shop", "event": kind}
    return made | ({} if ms is None else {"time": format_time(NOON + ms * MS)}) | fields


def _one(draw, ms):
    kind = draw(st.sampled_from(KINDS_DRAWN))
    name = draw(st.sampled_from("ab"))
    sql = draw(st.sampled_from(STATEMENTS))
    return {
        "query": lambda: event("db.session.query", ms, db_query=sql),
        "result": lambda: event("db.session.result", ms, success=True, affected_records=3),
        "error": lambda: event("db.session.result", ms, success=False, error="ERROR: no needle"),
        "parse": lambda: event("db.session.postgres.statements.parse", ms, statement_name=name, query=sql),
        "bind": lambda: event("db.session.postgres.statements.bind", ms, statement_name=name, portal_name=name),
        "execute": lambda: event("db.session.postgres.statements.execute", ms, portal_name=name),
        "notice": lambda: event("db.session.malformed_packet", ms),
        "strange": lambda: {"event": 7, "what": ["needle"]},
    }[kind]()


@st.composite
def sessions(draw, *, ordered=None):
    """Chunks of events; with times that rise, unless they are to be in any order."""
    rising = draw(st.booleans()) if ordered is None else ordered
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=9))
    ms, made = 0, []
    for size in sizes:
        chunk = []
        for _ in range(size):
            ms = ms + draw(st.sampled_from((0, 1, 400, 1500, 9000))) if rising else draw(st.integers(0, 30_000))
            chunk.append(_one(draw, ms))
        made.append(chunk)
    made[0].insert(0, event("db.session.start", 0))
    return made


def write(directory, chunks, *, sealed):
    """Write the session with headers as a recorder writes them: waits are counted across chunks."""
    waits, asked, time_ns = [], None, None
    for chunk in chunks:
        longest = 0
        for one in chunk:
            if "time" in one:
                time_ns = recordings.parse_time(one["time"])
            role = role_of(one)
            if role is Role.QUERY:
                asked = time_ns
            elif role is Role.RESULT:
                if asked is not None and time_ns is not None:
                    longest = max(longest, time_ns - asked)
                asked = None
        waits.append(longest)
    numbers = iter(waits)
    count = recordings.count

    def counted(events, place=None):
        counts = count(events, place)
        counts.longest_wait_ns = next(numbers)
        return counts

    with mock.patch("recordings.count", counted):
        return recordings.write(directory, chunks, sealed=sealed)


def role_of(one):
    """What an event means."""
    kind = one.get("event")
    return KINDS[kind].role if isinstance(kind, str) and kind in KINDS else Role.OTHER


class Model:
    """All events of a session in a list, with their addresses, delays and transcripts."""

    def __init__(self, chunks):
        self.events = [one for chunk in chunks for one in chunk]
        self.addresses = [Address(c, n) for c, chunk in enumerate(chunks) for n in range(len(chunk))]
        self.at = {address: number for number, address in enumerate(self.addresses)}
        time_ns, times = NOON, []
        for one in self.events:
            time_ns = recordings.parse_time(one["time"]) if "time" in one else time_ns
            times.append(time_ns)
        self.delays = [one - min(times) for one in times]
        self.duration = max(self.delays)
        translator = SessionTranslator()
        self.texts = [[segment.text for segment in translator.feed(one)] for one in self.events]

    def shown(self, delay_ns):
        """The last event before the first one that is later than *delay_ns*."""
        if delay_ns >= self.duration:
            return self.addresses[-1]
        later = next(number for number, delay in enumerate(self.delays) if delay > delay_ns)
        return self.addresses[later - 1] if later else None

    def those(self, wanted):
        """The addresses of all events that are wanted."""
        return [address for address, one in zip(self.addresses, self.events, strict=True) if wanted(one)]

    def slow(self, threshold_ns):
        """The addresses of all statements whose first result came late."""
        found, asked = [], None
        for number, one in enumerate(self.events):
            role = role_of(one)
            if role is Role.QUERY:
                asked = number
            elif role is Role.RESULT:
                if asked is not None and self.delays[number] - self.delays[asked] >= threshold_ns:
                    found.append(self.addresses[asked])
                asked = None
        return found


def nearest(addresses, start, *, forward):
    """The first address behind *start*, or the last before it."""
    if forward:
        return next((one for one in addresses if start is None or one > start), None)
    return next((one for one in reversed(addresses) if start is None or one < start), None)


def result_of(search):
    """Run a search to its end."""
    try:
        while True:
            assert 0 <= next(search) <= 1
    except StopIteration as end:
        return end.value
