"""
The catalog of a store of many recordings against one of a thousand; see `benchmarks.catalog` for how.

A filter that matches two of a thousand recordings and fifty of a million gives 25 times as much in the large
store. So what the small store would take for as many rows is what counts: each row that it gives less is added
to its time, at the price that rows have there, a full page's time less that of an empty one.
"""

import statistics

from benchmarks.catalog import LIMIT, compare
from benchmarks.measure import Check, Report

_SMALL = 1000
_MOST = 1_000_000


def run(events: int, rounds: int) -> list[Report]:
    """
    Return find by sid, and the newest 50 without and with each filter, for ten times *events* rows, a million at most.
    """
    rows = max(_SMALL, min(_MOST, events * 10))
    results = compare([_SMALL, rows], repeat=max(3, rounds * 2))
    pairs: dict[str, tuple[float, float]] = {}
    times = {result["what"]: result["ms"] for result in results[::2] if "ms" in result}
    row_ms = max(0.0, times["ls: newest 50"] - times["ls: nobody"]) / LIMIT
    for small, large in zip(results[::2], results[1::2], strict=True):
        if "ms" in small:
            more = max(0, large.get("given", 0) - small.get("given", 0))
            pairs[small["what"]] = (small["ms"] + more * row_ms, large["ms"])
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
