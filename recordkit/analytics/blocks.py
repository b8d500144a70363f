"""
Runs of stored lines to record batches of `events`, a mebibyte or so at a time.

Lines are cut (`recordkit.analytics.cutting`) and what is left of them is read by Arrow, many chunks in
one call. Where that leaves any doubt, the lines concerned take the general way, one Python object an
event (`recordkit.analytics.rows`). Either way the rows are the same, in the order of the lines.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.cutting import Cutter, Prefix, Segment
from recordkit.analytics.parsing import Columns, Reader
from recordkit.analytics.rows import Row, batch_of, row_of
from recordkit.analytics.schema import EVENTS, REST, ColumnType, arrow_schema, arrow_type
from recordkit.errors import UndecodableEventError
from recordkit.events import decode_line
from recordkit.limits import MIB

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES: Final = MIB
"""Of lines, cut; the reader of Arrow takes twice as long for blocks the size of a chunk."""
_PIECE_BYTES: Final = 4 * MIB
"""Of a chunk's lines that are taken at a time; a chunk may have 512 MiB."""
_AHEAD: Final = 2
"""Blocks that are made while the next lines are cut."""
_PAUSE: Final = 16
"""Blocks that take the general way at once, after one in which all had to."""
_CATEGORIES: Final = frozenset(column.name for column in EVENTS if column.type is ColumnType.CATEGORY)

Fault = Callable[[int, UndecodableEventError], None]
"""What is told of a line that is no event, and of which recording it is; it may raise."""


class Block(NamedTuple):
    """
    A batch of rows.

    Attributes:
        batch: The rows.
        recordings: Of each row, the number of the recording that it was added with.
        size: Bytes of text in it, about.
    """

    batch: "pa.RecordBatch"
    recordings: "pa.Array"
    size: int


class EventBlocks:
    """
    Collects lines and gives record batches of them.
    """

    def __init__(self, fault: Fault, *, fast: bool = True) -> None:
        """
        Begin without lines.

        Args:
            fault: Told of each line that is no event, which has no row then.
            fast: False sends every line the general way.
        """
        import pyarrow as pa

        self._fault = fault
        self._fast = fast
        self._cutter = Cutter()
        self._reader = Reader()
        self._segments: list[Segment] = []
        self._bytes = 0
        self._pause = 0
        self._waiting: deque[Future[list[Block]]] = deque()
        self._worker: ThreadPoolExecutor | None = None
        self._schema = arrow_schema(EVENTS)
        self._nulls: dict[pa.DataType, pa.Array] = {}

    def add(self, raw: bytes, count: int, *, ends: bool, recording: int = 0) -> Iterator[Block]:
        """
        Take *count* whole lines and yield the blocks that are full.

        Args:
            raw: Each line with its newline.
            count: How many.
            ends: The event that ends the session may be among them.
            recording: Number of the recording, for `Block.recordings`.
        """
        for piece in _pieces(raw):
            lines = count if piece is raw else piece.count(b"\n")
            if not lines:
                continue
            if self._fast and not self._pause:
                segments: Iterable[Segment] = self._cutter.cut(piece, lines, ends=ends)
            else:
                segments = (Segment(None, piece[:-1], lines),)
            for segment in segments:
                segment.recording = recording
                self._segments.append(segment)
                self._bytes += len(segment.text)
            if self._bytes >= _BLOCK_BYTES:
                self._send()
                while len(self._waiting) > _AHEAD:
                    yield from self._waiting.popleft().result()

    def flush(self) -> Iterator[Block]:
        """
        Yield what is still to come of the lines that were added.
        """
        while self._waiting:
            yield from self._waiting.popleft().result()
        if self._worker is not None:
            self._worker.shutdown()
            self._worker = None
        segments, size, self._segments, self._bytes = self._segments, self._bytes, [], 0
        yield from self._blocks(segments, size)

    def _send(self) -> None:
        """
        Let the lines that wait become a block in another thread: most of that needs no interpreter.
        """
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "recordkit-arrow")
        segments, size, self._segments, self._bytes = self._segments, self._bytes, [], 0
        self._waiting.append(self._worker.submit(self._blocks, segments, size))

    def _blocks(self, segments: list[Segment], size: int) -> list[Block]:
        if not segments:
            return []
        self._pause = max(0, self._pause - 1)
        cut = [segment for segment in segments if segment.prefix is not None]
        read = list(self._read(cut)) if cut else []
        if cut and not read:
            self._pause = _PAUSE
        batch, recordings = self._joined(segments, read)
        return [Block(batch, recordings, size)] if batch.num_rows else []

    def _read(self, segments: Sequence[Segment]) -> Iterator[Columns]:
        """
        Yield the columns of *segments*; those that Arrow can't read get their prefix back.
        """
        text = b"{" + b"\n{".join(segment.text for segment in segments)
        columns = self._reader.read(text, sum(segment.count for segment in segments))
        if columns is not None and _attach(columns, segments):
            yield columns
        elif len(segments) == 1:
            segments[0].text, segments[0].prefix = b"\n".join(segments[0].lines()), None
        else:
            half = len(segments) // 2
            yield from self._read(segments[:half])
            yield from self._read(segments[half:])

    def _joined(self, segments: Sequence[Segment], read: Sequence[Columns]) -> "tuple[pa.RecordBatch, pa.Array]":
        """
        Return one batch of what was *read* and of the general rows, in the order of the lines, and whose they are.
        """
        import pyarrow as pa

        rows: list[Row] = []
        order, owners = array("q"), array("i")
        general = any(segment.prefix is None for segment in segments)
        parsed, whole = 0, sum(segment.count for segment in segments if segment.prefix is not None)
        for segment in segments:
            begin = len(rows)
            count = segment.count
            if segment.prefix is None:
                rows.extend(self._rows(segment))
                count = len(rows) - begin
                order.extend(range(whole + begin, whole + len(rows)))
            elif general:
                order.extend(range(parsed, parsed + count))
                parsed += count
            owners.extend(array("i", [segment.recording]) * count)
        parts = [self._batch(_encoded(columns)) for columns in read]
        if rows:
            parts.append(self._batch(batch_of(rows), len(rows)))
        if len(parts) == 1:
            return parts[0], _array(owners)
        table = pa.Table.from_batches(parts, self._schema).unify_dictionaries().combine_chunks()
        if rows:
            table = table.take(_array(order)).combine_chunks()
        batches = table.to_batches()
        return batches[0] if batches else self._batch({}, 0), _array(owners)

    def _rows(self, segment: Segment) -> Iterator[Row]:
        for line in segment.lines():
            try:
                yield row_of(decode_line(line))
            except UndecodableEventError as error:
                self._fault(segment.recording, error)

    def _batch(self, columns: Columns, rows: int | None = None) -> "pa.RecordBatch":
        import pyarrow as pa

        rows = len(next(iter(columns.values()))) if rows is None else rows
        arrays = [columns.get(field.name) for field in self._schema]
        filled = [
            self._null(field.type, rows) if values is None else values
            for field, values in zip(self._schema, arrays, strict=True)
        ]
        return pa.RecordBatch.from_arrays(filled, schema=self._schema)

    def _null(self, kind: "pa.DataType", rows: int) -> "pa.Array":
        """
        Return a column of nulls; all of a type share their memory.
        """
        import pyarrow as pa

        known = self._nulls.get(kind)
        if known is None or len(known) < rows:
            known = self._nulls[kind] = pa.nulls(max(rows, 4096), kind)
        return known.slice(0, rows)


def _attach(columns: Columns, segments: Sequence[Segment]) -> bool:
    """
    Add what was cut from *segments* to their *columns*; False if a field would stand twice.
    """
    import pyarrow as pa

    if not columns:
        return False
    prefixes: dict[Prefix, int] = {}
    for segment in segments:
        if segment.prefix is not None:
            prefixes.setdefault(segment.prefix, len(prefixes))
    names = dict.fromkeys(name for prefix in prefixes for name in prefix.row)
    if not columns.keys().isdisjoint(names):
        return False
    places = array("i")
    for segment in segments:
        if segment.prefix is not None:
            places.extend(array("i", [prefixes[segment.prefix]]) * segment.count)
    index = _array(places)
    for name in names:
        values = pa.array([prefix.row.get(name) for prefix in prefixes], arrow_type(_TYPES[name]))
        columns[name] = values.take(index)
    return True


def _encoded(columns: Columns) -> Columns:
    """
    Make dictionaries of the columns whose texts repeat.
    """
    import pyarrow as pa

    for name in _CATEGORIES & columns.keys():
        if pa.types.is_string(columns[name].type):
            columns[name] = columns[name].dictionary_encode()
    return columns


def _array(numbers: "array[int]") -> "pa.Array":
    import pyarrow as pa

    kind = pa.int32() if numbers.typecode == "i" else pa.int64()
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])


def _pieces(raw: bytes) -> Iterator[bytes]:
    """
    Yield a chunk's lines, some mebibytes at a time.
    """
    begin = 0
    while len(raw) - begin > _PIECE_BYTES:
        end = raw.rfind(b"\n", begin, begin + _PIECE_BYTES) + 1 or raw.index(b"\n", begin + _PIECE_BYTES) + 1
        yield raw[begin:end]
        begin = end
    if begin < len(raw):
        yield raw[begin:] if begin else raw


_TYPES: Final = {column.name: column.type for column in EVENTS} | {REST: ColumnType.JSON}
