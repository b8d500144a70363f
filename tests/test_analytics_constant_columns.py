"""
Columns that say the same in each row, put into a Parquet file that was written without them.
"""

import io

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from recordkit.analytics.constant_columns import add_constant_columns
from recordkit.analytics.parquet import write as write_rows
from recordkit.analytics.query_columns import QUERIES
from recordkit.analytics.schema import EVENTS, arrow_schema
from recordkit.errors import ExportError

SCHEMA = pa.schema([
    ("time", pa.timestamp("ns", "UTC")), ("name", pa.string()), ("count", pa.int64()), ("parts", pa.list_(pa.string())),
    ("labels", pa.map_(pa.string(), pa.string())), ("ok", pa.bool_()), ("digits", pa.int8()), ("day", pa.date32()), ("note", pa.string()),
])  # fmt: skip
STRICT = SCHEMA.append(pa.field("kind", pa.string(), nullable=False))
"""The same, and a column that is never null."""
VALUES = {
    "time": st.integers(0, 2**60), "name": st.text(max_size=4), "count": st.integers(-(2**63), 2**63 - 1), "parts": st.lists(st.text(max_size=2) | st.none(), max_size=3),
    "labels": st.dictionaries(st.text(max_size=2), st.text(max_size=2) | st.none(), max_size=2).map(lambda found: list(found.items())), "ok": st.booleans(),
    "digits": st.integers(-128, 127), "day": st.integers(0, 30_000), "note": st.text(max_size=4), "kind": st.text(max_size=4),
}  # fmt: skip


@st.composite
def tables(draw):
    """Rows of some columns of the schema."""
    names = draw(
        st.lists(st.sampled_from(STRICT.names), min_size=1, unique=True).filter(lambda names: names != ["kind"])
    )
    rows = draw(st.integers(0, 12))
    columns = {
        name: draw(st.lists(VALUES[name] | st.none() if field.nullable else VALUES[name], min_size=rows, max_size=rows))
        for name, field in zip(STRICT.names, STRICT, strict=True)
        if name in names
    }
    return pa.table(columns, pa.schema([STRICT.field(name) for name in columns]))


def write(table, path, *, schema=SCHEMA, group=5, sort=None, values=None, **options):
    """A file of *table* with all columns of the schema."""
    sorting = None if sort is None else [parquet.SortingColumn(table.column_names.index(sort), nulls_first=False)]
    parquet.write_table(
        table,
        path,
        row_group_size=group,
        write_page_index=True,
        store_schema=False,
        compression="zstd",
        sorting_columns=sorting,
        **options,
    )
    never_null = {field.name: "" for field in schema if not field.nullable and field.name not in table.column_names}
    add_constant_columns(path, schema, never_null | (values or {}))


def whole(table, values):
    """*table* with all columns of the schema."""
    columns = [
        table[name] if name in table.column_names
        else pa.repeat(pa.scalar(values.get(name, "")), len(table)) if name in values or name == "kind"
        else pa.nulls(len(table), kind)
        for name, kind in zip(STRICT.names, STRICT.types, strict=True)
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=STRICT)


QUESTIONS = (
    "SELECT * FROM '{}'", "SELECT count(*) FROM '{}' WHERE note IS NULL AND parts IS NULL",
    "SELECT name FROM '{}' WHERE count > 0 OR labels IS NULL", "SELECT count, name FROM '{}' WHERE name = 'x' AND note >= ''",
)  # fmt: skip


@given(
    table=tables(),
    values=st.dictionaries(st.sampled_from(["name", "note", "kind"]), st.sampled_from(["", "x", "é\0", "long" * 3000])),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_reader_finds_all_columns(tmp_path, table, values):
    """Arrow, its datasets, DuckDB, Polars and pandas read what a file that was written whole would give."""
    path, other = tmp_path / "ours.parquet", tmp_path / "whole.parquet"
    values = {name: text for name, text in values.items() if name not in table.column_names}
    write(table, path, schema=STRICT, values=values)
    parquet.write_table(whole(table, values), other, row_group_size=5, store_schema=False)
    assert parquet.ParquetFile(path).read().equals(parquet.ParquetFile(other).read())
    assert parquet.read_table(path, pre_buffer=True).equals(parquet.read_table(other))
    assert ds.dataset(path).to_table().equals(ds.dataset(other).to_table())
    assert ds.dataset(path).count_rows(filter=ds.field("name") == "x") == ds.dataset(other).count_rows(
        filter=ds.field("name") == "x"
    )
    for sql in QUESTIONS:
        assert duckdb.sql(sql.format(path)).fetchall() == duckdb.sql(sql.format(other)).fetchall()
    assert pl.read_parquet(path).equals(pl.read_parquet(other))
    found, wanted = (pl.scan_parquet(one).filter(pl.col("name") == "x").collect() for one in (path, other))
    assert found.equals(wanted)
    pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(other))


def file_of(tmp_path, **columns):
    path = tmp_path / "file.parquet"
    write(pa.table({name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}), path)
    return path


def test_a_null_column_takes_next_to_nothing(tmp_path):
    """A hundred columns of a hundred thousand nulls are some bytes each, page, indexes and footer together."""
    schema = arrow_schema(EVENTS, documented=False)
    table = pa.table({"time": pa.array(range(100_000), schema.field("time").type)})
    parquet.write_table(table, tmp_path / "few.parquet", store_schema=False)
    before = (tmp_path / "few.parquet").stat().st_size
    add_constant_columns(tmp_path / "few.parquet", schema, {})
    assert (tmp_path / "few.parquet").stat().st_size - before < 250 * len(schema)
    assert parquet.ParquetFile(tmp_path / "few.parquet").read().num_rows == 100_000


def test_statistics_say_that_all_is_null(tmp_path):
    """Each null column counts its nulls, in each row group and page, so that readers pass over it."""
    path = file_of(tmp_path, count=[1, 2, 3, None, 5, 6, 7])
    told = parquet.ParquetFile(path).metadata
    assert (told.num_rows, told.num_row_groups) == (7, 2)
    for group, rows in ((0, 5), (1, 2)):
        chunks = {
            told.row_group(group).column(place).path_in_schema: told.row_group(group).column(place)
            for place in range(told.num_columns)
        }
        for name, chunk in chunks.items():
            assert chunk.num_values == rows
            assert chunk.has_offset_index, name
            assert chunk.has_column_index, name
            if name != "count":
                assert (chunk.statistics.null_count, chunk.statistics.has_min_max) == (rows, False)
                assert chunk.total_compressed_size < 40
        assert (chunks["count"].statistics.min, chunks["count"].statistics.max) == ((1, 5), (6, 7))[group]
        assert told.row_group(group).total_byte_size >= sum(chunk.total_uncompressed_size for chunk in chunks.values())


def test_statistics_say_what_a_constant_is(tmp_path):
    """A column of one text says so, in statistics and index, and takes its text once a row group."""
    path = tmp_path / "file.parquet"
    write(pa.table({"count": pa.array(range(7))}), path, values={"name": "alice"})
    told = parquet.ParquetFile(path).metadata
    for group, rows in ((0, 5), (1, 2)):
        chunk = next(
            one for one in map(told.row_group(group).column, range(told.num_columns)) if one.path_in_schema == "name"
        )
        assert (chunk.statistics.min, chunk.statistics.max, chunk.statistics.null_count) == ("alice", "alice", 0)
        assert (chunk.num_values, chunk.has_dictionary_page, chunk.has_column_index) == (rows, True, True)
        assert set(chunk.encodings) == {"PLAIN", "RLE", "RLE_DICTIONARY"}
        assert chunk.total_compressed_size < 80
    table = parquet.ParquetFile(path, read_dictionary=["name"]).read()
    assert table["name"].type == pa.dictionary(pa.int32(), pa.string())
    assert table["name"].to_pylist() == ["alice"] * 7


def test_the_sorting_column_is_still_the_same(tmp_path):
    """What the file is sorted by keeps its column, wherever that is now."""
    path = tmp_path / "file.parquet"
    write(pa.table({"count": pa.array([1, 2]), "note": ["a", "b"]}), path, sort="note")
    told = parquet.ParquetFile(path).metadata
    (sorting,) = told.row_group(0).sorting_columns
    assert told.schema.column(sorting.column_index).path == "note"
    assert not sorting.nulls_first


def test_key_value_metadata_stay(tmp_path):
    """What else the footer says is copied."""
    path = tmp_path / "file.parquet"
    parquet.write_table(pa.table({"count": [1]}), path, store_schema=False)
    told = parquet.ParquetFile(path).metadata
    with parquet.ParquetWriter(path, pa.schema([SCHEMA.field("count")]), store_schema=False) as writer:
        writer.add_key_value_metadata({"a": "b" * 200, "ä": "\x00"})
        writer.write_table(pa.table({"count": pa.array([1], pa.int64())}))
    add_constant_columns(path, SCHEMA, {})
    found = parquet.ParquetFile(path).metadata
    assert (found.metadata[b"a"], found.metadata["ä".encode()]) == (b"b" * 200, b"\x00")
    assert (found.created_by, found.format_version) == (told.created_by, told.format_version)


def test_files_with_other_columns_are_one_table(tmp_path):
    """Files that fill different columns are read together as if each had all."""
    for number, columns in enumerate(({"count": [1]}, {"name": ["x"], "parts": [["y"]]}, {"labels": [[("k", "v")]]})):
        file_of(tmp_path, **columns).rename(tmp_path / f"{number}.parquet")
    assert ds.dataset(tmp_path).to_table().select(["count", "name", "parts"]).to_pylist() == [
        {"count": 1, "name": None, "parts": None}, {"count": None, "name": "x", "parts": ["y"]}, {"count": None, "name": None, "parts": None},
    ]  # fmt: skip
    found = duckdb.sql(
        f"SELECT count, name, parts, labels['k'] FROM '{tmp_path}/*.parquet' ORDER BY filename, count"
    ).fetchall()
    assert found == [(1, None, None, None), (None, "x", ["y"], None), (None, None, None, "v")]


def test_pages_of_filled_columns_are_still_found_by_their_index(tmp_path):
    """A reader that goes by the page index of a filled column reads null columns beside it."""
    path = tmp_path / "file.parquet"
    table = pa.table({"count": pa.array(range(50_000), pa.int64())})
    write(table, path, group=50_000, data_page_size=1000)
    found = ds.dataset(path).to_table(filter=ds.field("count") == 41_234)
    assert found.to_pylist() == [dict.fromkeys(SCHEMA.names) | {"count": 41_234}]
    assert pl.scan_parquet(path).filter(pl.col("count") == 41_234).select("count", "note").collect().rows() == [
        (41_234, None)
    ]
    assert duckdb.sql(f"SELECT count, note FROM '{path}' WHERE count = 41234").fetchall() == [(41_234, None)]


@pytest.mark.parametrize("columns", [EVENTS, QUERIES], ids=["events", "queries"])
def test_a_file_with_all_columns_stays_as_it_is(tmp_path, columns):
    """Nothing is written where nothing is missing."""
    schema = arrow_schema(columns, documented=False)
    path = tmp_path / "file.parquet"
    parquet.write_table(schema.empty_table(), path)
    before = path.read_bytes()
    add_constant_columns(path, schema, {})
    assert path.read_bytes() == before


def test_a_column_that_is_never_null_has_a_value(tmp_path):
    """A file that lacks it, and is told no value for it, is refused: no reader could make sense of nulls there."""
    path = tmp_path / "file.parquet"
    parquet.write_table(pa.table({"name": ["a"]}), path)
    with pytest.raises(ExportError, match="no column b'kind', which is never null"):
        add_constant_columns(path, STRICT, {})


@pytest.mark.parametrize("name", ["other", "parts"])
def test_a_foreign_column_is_refused(tmp_path, name):
    """A file with a column that the schema does not have, there or so, is left alone."""
    path = tmp_path / "file.parquet"
    parquet.write_table(pa.table({name: [1]}), path)
    before = path.read_bytes()
    with pytest.raises(ExportError, match=r"file\.parquet"):
        add_constant_columns(path, SCHEMA, {})
    assert path.read_bytes() == before


def test_columns_in_another_order_are_refused(tmp_path):
    """The file's columns must come in the schema's order."""
    path = tmp_path / "file.parquet"
    parquet.write_table(pa.table({"note": ["x"], "name": ["y"]}), path)
    with pytest.raises(ExportError, match=r"file\.parquet"):
        add_constant_columns(path, SCHEMA, {})


def test_damage_is_refused(tmp_path):
    """A footer that is cut or changed is refused, or gives a file; nothing else is raised, and what is refused stays."""
    path = tmp_path / "file.parquet"
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"count": [1, 2], "note": ["x", "y"]}), buffer, store_schema=False)
    data = buffer.getvalue()
    length = int.from_bytes(data[-8:-4], "little")
    for size in (0, 3, 7, 8, 11, length, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(ExportError):
            add_constant_columns(path, SCHEMA, {})
        assert path.read_bytes() == data[:size]
    for at in range(len(data) - length - 8, len(data) - 8):
        changed = bytearray(data)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        try:
            add_constant_columns(path, SCHEMA, {})
        except ExportError:
            assert path.read_bytes() == changed


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 100_000])
def test_a_file_gives_back_texts_of_any_length(tmp_path, size):
    """A text that is in each row comes back, and one that is long is not in the footer again and again."""
    schema = arrow_schema(EVENTS, documented=False)
    user = pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), pa.array(["u" * size]))
    rows = pa.table({"time": pa.array(range(500), schema.field("time").type), "user": user, "ei": pa.array(range(500))})
    path = tmp_path / "file.parquet"
    assert write_rows(rows, path, EVENTS, time="time") == path.stat().st_size
    found = parquet.ParquetFile(path).read()
    assert found.schema.equals(schema)
    assert found["user"].to_pylist() == ["u" * size] * 500
    assert [name for name in found.column_names if found[name].null_count < 500] == ["time", "ei", "user"]
    assert path.stat().st_size < 45_000 + min(size, 10_000)
