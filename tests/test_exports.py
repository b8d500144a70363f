import ast
import importlib
import inspect
import re
import sys
from collections import deque
from enum import Enum

import pytest

from source_modules import PACKAGE

PACKAGES = ["recordkit", *(f"recordkit.{path.parent.name}" for path in sorted(PACKAGE.glob("*/__init__.py")))]


def source_of(package):
    """The parsed ``__init__.py`` of *package*."""
    return ast.parse(inspect.getsource(importlib.import_module(package)))


def by_kind(name):
    """The key that puts constants first, then classes, then functions; each in alphabetical order."""
    return (0 if name.isupper() else 1 if re.match(r"_*[A-Z]", name) else 2, name)


def offered(tree, package):
    """
    The public names that ``__init__.py`` defines, or imports from its own package without using them itself.
    """
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package}."):
            names |= {alias.asname or alias.name for alias in node.names} - used
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_") or name == "__version__"}


def exported(package):
    """What *package* exports."""
    return list(getattr(importlib.import_module(package), "__all__", []))


def missing_docstring(value):
    """Whether a class or function has no docstring of its own; what dataclasses and tuples make up is none."""
    text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    return not (text or "").strip() or (inspect.isclass(value) and text.startswith(f"{value.__name__}("))


def is_ours(value):
    """Whether *value* is a class or function of recordkit."""
    home = str(getattr(value, "__module__", ""))
    return home.startswith("recordkit") and (inspect.isclass(value) or inspect.isroutine(value))


def neighbours(name, value):
    """Yield, with a name, what a reader of a class or function comes to next: members, bases, annotated types."""
    annotations = dict(inspect.get_annotations(value))
    if inspect.isclass(value):
        annotations |= inspect.get_annotations(vars(value)["__init__"]) if "__init__" in vars(value) else {}
        for base in value.__bases__:
            yield base.__qualname__, base
        for member_name, member in vars(value).items():
            if not member_name.startswith("_"):
                function = getattr(member, "fget", None) or getattr(member, "__func__", None) or member
                if not isinstance(function, Enum):
                    yield f"{name}.{member_name}", function
    for annotation in annotations.values():
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        for word in re.findall(r"[A-Za-z_]\w*", text):
            found = vars(sys.modules[value.__module__]).get(word)
            if inspect.isclass(found) and not word.startswith("_"):
                yield found.__qualname__, found


def imported(tree):
    """The names that a module imports, those among them that it loads when they are first used."""
    lazy = [node.body for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    nodes = [*tree.body, *(node for body in lazy for node in body)]
    return {alias.asname or alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}


def reachable():
    """All classes and functions of recordkit that a caller comes to from what is exported."""
    found = {}
    waiting = deque(
        (f"{package}.{name}", getattr(importlib.import_module(package), name))
        for package in PACKAGES
        for name in exported(package)
    )
    while waiting:
        name, value = waiting.popleft()
        if is_ours(value) and value not in found:
            found[value] = name
            waiting += neighbours(name, value)
    return found


REACHABLE = reachable()


@pytest.mark.parametrize("package", PACKAGES)
def test_exports_are_sorted_and_unique(package):
    """A package lists its exports once each: constants, classes, functions, each in alphabetical order."""
    names = exported(package)
    assert names == sorted(set(names), key=by_kind)


@pytest.mark.parametrize("package", PACKAGES)
def test_exports_are_what_the_package_offers(package):
    """All that a package defines, or imports from its inside only to pass it on, is exported, and all that is exported is there."""
    tree = source_of(package)
    names = set(exported(package))
    assert offered(tree, package) <= names
    assert names <= imported(tree) | offered(tree, package)
    assert all(hasattr(importlib.import_module(package), name) for name in names)


@pytest.mark.parametrize("package", [package for package in PACKAGES if exported(package)])
def test_a_star_import_gives_exactly_the_exports(package):
    """What a caller gets by importing everything is what is listed."""
    namespace = {}
    exec(f"from {package} import *", namespace)
    del namespace["__builtins__"]
    assert set(namespace) == set(exported(package))


def test_only_the_command_line_exports_nothing():
    """Every package but the command line says what is public."""
    assert [package for package in PACKAGES if not exported(package)] == ["recordkit.cli"]


def test_the_top_level_is_what_the_design_promises():
    """The names of the documented API are there."""
    import recordkit

    assert {"Recorder", "open_store", "open_recording", "Summary", "State", "Stats", "__version__"} <= set(
        recordkit.__all__
    )


@pytest.mark.parametrize(("value", "name"), REACHABLE.items(), ids=REACHABLE.values())
def test_what_a_caller_can_reach_is_documented(value, name):
    """Each class and function that is exported, or met in one that is, has a docstring of its own."""
    assert not missing_docstring(value), f"{name} of {value.__module__}"


def test_the_walk_reaches_the_inside_of_classes():
    """The search for docstrings finds methods, properties, bases and annotated types, not only what is listed."""
    names = set(REACHABLE.values())
    assert {"recordkit.Recorder.session", "recordkit.Recording.events", "recordkit.Recording.summary"} <= names
    assert {"recordkit.Recorder", "Clock", "FormatError", "recordkit.RecordKitError"} <= names


def test_a_missing_docstring_is_found():
    """What has no docstring, an empty one, or one that was made up is found; a property's or a class's own is not."""
    from dataclasses import dataclass
    from typing import NamedTuple

    @dataclass
    class MadeUp:
        a: int

    class MadeUpToo(NamedTuple):
        a: int

    class Heir(Exception):  # noqa: N818 -- what is inherited is not its own
        pass

    class Described:
        """Says something."""

        def method(self):
            pass

    assert all(map(missing_docstring, (MadeUp, MadeUpToo, Heir, Described.method)))
    assert not missing_docstring(Described)


def test_an_unlisted_name_is_found():
    """A re-export, function or constant that is not listed is offered all the same; what is used or foreign is not."""
    tree = ast.parse(
        "from pathlib import Path\nfrom recordkit.errors import E\nfrom recordkit.p.a import One, _private, used\n"
        "LIMIT = 1\n_hidden = used\ndef f(): ...\n"
    )
    assert offered(tree, "recordkit.p") == {"One", "LIMIT", "f"}
