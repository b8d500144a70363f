"""
The catalog of a store of many recordings against one of a thousand; see `benchmarks.catalog` for how.
"""

import statistics

from benchmarks.catalog import compare
from benchmarks.measure import Check, Report

_SMALL = 1000
_MOST = 1_000_000


def run(events: int, rounds: int) -> list[Report]:
    """
    Return find by sid, and the newest 50 without and with each filter, for ten times *events* rows, a million at most.
    """
    rows = max(_SMALL, min(_MOST, events * 10))
    found: dict[str, list[float]] = {}
    for result in compare([_SMALL, rows], repeat=max(3, rounds * 2)):
        if "ms" in result:
            found.setdefault(result["what"], []).append(result["ms"])
    pairs = {what: (values[0], values[1]) for what, values in found.items()}
    filtered = {
        what: pair
        for what, pair in pairs.items()
        if what.startswith("ls: ") and "newest 50," not in what and what != "ls: newest 50"
    }
    checks = [
        _check("find by sid", pairs["open by sid"], rows, target=1.5),
        _check("newest 50 of ls", pairs["ls: newest 50"], rows, target=1.5),
        _check(
            f"newest 50 of ls, median of {len(filtered)} filters",
            (statistics.median(a for a, _ in filtered.values()), statistics.median(b for _, b in filtered.values())),
            rows, target=1.5,
        ),
        _check("find by the beginning of a sid", pairs["find by prefix (12 digits)"], rows, target=1.5),
    ]  # fmt: skip
    worst = max(filtered, key=lambda what: filtered[what][1] / filtered[what][0])
    checks.append(_check(f"newest 50 of ls, worst filter: {worst[4:]}", filtered[worst], rows, target=1.5))
    return [Report(checks=checks)]


def _check(what: str, pair: tuple[float, float], rows: int, *, target: float) -> Check:
    small, large = pair
    return Check(
        what=f"{what}, {rows} recordings", against=f"{_SMALL} recordings", value=large / small, target=target,
        at_most=True, figures=f"{large:.2f} ms against {small:.2f} ms",
    )  # fmt: skip
