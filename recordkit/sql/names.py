"""
Names in SQL that is made rather than read.
"""

import re
from typing import Final

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)


def quoted_name(name: str, quote: str = '"') -> str:
    """
    Return *name* so that SQL takes it for one name: in quotes unless it is plain and in lower case.
    """
    if _PLAIN.fullmatch(name):
        return name
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"
