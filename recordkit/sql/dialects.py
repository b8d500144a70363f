"""
How the databases' SQL differs in what matters for cutting it into words: quotes, escapes, comments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """
    The lexical rules of one database; the defaults are those of the SQL standard.

    Attributes:
        backslash: A backslash escapes the next character within any string.
        e_strings: It does so within ``E'…'``.
        double_quoted_text: ``"…"`` is a string, not an identifier.
        backticks: Identifiers may stand between backticks.
        brackets: Identifiers may stand in brackets.
        dollar_quotes: Strings may stand between ``$tag$`` and ``$tag$``.
        q_quotes: Strings may stand as ``q'[…]'``.
        nested_comments: Comments stand within comments.
        hash_comments: ``#`` begins a comment.
        slash_comments: ``//`` begins one.
        dashes_need_space: ``--`` begins one only with white space behind it.
        executed_comments: What stands in ``/*! … */`` is executed.
        batches: Statements follow one another without a semicolon.
    """

    backslash: bool = False
    e_strings: bool = False
    double_quoted_text: bool = False
    backticks: bool = False
    brackets: bool = False
    dollar_quotes: bool = False
    q_quotes: bool = False
    nested_comments: bool = False
    hash_comments: bool = False
    slash_comments: bool = False
    dashes_need_space: bool = False
    executed_comments: bool = False
    batches: bool = False


STANDARD: Final = Dialect(e_strings=True, dollar_quotes=True, backticks=True)
"""For protocols that we don't know: what most databases agree on, where they don't contradict each other."""

_POSTGRES: Final = Dialect(e_strings=True, dollar_quotes=True, nested_comments=True)
_CLICKHOUSE: Final = Dialect(backslash=True, backticks=True, hash_comments=True)

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        "postgres": _POSTGRES,
        "cockroachdb": _POSTGRES,
        "mysql": Dialect(
            backslash=True,
            double_quoted_text=True,
            backticks=True,
            hash_comments=True,
            dashes_need_space=True,
            executed_comments=True,
        ),
        "sqlserver": Dialect(brackets=True, nested_comments=True, batches=True),
        "cassandra": Dialect(dollar_quotes=True, slash_comments=True),
        "clickhouse": _CLICKHOUSE,
        "clickhouse-http": _CLICKHOUSE,
        "snowflake": Dialect(backslash=True, dollar_quotes=True, slash_comments=True),
        "oracle": Dialect(q_quotes=True),
        "spanner": Dialect(backslash=True, double_quoted_text=True, backticks=True, hash_comments=True),
    }
)
"""Dialects by ``db_protocol``."""


def dialect_of(protocol: str | None) -> Dialect:
    """
    Return the dialect of a ``db_protocol``.
    """
    return STANDARD if protocol is None else DIALECTS.get(protocol, STANDARD)
