"""The figures of a report: drawn, written as SVG and PDF, and handed to the index.

At most `ROWS` languages are drawn, those that gain most and those that gain least: a longer figure fits no
page, and the tables have all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from madx_pipeline.report.pages import factors, heat, panels
from madx_pipeline.report.pages.drawing import Drawing, draw, save, svg_for_page, svg_of
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.panels import Panel

ROWS = 50
"""Languages that are rows of a figure, at most."""


@dataclass(frozen=True)
class Drawings:
    """The figures of the index, by section; empty where there is nothing to draw."""

    gains: list[Drawing]
    transfer: list[Drawing]
    factors: list[Drawing]


def write_figures(lookup: Lookup, folder: Path) -> Drawings:
    """Draws everything, writes SVG and PDF files into `folder`, and gives what the index shows."""
    tasks = list(lookup.results.tasks)
    _drawn([*(heat.scores(lookup, task) for task in tasks), panels.learning_curves(lookup)], folder)
    return Drawings(
        gains=_drawn((panels.gains(lookup, task) for task in tasks), folder),
        transfer=_drawn((panels.transfer(lookup, task) for task in tasks), folder),
        factors=_drawn(factors.panels(lookup), folder),
    )


def _drawn(found: Iterable[Panel | None], folder: Path) -> list[Drawing]:
    return [_drawing(panel, folder) for panel in found if panel is not None]


def _drawing(panel: Panel, folder: Path) -> Drawing:
    """Draws a panel and writes its files."""
    shown, note = panel.languages, panel.note
    if panel.row and len(shown) > ROWS:
        half = ROWS // 2
        shown = panel.languages[:half] + panel.languages[-half:]
        note = f"The first {half} and the last {half} of {len(panel.languages)} languages."
    figure = draw(panel.height + panel.row * len(shown), lambda axes: panel.paint(axes, shown))
    svg, alt = svg_of(figure), panel.alt(shown)
    save(figure, svg, folder / panel.name, alt)
    return Drawing(panel.name, panel.title, alt, svg_for_page(svg, panel.name, alt), note)
