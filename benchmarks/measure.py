"""
Times things side by side, and holds what was found against what was wanted.

A machine's speed changes from second to second, so contestants take turns, round after round. Each ratio is
taken within its round, between things that ran one after the other, and the median of the rounds' ratios is
given: it moves less than the ratio of two medians when a whole round was slow.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """
    One contestant's result.

    Attributes:
        name: Who.
        us: Microseconds per event, median of the rounds.
        ratio: Floor's time over this one's: 1.0 is as fast as the floor; median of the rounds.
        extra: Other figures, as bytes per event; medians of the rounds.
        rounds: Seconds of each round.
    """

    name: str
    us: float
    ratio: float
    extra: dict[str, float] = field(default_factory=dict)
    rounds: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """
        Return the row as JSON types.
        """
        return {"name": self.name, "us_per_event": round(self.us, 3), "ratio": round(self.ratio, 3), **self.extra}

    def times_faster(self, other: "Row") -> float:
        """
        Return how many times as fast as *other*, of the same race, this one is.
        """
        return statistics.median(theirs / ours for ours, theirs in zip(self.rounds, other.rounds, strict=True))


Contestant = Callable[[], Mapping[str, float] | None]
"""Does the work once; may return figures. A figure named ``seconds`` replaces the time that was taken."""


def race(contestants: Mapping[str, Contestant], *, events: int, rounds: int = 5) -> list[Row]:
    """
    Run each contestant *rounds* times, in turns; the first one is the floor.

    With several rounds, one before them warms caches and is not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    extras: dict[str, list[dict[str, float]]] = {name: [] for name in contestants}
    warming = 1 if rounds > 1 else 0
    for number in range(rounds + warming):
        for name, run in contestants.items():
            gc.collect()
            begin = time.perf_counter()
            figures = dict(run() or {})
            took = figures.pop("seconds", time.perf_counter() - begin)
            if number >= warming:
                times[name].append(took)
                extras[name].append(figures)
    rows = [
        Row(name, statistics.median(taken) / events * 1e6, 1.0, _medians(extras[name]), taken)
        for name, taken in times.items()
    ]
    for row in rows:
        row.ratio = row.times_faster(rows[0])
    return rows


def _medians(figures: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median([each[name] for each in figures]), 3) for name in figures[0]}


@dataclass(frozen=True, kw_only=True)
class Check:
    """
    One line of the table of targets.

    Attributes:
        what: Measured.
        against: What it is measured against.
        value: The ratio, or MiB.
        target: None for what is only reported.
        at_most: The target is an upper bound; else a lower one.
        unit: Behind value and target.
        figures: What the value was made of, for people.
    """

    what: str
    against: str
    value: float
    target: float | None = None
    at_most: bool = False
    unit: str = "x"
    figures: str = ""

    @property
    def holds(self) -> bool | None:
        """
        Whether the target is reached; None without one.
        """
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    @property
    def margin(self) -> float | None:
        """
        How many times better than the target it is; below 1 it is missed.
        """
        if self.target is None or not self.value:
            return None
        return self.target / self.value if self.at_most else self.value / self.target

    def to_json(self) -> dict[str, Any]:
        """
        Return the line as JSON types.
        """
        return {
            "what": self.what,
            "against": self.against,
            "value": round(self.value, 4),
            "unit": self.unit,
            "target": self.target,
            "at_most": self.at_most,
            "holds": self.holds,
            "figures": self.figures,
        }


@dataclass
class Report:
    """
    What a benchmark found.

    Attributes:
        rows: Contestants of a race, by floor or not.
        checks: Held against targets.
        title: Of the rows.
    """

    rows: list[Row] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    title: str = ""


Benchmark = Callable[[int, int], list[Report]]
"""Takes events and rounds."""
