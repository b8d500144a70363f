"""
Recording: from an event to bytes on the disk, and what the sealed file takes there.

The floor is what the libraries alone cost: ``orjson.dumps`` of the whole event, chunks of 256 KiB, one-shot
zstd level 1, one write a chunk, in one loop without checks. The peers are what a user would pick instead.
"""

import gzip
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import zstandard

import recordkit
from benchmarks.measure import Check, Report, Row, race
from benchmarks.peers import protobuf_encoder, write_gzip, write_mcap, write_mcap_lines, write_protobuf
from benchmarks.workloads import WORKLOADS, Event, constants_of, own_fields, query_events

_CHUNK: Final = 256 * 1024
FLOOR: Final = "floor: orjson + zstd-1 + write"
QUERY: Final = "session.query(sql)"
OWN: Final = "session.emit(own fields)"
WHOLE: Final = "session.emit(whole event)"
MCAP: Final = "mcap (Python), zstd"
GZIP: Final = "gzip-6 of JSON lines"
PROTOBUF: Final = "gzip-6 of protobuf (Python)"


def run(events: int, rounds: int) -> list[Report]:
    """
    Return the pgbench workload with all targets, and the other workloads without peers.
    """
    reports = [_pgbench(events, rounds)]
    for name in ("orm", "interactive", "large", "mixed"):
        made = WORKLOADS[name](max(events // 4, 1), 1)
        reports.append(Report(rows=contest(made, rounds, peers=False), title=f"recording, workload {name}"))
    return reports


def _pgbench(events: int, rounds: int) -> Report:
    rows = contest(query_events(events), rounds, peers=True)
    named = {row.name: row for row in rows}
    floor = "orjson.dumps + one-shot zstd-1 in a loop"
    checks = [
        Check(what=OWN, against=floor, value=named[OWN].ratio, target=0.9),
        Check(what=WHOLE, against=floor, value=named[WHOLE].ratio, target=0.9),
        Check(what=QUERY, against=f"{floor}, of the full event", value=named[QUERY].ratio, target=1.3),
    ]
    for peer, target in ((MCAP, 6.0), (GZIP, 3.0), (PROTOBUF, 3.0)):
        if peer in named:
            checks += [
                Check(what=ours, against=peer, value=named[ours].times_faster(named[peer]), target=target)
                for ours in (QUERY, OWN, WHOLE)
            ]
    return Report(rows=rows, checks=checks, title="recording, workload pgbench")


def contest(events: list[Event], rounds: int, *, peers: bool) -> list[Row]:
    """
    Return the rows of a race that records *events*; peers whose library is missing are left out.
    """
    constants = constants_of(events)
    own = [(event["sid"], own_fields(event)) for event in events]
    whole = [(event["sid"], event) for event in events]
    queries = [(sid, fields["db_query"]) for sid, fields in own if fields.keys() == {"event", "db_query", "success"}]
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    contestants: dict[str, Callable[[], Mapping[str, float]]] = {
        FLOOR: lambda: _floor(events, folder / "floor.zst"),
        WHOLE: lambda: _record(folder / "store", constants, whole, "emit"),
        OWN: lambda: _record(folder / "store", constants, own, "emit"),
    }
    if len(queries) == len(events):
        contestants[QUERY] = lambda: _record(folder / "store", constants, queries, "query")
    if peers:
        contestants |= _peers(events, folder)
    try:
        return race(contestants, events=len(events), rounds=rounds)
    finally:
        shutil.rmtree(folder)


def _peers(events: list[Event], folder: Path) -> dict[str, Callable[[], Mapping[str, float]]]:
    found: dict[str, Callable[[], Mapping[str, float]]] = {}
    if installed("mcap"):
        found[MCAP] = lambda: _written(write_mcap, events, folder / "peer.mcap")
    found[GZIP] = lambda: _written(write_gzip, events, folder / "peer.jsonl.gz")
    if installed("google.protobuf"):
        encode = protobuf_encoder(events)
        found[PROTOBUF] = lambda: _written(
            lambda some, path: write_protobuf(some, path, encode), events, folder / "peer.pb.gz"
        )
    return found


def installed(module: str) -> bool:
    """
    Tell whether a peer's library is there.
    """
    import importlib.util

    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of its parent
        return False


def _floor(events: list[Event], path: Path) -> dict[str, float]:
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
    begin = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        lines: list[bytes] = []
        size = 0
        for event in events:
            line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
            lines.append(line)
            size += len(line)
            if size >= _CHUNK:
                file.write(compressor.compress(b"".join(lines)))
                lines, size = [], 0
        file.write(compressor.compress(b"".join(lines)))
    return {"seconds": time.perf_counter() - begin, "bytes_per_event": path.stat().st_size / len(events)}


def _record(store: Path, constants: dict[str, Event], items: list[tuple[str, Any]], call: str) -> dict[str, float]:
    with recordkit.Recorder(store) as recorder:
        sessions = {sid: recorder.session(sid=sid, start=False, **fields) for sid, fields in constants.items()}
        if len(sessions) == 1:
            record, alone = getattr(next(iter(sessions.values())), call), [item for _, item in items]
            begin = time.perf_counter()
            for item in alone:
                record(item)
        else:
            records = {sid: getattr(session, call) for sid, session in sessions.items()}
            begin = time.perf_counter()
            for sid, item in items:
                records[sid](item)
        called = time.perf_counter()
        for session in sessions.values():
            session.flush()
        done = time.perf_counter()
        for session in sessions.values():
            session.close()
    summaries = [recordkit.open_store(store)[sid].summary for sid in constants]
    if sum(summary.events for summary in summaries) < len(items):
        raise SystemExit(f"recorded {len(items)} events, found {sum(summary.events for summary in summaries)}")
    shutil.rmtree(store)
    return {
        "seconds": done - begin,
        "caller_us": (called - begin) / len(items) * 1e6,
        "bytes_per_event": sum(summary.stored_bytes for summary in summaries) / len(items),
    }


def _written(write: Callable[[list[Event], Path], None], events: list[Event], path: Path) -> dict[str, float]:
    begin = time.perf_counter()
    write(events, path)
    return {"seconds": time.perf_counter() - begin, "bytes_per_event": path.stat().st_size / len(events)}


def sizes(events: int, _rounds: int) -> list[Report]:
    """
    Return, for each workload, how large a sealed recording is beside the same lines in other files.

    Lines are what the recorder made of events as a proxy gives them; the same again of whole events, whose uids are
    random, is reported without a target. Sealing's time is what a caller of `close` waits for.
    """
    checks = []
    for name, make in WORKLOADS.items():
        made = make(max(events // 2, 1), 1)
        for call, target in (("own fields", True), ("whole events", False)):
            items = [own_fields(event) for event in made] if target else made
            stored, mcap, gzipped, count, seconds = _sizes(
                [(event["sid"], item) for event, item in zip(made, items, strict=True)], constants_of(made)
            )
            figures = f"{stored / count:.1f} B an event"
            what = f"sealed recording, {name}, {call}"
            if mcap:
                checks.append(
                    Check(what=what, against="mcap zstd", value=stored / mcap, target=0.65 if target else None,
                          at_most=True, figures=f"{figures} against {mcap / count:.1f}")
                )  # fmt: skip
            checks.append(
                Check(what=what, against="gzip-6 of the same lines", value=stored / gzipped,
                      target=0.9 if target else None, at_most=True,
                      figures=f"{figures} against {gzipped / count:.1f}, sealed in {seconds / count * 1e6:.2f} us each")
            )  # fmt: skip
    return [Report(checks=checks)]


def _sizes(items: list[tuple[str, Event]], constants: dict[str, Event]) -> tuple[int, int, int, int, float]:
    """
    Return bytes of the recordings, of mcap (0: not installed) and of gzip, how many events they hold, and the seconds
    from the last flush until all were sealed.
    """
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    stored = mcap = gzipped = count = 0
    try:
        with recordkit.Recorder(folder / "store") as recorder:
            sessions = {sid: recorder.session(sid=sid, start=False, **fields) for sid, fields in constants.items()}
            for sid, event in items:
                sessions[sid].emit(event)
            for session in sessions.values():
                session.flush()
            begin = time.perf_counter()
        seconds = time.perf_counter() - begin
        for sid in constants:
            with recordkit.open_store(folder / "store")[sid] as recording:
                raw = b"".join(recording.lines())
                stored += recording.path.stat().st_size
                count += recording.summary.events
            gzipped += len(gzip.compress(raw, 6))
            if installed("mcap"):
                write_mcap_lines(raw[:-1].split(b"\n"), folder / "peer.mcap")
                mcap += (folder / "peer.mcap").stat().st_size
    finally:
        shutil.rmtree(folder)
    return stored, mcap, gzipped, count, seconds
