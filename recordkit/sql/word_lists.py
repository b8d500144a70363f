"""
Lists of words, written as a person reads them.
"""


def listed(text: str) -> list[str]:
    """
    Return the words of *text*, which stand apart by white space.
    """
    return text.split()
