"""Pictures of results: bars and curves, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = {"bare": "#9aa0a6", "backstay": "#0b6bcb"}
OTHERS = "#d9a441"
_STYLE = 'font-family="sans-serif" font-size="10" fill="#333"'
_WIDTH, _HEIGHT = 330, 190
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 30, 14, 34


def bars(groups: Sequence[tuple[str, Mapping[str, float]]], colours: Mapping[str, str]) -> str:
    """For each group, under its title, a bar for each name, as a share of the group's longest."""
    bar, gap, left, width = 12, 18, 250, 420
    shapes: list[str] = []
    y = 10
    for title, lengths in groups:
        most = max(lengths.values()) or 1.0
        shapes.append(f'<text x="4" y="{y + 10}" font-weight="bold">{escape(title)}</text>')
        y += gap
        for name, length in lengths.items():
            long = max(length / most * width, 1)
            shapes += [
                f'<text x="{left - 6}" y="{y + 9}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{left}" y="{y}" width="{long:.1f}" height="{bar - 2}" fill="{colours[name]}"/>',
                f'<text x="{left + long + 4:.1f}" y="{y + 9}">{length:,.0f}</text>',
            ]
            y += bar
        y += gap // 2
    return _picture(left + width + 70, y, shapes)


Curve = Sequence[tuple[float, float]]


def curves(charts: Sequence[tuple[str, str, Mapping[str, Curve]]], colours: Mapping[str, str]) -> str:
    """Charts, two beside each other: a title, what the horizontal axis counts, and a curve for each name.

    Horizontal axes that span more than a hundredfold are logarithmic; vertical ones begin at nought.
    """
    shapes: list[str] = []
    for number, (title, counted, lines) in enumerate(charts):
        x, y = number % 2 * _WIDTH, number // 2 * (_HEIGHT + 14 * 4)
        shapes += [f'<g transform="translate({x},{y})">', *_chart(title, counted, lines, colours), "</g>"]
    rows = (len(charts) + 1) // 2
    return _picture(_WIDTH * min(len(charts), 2), rows * (_HEIGHT + 14 * 4), shapes)


def _chart(title: str, counted: str, lines: Mapping[str, Curve], colours: Mapping[str, str]) -> list[str]:
    across = [x for curve in lines.values() for x, _ in curve]
    most = max([y for curve in lines.values() for _, y in curve], default=0.0) or 1.0
    least_x, most_x = min(across), max(across)
    stretched = least_x > 0 and most_x / least_x > 100

    def place(x: float, y: float) -> tuple[float, float]:
        if most_x == least_x:
            share = 0.5
        elif stretched:
            share = math.log(x / least_x) / math.log(most_x / least_x)
        else:
            share = (x - least_x) / (most_x - least_x)
        wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return _LEFT + share * wide, _HEIGHT - _BOTTOM - y / most * high

    shapes = [f'<text x="{_LEFT}" y="16" font-weight="bold">{escape(title)}</text>']
    for share in (0.0, 0.5, 1.0):
        _, y = place(least_x, most * share)
        shapes += [
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{most * share:,.0f}</text>',
        ]
    for x in _ticks(sorted(set(across))):
        at, _ = place(x, 0)
        shapes.append(f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{x:,.0f}</text>')
    shapes.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">{escape(counted)}</text>')
    for number, (name, curve) in enumerate(lines.items()):
        points = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in sorted(curve))
        colour = colours[name]
        dash = "" if number % 2 == 0 else ' stroke-dasharray="5 3"'
        shapes += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
            f'<line x1="{_LEFT}" y1="{_HEIGHT + 4 + 14 * number}" x2="{_LEFT + 22}" y2="{_HEIGHT + 4 + 14 * number}" '
            f'stroke="{colour}" stroke-width="2"{dash}/>',
            f'<text x="{_LEFT + 28}" y="{_HEIGHT + 8 + 14 * number}">{escape(name)}</text>',
        ]
    return shapes


def _ticks(values: Sequence[float]) -> Sequence[float]:
    return values if len(values) <= 6 else (values[0], values[len(values) // 2], values[-1])


def _picture(width: float, height: float, shapes: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([f"{head} {_STYLE}>", ground, *shapes, "</svg>", ""])
