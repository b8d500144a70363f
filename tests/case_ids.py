"""
Names of test cases that are the same in every process, so that several can share the work.
"""

import re


def case_id(value):
    """
    Return `ascii` of a case without the address that some have in it.
    """
    return re.sub(r" at 0x[0-9a-f]+", "", ascii(value))
