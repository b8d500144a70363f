"""
Where Arrow takes its memory, for a program that does nothing but export.

Its own choice, mimalloc, gives what is free back to the system after 10 ms; a block of events comes every 20. So each
was paid for with fresh pages, which the system fills with zeros first: a fifth of an export's time.
"""

import os
from typing import Final

_CHOSEN: Final = "ARROW_DEFAULT_MEMORY_POOL"


def use_keeping_pool() -> bool:
    """
    Have Arrow keep freed memory for a second, if it can and nobody chose otherwise; True if it does.

    For the whole process, so not for a library's user to find.
    """
    import pyarrow as pa

    if _CHOSEN in os.environ or "jemalloc" not in pa.supported_memory_backends():
        return False
    pa.set_memory_pool(pa.jemalloc_memory_pool())
    return True
