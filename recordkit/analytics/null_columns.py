"""
Columns without a value, put into a Parquet file that was written without them.

Of the hundred and more columns of `events`, a file fills some twenty. The library writes the others value by value:
each null costs its definition level, a bit of validity and its share of a page, 0.65 of the 1.1 µs that an event took
in all. A column chunk that is null throughout says the same in one page of 25 bytes, since levels are run-length
encoded. So the library writes the filled columns, and here the file's end is written anew:

    …the filled columns' pages and page indexes, untouched
    a page for each null column and row group
    their column and offset indexes
    the footer, with all columns in order

What a column is (its type, its levels, its elements of the schema) is taken from an empty file that the library writes
with the whole schema; of the old footer all that is not named here is copied as it stands.

Source: parquet-format, src/main/thrift/parquet.thrift (the numbers of fields below are its) and Encodings.md.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.thrift_compact import BINARY, I32, I64, LIST, STRUCT, TRUE, Fields, Raw, read, varint, written
from recordkit.errors import ExportError

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC: Final = b"PAR1"
_END: Final = 4 + len(_MAGIC)
"""Bytes behind the footer: its length, the magic."""
_PLAIN, _RLE, _UNCOMPRESSED, _DATA_PAGE, _UNORDERED = 0, 3, 0, 0, 0


class _Leaf(NamedTuple):
    """
    A column of the file's format; a list or a map of ours has one or two.

    Attributes:
        column: The place of our column.
        type: Parquet's number of its physical type.
        path: Names from the schema's root.
        repeated: It has repetition levels.
    """

    column: int
    type: int
    path: tuple[bytes, ...]
    repeated: bool


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


def add_null_columns(path: Path, schema: "pa.Schema") -> None:
    """
    Give the Parquet file *path* the columns of *schema* that it lacks, null in each row.

    The file is changed in place, behind its last page index; it is not synced.

    Args:
        path: A file that `pyarrow.parquet` has just written.
        schema: Its columns, in their order, and others between them.

    Raises:
        ExportError: The file is no such file.
        OSError: The disk refuses.
    """
    template = _template_of(schema.serialize().to_pybytes())
    with path.open("r+b") as file:
        begin, footer = _footer_of(file, path)
        try:
            end = _end_with(footer, template, begin)
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


def _end_with(footer: bytes, template: _Template, begin: int) -> bytes | None:
    """
    Return what stands in the file from *begin* on, in place of *footer*; None if no column is missing.

    Raises:
        ValueError: The footer's columns are not among the template's.
    """
    told = read(footer)
    groups = [read(raw) for raw in told[4][1][1]]
    known = _places(told[2][1][1], template)
    if len(known) == len(template.leaves):
        return None
    places = {old: new for new, old in known.items()}
    out = bytearray()
    nulls = [leaf for place, leaf in enumerate(template.leaves) if place not in known]
    made: list[dict[int, Fields]] = []
    for group in groups:
        rows = group[3][1]
        made.append(dict(zip((place for place in range(len(template.leaves)) if place not in known),
                             _pages(out, nulls, rows, begin), strict=True)))  # fmt: skip
    _indexes(out, made, begin)
    for group, chunks in zip(groups, made, strict=True):
        old = group[1][1][1]
        group[1] = LIST, (STRUCT, [old[known[place]] if place in known else chunks[place]
                                     for place in range(len(template.leaves))])  # fmt: skip
        added = sum(chunk[3][1][7][1] for chunk in chunks.values())
        for number in (2, 6):  # the group's bytes, before and after compression
            if number in group:
                group[number] = I64, group[number][1] + added
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


def _pages(out: bytearray, leaves: Sequence[_Leaf], rows: int, begin: int) -> Iterator[Fields]:
    """
    Add a page for each of *leaves* to *out*, which stands at *begin*, and yield their column chunks.
    """
    run = varint(rows << 1) + b"\0"  # `rows` times the level zero, at one or two bits
    levels = len(run).to_bytes(4, "little") + run
    pages = {}
    for repeated in (False, True):
        body = levels * (1 + repeated)
        header: Fields = {1: (I32, rows), 2: (I32, _PLAIN), 3: (I32, _RLE), 4: (I32, _RLE)}
        size = (I32, len(body))
        pages[repeated] = written({1: (I32, _DATA_PAGE), 2: size, 3: size, 5: (STRUCT, header)}) + body
    for leaf in leaves:
        page = pages[leaf.repeated]
        size = (I64, len(page))
        about: Fields = {
            1: (I32, leaf.type),
            2: (LIST, (I32, [_PLAIN, _RLE])),
            3: (LIST, (BINARY, leaf.path)),
            4: (I32, _UNCOMPRESSED),
            5: (I64, rows),
            6: size,
            7: size,
            9: (I64, begin + len(out)),
            12: (STRUCT, {3: (I64, rows)}),  # statistics: nulls
        }
        out += page
        yield {2: (I64, 0), 3: (STRUCT, about)}


def _indexes(out: bytearray, groups: Sequence[Mapping[int, Fields]], begin: int) -> None:
    """
    Add the page indexes of null columns to *out*, and say so in their column chunks.
    """
    for chunks in groups:
        columns = b""
        for chunk in chunks.values():
            about = chunk[3][1]
            rows, size, offset = about[5][1], about[7][1], about[9][1]
            columns = columns or written({
                1: (LIST, (TRUE, [Raw([TRUE])])),  # the page is of nulls
                2: (LIST, (BINARY, [b""])), 3: (LIST, (BINARY, [b""])),
                4: (I32, _UNORDERED), 5: (LIST, (I64, [rows])),
            })  # fmt: skip
            location: Fields = {1: (I64, offset), 2: (I32, size), 3: (I64, 0)}
            offsets = written({1: (LIST, (STRUCT, [location]))})
            for number, index in ((6, columns), (4, offsets)):
                chunk[number], chunk[number + 1] = (I64, begin + len(out)), (I32, len(index))
                out += index


@lru_cache(8)
def _template_of(serialized: bytes) -> _Template:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.ipc.read_schema(pa.py_buffer(serialized))
    buffer = io.BytesIO()
    with parquet.ParquetWriter(buffer, schema, store_schema=False):
        pass
    written = buffer.getvalue()
    footer = written[-_END - int.from_bytes(written[-_END:-4], "little") : -_END]
    told = read(footer)
    columns = parquet.ParquetFile(buffer).schema
    leaves = []
    elements = told[2][1][1]
    types = [read(raw)[1][1] for raw in elements if 1 in read(raw)]
    for place, path in enumerate(_leaf_paths(elements)):
        repeated = columns.column(place).max_repetition_level > 0
        leaves.append(_Leaf(schema.get_field_index(path[0].decode()), types[place], path, repeated))
    return _Template(elements, leaves, told[7][1][1])
