"""
Collections, indices and tables that commands and requests name.
"""

from collections.abc import Sequence
from typing import Final

from recordkit.sql.command_classes import command_class_name
from recordkit.sql.commands import SEARCH
from recordkit.sql.word_lists import listed

_READING: Final = frozenset({"find", "aggregate", "count", "distinct", "listindexes", "collstats", "explain"})
_WRITING: Final = frozenset(
    listed("""insert update delete findandmodify mapreduce create drop createindexes dropindexes deleteindexes reindex
    collmod converttocapped""")
)
_READ_KEYS: Final = frozenset({'"from"', '"coll"', '"collection"'})
_WRITTEN_KEYS: Final = frozenset({'"$out"', '"into"'})


def mongo_tables(words: Sequence[str]) -> tuple[set[str], set[str]]:
    """
    Return the collections that a command touches, and those that it changes.
    """
    touched: set[str] = set()
    written: set[str] = set()
    name = words[1].strip('"').lower() if len(words) > 1 else ""
    for place in range(1, len(words) - 2):
        key, colon, value = words[place : place + 3]
        if colon != ":" or value[:1] != '"' or len(value) < 3:
            continue
        collection = value.strip('"')
        if place == 1 and name in _READING | _WRITING:
            touched.add(collection)
            if name in _WRITING:
                written.add(collection)
        elif key in _READ_KEYS:
            touched.add(collection)
        elif key in _WRITTEN_KEYS:
            touched.add(collection)
            written.add(collection)
    return touched, written


def command_tables(words: Sequence[str], protocol: str | None) -> tuple[set[str], set[str]] | None:
    """
    Return what a command or request touches, and what it changes; None for SQL.
    """
    kind = command_class_name(words, protocol)
    if kind is None:
        return None
    if protocol == "mongodb":
        return mongo_tables(words)
    if protocol in SEARCH:
        index = words[2] if words[1:2] == ["/"] and len(words) > 2 and words[2][0] not in "_?" else ""
        touched = {one for one in index.split(",") if one}
    else:
        names = {'"TableName"', '"table"'}
        touched = {
            words[place + 2].strip('"')
            for place in range(len(words) - 2)
            if words[place] in names and words[place + 1] == ":" and words[place + 2][:1] == '"'
        }
    return touched, touched if kind in {"write", "ddl"} else set()
