"""
The package's own source, parsed, for the tests that hold its rules.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "recordkit"


class Import(NamedTuple):
    """
    One imported module, or one name imported from it.

    Attributes:
        module: Absolute dotted name; dots in front stand for a relative one.
        name: Imported from it; "" for ``import module``.
        line: Where it stands.
        at_import: Whether it runs when the importing module is imported.
    """

    module: str
    name: str
    line: int
    at_import: bool


def modules() -> dict[str, ast.Module]:
    """
    Return all modules of the package by path, as ``store/rows.py``.
    """
    paths = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(), str(path)) for path in paths}


def imports(tree: ast.Module) -> Iterator[Import]:
    """
    Yield what *tree* imports, at any depth.
    """
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]
    while waiting:
        node, runs = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", node.lineno, runs) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (Import(module, alias.name, node.lineno, runs) for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += [(child, False) for child in ast.iter_child_nodes(node)]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += [(child, False) for child in node.body]
            waiting += [(child, runs) for child in node.orelse]
        else:
            waiting += [(child, runs) for child in ast.iter_child_nodes(node)]
