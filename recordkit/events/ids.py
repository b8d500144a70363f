"""
Names of sessions (``sid``) and events (``uid``): UUIDs as lower-case text.

A session's uids share 74 random bits and count up, in decimal digits, in the last 48, as UUID version
8 allows. They are as unique as random ones, cost a fifth to make, and compress to almost nothing.

Source: RFC 9562, sections 4 and 5.8.
"""

import os
import re
import uuid
from typing import Any, Final

from recordkit.errors import InvalidEventError, shown

# uuid.UUID() also takes braces, "urn:uuid:", misplaced dashes and the digits of all scripts; a file name must not
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24})", re.IGNORECASE)


def parse_sid(value: Any) -> str:
    """
    Return the UUID that *value* is, text or `uuid.UUID`, as 36 lower-case characters.

    Raises:
        InvalidEventError: It is none.
    """
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, str) and _UUID.fullmatch(value):
        return str(uuid.UUID(hex=value))
    raise InvalidEventError("sid", expected="a UUID", found=shown(value))


def new_sid() -> str:
    """
    Return a random session id (UUID version 4).
    """
    return str(uuid.uuid4())


def new_uid_prefix() -> str:
    """
    Return the first 24 characters of a session's event uids; a count of 12 decimal digits follows.
    """
    digits = os.urandom(10).hex()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[12:15]}-{'89ab'[int(digits[15], 16) % 4]}{digits[16:19]}-"
