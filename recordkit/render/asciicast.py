r"""
A session as an asciicast, version 3: plays in asciinema and in its web player.

One JSON array a line: seconds since the line before, a letter, text. Output (``o``) is the transcript
as a terminal would get it: what an event holds is made safe first, then line feeds become CR LF, and
the only escape sequences are colours of ours. Statements and errors are markers (``m``), to which
players jump. A session that ended ends with ``x``; one that was interrupted has none.

The header needs what only the first event knows, so it is written with that.

Source: docs.asciinema.org, asciicast v3.
"""

import json
from typing import Final

from recordkit.events import Event
from recordkit.render.control_chars import safe_line, safe_text
from recordkit.render.naming import session_title
from recordkit.transcript import Segment, SegmentKind, SessionTranslator, Translator
from recordkit.transcript.segments import Severity, event_time_ns

_LABEL_CHARS: Final = 60
_MAX_STATEMENT_MARKERS: Final = 1000
"""The web player draws an element for each; errors are marked however many they are."""

_encode: Final = json.JSONEncoder(ensure_ascii=False).encode
_RESET: Final = "\x1b[0m"
_COLOURS: Final = {SegmentKind.STATEMENT: "\x1b[1m", SegmentKind.ERROR: "\x1b[31m", SegmentKind.NOTICE: "\x1b[33m"}
_ASIDE: Final = "\x1b[2m"


class AsciicastRenderer:
    """
    The `Renderer` of asciicasts. Begins with the first segment; then waits are as they were, and players cut them.

    Args:
        columns, rows: The terminal's size; longer lines are wrapped by the player.
        title: Shown by players; made from the first event if it is empty.
        idle_time_limit_s: The longest wait that players should make; none: theirs.
        colour: Whether statements, errors and notices are told apart by colour.
        asides: Whether to show what the protocol's own client would not.
    """

    def __init__(
        self,
        translator: Translator | None = None,
        *,
        columns: int = 80,
        rows: int = 24,
        title: str = "",
        idle_time_limit_s: float | None = None,
        colour: bool = True,
        asides: bool = False,
    ) -> None:
        self._translator = translator or SessionTranslator()
        self._term = {"cols": columns, "rows": rows}
        self._title = title
        self._idle_time_limit_s = idle_time_limit_s
        self._colour = colour
        self._asides = asides
        self._begun = self._ended = False
        self._at_us: int | None = None
        self._marked = 0

    def begin(self) -> bytes:
        """
        See `Renderer.begin`.
        """
        return b""

    def write(self, event: Event) -> bytes:
        """
        See `Renderer.write`.
        """
        lines = [] if self._begun else [self._header(event)]
        for segment in self._translator.feed(event):
            if not segment.aside or self._asides:
                lines += self._lines(segment)
        return "".join(lines).encode()

    def end(self) -> bytes:
        """
        See `Renderer.end`.
        """
        line = "" if self._begun else self._header({})
        if self._ended:
            line += self._line(0, "x", "0")
        return line.encode()

    def _header(self, event: Event) -> str:
        self._begun = True
        header: dict[str, object] = {"version": 3, "term": self._term}
        time_ns = event_time_ns(event)
        if time_ns is not None and time_ns >= 0:
            header["timestamp"] = time_ns // 10**9
        if self._idle_time_limit_s is not None:
            header["idle_time_limit"] = self._idle_time_limit_s
        title = safe_line(self._title or session_title(event))
        if title:
            header["title"] = title
        return _encode(header) + "\n"

    def _lines(self, segment: Segment) -> list[str]:
        text = safe_text(segment.text)
        lines = []
        label = text.strip().partition("\n")[0]
        at_us = segment.delay_ns // 1000
        waited_us = 0 if self._at_us is None else max(0, at_us - self._at_us)
        self._at_us = at_us if self._at_us is None else self._at_us + waited_us
        error = segment.kind is SegmentKind.ERROR or segment.severity is Severity.ERROR
        if error or (segment.kind is SegmentKind.STATEMENT and self._marked < _MAX_STATEMENT_MARKERS):
            self._marked += not error
            lines.append(self._line(waited_us, "m", label[:_LABEL_CHARS]))
            waited_us = 0
        colour = _ASIDE if segment.aside else _COLOURS.get(segment.kind, "")
        if self._colour and colour:
            text = "\n".join(f"{colour}{line}{_RESET}" if line else "" for line in text.split("\n"))
        lines.append(self._line(waited_us, "o", text.replace("\n", "\r\n")))
        self._ended = self._ended or segment.kind is SegmentKind.END
        return lines

    def _line(self, interval_us: int, code: str, text: str) -> str:
        seconds, rest = divmod(interval_us, 1_000_000)
        return f'[{seconds}.{rest:06}, "{code}", {_encode(text)}]\n'
