"""Line plots as SVG, for documents: no dependency, readable on a light and on a dark page, the same bytes each time.

Both axes begin at 0 and are linear, so that straight growth is a straight line.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 46, 56
TICKS = 6
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.page { fill: #ffffff } .grid { stroke: #d0d7de } .axis { stroke: #57606a }
.line { fill: none; stroke-width: 2 }
.line0 { stroke: #0969da } .line1 { stroke: #bc4c00 } .line2 { stroke: #1a7f37 } .line3 { stroke: #8250df }
.dot0 { fill: #0969da } .dot1 { fill: #bc4c00 } .dot2 { fill: #1a7f37 } .dot3 { fill: #8250df }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .page { fill: #0d1117 } .grid { stroke: #30363d } .axis { stroke: #8b949e }
  .line0 { stroke: #58a6ff } .line1 { stroke: #f0883e } .line2 { stroke: #3fb950 } .line3 { stroke: #bc8cff }
  .dot0 { fill: #58a6ff } .dot1 { fill: #f0883e } .dot2 { fill: #3fb950 } .dot3 { fill: #bc8cff }
}"""


def line_plot(title: str, x_label: str, y_label: str, lines: Mapping[str, Points]) -> str:
    """An SVG document with up to four named lines; points in the units that the labels name, none below 0."""
    if not 1 <= len(lines) <= 4:
        raise ValueError(f"a plot has one to four lines, not {len(lines)}")
    x_step = _step(max(x for points in lines.values() for x, _ in points))
    y_step = _step(max(y for points in lines.values() for _, y in points))
    x_most, y_most = (
        step * max(1, math.ceil(max(each[at] for points in lines.values() for each in points) / step - 1e-9))
        for at, step in enumerate((x_step, y_step))
    )

    def right(x: float) -> float:
        return LEFT + x / x_most * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - y / y_most * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
    ]
    for at in range(round(y_most / y_step) + 1):
        y = at * y_step
        parts.append(f'<path class="grid" d="M{LEFT} {down(y):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{down(y) + 4:.1f}" text-anchor="end">{_number(y)}</text>')
    for at in range(round(x_most / x_step) + 1):
        x = at * x_step
        parts.append(f'<path class="axis" d="M{right(x):.1f} {HEIGHT - BOTTOM}v5"/>')
        parts.append(f'<text x="{right(x):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{_number(x)}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts += [
        f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none"/>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">{escape(y_label)}</text>',
    ]
    for at, (name, points) in enumerate(lines.items()):
        places = [(right(x), down(y)) for x, y in sorted(points)]
        parts.append(f'<polyline class="line line{at}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        parts += [f'<circle class="dot{at}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
        row = TOP + 8 + at * 20
        parts.append(f'<path class="line line{at}" d="M{LEFT + 16} {row}h24"/>')
        parts.append(f'<text x="{LEFT + 48}" y="{row + 4}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def write(path: Path, svg: str) -> None:
    """Writes the plot and says where."""
    path.write_text(svg, encoding="utf-8")
    print(f"drawn: {path}")


def _step(most: float) -> float:
    """A round distance between ticks: 1, 2 or 5 times a power of ten, about six of them up to the most."""
    rough = (most or 1.0) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough - 1e-12)


def _number(value: float) -> str:
    return f"{round(value, 9):,.10g}"
