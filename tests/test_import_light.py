"""
A proxy imports recordkit on its way up: nothing heavy comes with it.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_import_loads_no_heavy_library():
    """None of the Parquet, terminal, SQL, asyncio, YAML and command-line libraries is loaded by `import recordkit`."""
    program = "import sys, recordkit, recordkit.recorder, recordkit.store; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "zstandard" in loaded
    assert loaded & {"pyarrow", "prompt_toolkit", "sqlparse", "asyncio", "yaml", "click", "pandas", "numpy"} == set()
