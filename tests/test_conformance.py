"""
The conformance corpus: golden files of format 1, read by recordkit and by a reader made from FORMAT.md alone.
"""

import ast
import importlib.util
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

import independent_reader
from recorded import recount, same, shown
from recordings import QuickFiles, open_name, parts, read, sealed_name
from recordkit.container import open_recording, seal
from recordkit.container.layout import INT64_MAX, INT64_MIN
from recordkit.errors import TruncatedError, UnsupportedVersionError
from recordkit.events import parse_time

FOLDER = Path(__file__).parent / "conformance"
CASES = sorted(path.stem for path in FOLDER.glob("*.json"))


def case(name):
    """
    The bytes of a case, and what is expected of it.
    """
    return (FOLDER / f"{name}.rec").read_bytes(), json.loads((FOLDER / f"{name}.json").read_text())


SOUND = [name for name in CASES if "summary" in case(name)[1]]


def placed(tmp_path, name):
    """
    A case under the name that it would have in a store, and what is expected of it.
    """
    data, expected = case(name)
    path = tmp_path / (open_name() if expected["named"] == "open" else sealed_name())
    path.write_bytes(data)
    return path, expected


def once(findings):
    """
    Findings as the corpus names them; several of the index count as one.
    """
    return [{"kind": str(kind), "chunk": chunk} for kind, chunk in dict.fromkeys(findings)]


# ---------------------------------------------------------------- golden files


def generator():
    """
    The program that makes the corpus.
    """
    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_corpus_is_what_recordkit_writes_today(capsys):
    """
    Every file would be made again byte for byte; other bytes for the same events need a new format version.
    """
    assert generator().main(["--verify"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "minimal-open.rec").unlink(), "minimal-open.rec: is missing"),
        (lambda folder: (folder / "mine.rec").write_bytes(b""), "mine.rec: is no case"),
        (
            lambda folder: (folder / "swapped.json").write_text((folder / "swapped.json").read_text() + " "),
            "swapped.json: would be other bytes",
        ),
    ],
    ids=["missing", "too many", "changed"],
)
def test_verifying_the_corpus_can_fail(tmp_path, monkeypatch, capsys, spoil, said):
    """
    A file that is missing, that nobody knows, or that differs is named, and the exit code says so.
    """
    module = generator()
    folder = tmp_path / "corpus"
    shutil.copytree(FOLDER, folder)
    spoil(folder)
    monkeypatch.setattr(module, "FOLDER", folder)
    assert module.main(["--verify"]) == 1
    assert said in capsys.readouterr().out


def test_a_change_of_the_format_is_noticed(monkeypatch, capsys):
    """
    A writer that puts one more bit into a chunk header no longer makes the golden files.
    """
    module = generator()
    encode = module.encode_chunk

    def other(position, raw, counts, compressor):
        counts.marks |= 8
        return encode(position, raw, counts, compressor)

    monkeypatch.setattr(module, "encode_chunk", other)
    assert module.main(["--verify"]) == 1
    assert "minimal-sealed.rec: would be other bytes" in capsys.readouterr().out


def test_the_corpus_is_small():
    """
    All files together are smaller than a megabyte.
    """
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 1_000_000
    assert len(CASES) > 150


@pytest.mark.parametrize("name", [name for name in SOUND if name.endswith("-open")])
def test_sealing_gives_the_golden_bytes(tmp_path, name):
    """
    What recordkit makes of each open recording when it seals it is the sealed one of the corpus.
    """
    path, _ = placed(tmp_path, name)
    seal(path, tmp_path / sealed_name(), chunk_bytes=1, files=QuickFiles())
    assert (tmp_path / sealed_name()).read_bytes() == case(name.replace("-open", "-sealed"))[0]


# ---------------------------------------------------------------- two readers


@pytest.mark.parametrize("name", CASES)
def test_recordkit_reads_each_case_as_expected(tmp_path, name):
    """
    In salvage all events that may come come, and each damage is named by kind and chunk; strict stops at the first.
    """
    path, expected = placed(tmp_path, name)
    salvaged, strict = (read(path, mode=mode, live=False) for mode in ("salvage", "strict"))
    assert same(salvaged.events, expected["events"])
    assert same(strict.events, expected["events"][: expected["strict_events"]])
    if expected["refused"]:
        assert salvaged.error is not None
        assert isinstance(salvaged.error, UnsupportedVersionError) == (expected["refused"] == "refused")
        if expected["refused"] == "unreadable":
            assert isinstance(salvaged.error, TruncatedError) == (expected["findings"][0]["kind"] == "torn")
        return
    assert salvaged.error is None
    assert once((item.kind.value, item.chunk) for item in salvaged.damage) == expected["findings"]
    assert (strict.error is None) == (expected["findings"] == [])
    tail = read(path, mode="tail", live=False)
    assert same(tail.events, expected["events"][: expected["strict_events"]])
    assert (tail.error is None) == all(item["kind"] == "torn" for item in expected["findings"])


@pytest.mark.parametrize("name", SOUND)
def test_recordkit_sums_up_each_sound_case_as_expected(tmp_path, name):
    """
    Summary and counts per chunk are those of the corpus, with the index and by a walk over the headers.
    """
    path, expected = placed(tmp_path, name)
    with open_recording(path, live=False) as recording:
        summary = recording.summary.to_json()
        chunks = [entry._asdict() for entry in recording.chunks()]
    assert {key: summary[key] for key in expected["summary"]} == expected["summary"]
    ordered = 4  # the mark that says something of other chunks too
    for entry, counts in zip(chunks, expected["chunks"], strict=True):
        assert {key: entry[key] for key in counts} | {"marks": entry["marks"] & ~ordered} == counts


@pytest.mark.parametrize("name", CASES)
def test_a_reader_made_from_the_page_alone_reads_each_case_as_expected(name):
    """
    The independent reader finds the same events, the same damage, and refuses the same files.
    """
    data, expected = case(name)
    reading = independent_reader.read(data, name=f"x.{expected['named']}")
    assert same(reading.events, expected["events"])
    assert reading.before_damage == expected["strict_events"]
    assert bool(reading.refused) == bool(expected["refused"])
    assert once((found.kind, found.chunk) for found in reading.findings) == expected["findings"]
    if "summary" in expected:
        assert reading.summary == expected["summary"]
        assert [chunk.counts | {"marks": chunk.marks & ~4} for chunk in reading.chunks] == expected["chunks"]


@pytest.mark.parametrize("name", [name for name in CASES if not case(name)[1]["refused"]])
def test_both_readers_name_the_same_bytes(tmp_path, name):
    """
    The stretches of bytes that could not be used agree to the byte.
    """
    path, _ = placed(tmp_path, name)
    ours = read(path, mode="salvage", live=False).damage
    theirs = independent_reader.read(path.read_bytes(), name=path.name).findings
    assert list(dict.fromkeys((item.kind.value, item.chunk, item.offset, item.length) for item in ours)) == [
        (found.kind, found.chunk, found.offset, found.length) for found in theirs
    ]


def test_the_independent_reader_knows_nothing_of_recordkit():
    """
    It imports the standard library and zstandard alone, so what it knows it has from the page.
    """
    tree = ast.parse(Path(independent_reader.__file__).read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names <= set(sys.stdlib_module_names) | {"zstandard"}


@pytest.mark.parametrize("name", SOUND)
def test_both_readers_count_alike(name):
    """
    The rules of the page for places and counts, followed twice, come to the same over a whole recording.
    """
    _, expected = case(name)
    chunks, counted = [], 0
    for counts in expected["chunks"]:
        chunks.append(expected["events"][counted : counted + counts["events"]])
        counted += counts["events"]
    assert list(independent_reader.recount(chunks)) == expected["chunks"]
    if name.startswith(("odd-kinds", "places", "times", "values", "gaps")):
        return  # the other one takes only what a recorder takes
    (whole,) = independent_reader.recount([expected["events"]])
    assert shown(recount(expected["events"])) == whole


TIME = st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?([Zz]|[+-][0-9]{2}:[0-9]{2})?",
    fullmatch=True,
)


@given(TIME | st.datetimes().map(lambda moment: moment.isoformat() + "Z"))
@example("2016-12-31T23:59:60+00:00")
@example("1677-09-21T00:12:43.145224192Z")
@example("2262-04-11T23:47:16.854775807Z")
@example("0001-01-01T00:00:00+23:59")
@example("2026-02-29T00:00:00Z")
@example("2026-07-20T24:00:00Z")
@example("2026-07-20T12:00:00+24:00")
@example("2026-07-20T12:00:00\u0660Z")
def test_both_readers_understand_times_alike(text):
    """
    What is a time, and which, follows from the page.
    """
    try:
        time_ns = parse_time(text)
    except ValueError:
        time_ns = None
    if time_ns is not None and not INT64_MIN < time_ns < INT64_MAX:
        time_ns = None
    assert independent_reader.time_ns_of(text) == time_ns


@pytest.mark.parametrize("name", SOUND)
def test_a_plain_decompressor_prints_the_events(name):
    """
    Each sound case is a .jsonl.zst: what decompressing gives is the events, a line each.
    """
    data, expected = case(name)
    stream = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    lines = stream.read().splitlines()
    assert same([json.loads(line) for line in lines], expected["events"])


# ---------------------------------------------------------------- what later recordings will say


@pytest.mark.parametrize("mode", ["strict", "tail", "salvage"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("refused-encrypted", r"the recording is encrypted, .*0x0001"),
        ("refused-redacted", r"the recording is redacted, .*0x0002"),
        ("refused-unknown-flag", r"header has a critical flag that this recordkit does not know.*0x8000"),
        ("refused-version-2", r"format version is not known.*1 to 1.*found 2"),
    ],
)
def test_what_a_later_recording_announces_is_refused_by_name(tmp_path, name, said, mode):
    """
    Encryption and redaction are refused with the word for it, in every mode, and so are flags and versions unknown.
    """
    path, _ = placed(tmp_path, name)
    with pytest.raises(UnsupportedVersionError, match=said) as caught:
        open_recording(path, mode=mode)
    assert caught.value.path == path


def test_both_announcements_at_once_are_named(tmp_path):
    """
    A recording that is encrypted and redacted says both; with an unknown flag beside, that comes first.
    """
    module = generator()
    sealed = module.recording(module.plain(1))
    header = next(part for part in parts(sealed) if part.name == "header")
    path = tmp_path / sealed_name()
    path.write_bytes(module.rewritten(sealed, header, module.set_u16(14, 3)))
    with pytest.raises(UnsupportedVersionError, match="is encrypted and is redacted"):
        open_recording(path)
    path.write_bytes(module.rewritten(sealed, header, module.set_u16(14, 5)))
    with pytest.raises(UnsupportedVersionError, match="does not know"):
        open_recording(path)


def test_the_independent_reader_is_a_program(tmp_path, capsys):
    """
    It prints events, says what is wrong, and its exit code tells damage.
    """
    path, expected = placed(tmp_path, "minimal-sealed")
    assert independent_reader.main([str(path)]) == 0
    assert same([json.loads(line) for line in capsys.readouterr().out.splitlines()], expected["events"])
    damaged = tmp_path / "damaged.jsonl.zst"
    damaged.write_bytes(case("swapped")[0])
    assert independent_reader.main([str(damaged)]) == 3
    assert "misplaced, chunk 1" in capsys.readouterr().err
