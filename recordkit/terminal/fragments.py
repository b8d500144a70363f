"""
Pieces of text with a style, and lines of them: all that is ever drawn.

Whatever a fragment holds was made safe by `recordkit.render.control_chars` before; `safe` does it once
more, as the last step before the screen, since it costs next to nothing for text that is safe. Fragments
are plain tuples. prompt_toolkit's ways of reading escape sequences or markup out of text are not used.
"""

from collections.abc import Iterable

from recordkit.render.control_chars import display_width, safe_line

Fragment = tuple[str, str]
"""Style, text."""
Line = list[Fragment]


def safe(line: Iterable[Fragment]) -> Line:
    """
    Return *line* without anything that a terminal could obey.
    """
    return [(style, safe_line(text)) for style, text in line]


def wrap(fragments: Iterable[Fragment], columns: int) -> list[Line]:
    r"""
    Return *fragments*, with line feeds in their texts, as lines of at most *columns* >= 1 columns.
    """
    lines: list[Line] = []
    line: Line = []
    room = columns
    for style, text in fragments:
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append(line)
                line, room = [], columns
            place = 0
            while place < len(part):
                piece = fitting(part[place : place + columns], room)
                if not piece and room < columns:  # it goes to the next line
                    lines.append(line)
                    line, room = [], columns
                    continue
                piece = piece or part[place]  # wider than the screen
                line.append((style, piece))
                room = max(0, room - display_width(piece))
                place += len(piece)
    if line:
        lines.append(line)
    return lines


def fitting(text: str, columns: int) -> str:
    """
    Return the longest beginning of *text* that takes at most *columns* columns.
    """
    if text.isascii():
        return text[:columns]
    taken = 0
    for number, char in enumerate(text):
        taken += display_width(char)
        if taken > columns:
            return text[:number]
    return text


def cut(line: Line, columns: int) -> Line:
    """
    Return the beginning of *line* that takes at most *columns* columns.
    """
    kept: Line = []
    for style, text in line:
        piece = fitting(text, columns)
        if piece:
            kept.append((style, piece))
        columns -= display_width(piece)
        if len(piece) < len(text):
            break
    return kept


def width(line: Line) -> int:
    """
    Return how many columns *line* takes.
    """
    return sum(display_width(text) for _, text in line)


def spread(left: Line, right: Line, columns: int) -> Line:
    """
    Return *left* and, as far away as it goes, *right*; where both don't fit, *right* is left out.
    """
    room = columns - width(left) - width(right)
    if room < 1:
        return cut(left, columns)
    return [*left, ("", " " * room), *right]
