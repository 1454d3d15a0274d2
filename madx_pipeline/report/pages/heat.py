"""The heat map of scores as a figure for papers; a page has it as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from madx_pipeline.report.markdown import points
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.panels import Panel, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INKS = ("#10141a", "#ffffff")
"""Colours of numbers on light and dark cells; the cells stay light on a dark page, and so do these."""


def scores(lookup: Lookup, task: str) -> Panel | None:
    """Languages by methods, as a heat map with its numbers."""
    results = lookup.results
    there = [
        language
        for language in [results.source_language, *lookup.targets_by_gain]
        if any((task, language, method) in lookup.summaries for method in results.methods)
    ]
    if not there:
        return None

    def paint(axes: Axes, languages: Sequence[str]) -> None:
        from matplotlib import colormaps
        from matplotlib.patches import Rectangle

        means = [lookup.summaries.get((task, code, method)) for code in languages for method in results.methods]
        known = [summary.mean for summary in means if summary]
        low, high = min(known), max(known)
        for place, summary in enumerate(means):
            y, x = divmod(place, len(results.methods))
            share = (summary.mean - low) / (high - low) if summary and high > low else 0.5
            colour = colormaps["Blues"](0.08 + 0.8 * share) if summary else "none"
            hatch = None if summary else "////"
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="#c3cad2", hatch=hatch))
            if summary:
                axes.text(
                    x, y, points(summary.mean, 1), ha="center", va="center", color=_INKS[share > 0.55], fontsize=6
                )
        axes.set_xticks(range(len(results.methods)), [name.replace("_", "\n") for name in results.methods])
        axes.set_yticks(range(len(languages)), [label(lookup, code) for code in languages])
        axes.set(xlim=(-0.5, len(results.methods) - 0.5), ylim=(len(languages) - 0.5, -0.5))
        axes.spines[:].set_visible(False)
        axes.xaxis.tick_top()

    def alt(languages: Sequence[str]) -> str:
        return f"Scores on {task} in points, {len(languages)} languages by {', '.join(results.methods)}."

    return Panel(f"scores-{task}", task, there, 0.2, 0.5, paint, alt)
