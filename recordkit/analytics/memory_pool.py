"""
Where Arrow takes its memory, for a program that does nothing but export.

Its own choice, mimalloc, gives what is free back to the system after 10 ms; a block of events comes every 20. So each
was paid for with fresh pages, which the system fills with zeros first: a fifth of an export's time.
"""

import os
import platform
import sys
from typing import Final

_CHOSEN: Final = "ARROW_DEFAULT_MEMORY_POOL"


def use_keeping_pool() -> bool:
    """
    Have Arrow keep freed memory for a second; True if it will.

    Nothing is changed where somebody chose a pool by Arrow's own variable. It is for the whole process, so not for a
    library's user to find; and for all of Arrow only before it is imported, since what its writer of Parquet takes
    can't be told later.
    """
    if _CHOSEN in os.environ:
        return False
    if "pyarrow" not in sys.modules and platform.libc_ver()[0] == "glibc":  # its packages have jemalloc there
        os.environ[_CHOSEN] = "jemalloc"
        return True
    import pyarrow as pa

    if "jemalloc" not in pa.supported_memory_backends():
        return False
    pa.set_memory_pool(pa.jemalloc_memory_pool())
    return True
