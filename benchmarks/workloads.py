"""
Events to measure with: made at run time from a seed, so that every run has the same.
"""

import random
import uuid
from typing import Any, Final

from recordkit.events import format_time

Event = dict[str, Any]

CONSTANTS: Final[Event] = {
    "cluster_name": "teleport.example.com",
    "user": "alice@example.com",
    "db_service": "aurora",
    "db_protocol": "postgres",
    "db_uri": "aurora.cluster-abc.eu-west-1.rds.amazonaws.com:5432",
    "db_name": "postgres",
    "db_user": "alice",
    "db_type": "rds",
}
"""What every event of the session has."""

SID: Final = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"
START_NS: Final = 1_784_577_600_000_000_000

_PGBENCH: Final = (
    "UPDATE pgbench_accounts SET abalance = abalance + {delta} WHERE aid = {aid};",
    "SELECT abalance FROM pgbench_accounts WHERE aid = {aid};",
    "UPDATE pgbench_tellers SET tbalance = tbalance + {delta} WHERE tid = {tid};",
    "UPDATE pgbench_branches SET bbalance = bbalance + {delta} WHERE bid = {bid};",
    (
        "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)"
        " VALUES ({tid}, {bid}, {aid}, {delta}, CURRENT_TIMESTAMP);"
    ),
)


def statements(count: int, seed: int = 1) -> list[str]:
    """
    Return *count* statements as pgbench sends them.
    """
    dice = random.Random(seed)
    return [
        _PGBENCH[n % len(_PGBENCH)].format(
            delta=dice.randint(-5000, 5000), aid=dice.randint(1, 100_000), tid=dice.randint(1, 10), bid=1
        )
        for n in range(count)
    ]


def query_events(count: int, seed: int = 1) -> list[Event]:
    """
    Return *count* whole query events in the field order of the audit log, with random uids, 50 µs apart.
    """
    dice = random.Random(seed)
    return [
        {
            "ei": n,
            "event": "db.session.query",
            "uid": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            "code": "TDB02I",
            "time": format_time(START_NS + n * 50_000 + 1_000),
            "cluster_name": CONSTANTS["cluster_name"],
            "user": CONSTANTS["user"],
            "sid": SID,
            **{name: value for name, value in CONSTANTS.items() if name.startswith("db_")},
            "db_query": sql,
            "success": True,
        }
        for n, sql in enumerate(statements(count, seed))
    ]
