"""
Events to measure with: made at run time from a seed, so that every run has the same.

Each workload is a list of whole events in the field order of the audit log, with random uids, of one session
or of several.
"""

import random
import uuid
from collections.abc import Callable, Iterable, Mapping
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
SECOND: Final = 1_000_000_000

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
_ENTITIES: Final = {
    "customer": ("name", "email", "phone", "street", "city", "postal_code", "country", "created_at", "updated_at"),
    "order": ("customer_id", "placed_at", "shipped_at", "status", "currency", "total", "tax", "note"),
    "order_line": ("order_id", "product_id", "quantity", "unit_price", "discount", "warehouse_id"),
    "product": ("sku", "title", "description", "category_id", "price", "weight", "active", "updated_at"),
    "invoice": ("order_id", "number", "issued_at", "due_at", "paid_at", "amount", "reference"),
    "shipment": ("order_id", "carrier", "tracking_code", "sent_at", "delivered_at", "address_id"),
}
_ASKED: Final = (
    "select * from orders where customer_id = {number} order by placed_at desc limit 20;",
    "select count(*) from products where active and category_id = {small};",
    "\\d+ invoices",
    (
        "explain analyze select o.id, sum(l.quantity * l.unit_price) from orders o join order_lines l"
        " on l.order_id = o.id where o.placed_at > now() - interval '{small} days' group by o.id;"
    ),
    "update customers set email = 'person{number}@example.org' where id = {number};",
    "begin;",
    "commit;",
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
    Return *count* statements of pgbench as whole query events, 50 µs apart.
    """
    own = ({"event": "db.session.query", "code": "TDB02I", "db_query": sql} for sql in statements(count, seed))
    return _whole(own, seed=seed, step_ns=lambda _dice: 50_000)


def orm(count: int, seed: int = 1) -> list[Event]:
    """
    Return what an object-relational mapper sends: long SELECTs with all columns spelled out, with parameters.
    """
    dice = random.Random(seed)
    shapes = [_select(dice) for _ in range(40)]
    own = []
    for _ in range(count):
        sql, parameters = dice.choices(shapes, [1 / (place + 1) for place in range(len(shapes))])[0]
        values = [str(dice.randint(1, 500_000)) for _ in range(parameters)]
        own.append({"event": "db.session.query", "code": "TDB02I", "db_query": sql, "db_query_parameters": values})
    return _whole(own, seed=seed, step_ns=lambda dice: dice.randint(300_000, 9_000_000))


def _select(dice: random.Random) -> tuple[str, int]:
    first, *others = dice.sample(list(_ENTITIES), dice.randint(1, 4))
    columns = [
        f't{place}."{column}" AS t{place}_{column}'
        for place, entity in enumerate([first, *others])
        for column in ("id", *_ENTITIES[entity])
    ]
    joins = "".join(
        f' LEFT OUTER JOIN "{entity}s" t{place} ON t{place}."{first}_id" = t0."id"'
        for place, entity in enumerate(others, start=1)
    )
    parameters = dice.randint(1, 6)
    where = " AND ".join(f't0."{dice.choice(_ENTITIES[first])}" = ${place + 1}' for place in range(parameters))
    return f'SELECT {", ".join(columns)} FROM "{first}s" t0{joins} WHERE {where} LIMIT 50', parameters


def interactive(count: int, seed: int = 1) -> list[Event]:
    """
    Return a person's statements and their results, seconds between them.
    """
    dice = random.Random(seed)
    own: list[Event] = []
    for number in range(count):
        if number % 2 == 0:
            sql = dice.choice(_ASKED).format(number=dice.randint(1, 90_000), small=dice.randint(1, 90))
            own.append({"event": "db.session.query", "code": "TDB02I", "db_query": sql})
        elif number % 30 == 29:
            error = "ERROR: permission denied for table invoices (SQLSTATE 42501)"
            own.append({"event": "db.session.result", "code": "TDB04I", "success": False, "error": error})
        else:
            own.append({"event": "db.session.result", "code": "TDB04I", "affected_records": dice.randint(0, 40)})
    return _whole(own, seed=seed, step_ns=lambda dice: dice.randint(SECOND, 5 * SECOND))


def large(count: int, seed: int = 1) -> list[Event]:
    """
    Return INSERTs of some 25 KB, a fiftieth of *count*.
    """
    dice = random.Random(seed)
    own = []
    for _ in range(max(1, count // 50)):
        rows = ",\n".join(
            f"  ({dice.randint(1, 10**9)}, '{dice.choice('abcdef')}{dice.getrandbits(48):012x}', {dice.random():.6f},"
            f" '2026-07-{dice.randint(1, 28):02d}')"
            for _ in range(500)
        )
        sql = f"INSERT INTO measurements (device, token, reading, taken_on) VALUES\n{rows};"
        own.append({"event": "db.session.query", "code": "TDB02I", "db_query": sql})
    return _whole(own, seed=seed, step_ns=lambda _dice: 20_000_000)


def mixed(count: int, seed: int = 1) -> list[Event]:
    """
    Return the events of five sessions at once, each of its own protocol.
    """
    dice = random.Random(seed)
    sids = [SID[:-1] + str(number) for number in range(2, 7)]
    protocols = ("postgres", "mysql", "mongodb", "redis", "sqlserver")
    own: list[Event] = []
    for number in range(count):
        which, protocol = number % 5, protocols[number % 5]
        some = dice.randint(1, 100_000)
        choices: dict[str, Event] = {
            "postgres": {
                "event": "db.session.postgres.statements.bind", "code": "TPG01I", "statement_name": f"s{some % 9}",
                "portal_name": "", "parameters": [str(some), "open"],
            },
            "mysql": {
                "event": "db.session.mysql.statements.prepare", "code": "TMY00I",
                "query": f"SELECT id, title FROM products WHERE category_id = {some % 400} AND price < ?",
            },
            "mongodb": {
                "event": "db.session.query", "code": "TDB02I",
                "db_query": f'OpMsg(Body={{"find": "orders","filter": {{"customer": {{"$numberInt":"{some}"}}}}}})',
            },
            "redis": {"event": "db.session.query", "code": "TDB02I", "db_query": f"HGETALL session:{some:08x}"},
            "sqlserver": {
                "event": "db.session.sqlserver.rpc_request", "code": "TSR00I", "proc_name": "Sp_ExecuteSql",
                "parameters": [f"SELECT TOP 20 * FROM Orders WHERE CustomerId = {some}"],
            },
        }  # fmt: skip
        place = {"sid": sids[which], "db_service": f"{protocol}-1", "db_protocol": protocol}
        own.append(choices[protocol] | place)
    return _whole(own, seed=seed, step_ns=lambda dice: dice.randint(20_000, 900_000))


def _whole(own: Iterable[Mapping[str, Any]], *, seed: int, step_ns: Callable[[random.Random], int]) -> list[Event]:
    """
    Return whole events that have *own* fields, the constants and a place in their session.
    """
    dice = random.Random(seed)
    numbers: dict[str, int] = {}
    now_ns = START_NS + 1_000
    events: list[Event] = []
    for fields in own:
        sid = fields.get("sid", SID)
        number = numbers[sid] = numbers.get(sid, -1) + 1
        event = {
            "ei": number,
            "event": fields["event"],
            "uid": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            "code": fields["code"],
            "time": format_time(now_ns),
            "cluster_name": CONSTANTS["cluster_name"],
            "user": CONSTANTS["user"],
            "sid": sid,
            **{name: value for name, value in CONSTANTS.items() if name.startswith("db_")},
            "success": True,
        }
        event.update(fields)
        if "db_query" in fields:  # behind what says where, as in the log
            event["success"] = event.pop("success")
        events.append(event)
        now_ns += step_ns(dice) // 1000 * 1000  # to the microsecond, as the recorder writes times
    return events


WORKLOADS: Final[dict[str, Callable[[int, int], list[Event]]]] = {
    "pgbench": query_events,
    "orm": orm,
    "interactive": interactive,
    "large": large,
    "mixed": mixed,
}


def constants_of(events: Iterable[Event]) -> dict[str, Event]:
    """
    Return what all events of a session have in common, by sid, but for what the recorder puts in itself.
    """
    found: dict[str, Event] = {}
    for event in events:
        known = found.get(event["sid"])
        if known is None:
            found[event["sid"]] = {name: event[name] for name in CONSTANTS}
    return found


def own_fields(event: Event) -> Event:
    """
    Return what a proxy gives of *event*: all but what the recorder and the session put in.
    """
    return {name: value for name, value in event.items() if name not in _PUT_IN}


_PUT_IN: Final = frozenset({"ei", "uid", "code", "time", "sid", *CONSTANTS})
