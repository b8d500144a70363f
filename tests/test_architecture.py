import ast
import re
import subprocess
import sys

import pytest

from source_modules import PACKAGE, ROOT, imports, modules

BASE = {"errors", "lazy_names", "limits", "clock", "version"}
ABOVE_ALL = {"__init__", "__main__"}  # the facade and the entry point stand above the layers
NOT_LOADED = {"cli", "terminal", "analytics"}  # by a proxy
NOT_AT_IMPORT = ["pyarrow", "prompt_toolkit", "sqlparse", "asyncio", "yaml", "click"]


def parse_layers(text):
    """
    Read the picture out of the README: layer -> the layers that it may import.
    """
    blocks = re.findall(r"^```layers\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if len(blocks) != 1:
        raise ValueError(f"expected one block of layers, found {len(blocks)}")
    layers = {}
    for line in blocks[0].splitlines():
        name, arrow, targets = (part.strip() for part in line.partition("->"))
        if not arrow and not name:
            continue
        if not re.fullmatch(r"[a-z_]+", name) or not arrow or name in layers:
            raise ValueError(f"not a line of the picture: {line!r}")
        layers[name] = [target.strip() for target in targets.split(",")] if targets else []
    return layers


def layer_of(path):
    """The layer of a module: its sub-package, or base; None for what stands above all."""
    first = path.removesuffix(".py").split("/")[0]
    return "base" if first in BASE else None if first in ABOVE_ALL else first


def imported_layers(tree, path):
    """
    Yield the layers that a module imports, with the line; the facade counts as one of its own.
    """
    for one in imports(tree):
        parts = one.module.split(".")
        if parts[0] != "recordkit":
            continue
        # `from recordkit import errors` means the module, `from recordkit import Recorder` the facade
        name = parts[1] if len(parts) > 1 else one.name
        is_module = name in BASE or (PACKAGE / name / "__init__.py").exists()
        yield (layer_of(f"{name}.py") if is_module and name else "the facade"), one.line


def faults_of_imports(trees, layers):
    """
    Return the imports between layers that the picture does not allow.
    """
    faults = []
    for path, tree in trees.items():
        layer = layer_of(path)
        if layer is None:
            continue
        faults += [
            f"{path}:{line}: {layer} may not import {target}"
            for target, line in imported_layers(tree, path)
            if target != layer and target not in layers.get(layer, [])
        ]
    return faults


def faults_of_picture(layers, packages):
    """
    Return what is wrong with the picture itself.
    """
    named = set(layers) | {target for targets in layers.values() for target in targets}
    faults = [f"{name} does not exist" for name in sorted(named - packages)]
    faults += [f"{name} is not in the picture" for name in sorted(packages - set(layers))]
    order = list(layers)
    faults += [
        f"{name} -> {target} points upwards"
        for name, targets in layers.items()
        for target in targets
        if target in layers and order.index(target) <= order.index(name)
    ]
    return faults


MODULES = modules()
PACKAGES = {path.split("/")[0] for path in MODULES if "/" in path} | {"base"}


@pytest.fixture(scope="module")
def layers():
    return parse_layers((ROOT / "README.md").read_text())


def test_the_picture_has_exactly_the_packages_and_no_cycle(layers):
    """Every sub-package is in the picture, everything in it exists, and all arrows point downwards."""
    assert faults_of_picture(layers, PACKAGES) == []


def test_imports_follow_the_arrows(layers):
    """No module imports a layer that its own has no arrow to."""
    assert faults_of_imports(MODULES, layers) == []


def test_each_arrow_is_used(layers):
    """The picture promises no more than the code uses: an arrow that nothing needs is gone from it, but to the base."""
    used = {(layer_of(path), target) for path, tree in MODULES.items() for target, _ in imported_layers(tree, path)}
    drawn = {(layer, target) for layer, targets in layers.items() for target in targets if target != "base"}
    assert drawn - used == set()


def test_the_top_of_the_package_is_known():
    """Beside the sub-packages there are only the base, the facade and the entry point."""
    assert {path.removesuffix(".py") for path in MODULES if "/" not in path} == BASE | ABOVE_ALL


def test_the_base_stands_alone():
    """No module of the base imports any other of recordkit, so that every layer may import it."""
    for path in MODULES:
        if layer_of(path) == "base":
            assert list(imported_layers(MODULES[path], path)) == []


def test_importing_the_library_stays_light():
    """A proxy that imports recordkit, and all of it but the command line, loads no heavy library."""
    wanted = ", ".join(f"recordkit.{name}" for name in sorted(PACKAGES - {"base", *NOT_LOADED}))
    program = f"import sys, {wanted}; print(*[name for name in {NOT_AT_IMPORT} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


# ---------------------------------------------------------------- the rules can fail

PICTURE = """
# x
```layers
cli -> store, events, base

store -> events, base
events -> base
base ->
```
"""
LAYERS = {"cli": ["store", "events", "base"], "store": ["events", "base"], "events": ["base"], "base": []}


def test_the_picture_is_read():
    """Each line of the block becomes a layer with its arrows, and nothing else of the README does."""
    assert parse_layers(PICTURE) == LAYERS


@pytest.mark.parametrize(
    "text",
    [
        "", "```\ncli -> base\n```\n", "```layers\ncli -> base\n", PICTURE + PICTURE, "```layers\ncli, base\n```\n",
        "```layers\n-> base\n```\n", "```layers\ncli -> base\ncli ->\n```\n", "```layers\ncli --> base\n```\n",
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(text):
    """A README without the block, with two, or with a line that says nothing is an error, not an empty picture."""
    with pytest.raises(ValueError, match=r"picture|block"):
        parse_layers(text)


@pytest.mark.parametrize(
    ("path", "source", "faults"),
    [
        ("store/rows.py", "from recordkit.events import Event", 0),
        ("store/rows.py", "from recordkit.errors import StoreError\nfrom recordkit import limits, clock", 0),
        ("store/rows.py", "import recordkit.store.paths\nfrom recordkit.store import paths", 0),
        ("store/rows.py", "from recordkit.cli.app import App", 1),
        ("store/rows.py", "def f():\n    import recordkit.cli", 1),
        ("store/rows.py", "if TYPE_CHECKING:\n    from recordkit import cli", 1),
        ("store/rows.py", "from recordkit import Recorder", 1),
        ("store/rows.py", "import recordkit", 1),
        ("events/codec.py", "from recordkit.store import rows, paths", 2),
        ("errors.py", "from recordkit.events import Event", 1),
        ("errors.py", "from recordkit.limits import MIB", 0),
        ("__init__.py", "from recordkit.cli import main", 0),
        ("unknown/a.py", "from recordkit.errors import StoreError", 1),
    ],
)
def test_an_import_without_an_arrow_is_found(path, source, faults):
    """Imports of any form, at any depth, are held against the arrows."""
    assert len(faults_of_imports({path: ast.parse(source)}, LAYERS)) == faults


@pytest.mark.parametrize(
    ("layers", "packages", "fault"),
    [
        (LAYERS, {"cli", "store", "events", "base"}, None),
        (LAYERS, {"cli", "store", "events", "base", "render"}, "render is not in the picture"),
        (LAYERS, {"cli", "store", "base"}, "events does not exist"),
        ({"cli": ["store"], "store": []}, {"cli", "store", "base"}, "base is not in the picture"),
        ({"cli": ["gone"]}, {"cli"}, "gone does not exist"),
        ({"a": ["b"], "b": ["a"]}, {"a", "b"}, "b -> a points upwards"),
        ({"a": ["a"]}, {"a"}, "a -> a points upwards"),
        ({"b": [], "a": ["b"]}, {"a", "b"}, "a -> b points upwards"),
    ],
)
def test_a_fault_of_the_picture_is_found(layers, packages, fault):
    """A missing or unknown package and an arrow that does not point downwards are named."""
    assert faults_of_picture(layers, packages) == ([fault] if fault else [])
