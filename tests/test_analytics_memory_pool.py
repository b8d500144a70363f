"""
Where Arrow takes its memory.
"""

import subprocess
import sys

import pytest

from cli_run import environment

PROGRAM = """
import pyarrow as pa
from recordkit.analytics.memory_pool import use_keeping_pool
told, before = use_keeping_pool(), pa.array([1, 2, 3])
print(told, pa.default_memory_pool().backend_name, before.to_pylist(), "jemalloc" in pa.supported_memory_backends())
"""


@pytest.mark.parametrize("chosen", [None, "system"])
def test_the_pool_is_changed_unless_somebody_chose_one(chosen):
    """A program keeps Arrow's memory where it can; who names a pool by Arrow's variable gets that one."""
    around = {name: value for name, value in environment().items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    around |= {} if chosen is None else {"ARROW_DEFAULT_MEMORY_POOL": chosen}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=around, capture_output=True, text=True, check=True, timeout=60
    )
    told, name, values, has = (
        done.stdout.split(maxsplit=2)[0],
        done.stdout.split()[1],
        "[1, 2, 3]",
        done.stdout.split()[-1],
    )
    assert values in done.stdout
    if chosen is not None:
        assert (told, name) == ("False", "system")
    elif has == "True":
        assert (told, name) == ("True", "jemalloc")
    else:
        assert told == "False"
