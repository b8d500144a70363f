"""
Moments of a recording as lines of the screen.
"""

import re
from collections import OrderedDict
from typing import Final

from recordkit.playback import Moment, Player
from recordkit.playback.moments import Knowledge
from recordkit.render.control_chars import safe_text
from recordkit.terminal.fragments import Fragment, Line, wrap
from recordkit.transcript import Segment, SegmentKind
from recordkit.transcript.segments import Severity

MOST_CHARS: Final = 16 * 1024
"""Of one piece of a transcript; more than any screen shows. The detail pane has more of a statement."""
_COLOURED_CHARS: Final = 8 * 1024
_LOOKED_THROUGH: Final = 5000
_KEPT: Final = 1000

_STYLES: Final = {
    SegmentKind.START: "class:session",
    SegmentKind.END: "class:session",
    SegmentKind.STATEMENT: "class:text",
    SegmentKind.RESULT: "class:result",
    SegmentKind.ERROR: "class:error",
    SegmentKind.NOTICE: "class:notice",
}
_SEVERITIES: Final = {Severity.WARNING: "class:warning", Severity.ERROR: "class:error"}
_PROMPT: Final = re.compile(r"\n?[^\n>]{0,200}> ")
_OTHER_THAN_SQL: Final = ("mongodb", "redis", "elasticsearch", "opensearch", "dynamodb")


class TranscriptLines:
    """
    The lines above a place of the transcript; those of a moment are made once.

    Attributes:
        back: How many chunks above the one that is shown may be read to fill the screen.
        short: Whether the last screen lacked lines that another chunk might have had.
        found: What to make stand out.
    """

    def __init__(self, player: Player) -> None:
        self._player = player
        self.back = 1
        self.short = False
        self.found: re.Pattern[str] | None = None
        self._kept: OrderedDict[tuple[object, ...], list[Line]] = OrderedDict()

    def above(self, columns: int, rows: int) -> list[Line]:
        """
        Return the last *rows* lines up to what is shown; fewer if there are no more, or not yet.
        """
        moments, address = self._player.moments, self._player.shown
        self.short = False
        if address is None or address.chunk >= len(moments):
            return []
        shown, blocks, count = address.chunk, list[list[Line]](), 0
        chunk, number = address
        for _ in range(_LOOKED_THROUGH):
            while number < 0:
                chunk -= 1
                if chunk < 0:
                    break
                if shown - chunk > self.back:
                    self.short = True
                    break
                number = len(moments.of(chunk, least=Knowledge.NOTHING)) - 1
            if chunk < 0 or self.short or count >= rows:
                break
            least = Knowledge.NEIGHBOUR if chunk == shown else Knowledge.NOTHING
            lines = self._lines(moments.of(chunk, least=least)[number], columns)
            blocks.append(lines)
            count += len(lines)
            number -= 1
        return [line for block in reversed(blocks) for line in block][-rows:] if rows > 0 else []

    def _lines(self, moment: Moment, columns: int) -> list[Line]:
        selected = moment.address == self._player.selected
        key = (moment.address, columns, selected, self.found, moment.segments)
        kept = self._kept.get(key)
        if kept is None:
            protocol = None if moment.event is None else moment.event.get("db_protocol")
            fragments: list[Fragment] = []
            for segment in moment.segments:
                sql = protocol not in _OTHER_THAN_SQL
                fragments += self._marked(_fragments(segment, selected=selected, sql=sql))
            kept = self._kept[key] = wrap(fragments, columns)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept

    def _marked(self, fragments: list[Fragment]) -> list[Fragment]:
        """
        Return *fragments* with what was searched for standing out.
        """
        if self.found is None:
            return fragments
        text = "".join(part for _, part in fragments)
        spans = [match.span() for match in self.found.finditer(text) if match.end() > match.start()]
        if not spans:
            return fragments
        made: list[Fragment] = []
        place = number = 0
        for style, part in fragments:
            begin, end = place, place + len(part)
            while number < len(spans) and spans[number][0] < end:
                first, behind = spans[number]
                stop = min(behind, end)
                made.append((style, text[begin : max(begin, first)]))
                made.append((f"{style} class:match", text[max(begin, first) : stop]))
                begin = stop
                if behind > end:
                    break
                number += 1
            made.append((style, text[begin:end]))
            place = end
        return [(style, part) for style, part in made if part]


def _fragments(segment: Segment, *, selected: bool, sql: bool) -> list[Fragment]:
    style = _SEVERITIES.get(segment.severity, _STYLES[segment.kind])
    aside = " class:aside" if segment.aside else ""
    more = len(segment.text) - MOST_CHARS
    text = safe_text(segment.text[:MOST_CHARS])
    tail: list[Fragment] = [("class:more", f"… {more} more characters\n")] if more > 0 else []
    if segment.kind is not SegmentKind.STATEMENT:
        return [(style + aside, text), *tail]
    prompt = _PROMPT.match(text)
    lead = prompt[0] if prompt else ""
    head = [("", "\n")] if lead.startswith("\n") else []
    head.append(("class:selected" if selected else "class:prompt", lead.lstrip("\n")))
    return [*head, *coloured(text[len(lead) :], extra=aside, sql=sql), *tail]


def coloured(text: str, *, extra: str = "", sql: bool = True) -> list[Fragment]:
    """
    Return a safe statement in its colours; of a very long one, the beginning.
    """
    if not sql:
        return [(f"class:text{extra}", text)]
    from recordkit.sql.highlighting import highlight_sql

    pieces: list[Fragment] = [(f"class:{kind}{extra}", part) for kind, part in highlight_sql(text[:_COLOURED_CHARS])]
    return [*pieces, (f"class:text{extra}", text[_COLOURED_CHARS:])]
