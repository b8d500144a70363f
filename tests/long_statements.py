"""
Sessions that zstd's quick level compresses badly: statements that are long and alike, as an object-relational mapper's.
"""

import random

from recordings import query

_DICE = random.Random(4)
_COLUMNS = [f'"{_DICE.getrandbits(60):x}"' for _ in range(50)]
SHAPES = [f"SELECT {', '.join(_DICE.sample(_COLUMNS, 12))} FROM t WHERE id = " for _ in range(15)]


def long_statements(count, *, seed=1):
    """
    So many statements.
    """
    dice = random.Random(seed)
    return [f"{dice.choice(SHAPES)}{dice.randint(1, 9999)}" for _ in range(count)]


def long_session(chunks, events):
    """
    A session that ends, in so many chunks of so many such statements.
    """
    made = [query(number, sql) for number, sql in enumerate(long_statements(chunks * events))]
    made[-1]["event"] = "db.session.end"
    return [made[begin : begin + events] for begin in range(0, len(made), events)]
