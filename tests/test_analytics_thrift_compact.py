"""
Thrift's compact protocol, as far as a footer of Parquet needs it.
"""

import contextlib
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from recordkit.analytics.thrift_compact import (
    BINARY,
    FALSE,
    I32,
    I64,
    LIST,
    STRUCT,
    TRUE,
    Raw,
    read,
    varint,
    written,
)

INTEGERS = st.tuples(st.sampled_from([I32, I64]), st.integers(-(2**63), 2**63 - 1))
BINARIES = st.tuples(st.just(BINARY), st.binary(max_size=200))
BOOLEANS = st.sampled_from([(TRUE, None), (FALSE, None)])
NUMBERS = st.integers(1, 40) | st.integers(1, 2**15 - 1)
LEAVES = INTEGERS | BINARIES | BOOLEANS


def lists(values):
    """Lists of items of one type."""
    return st.one_of(
        st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40).map(lambda items: (LIST, (I32, items))),
        st.lists(st.binary(max_size=5), max_size=20).map(lambda items: (LIST, (BINARY, items))),
        st.lists(st.dictionaries(NUMBERS, values, max_size=3), max_size=20).map(lambda items: (LIST, (STRUCT, items))),
    )


STRUCTS = st.dictionaries(
    NUMBERS,
    st.recursive(
        LEAVES,
        lambda inner: lists(inner) | st.dictionaries(NUMBERS, inner, max_size=4).map(lambda fields: (STRUCT, fields)),
        max_leaves=20,
    ),
    max_size=6,
)


def whole(fields):
    """A struct that was read, read to its leaves."""
    found = {}
    for number, (kind, value) in fields.items():
        plain = value
        if kind == STRUCT:
            plain = whole(read(value))
        elif kind == LIST:
            plain = value[0], [item_of(value[0], item) for item in value[1]]
        found[number] = kind, plain
    return found


def item_of(kind, raw):
    """What an item of a list is; it is a field's value, so it is read as one."""
    if kind == STRUCT:
        return whole(read(raw))
    return read(bytes([0x10 | kind]) + raw + b"\0")[1][1]


@given(STRUCTS)
def test_what_is_written_is_read(fields):
    """A struct of any fields comes back, also from the pieces that it was read as."""
    data = written(fields)
    told = read(data)
    assert whole(told) == fields
    assert written(told) == data


@given(STRUCTS, st.binary(max_size=5))
def test_what_follows_is_not_looked_at(fields, behind):
    """A struct ends where it says."""
    assert read(written(fields) + behind) == read(written(fields))


@given(STRUCTS, st.data())
def test_a_struct_that_is_cut_is_refused(fields, data):
    """Of a struct that is cut anywhere nothing is read."""
    whole_one = written(fields)
    cut = data.draw(st.integers(0, len(whole_one) - 1))
    with pytest.raises((IndexError, ValueError)):
        read(whole_one[:cut])


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    """Bytes that are no struct give one or are refused, and nothing else happens."""
    with contextlib.suppress(IndexError, ValueError):
        read(data)


@pytest.mark.parametrize(("number", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_numbers_as_the_specification_writes_them(number, data):
    """Seven bits a byte, the lowest first."""
    assert varint(number) == data


def test_fields_as_the_specification_writes_them():
    """A field's type and its distance to the one before share a byte; a distance over 15 does not fit."""
    assert written({1: (I32, -1), 3: (TRUE, None), 20: (BINARY, b"ab")}) == b"\x15\x01\x21\x08\x28\x02ab\x00"
    assert written({1: (LIST, (I64, [1, 2]))}) == b"\x19\x26\x02\x04\x00"


def test_a_footer_of_parquet_is_read():
    """What the library wrote is written back to the letter."""
    buffer = io.BytesIO()
    table = pa.table({"a": [1, None], "b": [[b"\xff"], None], "c": ["x", "y"]})
    parquet.write_table(table, buffer, write_page_index=True, sorting_columns=[parquet.SortingColumn(0)])
    end = buffer.getvalue()
    footer = end[-8 - int.from_bytes(end[-8:-4], "little") : -8]
    told = read(footer)
    assert written(told) == footer
    assert told[3] == (I64, 2)


def test_values_that_are_not_known_are_refused():
    """A type that the protocol does not have is neither read nor written."""
    with pytest.raises(ValueError, match="type"):
        read(b"\x1f\x00")
    with pytest.raises(ValueError, match="type"):
        written({1: (13, 5)})
    assert written({1: (STRUCT, Raw(b"\0"))}) == b"\x1c\x00\x00"
