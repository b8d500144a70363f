import ast
import re
import sys
from fnmatch import fnmatch

import pytest

from source_modules import PACKAGE, ROOT, imports, modules

MODULES = modules()
TEST_FILES = sorted((ROOT / "tests").glob("test_*.py"))
LONGEST_MODULE = 500

# Where a library may be imported at all. A new entry is a decision: each library has one home.
HOMES = {
    "zstandard": ["container/frames.py"],
    "struct": ["container/layout.py"],
    "orjson": [
        "events/codec.py",
        "container/header.py", "container/index.py",  # the format's own JSON: attributes and summary
        "container/parsing.py",  # all lines of a chunk in one call
        "recorder/lines.py", "recorder/session.py",  # the hot path
        "analytics/rows.py",  # columns that hold JSON, and the rest
        "analytics/statements.py",  # parameters as JSON text
    ],
    "sqlite3": ["store/catalog.py", "store/migrations.py"],
    "click": ["cli/*.py"],
    "yaml": ["render/yaml_stream.py"],
    "prompt_toolkit": ["terminal/application.py"],
    "pyarrow": ["analytics/*.py"],
    "sqlparse": ["sql/formatting.py"],
    "pglast": ["sql/postgres_parser.py"],
    "cryptography": ["container/signatures.py"],
}  # fmt: skip

# Libraries that cost too much to be loaded by importing recordkit, and the packages that are not loaded by it.
HEAVY = {
    "pyarrow",
    "prompt_toolkit",
    "sqlparse",
    "yaml",
    "asyncio",
    "pandas",
    "polars",
    "duckdb",
    "click",
    "pglast",
    "cryptography",
}
NOT_LOADED = ("cli/", "terminal/", "analytics/")

# Calls that only some modules may make: what is called -> those modules.
CALLS = {
    "print": ["cli/*.py"],
    "breakpoint": [],
    "exit": [],
    "quit": [],
    "sys.exit": ["cli/*.py"],
    "os._exit": ["analytics/export_workers.py"],  # of a worker whose export was killed
    "SystemExit": ["cli/*.py"],
    "logging.basicConfig": [],
    **{f"logging.{level}": [] for level in ("debug", "info", "warning", "error", "exception", "critical", "log")},
    "time.time": ["clock.py"],
    # a file's times are the machine's, whatever the caller's clock says
    "time.time_ns": ["clock.py", "store/placing.py", "store/recovery.py"],
    "datetime.now": ["clock.py"],
    "datetime.utcnow": ["clock.py"],
    "datetime.today": ["clock.py"],
    "date.today": ["clock.py"],
    "datetime.datetime.now": ["clock.py"],
    "datetime.date.today": ["clock.py"],
}


def allowed(path, homes):
    return any(fnmatch(path, home) for home in homes)


def collected(tree):
    """The functions of a test file that pytest collects."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node


def is_one_sentence(text):
    """Whether *text* has one full stop, at its end."""
    text = " ".join((text or "").split())
    return len(text.split()) > 2 and text.endswith(".") and not re.search(r"[.!?]['\")`]* +[A-Z]", text)


def homeless(tree, path):
    """The libraries that a module imports though it is not their home."""
    found = {(imported.module.split(".")[0], imported.line) for imported in imports(tree)}
    return [
        f"{path}:{line} imports {library}"
        for library, line in sorted(found)
        if library in HOMES and not allowed(path, HOMES[library])
    ]


def loaded(tree, path):
    """The heavy libraries that importing a module would load."""
    if path.startswith(NOT_LOADED):
        return []
    found = [imported for imported in imports(tree) if imported.at_import]
    return [f"{path}:{one.line} loads {one.module}" for one in found if one.module.split(".")[0] in HEAVY]


def forbidden_calls(tree, path):
    """The calls, and names taken for later, that a module may not make."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = ast.unparse(node)
            if name in CALLS and not allowed(path, CALLS[name]):
                yield f"{path}:{node.lineno} uses {name}"


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_each_test_says_in_one_sentence_what_it_shows(path):
    """Every test has a docstring that is one sentence."""
    wrong = [
        f"{path.name}:{test.lineno} {test.name}: {ast.get_docstring(test)!r}"
        for test in collected(ast.parse(path.read_text()))
        if not is_one_sentence(ast.get_docstring(test))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_two_tests_of_a_file_have_one_name():
    """A test that is defined twice under one name would run once."""
    for path in TEST_FILES:
        names = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        assert len(names) == len(set(names)), (path.name, {name for name in names if names.count(name) > 1})


@pytest.mark.parametrize("path", MODULES)
def test_a_module_is_short(path):
    """No module is longer than 500 lines."""
    assert len((PACKAGE / path).read_text().splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES)
def test_a_module_keeps_the_house_rules(path):
    """Imports are absolute, each library is at home, nothing heavy loads, nothing prints, exits or asks for the time."""
    tree = MODULES[path]
    relative = [f"{path}:{one.line} imports {one.module}" for one in imports(tree) if one.module.startswith(".")]
    wrong = [*relative, *homeless(tree, path), *loaded(tree, path), *forbidden_calls(tree, path)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", MODULES)
def test_a_module_says_what_it_is_for(path):
    """Every module begins with a docstring."""
    assert ast.get_docstring(MODULES[path])


def test_each_library_is_at_its_home():
    """The list of homes names what is there: every home but a pattern exists, and every library is imported somewhere."""
    imported = {path: {one.module.split(".")[0] for one in imports(tree)} for path, tree in MODULES.items()}
    for library, homes in HOMES.items():
        assert any(library in found for found in imported.values()), library
        for home in homes:
            assert any(fnmatch(path, home) for path in MODULES), (library, home)


def test_only_the_standard_library_and_the_named_libraries_are_imported():
    """The package imports nothing that is not Python's, its own, or one of its dependencies."""
    known = set(sys.stdlib_module_names) | set(HOMES) | HEAVY | {"recordkit"}
    for path, tree in MODULES.items():
        assert {one.module.split(".")[0] for one in imports(tree)} <= known, path


# ---------------------------------------------------------------- the rules can fail


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("store/rows.py", "import zstandard", "store/rows.py:1 imports zstandard"),
        ("store/rows.py", "def f():\n    import orjson", "store/rows.py:2 imports orjson"),
        ("recorder/pending.py", "from struct import Struct", "recorder/pending.py:1 imports struct"),
        ("store/rows.py", "import sqlite3.dbapi2", "store/rows.py:1 imports sqlite3"),
        ("render/text.py", "import click", "render/text.py:1 imports click"),
    ],
)
def test_a_library_away_from_home_is_found(path, source, found):
    """The check of homes sees imports of any form, in functions too."""
    assert homeless(ast.parse(source), path) == [found]


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("render/yaml_stream.py", "import yaml", ["render/yaml_stream.py:1 loads yaml"]),
        ("recorder/session.py", "class A:\n    from asyncio import sleep", ["recorder/session.py:2 loads asyncio"]),
        ("a.py", "try:\n    import pyarrow.parquet\nexcept ImportError:\n    pass", ["a.py:2 loads pyarrow.parquet"]),
        ("a.py", "def f():\n    import asyncio", []),
        ("a.py", "if TYPE_CHECKING:\n    import pyarrow", []),
        ("a.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import pyarrow", ["a.py:4 loads pyarrow"]),
        ("cli/a.py", "import click", []),
        ("analytics/arrow.py", "import pyarrow", []),
    ],
)
def test_a_heavy_import_is_found_where_it_runs(path, source, found):
    """The check of heavy imports sees those that run on import, and only those."""
    assert loaded(ast.parse(source), path) == found


@pytest.mark.parametrize(
    ("path", "source", "count"),
    [
        ("a.py", "print(1)", 1), ("cli/a.py", "print(1)", 0), ("a.py", "import sys\nsys.exit(2)", 1),
        ("a.py", "raise SystemExit", 1), ("a.py", "logging.basicConfig()", 1), ("cli/a.py", "logging.basicConfig()", 1),
        ("a.py", "logging.warning('x')", 1), ("a.py", "logging.getLogger(__name__).warning('x')", 0),
        ("a.py", "now = time.time()", 1), ("a.py", "f(default_factory=time.time_ns)", 1), ("clock.py", "time.time()", 0),
        ("a.py", "datetime.now(UTC)", 1), ("cli/a.py", "datetime.datetime.now()", 1), ("a.py", "time.monotonic()", 0),
        ("a.py", '"""print(1) time.time()"""', 0),
    ],
)  # fmt: skip
def test_a_forbidden_call_is_found(path, source, count):
    """The check of calls sees calls and references, and no text."""
    assert len(list(forbidden_calls(ast.parse(source), path))) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It does this.", True), ("It does this, as\n    RFC 3339 says.", True), ("`close` may be called twice.", True),
        ("kill -9 loses nothing.", True), ("1.5 is 1.5, e.g. here.", True),
        ("", False), (None, False), ("It does this", False), ("It does this. And that.", False), ("Why? Because.", False),
        ("Works.", False), ("It does this.\n\nIt does that.", False),
    ],
)  # fmt: skip
def test_a_sentence_is_told_from_other_text(text, expected):
    """The check of docstrings wants one sentence, of more than two words, with a full stop."""
    assert is_one_sentence(text) is expected
