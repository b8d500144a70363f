"""
Times things side by side.

A machine's speed changes from second to second, so contestants take turns and the medians of their
rounds are compared; a ratio is the floor's time over the contestant's: 1.0 is as fast as the floor.
"""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """
    One contestant's result.

    Attributes:
        name: Who.
        us: Microseconds per event, median of the rounds.
        ratio: Floor's median over this one's.
        extra: Other figures, as bytes per event.
    """

    name: str
    us: float
    ratio: float
    extra: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """
        Return the row as JSON types.
        """
        return {"name": self.name, "us_per_event": round(self.us, 3), "ratio": round(self.ratio, 3), **self.extra}


Contestant = Callable[[], dict[str, float] | None]
"""Does the work once; may return figures. A figure named ``seconds`` replaces the time that was taken."""


def race(contestants: dict[str, Contestant], *, events: int, rounds: int = 5) -> list[Row]:
    """
    Run each contestant *rounds* times, in turns; the first one is the floor.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    extras: dict[str, dict[str, float]] = {}
    for _ in range(rounds + 1):  # the first round warms caches and is not counted
        for name, run in contestants.items():
            gc.collect()
            begin = time.perf_counter()
            figures = dict(run() or {})
            took = figures.pop("seconds", time.perf_counter() - begin)
            times[name].append(took)
            extras[name] = figures
    medians = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    floor = next(iter(medians.values()))
    return [Row(name, took / events * 1e6, floor / took, extras[name]) for name, took in medians.items()]
