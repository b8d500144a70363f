"""
Columns that say the same in each row, put into a Parquet file that was written without them.

Of the hundred and more columns of `events`, a file fills some twenty, and half of these have one value: whose session
it is. The library writes the others value by value: each null costs its definition level, a bit of validity and its
share of a page, 0.65 of the 1.1 µs that an event took in all; each text that is always the same, 0.012. A column chunk
that is constant says as much in 25 bytes and its value, since levels and places in a dictionary are run-length
encoded. So the library writes the columns that differ, and here the file's end is written anew:

    …the written columns' pages and page indexes, untouched
    the pages of each constant column and row group
    their column and offset indexes
    the footer, with all columns in order

What a column is (its type, its levels, its elements of the schema) is taken from an empty file that the library writes
with the whole schema; of the old footer all that is not named here is copied as it stands.

Source: parquet-format, src/main/thrift/parquet.thrift (the numbers of fields below are its) and Encodings.md.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.thrift_compact import (
    BINARY,
    FALSE,
    I32,
    I64,
    LIST,
    STRUCT,
    TRUE,
    Fields,
    Raw,
    read,
    varint,
    written,
)
from recordkit.errors import ExportError

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC: Final = b"PAR1"
_END: Final = 4 + len(_MAGIC)
"""Bytes behind the footer: its length, the magic."""
_PLAIN, _RLE, _RLE_DICTIONARY = 0, 3, 8
_UNCOMPRESSED = 0
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_UNORDERED, _ASCENDING = 0, 1


class _Leaf(NamedTuple):
    """
    A column of the file's format; a list or a map of ours has one or two.

    Attributes:
        type: Parquet's number of its physical type.
        path: Names from the schema's root.
        repeated: It has repetition levels.
        optional: It has definition levels: it may be null.
    """

    type: int
    path: tuple[bytes, ...]
    repeated: bool
    optional: bool


class _Content(NamedTuple):
    """
    What a column chunk holds.

    Attributes:
        pages: Its dictionary, if it has one, and its one data page.
        data: Where the data page begins.
        encodings: Used in them.
        statistics: Of its values.
        column_index: What its one page holds.
    """

    pages: bytes
    data: int
    encodings: tuple[int, ...]
    statistics: Fields
    column_index: bytes


class _Template(NamedTuple):
    """
    What a schema becomes.

    Attributes:
        elements: Of the schema, the root first.
        leaves: In order.
        orders: Of the leaves' values.
    """

    elements: list[Raw]
    leaves: list[_Leaf]
    orders: list[Raw]


def add_constant_columns(path: Path, schema: "pa.Schema", values: Mapping[str, str]) -> None:
    """
    Give the Parquet file *path* the columns of *schema* that it lacks.

    The file is changed in place, behind its last page index; it is not synced.

    Args:
        path: A file that `pyarrow.parquet` has just written.
        schema: Its columns, in their order, and others between them.
        values: Of columns of text that have the same value in each row; all other missing ones are null.

    Raises:
        ExportError: The file is no such file.
        OSError: The disk refuses.
    """
    template = _template_of(schema.serialize().to_pybytes())
    with path.open("r+b") as file:
        begin, footer = _footer_of(file, path)
        try:
            end = _end_with(footer, template, begin, {name.encode(): text.encode() for name, text in values.items()})
        except (LookupError, TypeError, ValueError) as error:  # TypeError: a field of another type
            raise ExportError(f"{path}: the footer is not as it was written ({error}); export again") from error
        if end is not None:
            file.seek(begin)
            file.write(end)
            file.truncate()


def _footer_of(file: io.BufferedRandom, path: Path) -> tuple[int, bytes]:
    """
    Return where the footer begins, and its bytes.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _END, 0))
    end = file.read(_END)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != _MAGIC or length > size - _END - len(_MAGIC):
        raise ExportError(f"{path}: expected a Parquet file, found {end!r} at its end; export again")
    begin = size - _END - length
    file.seek(begin)
    return begin, file.read(length)


def _end_with(footer: bytes, template: _Template, begin: int, values: Mapping[bytes, bytes]) -> bytes | None:
    """
    Return what stands in the file from *begin* on, in place of *footer*; None if no column is missing.

    Raises:
        ValueError: The footer's columns are not among the template's, or one is missing that is never null.
    """
    told = read(footer)
    groups = [read(raw) for raw in told[4][1][1]]
    known = _places(told[2][1][1], template)
    if len(known) == len(template.leaves):
        return None
    places = {old: new for new, old in known.items()}
    out = bytearray()
    missing = {place: leaf for place, leaf in enumerate(template.leaves) if place not in known}
    added = [list(_chunks(out, missing.values(), group[3][1], begin, values)) for group in groups]
    for group, chunks in zip(groups, added, strict=True):
        fields = dict(zip(missing, _indexes(out, chunks, begin), strict=True))
        old = group[1][1][1]
        columns = [old[known[place]] if place in known else fields[place] for place in range(len(template.leaves))]
        group[1] = LIST, (STRUCT, columns)
        for number in (2, 6):  # the group's bytes, before and after compression
            if number in group:
                group[number] = I64, group[number][1] + sum(len(chunk.content.pages) for chunk in chunks)
        if 4 in group:
            group[4] = LIST, (STRUCT, [_moved(read(raw), places) for raw in group[4][1][1]])
    told[2] = LIST, (STRUCT, template.elements)
    told[4] = LIST, (STRUCT, groups)
    told[7] = LIST, (STRUCT, template.orders)
    end = written(told)
    return bytes(out) + end + len(end).to_bytes(4, "little") + _MAGIC


def _moved(sorting: Fields, places: Mapping[int, int]) -> Fields:
    return sorting | {1: (I32, places[sorting[1][1]])}


def _places(elements: Sequence[Raw], template: _Template) -> dict[int, int]:
    """
    Return which of the file's leaves each of the template's is; those that are missing are left out.
    """
    wanted = iter(enumerate(template.leaves))
    known: dict[int, int] = {}
    for old, path in enumerate(_leaf_paths(elements)):
        found = next((place for place, leaf in wanted if leaf.path == path), None)
        if found is None:
            raise ValueError(f"a column {b'.'.join(path)!r} that the schema does not have there")
        known[found] = old
    return known


def _leaf_paths(elements: Sequence[Raw]) -> Iterator[tuple[bytes, ...]]:
    """
    Yield the path of each leaf: elements are a tree, each before its children, whose number it says.
    """
    open_groups: list[tuple[bytes, int]] = []  # names, and how many children are to come
    for number, raw in enumerate(elements):
        element = read(raw)
        name, children = element[4][1], element.get(5, (I32, 0))[1]
        if number:
            if not children:
                yield (*(group for group, _ in open_groups[1:]), name)
            group, left = open_groups[-1]
            open_groups[-1] = group, left - 1
        if children:
            open_groups.append((name, children))
        while open_groups and not open_groups[-1][1]:
            open_groups.pop()


class _Chunk(NamedTuple):
    """
    A column chunk that was added.
    """

    fields: Fields
    content: _Content
    offset: int


def _chunks(
    out: bytearray, leaves: Iterable[_Leaf], rows: int, begin: int, values: Mapping[bytes, bytes]
) -> Iterator[_Chunk]:
    """
    Add the pages of each of *leaves* to *out*, which stands at *begin*, and yield their column chunks.
    """
    nulls = {repeated: _null(rows, repeated=repeated) for repeated in (False, True)}
    for leaf in leaves:
        value = values.get(leaf.path[0])
        if value is None and not leaf.optional:
            raise ValueError(f"no column {b'.'.join(leaf.path)!r}, which is never null")
        content = nulls[leaf.repeated] if value is None else _constant(rows, value, optional=leaf.optional)
        offset, size = begin + len(out), (I64, len(content.pages))
        about: Fields = {
            1: (I32, leaf.type),
            2: (LIST, (I32, content.encodings)),
            3: (LIST, (BINARY, leaf.path)),
            4: (I32, _UNCOMPRESSED),
            5: (I64, rows),
            6: size,
            7: size,
            9: (I64, offset + content.data),
            12: (STRUCT, content.statistics),
        }
        if content.data:
            about[11] = I64, offset
        out += content.pages
        yield _Chunk({2: (I64, 0), 3: (STRUCT, about)}, content, offset)


def _indexes(out: bytearray, chunks: Iterable[_Chunk], begin: int) -> list[Fields]:
    """
    Add the page indexes of *chunks* to *out*, and return these with the places of their indexes.
    """
    found = []
    for fields, content, offset in chunks:
        page: Fields = {1: (I64, offset + content.data), 2: (I32, len(content.pages) - content.data), 3: (I64, 0)}
        offsets = written({1: (LIST, (STRUCT, [page]))})
        for number, index in ((6, content.column_index), (4, offsets)):
            fields[number], fields[number + 1] = (I64, begin + len(out)), (I32, len(index))
            out += index
        found.append(fields)
    return found


def _null(rows: int, *, repeated: bool) -> _Content:
    """
    Return the content of a column chunk that is null *rows* times.
    """
    body = _levels(rows, 0) * (1 + repeated)  # those of repetition, too; at one or two bits each
    return _Content(
        pages=_data_page(rows, _PLAIN, body),
        data=0,
        encodings=(_PLAIN, _RLE),
        statistics={3: (I64, rows)},
        column_index=_column_index(b"", nulls=rows, only_nulls=True),
    )


def _constant(rows: int, value: bytes, *, optional: bool) -> _Content:
    """
    Return the content of a column chunk that is the text *value*, *rows* times.
    """
    text = len(value).to_bytes(4, "little") + value
    dictionary = _page(_DICTIONARY_PAGE, 7, {1: (I32, 1), 2: (I32, _PLAIN)}, text)
    places = b"\1" + _run(rows, 0)  # the first word of the dictionary, at one bit each
    levels = _levels(rows, 1) if optional else b""
    return _Content(
        pages=dictionary + _data_page(rows, _RLE_DICTIONARY, levels + places),
        data=len(dictionary),
        encodings=(_PLAIN, _RLE, _RLE_DICTIONARY),
        statistics={3: (I64, 0), 5: (BINARY, value), 6: (BINARY, value)},
        column_index=_column_index(value, nulls=0, only_nulls=False),
    )


def _column_index(value: bytes, *, nulls: int, only_nulls: bool) -> bytes:
    """
    Return what a column index says of one page: whether it is null, its least and greatest value, how many nulls.
    """
    return written({
        1: (LIST, (TRUE, [Raw([TRUE if only_nulls else FALSE])])),
        2: (LIST, (BINARY, [value])), 3: (LIST, (BINARY, [value])),
        4: (I32, _UNORDERED if only_nulls else _ASCENDING), 5: (LIST, (I64, [nulls])),
    })  # fmt: skip


def _data_page(rows: int, encoding: int, body: bytes) -> bytes:
    return _page(_DATA_PAGE, 5, {1: (I32, rows), 2: (I32, encoding), 3: (I32, _RLE), 4: (I32, _RLE)}, body)


def _page(kind: int, number: int, header: Fields, body: bytes) -> bytes:
    size = (I32, len(body))
    return written({1: (I32, kind), 2: size, 3: size, number: (STRUCT, header)}) + body


def _levels(rows: int, level: int) -> bytes:
    run = _run(rows, level)
    return len(run).to_bytes(4, "little") + run


def _run(count: int, value: int) -> bytes:
    """
    Return *count* times *value*, which takes up to eight bits.
    """
    return varint(count << 1) + bytes([value])


@lru_cache(8)
def _template_of(serialized: bytes) -> _Template:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.ipc.read_schema(pa.py_buffer(serialized))
    buffer = io.BytesIO()
    with parquet.ParquetWriter(buffer, schema, store_schema=False):
        pass
    file = buffer.getvalue()
    footer = file[-_END - int.from_bytes(file[-_END:-4], "little") : -_END]
    told = read(footer)
    columns = parquet.ParquetFile(buffer).schema
    leaves = []
    elements = told[2][1][1]
    types = [read(raw)[1][1] for raw in elements if 1 in read(raw)]
    for place, path in enumerate(_leaf_paths(elements)):
        column = columns.column(place)
        leaves.append(_Leaf(types[place], path, column.max_repetition_level > 0, column.max_definition_level > 0))
    return _Template(elements, leaves, told[7][1][1])
