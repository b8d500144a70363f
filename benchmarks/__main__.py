"""
Run benchmarks: ``python -m benchmarks [NAME…] [--events N] [--rounds N] [--json FILE] [--plot FILE.svg]``.
"""

import argparse
import importlib
import importlib.util
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.measure import Check, Report, Row
from benchmarks.plot import svg

BENCHMARKS: Final = {
    "recording": ("benchmarks.recording", "run"),
    "calling": ("benchmarks.calling", "run"),
    "sizes": ("benchmarks.recording", "sizes"),
    "interactive": ("benchmarks.idling", "run"),
    "reading": ("benchmarks.reading", "report"),
    "grep": ("benchmarks.commands", "grep"),
    "play": ("benchmarks.commands", "play"),
    "seeking": ("benchmarks.seeking", "run"),
    "catalog": ("benchmarks.listing", "run"),
    "memory": ("benchmarks.memory", "run"),
    "scaling": ("benchmarks.scaling", "run"),
    "rendering": ("benchmarks.rendering", "run"),
}
"""Where each benchmark is, in the order of the table of targets."""

BY_NAME_ONLY: Final = {
    "first_screen": ("benchmarks.elsewhere", "first_screen"),
    "exporting": ("benchmarks.elsewhere", "exporting"),
    "deriving": ("benchmarks.elsewhere", "deriving"),
}
"""What wants libraries or a terminal that not every machine has."""
KNOWN: Final = {**BENCHMARKS, **BY_NAME_ONLY}


def measured(name: str, events: int, rounds: int) -> list[Report]:
    """
    Run a benchmark.
    """
    module, function = KNOWN[name]
    found: list[Report] | list[Row] = getattr(importlib.import_module(module), function)(events, rounds)
    reports: list[Report] = []
    for item in found:
        if isinstance(item, Report):
            reports.append(item)
        elif reports:
            reports[0].rows.append(item)
        else:
            reports.append(Report(rows=[item], title=name))
    return reports


def print_rows(report: Report) -> None:
    """
    Print a race.
    """
    print(f"\n  {report.title:46}{'µs/event':>10}{'x floor':>10}")
    for row in report.rows:
        extra = "  ".join(f"{key} {value:g}" for key, value in row.extra.items())
        print(f"  {row.name:46}{row.us:>10.2f}{row.ratio:>10.2f}  {extra}".rstrip())


def print_checks(checks: Sequence[Check]) -> None:
    """
    Print the table of targets.
    """
    print(f"\n  {'what':76}{'measured':>12}{'target':>12}   holds")
    for check in checks:
        sign = "<=" if check.at_most else ">="
        target = "" if check.target is None else f"{sign} {check.target:g}{check.unit}"
        holds = {True: "yes", False: "NO", None: ""}[check.holds]
        print(f"  {check.what:76}{f'{check.value:.2f}{check.unit}':>12}{target:>12}   {holds}")
        behind = f"; {check.figures}" if check.figures else ""
        print(f"      / {check.against}{behind}")


def main(argv: Sequence[str] | None = None) -> None:
    """
    Run what was asked for, print tables, and write JSON and a plot if files were named.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="recordkit beside the floor and the peers, as ratios, against the targets",
        epilog=f"names: {', '.join(BENCHMARKS)}; only if asked for: {', '.join(BY_NAME_ONLY)}",
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help="which; default: all")
    parser.add_argument("--events", type=int, default=100_000, help="scale of all; default: 100000")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count; medians are shown; default: 7")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, with the machine's facts")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw all targets")
    arguments = parser.parse_args(argv)
    unknown = [name for name in arguments.name if name not in KNOWN]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}: choose from {', '.join(KNOWN)}")
    if arguments.events < 1 or arguments.rounds < 1:
        parser.error("--events and --rounds: expected numbers >= 1")
    where = machine.facts()
    print(f"{where['processor']}, {where['processors']} processors, load {where['load']}, Python {where['python']}")
    checks: list[Check] = []
    figures: dict[str, Any] = {}
    for name in arguments.name or BENCHMARKS:
        begin = time.perf_counter()
        reports = measured(name, arguments.events, arguments.rounds)
        seconds = time.perf_counter() - begin
        print(f"\n{name}: {arguments.events} events, {arguments.rounds} rounds, {seconds:.0f} s")
        for report in reports:
            if report.rows:
                print_rows(report)
        found = [check for report in reports for check in report.checks]
        if found:
            print_checks(found)
        checks += found
        figures[name] = {
            "seconds": round(seconds, 1),
            "races": {report.title: [row.to_json() for row in report.rows] for report in reports if report.rows},
            "targets": [check.to_json() for check in found],
        }
    held = [check.holds for check in checks if check.holds is not None]
    print(f"\n{sum(held)} of {len(held)} targets hold")
    scale = {"events": arguments.events, "rounds": arguments.rounds}
    if arguments.json:
        document = {"machine": where, "scale": scale, "benchmarks": figures}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if arguments.plot:
        machine_text = f"{where['processor']}, {where['processors']} processors, Python {where['python']}"
        subtitle = f"{machine_text}, {scale['events']} events"
        arguments.plot.write_text(svg(checks, subtitle=subtitle), encoding="utf-8")


if __name__ == "__main__":
    main()
