"""
Text as Go formats it, since the PostgreSQL transcript equals that of a Go program byte for byte.
"""

from datetime import date
from typing import Final

# Source: Go, unicode.IsSpace, that is Unicode's White_Space. str.strip() would take U+001C to U+001F too.
GO_WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)

# Source: Go, strconv.Quote.
_SHORT_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NS_PER_MINUTE: Final = 60 * 10**9


def trim_space(text: str) -> str:
    """
    Return *text* without the white space at both ends.

    Source: Go, strings.TrimSpace.
    """
    return text.strip(GO_WHITE_SPACE)


def quote(text: str) -> str:
    r"""
    Return *text* in double quotes, with what can't be printed as an escape.

        >>> print(quote('a "b"\n\x1b\u202e'))
        "a \"b\"\n\x1b\u202e"

    A lone surrogate stands for bytes that are not UTF-8 and is written as these bytes.

    Source: Go, strconv.Quote; fmt's verb %q.
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_quoted_char, text))}"'


def _quoted_char(char: str) -> str:
    short = _SHORT_ESCAPES.get(char)
    if short is not None:
        return short
    if char.isprintable():  # as in Go: letters, marks, numbers, punctuation, symbols and the ASCII space
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte smuggled through by Python's "surrogateescape"
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def short_time(time_ns: int | None) -> str:
    """
    Return a UTC time to the minute, as ``Mon Jul  6 20:00 UTC``; "an unknown time" for None.

    The names are English in every locale.

    Source: Go, time.Format with the layout ``Mon Jan _2 15:04 UTC``.
    """
    if time_ns is None:
        return "an unknown time"
    days, minutes = divmod(time_ns // _NS_PER_MINUTE, 24 * 60)
    try:
        day = date.fromordinal(days + _EPOCH_ORDINAL)
    except (ValueError, OverflowError):  # before year 1 or after 9999
        return "an unknown time"
    hour, minute = divmod(minutes, 60)
    return f"{_WEEKDAYS[day.weekday()]} {_MONTHS[day.month - 1]} {day.day:2d} {hour:02d}:{minute:02d} UTC"


_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
