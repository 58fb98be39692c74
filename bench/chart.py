"""The picture of the results: one panel per workload, one bar per system, as plain SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH = 860
_LABEL = 250
_BAR_WIDTH = 440
_ROW = 20
_HEAD = 30
_GAP = 14
_COLOURS = {"ours": "#1a7f5a", "peer": "#9aa5b1", "floor": "#d9c79a"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A system's value; None where it has none to show, then `note` says why."""

    label: str
    role: str
    value: float | None
    shown: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    bars: Sequence[Bar]


def draw(title: str, panels: Sequence[Panel]) -> str:
    """SVG text. Bars are to scale within a panel, the longest fills it."""
    parts: list[str] = []
    top = 44
    for panel in panels:
        parts.append(_text(16, top + 16, panel.title, weight="bold"))
        parts.extend(_bars(panel, top + _HEAD))
        top += _HEAD + _ROW * len(panel.bars) + _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" '
        f'viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif" font-size="13" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>\n'
    )
    return head + _text(16, 26, title, size=16, weight="bold") + "".join(parts) + "</svg>\n"


def _bars(panel: Panel, top: int) -> list[str]:
    longest = max((bar.value for bar in panel.bars if bar.value is not None), default=1.0) or 1.0
    parts = []
    for row, bar in enumerate(panel.bars):
        y = top + row * _ROW
        parts.append(_text(28, y + 14, bar.label))
        width = 0.0
        if bar.value is not None:
            width = max(1.5, bar.value / longest * _BAR_WIDTH)
            fill = _COLOURS[bar.role]
            parts.append(f'<rect x="{_LABEL}" y="{y + 3}" width="{width:.1f}" height="13" fill="{fill}"/>\n')
        parts.append(_text(_LABEL + width + 6, y + 14, bar.shown if bar.value is not None else bar.note))
    return parts


def _text(x: float, y: float, text: str, *, size: int = 13, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'fill="#1f2933">{escape(text)}</text>\n'
    )
