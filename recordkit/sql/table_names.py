"""
Names of tables among the words of a statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_QUOTES = {'"': '"', "`": "`", "[": "]"}


@dataclass(frozen=True, slots=True)
class Name:
    """
    A name, qualified or not.

    Attributes:
        text: Its parts, joined by points; quotes are taken off where nothing can be mistaken without them.
        end: Where the next word stands.
    """

    text: str
    end: int


def name_at(words: Sequence[str], place: int) -> Name | None:
    """
    Return the name that begins at *place*; None if there is none.
    """
    count = len(words)
    if place >= count:
        return None
    first = _part(words[place])
    if first is None:
        return None
    parts = [first]
    place += 1
    while place + 1 < count and words[place] == ".":
        place += 1
        if words[place] == ".":
            parts.append("")  # database..table
            continue
        part = _part(words[place])
        if part is None:
            break
        parts.append(part)
        place += 1
    return Name(".".join(parts).rstrip("@"), place)  # Spanner's hints follow an @


def _part(word: str) -> str | None:
    closing = _QUOTES.get(word[0]) if len(word) > 1 else None
    if closing is None:
        return word if word[0].isalnum() or (word[0] in "_#" and len(word) > 1) or word[0] == "_" else None
    inside = word[1:-1].replace(closing * 2, closing) if len(word) > 1 and word[-1] == closing else word[1:]
    return word if not inside or "." in inside or closing in inside else inside
