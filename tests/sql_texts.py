"""
Texts to try statement derivation on: random, hostile, and a way to count the steps that one takes.
"""

import sys

from hypothesis import strategies as st

from recordkit.sql.dialects import DIALECTS

PROTOCOLS = [None, "redis", "mongodb", "elasticsearch", "dynamodb", "nonsense", *DIALECTS]

_PIECES = [
    "select",
    "from",
    "where",
    "insert",
    "into",
    "values",
    "update",
    "set",
    "delete",
    "with",
    "as",
    "recursive",
    "join",
    "on",
    "using",
    "and",
    "or",
    "not",
    "null",
    "is",
    "in",
    "(",
    ")",
    "(",
    ")",
    ",",
    ",",
    ";",
    ".",
    "*",
    "=",
    "-",
    "--",
    "/*",
    "*/",
    "'",
    "'",
    '"',
    "`",
    "[",
    "]",
    "$",
    "$$",
    "$a$",
    "E'",
    "N'",
    "q'[",
    "]'",
    "\\",
    "\\'",
    "''",
    "1",
    "23",
    "4.5",
    ".5",
    "1e5",
    "0x1F",
    "?",
    "$1",
    ":n",
    "%s",
    "@v",
    "#",
    "{",
    "}",
    ":",
    '"a":',
    "a",
    "b.c",
    '"T"',
    "copy",
    "to",
    "explain",
    "analyze",
    "create",
    "table",
    "index",
    "merge",
    "begin",
    "end",
    "union",
    "all",
    "lateral",
    "truncate",
    "grant",
    "drop",
]

sql_texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from(_PIECES), max_size=40).map(" ".join),
    st.lists(st.sampled_from(_PIECES), max_size=40).map("".join),
)

hostile_texts = [
    lambda n: "(" * n,
    lambda n: "(select " * n,
    lambda n: ")" * n,
    lambda n: "'" * n,
    lambda n: "'a" * n,
    lambda n: '"a' * n,
    lambda n: "$a" * n,
    lambda n: "$a$ " * n,
    lambda n: "$$" * n + "$",
    lambda n: "/*" * n,
    lambda n: "/*" * n + "*/" * n,
    lambda n: "--\n" * n,
    lambda n: "\\" * n,
    lambda n: "E'\\'" * n,
    lambda n: "a." * n,
    lambda n: "1" * n + "a",
    lambda n: "1." * n,
    lambda n: "1e" * n,
    lambda n: "select 1;" * n,
    lambda n: "select * from a," * n,
    lambda n: "with a as (" * n,
    lambda n: "with " + "a as (select 1), " * n,
    lambda n: "update set " * n,
    lambda n: "insert into t values " + "(1, 'x', default), " * n,
    lambda n: "select " + "((1), " * n,
    lambda n: "select a in (1, " * n,
    lambda n: "explain " * n + "select 1",
    lambda n: "begin " * n,
    lambda n: "create view " * n,
    lambda n: "- " * n + "1",
    lambda n: "join " * n,
    lambda n: '{"a": [' * n,
    lambda n: '{"a": 1},' * n,
]
"""Functions from a size to a text that is so hard for some parser."""


def counted_steps(run) -> int:
    """
    Return how many lines of recordkit's code *run* executes.
    """
    steps = 0

    def trace(frame, event, _argument):
        nonlocal steps
        steps += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return steps
