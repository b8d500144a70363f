"""
Runs one fuzz target, guided by coverage where atheris is installed, by blind mutation of the corpus otherwise.

    pip install atheris
    python tests/fuzz/run_targets.py recording --minutes 30       one target
    python tests/fuzz/run_targets.py all --minutes 30             each for so long, one after the other
    python tests/fuzz/run_targets.py recording --blind --seed 7   without atheris, repeatable

An input that fails is kept in the working directory (crash-…); `--replay FILE` runs it again.
"""

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

if "--guided" in sys.argv:
    import atheris

    with atheris.instrument_imports(include=["recordkit"]):
        import fuzz_targets as targets
else:
    import fuzz_targets as targets

_INTERESTING = (b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\xff" * 8, b"RKCH", b"RKIX", b"RKHD", b"RKIE",
                b"\x5b\x2a\x4d\x18", b"\x5e\x2a\x4d\x18", b"\x28\xb5\x2f\xfd", b"\n", b"{}", b"[[[[", b'"')  # fmt: skip


def mutated(data, others, dice):
    """
    *data* with a few changes of the kinds that break decoders.
    """
    data = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 8))):
        at = dice.randrange(len(data) + 1)
        length = min(dice.choice((1, 1, 4, 8, 60, 400)), len(data) - at)
        match dice.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                piece = dice.choice(_INTERESTING)
                data[at : at + len(piece)] = piece
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                other = dice.choice(others)
                begin = dice.randrange(len(other) + 1)
                data[at : at + length] = other[begin : begin + length]
            case 5:
                data[at : at + length] = dice.randbytes(length)
            case _:
                del data[at:]
    return bytes(data)


def blindly(name, *, seconds=None, runs=None, seed=0):
    """
    Run a target on mutations of its seeds, so long or so often; return how often.

    Raises:
        AssertionError: An input failed; the message has it in hexadecimal digits.
    """
    target, seeds, dice = targets.TARGETS[name], targets.seeds(name), random.Random(seed)
    deadline = None if seconds is None else time.monotonic() + seconds
    done = 0
    while (runs is None or done < runs) and (deadline is None or time.monotonic() < deadline):
        data = mutated(dice.choice(seeds), seeds, dice)
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"{name}: {error!r} for {data.hex()}") from error
        done += 1
    return done


def guided(name, seconds):
    """
    Run a target under libFuzzer; ends the process.
    """
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(targets.seeds(name)):
            (Path(corpus) / f"{number}").write_bytes(seed)
        options = [
            f"-max_total_time={seconds}",
            "-max_len=8192",
            "-timeout=60",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], targets.TARGETS[name])
        atheris.Fuzz()


def main():
    """
    Parse the command line and run.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=[*targets.TARGETS, "all"])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--blind", action="store_true", help="mutate without coverage")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=Path, help="an input that failed")
    parser.add_argument("--guided", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    seconds = int(chosen.minutes * 60)
    if chosen.replay:
        targets.TARGETS[chosen.target](chosen.replay.read_bytes())
        return 0
    if chosen.guided:
        guided(chosen.target, seconds)
        return 0
    failed = 0
    for name in targets.TARGETS if chosen.target == "all" else [chosen.target]:
        if chosen.blind or importlib.util.find_spec("atheris") is None:
            print(f"{name}: {blindly(name, seconds=seconds, seed=chosen.seed)} runs, nothing found", flush=True)
            continue
        command = [sys.executable, __file__, name, "--guided", "--minutes", str(chosen.minutes)]
        code = subprocess.run(command, check=False, env=os.environ).returncode
        print(f"{name}: exit code {code}", flush=True)
        failed |= code != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
