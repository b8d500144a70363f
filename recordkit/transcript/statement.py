"""
The text of a statement as the database got it: as it was typed, or as it was prepared.
"""

from collections.abc import Sequence
from typing import NamedTuple

from recordkit.events import Event
from recordkit.transcript.phrases import text_of
from recordkit.transcript.segments import Segment, SegmentKind

_FIRST_PARAMETER = " ($1 = "


class Statement(NamedTuple):
    """
    What was asked.

    Attributes:
        text: The statement; "" if there is none, or nothing is known of it.
        parameters: As text, "" if there are none.
    """

    text: str
    parameters: str


def statement_of(event: Event, segments: Sequence[Segment] = ()) -> Statement:
    """
    Return what *event* asks.

    Args:
        event: What was recorded.
        segments: What the transcript says of it: there the text of a prepared statement stands.
    """
    given = event.get("db_query_parameters", event.get("parameters"))
    parameters = "" if given in (None, []) else text_of(given)
    query = event.get("db_query")
    if isinstance(query, str):
        return Statement(query, parameters)
    text = next((segment.text for segment in segments if segment.kind is SegmentKind.STATEMENT), "").strip("\n")
    if not text:
        return Statement(text_of(event.get("query")), parameters)
    prompt = f"{text_of(event.get('db_name'))}=> "
    if not text.startswith(prompt):
        return Statement(text.partition("> ")[2] or text, parameters)
    text = text.removeprefix(prompt)
    begin = text.rfind(_FIRST_PARAMETER)
    if begin >= 0 and not parameters:
        return Statement(text[:begin], text[begin + 2 : -1])
    return Statement(text, parameters)
