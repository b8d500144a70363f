"""
What a statement does: read, write, define, grant.

A statement that does several things, or a text of several statements, has the strongest class of all. Only
the statement itself is judged: what functions, procedures and triggers do on its behalf is not in its
text. So CALL, EXECUTE, DO and blocks of procedural code are *unknown*, unless a stronger statement stands in
the same text.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from recordkit.sql.command_classes import command_class_name
from recordkit.sql.commands import command_tokens
from recordkit.sql.dialects import dialect_of
from recordkit.sql.tokens import LITERAL, MAX_STATEMENT_CHARS, tokens
from recordkit.sql.word_lists import listed


class StatementClass(StrEnum):
    """
    Classes of statements.
    """

    READ = "read"
    """Rows are looked at: SELECT, COPY TO, FETCH."""
    WRITE = "write"
    """Rows change: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY FROM."""
    DDL = "ddl"
    """Definitions change: CREATE, ALTER, DROP, SELECT INTO."""
    DCL = "dcl"
    """Rights and users change: GRANT, REVOKE, CREATE ROLE, SET PASSWORD."""
    TRANSACTION = "transaction"
    """BEGIN, COMMIT, SAVEPOINT, SET TRANSACTION."""
    UTILITY = "utility"
    """All else that is known: SET, SHOW, EXPLAIN without ANALYZE, VACUUM, LOCK."""
    UNKNOWN = "unknown"
    """The text does not tell, or is none of SQL."""


_R, _W, _DDL, _DCL = StatementClass.READ, StatementClass.WRITE, StatementClass.DDL, StatementClass.DCL
_T, _U, _X = StatementClass.TRANSACTION, StatementClass.UTILITY, StatementClass.UNKNOWN

STRENGTH: Final[Mapping[StatementClass, int]] = {_T: 0, _U: 1, _R: 2, _X: 3, _W: 4, _DDL: 5, _DCL: 6}
"""Which class stands for several statements: the highest."""

_BY_WORD: Final[dict[str, StatementClass]] = {
    **dict.fromkeys(listed("select values table fetch move handler unload"), _R),
    **dict.fromkeys(listed("insert update delete merge replace upsert truncate import bulk put"), _W),
    **dict.fromkeys(listed("create alter drop rename comment attach detach exchange undrop purge associate"), _DDL),
    **dict.fromkeys(listed("grant revoke deny reassign"), _DCL),
    **dict.fromkeys(listed("commit rollback savepoint release abort end xa"), _T),
    **dict.fromkeys(
        listed("""
            set reset show describe desc use analyze analyse vacuum checkpoint cluster reindex discard listen notify
        unlisten lock unlock prepare deallocate close kill flush optimize check repair checksum system help list ls
        remove rm print cache uncache noaudit audit load install uninstall binlog change stop waitfor dbcc raiserror
        get backup restore"""),
        _U,
    ),
    **dict.fromkeys(listed("call do exec execute declare if while loop for case"), _X),
}
_ACCOUNTS: Final = frozenset({"user", "role", "group", "login", "policy", "privileges", "profile"})
_MODIFYING: Final = frozenset({"insert", "update", "delete", "merge", "replace", "upsert", "truncate"})
_STRONG: Final = _MODIFYING | {"create", "alter", "drop", "grant", "revoke", "deny"}
_MAIN: Final = _MODIFYING | {"select", "values", "table", "with"}
_BEGIN_OPTIONS: Final = frozenset(
    listed(
        "work transaction tran isolation read deferrable not immediate exclusive "
        "deferred distributed concurrent priority"
    )
)
_MAX_DEPTH: Final = 8
"""Statements within statements, as EXPLAIN ANALYZE WITH … INSERT; no honest one goes deeper."""
_NO_VERB_BEHIND: Final = frozenset({"on", "for", "as", ".", "=", "of", "or", "with", ",", "no", "@"})
"""Behind these, INSERT, UPDATE, … are no statement of a batch: ON DELETE CASCADE, FOR UPDATE."""


def statement_class(sql: str, protocol: str | None = None) -> StatementClass:
    """
    Return what the statement, or statements, in *sql* do.

    Args:
        sql: Any text; nothing raises. Of what is longer than `MAX_STATEMENT_CHARS` only the beginning is looked
            at; where the rest could make a difference, the answer is *unknown*.
        protocol: ``db_protocol`` of the session.
    """
    long = len(sql) > MAX_STATEMENT_CHARS
    text = sql[:MAX_STATEMENT_CHARS] if long else sql
    words = command_tokens(text, protocol)
    found = class_of(tokens(text, dialect_of(protocol)) if words is None else words, protocol)
    return _X if long and STRENGTH[found] < STRENGTH[_W] else found


def class_of(words: Sequence[str], protocol: str | None = None) -> StatementClass:
    """
    Return the class of a statement that was cut into words.
    """
    name = command_class_name(words, protocol)
    if name is not None:
        return StatementClass(name)
    found: StatementClass | None = None
    for statement in statements_of(words):
        one = _one_class(statement, protocol)
        if found is None or STRENGTH[one] > STRENGTH[found]:
            found = one
    found = found or _X
    if STRENGTH[found] < STRENGTH[_W] and dialect_of(protocol).batches:
        return _strongest_verb(words, found)
    return found


def statements_of(words: Sequence[str]) -> list[Sequence[str]]:
    """
    Return the statements of a text, apart at ``;``; empty ones are left out.
    """
    if ";" not in words:
        return [words] if words else []
    found: list[Sequence[str]] = []
    start = 0
    for place, word in enumerate(words):
        if word == ";":
            if place > start:
                found.append(words[start:place])
            start = place + 1
    if start < len(words):
        found.append(words[start:])
    return found


def _one_class(words: Sequence[str], protocol: str | None, depth: int = 0) -> StatementClass:
    """
    Return the class of one statement that stands *depth* deep in others: EXPLAIN, WITH, BEGIN.
    """
    if depth > _MAX_DEPTH:
        return _X
    place = 0
    count = len(words)
    while place < count and words[place] == "(":
        place += 1
    first = words[place] if place < count else ""
    second = words[place + 1] if place + 1 < count else ""
    match first:
        case "select" | "from":
            return _select_class(words[place:], protocol)
        case "with":
            return _with_class(words[place:], protocol, depth + 1)
        case "explain" | "profile":
            return _explain_class(words[place + 1 :], protocol, depth + 1)
        case "begin" | "start":
            return _begin_class(words[place:], protocol, depth + 1)
        case "copy":
            return _copy_class(words[place + 1 :])
        case "create" | "alter" | "drop" | "rename":
            return _definition_class(words[place + 1 :])
        case "set":
            if second == "transaction" or (second in {"session", "local", "global"} and "transaction" in words[:5]):
                return _T
            return _DCL if second == "password" else _U
        case "prepare":
            return _T if second == "transaction" else _U
        case "save" if second in {"tran", "transaction"}:
            return _T
        case "load":
            return _W if second in {"data", "xml"} else _U
        case "refresh":
            return _W if second == "materialized" else _U
        case "import" if second == "foreign":
            return _DDL
        case "security" if second == "label":
            return _DCL
        case "reassign":
            return _DCL
        case "declare":
            return _R if "cursor" in words[place + 1 : place + 7] and "for" in words else _X
        case "analyze" | "analyse" if second in {"select", "insert", "update", "delete", "with", "table"}:
            if second == "table" or protocol not in {"mysql", None}:
                return _U
            return _one_class(words[place + 1 :], protocol, depth + 1)  # MariaDB: runs it
        case "apply":
            return _W if second == "batch" else _X
        case "replace" if second == "table":
            return _DDL
    return _BY_WORD.get(first, _X)


def _select_class(words: Sequence[str], protocol: str | None) -> StatementClass:
    """
    Return ddl for SELECT INTO, which makes a table; write where it makes a file; else read.
    """
    if "into" not in words:
        return _R
    depth = 0
    for place, word in enumerate(words):
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
        elif word == "into" and not depth and place + 1 < len(words):
            target = words[place + 1]
            if target in {"outfile", "dumpfile"}:
                return _W
            if target[0] in "@:?" or protocol in {"mysql", "oracle"}:
                return _R  # into variables
            return _DDL
    return _R


def _with_class(words: Sequence[str], protocol: str | None, depth: int) -> StatementClass:
    """
    Return the class of the main statement, write if a common table expression writes.
    """
    depth, closed = 0, False
    found: StatementClass = _X
    for place, word in enumerate(words):
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
            closed = True
        elif (
            depth == 1 and word in _MODIFYING and words[place - 1] == "(" and words[place - 2] in {"as", "materialized"}
        ):
            found = _W
        elif not depth and closed and word in _MAIN and words[place - 1] in {")", "?"}:
            main = _one_class(words[place:], protocol, depth)
            return main if STRENGTH[main] > STRENGTH[found] or found is _X else found
        elif not depth and closed and word in {"from", "("} and words[place - 1] == ")":
            return _R
    if found is _X and closed and "select" in words:
        return _R  # the main statement stands in brackets
    return found


def _explain_class(words: Sequence[str], protocol: str | None, depth: int) -> StatementClass:
    """
    Return the class of what EXPLAIN ANALYZE runs; without ANALYZE nothing is run.
    """
    place = 0
    if words[:1] == ["("]:
        while place < len(words) and words[place] != ")":
            place += 1
        place += 1
    while place < len(words) and words[place] in {"analyze", "analyse", "verbose", "format", "=", "tree", "json", "?"}:
        place += 1
    runs = explain_runs(words[:place])
    return _one_class(words[place:], protocol, depth) if runs and place < len(words) else _U


def explain_runs(options: Sequence[str]) -> bool:
    """
    Return whether EXPLAIN with these words behind it runs the statement.
    """
    for place, word in enumerate(options):
        if word in {"analyze", "analyse"}:
            return options[place + 1 : place + 2] not in (["off"], ["false"], [LITERAL])
    return False


def _begin_class(words: Sequence[str], protocol: str | None, depth: int) -> StatementClass:
    second = words[1] if len(words) > 1 else ""
    if words[0] == "start":
        return _T if second == "transaction" else _U
    if not second or second in _BEGIN_OPTIONS:
        return _T
    if second in {"batch", "unlogged", "counter"} and protocol in {"cassandra", None}:
        return _W
    if second in {"try", "catch"}:
        return _X
    inner = _one_class(words[1:], protocol, depth)  # a block of procedural code
    return inner if STRENGTH[inner] >= STRENGTH[_W] else _X


def _copy_class(words: Sequence[str]) -> StatementClass:
    """
    Return write for COPY … FROM and COPY INTO a table, read for the other direction, or what the query in it does.
    """
    if words[:1] == ["("]:
        return _W if len(words) > 1 and words[1] in _MODIFYING else _R
    if words[:1] == ["into"]:
        return _R if words[1:2] and words[1][0] in "@?'" else _W
    depth = 0
    for word in words:
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
        elif not depth and word in {"from", "to"}:
            return _W if word == "from" else _R
    return _X


def _definition_class(words: Sequence[str]) -> StatementClass:
    """
    Return dcl for definitions of who may do what, else ddl.
    """
    place = 0
    while place < len(words) and words[place] in {
        "or",
        "replace",
        "if",
        "not",
        "exists",
        "server",
        "application",
        "row",
    }:
        place += 1
    kind = words[place] if place < len(words) else ""
    after = words[place + 1] if place + 1 < len(words) else ""
    if kind == "default" and after == "privileges":
        return _DCL
    if kind == "user" and after == "mapping":
        return _DDL
    return _DCL if kind in _ACCOUNTS or (kind == "session" and after == "policy") else _DDL


def _strongest_verb(words: Sequence[str], found: StatementClass) -> StatementClass:
    """
    Return the strongest class that a verb within a batch has, where no semicolon parts statements.
    """
    for place, word in enumerate(words):
        if word in _STRONG and place and words[place - 1] not in _NO_VERB_BEHIND and place + 1 < len(words):
            follows = words[place + 1]
            if not (follows[0].isalpha() or follows[0] in '_#@["?'):
                continue
            one = (
                _definition_class(words[place + 1 : place + 16])
                if word in {"create", "alter", "drop"}
                else _BY_WORD[word]
            )
            found = one if STRENGTH[one] > STRENGTH[found] else found
    return found
