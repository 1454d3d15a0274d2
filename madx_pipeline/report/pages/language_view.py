"""What the page of one language shows, as rows of plain values: the template only arranges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from madx_pipeline.report.pages.axis import Axis
from madx_pipeline.report.pages.confusion import Analysis, by_method
from madx_pipeline.report.pages.disagreements import Shown, disagreements
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.reading import TestSet, read_test_set
from madx_pipeline.report.provenance import TaskData
from madx_pipeline.report.results import Gap, PairedComparison, Score, Summary, Transfer
from madx_pipeline.report.verdicts import RIVALS


@dataclass(frozen=True)
class MethodRow:
    """One method on one test set: its score, or why there is none."""

    method: str
    summary: Summary | None
    transfer: Transfer | None
    comparisons: dict[str, PairedComparison]
    gaps: list[Gap]


@dataclass(frozen=True)
class TaskView:
    """One task in one language.

    Attributes:
        task: Name of the task.
        metric: Its primary metric.
        data: The labelled data; None where there is none.
        methods: Scores, in the order of the methods.
        axis: Scale of the scores and their intervals.
        baselines: What methods are compared with here.
        seed: The seed of the predictions below; None where they are not in the store.
        has_std: Whether any method has a standard deviation over seeds.
        detectable: Baseline and the smallest difference of `focus` from it that would have shown, as a fraction.
        focus: The method that is looked at most closely.
        analyses: Method to what it gets wrong.
        examples: Where methods disagree.
        warnings: What the metric says about values that are 0 by definition.
    """

    task: str
    metric: str
    data: TaskData | None
    methods: list[MethodRow]
    axis: Axis
    baselines: list[str]
    has_std: bool
    detectable: list[tuple[str, float]]
    seed: int | None
    focus: str
    analyses: dict[str, Analysis]
    examples: list[Shown]
    warnings: list[str]


def task_view(lookup: Lookup, home: Path, task: str, language: str) -> TaskView:
    """Everything about one task in one language; predictions are read from the store."""
    results = lookup.results
    facts = results.tasks[task]
    test = read_test_set(lookup, home, task, language)
    rows = [_method_row(lookup, (task, language, method)) for method in results.methods]
    focus = _focus(test, results.methods)
    return TaskView(
        task=task,
        metric=facts.metric or "metric not known",
        data=facts.data.get(language),
        methods=rows,
        axis=_axis(rows),
        baselines=[name for name in RIVALS if any(name in row.comparisons for row in rows)],
        has_std=any(row.summary and row.summary.std is not None for row in rows),
        detectable=_detectable(rows, focus),
        seed=test.seed if test else None,
        focus=focus,
        analyses=by_method(test, results.methods) if test else {},
        examples=disagreements(test, results.methods, _rival(lookup, task, language)) if test else [],
        warnings=_warnings(lookup.scores(task, language)),
    )


def _method_row(lookup: Lookup, cell: tuple[str, str, str]) -> MethodRow:
    task, language, method = cell
    comparisons = {row.baseline: row for row in lookup.comparisons(task, language) if row.method == method}
    return MethodRow(
        method, lookup.summaries.get(cell), lookup.transfer.get(cell), comparisons, lookup.gaps.get(cell, [])
    )


def _axis(rows: Sequence[MethodRow]) -> Axis:
    known = [row.summary for row in rows if row.summary]
    return Axis.over(value for summary in known for value in (summary.mean, summary.low, summary.high))


def _focus(test: TestSet | None, methods: Sequence[str]) -> str:
    there = [method for method in methods if test and method in test.predicted]
    return "madx" if "madx" in there or not there else there[0]


def _detectable(rows: Sequence[MethodRow], focus: str) -> list[tuple[str, float]]:
    found = {name: part.detectable for row in rows if row.method == focus for name, part in row.comparisons.items()}
    return [(baseline, difference) for baseline, difference in found.items() if difference is not None]


def _rival(lookup: Lookup, task: str, language: str) -> str:
    """What MAD-X was compared with in the verdict, or the first baseline."""
    verdict = lookup.verdicts.get(language)
    parts = verdict.comparisons if verdict else []
    return next((part.rival for part in parts if part.task == task), RIVALS[0])


def _warnings(scores: Sequence[Score]) -> list[str]:
    """Each warning once, with the methods that it is about."""
    found: dict[str, list[str]] = {}
    for score in scores:
        for line in score.warnings:
            found.setdefault(line, []).append(score.method)
    return [f"{line.rstrip('.')} ({', '.join(dict.fromkeys(methods))})." for line, methods in found.items()]


def native_name(language: str) -> str:
    """What a language calls itself (`sw` gives `Kiswahili`); empty where that is not known or the code itself."""
    import langcodes

    found = langcodes.Language.get(language)
    name = str(found.autonym())
    return "" if name.startswith("Unknown language") or name == language else name
