"""
A session as one HTML page that people mail to each other: it plays, seeks, searches, and asks for nothing.

The page (`page/`) is constant. What events hold goes into two JSON blocks that no browser runs, with
every character escaped that HTML gives a meaning; the page's script makes text nodes of it and nothing
else. A content security policy allows that one script and that one style, by their hashes, and no
request at all. So there is no place where text of an event could become markup, and no way out.

It is written as a stream: what the page says of the whole session stands at its end. Until the
last line is there, the page says that it is not complete.

One segment is ``[delay in µs, kind, text, ei, marks]``; marks are of ``e`` error, ``w`` write, ``a``
aside, ``!`` warning. The text is safe for terminals, too, so that what is copied from the page is.
"""

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

from recordkit.events import Event
from recordkit.render.control_chars import safe_line, safe_text
from recordkit.render.naming import SESSION_FIELDS, session_title
from recordkit.sql.highlighting import KEYWORDS
from recordkit.transcript import Segment, SegmentKind, SessionTranslator, Translator
from recordkit.transcript.changes import changes
from recordkit.transcript.phrases import text_of
from recordkit.transcript.segments import Severity, event_time_ns

_MARKUP: Final = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_EXACT_IN_SCRIPTS: Final = 2**53


class HtmlRenderer:
    """
    The `Renderer` of pages. Holds nothing of the session but its name and counts.

    Args:
        title: The page's heading; made from the first event if it is empty.
    """

    def __init__(self, translator: Translator | None = None, *, title: str = "") -> None:
        self._translator = translator or SessionTranslator()
        self._title = title
        self._separator = ""
        self._facts: dict[str, str] = {}
        self._at_us = 0
        self._events = 0
        self._ended = False

    def begin(self) -> bytes:
        """
        See `Renderer.begin`.
        """
        return _page().head

    def write(self, event: Event) -> bytes:
        """
        See `Renderer.write`.
        """
        if not self._events:
            self._introduce(event)
        self._events += 1
        items = []
        for segment in self._translator.feed(event):
            items.append(self._separator + _json(self._item(segment, event)))
            self._separator = ",\n"
        return "".join(items).encode()

    def end(self) -> bytes:
        """
        See `Renderer.end`.
        """
        facts = [*self._facts.items(), ("events", f"{self._events:,}")]
        if not self._ended:
            facts.append(("state", "not ended: interrupted, or still going on"))
        about = {"title": safe_line(self._title), "facts": facts, "keywords": sorted(KEYWORDS)}
        page = _page()
        return page.middle + _json(about).encode() + page.tail

    def _introduce(self, event: Event) -> None:
        self._title = self._title or session_title(event)
        if event_time_ns(event) is not None:
            self._facts["started"] = safe_line(event["time"])
        for name in SESSION_FIELDS:
            if event.get(name) not in (None, ""):
                self._facts[name] = safe_line(text_of(event[name]))

    def _item(self, segment: Segment, event: Event) -> list[Any]:
        # times may go backwards in an audit log; a timeline can't
        self._at_us = max(self._at_us, segment.delay_ns // 1000)
        self._ended = self._ended or segment.kind is SegmentKind.END
        marks = "e" * (segment.kind is SegmentKind.ERROR or segment.severity is Severity.ERROR)
        marks += "w" * (segment.kind is SegmentKind.STATEMENT and changes(event, (segment,)))
        marks += "a" * segment.aside
        marks += "!" * (segment.severity is Severity.WARNING)
        ei = segment.ei if segment.ei is not None and abs(segment.ei) < _EXACT_IN_SCRIPTS else None
        return [self._at_us, segment.kind, safe_text(segment.text), ei, marks]


def _json(value: Any) -> str:
    """
    Return *value* as JSON that has no character with a meaning in HTML.
    """
    text = _encode(value)
    for char, escape in _MARKUP.items():
        text = text.replace(char, escape)
    return text


class _Page(NamedTuple):
    """
    The constant parts of a page, around segments and summary.
    """

    head: bytes
    middle: bytes
    tail: bytes


@cache
def _page() -> _Page:
    folder = resources.files("recordkit.render") / "page"
    style, player, page = ((folder / name).read_text("utf-8") for name in ("style.css", "player.js", "page.html"))
    policy = (
        f"default-src 'none'; script-src '{_hash(player)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    for name, text in (("policy", policy), ("style", style), ("player", player)):
        page = page.replace(f"{{{{{name}}}}}", text)
    head, _, rest = page.partition("{{segments}}")
    middle, _, tail = rest.partition("{{about}}")
    return _Page(head.encode(), middle.encode(), tail.encode())


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
