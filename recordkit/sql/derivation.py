"""
All that is derived from a statement's text, remembered.

Three memories, each bounded in entries and bytes, from cheap to dear:

1. by the text itself: what a prepared statement or a driver repeats to the letter;
2. by the text with its literals cut (`tokens.cut`): a million statements of pgbench have a handful of these;
3. by fingerprint: what differs in case, white space, comments or lengths of lists only.

A memory that is full drops the half that was not used for longest, so that the statements of the day stay.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from recordkit.sql import postgres_parser
from recordkit.sql.classes import StatementClass, class_of, statement_class, statements_of
from recordkit.sql.commands import command_tokens, is_command
from recordkit.sql.dialects import Dialect, dialect_of
from recordkit.sql.fingerprint import fingerprint_of
from recordkit.sql.tables import Tables, tables_of_words
from recordkit.sql.tokens import MAX_STATEMENT_CHARS, cutter, tokens

MAX_ENTRIES: Final = 20_000
MAX_BYTES: Final = 16 * 1024 * 1024
"""For the keys of one memory; a program's statements, even an ORM's, are some thousands of a kilobyte."""

_POSTGRES: Final = frozenset({"postgres", "cockroachdb"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Derived:
    """
    What a statement's text tells.

    Attributes:
        statement_class: The strongest of its statements.
        fingerprint: Text of the common form; None if the text is too long to be looked at.
        fingerprint_hash: Signed 64-bit integer made of it.
        tables: None where they can't be known.
        statements: How many statements the text has; 0 if it is too long.
    """

    statement_class: StatementClass
    fingerprint: str | None
    fingerprint_hash: int | None
    tables: Tables | None
    statements: int


class Memory(Generic[T]):
    """
    A dictionary that holds so much and no more.

    What is asked for or added goes into the newer of two generations; once that is full, the older one is
    dropped.
    """

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._half_entries, self._half_bytes = max(max_entries // 2, 1), max(max_bytes // 2, 1)
        self.newer: dict[Hashable, T] = {}
        """What was used last, to look into without `get`."""
        self.older: dict[Hashable, T] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.newer) + len(self.older)

    def get(self, key: Hashable, size: int) -> T | None:
        """
        Return what belongs to *key*, which takes *size* bytes.
        """
        value = self.newer.get(key)
        if value is None:
            value = self.older.pop(key, None)
            if value is not None:
                self.put(key, value, size)
        return value

    def put(self, key: Hashable, value: T, size: int) -> None:
        """
        Remember *value* by *key*, which takes *size* bytes.
        """
        if size > self._half_bytes:
            return
        if len(self.newer) >= self._half_entries or self._bytes + size > self._half_bytes:
            self.older, self.newer, self._bytes = self.newer, {}, 0
        self.newer[key] = value
        self._bytes += size


class Deriver:
    """
    Derives and remembers. Not for use by several threads at once.

    Args:
        max_entries: Of each of the memories.
        max_bytes: Of the keys of each of them.
        exact: Whether PostgreSQL's tables are asked of pglast, if that is installed.
    """

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES, exact: bool = True) -> None:
        self._limits = {"max_entries": max_entries, "max_bytes": max_bytes}
        self._exact = exact
        self._protocols: dict[str | None, _OfProtocol] = {}
        self.parsed = 0
        """How many statements were taken apart rather than remembered."""

    def cuts(self, protocol: str | None) -> bool:
        """
        Tell whether all statements of *protocol* are SQL, so that one with the same `tokens.cut` tells the same.
        """
        return self._of(protocol).only_sql

    def derive(self, sql: str, protocol: str | None = None) -> Derived:
        """
        Return what *sql* tells; nothing raises.
        """
        mine = self._of(protocol)
        found = mine.by_text.newer.get(sql)
        if found is not None:
            return found
        size = len(sql)
        if mine.by_text.older:
            found = mine.by_text.get(sql, size)
            if found is not None:
                return found
        if size > MAX_STATEMENT_CHARS:
            return Derived(statement_class(sql, protocol), None, None, None, 0)
        if mine.only_sql or not is_command(sql, protocol):
            key = tuple(mine.split(sql))
            found = mine.by_cut.newer.get(key) or mine.by_cut.get(key, size)
            if found is not None:
                return found  # not by text: literals that differ each time would fill that memory
            found = self._parse(sql, mine)
            mine.by_cut.put(key, found, size)
        else:
            found = self._parse(sql, mine)
        mine.by_text.put(sql, found, size)
        return found

    def _of(self, protocol: str | None) -> "_OfProtocol":
        mine = self._protocols.get(protocol)
        if mine is None:
            if len(self._protocols) > 64:  # names that nobody has heard of: hostile events
                self._protocols.clear()
            mine = self._protocols[protocol] = _OfProtocol(protocol, self._limits)
        return mine

    def _parse(self, sql: str, mine: "_OfProtocol") -> Derived:
        protocol = mine.protocol
        words = command_tokens(sql, protocol)
        if words is None:
            words = tokens(sql, mine.dialect)
        common = fingerprint_of(words)
        size = len(common.text)
        found = mine.by_fingerprint.get(common.text, size)
        if found is None:
            self.parsed += 1
            found = Derived(
                statement_class=class_of(words, protocol),
                fingerprint=common.text,
                fingerprint_hash=common.hash,
                tables=self._tables(sql, words, protocol),
                statements=len(statements_of(words)),
            )
            mine.by_fingerprint.put(common.text, found, size)
        return found

    def _tables(self, sql: str, words: list[str], protocol: str | None) -> Tables | None:
        if self._exact and protocol in _POSTGRES:
            exact = postgres_parser.parsed_tables(sql)
            if exact is not None:
                touched, written = exact
                if not touched and class_of(words, protocol) is StatementClass.UNKNOWN:
                    return None
                return Tables(tuple(sorted(touched)), tuple(sorted(written)))
        return tables_of_words(words, protocol)


class _OfProtocol:
    """
    What belongs to one protocol.
    """

    def __init__(self, protocol: str | None, limits: dict[str, int]) -> None:
        self.protocol = protocol
        self.dialect: Dialect = dialect_of(protocol)
        self.split = cutter(self.dialect)
        self.only_sql = not is_command("{", protocol) and not is_command("F {", protocol)
        self.by_text: Memory[Derived] = Memory(**limits)
        self.by_cut: Memory[Derived] = Memory(**limits)
        self.by_fingerprint: Memory[Derived] = Memory(**limits)
