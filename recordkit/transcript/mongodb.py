"""
A MongoDB session in the look of mongosh.

    shop> db.products.find({ price: { $gt: 100 } }).limit(5)
    { ok: 1, n: 5 }

The events hold each command's document as Extended JSON. A command whose every field has its place in a method of
the shell is shown as that method; any other as ``db.runCommand({...})``, so that no field is left out but those that
drivers add for themselves. Text that is no such document, or that names a field twice, is shown as it is.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.document_text import document_lines, on_one_line
from recordkit.transcript.mongo_values import SHELL_STYLE
from recordkit.transcript.native import NativeTranslator, Part
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import ResultTable

MAX_PARSED: Final = 1024 * 1024
"""Characters of a command that is set as a method; a longer one is shown as it is."""

MAX_DOCUMENTS: Final = 50
"""Of a result."""

# What drivers add to each command, and what the prompt shows.
_OF_DRIVERS: Final = {
    "$db", "lsid", "$clusterTime", "$readPreference", "txnNumber", "apiVersion", "apiStrict",
}  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)

Call = tuple[str, list[Any], list[tuple[str, Any]]]  # the method, its arguments, the methods called on its result


class MongoDBTranslator(NativeTranslator):
    """
    The `Translator` of MongoDB sessions.
    """

    _database = ""

    def _lead(self, event: Event) -> str:
        return f"{self._database or text_of(event.get('db_name')) or 'test'}> "

    def _more(self, _lead: str) -> str:
        return "... "

    def _query(self, event: Event) -> list[Part]:
        text = text_of(event.get("db_query"))
        command = _command(text)
        database = None if command is None else command.get("$db")
        self._database = database if isinstance(database, str) and "\n" not in database else ""
        if command is not None:
            text = "\n".join(_command_lines(command))
        return self._statement(event, text + self._query_parameters(event))

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        rows, count = event.get("rows"), event.get("affected_records")
        if table is None or not isinstance(rows, list):
            return phrases.one_line("{ ok: 1 }" if count is None else f"{{ ok: 1, n: {text_of(count)} }}")
        names = table.names if event.get("columns") else []
        documents = [_document(row, names) for row in rows[:MAX_DOCUMENTS]]
        note = table.note
        if len(rows) > MAX_DOCUMENTS:
            note = f"({MAX_DOCUMENTS} of {len(rows)} recorded documents shown)"
        lines = [*document_lines(documents, SHELL_STYLE), *([note] if note else [])]
        return "".join(f"{line}\n" for line in lines)

    def _complaint(self, event: Event) -> str:
        text = phrases.status_text(event)
        return phrases.whole_lines(text if text.startswith("Mongo") else f"MongoServerError: {text}")


def _command(text: str) -> dict[str, Any] | None:
    if text.lstrip()[:1] != "{" or len(text) > MAX_PARSED:
        return None
    try:
        command = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        return None
    return command if isinstance(command, dict) and command else None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice: a parsed form would show one of the two")
    return members


def _command_lines(command: dict[str, Any]) -> list[str]:
    fields = {name: value for name, value in command.items() if name not in _OF_DRIVERS}
    name = next(iter(fields), "")
    method = _METHODS.get(name)
    call = None if method is None else method(fields)
    if call is not None:
        lines = _call_lines(call)
        if lines is not None:
            return lines
    return _call_lines(("db.runCommand", [fields], [])) or [text_of(command)]


def _call_lines(call: Call) -> list[str] | None:
    name, arguments, chained = call
    chain = ""
    for method, argument in chained:
        text = on_one_line(argument, SHELL_STYLE)
        if text is None:
            return None
        chain += f".{method}({text})"
    texts = [on_one_line(argument, SHELL_STYLE) for argument in arguments]
    if None not in texts:
        line = f"{name}({', '.join(filter(None, texts))}){chain}"
        if len(line) <= 100:
            return [line]
    if len(arguments) == 1:
        first, *rest = document_lines(arguments[0], SHELL_STYLE)
        if rest:
            return [f"{name}({first}", *rest[:-1], f"{rest[-1]}){chain}"]
    lines = [f"{name}("]
    for at, argument in enumerate(arguments):
        *more, last = (f"  {line}" for line in document_lines(argument, SHELL_STYLE))
        lines += [*more, f"{last}," if at + 1 < len(arguments) else last]
    return [*lines, f"){chain}"]


# ---------------------------------------------------------------- commands that are methods in the shell


def _find(fields: dict[str, Any]) -> Call | None:
    collection = _taken(fields, "find", {"filter", "projection", "sort", "skip", "limit", "batchSize"})
    if collection is None:
        return None
    arguments = [fields[name] for name in ("filter", "projection") if name in fields]
    if "projection" in fields and "filter" not in fields:
        arguments.insert(0, {})
    chained: list[tuple[str, Any]] = [
        (name, fields[name]) for name in ("sort", "skip", "limit", "batchSize") if name in fields
    ]
    return f"{collection}.find", arguments, chained


def _aggregate(fields: dict[str, Any]) -> Call | None:
    whole = _plain_number(fields["aggregate"]) == 1  # of the database
    target = _taken(fields | {"aggregate": "all"} if whole else fields, "aggregate", {"pipeline", "cursor"})
    if target is None or not isinstance(fields.get("pipeline"), list) or fields.get("cursor", {}) != {}:
        return None
    if whole:
        target = "db"
    return f"{target}.aggregate", [fields["pipeline"]], []


def _insert(fields: dict[str, Any]) -> Call | None:
    collection, documents = _taken(fields, "insert", {"documents", "ordered"}), fields.get("documents")
    if collection is None or not isinstance(documents, list) or fields.get("ordered", True) is not True:
        return None
    if len(documents) == 1:
        return f"{collection}.insertOne", documents, []
    return f"{collection}.insertMany", [documents], []


def _update(fields: dict[str, Any]) -> Call | None:
    collection, one = _taken(fields, "update", {"updates", "ordered"}), _only(fields.get("updates"))
    if collection is None or one is None or not {"q", "u"} <= one.keys() <= {"q", "u", "multi", "upsert"}:
        return None
    change, multi, upsert = one["u"], one.get("multi", False), one.get("upsert", False)
    if not isinstance(multi, bool) or not isinstance(upsert, bool):
        return None
    is_change = isinstance(change, list) or (isinstance(change, dict) and next(iter(change), "").startswith("$"))
    if multi and not is_change:
        return None
    method = "updateMany" if multi else "updateOne" if is_change else "replaceOne"
    return f"{collection}.{method}", [one["q"], change, *([{"upsert": True}] if upsert else [])], []


def _delete(fields: dict[str, Any]) -> Call | None:
    collection, one = _taken(fields, "delete", {"deletes", "ordered"}), _only(fields.get("deletes"))
    if collection is None or one is None or one.keys() != {"q", "limit"}:
        return None
    limit = _plain_number(one["limit"])
    if limit not in (0, 1):
        return None
    return f"{collection}.{'deleteOne' if limit else 'deleteMany'}", [one["q"]], []


def _count(fields: dict[str, Any]) -> Call | None:
    collection = _taken(fields, "count", {"query"})
    return None if collection is None else (f"{collection}.count", [fields["query"]] if "query" in fields else [], [])


def _distinct(fields: dict[str, Any]) -> Call | None:
    collection = _taken(fields, "distinct", {"key", "query"})
    if collection is None or "key" not in fields:
        return None
    return f"{collection}.distinct", [fields[name] for name in ("key", "query") if name in fields], []


def _find_and_modify(fields: dict[str, Any]) -> Call | None:
    collection = _collection(fields["findAndModify"])
    rest = {name: value for name, value in fields.items() if name != "findAndModify"}
    return None if collection is None else (f"{collection}.findAndModify", [rest], [])


def _drop(fields: dict[str, Any]) -> Call | None:
    collection = _taken(fields, "drop", set())
    return None if collection is None else (f"{collection}.drop", [], [])


def _drop_database(fields: dict[str, Any]) -> Call | None:
    return ("db.dropDatabase", [], []) if len(fields) == 1 else None


_METHODS: Final[dict[str, Callable[[dict[str, Any]], Call | None]]] = {
    "find": _find,
    "aggregate": _aggregate,
    "insert": _insert,
    "update": _update,
    "delete": _delete,
    "count": _count,
    "distinct": _distinct,
    "findAndModify": _find_and_modify,
    "drop": _drop,
    "dropDatabase": _drop_database,
}


def _taken(fields: dict[str, Any], name: str, places: set[str]) -> str | None:
    """
    Return the collection as the shell names it; None if the command has a field without a place in the method.
    """
    return _collection(fields[name]) if fields.keys() <= places | {name} else None


def _collection(name: object) -> str | None:
    if not isinstance(name, str) or not name:
        return None
    if all(map(_NAME.fullmatch, name.split("."))) and len(name) <= 255:
        return f"db.{name}"
    quoted = SHELL_STYLE.scalar(name)
    return f"db.getCollection({quoted})"


def _only(members: object) -> dict[str, Any] | None:
    if isinstance(members, list) and len(members) == 1 and isinstance(members[0], dict):
        return members[0]
    return None


def _plain_number(value: object) -> object:
    if isinstance(value, dict) and len(value) == 1:
        text = value.get("$numberInt", value.get("$numberLong"))
        return int(text) if text in ("0", "1") else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _document(row: object, names: list[str]) -> object:
    if isinstance(row, list):
        if len(row) == 1:
            return row[0]
        return dict(zip(names, row, strict=False)) if len(set(names)) == len(names) == len(row) else row
    return row
