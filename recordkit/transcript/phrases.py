"""
What all transcripts say alike: the session's first and last line, gaps, users and permissions, counts, values as text.
"""

import binascii
import json
import re
from typing import Final

from recordkit.events import Event
from recordkit.transcript.go_text import quote, short_time
from recordkit.transcript.segments import event_time_ns

GAP_KIND: Final = "recordkit.gap"

MAX_INDENT: Final = 80
"""
Of a statement's further lines. PostgreSQL's names have 63 bytes, so its prompt is never longer; a made-up name
times a made-up number of lines would be more than any memory holds.
"""

MAX_SHOWN_BYTES: Final = 256
"""Of a packet that nobody could parse: enough to see what it is."""

# What may stand before a statement's first word. Atomic throughout: a hostile text costs one pass.
_FIRST_WORD: Final = re.compile(r"(?>\s++|--[^\n]*+|#[^\n]*+|/\*(?>[^*]++|\*(?!/))*+\*/|[(;])*+([A-Za-z]++)")
_FIRST_WORD_WITHIN: Final = 4096


def started(event: Event) -> str:
    """
    Return the line that opens a session.
    """
    service, moment = quote(text_of(event.get("db_service"))), short_time(event_time_ns(event))
    return f"Session started to database {service} at {moment}\n"


def ended(event: Event) -> str:
    """
    Return the lines that close a session.
    """
    return f"\nSession ended at {short_time(event_time_ns(event))}\n"


def gap(event: Event) -> str:
    """
    Return the lines that say which events are missing: ``-- 120 events missing here (ei 40 to 159): overflow --``.
    """
    first, last, count = event.get("from"), event.get("to"), event.get("count")
    number = "some" if count is None else text_of(count)
    noun = "event" if count == 1 else "events"
    until = "" if last in (first, None) else f" to {text_of(last)}"
    where = "" if first is None else f" (ei {text_of(first)}{until})"
    reason = text_of(event.get("reason"))
    return remark(f"{number} {noun} missing here{where}{': ' if reason else ''}{reason}")


def user_created(event: Event) -> str:
    """
    Return the lines about a database user that was made for the session: ``-- database user "u" created --``.
    """
    roles = event.get("roles")
    listed = ", ".join(map(text_of, roles)) if isinstance(roles, list) else text_of(roles)
    return _provisioned(event, "created", f", roles: {listed}" if listed else "")


def user_deactivated(event: Event) -> str:
    """
    Return the lines about a database user that was locked, or deleted, at the session's end.
    """
    return _provisioned(event, "deleted" if event.get("delete") is True else "deactivated", "")


def _provisioned(event: Event, deed: str, more: str) -> str:
    user = quote(text_of(event.get("username")))
    if failed(event):
        reason = ": ".join(dict.fromkeys(filter(None, [text_of(event.get("error")), text_of(event.get("message"))])))
        return remark(f"database user {user} could not be {deed}{more}: {reason or 'no reason given'}")
    return remark(f"database user {user} {deed}{more}")


def permissions_updated(event: Event) -> str:
    """
    Return the lines about permissions: ``-- permissions updated: SELECT (table: 3); affected objects (table: 3) --``.
    """
    summary, objects = event.get("permission_summary"), event.get("affected_object_counts")
    parts = []
    for entry in summary if isinstance(summary, list) else [] if summary is None else [summary]:
        if isinstance(entry, dict):
            parts.append(text_of(entry.get("permission")) + _counts(entry.get("counts")))
        else:
            parts.append(text_of(entry))
    if objects:
        parts.append(f"affected objects{_counts(objects)}")
    return remark(f"permissions updated: {'; '.join(parts) or 'none'}")


def _counts(counts: object) -> str:
    if isinstance(counts, dict):
        counts = ", ".join(f"{name}: {text_of(count)}" for name, count in counts.items())
    return f" ({text_of(counts)})" if counts else ""


def malformed_packet(event: Event) -> str:
    r"""
    Return the lines about a packet that nobody could parse: ``-- malformed packet of 5 bytes: "Q\x00\x00\x00\x04" --``.
    """
    payload = decoded_bytes(event.get("payload"))
    if payload is None:
        return remark(f"malformed packet: {cut(text_of(event.get('payload')), MAX_SHOWN_BYTES)}")
    if not payload:
        return remark("malformed packet")
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in payload[:MAX_SHOWN_BYTES])
    noun = "byte" if len(payload) == 1 else "bytes"
    return remark(
        f'malformed packet of {len(payload)} {noun}: "{shown}"{"…" if len(payload) > MAX_SHOWN_BYTES else ""}'
    )


def remark(text: str) -> str:
    """
    Return the lines of a remark about the session, set apart from what client and server said.
    """
    return one_line(f"-- {text} --", before="\n")


def rows_affected(count: object) -> str:
    """
    Return ``(1 row affected)``, or ``rows`` for any number but one.
    """
    return f"({text_of(count)} {'row' if is_one(count) else 'rows'} affected)"


def is_one(count: object) -> bool:
    """
    Tell whether *count* is the number one.
    """
    return count == 1 and not isinstance(count, bool)


def failed(event: Event) -> bool:
    """
    Tell whether *event* says that what it reports did not work.
    """
    success = event.get("success")
    return success is False or (not isinstance(success, bool) and bool(event.get("error")))


def status_text(event: Event) -> str:
    """
    Return what an event says about its failure: the error, and the message where it says more, on further lines.
    """
    error, message = text_of(event.get("error")), text_of(event.get("message"))
    if not error:
        return message
    return f"{error}\n  {message}" if message not in ("", error) else error


_compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def text_of(value: object) -> str:
    """
    Return a field's value as text: text as it is, nothing for None, all else as compact JSON.
    """
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)


def json_text(value: object) -> str:
    """
    Return *value* as compact JSON in Unicode; a phrase in its place where Python can't write it.
    """
    try:
        return str(value) if type(value) is int else _compact(value)
    except (RecursionError, ValueError):  # ValueError: an integer of thousands of digits
        return "(too deep or too long to show)"


def decoded_bytes(value: object) -> bytes | None:
    """
    Return the bytes of a base64 field, none at all for None; None if it is no base64.
    """
    if value is None:
        return b""
    if not isinstance(value, str):
        return None
    try:
        return binascii.a2b_base64(value, strict_mode=True) if value else b""
    except ValueError:  # also of characters that are not ASCII
        return None


def first_word(text: str) -> str:
    """
    Return a statement's first word in capitals, without the comments before it; nothing if there is none near.
    """
    found = _FIRST_WORD.match(text[:_FIRST_WORD_WITHIN])
    return "" if found is None else found[1].upper()


def sql_literal(value: object) -> str:
    """
    Return a parameter as SQL writes it: ``'O''Brien'``, ``42``, ``NULL``.
    """
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else json_text(value)


def parameters_of(value: object) -> list[object]:
    """
    Return a field of parameters as a list; a single value as a list of one.
    """
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def lead_line(lead: str) -> str:
    r"""
    Return a prompt on one line: a line feed in a name is written as ``\n``, or it could forge lines of a transcript.
    """
    return lead.replace("\n", "\\n")


def prompted(lead: str, more: str, text: str) -> str:
    """
    Return an empty line, then the lines of *text*: the first behind *lead*, each further one behind *more*.
    """
    lines = text.split("\n")
    return f"\n{lead}" + f"\n{more}".join(map(str.rstrip, lines)) + "\n"


def cut(text: str, chars: int) -> str:
    """
    Return *text*, ended by a mark where it would be longer than *chars*.
    """
    return text if len(text) <= chars else text[: chars - 1] + "…"


def whole_lines(text: str) -> str:
    """
    Return *text* with one line feed at its end.
    """
    return text.rstrip("\n") + "\n"


def one_line(text: str, *, before: str = "") -> str:
    r"""
    Return *text* as one whole line: line ends within it are written as ``\n``.
    """
    joined = text.replace("\n", "\\n")
    return f"{before}{joined}\n"
