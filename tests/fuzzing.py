"""
The fuzz targets and the blind fuzzer, for tests; they live in a folder of programs.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "fuzz"))

import fuzz_targets as targets
from run_targets import blindly, mutated

__all__ = ["blindly", "mutated", "targets"]
