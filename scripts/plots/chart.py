"""Panels as SVG: lines or stacked areas over time, readable on a light page and on a dark one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from scripts.plots.units import shown, ticks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH, HEIGHT = 460, 240
GAP = 12
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 34, 74
MOST_SERIES = 6
"""More are added up, so that a legend stays readable."""

MOST_LETTERS = 28
LETTER = 6.4
"""About how wide a letter of a legend is."""

COLOURS = ("#3b82c4", "#e08a2e", "#4a9d5b", "#c0504d", "#8b6cc1", "#9a7b4f", "#8d949c")
STYLE = """
.page{fill:#f4f5f7}.card{fill:#fff;stroke:#d8dce1}.grid{stroke:#e4e7eb}.axis{fill:#5b6470}
.title{fill:#1d2229;font-weight:600}.name{fill:#3a424d}
@media(prefers-color-scheme:dark){.page{fill:#111418}.card{fill:#1a1e24;stroke:#2c323a}
.grid{stroke:#2a3038}.axis{fill:#9aa4b0}.title{fill:#e8ebef}.name{fill:#c3cad3}}
text{font-family:system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;font-size:11px}
.title{font-size:13px}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One series: values by seconds since the epoch, ascending."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel's lines.

    Attributes:
        place: The dashboard that has it.
    """

    title: str
    unit: str
    lines: tuple[Line, ...]
    is_stacked: bool = False
    place: str = ""


def picture(charts: Sequence[Chart], start: float, end: float, columns: int = 2) -> str:
    """Return an SVG with all charts side by side."""
    rows = -(-len(charts) // columns)
    width, height = columns * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(', '.join(chart.title for chart in charts))}</title>",
        f"<style>{STYLE.strip()}</style>",
        f'<rect class="page" width="{width}" height="{height}" rx="6"/>',
    ]
    for number, chart in enumerate(charts):
        row, column = divmod(number, columns)
        x, y = GAP + column * (WIDTH + GAP), GAP + row * (HEIGHT + GAP)
        parts.append(f'<g transform="translate({x},{y})">')
        parts += _panel(chart, start, end)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def gathered(chart: Chart) -> list[Line]:
    """Return the lines that are drawn: the largest, and in a stack the others added up.

    Where they are not stacked they are sorted by name: then the same name has the same colour in
    panels that show the same things.
    """
    by_size = sorted(chart.lines, key=_size, reverse=True)
    drawn, rest = by_size[:MOST_SERIES], by_size[MOST_SERIES:]
    if rest and chart.is_stacked:
        sums: dict[float, float] = {}
        for line in rest:
            for at, value in line.points:
                sums[at] = sums.get(at, 0.0) + value
        drawn.append(Line(f"{len(rest)} more", tuple(sorted(sums.items()))))
    return drawn if chart.is_stacked else sorted(drawn, key=lambda line: line.name)


def _size(line: Line) -> float:
    return sum(value for _, value in line.points)


def _panel(chart: Chart, start: float, end: float) -> Iterator[str]:
    lines = gathered(chart)
    tops = _stack(lines) if chart.is_stacked else [dict(line.points) for line in lines]
    marks = ticks(max((max(top.values(), default=0.0) for top in tops), default=0.0), chart.unit)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(at: float, value: float) -> tuple[int, int]:
        x = LEFT + (at - start) / (end - start) * width
        return round(x), round(TOP + height - value / marks[-1] * height)

    yield f'<rect class="card" width="{WIDTH}" height="{HEIGHT}" rx="4"/>'
    yield f'<text class="title" x="12" y="20">{escape(chart.title)}</text>'
    edge = WIDTH - RIGHT
    yield f'<text class="axis" x="{edge}" y="20" text-anchor="end">{escape(chart.place)}</text>'
    for mark in marks:
        _, y = place(start, mark)
        yield f'<path class="grid" d="M{LEFT} {y}H{edge}"/>'
        told = escape(shown(mark, chart.unit))
        yield f'<text class="axis" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{told}</text>'
    for at in _hours(start, end):
        x, y = place(at, 0)
        told = datetime.fromtimestamp(at, UTC).strftime("%H:%M")
        anchor = "end" if x + 16 > edge else "middle"
        yield f'<text class="axis" x="{x}" y="{y + 16}" text-anchor="{anchor}">{told}</text>'
    for number in reversed(range(len(lines))):
        colour = COLOURS[number % len(COLOURS)]
        upper = [place(at, value) for at, value in sorted(tops[number].items())]
        if chart.is_stacked and upper:
            floor = tops[number - 1] if number else {}
            lower = [place(at, floor.get(at, 0.0)) for at in sorted(tops[number], reverse=True)]
            yield f'<path d="{_path(upper + lower)}Z" fill="{colour}" fill-opacity=".8"/>'
        elif upper:
            yield f'<path d="{_path(upper)}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
    yield from _legend(lines)


def _stack(lines: list[Line]) -> list[dict[float, float]]:
    """Return the upper edge of each line on top of those before it."""
    below: dict[float, float] = {at: 0.0 for line in lines for at, _ in line.points}
    edges = []
    for line in lines:
        values = dict(line.points)
        below = {at: value + values.get(at, 0.0) for at, value in below.items()}
        edges.append(below)
    return edges


def _path(points: list[tuple[int, int]]) -> str:
    """Return a path, with the differences from point to point: they are short."""
    (x, y), steps = points[0], []
    for next_x, next_y in points[1:]:
        steps.append(f"{next_x - x} {next_y - y}")
        x, y = next_x, next_y
    return f"M{points[0][0]} {points[0][1]}l{' '.join(steps)}" if steps else f"M{x} {y}h1"


def _hours(start: float, end: float) -> Iterator[float]:
    step = 3600 * (2 if end - start > 6 * 3600 else 1)
    at = -(-start // step) * step
    while at <= end:
        yield at
        at += step


def _legend(lines: list[Line]) -> Iterator[str]:
    """Name the lines from left to right, as many in a row as there is room for."""
    x, y = 12, HEIGHT - BOTTOM + 36
    for number, line in enumerate(lines):
        name = _shortened(line.name)
        width = 26 + round(len(name) * LETTER)
        if x + width > WIDTH and x > 12:  # noqa: PLR2004 - where rows begin
            x, y = 12, y + 15
        colour = COLOURS[number % len(COLOURS)]
        yield f'<rect x="{x}" y="{y - 8}" width="9" height="9" rx="2" fill="{colour}"/>'
        yield f'<text class="name" x="{x + 13}" y="{y}">{escape(name)}</text>'
        x += width


def _shortened(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
