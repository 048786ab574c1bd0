"""Bar charts as SVG, readable on a light and a dark page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_WIDTH, _LEFT, _BAR, _GAP = 760, 250, 18, 10
_COLOURS = ("#2f6fd0", "#c8762b", "#4b9b57", "#8a8f98")
_STYLE = "text{font:13px sans-serif;fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#d0d7de}}"


def bars(groups: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """A chart with a group of bars for each row, and one bar for each series in it."""
    most = max((value for row in groups.values() for value in row.values()), default=1.0) or 1.0
    series = list(dict.fromkeys(name for row in groups.values() for name in row))
    lines, y = [], 10
    for number, name in enumerate(series):
        lines.append(f'<rect x="{_LEFT}" y="{y}" width="12" height="12" fill="{_COLOURS[number % 4]}"/>')
        lines.append(f'<text x="{_LEFT + 18}" y="{y + 11}">{escape(name)}</text>')
        y += 20
    for label, row in groups.items():
        y += _GAP
        lines.append(f'<text x="{_LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(label)}</text>')
        for name, value in row.items():
            width = max(2.0, (_WIDTH - _LEFT - 110) * value / most)
            colour = _COLOURS[series.index(name) % 4]
            lines.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{colour}"/>')
            lines.append(f'<text x="{_LEFT + width + 6:.1f}" y="{y + 14}">{value:,.3g} {escape(unit)}</text>')
            y += _BAR + 2
    height = y + 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">'
    )
    return "\n".join((head, f"<style>{_STYLE}</style>", *lines, "</svg>", ""))
