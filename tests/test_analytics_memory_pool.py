"""
Where Arrow takes its memory.
"""

import subprocess
import sys

import pytest

from cli_run import environment

PROGRAM = """
import sys
from recordkit.analytics.memory_pool import use_keeping_pool
if "late" in sys.argv:
    import pyarrow
told = use_keeping_pool()
import pyarrow as pa
print(told, pa.default_memory_pool().backend_name, "jemalloc" in pa.supported_memory_backends(), pa.array([1, 2]).to_pylist())
"""


@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize("chosen", [None, "system"])
def test_the_pool_is_changed_unless_somebody_chose_one(chosen, when):
    """A program keeps Arrow's memory where it can; who names a pool by Arrow's variable gets that one."""
    around = {name: value for name, value in environment().items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    around |= {} if chosen is None else {"ARROW_DEFAULT_MEMORY_POOL": chosen}
    command = [sys.executable, "-c", PROGRAM, when]
    done = subprocess.run(command, env=around, capture_output=True, text=True, check=True, timeout=60)
    told, name, has, *values = done.stdout.split()
    assert values == ["[1,", "2]"]
    if chosen is not None:
        assert (told, name) == ("False", "system")
    elif has == "True":
        assert (told, name) == ("True", "jemalloc")
    else:
        assert name != "jemalloc"
