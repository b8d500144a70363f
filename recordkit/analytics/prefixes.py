"""
What the lines of a session begin with: fields that all of them share.

FORMAT.md asks writers to put a session's constant fields first. A `Prefix` is parsed once, and cut off each line.
"""

from dataclasses import dataclass

from recordkit.analytics.rows import BY_FIELD, Row, row_of
from recordkit.errors import InvalidEventError, UndecodableEventError
from recordkit.events import Event, decode_line, encode_line


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """
    What lines begin with: an opening brace, whole fields, each with its comma.

    Attributes:
        text: The bytes.
        row: Columns of its fields.
        names: Its fields.
    """

    text: bytes
    row: Row
    names: frozenset[str]


def prefix_of(line: bytes, shared: frozenset[str], known: dict[bytes, Prefix]) -> Prefix | None:
    """
    Return what *line* may have in common with others: known fields that are *shared*, and unknown ones.

    None if it is not laid out so.

    Args:
        line: Without its newline.
        shared: Names of fields.
        known: Prefixes by their text; a new one is added.
    """
    try:
        event = decode_line(line)
    except UndecodableEventError:
        return None
    front: Event = {}
    for name, value in event.items():
        if name not in shared and name in BY_FIELD:
            break
        front[name] = value
    try:
        text = encode_line(front)[:-2] + (b"," if front else b"")
    except InvalidEventError:  # of another program: deeper than we write
        return None
    if not line.startswith(text) or len(front) == len(event):
        return None
    prefix = known.get(text)
    if prefix is None:
        prefix = known[text] = Prefix(text, row_of(front), frozenset(front))
    return prefix
