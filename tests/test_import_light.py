"""
A proxy imports recordkit on its way up: nothing heavy comes with it. A verb loads what it needs.
"""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from recordkit.recorder import Recorder

ROOT = Path(__file__).parents[1]
SID = "307b49d6-56c7-4d20-8cf0-5bc5348a7101"

HEAVY = {"pyarrow", "prompt_toolkit", "sqlparse", "asyncio", "yaml", "pandas", "numpy", "cryptography", "pglast"}
LAZY = ["recordkit", "recordkit.render", "recordkit.transcript"]

HELP = {"recordkit.store", "recordkit.container", "recordkit.events", "sqlite3", "zstandard", "orjson"}
OTHERS = {"recordkit.playback", "recordkit.terminal", "recordkit.sql", "recordkit.recorder", "recordkit.analytics"}
TRANSLATORS = {
    f"recordkit.transcript.{name}"
    for name in (
        "cassandra", "clickhouse", "cockroachdb", "dynamodb", "elasticsearch", "generic", "mongodb", "mysql", "native",
        "oracle", "phrases", "postgres", "redis", "result_table", "segments", "snowflake", "spanner", "sqlserver",
    )
}  # fmt: skip
RENDERERS = {f"recordkit.render.{name}" for name in ("asciicast", "html_page", "json_array", "jsonl", "yaml_stream")}


def loaded_by(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint('loaded', *sys.modules)", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(done.stdout.rpartition("loaded ")[2].split())


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    with Recorder(root) as recorder, recorder.session(sid=SID, db_protocol="postgres", user="alice") as session:
        session.query("SELECT 1")
    return root


def test_import_loads_no_heavy_library():
    """None of the Parquet, terminal, SQL, asyncio, YAML and command-line libraries is loaded by `import recordkit`."""
    loaded = loaded_by("import recordkit, recordkit.recorder, recordkit.store")
    tops = {name.partition(".")[0] for name in loaded}
    assert "zstandard" in tops
    assert tops & (HEAVY | {"click"}) == set()


def test_what_a_proxy_uses_loads_no_heavy_library(tmp_path):
    """Nor does recording a session, or finding it again."""
    program = (
        "import recordkit\nwith recordkit.Recorder(sys.argv[1]) as recorder, recorder.session() as session:\n"
        "    session.query('SELECT 1')\nprint(*recordkit.open_store(sys.argv[1]))"
    )
    tops = {name.partition(".")[0] for name in loaded_by(program, str(tmp_path / "store"))}
    assert "sqlite3" in tops
    assert tops & (HEAVY | {"click"}) == set()


def test_import_alone_loads_next_to_nothing():
    """Before anything of it is used, the library costs its errors, limits and the names it will load."""
    loaded = {name for name in loaded_by("import recordkit") if name.startswith("recordkit.")}
    assert loaded == {"recordkit.errors", "recordkit.lazy_names", "recordkit.limits", "recordkit.version"}


@pytest.mark.parametrize(
    ("arguments", "needed", "spared"),
    [
        (["--help"], {"click"}, HELP | OTHERS | TRANSLATORS | RENDERERS),
        (["--version"], {"click"}, HELP | OTHERS | TRANSLATORS | RENDERERS),
        (["ls"], {"recordkit.store"}, OTHERS | TRANSLATORS | RENDERERS | {"recordkit.verification"}),
        (["ls", "--format", "json"], {"recordkit.store"}, OTHERS | (TRANSLATORS - {"recordkit.transcript.segments"})),
        (["show", "307b"], {"recordkit.store"}, OTHERS | TRANSLATORS | RENDERERS),
        (
            ["play", "--format", "text", "307b"],
            {"recordkit.transcript.postgres"},
            OTHERS | RENDERERS | {"recordkit.transcript.mysql", "recordkit.verification"},
        ),
        (
            ["play", "--format", "jsonl", "307b"],
            {"recordkit.container"},
            OTHERS | RENDERERS | {"recordkit.transcript.postgres", "recordkit.verification"},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_verb_loads_what_it_needs(store, arguments, needed, spared):
    """Help needs no store, a list no transcript, a session's text its own protocol's alone, and none a heavy library."""
    program = "from recordkit.cli.main import main\nassert main(sys.argv[1:]) == 0"
    loaded = loaded_by(program, "--store", str(store), *arguments)
    assert needed <= loaded
    assert loaded & spared == set()
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


@pytest.mark.parametrize("name", LAZY)
def test_a_package_that_loads_late_has_all_its_names(name):
    """Each name of `__all__` is there when it is asked for, is listed before, and no other is made up."""
    fresh = f"import {name} as package\nassert set(package.__all__) <= set(dir(package))"
    assert name in loaded_by(fresh)
    package = importlib.import_module(name)
    assert set(package.__all__) <= set(dir(package))
    found = {}
    exec(f"from {name} import *", found)
    assert set(package.__all__) <= set(found)
    with pytest.raises(AttributeError, match=rf"'{name}' has no attribute 'no_such_name'"):
        _ = package.no_such_name


@pytest.mark.parametrize("name", LAZY)
def test_a_late_name_is_what_its_module_has(name):
    """Asking twice gives the same object, the one of the module that defines it."""
    package = importlib.import_module(name)
    for one in package.__all__:
        value = getattr(package, one)
        assert getattr(package, one) is value
        home = getattr(value, "__module__", None)
        if home is not None:
            assert getattr(sys.modules[home], one) is value
