"""
Benchmarks that are programs of their own, in the form of the others; asked for by name, not part of *all*.

They want libraries or a terminal that a machine for CI may not have.
"""

import importlib
from typing import Any

from benchmarks.measure import Check, Report, Row


def first_screen(events: int, rounds: int) -> list[Report]:
    """
    Return the player's times in a recording of ten times *events* against one of 1000.
    """
    program: Any = importlib.import_module("benchmarks.first_screen")
    sizes = [1000, events * 10]
    checks = []
    for row in program.compare(sizes, rounds=rounds):
        small, large = row["ms"]
        checks.append(
            Check(what=f"player: {row['what']}, {sizes[1]} events", against=f"{sizes[0]} events", value=large / small,
                  at_most=True, figures=f"{large:.1f} ms against {small:.1f} ms")
        )  # fmt: skip
    return [Report(checks=checks)]


def exporting(events: int, rounds: int) -> list[Report]:
    """
    Return the export of ten times *events* to Parquet beside DuckDB, Polars and pyarrow; DuckDB is the floor.
    """
    program: Any = importlib.import_module("benchmarks.exporting")
    names = list(program.CONTESTANTS)
    reports = []
    for workload in program.WORKLOADS:
        rows = [
            Row(found["name"], found["us_per_event"], found["ratio"], {"peak_mib": found["peak_mib"]})
            for found in program.measure(workload, events * 10, min(rounds, 3), names)
        ]
        reports.append(Report(rows=rows, title=f"export to Parquet, {workload}"))
    return reports


def deriving(events: int, rounds: int) -> list[Report]:
    """
    Return what it costs to tell what statements do.
    """
    program: Any = importlib.import_module("benchmarks.deriving")
    return [Report(rows=program.run(events, rounds), title="deriving")]
