"""
Damages small recordings in every way that one bit, one cut or one lost block can, reads each, and counts.

    python tests/damage_matrix.py            every bit and cut of two recordings, some of 40 others, 400 lost blocks
    python tests/damage_matrix.py --all      every bit of everything, 4000 lost blocks

What counts as wrong: an event that was not recorded, or not in its place; a loss without a finding; a finding that
names another chunk; more lost than the damage touches (and one chunk more for a lost block).
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path[:0] = [path for path in (str(Path(__file__).parent), str(Path(__file__).parents[1])) if path not in sys.path]

import independent_reader  # noqa: E402
from recordings import open_name, parts, query, read, recording_bytes, sealed_name, session  # noqa: E402

FOLDER = Path(__file__).parent / "conformance"
BLOCK = 4096


def subjects():
    """
    Yield name, file name and bytes of the recordings that are damaged: two plain ones, and all sound ones of the corpus.
    """
    yield "three chunks, sealed", sealed_name(), recording_bytes(session(3, 2), sealed=True)
    yield "three chunks, open", open_name(), recording_bytes(session(3, 2), sealed=False)
    for path in sorted(FOLDER.glob("*.json")):
        expected = json.loads(path.read_text())
        if "summary" in expected:
            named = open_name() if expected["named"] == "open" else sealed_name()
            yield path.stem, named, path.with_suffix(".rec").read_bytes()


class Subject:
    """
    One recording, its parts, and the events of each of its chunks.
    """

    def __init__(self, directory, named, data):
        self.path = directory / named
        self.data = data
        self.parts = parts(data)
        self.sealed = not named.endswith(".open")
        whole = independent_reader.read(data, name=named)
        self.events, at = [], 0
        for chunk in whole.chunks:
            self.events.append([json.dumps(event) for event in whole.events[at : at + chunk.events]])
            at += chunk.events

    def all_but(self, lost):
        """
        The events of all chunks but those in *lost*.
        """
        return [event for n, events in enumerate(self.events) if n not in lost for event in events]

    def read(self, data, mode):
        """
        Read damaged bytes under this recording's name.
        """
        self.path.write_bytes(data)
        found = read(self.path, mode=mode, live=False)
        return [json.dumps(event) for event in found.events], found


def flips(subject, step=1):
    """
    Yield what is wrong for each flipped bit; None if nothing is.
    """
    data = bytearray(subject.data)
    for part in subject.parts:
        for bit in range(part.offset * 8, part.end * 8, step):
            data[bit // 8] ^= 1 << bit % 8
            yield _flip(subject, bytes(data), part)
            data[bit // 8] ^= 1 << bit % 8


def _flip(subject, data, part):
    strict, found = subject.read(data, "strict")
    if found.error is None:
        return f"unnoticed in {part.name}"
    if part.name in ("magic", "header"):
        return None if strict == [] else "events from a damaged header"
    lost = set() if part.chunk is None else {part.chunk}
    before = len(subject.events) if part.chunk is None else part.chunk
    if strict != subject.all_but(range(before, len(subject.events))):
        return "strict: other events"
    salvaged, whole = subject.read(data, "salvage")
    if salvaged != subject.all_but(lost):
        return "salvage: other events"
    if whole.error is not None or {item.chunk for item in whole.damage} != {part.chunk}:
        return f"another chunk is named: {[item.chunk for item in whole.damage]}"
    return None


def cuts(subject, step=1):
    """
    Yield what is wrong for each length (or every so manieth) to which the file is cut; None if nothing is.
    """
    start = next(part.end for part in subject.parts if part.name == "header")
    ends = [part.end for part in subject.parts if part.name == "body"]
    for size in range(0, len(subject.data), step):
        strict, found = subject.read(subject.data[:size], "strict")
        whole = sum(end <= size for end in ends)
        if size < start:
            yield None if found.error is not None and strict == [] else "cut in the header: unnoticed"
        elif strict != subject.all_but(range(whole, len(ends))):
            yield "cut: other events"
        elif not subject.sealed and size in (start, *ends):
            yield None if found.error is None else "cut behind a chunk of an open recording: not torn"
        elif found.error is None or str(found.state) != "torn":
            yield "cut: unnoticed"
        else:
            inside = next((part.chunk for part in subject.parts if part.offset <= size < part.end), None)
            yield None if found.error.chunk in (inside, len(ends), None) else "cut: another chunk is named"


def large(sealed):
    """
    Name and bytes of a recording of some half a megabyte, in 60 chunks.
    """
    noise = random.Random(4).randbytes(1 << 20).hex()
    chunks = [[query(n * 8 + m, noise[(n * 8 + m) * 997 :][:1200]) for m in range(8)] for n in range(60)]
    return (sealed_name() if sealed else open_name()), recording_bytes(chunks, sealed=sealed)


def small(sealed):
    """
    Name and bytes of a recording of 400 chunks of one event each, of which a lost block holds a dozen.
    """
    return (sealed_name() if sealed else open_name()), recording_bytes(session(400, 1), sealed=sealed)


def blocks(subject, count, *, own=False):
    """
    Yield what is wrong for each place at which 4 KiB are overwritten with zeros or noise; or with *own* bytes of
    the file, as where a disk has written a block to the wrong place.
    """
    dice = random.Random(0)
    start = next(part.end for part in subject.parts if part.name == "header")
    for number in range(count):
        at = dice.randrange(start, len(subject.data) - BLOCK)
        other = dice.randrange(len(subject.data) - BLOCK)
        piece = subject.data[other : other + BLOCK] if own else (bytes(BLOCK), dice.randbytes(BLOCK))[number % 2]
        data = subject.data[:at] + piece + subject.data[at + BLOCK :]
        touched = {part.chunk for part in subject.parts if part.offset < at + BLOCK and part.end > at}
        salvaged, found = subject.read(data, "salvage")
        missing = [n for n, events in enumerate(subject.events) if not set(events) <= set(salvaged)]
        if data == subject.data:
            yield None
        elif found.error is not None or not found.damage:
            yield "lost block: unnoticed"
        elif [event for event in subject.all_but(()) if event in set(salvaged)] != salvaged:
            yield "lost block: other events"
        elif len(set(missing) - touched) > 1:
            yield f"lost block: {len(missing)} chunks lost, {len(touched)} touched"
        else:
            yield None


def table(*, every=False):
    """
    Yield rows: what was done, how often, what was wrong.
    """
    step, places = (1, 1000) if every else (7, 100)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        flipped, cut, lost, misplaced = Counter(), Counter(), Counter(), Counter()
        for number, (_, named, data) in enumerate(subjects()):
            subject = Subject(directory, named, data)
            cut.update(cuts(subject, 1 if every or number < 2 else 5))
            flipped.update(flips(subject, 1 if number < 2 else step * (1 if every else 9)))
        for sealed in (True, False):
            for made in (large, small):
                lost.update(blocks(Subject(directory, *made(sealed)), places))
                misplaced.update(blocks(Subject(directory, *made(sealed)), places, own=True))
    yield "one bit changed", flipped
    yield "cut", cut
    yield "4 KiB overwritten", lost
    yield "4 KiB written to a wrong place", misplaced


def main():
    """
    Print the table; the exit code is 1 if anything was wrong.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every bit")
    bad = 0
    for what, counted in table(every=parser.parse_args().all):
        wrong = {name: count for name, count in counted.items() if name is not None}
        print(f"{what:30} {sum(counted.values()):8} times   wrong: {sum(wrong.values())} {wrong or ''}")
        bad += sum(wrong.values())
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
