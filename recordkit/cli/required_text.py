"""
Which texts a regular expression needs: one of them stands in whatever it matches.

It is read off the expression as Python's own parser sees it, so that flags, escapes and repeats mean what
they mean when it is compiled. That parser is not public: where it is missing or says something unknown,
nothing is required, and the search is only slower.
"""

import importlib
import re
from collections.abc import Iterable
from typing import Any, Final

_MOST: Final = 8
"""Texts to look for; each costs a pass over the lines."""


def required_texts(pattern: str, *, ignore_case: bool) -> tuple[frozenset[str], bool]:
    r"""
    Return texts of which one stands in every match of *pattern*, and whether their case does not count.

    None at all means that nothing is known.

        >>> required_texts(r"DROP\s+TABLE", ignore_case=False)
        (frozenset({'TABLE'}), False)
        >>> sorted(required_texts("drop (user|role)s?", ignore_case=True)[0])
        ['drop ']
    """
    try:
        parser: Any = importlib.import_module("re._parser")
        parsed = parser.parse(pattern, re.IGNORECASE if ignore_case else 0)
        folded = bool(parsed.state.flags & re.IGNORECASE)
        found = _of_sequence(parsed)
    except (ImportError, AttributeError, TypeError, ValueError, RecursionError):
        return frozenset(), ignore_case
    return (found if len(found) <= _MOST else frozenset()), folded


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> frozenset[str]:
    """
    Return the choice of texts whose shortest is the longest: it is the rarest, and found the fastest.
    """
    choices: list[frozenset[str]] = []
    run: list[str] = []
    for operation, value in items:
        name = str(operation)
        if name == "LITERAL":
            run.append(chr(value))
            continue
        choices += [frozenset({"".join(run)})] if run else []
        run = []
        if name == "SUBPATTERN":
            _, added, removed, inner = value
            if not (added | removed) & re.IGNORECASE:
                choices.append(_of_sequence(inner))
        elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            least, _, inner = value
            if least:
                choices.append(_of_sequence(inner))
        elif name == "ATOMIC_GROUP":
            choices.append(_of_sequence(value))
        elif name == "BRANCH":
            branches = [_of_sequence(branch) for branch in value[1]]
            choices.append(frozenset().union(*branches) if all(branches) else frozenset())
    choices += [frozenset({"".join(run)})] if run else []
    return max(choices, key=lambda texts: min(map(len, texts), default=0), default=frozenset())
