"""
FORMAT.md and layout.py say the same, so that a reader can be written from the page alone.
"""

import re
import struct
from pathlib import Path

import pytest

import recordkit.container
from recordings import MemorySource
from recordkit.container import layout
from recordkit.container.decoder import Chunk, Decoder
from recordkit.container.frames import Decompressor
from recordkit.container.index import MAX_SUMMARY
from recordkit.container.summary import ATTRIBUTES, Summary
from recordkit.events.kinds import KINDS, Role
from recordkit.limits import DEFAULT_LIMITS

PAGE = (Path(recordkit.container.__file__).parent / "FORMAT.md").read_text()
TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
TYPES = {"B": "u8", "H": "u16", "I": "u32", "Q": "u64", "q": "i64"}
FRAMED = {
    "## 3. Header": (layout.HEADER_FIELDS, layout.HEADER),
    "## 4. Chunk header": (layout.CHUNK_FIELDS, layout.CHUNK),
    "## 7. Index": (layout.INDEX_FIELDS, layout.INDEX),
}
BARE = {
    "### 7.1 Index entry": (layout.ENTRY_FIELDS, layout.ENTRY),
    "### 7.2 Trailer": (layout.TRAILER_FIELDS, layout.TRAILER),
    "### 7.4 Signatures": (layout.STATEMENT_FIELDS, layout.STATEMENT),
    "## 8. Seek table": (layout.FOOTER_FIELDS, layout.FOOTER),
}


def section(heading):
    """
    The page from this heading to the next one.
    """
    assert PAGE.count(f"\n{heading}\n") == 1, heading
    return re.split(r"\n##+ ", PAGE.split(f"\n{heading}\n")[1])[0]


def table(heading, columns):
    """
    The rows of the section's table that has these columns.
    """
    lines = section(heading).split("\n")
    at = lines.index("| " + " | ".join(columns) + " |")
    rows = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def layout_rows(heading):
    """
    The rows of a structure's table without their meaning.
    """
    return [tuple(row[:4]) for row in table(heading, ["offset", "size", "type", "field", "meaning"])]


def expected_rows(fields, base):
    """
    What the table of a Struct has to be.
    """
    offset, rows = base, []
    for name, code in fields:
        size = struct.calcsize("<" + code)
        rows.append((str(offset), str(size), TYPES.get(code) or f"bytes[{size}]", name))
        offset += size
    return rows


@pytest.mark.parametrize("heading", FRAMED)
def test_each_framed_structure_of_the_page_is_the_one_of_the_code(heading):
    """
    Offsets, sizes, types and names of header, chunk header and index agree, the skippable frame's head included.
    """
    fields, packed = FRAMED[heading]
    rows = layout_rows(heading)
    assert rows[:2] == [("0", "4", "u32", "frame_magic"), ("4", "4", "u32", "frame_size")]
    assert rows[2 : 2 + len(fields)] == expected_rows(fields, layout.SKIPPABLE.size)
    assert packed.size == sum(int(row[1]) for row in rows[2 : 2 + len(fields)])
    rest = rows[2 + len(fields) :]
    if heading == "## 7. Index":
        assert [row[:2] for row in rest] == [
            ("size + 8", f"entry_size {TIMES} entries"),
            ("…", "summary_size"),
            (f"frame_size {MINUS} {layout.TRAILER.size - layout.SKIPPABLE.size}", str(layout.TRAILER.size)),
        ]
    else:
        assert rest[-1] == ("frame_size + 4", "4", "u32", "crc")
        assert rest[-2] == ("…", "…", "bytes", "…")


@pytest.mark.parametrize("heading", BARE)
def test_each_bare_structure_of_the_page_is_the_one_of_the_code(heading):
    """
    Offsets, sizes, types and names of index entry, trailer and seek table footer agree.
    """
    fields, packed = BARE[heading]
    assert layout_rows(heading) == expected_rows(fields, 0)
    assert packed.size == sum(int(row[1]) for row in layout_rows(heading))


def test_the_header_attributes_come_behind_the_fixed_part():
    """
    The page puts the attributes where the code does.
    """
    offset = layout.SKIPPABLE.size + layout.HEADER.size
    assert (str(offset), "attributes_size", "JSON", "attributes") in layout_rows("## 3. Header")


def test_sizes_named_in_the_text_are_those_of_the_code():
    """
    Sizes of frames, fixed parts and entries that the page spells out are the code's.
    """
    chunk_size = layout.CHUNK.size + layout.CRC.size
    assert f"bytes that follow in this frame: {chunk_size}, more" in section("## 4. Chunk header")
    assert f"| frame_size of a chunk header | 4096 | {chunk_size} today |" in section("## 11. Limits")
    assert f"begin: {layout.INDEX.size}, more" in section("## 7. Index")
    assert f"one entry: {layout.ENTRY.size}, more" in section("## 7. Index")
    assert f"last {layout.TRAILER.size} bytes" in section("## 7. Index")
    chained = layout.CHUNK.size - layout.CHAIN_SIZE
    assert f"not including, chain   ({chained} bytes)" in section("## 6. Chain and recording id")


def test_magics_and_tags_are_those_of_the_code():
    """
    The magic of the file, of the skippable frames and of the seek table, and all tags, stand in the page.
    """
    assert layout.MAGIC.hex(" ") in section("## 2. The whole file")
    for magic in (layout.SKIPPABLE_MAGIC, layout.SEEK_TABLE_MAGIC):
        assert f"0x{magic:08X}" in section("## 2. The whole file")
    assert f"0x{layout.SEEKABLE_FOOTER_MAGIC:08X}" in section("## 8. Seek table")
    for tag in (layout.HEADER_TAG, layout.CHUNK_TAG, layout.INDEX_TAG):
        assert f"`{tag.decode()}`" in section("## 2. The whole file")
    assert f"`{layout.INDEX_END_TAG.decode()}`" in section("### 7.2 Trailer")
    assert f"`u32` 0x{layout.SEEK_TABLE_MAGIC:08X}" in section("## 8. Seek table")


def test_marks_are_those_of_the_code():
    """
    Bits and names of the marks agree.
    """
    known = {
        (str(value), name.removeprefix("MARK_")) for name, value in vars(layout).items() if name.startswith("MARK_")
    }
    assert {tuple(row[:2]) for row in table("## 4. Chunk header", ["bit", "name", "meaning"])} == known


def test_query_kinds_are_those_of_the_table_of_kinds():
    """
    The kinds that count as a query are listed in full.
    """
    listed = section("## 4. Chunk header").split("events of these kinds")[1]
    kinds = set(re.findall(r"`(db\.[a-z_.]+)`", listed))
    assert kinds == {name for name, kind in KINDS.items() if kind.role is Role.QUERY}


def test_every_summary_key_is_named():
    """
    The summary's keys are the fields of `Summary` but for the file's size.
    """
    keys = {name for row in table("### 7.3 Summary", ["key", "type", "meaning"]) for name in row[0].split(", ")}
    assert keys == set(Summary.__dataclass_fields__) - {"stored_bytes"}


def test_every_header_attribute_is_named():
    """
    The attributes that become part of a summary stand in the page.
    """
    assert all(f"`{name}`" in section("## 3. Header") for name in (*ATTRIBUTES, "writer"))


def test_limits_are_those_of_the_code():
    """
    The page's limits are the defaults.
    """
    rows = {row[0]: row[1] for row in table("## 11. Limits", ["what", "limit", "why"])}
    amounts = [
        int(number) * {"MiB": 2**20, "KiB": 2**10, "": 1}[unit]
        for number, _, unit in (text.partition(" ") for text in rows.values())
    ]
    limits = DEFAULT_LIMITS
    assert amounts == [limits.raw_chunk, limits.stored_chunk, limits.header, 4096, limits.index, MAX_SUMMARY]


def test_the_example_is_a_recording_that_reads_as_the_page_says():
    """
    The example's bytes give the chain, the recording id and the line that the page names.
    """
    text = section("## 13. An example")
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    data = b"".join(bytes.fromhex(block) for block in blocks[:2])
    before, head = re.findall(r"`([0-9a-f]{64})`", text)
    (recording_id,) = re.findall(r"`([0-9a-f]{16})`", text)
    decoder = Decoder(MemorySource(data), DEFAULT_LIMITS)
    assert decoder.header.chain.hex() == before
    assert before.startswith(recording_id)
    assert f"`{decoder.header.sid}` of user `{decoder.header.attributes['user']}`" in text
    (chunk,) = decoder.walk()
    assert isinstance(chunk, Chunk)
    assert chunk.end == len(data)
    assert decoder.head.hex() == head
    assert chunk.raw(Decompressor(), DEFAULT_LIMITS).decode() == blocks[2]
