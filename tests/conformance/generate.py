"""
Makes the conformance corpus, or verifies that it would be made the same again.

    python tests/conformance/generate.py             writes files that are missing; never changes one that is there
    python tests/conformance/generate.py --verify    fails if any file would be other bytes, or is no case any more

Files of a format version stay for ever as they are: a program that would write other bytes for the same events has
changed the format, and needs a new version (and new files beside these). The one thing that may differ is what a
later zstd makes of the same lines, so a frame that is in the corpus is taken from there if its content is the wanted.

The expectations come from the events that were put in and from what was then done to the bytes, not from a reader.
"""

import argparse
import contextlib
import json
import random
import struct
import sys
import uuid
import zlib
from pathlib import Path

import zstandard

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parent), str(FOLDER.parents[1])]

from independent_reader import recount  # noqa: E402
from recordings import NOON, OWNER, SID, Part, parts, query  # noqa: E402
from recordkit.container.chunks import Counts, Position, begin, encode_chunk  # noqa: E402
from recordkit.container.header import read_header  # noqa: E402
from recordkit.container.index import IndexBuilder  # noqa: E402
from recordkit.container.layout import (  # noqa: E402
    CHUNK,
    CHUNK_FRAME_SIZE,
    CRC,
    ENTRY,
    HEADER,
    INDEX,
    MAGIC,
    SKIPPABLE,
    ChunkHeader,
    HeaderFields,
    chain_value,
    pack_chunk_header,
    skippable,
)
from recordkit.container.source import MemorySource  # noqa: E402
from recordkit.container.summary import State  # noqa: E402
from recordkit.events import KINDS, encode_line  # noqa: E402
from recordkit.limits import DEFAULT_LIMITS  # noqa: E402

FORMAT = 1
LOREM = random.Random(20_261_122)


class Frames:
    """
    A compressor that gives the frames of the corpus again.
    """

    def __init__(self):
        self._known = {}
        for path in sorted(FOLDER.glob("*.rec")):
            data = path.read_bytes()
            try:
                bodies = [part for part in parts(data) if part.name == "body"]
            except (KeyError, struct.error):
                continue  # damaged; its sound twin has the frames
            for part in bodies:
                self._learn(data[part.offset : part.end])

    def _learn(self, frame):
        with contextlib.suppress(zstandard.ZstdError):
            self._known.setdefault(zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False), frame)

    def frame(self, raw):
        made = self._known.get(bytes(raw))
        if made is None:
            made = zstandard.ZstdCompressor(level=1, write_checksum=True, write_content_size=True).compress(raw)
            self._known[bytes(raw)] = made
        return made


FRAMES = Frames()


# ---------------------------------------------------------------------- sound recordings


def counts_of(chunks):
    """
    What the chunk headers say, counted by the page.
    """
    made = []
    for values in recount(chunks):
        counts = Counts()
        for name, value in values.items():
            setattr(counts, name, value)
        made.append(counts)
    return made


def recording(chunks, *, sealed=True, attributes=b'{"user":"alice"}', created_ns=NOON, lies=None):
    """
    A whole recording with these chunks; *lies* changes index entries and summary.
    """
    start, position = begin(
        sid=uuid.UUID(SID).bytes, owner=bytes.fromhex(OWNER), created_ns=created_ns, attributes=attributes
    )
    made, entries = [start], []
    for events, counts in zip(chunks, counts_of(chunks), strict=True):
        chunk = encode_chunk(position, b"".join(map(encode_line, events)), counts, FRAMES)
        made.append(chunk.data)
        entries.append(chunk.entry)
        position = chunk.after
    return b"".join(made) + (end_of(start, entries, position, lies) if sealed else b"")


def end_of(start, entries, position, lies=None):
    """
    Index and seek table.
    """
    header = read_header(MemorySource(start), DEFAULT_LIMITS)
    builder = IndexBuilder(len(header.frame))
    totals = IndexBuilder(len(header.frame))
    for entry in entries:
        totals.add(entry)
    for entry in (lies or {}).get("entries", lambda same: same)(entries):
        builder.add(entry)
    state = State.COMPLETE if totals.totals.ended else State.INTERRUPTED
    summary = header.summary(state, totals.totals, stored_bytes=0, head=position.chain.hex())
    summary = _Told(summary.to_json() | (lies or {}).get("summary", {}))
    return builder.finish(recording_id=position.recording_id, chain=position.chain, summary=summary)


class _Told:
    def __init__(self, values):
        self._values = values

    def to_json(self):
        return dict(self._values)


def event(ei, name="query", **fields):
    return query(ei, event=f"db.session.{name}") | fields


def plain(chunks, size=2):
    """
    A session of so many chunks; it ends.
    """
    made = [[event(chunk * size + n, db_query=f"SELECT {chunk}, {n};") for n in range(size)] for chunk in range(chunks)]
    made[-1][-1] = event(chunks * size - 1, "end")
    return made


FORGED = [event(2, db_query="forged"), event(3, db_query="forged")]
VALUES = {
    "null": None, "true": True, "false": False, "zero": 0, "least": -(2**63), "most": 2**64 - 1, "float": 1.5,
    "tiny": 5e-324, "large": 1.7976931348623157e308, "negative zero": -0.0, "empty text": "", "empty list": [],
    "empty object": {}, "controls": "".join(map(chr, range(32))) + "\x7f", "newlines": "a\nb\r\nc\u2028d\u2029e",
    "plane 16": "\U0010ffff\U0001f600", "bidi": "\u202eabc\u2066", "quotes": "\"\\/'`", "": "a field without a name",
    "nested": {"list": [[[{"deep": [1, [2, [3]]]}]]]}, "looks like a chunk": "[*M\x18....RKCH",
}  # fmt: skip

TIMES = [
    "2026-07-20T12:00:00Z", "2026-07-20t12:00:01.5z", "2026-07-20T14:00:02.123456789+02:00",
    "2026-07-20T12:00:03.1234567899Z", "2016-12-31T23:59:60Z", "1969-12-31T23:59:59.999999999Z",
    "1677-09-21T00:12:43.145224193Z", "2262-04-11T23:47:16.854775806Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z", "2026-07-20 12:00:00Z", "2026-07-20T12:00:00", "noon", 7, None,
]  # fmt: skip

SOUND = {
    "minimal": (
        "Start, statement, result and end in one chunk.",
        [[event(0, "start"), event(1), event(2, "result", affected_records=10, success=True), event(3, "end")]],
        {},
    ),
    "empty": ("No chunk at all: the session's recorder died at once.", [], {}),
    "interrupted": ("No db.session.end, so the state is interrupted.", plain(2)[:1], {}),
    "many-chunks": ("Twelve chunks of five events, rising.", plain(12, 5), {}),
    "chunk-without-events": ("A chunk may be empty.", [plain(1)[0], [], [event(2)]], {}),
    "no-attributes": ("A header with no bytes of attributes.", plain(1), {"attributes": b""}),
    "attributes": (
        "Attributes that a reader knows, does not know, and that are no text.",
        plain(1),
        {
            "attributes": json.dumps(
                {
                    "cluster_name": "teleport.example.com", "user": "ren\u00e9 \U0001f600", "db_service": "aurora",
                    "db_protocol": "postgres", "db_type": "rds", "db_name": "sh\u014dp", "db_user": 7, "later": [1],
                    "writer": "recordkit/1.0",
                },
                ensure_ascii=False,
            ).encode()
        },
    ),
    "values": ("Every kind of JSON value, at its limits.", [[event(0, **VALUES)], [{}], [event(2, "end")]], {}),
    "all-kinds": (
        "One event of each kind that the audit log has, and some that it has not.",
        [
            [
                query(ei, event=name, success=ei % 3 != 0)
                for ei, name in enumerate([*sorted(KINDS), "db.session.later", "", "recordkit.later"])
            ]
        ],
        {},
    ),
    "odd-kinds": (
        "Kinds and flags that are no text or no truth value count as nothing.",
        [[query(0, event=7), query(1, event=None), query(2, event=["db.session.query"]), query(3, success=0), {"ei": 4}]],
        {},
    ),
    "exact-bytes": (
        "A statement that was not UTF-8 keeps its bytes beside it.",
        [[event(0, db_query="SELECT '\ufffd\ufffd'", **{"recordkit.db_query_bytes": "U0VMRUNUICf//ic="}), event(1, "end")]],
        {},
    ),
    "rows": (
        "A result with columns and rows.",
        [
            [
                event(0),
                event(1, "result", columns=[{"name": "id", "type": "int8"}], rows=[[1], [None]], rows_truncated=True),
                event(2, "end"),
            ]
        ],
        {},
    ),
    "gaps": (
        "Gap events count what is lost, where their count is a positive integer.",
        [
            [event(0), query(4, event="recordkit.gap", **{"from": 1, "to": 3, "count": 3, "reason": "overflow"})],
            [query(5, event="recordkit.gap", count=value) for value in (-1, 0, True, "7", None, 2.0)],
            [query(11, event="recordkit.gap", count=2**63 - 1), query(12, event="recordkit.gap", count=9)],
        ],
        {},
    ),
    "waits": (
        "Times from a statement to its result, also over the edge of a chunk; a later statement replaces one without result.",
        [
            [event(0), event(3, "result"), event(4), event(5)],
            [event(9, "result"), event(10, "result"), event(11, "query.failed"), event(12), event(2, "result")],
        ],
        {},
    ),
    "errors": (
        "Events that failed.",
        [[event(0, success=False, error="denied"), event(1, success=True), event(2, "query.failed", success=False)]],
        {},
    ),
    "places": (
        "Events without ei or time have the place of the one before.",
        [
            [{"a": 1}, {"ei": 5}, {"time": TIMES[0]}, {}],
            [{"ei": "7"}, {"ei": True}, {"ei": 7.0}, {"ei": 2**63}, {"ei": -(2**63)}, {}],
            [{"ei": 3, "time": "2026-07-20T11:00:00Z"}, {}],
        ],
        {},
    ),
    "times": ("All forms of a time, and what is none.", [[{"time": time} for time in TIMES], [{}]], {}),
    "jumping": (
        "Times and ei that fall from chunk to chunk: no ORDERED from there on.",
        [[event(5)], [event(9)], [event(1), event(30)], [event(31)]],
        {},
    ),
    "incompressible": (
        "Lines that grow when compressed.",
        [[event(0, db_query=LOREM.randbytes(600).hex())], [event(1, db_query="\u00e9" * 300)], [event(2, "end")]],
        {},
    ),
}  # fmt: skip


# ---------------------------------------------------------------------- changed recordings


def part_of(data, name, chunk=None):
    return next(part for part in parts(data) if (part.name, part.chunk) == (name, chunk))


def flipped(data, part, at):
    """
    One bit of byte *at* of this frame is changed; from its end if negative.
    """
    offset = part.end + at if at < 0 else part.offset + at
    return data[:offset] + bytes([data[offset] ^ 4]) + data[offset + 1 :]


def rewritten(data, part, change):
    """
    This frame with other content, whose CRC holds.
    """
    body = bytearray(data[part.offset + SKIPPABLE.size : part.end - CRC.size])
    body = bytes(change(body) or body)
    return data[: part.offset] + skippable(body + CRC.pack(zlib.crc32(body))) + data[part.end :]


def set_u16(at, value):
    def change(body):
        body[at - 8 : at - 6] = struct.pack("<H", value)

    return change


def reindexed(data, change):
    """
    The index with another fixed part, whose CRC holds; *change* is given its bytes from tag on.
    """
    part = part_of(data, "index")
    body = bytearray(data[part.offset + 8 : part.end])
    change(body)
    fixed = bytes(body[: INDEX.size])
    trailer = bytes(body[-52:-8])
    body[-8:-4] = CRC.pack(zlib.crc32(fixed + trailer))
    return data[: part.offset + 8] + bytes(body) + data[part.end :]


def declaring(position, chunk, frame, events):
    """
    The chunk with another number of events in its header, its chain to match; no writer would make it.
    """
    header = ChunkHeader(*CHUNK.unpack_from(chunk.data, SKIPPABLE.size))._replace(events=events)
    chain = chain_value(position.chain, CHUNK.pack(*header) + bytes(CRC.size), frame)
    return chunk._replace(
        data=pack_chunk_header(header._replace(chain=chain)) + frame,
        entry=chunk.entry._replace(events=events),
        after=chunk.after._replace(chain=chain),
    )


def forged(raw, frame, *, events, raw_size=None):
    """
    A recording of three chunks; the second has this frame, and header, chain, index and seek table to match.
    """
    start, position = begin(
        sid=uuid.UUID(SID).bytes, owner=bytes.fromhex(OWNER), created_ns=NOON, attributes=b'{"user":"alice"}'
    )
    chunks = plain(3)
    counts = counts_of(chunks)

    class Given:
        def frame(self, _raw):
            return frame

    made, entries = [start], []
    for number in range(3):
        if number == 1:
            chunk = encode_chunk(position, raw if raw_size is None else bytes(raw_size), counts[1], Given())
            chunk = declaring(position, chunk, frame, events)
        else:
            chunk = encode_chunk(position, b"".join(map(encode_line, chunks[number])), counts[number], FRAMES)
        made.append(chunk.data)
        entries.append(chunk.entry)
        position = chunk.after
    return b"".join(made) + end_of(start, entries, position)


def later(lie=0):
    """
    What a later writer of version 1 may write: more fields, marks, flags, keys; *lie* is added to the entries' counts.
    """
    text = b'{"user":"alice","later":{"a":[1]}}'
    more = b"fields of later writers"
    size = HEADER.size + len(text) + len(more) + CRC.size
    body = (
        HEADER.pack(*HeaderFields(b"RKHD", 1, 0, size, uuid.UUID(SID).bytes, bytes(16), NOON, len(text))) + text + more
    )
    start = MAGIC + skippable(body + CRC.pack(zlib.crc32(body)))
    header = read_header(MemorySource(start), DEFAULT_LIMITS)
    position = Position(header.chain[:8], 0, header.chain, header.end)
    made, entries, chain = [start], [], header.chain
    for events, counts in zip(plain(2), counts_of(plain(2)), strict=True):
        chunk = encode_chunk(position, b"".join(map(encode_line, events)), counts, FRAMES)
        frame = chunk.data[CHUNK_FRAME_SIZE:]
        fields = ChunkHeader(*CHUNK.unpack_from(chunk.data, SKIPPABLE.size))
        fields = fields._replace(size=fields.size + len(more), marks=fields.marks | 0x8000_0100)
        chain = chain_value(chain, CHUNK.pack(*fields) + more + bytes(4), frame)
        body = CHUNK.pack(*fields._replace(chain=chain)) + more
        made.append(skippable(body + CRC.pack(zlib.crc32(body))) + frame)
        entry = chunk.entry._replace(offset=position.offset, marks=fields.marks)
        entries.append(entry._replace(events=entry.events + lie))
        end = position.offset + len(made[-1])
        position = Position(position.recording_id, position.sequence + 1, chain, end, chunk.after.order)
    end = end_of(start, entries, position)
    index, table = (end[part.offset : part.end] for part in _frames_of(end))
    return b"".join(made) + _later_end(start, made[1:], entries, position=position, index=index, table=table)


def _frames_of(data):
    offset = 0
    while offset < len(data):
        end = offset + 8 + struct.unpack_from("<I", data, offset + 4)[0]
        yield Part("", None, offset, end)
        offset = end


def _later_end(start, chunks, entries, *, position, index, table):
    more = b"later entry fields"
    packed = b"".join(ENTRY.pack(*entry) + more for entry in entries)
    fields = INDEX.unpack_from(index, 8)
    text = index[8 + INDEX.size + ENTRY.size * len(entries) : -52]
    text = json.dumps(json.loads(text) | {"later": True}).encode()
    fixed = INDEX.pack(
        b"RKIX", INDEX.size + 8, 0, fields[3], 0x80000001, ENTRY.size + len(more), len(entries), len(text)
    )
    fixed += b"8 bytes!"
    size = 8 + len(fixed) + len(packed) + len(text) + 52
    trailer = position.chain + struct.pack("<III", zlib.crc32(packed), zlib.crc32(text), size)
    trailer += CRC.pack(zlib.crc32(fixed + trailer)) + b"RKIE"
    made = skippable(fixed + packed + text + trailer)
    sizes = [(13, 0), (len(start) - 13, 0)]
    for chunk, entry in zip(chunks, entries, strict=True):
        sizes += [(len(chunk) - entry.stored_size, 0), (entry.stored_size, entry.raw_size)]
    sizes.append((len(made), 0))
    body = b"".join(struct.pack("<II", *pair) for pair in sizes)
    return made + skippable(body + table[-9:], 0x184D2A5E)


def uncompressed(raw, *, checksum=True, content_size=True):
    """
    A zstd frame made otherwise than recordkit does: several blocks, or without what a chunk must have.
    """
    writer = zstandard.ZstdCompressor(level=19, write_checksum=checksum, write_content_size=content_size)
    if not content_size:
        stream = writer.compressobj()
        return stream.compress(raw) + stream.flush()
    return writer.compress(raw)


def damaged():
    """
    Yield name, sentence, bytes, how it is named, and what is expected.

    Expected: events by the numbers of the chunks that come, findings as (kind, chunk), and whether it is refused.
    """
    chunks = plain(4)
    sealed, opened = recording(chunks), recording(chunks, sealed=False)
    start = sealed[: part_of(sealed, "head", 0).offset]
    pieces = [sealed[part_of(sealed, "head", n).offset : part_of(sealed, "body", n).end] for n in range(4)]
    end = sealed[part_of(sealed, "index").offset :]
    index_size = part_of(sealed, "index").end - part_of(sealed, "index").offset
    other = recording(chunks, created_ns=NOON + 1)
    foreign = [other[part_of(other, "head", n).offset : part_of(other, "body", n).end] for n in range(4)]
    fork = recording([chunks[0], FORGED, *chunks[2:]])
    forks = [fork[part_of(fork, "head", n).offset : part_of(fork, "body", n).end] for n in range(4)]
    every = [0, 1, 2, 3]

    # cut
    for name, what, at in (
        ("magic", "inside the magic", 7),
        ("behind-magic", "behind the magic", 13),
        ("header", "inside the header", 40),
    ):
        yield f"cut-{name}", f"Cut {what}.", sealed[:at], "sealed", [], [("torn", None)], "unreadable"
    for form, data, tail in (("sealed", sealed, [("torn", None)]), ("open", opened, [])):
        yield f"cut-{form}-behind-header", "Cut behind the header.", data[: len(start)], form, [], tail, ""
        head, body = part_of(data, "head", 2), part_of(data, "body", 2)
        for name, what, at, finding in (
            ("chunk-first-bytes", "in the first bytes of chunk 2's header", head.offset + 5, ("torn", 2)),
            ("chunk-header", "inside chunk 2's header", head.offset + 50, ("torn", 2)),
            ("behind-chunk-header", "behind chunk 2's header", body.offset, ("torn", 2)),
            ("frame", "inside chunk 2's frame", body.offset + 20, ("torn", 2)),
            ("frame-last-byte", "before the last byte of chunk 2's frame", body.end - 1, ("torn", 2)),
        ):
            yield f"cut-{form}-{name}", f"Cut {what}.", data[:at], form, [0, 1], [finding], ""
        yield f"cut-{form}-behind-chunk", "Cut behind chunk 1.", data[: head.offset], form, [0, 1], tail, ""
    index, table = part_of(sealed, "index"), part_of(sealed, "table")
    for name, what, at in (
        ("index-first-bytes", "in the first bytes of the index", index.offset + 10),
        ("index", "inside the index", index.offset + 100),
        ("behind-index", "behind the index", index.end),
        ("table", "inside the seek table", table.offset + 20),
        ("last-byte", "before the last byte", table.end - 1),
    ):
        finding = ("torn", None) if name != "index-first-bytes" else ("torn", 4)
        yield f"cut-{name}", f"Cut {what}.", sealed[:at], "sealed", every, [finding], ""

    # flipped bits
    for name, at in (("magic", 0), ("frame-magic", 13), ("tag", 22), ("sid", 37), ("header-crc", len(start) - 1)):
        data = bytes(byte ^ (4 if n == at else 0) for n, byte in enumerate(sealed))
        yield (
            f"flip-{name}",
            f"One bit of the {name.replace('-', ' ')} is changed.",
            data,
            "sealed",
            [],
            [("corrupt", None)],
            "unreadable",
        )
    for form, data in (("sealed", sealed), ("open", opened)):
        for name, which, at in (
            ("frame-magic", "head", 0), ("frame-size", "head", 4), ("tag", "head", 8), ("own-size", "head", 12),
            ("flags", "head", 14), ("recording-id", "head", 16), ("sequence", "head", 24), ("stored-size", "head", 32),
            ("events", "head", 40), ("chain", "head", 110), ("crc", "head", -1), ("zstd-magic", "body", 0),
            ("zstd-header", "body", 4), ("content", "body", 30), ("checksum", "body", -1),
        ):  # fmt: skip
            yield (
                f"flip-{form}-{name}",
                f"One bit of chunk 1's {name.replace('-', ' ')} is changed.",
                flipped(data, part_of(data, which, 1), at),
                form,
                [0, 2, 3],
                [("corrupt", 1)],
                "",
            )
    data = flipped(sealed, part_of(sealed, "body", 3), -1)
    yield (
        "flip-last-chunk",
        "The last chunk before the index is damaged.",
        data,
        "sealed",
        [0, 1, 2],
        [("corrupt", 3)],
        "",
    )
    data = flipped(opened, part_of(opened, "head", 3), 60)
    yield (
        "flip-last-open-chunk",
        "The last header of an open recording is damaged.",
        data,
        "open",
        [0, 1, 2],
        [("corrupt", 3)],
        "",
    )
    for name, which, at in (
        ("index-magic", "index", 1), ("index-size", "index", 4), ("index-tag", "index", 9), ("index-fields", "index", 33),
        ("index-entries", "index", 90), ("index-summary", "index", index_size - 60), ("index-trailer", "index", -20),
        ("index-end", "index", -1), ("table-magic", "table", 0), ("table-size", "table", 4), ("table-entry", "table", 30),
        ("footer-frames", "table", -9), ("footer-descriptor", "table", -5), ("footer-magic", "table", -1),
    ):  # fmt: skip
        yield (
            f"flip-{name}",
            f"One bit is changed: {name.replace('-', ' ')}.",
            flipped(sealed, part_of(sealed, which), at),
            "sealed",
            every,
            [("index", None)],
            "",
        )

    # runs of bytes
    head, body = part_of(sealed, "head", 1), part_of(sealed, "body", 2)
    data = sealed[: head.offset + 40] + bytes(body.offset + 9 - head.offset - 40) + sealed[body.offset + 9 :]
    yield (
        "zeroed",
        "Zeros from the middle of chunk 1's header into chunk 2's frame.",
        data,
        "sealed",
        [0, 3],
        [("corrupt", 1)],
        "",
    )
    noise = random.Random(5).randbytes(700)
    yield (
        "noise-between",
        "Bytes of something else between two chunks.",
        b"".join([start, *pieces[:2], noise, *pieces[2:], end]),
        "sealed",
        every,
        [("corrupt", 2)],
        "",
    )
    yield (
        "noise-behind-open",
        "What a power cut may leave behind the last chunk.",
        opened + noise,
        "open",
        every,
        [("corrupt", 4)],
        "",
    )
    yield "zeros-behind-open", "Zeros behind the last chunk.", opened + bytes(4096), "open", every, [("corrupt", 4)], ""
    yield "bytes-behind", "Bytes behind the seek table.", sealed + b"more", "sealed", every, [("index", None)], ""

    # misplaced
    for name, what, data, come, found in (
        ("swapped", "Chunks 1 and 2 changed places.", [0, 2, 1, 3], [0, 2, 3], [("misplaced", 1), ("misplaced", 3)]),
        ("repeated", "Chunk 1 stands twice.", [0, 1, 1, 2, 3], every, [("misplaced", 2)]),
        ("removed-first", "Chunk 0 is missing.", [1, 2, 3], [1, 2, 3], [("misplaced", 0)]),
        ("removed-middle", "Chunks 1 and 2 are missing.", [0, 3], [0, 3], [("misplaced", 1)]),
        ("removed-last", "The last two chunks are missing.", [0, 1], [0, 1], [("misplaced", 2)]),
        ("removed-all", "All chunks are missing.", [], [], [("misplaced", 0)]),
    ):
        yield name, what, b"".join([start, *(pieces[n] for n in data), end]), "sealed", come, found, ""
    data = b"".join([start, pieces[0], foreign[1], *pieces[2:], end])
    yield (
        "foreign-chunk",
        "Chunk 1 of another recording in place of ours.",
        data,
        "sealed",
        [0, 2, 3],
        [("misplaced", 1)],
        "",
    )
    data = b"".join([start, *pieces[:2], foreign[1], *pieces[2:], end])
    yield "foreign-inserted", "A chunk of another recording was put in.", data, "sealed", every, [("misplaced", 2)], ""
    data = b"".join([start, pieces[0], forks[1], *pieces[2:], end])
    yield (
        "edited",
        "Chunk 1 was made anew with other events, its own chain to match.",
        data,
        "sealed",
        [0, 1, 3],
        [("misplaced", 2)],
        "",
    )
    data = b"".join([start, *pieces, other[part_of(other, "index").offset :]])
    yield "foreign-index", "The end of another recording.", data, "sealed", every, [("index", None)], ""
    yield "concatenated", "Two recordings in one file: the second is none of ours.", sealed + other, "sealed", every, [
        ("misplaced", 4), ("index", None)
    ], ""  # fmt: skip

    # refused
    for name, what, at, value in (
        ("version-2", "A later version", 12, 2), ("version-0", "A version that never was", 12, 0),
        ("encrypted", "Encryption is announced", 14, 1), ("redacted", "Redaction is announced", 14, 2),
        ("unknown-flag", "A critical flag that nobody knows", 14, 0x8000),
    ):  # fmt: skip
        yield (
            f"refused-{name}",
            f"{what}: refused as a whole, by name.",
            rewritten(sealed, part_of(sealed, "header"), set_u16(at, value)),
            "sealed",
            [],
            [],
            "refused",
        )
    data = rewritten(sealed, part_of(sealed, "head", 2), set_u16(14, 0x0100))
    yield "refused-chunk", "A critical flag in chunk 2: refused from there on.", data, "sealed", [0, 1], [], "refused"
    data = flipped(data, part_of(data, "body", 1), 30)
    what = "A critical flag in chunk 2 is not passed over because chunk 1 is damaged."
    yield "refused-chunk-behind-damage", what, data, "sealed", [0], [("corrupt", 1)], "refused"
    data = flipped(data, part_of(data, "head", 1), 60)
    what = "Nor is it where chunk 2 has to be searched for."
    yield "refused-chunk-searched-for", what, data, "sealed", [0], [("corrupt", 1)], "refused"
    data = reindexed(sealed, set_u16(14, 0x0100))
    yield (
        "refused-index",
        "A critical flag in the index: refused behind the last chunk.",
        data,
        "sealed",
        every,
        [],
        "refused",
    )

    # sound checksums, wrong content
    good = b"".join(map(encode_line, chunks[1]))
    for name, what, raw, frame, options in (
        (
            "frame-no-checksum",
            "Chunk 1's frame has no checksum.",
            good,
            uncompressed(good, checksum=False),
            {"events": 2},
        ),
        (
            "frame-no-size",
            "Chunk 1's frame declares no size.",
            good,
            uncompressed(good, content_size=False),
            {"events": 2},
        ),
        (
            "frame-other-size",
            "Chunk 1 declares another raw_size.",
            good,
            FRAMES.frame(good),
            {"events": 2, "raw_size": 9},
        ),
        ("frame-two", "Chunk 1 holds two frames.", good, FRAMES.frame(good) * 2, {"events": 2}),
        ("frame-none", "Chunk 1 holds no zstd frame.", good, b"plain text", {"events": 2}),
        ("lines-more", "Chunk 1 holds more lines than declared.", good, FRAMES.frame(good), {"events": 1}),
        ("lines-unended", "Chunk 1's last line has no newline.", good[:-1], FRAMES.frame(good[:-1]), {"events": 1}),
    ):
        yield name, what, forged(raw, frame, **options), "sealed", [0, 2], [("corrupt", 1)], ""
    foreign_frame = uncompressed(good)
    yield "frame-other-level", "A frame of another compressor is as good.", forged(good, foreign_frame, events=2), "sealed", [
        0, 1, 2
    ], [], ""  # fmt: skip
    for name, bad in (
        ("not-json", b"nonsense"),
        ("not-object", b"[1]"),
        ("two-objects", b'{"a":1},{"b":2}'),
        ("empty", b""),
        ("lone-surrogate", rb'{"a":"\ud800"}'),
        ("infinite", b'{"a":1e999}'),
    ):
        raw = good + bad + b"\n"
        yield (
            f"line-{name}",
            "A line of chunk 1 is no object: it costs that line.",
            forged(raw, FRAMES.frame(raw), events=3),
            "sealed",
            [0, 1, 2],
            [("corrupt", 1)],
            "",
        )

    # an index that lies: events are the same
    for name, what, lies in (
        ("offsets", "offsets elsewhere", {"entries": lambda e: [one._replace(offset=one.offset + 1) for one in e]}),
        ("counts", "other counts", {"entries": lambda e: [one._replace(events=9, errors=9) for one in e]}),
        ("times", "other times", {"entries": lambda e: [one._replace(earliest_ns=0, latest_ns=1) for one in e]}),
        ("fewer", "fewer chunks", {"entries": lambda e: e[:-1]}),
        ("more", "one chunk many times", {"entries": lambda e: e[:1] * 9}),
        ("summary", "another summary", {"summary": {"events": 7, "user": "mallory", "state": "interrupted"}}),
    ):
        yield (
            f"index-lies-{name}",
            f"An index with {what} changes no event.",
            recording(chunks, lies=lies),
            "sealed",
            every,
            [("index", None)],
            "",
        )

    yield "later-writer", "Fields, marks, flags and keys of a later writer of version 1 are passed over.", later(), "sealed", [
        0, 1
    ], [], ""  # fmt: skip
    what = "The index of a later writer that lies changes no event."
    yield "later-writer-lies", what, later(lie=1), "sealed", [0, 1], [("index", None)], ""
    yield from misled(chunks)


def misled(chunks):
    """
    Yield, as `damaged` does, what leads a reader past sound chunks that believes too much of one it does not use.
    """
    sealed, opened = recording(chunks), recording(chunks, sealed=False)
    other = recording(chunks, created_ns=NOON + 1)
    every = [0, 1, 2, 3]
    heads = [part_of(sealed, "head", number).offset for number in range(4)]
    bodies = [part_of(sealed, "body", number) for number in range(4)]
    whole = [sealed[head : body.end] for head, body in zip(heads, bodies, strict=True)]
    head, body = part_of(other, "head", 1), part_of(other, "body", 1)
    foreign = other[head.offset : body.end]
    for name, what, at, piece, form, come, found in (
        ("half-chunk-then-whole", "Half of chunk 1, and then all of it.", 1, whole[1][:170], "open", every, "corrupt"),
        ("half-header-then-whole", "Half a chunk header, and then the whole chunk.", 1, whole[1][:70], "open", every,
         "corrupt"),
        ("copied-earlier", "Chunk 3 stands before chunk 1, too.", 1, whole[3], "sealed", every, "misplaced"),
        ("copied-earlier-header", "Chunk 3's header stands before chunk 1, too.", 1, whole[3][:140], "sealed", every,
         "misplaced"),
        ("repeated-header", "Chunk 0's header stands again before chunk 2.", 2, whole[0][:140], "sealed", every,
         "misplaced"),
        ("repeated-cut", "Chunk 0 but for its end stands again before chunk 2.", 2, whole[0][:-20], "sealed", every,
         "misplaced"),
        ("foreign-cut", "A part of a chunk of another recording was put in.", 1, foreign[:170], "sealed", every,
         "misplaced"),
    ):  # fmt: skip
        data = sealed if form == "sealed" else opened
        yield name, what, data[: heads[at]] + piece + data[heads[at] :], form, come, [(found, at)], ""
    for name, what, at, value, kind in (
        ("foreign-stored-size", "A foreign chunk claims more bytes than are its own.", 32, 600, "misplaced"),
        ("foreign-flag", "A foreign chunk's critical flag says nothing of this recording.", 14, 1, "misplaced"),
    ):
        data = rewritten(other, head, set_u16(at, value))[head.offset : body.end]
        yield name, what, sealed[: heads[1]] + data + sealed[heads[1] :], "sealed", every, [(kind, 1)], ""
    data = rewritten(sealed, part_of(sealed, "head", 1), lambda b: b[:16] + bytes([255] * 8) + b[24:])
    data = sealed[: heads[1]] + data[heads[1] : bodies[1].end] + sealed[heads[1] :]
    what = "A chunk with the highest sequence that the field can hold was put in."
    yield "forged-sequence", what, data, "sealed", every, [("corrupt", 1)], ""
    at = bodies[1].offset + 20
    data = sealed[:at] + sealed[at + 20 :]
    yield "bytes-removed", "Bytes of chunk 1's frame are gone.", data, "sealed", [0, 2, 3], [("corrupt", 1)], ""
    data = sealed[:at] + b"abcdefghij" * 3 + sealed[at:]
    what = "Bytes were put into chunk 1's frame."
    yield "bytes-inserted", what, data, "sealed", [0, 2, 3], [("corrupt", 1), ("corrupt", 2)], ""
    index = part_of(sealed, "index")
    end = recording(chunks[:2])[part_of(recording(chunks[:2]), "index").offset :]
    data = sealed[: heads[2]] + end + sealed[heads[2] : index.offset]
    what = "Somebody went on writing behind the seek table."
    yield "appended-behind-end", what, data, "sealed", every, [("misplaced", 2), ("torn", None)], ""


# ---------------------------------------------------------------------- pairs of files


def cases():
    """
    Yield name, bytes and expectations of each case.
    """
    for name, (what, chunks, options) in SOUND.items():
        for form in ("sealed", "open"):
            data = recording(chunks, sealed=form == "sealed", **options)
            yield f"{name}-{form}", data, expectation(what, form, [e for c in chunks for e in c]) | facts(data, chunks)
    for name, what, data, form, come, findings, refused in damaged():
        chunks = _chunks_of(name)
        events = [one for number in come for one in chunks[number]]
        strict = len(events)
        if findings and findings[0][1] is not None:
            strict = sum(len(chunks[number]) for number in come if number < findings[0][1])
        if name.startswith("line-"):
            strict = 4  # the two events of chunk 0, and two of chunk 1 before the line that is none
        yield name, data, expectation(what, form, events, findings, refused=refused, strict=strict)


def _chunks_of(name):
    if name == "edited":
        return [plain(4)[0], FORGED, *plain(4)[2:]]
    if name.startswith(("frame-", "lines-", "line-")):
        return plain(3)
    return plain(2) if name.startswith("later-writer") else plain(4)


def expectation(what, form, events, findings=(), *, refused="", strict=None):
    return {
        "format": FORMAT,
        "what": what,
        "named": form,
        "refused": refused,
        "findings": [{"kind": kind, "chunk": chunk} for kind, chunk in findings],
        "strict_events": len(events) if strict is None else strict,
        "events": events,
    }


def facts(data, chunks):
    """
    What a sound recording says of itself: its summary, and what each chunk header counts.
    """
    header = read_header(MemorySource(data), DEFAULT_LIMITS)
    counted = list(recount(chunks))
    times = [one for one in counted if one["earliest_ns"] <= one["latest_ns"]]
    ended = any(one["marks"] & 2 for one in counted)
    heads = [part for part in parts(data) if part.name == "head"]
    head = data[heads[-1].offset + 104 : heads[-1].offset + 136] if heads else header.chain
    texts = {name: text for name, text in header.attributes.items() if isinstance(text, str)}
    names = ("cluster_name", "user", "db_service", "db_protocol", "db_type", "db_name", "db_user")
    summary = {
        "sid": SID,
        "state": "complete" if ended else "interrupted",
        **{name: texts.get(name) for name in names},
        "created_ns": NOON,
        "start_ns": min((one["earliest_ns"] for one in times), default=None),
        "end_ns": max((one["latest_ns"] for one in times), default=None),
        **{name: sum(one[name] for one in counted) for name in ("events", "queries", "errors")},
        "lost": min(sum(one["lost"] for one in counted), 2**63 - 1),
        "chunks": len(chunks),
        "raw_bytes": sum(len(encode_line(one)) for chunk in chunks for one in chunk),
        "head": head.hex(),
        "writer": texts.get("writer", ""),
    }
    return {"summary": summary, "chunks": counted}


def files():
    """
    Return the content of each file of the corpus, by name.
    """
    made = {}
    for name, data, expected in cases():
        if f"{name}.rec" in made:
            raise ValueError(f"two cases are named {name}")
        made[f"{name}.rec"] = data
        made[f"{name}.json"] = (json.dumps(expected, indent=1, ensure_ascii=True) + "\n").encode()
    return made


def main(argv):
    """
    Write or verify the corpus; the exit code is 1 if it is not as it should be.
    """
    parser = argparse.ArgumentParser(description="Makes the conformance corpus.")
    parser.add_argument("--verify", action="store_true", help="change nothing, fail if anything differs")
    verify = parser.parse_args(argv).verify
    made = files()
    wrong = []
    for name, content in made.items():
        path = FOLDER / name
        if not path.exists() and not verify:
            path.write_bytes(content)
        elif not path.exists():
            wrong.append(f"{name}: is missing")
        elif path.read_bytes() != content:
            wrong.append(f"{name}: would be other bytes; the format has changed, which needs a new version")
    there = {path.name for path in FOLDER.iterdir() if path.suffix in (".rec", ".json")}
    wrong += [f"{name}: is no case" for name in sorted(there - set(made))]
    print("\n".join(wrong) or f"{len(made) // 2} cases, {sum(map(len, made.values()))} bytes: as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
