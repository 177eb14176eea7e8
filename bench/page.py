"""Figures as Markdown, between the marks of docs/performance.md: `python -m bench.page RESULTS.json PAGE.md`.

So that no figure on that page was typed by hand, and each says from which machine and revision it comes. Those
that were measured on PostgreSQL have a place of their own there: each can be recorded without the other.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.report import Figure, Result, load_results, number

BEGIN, END = "<!-- figures, written by bench/page.py -->", "<!-- end of figures -->"
BEGIN_ON_POSTGRES = "<!-- figures on PostgreSQL, written by bench/page.py -->"


def main(results_file: Path, page: Path) -> None:
    """The page with the figures of these results in place of those it had."""
    machine, results = load_results(results_file)
    wanted = BEGIN_ON_POSTGRES if "database" in machine else BEGIN
    before, begin, rest = page.read_text().partition(wanted)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{page} has no place for figures: {wanted} ... {END}")
    page.write_text(f"{before}{wanted}\n\n{figures(machine, results)}\n{END}{after}")


def figures(machine: dict[str, str], results: list[Result]) -> str:
    """One table for each scenario, below the machine that they come from."""
    lines = [", ".join(f"{name}: {value}" for name, value in machine.items()) + ".", ""]
    for result in results:
        lines += [
            f"**{result.scenario}**: {result.load}",
            "",
            "| what | measured | goal |",
            "|---|---:|---:|",
        ]
        lines += [row(figure) for figure in result.figures]
        lines.append("")
    return "\n".join(lines)


def row(figure: Figure) -> str:
    verdict = {None: "", True: " (met)", False: " (**not met**)"}[figure.met]
    return f"| {figure.what} | {number(figure.value)} {figure.unit} | {figure.goal}{verdict} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
