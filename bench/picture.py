"""Draws results as SVG pictures: lines over two axes, a legend, and the machine they come from.

Owns drawing and which series go into which picture. `python -m bench.picture RESULTS.json FOLDER` draws
saved ones.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.report import Point, Result, load_results, number
from bench.scenarios import sweep

WIDTH, HEIGHT = 460, 300  # of one panel
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 40, 44  # around the plot
LEGEND_LINE = 16
COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce")

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-weight: 600; font-size: 13px } .note { fill: #777; font-size: 11px }
  .grid { stroke: #ddd; stroke-width: 1 } .axis { stroke: #888; stroke-width: 1 }
  .ground { fill: #fff }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .note { fill: #999 } .grid { stroke: #333 } .ground { fill: #111 }
  }
"""


@dataclass(frozen=True)
class Panel:
    """One pair of axes, and the lines between them."""

    title: str
    across: str  # what the horizontal axis counts
    lines: dict[str, list[Point]]
    doubling: bool = False  # logarithmic horizontal axis


def draw_all(results: list[Result], machine: dict[str, str], folder: Path) -> list[Path]:
    """Draws the pictures for which these results have points; their files."""
    series = {name: points for result in results for name, points in result.series.items()}
    source = ", ".join(f"{name} {value}" for name, value in machine.items() if name != "kernel")
    drawn: list[Path] = []
    for name, panels in (("performance", load_panels(series)), ("growth", growth_panels(series))):
        if panels:
            folder.mkdir(parents=True, exist_ok=True)
            drawn.append(folder / f"{name}.svg")
            drawn[-1].write_text(picture(panels, source))
    return drawn


def load_panels(series: dict[str, list[Point]]) -> list[Panel]:
    """Throughput and latency against load."""
    if sweep.THROUGHPUT not in series:
        return []
    latencies = (sweep.CALL_P50, sweep.CALL_P99, sweep.TASK_P50, sweep.TASK_P99)
    return [
        Panel(
            "Complete workflows a second",
            "open workflows",
            {"closed loop": series[sweep.THROUGHPUT]},
            doubling=True,
        ),
        Panel("Latency in milliseconds", "workflows a second", {name: series[name] for name in latencies}),
    ]


def growth_panels(series: dict[str, list[Point]]) -> list[Panel]:
    """Cost against what is stored, and against the length of a history."""
    stored = {name: points for name, points in series.items() if name.endswith("against stored executions")}
    appends = {
        name.partition(":")[0]: points for name, points in series.items() if "ms against events" in name
    }
    panels: list[Panel] = []
    if stored:
        panels.append(
            Panel(
                "Complete workflows a second",
                "executions in the file",
                {"closed loop": next(iter(stored.values()))},
            )
        )
    if appends:
        panels.append(Panel("Milliseconds of an append, p50", "events in the history", appends))
    return panels


def picture(panels: list[Panel], source: str) -> str:
    """The panels side by side, with a line below that says where the figures come from."""
    legend = max(len(panel.lines) for panel in panels) * LEGEND_LINE
    width, height = WIDTH * len(panels), HEIGHT + legend + 34
    body = "\n".join(
        "\n".join([f'<g transform="translate({WIDTH * index} 0)">', *draw(panel), "</g>"])
        for index, panel in enumerate(panels)
    )
    size = f'width="{width}" height="{height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size} role="img">\n'
        f'<style>{STYLE}</style>\n<rect class="ground" {size}/>\n{body}\n'
        f'<text class="note" x="{LEFT}" y="{height - 10}">{escape(source)}</text>\n</svg>\n'
    )


def draw(panel: Panel) -> Iterator[str]:
    """The elements of one panel."""
    points = [point for line in panel.lines.values() for point in line]
    x_ticks = doublings(points) if panel.doubling else steps(max(x for x, _ in points))
    y_ticks = steps(max(y for _, y in points))
    across = scale(x_ticks, LEFT, WIDTH - RIGHT, logarithmic=panel.doubling)
    up = scale(y_ticks, HEIGHT - BOTTOM, TOP, logarithmic=False)
    yield f'<text class="title" x="{LEFT}" y="22">{escape(panel.title)}</text>'
    for tick in y_ticks:
        yield f'<path class="grid" d="M{LEFT} {up(tick):.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{up(tick) + 4:.1f}" text-anchor="end">{label(tick)}</text>'
    for tick in x_ticks:
        place = f'x="{across(tick):.1f}" y="{HEIGHT - BOTTOM + 18}"'
        yield f'<text {place} text-anchor="middle">{label(tick)}</text>'
    yield f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    place = f'x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}"'
    yield f'<text class="note" {place} text-anchor="middle">{escape(panel.across)}</text>'
    for index, (name, line) in enumerate(panel.lines.items()):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in line:
            caption = escape(f"{name}: {number(y)} at {number(x)}")
            place = f'cx="{across(x):.1f}" cy="{up(y):.1f}"'
            yield f'<circle {place} r="3" fill="{colour}"><title>{caption}</title></circle>'
        y = HEIGHT + 14 + index * LEGEND_LINE
        yield f'<rect x="{LEFT}" y="{y - 8}" width="14" height="4" fill="{colour}"/>'
        yield f'<text x="{LEFT + 22}" y="{y - 1}">{escape(name)}</text>'


def scale(ticks: list[float], low: float, high: float, *, logarithmic: bool) -> Callable[[float], float]:
    """A function from a value to its position between `low` and `high`."""
    bend = math.log2 if logarithmic else float
    first, last = bend(ticks[0]), bend(ticks[-1])
    return lambda value: low + (bend(value) - first) / ((last - first) or 1) * (high - low)


def steps(most: float) -> list[float]:
    """About five round numbers, from zero to just past the largest value."""
    rough = max(most, 1e-9) / 5
    magnitude = 10 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 2.5, 5, 10) if magnitude * factor >= rough * 0.999)
    return [step * index for index in range(math.ceil(most / step - 1e-9) + 1)]


def doublings(points: list[Point]) -> list[float]:
    """Powers of two that hold all points between them."""
    first = math.floor(math.log2(min(x for x, _ in points)))
    last = math.ceil(math.log2(max(x for x, _ in points)))
    return [float(2**power) for power in range(first, last + 1)]


def label(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1_000 else f"{value:g}"


if __name__ == "__main__":
    facts, found = load_results(Path(sys.argv[1]))
    for file in draw_all(found, facts, Path(sys.argv[2])):
        print(file)
