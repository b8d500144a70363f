"""
What a session says of itself, held against what is known: a slip here would be in every event, and in no listing.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from recordkit.container.summary import ATTRIBUTES
from recordkit.errors import InvalidEventError, shown
from recordkit.events import CONSTANT_FIELDS

_log: Final = logging.getLogger("recordkit.recorder")
_LIKE: Final = 0.8
"""How much of two names is the same, as difflib counts; `usr` and `user` have 0.86."""


def check_constants(fields: Mapping[str, Any]) -> None:
    """
    Check what is known of a session's *fields*; warn once of each name that looks like a known one misspelt.

    Raises:
        InvalidEventError: One that recordings are listed and found by is no text; None is as good as left out.
    """
    for name, value in fields.items():
        if name in ATTRIBUTES:
            if value is not None and not isinstance(value, str):
                raise InvalidEventError(name, expected="text", found=f"{type(value).__name__} {shown(value)}")
        elif name not in CONSTANT_FIELDS:
            meant = _meant(name)
            if meant is not None and meant not in fields:
                _warn(name, meant)


@lru_cache(maxsize=256)
def _meant(name: str) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, CONSTANT_FIELDS, n=1, cutoff=_LIKE)), None)


@lru_cache(maxsize=256)
def _warn(name: str, meant: str) -> None:
    _log.warning("session field %r is recorded as it is, but not known: is %r meant?", name, meant)
