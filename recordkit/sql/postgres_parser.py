"""
The tables of a statement of PostgreSQL by PostgreSQL's own parser, where the optional pglast is installed.

The tree is walked by name of node: `RangeVar` is a table, and the field that holds it tells whether it is
changed. Common table expressions hide tables of the same name where PostgreSQL says so: in the statement
they belong to, in the expressions after their own, and in their own if they are recursive.
"""

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

MAX_CHARS: Final = 16 * 1024
"""Longer statements are not parsed: the parser itself is quick, but the tree it makes is ten times the text."""
MAX_COMMENTS: Final = 32
"""Of ``/*``. The time for nested ones grows with their square: 4 s for 64 KiB (pglast 8.8)."""

_WRITTEN: Final = {
    "InsertStmt": "relation", "UpdateStmt": "relation", "DeleteStmt": "relation", "MergeStmt": "relation",
    "TruncateStmt": "relations", "CreateStmt": "relation", "CreateForeignTableStmt": "relation", "ViewStmt": "view",
    "IntoClause": "rel", "AlterTableStmt": "relation", "IndexStmt": "relation", "RenameStmt": "relation",
    "RefreshMatViewStmt": "relation", "CreateTrigStmt": "relation", "CreatePolicyStmt": "table",
    "AlterPolicyStmt": "table", "RuleStmt": "relation", "AlterObjectSchemaStmt": "relation",
}  # fmt: skip
"""Node -> its field whose tables are changed."""
_NO_TABLE: Final = frozenset({"CreateSeqStmt", "AlterSeqStmt", "CompositeTypeStmt", "CreateFunctionStmt", "DoStmt"})
_KINDS: Final = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE", "OBJECT_COLUMN", "OBJECT_TABCONSTRAINT"}
)
_ON_TABLE: Final = frozenset({"OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"})


@lru_cache(maxsize=1)
def available() -> bool:
    """
    Return whether pglast is installed.
    """
    return find_spec("pglast") is not None


def parsed_tables(sql: str) -> tuple[set[str], set[str]] | None:
    """
    Return the tables that *sql* touches and those that it changes; None if it can't be parsed.
    """
    if len(sql) > MAX_CHARS or sql.count("/*") > MAX_COMMENTS or not available():
        return None
    from pglast import parse_sql
    from pglast.parser import ParseError

    touched: set[str] = set()
    written: set[str] = set()
    try:
        for statement in parse_sql(sql):
            _Walk(touched, written).statement(statement.stmt)
    except (ParseError, RecursionError, ValueError):  # ValueError: a zero character, a lone surrogate
        return None
    return touched, written


class _Walk:
    def __init__(self, touched: set[str], written: set[str]) -> None:
        self._touched = touched
        self._written = written
        self._runs = True

    def statement(self, node: Any) -> None:
        kind = type(node).__name__
        if kind == "ExplainStmt":
            options = {option.defname: option.arg for option in node.options or ()}
            self._runs = "analyze" in options and not _is_off(options["analyze"])
        elif kind == "PrepareStmt":
            self._runs = False
        self._node(node, frozenset(), writes=False)

    def _node(self, node: Any, hidden: frozenset[str], *, writes: bool) -> None:
        if isinstance(node, list | tuple):
            for item in node:
                self._node(item, hidden, writes=writes)
            return
        kind = type(node).__name__
        if kind == "RangeVar":
            self._table(node, hidden, writes=writes)
            return
        if not hasattr(node, "__slots__") or kind in _NO_TABLE:
            return
        if kind in {"DropStmt", "CommentStmt"}:
            self._objects(node)
            return
        if kind == "GrantStmt" and node.objtype.name != "OBJECT_TABLE":
            return
        if kind in {"AlterTableStmt", "RenameStmt", "AlterObjectSchemaStmt"}:
            about = node.objtype if kind == "AlterTableStmt" else getattr(node, "renameType", None) or node.objectType
            if about.name not in _KINDS | {"OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"}:
                return
        within = self._common_tables(getattr(node, "withClause", None), hidden)
        target = _WRITTEN.get(kind) or ("relation" if kind == "CopyStmt" and node.is_from else None)
        for name, value in _fields(node):
            if name != "withClause":
                # the target of INSERT, UPDATE, … is never a common table expression
                changed = name == target
                self._node(value, frozenset() if changed else within, writes=changed)

    def _common_tables(self, clause: Any, hidden: frozenset[str]) -> frozenset[str]:
        if clause is None:
            return hidden
        if clause.recursive:
            hidden |= {one.ctename for one in clause.ctes}
        for one in clause.ctes:
            self._node(one.ctequery, hidden, writes=False)
            hidden |= {one.ctename}
        return hidden

    def _table(self, node: Any, hidden: frozenset[str], *, writes: bool) -> None:
        if node.schemaname is None and node.relname in hidden:
            return
        self._add([part for part in (node.catalogname, node.schemaname, node.relname) if part], writes=writes)

    def _add(self, parts: list[str], *, writes: bool) -> None:
        name = ".".join(f'"{part}"' if "." in part else part for part in parts)
        self._touched.add(name)
        if writes and self._runs:
            self._written.add(name)

    def _objects(self, node: Any) -> None:
        """
        Add the tables of DROP and COMMENT, which are lists of names.
        """
        is_drop = type(node).__name__ == "DropStmt"
        kind = (node.removeType if is_drop else node.objtype).name
        if kind not in _KINDS | _ON_TABLE:
            return
        for item in node.objects if is_drop else (node.object,):
            parts = [part.sval for part in item] if isinstance(item, list | tuple) else []
            if kind in _ON_TABLE | {"OBJECT_COLUMN", "OBJECT_TABCONSTRAINT"}:
                parts = parts[:-1]
            if parts:
                self._add(parts, writes=True)


def _is_off(value: Any) -> bool:
    return str(getattr(value, "sval", getattr(value, "ival", "on"))).lower() in {"off", "false", "0"}


def _fields(node: Any) -> Iterator[tuple[str, Any]]:
    for name in node:
        value = getattr(node, name)
        if value is not None and not isinstance(value, str | int | float | bool):
            yield name, value
