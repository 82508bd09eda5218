"""A log-log plot as SVG, written by hand: no more than our documents need. Colours suit light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 700, 420
LEFT, RIGHT, TOP, BOTTOM = 92, 24, 78, 60
"""Margins around the field of the plot."""

STYLE = """
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #424a53 }
  .title { font-size: 15px; font-weight: 600; fill: #1f2328 }
  .page { fill: #ffffff } .grid { stroke: #d8dee4 } .frame { stroke: #8c959f; fill: none }
  .s0 { stroke: #0969da } .s1 { stroke: #bc4c00 } .s2 { stroke: #8250df }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round } .dot { fill: #ffffff; stroke-width: 2.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #b1bac4 } .title { fill: #f0f6fc } .page, .dot { fill: #0d1117 }
    .grid { stroke: #30363d } .frame { stroke: #6e7681 }
    .s0 { stroke: #58a6ff } .s1 { stroke: #f0883e } .s2 { stroke: #bc8cff }
  }
"""
DASHES = ("", "7 4", "2 4")
"""Series differ in more than colour."""


@dataclass(frozen=True)
class Series:
    """A line: its name, and (x, y) from left to right, all above zero."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """One direction: whole decades from ``low`` to ``high`` (their exponents) laid out from ``begin`` to ``end``."""

    low: int
    high: int
    begin: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], begin: float, end: float) -> Axis:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return cls(low, max(high, low + 1), begin, end)

    def place(self, value: float) -> float:
        return self.begin + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.begin)

    @property
    def decades(self) -> list[float]:
        return [10.0**n for n in range(self.low, self.high + 1)]


def log_log(
    title: str,
    x_label: str,
    y_label: str,
    series: Sequence[Series],
    *,
    show_x: Callable[[float], str] = "{:,.10g}".format,
    show_y: Callable[[float], str] = "{:,.10g}".format,
) -> str:
    """The SVG document. ``show_x`` and ``show_y`` make the text of ticks and of the last values."""
    x = Axis.over([px for s in series for px, _ in s.points], LEFT, WIDTH - RIGHT)
    y = Axis.over([py for s in series for _, py in s.points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        _text(LEFT, 27, title, "start", "title"),
        *_grid(x, y, show_x, show_y),
        _text((x.begin + x.end) / 2, HEIGHT - 16, x_label),
        f'<g transform="rotate(-90)">{_text(-(y.begin + y.end) / 2, 20, y_label)}</g>',
    ]
    for number, one in enumerate(series):
        parts += _line(number, [(x.place(a), y.place(b)) for a, b in one.points], show_y(one.points[-1][1]))
    return "\n".join([*parts, *_legend([s.name for s in series]), "</svg>", ""])


def _grid(x: Axis, y: Axis, show_x: Callable[[float], str], show_y: Callable[[float], str]) -> list[str]:
    out = []
    for value in x.decades:
        at = x.place(value)
        out.append(f'<path class="grid" d="M{at:.1f} {y.begin}V{y.end}"/>')
        out.append(_text(at, y.begin + 19, show_x(value), "end" if at == x.end else "middle"))
    for value in y.decades:
        at = y.place(value)
        out.append(f'<path class="grid" d="M{x.begin} {at:.1f}H{x.end}"/>')
        out.append(_text(x.begin - 8, at + 4.5, show_y(value), "end"))
    out.append(f'<path class="frame" d="M{x.begin} {y.end}V{y.begin}H{x.end}"/>')
    return out


def _line(number: int, places: list[tuple[float, float]], last: str) -> list[str]:
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    dashes = DASHES[number % len(DASHES)]
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    dots = [f'<circle class="dot s{number}" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in places]
    end_x, end_y = places[-1]
    label = _text(end_x - 8, end_y - 10 if end_y > TOP + 16 else end_y + 20, last, "end")
    return [f'<polyline class="line s{number}"{dash} points="{path}"/>', *dots, label]


def _legend(names: Sequence[str]) -> list[str]:
    """Side by side above the field; about 7 units a character."""
    out, at = [], float(LEFT)
    for number, name in enumerate(names):
        dashes = DASHES[number % len(DASHES)]
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        out.append(f'<path class="line s{number}"{dash} d="M{at:.0f} 50h28"/>')
        out.append(_text(at + 36, 54.5, name, "start"))
        at += 36 + 7 * len(name) + 24
    return out


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text{css} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
