"""
Tables of statements that define, maintain or copy, whose names stand at fixed places.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from recordkit.sql.table_names import name_at
from recordkit.sql.word_lists import listed

_NOISE: Final = frozenset(
    listed("""
        or replace if not exists only concurrently temp temporary unlogged global local external transient volatile
    unique clustered nonclustered columnstore bitmap fulltext spatial recursive materialized foreign iceberg dynamic
    hash verbose full freeze analyze skip_locked table tables constraint algorithm = undefined merge temptable online
    offline no_write_to_binlog live shard secure cluster partition final""")
)
_RELATIONS: Final = frozenset({"table", "view", "materialized", "tables", "dictionary", "stream"})
_ON_TABLE: Final = frozenset({"index", "trigger", "policy", "rule"})
_LIST_ENDS: Final = frozenset(listed("cascade restrict restart continue in to from purge read write wait nowait mode"))


@dataclass(frozen=True, slots=True)
class Definition:
    """
    What such a statement names.

    Attributes:
        touched: Names.
        written: Whether they are changed.
        others: More names, which are not changed.
        rest: Where the rest of the statement begins, in which there may be queries; None if there is none.
    """

    touched: list[str] = field(default_factory=list)
    written: bool = True
    rest: int | None = None
    others: list[str] = field(default_factory=list)


def definition(words: Sequence[str], place: int) -> Definition | None:
    """
    Return what the statement at *place* names; None if it is no such statement.
    """
    verb = words[place] if place < len(words) else ""
    place += 1
    match verb:
        case "create" | "alter" | "drop" | "undrop" | "attach" | "detach":
            return _object(words, place, verb)
        case "rename":
            return _renamed(words, place)
        case "comment":
            return _comment(words, place)
        case "copy":
            return _copy(words, place)
        case "grant" | "revoke" | "deny":
            return _rights(words, place)
        case "lock":
            return Definition(_names(words, _past_noise(words, place)), written=False)
        case "refresh":
            place = _past_noise(words, place)
            found = _names(words, _past_noise(words, place + 1)) if words[place : place + 1] == ["view"] else []
            return Definition(found)
        case "vacuum" | "analyze" | "analyse" | "cluster" | "optimize" | "check" | "repair" | "checksum" | "reindex":
            return _maintained(words, place, verb)
        case "load" if "into" in words:
            at = words.index("into")
            return Definition(_names(words, _past_noise(words, at + 1))[:1])
        case (
            "set"
            | "reset"
            | "show"
            | "use"
            | "begin"
            | "commit"
            | "rollback"
            | "savepoint"
            | "release"
            | "fetch"
            | "close"
        ):
            return Definition(written=False, rest=place if verb in {"set", "begin"} else None)
    return None


def _past_noise(words: Sequence[str], place: int) -> int:
    while place < len(words) and words[place] in _NOISE:
        place += 1
    return place


def _names(words: Sequence[str], place: int) -> list[str]:
    """
    Return the list of names at *place*.
    """
    found = []
    while place < len(words) and words[place] not in _LIST_ENDS:
        name = name_at(words, place)
        if name is None:
            break
        found.append(name.text)
        place = name.end
        while place < len(words) and words[place] != ",":
            if words[place] in _LIST_ENDS:
                return found
            if words[place] == "(":
                place = _closed(words, place)
                continue
            place += 1
        place += 1
    return found


def _closed(words: Sequence[str], place: int) -> int:
    """
    Return where the word behind the bracket stands that closes the one at *place*.
    """
    depth = 0
    while place < len(words):
        depth += (words[place] == "(") - (words[place] == ")")
        place += 1
        if not depth:
            break
    return place


def _object(words: Sequence[str], place: int, verb: str) -> Definition:
    kind, materialized = "", False
    while place < len(words):
        word = words[place]
        if word in _RELATIONS and word != "materialized":
            kind = "table"
            place += 1
            break
        if word in _ON_TABLE:
            kind = word
            place += 1
            break
        materialized = materialized or word == "materialized"
        if word not in _NOISE:
            if "view" in words[place : place + 12] and verb != "drop":  # CREATE DEFINER = … VIEW
                place += 1
                continue
            break
        place += 1
    if kind == "table":
        place = _past_noise(words, place)
        if verb == "drop":
            return Definition(_names(words, place))
        name = name_at(words, place)
        if name is None:
            return Definition()
        queries = verb == "create" or "select" in words[name.end :]
        return Definition([name.text], rest=name.end if queries else None, others=_relatives(words, name.end, verb))
    if kind and "on" in words[place:]:
        name = name_at(words, _past_noise(words, words.index("on", place) + 1))
        return Definition([name.text] if name else [])
    return Definition()


def _relatives(words: Sequence[str], place: int, verb: str) -> list[str]:
    """
    Return the tables that a definition refers to: LIKE, PARTITION OF, CLONE; ATTACH PARTITION, REFERENCES.
    """
    found = []
    for at in range(place, len(words) - 1):
        word, before = words[at], words[at - 1]
        if verb == "create":
            if at >= place + 3:
                break
            names = word in {"like", "clone"} or (word == "of" and before == "partition")
        else:
            names = word == "references" or (word == "partition" and before in {"attach", "detach"})
        if names:
            name = name_at(words, _past_noise(words, at + 1))
            if name is not None:
                found.append(name.text)
    return found


def _renamed(words: Sequence[str], place: int) -> Definition:
    if words[place : place + 1] != ["table"]:
        return Definition()
    found = []
    for at in range(place, len(words) - 1):
        if words[at] in {"table", "to", ","}:
            name = name_at(words, at + 1)
            if name is not None:
                found.append(name.text)
    return Definition(found)


def _comment(words: Sequence[str], place: int) -> Definition:
    kind = words[place + 1] if words[place : place + 1] == ["on"] and place + 1 < len(words) else ""
    if kind == "materialized":
        place += 1
    name = name_at(words, place + 2)
    if name is None or kind not in {"table", "view", "materialized", "column"}:
        return Definition()
    return Definition([name.text.rpartition(".")[0] if kind == "column" else name.text])


def _copy(words: Sequence[str], place: int) -> Definition | None:
    if words[place : place + 1] == ["("]:
        return Definition(written=False, rest=place)
    into = words[place : place + 1] == ["into"]
    name = name_at(words, place + into)
    if name is None:
        return Definition(written=False, rest=place + into + 1)
    place = name.end
    if words[place : place + 1] == ["("]:
        place = _closed(words, place)
    return Definition([name.text], written=into or words[place : place + 1] == ["from"])


def _rights(words: Sequence[str], place: int) -> Definition:
    if "on" not in words[place:]:
        return Definition(written=False)
    place = words.index("on", place) + 1
    if words[place : place + 1] == ["table"]:
        place += 1
    elif place + 1 < len(words) and words[place] in {
        "schema", "database", "function", "sequence", "all", "language", "type", "foreign", "procedure", "tablespace",
        "domain", "large", "warehouse", "parameter", "routine", "keyspace", "*", "object",
    }:  # fmt: skip
        return Definition(written=False)
    names = _names(words, place)
    return Definition([name for name in names if not name.endswith(".")], written=False)


def _maintained(words: Sequence[str], place: int, verb: str) -> Definition | None:
    if words[place : place + 1] == ["("]:
        place = _closed(words, place)
    if verb in {"analyze", "analyse"} and words[place : place + 1] and words[place] in {"select", "insert", "with"}:
        return None
    if verb == "reindex" and words[place : place + 1] != ["table"]:
        return Definition(written=False)
    return Definition(_names(words, _past_noise(words, place)), written=False)
