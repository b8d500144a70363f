"""
The look of databases that are spoken to by HTTP: request line, body, status line.

    POST /orders/_search?size=3
    {
      "query": {
        "term": {
          "status": "open"
        }
      }
    }

    200 OK

A body of JSON is set over lines; one of many JSON documents, as in bulk requests, is as it came, a document a line.
"""

import json
from http import HTTPStatus
from typing import Any, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.document_text import JSON_STYLE, MAX_CHARS, MAX_LINES, MORE, document_lines
from recordkit.transcript.native import NativeTranslator, Part
from recordkit.transcript.phrases import text_of
from recordkit.transcript.segments import SegmentKind, Severity

MAX_PARSED: Final = 1024 * 1024
"""Bytes of a body that is set over lines; of a longer one no more than its beginning is shown anyway."""


class HTTPTranslator(NativeTranslator):
    """
    A translator whose protocol's requests are events with method, path, body and status.
    """

    def _request(self, event: Event) -> list[Part]:
        self._asked_ns = self.delays.moment_ns
        lines = [self._request_line(event), *self._header_lines(event), *self._body_lines(event)]
        said = Part(SegmentKind.STATEMENT, "\n" + "".join(f"{line}\n" for line in lines), severity_of_request(event))
        return [said, *self._status(event)]

    def _request_line(self, event: Event) -> str:
        raw_query = text_of(event.get("raw_query"))
        target = f"{text_of(event.get('path')) or '/'}{'?' if raw_query else ''}{raw_query}"
        return f"{text_of(event.get('method')) or 'GET'} {target}".replace("\n", "\\n")

    def _header_lines(self, _event: Event) -> list[str]:
        """
        Return the lines between request line and body.
        """
        return []

    def _body_lines(self, event: Event) -> list[str]:
        """
        Return the lines of the body.
        """
        body = phrases.decoded_bytes(event.get("body"))
        return body_lines(event.get("body") if body is None else body)

    def _status(self, event: Event) -> list[Part]:
        code = event.get("status_code")
        if code in (None, 0) or isinstance(code, bool):
            return self._failure(event)
        line = phrases.one_line(f"{text_of(code)} {_reason(code)}".rstrip(), before="\n")
        if severity_of_request(event) is Severity.INFO:
            return [Part(SegmentKind.RESULT, line)]
        reason = phrases.status_text(event)
        return [Part(SegmentKind.ERROR, line + (phrases.whole_lines(reason) if reason else ""), Severity.ERROR)]


def severity_of_request(event: Event) -> Severity:
    """
    Return how much attention a request asks for: an error if its status is 400 or more.
    """
    code = event.get("status_code")
    bad = isinstance(code, int) and not isinstance(code, bool) and code >= 400
    return Severity.ERROR if bad or phrases.failed(event) else Severity.INFO


def body_lines(body: Any) -> list[str]:
    """
    Return the lines of a body: of bytes that are JSON or text, or of a JSON value.
    """
    if isinstance(body, bytes):
        if not body:
            return []
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return [f"({len(body)} bytes that are no text)"]
        return _text_lines(text)
    if isinstance(body, str):
        return _text_lines(body)
    return [] if body is None else document_lines(body, JSON_STYLE)


def _text_lines(text: str) -> list[str]:
    if text.lstrip()[:1] in ("{", "[") and len(text) <= MAX_PARSED:
        try:
            return document_lines(json.loads(text, object_pairs_hook=_once_each), JSON_STYLE)
        except (ValueError, RecursionError):
            pass  # several documents, or none: shown as it came
    lines = text[:MAX_CHARS].rstrip("\n").split("\n", MAX_LINES)
    more = len(text) > MAX_CHARS or len(lines) > MAX_LINES
    return [*(line.rstrip() for line in lines[:MAX_LINES]), *([MORE] if more else [])]


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice: a parsed form would show one of the two")
    return members


def _reason(code: object) -> str:
    try:
        return HTTPStatus(code).phrase  # type: ignore[arg-type]
    except ValueError:
        return ""
