"""
Audit events of database sessions: what kinds there are, and how one becomes a line of JSON.

An event is a plain ``dict`` of JSON types with the field names of the audit log. What goes in comes
out, equal as JSON values; what can't is refused by name. Unknown kinds and fields are kept whole.
"""

from recordkit.events.codec import Event, decode_input_line, decode_line, encode_line
from recordkit.events.exact_bytes import exact_text, exact_texts, original_bytes
from recordkit.events.ids import new_sid, parse_sid
from recordkit.events.kinds import CONSTANT_FIELDS, KINDS, FieldType, Kind, Role, code_for
from recordkit.events.timestamps import format_time, parse_time

__all__ = [
    "CONSTANT_FIELDS",
    "KINDS",
    "Event",
    "FieldType",
    "Kind",
    "Role",
    "code_for",
    "decode_input_line",
    "decode_line",
    "encode_line",
    "exact_text",
    "exact_texts",
    "format_time",
    "new_sid",
    "original_bytes",
    "parse_sid",
    "parse_time",
]
