"""What the figures show: one panel per task, languages from top to bottom, and how it is painted.

A panel knows its languages and how to paint any part of them: a page shows the ends of a long one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from madx_pipeline.report.markdown import points, signed_points
from madx_pipeline.report.pages.curves import losses_of
from madx_pipeline.report.pages.drawing import MARKERS, MUTED, SERIES
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.results import PairedComparison
from madx_pipeline.report.verdicts import RIVALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAME_AT_MOST = 24
"""Characters of a language's label; a longer one would leave no room for the figure."""
_IN_ALT = 12
"""Languages that the text in place of a figure names."""


@dataclass(frozen=True)
class Panel:
    """A figure before it is drawn.

    Attributes:
        name: Name of its files.
        title: Its heading.
        languages: Codes, in order.
        row: Height of a language in inches; 0 where languages are not rows.
        height: Height of the rest in inches.
        paint: Paints the given languages.
        alt: What it shows for the given languages, in words.
        note: What the page says beneath it; may be empty.
    """

    name: str
    title: str
    languages: list[str]
    row: float
    height: float
    paint: Callable[[Axes, Sequence[str]], None]
    alt: Callable[[Sequence[str]], str]
    note: str = ""


def gains(lookup: Lookup, task: str) -> Panel | None:
    """MAD-X minus each baseline with intervals, the largest gain first."""
    found = {
        baseline: {
            language: row
            for language in lookup.results.target_languages
            if (row := lookup.comparison(task, language, "madx", baseline))
        }
        for baseline in RIVALS
    }
    smallest: dict[str, float] = {}
    for rows in found.values():
        for language, row in rows.items():
            smallest[language] = min(row.difference, smallest.get(language, row.difference))
    if not smallest:
        return None
    series = {baseline: rows for baseline, rows in found.items() if rows}

    def paint(axes: Axes, languages: Sequence[str]) -> None:
        _rows(axes, lookup, languages)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        for index, (baseline, rows) in enumerate(series.items()):
            shift = (index - (len(series) - 1) / 2) * 0.3
            there = [(y + shift, rows[language]) for y, language in enumerate(languages) if language in rows]
            _intervals(axes, there, *look_of(lookup, baseline), f"over {baseline}")
        axes.set_xlabel(f"gain of madx in points ({_metric(lookup, task)})")
        legend(axes)

    def alt(languages: Sequence[str]) -> str:
        parts = [f"{label(lookup, language)} {signed_points(smallest[language], 1)}" for language in languages]
        return f"Gain of madx on {task} over the better baseline, in points: {_shortened(parts)}."

    languages = sorted(smallest, key=lambda language: -smallest[language])
    return Panel(f"gain-{task}", task, languages, 0.2, 0.75, paint, alt)


def transfer(lookup: Lookup, task: str) -> Panel | None:
    """Source minus target of every method, the smallest gap of the first method first."""
    series = _gaps(lookup, task)
    if not series:
        return None
    name, first = next(iter(series.items()))

    def paint(axes: Axes, languages: Sequence[str]) -> None:
        _rows(axes, lookup, languages)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        for index, (method, rows) in enumerate(series.items()):
            shift = (index - (len(series) - 1) / 2) * 0.6 / len(series)
            there = [(y + shift, rows[language]) for y, language in enumerate(languages) if language in rows]
            colour, marker = look_of(lookup, method)
            places = [100 * gap for _, gap in there], [y for y, _ in there]
            axes.plot(*places, linestyle="none", marker=marker, color=colour, label=method, alpha=0.9)
        axes.set_xlabel(f"source minus target in points ({_metric(lookup, task)})")
        legend(axes)

    def alt(languages: Sequence[str]) -> str:
        parts = [f"{label(lookup, language)} {points(first.get(language), 1)}" for language in languages]
        return f"Transfer gap of {name} on {task}, in points: {_shortened(parts)}."

    languages = list(dict.fromkeys(language for rows in series.values() for language in rows))
    languages.sort(key=lambda language: first.get(language, float("inf")))
    return Panel(f"transfer-{task}", task, languages, 0.28, 0.75, paint, alt)


def _gaps(lookup: Lookup, task: str) -> dict[str, dict[str, float]]:
    """Method to the transfer gap of every target language, for the methods that have any."""
    found = {
        method: {
            language: row.gap
            for language in lookup.results.target_languages
            if (row := lookup.transfer.get((task, language, method)))
        }
        for method in lookup.results.methods
    }
    return {method: rows for method, rows in found.items() if rows}


def learning_curves(lookup: Lookup) -> Panel | None:
    """Held-out loss by step of every language adapter that was trained."""
    adapters = {language: lookup.results.languages[language].language_adapter for language in lookup.languages}
    curves = {language: points for language, adapter in adapters.items() if (points := losses_of(adapter))}
    if not curves:
        return None

    def paint(axes: Axes, languages: Sequence[str]) -> None:
        few = len(languages) <= len(SERIES)
        for index, language in enumerate(languages):
            steps, losses = zip(*curves[language], strict=True)
            axes.plot(
                steps,
                losses,
                color=SERIES[index] if few else MUTED,
                marker=MARKERS[index] if few else "",
                label=label(lookup, language),
            )
            if not few:
                axes.annotate(language, (steps[-1], losses[-1]), (2, 0), textcoords="offset points", fontsize=5)
        axes.set(xlabel="step", ylabel="held-out loss (nats per token)")
        axes.grid(axis="y")
        if few:
            legend(axes)

    def alt(languages: Sequence[str]) -> str:
        parts = [f"{label(lookup, language)} {curves[language][-1][1]:.2f}" for language in languages]
        return f"Held-out loss of the language adapters by step; at the end: {_shortened(parts)}."

    return Panel("learning-curves", "Learning curves", list(curves), 0.0, 2.6, paint, alt)


def label(lookup: Lookup, language: str) -> str:
    """Name and code; the code alone where the name is long or in a script that fonts of papers may lack."""
    name = lookup.results.languages[language].name
    latin = all(unicodedata.name(letter, "LATIN").startswith("LATIN") for letter in name if letter.isalpha())
    return f"{name} ({language})" if latin and len(name) <= _NAME_AT_MOST and name != language else language


def look_of(lookup: Lookup, method: str) -> tuple[str, str]:
    """Colour and marker of a method: the same in every figure."""
    index = lookup.results.methods.index(method) if method in lookup.results.methods else len(SERIES) - 1
    return SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)]


def legend(axes: Axes) -> None:
    """A legend beneath the figure, where it covers nothing."""
    axes.figure.legend(loc="outside lower center", ncols=2, handletextpad=0.3, columnspacing=1.2)


def _rows(axes: Axes, lookup: Lookup, languages: Sequence[str]) -> None:
    """Languages from top to bottom."""
    axes.set_yticks(range(len(languages)), [label(lookup, language) for language in languages])
    axes.set_ylim(len(languages) - 0.4, -0.6)
    axes.grid(axis="x")


def _intervals(axes: Axes, rows: Sequence[tuple[float, PairedComparison]], colour: str, marker: str, name: str) -> None:
    """A point for each difference and a line for its interval, in points."""
    bounds = [(y, 100 * row.low, 100 * row.high) for y, row in rows if row.low is not None and row.high is not None]
    if bounds:
        ys, lows, highs = zip(*bounds, strict=True)
        axes.hlines(ys, lows, highs, color=colour, linewidth=1.1)
    values = [100 * row.difference for _, row in rows]
    axes.plot(values, [y for y, _ in rows], linestyle="none", marker=marker, color=colour, label=name)


def _metric(lookup: Lookup, task: str) -> str:
    return lookup.results.tasks[task].metric or "metric not known"


def _shortened(parts: Sequence[str]) -> str:
    more = len(parts) - _IN_ALT
    return ", ".join(parts[:_IN_ALT]) + (f" and {more} more languages" if more > 0 else "")
