"""
Run benchmarks: ``python -m benchmarks [NAME…] [--events N] [--rounds N] [--json FILE]``.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import reading, recording
from benchmarks.measure import Row

BENCHMARKS: dict[str, Callable[[int, int], list[Row]]] = {"recording": recording.run, "reading": reading.run}


def main() -> None:
    """
    Run what was asked for, print a table each, and write JSON if a file was named.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[*BENCHMARKS, []], help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--events", type=int, default=100_000, help="events in each round (default: 100000)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count; the median is shown (default: 7)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, object]]] = {}
    for name in arguments.name or BENCHMARKS:
        rows = BENCHMARKS[name](arguments.events, arguments.rounds)
        found[name] = [row.to_json() for row in rows]
        print(f"\n{name}, {arguments.events} events, median of {arguments.rounds} rounds\n")
        print(f"  {'':34}{'µs/event':>10}{'x floor':>10}  ")
        for row in rows:
            extra = "  ".join(f"{key} {value}" for key, value in row.extra.items())
            print(f"  {row.name:34}{row.us:>10.2f}{row.ratio:>10.2f}  {extra}")
    if arguments.json:
        machine = {"python": sys.version, "machine": platform.machine(), "processor": platform.processor()}
        arguments.json.write_text(json.dumps({"machine": machine, "benchmarks": found}, indent=2) + "\n")


main()
