"""
What holds for all tests.
"""

import os

from hypothesis import settings

# No deadline: how fast the machine is on which tests run is no property of the code.
settings.register_profile("recordkit", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("recordkit")
