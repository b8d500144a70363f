"""
What things look like. Each differs from the others without colour, too: by an attribute, a letter, a word.
"""

from typing import Final

STYLES: Final[dict[str, str]] = {
    "prompt": "bold",
    "selected": "reverse",
    "session": "bold",
    "result": "",
    "error": "ansired bold",
    "warning": "ansiyellow",
    "notice": "ansicyan",
    "aside": "dim",
    "more": "dim",
    "match": "reverse",
    "keyword": "ansiblue bold",
    "name": "",
    "string": "ansigreen",
    "number": "ansimagenta",
    "comment": "ansicyan",
    "operator": "",
    "text": "",
    "heading": "bold underline",
    "label": "dim",
    "bar": "",
    "bar.played": "bold",
    "bar.head": "reverse",
    "bar.error": "ansired bold",
    "bar.write": "ansiyellow bold",
    "toolbar": "reverse",
    "toolbar.state": "reverse bold",
    "toolbar.error": "reverse bold",
    "key": "bold",
}
"""Class -> style. Colours are the sixteen that each terminal has in a shade that its owner can read."""
