from pathlib import Path

import pyarrow as pa

import recordkit.analytics
from recordkit.analytics.meanings import MEANINGS, UNITS
from recordkit.analytics.schema import EVENTS, RENAMED, Column, ColumnType, arrow_schema, arrow_type, markdown
from recordkit.analytics.tables import TABLES, documentation
from recordkit.events import KINDS

FIELDS = {name for kind in KINDS.values() for name in kind.fields}


def test_the_documentation_is_that_of_the_schema():
    """TABLES.md says what the schema says."""
    path = Path(recordkit.analytics.__file__).with_name("TABLES.md")
    assert path.read_text() == documentation(), "write it anew: recordkit.analytics.tables.documentation()"


def test_every_known_field_has_one_column_and_its_meaning():
    """Columns, meanings, units and new names are those of the fields that events have, and no others."""
    sources = [column.source for column in EVENTS if column.name not in ("rest", "time_digits")]
    assert sorted(sources) == sorted(FIELDS)
    assert MEANINGS.keys() == FIELDS
    assert UNITS.keys() <= FIELDS
    assert RENAMED.keys() <= FIELDS


def test_names_of_columns_are_names_in_sql():
    """No two columns of a table have one name, and none must be quoted."""
    reserved = {"from", "to", "offset", "select", "where", "order", "group", "table", "end"}
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert all(name.isidentifier() and name.islower() and name not in reserved for name in names)


def test_each_type_has_one_of_arrow():
    """Every type of column becomes a type of Arrow; times are UTC in nanoseconds, and repeating text a dictionary."""
    types = {kind: arrow_type(kind) for kind in ColumnType}
    assert types[ColumnType.TIME] == pa.timestamp("ns", "UTC")
    assert types[ColumnType.CATEGORY] == pa.dictionary(pa.int32(), pa.string())
    assert types[ColumnType.TEXT_MAP] == pa.map_(pa.string(), pa.string())
    assert types[ColumnType.TEXT_LIST] == pa.list_(pa.string())
    assert types[ColumnType.DATE] == pa.date32()
    assert types[ColumnType.FLOAT] == pa.float64()


def test_the_schema_of_arrow_explains_itself():
    """Meaning, unit and source go along with a field, unless they are not wanted."""
    column = Column(name="ms", type=ColumnType.INTEGER, unit="ms", nullable=False, source="delay", meaning="A delay")
    field = arrow_schema([column]).field("ms")
    assert field.metadata == {b"meaning": b"A delay", b"unit": b"ms", b"source": b"delay"}
    assert not field.nullable
    assert arrow_schema([column], documented=False).field("ms").metadata is None


def test_the_documentation_of_a_column_is_a_line():
    """A column's row of Markdown has its name, type, unit, nullability, source and meaning."""
    column = Column(name="ms", type=ColumnType.INTEGER, unit="ms", nullable=False, source="delay", meaning="A delay")
    assert markdown([column]).splitlines()[2] == "| `ms` | integer | ms | no | `delay` | A delay |"
    assert markdown([column]).count("\n") == 3
