"""`madx report A B`: `compare.json` and `report.md` under `<home>/reports/compare-<a>-<b>/`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from madx_pipeline import __version__
from madx_pipeline.jobs import Plan, fingerprint_of
from madx_pipeline.records import Json
from madx_pipeline.report.collect import report_params
from madx_pipeline.report.compare import ComparedCell, ComparedRow, SideBySide, side_by_side
from madx_pipeline.report.folder import ReportFolder
from madx_pipeline.report.markdown import NOTHING, listed, points, signed_points, table, text
from madx_pipeline.report.results import Results
from madx_pipeline.report.statistics import grouped
from madx_pipeline.report.wording import language_label
from madx_pipeline.store import Store

LONGEST_NAME = 200
"""Letters of a folder's name; file systems take 255, and siblings get a suffix."""

SHOWN = 120
"""Letters of a value that are shown; the whole is in `compare.json`."""


@dataclass(frozen=True)
class ComparisonOutcome:
    """Where a comparison is, and whether it had to be written."""

    folder: Path
    state: Literal["found", "ran"]


def write_comparison(plans: Sequence[Plan], runs: Sequence[Results], store: Store) -> ComparisonOutcome:
    """Writes the comparison of at least two recipes, unless the same one is there.

    Args:
        plans: Their plans.
        runs: Their results, in the same order.
        store: The store that they are in.

    Raises:
        InputError: If the folder cannot be written.
    """
    compared = side_by_side(runs)
    digits = report_params(plans[0].recipe).digits
    content = compared.model_dump(mode="json")
    fingerprint = fingerprint_of({"version": __version__, "digits": digits, "compared": content})
    folder = ReportFolder(store.home / "reports" / folder_name([results.recipe for results in runs]))
    with folder.locked():
        folder.recover()
        if folder.holds(fingerprint):
            return ComparisonOutcome(folder.path, "found")
        markdown = comparison_markdown(compared, runs, digits)
        folder.put(fingerprint, partial(_write, content, markdown))
    return ComparisonOutcome(folder.path, "ran")


def folder_name(recipes: Sequence[str]) -> str:
    """`compare-a-b`; of many long names the first, how many more, and a hash that tells them apart."""
    name = "-".join(["compare", *recipes])
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256("/".join(recipes).encode("utf-8")).hexdigest()[:12]
    return f"compare-{recipes[0]}-and-{len(recipes) - 1}-more-{digest}"


def _write(content: dict[str, Json], markdown: str, folder: Path) -> None:
    data = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / "compare.json").write_text(data, encoding="utf-8", newline="\n")
    (folder / "report.md").write_text(markdown, encoding="utf-8", newline="\n")


def comparison_markdown(compared: SideBySide, runs: Sequence[Results], digits: int) -> str:
    """The text of `report.md`: what differs, then a table per task and method.

    Args:
        compared: The comparison.
        runs: The results that it is of: names of languages come from them.
        digits: Digits after the point of scores in points.
    """
    names = [run.recipe for run in compared.runs]
    parts = [f"# {text(listed(names))}, side by side", "## What differs", _differences(compared, names)]
    parts += ["## Scores", _how_to_read(names)]
    label = _labels(runs)
    for (task, method), rows in grouped(((row.task, row.method), row) for row in compared.rows).items():
        metric = next((row.metric for row in rows if row.metric), None)
        parts += [f"### {text(task)}, {text(method)} ({text(metric or 'no scores')})"]
        header = ["Language", *names, *(f"{name} minus {names[0]}" for name in names[1:])]
        parts.append(table(header, [_row(row, label, digits) for row in rows]))
    parts += _unmatched(compared, names)
    return "\n\n".join(parts) + "\n"


def _differences(compared: SideBySide, names: Sequence[str]) -> str:
    if not compared.differences:
        return "Nothing: the recipes ask for the same."
    rows = [[item.key, *(_value(value) for value in item.values)] for item in compared.differences]
    return table(["Key", *names], rows, left=1 + len(names))


def _value(value: Json) -> str:
    """A value of a recipe on one line; a long one is cut."""
    if value is None:
        return NOTHING
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}… (cut)"


def _how_to_read(names: Sequence[str]) -> str:
    return text(
        "In points, on the primary metric: mean over seeds ± sample standard deviation. Scores stand beside each other "
        f"where they are on the same test examples. Differences to {names[0]} are between the means. "
        "Intervals are in compare.json."
    )


def _labels(runs: Sequence[Results]) -> Callable[[str], str]:
    known: dict[str, str] = {}
    for results in runs:
        for language in results.languages:
            known.setdefault(language, language_label(results, language))
    return lambda language: known[language]


def _row(row: ComparedRow, label: Callable[[str], str], digits: int) -> list[str]:
    changes = [signed_points(cell.change, digits) if cell.change is not None else NOTHING for cell in row.cells[1:]]
    return [label(row.language), *(_cell(cell, digits) for cell in row.cells), *changes]


def _cell(cell: ComparedCell, digits: int) -> str:
    if cell.mean is None:
        return cell.state
    spread = "" if cell.std is None else f" ± {points(cell.std, digits)}"
    return f"{points(cell.mean, digits)}{spread}"


def _unmatched(compared: SideBySide, names: Sequence[str]) -> list[str]:
    counts = [f"{name} {len(only)}" for name, only in zip(names, compared.unmatched, strict=True) if only]
    if not counts:
        return []
    return [text(f"Asked for by one recipe alone, and so not compared: {', '.join(counts)}; listed in compare.json.")]
