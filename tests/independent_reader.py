"""
A second reader of recordings, written from FORMAT.md and nothing else: recordkit is not imported.

It reads a whole recording from memory, returns every event that may be returned, and says what is wrong. Comments
name the section of FORMAT.md that a rule comes from. That it agrees with recordkit on the conformance corpus shows
that the page suffices to write a reader, and that recordkit does what the page says.

    python tests/independent_reader.py FILE...      prints the events, and the findings on stderr
"""

import hashlib
import json
import re
import struct
import sys
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import zstandard

MAGIC = bytes.fromhex("28b52ffd240001000099e9d851")  # section 2
OURS, SEEK_TABLE, SEEKABLE = 0x184D2A5B, 0x184D2A5E, 0x8F92EAB1
NO_LOW, NO_HIGH = 2**63 - 1, -(2**63)  # section 1: never times
MAX_RAW, MAX_STORED, MAX_HEADER, MAX_CHUNK_HEADER, MAX_INDEX = 512 << 20, 516 << 20, 64 << 10, 4096, 64 << 20  # 11
MAX_SUMMARY, MAX_SEQUENCE = 1 << 20, 2**63 - 1
START, END, ORDERED = 1, 2, 4

HEADER = struct.Struct("<4sHHI16s16sqI")  # section 3, from tag on
CHUNK = struct.Struct("<4sHH8sQIIIIIIQqqqqQ32s")  # section 4, from tag on
INDEX = struct.Struct("<4sHH8sIIII")  # section 7, from tag on
ENTRY = struct.Struct("<QQIIIIIIQqqqqQ")  # section 7.1
TRAILER = struct.Struct("<32sIIII4s")  # section 7.2
FOOTER = struct.Struct("<IBI")  # section 8

ATTRIBUTES = ("cluster_name", "user", "db_service", "db_protocol", "db_type", "db_name", "db_user")
QUERIES = frozenset(  # section 4
    f"db.session.{name}"
    for name in (
        "query", "query.failed", "postgres.statements.execute", "postgres.function", "mysql.statements.execute",
        "mysql.statements.bulk_execute", "mysql.init_db", "mysql.create_db", "mysql.drop_db", "mysql.shut_down",
        "mysql.process_kill", "mysql.debug", "mysql.refresh", "sqlserver.rpc_request", "cassandra.batch",
        "cassandra.execute", "elasticsearch.request", "opensearch.request", "dynamodb.request", "spanner.rpc",
    )
)  # fmt: skip


class RefusedError(Exception):
    """
    No reader of version 1 may read this, or go on reading it (sections 3, 10, 12).
    """


class WrongError(Exception):
    """
    A check failed.
    """

    def __init__(self, what, kind="corrupt"):
        super().__init__(what)
        self.kind = kind


@dataclass
class Finding:
    """
    What is wrong: kind (``torn``, ``corrupt``, ``misplaced``, ``index``), chunk or None, bytes that are of no use.
    """

    kind: str
    chunk: int | None
    offset: int
    length: int
    what: str


@dataclass
class Chunk:
    """
    A chunk header, with the fields of section 4.
    """

    offset: int
    end: int
    payload: bytes
    frame: bytes
    sequence: int
    stored_size: int
    raw_size: int
    events: int
    queries: int
    errors: int
    marks: int
    lost: int
    lowest_ei: int
    highest_ei: int
    earliest_ns: int
    latest_ns: int
    longest_wait_ns: int
    chain: bytes

    @property
    def entry(self):
        return ENTRY.pack(
            self.offset, self.sequence, self.stored_size, self.raw_size, self.events, self.queries, self.errors,
            self.marks, self.lost, self.lowest_ei, self.highest_ei, self.earliest_ns, self.latest_ns,
            self.longest_wait_ns,
        )  # fmt: skip

    @property
    def counts(self):
        return {
            name: getattr(self, name)
            for name in (
                "events", "queries", "errors", "marks", "lost", "lowest_ei", "highest_ei", "earliest_ns", "latest_ns",
                "longest_wait_ns",
            )
        }  # fmt: skip


@dataclass
class Reading:
    """
    What reading came to.

    Attributes:
        refused: Why nothing (more) may be read; "" otherwise.
        events: All that may be returned, in file order.
        before_damage: How many of them stand before the first finding.
        findings: In file order.
        summary: As section 7.3 has it, from header and chunk headers; None if there is no header.
    """

    refused: str = ""
    events: list = field(default_factory=list)
    before_damage: int | None = None
    findings: list = field(default_factory=list)
    summary: dict | None = None
    chunks: list = field(default_factory=list)


def read(data, *, name):
    """
    Read a recording whose writer is gone; *name* tells whether it is named as sealed or as open (section 9).
    """
    reading = Reading()
    try:
        reader = _Reader(data, reading)
        reader.walk(sealed=not name.endswith(".open"))
    except RefusedError as error:
        reading.refused = str(error)
    except WrongError as error:  # of the header: nothing can be known
        reading.refused = str(error)
        reading.findings.append(Finding(error.kind, None, 0, len(data), str(error)))
    if reading.before_damage is None:
        reading.before_damage = len(reading.events)
    return reading


class _Reader:
    def __init__(self, data, reading):
        self.data = data
        self.reading = reading
        self._read_header()

    # ------------------------------------------------------------------ section 3

    def _read_header(self):
        data = self.data
        if not data.startswith(MAGIC):
            raise WrongError("not a recording", "torn" if MAGIC.startswith(data) else "corrupt")
        if len(data) < 21:
            raise WrongError("the header is cut", "torn")
        magic, size = struct.unpack_from("<II", data, 13)
        if magic != OURS or not HEADER.size + 4 <= size <= MAX_HEADER:
            raise WrongError("not a header")
        payload = data[21 : 21 + size]
        if len(payload) < size:
            raise WrongError("the header is cut", "torn")
        tag, version, flags, own, sid, _owner, created_ns, attributes_size = HEADER.unpack_from(payload)
        if tag != b"RKHD" or _crc_differs(payload):
            raise WrongError("the header is damaged")
        if version != 1:
            raise RefusedError(f"version {version}, this reader knows 1")
        if flags:
            raise RefusedError(f"critical flags {flags:#06x} of the header")
        if own != size or HEADER.size + attributes_size + 4 > size:
            raise WrongError("sizes of the header differ")
        text = payload[HEADER.size : HEADER.size + attributes_size]
        self.attributes = _object(text) if text else {}
        if self.attributes is None:
            raise WrongError("attributes are no JSON object")
        digits = sid.hex()
        self.sid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        self.created_ns = created_ns
        self.end = 21 + size
        self.first_chain = hashlib.sha256(data[: self.end]).digest()  # section 6

    # ------------------------------------------------------------------ sections 4, 5, 10

    def walk(self, *, sealed):
        offset, expected, chain, known = self.end, 0, self.first_chain, True
        self.index_met = False
        self.end_told = False  # that the bytes up to the end are of no use
        self.whole = True  # every chunk from the first on was met: totals may be held against the index
        self.head = chain
        self.moved = None  # offsets of chunks that stand before their place, from the first jump on
        while offset < len(self.data):
            try:
                if self._tag_at(offset) == b"RKIX":
                    self._end(offset, expected, chain if known else None)
                    self.index_met = True
                    break
                chunk = self._chunk_at(offset)
                self._check_place(chunk, expected, chain if known else None)
            except WrongError as error:
                self.whole = False
                offset, expected, chain, known = self._after(error, offset, expected, known=known)
                continue
            self.reading.chunks.append(chunk)
            try:
                lines = self._lines(chunk)
            except WrongError as error:
                self._find(error.kind, chunk.sequence, chunk.offset, chunk.end, str(error))
            else:
                self._parse(chunk, lines)
            offset, expected, chain, known = chunk.end, chunk.sequence + 1, chunk.chain, True
            self.head = chain
        if sealed and not self.index_met and not self.end_told:
            self._find("torn", None, len(self.data), len(self.data), "no index at the end")  # section 9
        self._summarise(sealed=sealed)

    def _check_place(self, chunk, expected, chain):
        if chunk.sequence > expected and self._is_moved(chunk, expected):
            raise WrongError("moved to an earlier place", "misplaced")
        if chunk.sequence < expected or (chain is not None and chunk.sequence != expected):
            raise WrongError("out of sequence", "misplaced")
        if chain is not None and _chain(chain, chunk) != chunk.chain:
            self._lines(chunk)  # raises if its own bytes were changed
            raise WrongError("does not follow the chunk before it", "misplaced")
        if chain is None:
            self._lines(chunk)  # its header alone is not believed

    def _is_moved(self, chunk, expected):
        if self.moved is None:
            places = [(at, sequence) for at, sequence in self._headers(chunk.offset) if sequence >= expected]
            runs = [1] * len(places)  # the longest rising run that begins at each place
            for at in reversed(range(len(places))):
                longer = [runs[n] for n in range(at + 1, len(places)) if places[n][1] > places[at][1]]
                runs[at] += max(longer, default=0)
            wanted, last, self.moved = max(runs, default=0), -1, set()
            for (offset, sequence), run in zip(places, runs, strict=True):
                if wanted and run == wanted and sequence > last:
                    wanted, last = wanted - 1, sequence
                else:
                    self.moved.add(offset)
        return chunk.offset in self.moved

    def _headers(self, offset):
        """
        Yield offset and sequence of all sound chunk headers from *offset* on.
        """
        before = offset
        while offset < len(self.data):
            try:
                end = self._index_end(offset)
                chunk = None if end is not None else self._chunk_at(offset)
            except RefusedError:
                return
            except WrongError:
                after = self._search(min(before, offset) + 1)  # the header before may claim more than is its own
                if after is None:
                    return
                before = offset = after[0]
                continue
            before = offset
            if chunk is not None:
                yield offset, chunk.sequence
                end = chunk.end
            else:
                before = end
            offset = end

    def _tag_at(self, offset):
        magic = struct.pack("<I", OURS)
        return self.data[offset + 8 : offset + 12] if self.data[offset : offset + 4] == magic else b""

    def _chunk_at(self, offset):
        head = self.data[offset : offset + 12]
        if len(head) < 12:
            raise WrongError("a chunk header is cut", "torn")
        if self._tag_at(offset) != b"RKCH":
            raise WrongError("neither a chunk nor the index")
        (size,) = struct.unpack_from("<I", head, 4)
        if not CHUNK.size + 4 <= size <= MAX_CHUNK_HEADER:
            raise WrongError("impossible size of a chunk header")
        payload = self.data[offset + 8 : offset + 8 + size]
        if len(payload) < size:
            own = struct.unpack_from("<H", payload, 4)[0] if len(payload) >= CHUNK.size else size
            raise WrongError("a chunk header is cut", "torn" if own == size else "corrupt")
        if _crc_differs(payload):
            raise WrongError("a chunk header is damaged")
        _, own, flags, recording_id, *values = CHUNK.unpack_from(payload)
        if own != size:
            raise WrongError("sizes of a chunk header differ")
        if recording_id != self.first_chain[:8]:
            raise WrongError("a chunk of another recording", "misplaced")
        if flags:
            raise RefusedError(f"critical flags {flags:#06x} of a chunk header")
        begin = offset + 8 + size
        chunk = Chunk(offset, begin + values[1], payload, self.data[begin : begin + values[1]], *values)
        if chunk.sequence > MAX_SEQUENCE:
            raise WrongError("impossible sequence")
        if chunk.stored_size > MAX_STORED or chunk.raw_size > MAX_RAW:
            raise WrongError("over the limits")
        if chunk.end > len(self.data):
            raise WrongError("a chunk is cut", "torn")
        return chunk

    def _lines(self, chunk):
        try:
            parameters = zstandard.get_frame_parameters(chunk.frame)
            if parameters.content_size != chunk.raw_size or not parameters.has_checksum or parameters.dict_id:
                raise WrongError("the zstd frame is not as declared")
            raw = zstandard.ZstdDecompressor().decompress(chunk.frame, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise WrongError(f"the zstd frame is damaged: {error}") from error
        if len(raw) != chunk.raw_size or raw.count(b"\n") != chunk.events or (raw and not raw.endswith(b"\n")):
            raise WrongError("the chunk holds other lines than declared")
        return raw[:-1].split(b"\n") if raw else []

    def _is_own(self, chunk):
        try:
            self._lines(chunk)
        except WrongError:
            return False  # a copy of its header alone
        return True

    def _parse(self, chunk, lines):
        for line in lines:
            event = _object(line, integer=_integer)
            if event is None:  # section 5: it costs the line
                self._find("corrupt", chunk.sequence, chunk.offset, chunk.end, "a line is no JSON object")
            else:
                self.reading.events.append(event)

    def _after(self, error, offset, expected, *, known):
        """
        Report *error* at *offset* and return where and how to go on (section 10, "Damage").
        """
        end = len(self.data)
        after = None
        self.end_told = False
        try:
            chunk = self._chunk_at(offset)
        except WrongError:
            begin = self._index_end(offset) or offset + 1  # an index of which only the inside is bad is passed over
            after = self._search(begin)
        else:
            if error.kind != "misplaced" and not known and chunk.sequence > expected:
                after = self._search(offset + 1)
            elif error.kind != "misplaced":
                after = None if self._is_ours(chunk.end) else self._search(chunk.end - chunk.stored_size)
                if after is None or after[0] >= chunk.end:
                    after = (chunk.end, chunk.sequence + 1, chunk.chain, True)
            elif chunk.sequence > expected and chunk.offset not in self.moved:
                after = (offset, expected, b"", False)
            else:
                after = self._search(chunk.end if self._is_own(chunk) else offset + 1)
        if after is None:
            at_end = self._index_from_end() == offset
            tagged = self.data[offset + 8 : offset + 12] == b"RKIX"
            if at_end or (tagged and error.kind != "torn"):
                self.index_met = True
                self._find("index", None, offset, end, str(error))
            else:
                self._find(error.kind, None if tagged else expected, offset, end, str(error))
            self.end_told = True
            return end, expected, b"", False
        where, sequence, chain, known = after
        kind = "corrupt" if error.kind == "torn" else error.kind  # something follows: it was changed, not cut
        self._find(kind, expected, offset, where, str(error))
        self.end_told = where >= end
        return where, max(expected, sequence or 0), chain, known

    def _is_ours(self, offset):
        """
        Whether a sound chunk header of this recording, or a sound head and trailer of an index, stands there.
        """
        try:
            return self._index_end(offset) is not None or self._chunk_at(offset) is not None
        except RefusedError:
            return True
        except WrongError:
            return False

    def _search(self, offset):
        for match in re.compile(rb"\x5b\x2a\x4d\x18....(?:RKCH|RKIX)", re.DOTALL).finditer(self.data, offset):
            try:
                if self._tag_at(match.start()) == b"RKCH":
                    self._chunk_at(match.start())
                elif self._index_end(match.start()) is None:
                    continue
            except RefusedError:
                pass  # sound, and not to be passed over: whoever reads it is refused
            except WrongError:
                continue
            return match.start(), None, b"", False
        return None

    # ------------------------------------------------------------------ sections 7, 8

    def _index_parts(self, offset):
        """
        Return fields, trailer and end of the index at *offset*, whose head and trailer are sound.
        """
        head = self.data[offset : offset + 8 + INDEX.size]
        if len(head) < 8 + INDEX.size:
            raise WrongError("the index is cut", "torn")
        (size,) = struct.unpack_from("<I", head, 4)
        if size > MAX_INDEX:
            raise WrongError("the index is over the limit")
        fields = INDEX.unpack_from(head, 8)
        end = offset + 8 + size
        if end > len(self.data):
            raise WrongError("the index is cut", "torn")
        if size < fields[1] + TRAILER.size:
            raise WrongError("sizes of the index differ")
        trailer = TRAILER.unpack_from(self.data, end - TRAILER.size)
        covered = self.data[offset + 8 : offset + 8 + max(fields[1], INDEX.size)]
        covered += self.data[end - TRAILER.size : end - 8]
        if trailer[5] != b"RKIE" or trailer[3] != end - offset or zlib.crc32(covered) != trailer[4]:
            raise WrongError("the index is damaged")
        return fields, trailer, end

    def _index_end(self, offset):
        if self._tag_at(offset) != b"RKIX":
            return None
        try:
            return self._index_parts(offset)[2]
        except WrongError:
            return None

    def _index_from_end(self):
        """
        Return where footer and trailer say that the index begins.
        """
        data = self.data
        if len(data) < 17 + TRAILER.size:
            return None
        frames, descriptor, magic = FOOTER.unpack_from(data, len(data) - FOOTER.size)
        begin = len(data) - 17 - 8 * frames
        if magic != SEEKABLE or descriptor or begin < TRAILER.size:
            return None
        if struct.unpack_from("<II", data, begin) != (SEEK_TABLE, 9 + 8 * frames):
            return None
        trailer = TRAILER.unpack_from(data, begin - TRAILER.size)
        return begin - trailer[3] if trailer[5] == b"RKIE" else None

    def _end(self, offset, expected, chain):
        fields, trailer, end = self._index_parts(offset)
        _tag, size, flags, recording_id, _flags, entry_size, entries, summary_size = fields
        if flags:
            raise RefusedError(f"critical flags {flags:#06x} of the index")
        if size < INDEX.size or entry_size < ENTRY.size:
            raise WrongError("sizes of the index differ")
        if 8 + size + entry_size * entries + summary_size + TRAILER.size != end - offset:
            raise WrongError("sizes of the index differ")
        if summary_size > MAX_SUMMARY:
            raise WrongError("the summary is over the limit")
        packed = self.data[offset + 8 + size : offset + 8 + size + entry_size * entries]
        text = self.data[end - TRAILER.size - summary_size : end - TRAILER.size]
        if zlib.crc32(packed) != trailer[1] or zlib.crc32(text) != trailer[2]:
            raise WrongError("entries or summary of the index are damaged")
        summary = _object(text)
        if summary is None:
            raise WrongError("the summary is no JSON object")
        if recording_id != self.first_chain[:8]:
            raise WrongError("the index of another recording", "misplaced")
        at_end = self._index_from_end()
        if at_end != offset and (at_end is not None or self._search(end) is not None):
            raise WrongError("an index before the end", "misplaced")
        if chain is not None and entries > expected and trailer[0] != chain:
            self.whole = False
            self._find("misplaced", expected, offset, offset, "the last chunks are missing")
        table_end = self._check_table(end)
        if table_end is None:
            return
        if table_end < len(self.data):
            self._find("index", None, table_end, len(self.data), "bytes behind the end")
        if self.whole:
            self._agree(
                offset, end, table_end, entry_size=entry_size, head=trailer[0], packed=packed, summary=summary, chain=chain
            )  # fmt: skip

    def _check_table(self, begin):
        left = len(self.data) - begin
        needed = 8 + struct.unpack_from("<I", self.data, begin + 4)[0] if left >= 8 else 17
        if left >= needed:
            return begin + needed
        if left >= 17 and self.data.endswith(struct.pack("<I", SEEKABLE)):
            self._find("index", None, begin, len(self.data), "the seek table's size is wrong")
        else:
            self._find("torn", None, begin, len(self.data), "the seek table is cut")
        return None

    def _agree(self, offset, end, table_end, *, entry_size, head, packed, summary, chain):
        chunks = self.reading.chunks
        wrong = []
        if [packed[at : at + ENTRY.size] for at in range(0, len(packed), entry_size)] != [
            chunk.entry for chunk in chunks
        ]:
            wrong.append("entries")
        if chain is not None and head != chain:
            wrong.append("head")
        if any(chunk.marks & ORDERED and not rising for chunk, rising in zip(chunks, _rising(chunks), strict=True)):
            wrong.append("ORDERED")
        expected = self._summary("complete" if any(chunk.marks & END for chunk in chunks) else "interrupted")
        wrong += [key for key, value in (expected | {"head": head.hex()}).items() if summary.get(key) != value]
        sizes = [(13, 0), (self.end - 13, 0)]
        for chunk in chunks:
            sizes += [(chunk.end - chunk.stored_size - chunk.offset, 0), (chunk.stored_size, chunk.raw_size)]
        sizes.append((end - offset, 0))
        table = b"".join(struct.pack("<II", *pair) for pair in sizes) + FOOTER.pack(len(sizes), 0, SEEKABLE)
        if self.data[end:table_end] != struct.pack("<II", SEEK_TABLE, len(table)) + table:
            wrong.append("seek table")
        if wrong:
            self._find("index", None, offset, len(self.data), f"the index does not agree in {', '.join(wrong)}")

    # ------------------------------------------------------------------ section 7.3

    def _summarise(self, *, sealed):
        last = self.reading.findings[-1] if self.reading.findings else None
        torn = last is not None and last.kind != "index" and last.offset + last.length >= len(self.data)
        torn = torn or (sealed and not self.index_met)
        ended = any(chunk.marks & END for chunk in self.reading.chunks)
        self.reading.summary = self._summary("torn" if torn else "complete" if ended else "interrupted")

    def _summary(self, state):
        chunks = self.reading.chunks
        texts = {key: value for key, value in self.attributes.items() if isinstance(value, str)}
        start_ns = min((chunk.earliest_ns for chunk in chunks), default=NO_LOW)
        end_ns = max((chunk.latest_ns for chunk in chunks), default=NO_HIGH)
        return {
            "sid": self.sid,
            "state": state,
            **{name: texts.get(name) for name in ATTRIBUTES},
            "created_ns": self.created_ns,
            "start_ns": start_ns if start_ns <= end_ns else None,
            "end_ns": end_ns if start_ns <= end_ns else None,
            "events": sum(chunk.events for chunk in chunks),
            "queries": sum(chunk.queries for chunk in chunks),
            "errors": sum(chunk.errors for chunk in chunks),
            "lost": min(sum(chunk.lost for chunk in chunks), 2**63 - 1),
            "chunks": len(chunks),
            "raw_bytes": sum(chunk.raw_size for chunk in chunks),
            "head": self.head.hex(),
            "writer": texts.get("writer", ""),
        }

    def _find(self, kind, chunk, begin, end, what):
        if self.reading.before_damage is None:
            self.reading.before_damage = len(self.reading.events)
        self.reading.findings.append(Finding(kind, chunk, begin, end - begin, what))


def _crc_differs(payload):
    return zlib.crc32(payload[:-4]) != struct.unpack_from("<I", payload, len(payload) - 4)[0]


def _chain(before, chunk):
    fixed, later = chunk.payload[: CHUNK.size - 32], chunk.payload[CHUNK.size : -4]
    return hashlib.sha256(before + fixed + later + chunk.frame).digest()


def _rising(chunks):
    ei, time_ns, rising = NO_HIGH, NO_HIGH, True
    for chunk in chunks:
        rising = rising and min(chunk.lowest_ei, chunk.highest_ei) >= ei
        rising = rising and min(chunk.earliest_ns, chunk.latest_ns) >= time_ns
        ei, time_ns = max(ei, chunk.highest_ei), max(time_ns, chunk.latest_ns)
        yield rising


def _no_constant(name):
    raise ValueError(name)


def _float(text):
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def _integer(text):
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise ValueError(text)
    return int(text)


def _object(text, *, integer=None):
    """
    Return a JSON object (section 1); None if *text* is none. In lines integers are bounded (section 5).
    """
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_no_constant, parse_float=_float, parse_int=integer)
        if b"\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails for half a surrogate pair
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# ---------------------------------------------------------------------- what a writer must count (sections 4 and 5)

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- plain names are easier to translate


def time_ns_of(text):
    """
    Return an RFC 3339 time in nanoseconds; None if it is none, or outside the range of section 1.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    if second > 60:
        return None
    fraction = int((match[7] or "0")[:9].ljust(9, "0"))
    leap = second == 60
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=timezone.utc)  # noqa: UP017
    except ValueError:
        return None
    whole = (moment - _EPOCH) // timedelta(seconds=1)
    if match[8]:
        hours, minutes = int(match[9]), int(match[10])
        if hours > 23 or minutes > 59:
            return None
        whole -= (hours * 3600 + minutes * 60) * (1 if match[8] == "+" else -1)
    time_ns = whole * 10**9 + (999_999_999 if leap else fraction)
    return time_ns if NO_HIGH < time_ns < NO_LOW else None


def recount(chunks_of_events):
    """
    Yield what the header of each chunk must say of its events, but for the mark ORDERED.
    """
    ei, time_ns, asked_ns = -1, None, None
    for events in chunks_of_events:
        counts = {
            "events": len(events), "queries": 0, "errors": 0, "marks": 0, "lost": 0, "lowest_ei": NO_LOW,
            "highest_ei": NO_HIGH, "earliest_ns": NO_LOW, "latest_ns": NO_HIGH, "longest_wait_ns": 0,
        }  # fmt: skip
        for event in events:
            own = event.get("ei")
            ei = own if type(own) is int and NO_HIGH <= own <= NO_LOW else ei + 1
            own_ns = time_ns_of(event.get("time"))
            time_ns = time_ns if own_ns is None else own_ns
            counts["lowest_ei"], counts["highest_ei"] = min(counts["lowest_ei"], ei), max(counts["highest_ei"], ei)
            if time_ns is not None:
                counts["earliest_ns"] = min(counts["earliest_ns"], time_ns)
                counts["latest_ns"] = max(counts["latest_ns"], time_ns)
            kind = event.get("event")
            counts["errors"] += event.get("success") is False
            if isinstance(kind, str) and kind in QUERIES:
                counts["queries"] += 1
                asked_ns = time_ns
            elif kind == "db.session.result" and asked_ns is not None and time_ns is not None:
                counts["longest_wait_ns"] = max(counts["longest_wait_ns"], time_ns - asked_ns)
                asked_ns = None
            elif kind == "recordkit.gap":
                count = event.get("count")
                counts["lost"] += count if type(count) is int and count > 0 else 0
            counts["marks"] |= {"db.session.start": START, "db.session.end": END}.get(
                kind if isinstance(kind, str) else "", 0
            )
        counts["lost"] = min(counts["lost"], 2**63 - 1)
        yield counts


def main(paths):
    """
    Print the events of each file, and the findings on stderr.
    """
    bad = False
    for path in map(Path, paths):
        reading = read(path.read_bytes(), name=path.name)
        for event in reading.events:
            print(json.dumps(event))
        for found in reading.findings:
            print(f"{path}: {found.kind}, chunk {found.chunk}, offset {found.offset}: {found.what}", file=sys.stderr)
        if reading.refused:
            print(f"{path}: refused: {reading.refused}", file=sys.stderr)
        bad |= bool(reading.findings or reading.refused)
    return 3 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
