"""
One picture of all targets, as SVG: for each, how many times better than it, on a logarithmic scale.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from benchmarks.measure import Check

_ROW: Final = 22
_LEFT: Final = 620
_WIDTH: Final = 420
_RIGHT: Final = 150
_TOP: Final = 56
_TICKS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_REACHED: Final = "#2f855a"
_MISSED: Final = "#c05621"


def svg(checks: Sequence[Check], *, subtitle: str) -> str:
    """
    Return the picture of those *checks* that have a target.
    """
    rows = [(check, check.margin) for check in checks if check.margin is not None]
    height = _TOP + _ROW * len(rows) + 34
    width = _LEFT + _WIDTH + _RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<g font-size="12">',
        '<text x="12" y="22" font-size="15" font-weight="bold">recordkit: measured against targets</text>',
        f'<text x="12" y="40" fill="#555">{escape(subtitle)}; right of 1 the target is reached</text>',
    ]
    bottom = _TOP + _ROW * len(rows) + 4
    for tick in _TICKS:
        x = _x(tick)
        stroke = "#222" if tick == 1.0 else "#ddd"
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{bottom}" stroke="{stroke}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#555">{tick:g}</text>')
    for number, (check, margin) in enumerate(rows):
        if margin is None:
            continue
        y = _TOP + _ROW * number
        begin, end = sorted((_x(1.0), _x(margin)))
        colour = _REACHED if check.holds else _MISSED
        value = f"{check.value:.2f}{check.unit} ({'≤' if check.at_most else '≥'} {check.target:g})"
        label = _cut(f"{check.what} / {check.against}")
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{begin:.1f}" y="{y + 3}" width="{max(end - begin, 1):.1f}" height="14" fill="{colour}"/>',
            f'<text x="{_LEFT + _WIDTH + 8}" y="{y + 14}" fill="#333">{escape(value)}</text>',
        ]
    return "\n".join([*parts, "</g></svg>", ""])


def _x(margin: float) -> float:
    low, high = math.log10(_TICKS[0]), math.log10(_TICKS[-1])
    place = min(high, max(low, math.log10(max(margin, 1e-9))))
    return _LEFT + (place - low) / (high - low) * _WIDTH


def _cut(text: str) -> str:
    return text if len(text) <= 104 else f"{text[:103]}…"
