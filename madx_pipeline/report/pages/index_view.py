"""What the index shows, as rows of plain values: the template only arranges them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from madx_pipeline.methods import METHOD_SPECS
from madx_pipeline.report.markdown import listed
from madx_pipeline.report.pages.axis import Axis
from madx_pipeline.report.pages.curves import Curve, curve_of, losses_from_start
from madx_pipeline.report.pages.factors import tokens_per_word, unknown_share
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.verdict_words import Answer, answer_of
from madx_pipeline.report.provenance import CheckResult, LanguageFacts
from madx_pipeline.report.results import Gap, Results, Summary, Verdict
from madx_pipeline.report.statistics import grouped
from madx_pipeline.report.wording import language_label

LISTED_AT_MOST = 20
"""Causes, failed checks and scores of one cause that are listed; the rest is in `results.json`."""


@dataclass(frozen=True)
class VerdictRow:
    """One language in the table of answers."""

    language: str
    facts: LanguageFacts
    verdict: Verdict
    answer: Answer
    by_task: list[tuple[str, float]]


@dataclass(frozen=True)
class HeatCell:
    """A score, or the reason why there is none."""

    summary: Summary | None
    shade: int
    best: bool
    seeds_missing: int
    reason: str


@dataclass(frozen=True)
class HeatMap:
    """Languages by methods on one task.

    Attributes:
        task: Name of the task.
        metric: Its primary metric.
        axis: From the lowest to the highest score.
        rows: Language, its cells in the order of the methods, the majority class, the number of test examples.
    """

    task: str
    metric: str
    axis: Axis
    rows: list[tuple[str, list[HeatCell], float | None, int | None]]


@dataclass(frozen=True)
class AdapterRow:
    """The language adapter of one language and the text behind it."""

    language: str
    facts: LanguageFacts
    curve: Curve | None
    tokens_per_word: float | None
    unknown_share: float | None


@dataclass(frozen=True)
class Cause:
    """What is to blame for missing scores, and which."""

    first: Gap
    scores: int
    missing: list[str]
    more: int


@dataclass(frozen=True)
class StageRow:
    """Jobs of one stage."""

    stage: str
    found: int
    failed: int
    not_run: int
    seconds: float


def verdict_rows(lookup: Lookup) -> list[VerdictRow]:
    """The answers, the largest gain first, the source last."""
    languages = [*lookup.targets_by_gain, lookup.results.source_language]
    return [_verdict_row(lookup, language) for language in languages if language in lookup.verdicts]


def verdict_axis(rows: list[VerdictRow]) -> Axis:
    """The scale of the intervals in the table of answers."""
    values = [value for row in rows for value in (row.verdict.margin, row.verdict.low, row.verdict.high)]
    return Axis.over(values, zero=True)


def _verdict_row(lookup: Lookup, language: str) -> VerdictRow:
    verdict = lookup.verdicts[language]
    by_task = [(part.task, part.margin) for part in verdict.comparisons]
    return VerdictRow(language, lookup.results.languages[language], verdict, answer_of(verdict), by_task)


def heat_map(lookup: Lookup, task: str) -> HeatMap:
    """Scores of one task: the source, then the targets by their gain."""
    summaries = [row for row in lookup.summaries.values() if row.task == task]
    axis = Axis(
        min((row.mean for row in summaries), default=0.0), max((row.mean for row in summaries), default=0.0) + 1e-9
    )
    languages = [lookup.results.source_language, *lookup.targets_by_gain]
    rows = [_heat_row(lookup, task, language, axis) for language in languages]
    return HeatMap(task, lookup.results.tasks[task].metric or "metric not known", axis, rows)


def _heat_row(
    lookup: Lookup, task: str, language: str, axis: Axis
) -> tuple[str, list[HeatCell], float | None, int | None]:
    methods = lookup.results.methods
    found = [lookup.summaries.get((task, language, method)) for method in methods]
    best = max((summary.mean for summary in found if summary), default=None)
    cells = [
        _heat_cell(lookup, (task, language, method), summary, axis, best)
        for method, summary in zip(methods, found, strict=True)
    ]
    known = [summary for summary in found if summary]
    majority = next((summary.majority for summary in known if summary.majority is not None), None)
    return language, cells, majority, known[0].examples if known else None


def _heat_cell(
    lookup: Lookup, cell: tuple[str, str, str], summary: Summary | None, axis: Axis, best: float | None
) -> HeatCell:
    gaps = lookup.gaps.get(cell, [])
    reason = gaps[0].reason if gaps else "there is no score."
    if summary is None:
        return HeatCell(None, 0, False, len(gaps), reason)
    return HeatCell(summary, axis.shade(summary.mean), summary.mean == best, len(gaps), reason if gaps else "")


def adapter_rows(lookup: Lookup) -> list[AdapterRow]:
    """The languages that have a language adapter or text."""
    facts = lookup.results.languages
    return [
        AdapterRow(
            language,
            facts[language],
            curve_of(losses_from_start(facts[language].language_adapter), 72, 20),
            tokens_per_word(lookup, language),
            unknown_share(lookup, language),
        )
        for language in lookup.languages
        if facts[language].language_adapter or facts[language].corpus
    ]


def causes(gaps: Sequence[Gap], results: Results) -> tuple[list[Cause], int]:
    """What is to blame for missing scores, the one that costs most first; and how many causes are left out."""
    groups = list(grouped(((gap.reason, gap.log), gap) for gap in gaps).values())
    groups.sort(key=len, reverse=True)
    return [_cause(results, group) for group in groups[:LISTED_AT_MOST]], max(0, len(groups) - LISTED_AT_MOST)


def _cause(results: Results, gaps: list[Gap]) -> Cause:
    cells = grouped(((gap.task, gap.language), gap.method) for gap in gaps)
    names = [
        f"{task} on {language_label(results, language)}: {listed(list(dict.fromkeys(methods)))}"
        for (task, language), methods in cells.items()
    ]
    return Cause(gaps[0], len(gaps), names[:LISTED_AT_MOST], max(0, len(names) - LISTED_AT_MOST))


def checks_by_name(checks: list[CheckResult]) -> list[tuple[str, bool, int, int]]:
    """Name of a check, whether a no fails the job, how many passed, how many did not; those that did not first."""
    groups = grouped(((check.name, check.hard), check.passed) for check in checks)
    rows = [(name, hard, sum(answers), len(answers) - sum(answers)) for (name, hard), answers in groups.items()]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


_TUNED = {"lora": "LoRA", "base_model": "whole base model", "task_adapter": "task adapter"}


def method_rows(results: Results) -> list[tuple[str, ...]]:
    """Method, the language adapter that it is trained on, the one at evaluation, what is tuned, what it is."""
    rows: list[tuple[str, ...]] = []
    for method, spec in METHOD_SPECS.items():
        if method in results.methods:
            trained_on = "source" if spec.stacked else "none"
            tuned = _TUNED.get(spec.tunes, "nothing")
            rows.append((method, trained_on, spec.at_evaluation or "none", tuned, spec.meaning))
    return rows


def stage_rows(results: Results) -> list[StageRow]:
    """Jobs and seconds by stage."""
    rows = []
    for stage, jobs in grouped((job.stage, job) for job in results.jobs).items():
        states = Counter(job.state for job in jobs)
        seconds = sum(job.seconds or 0.0 for job in jobs)
        rows.append(StageRow(stage, states["found"], states["failed"], states["not run"], seconds))
    return rows


def scores_wanted(results: Results) -> int:
    """Scores that the recipe asks for."""
    return len(results.gaps) + sum(score.primary for score in results.scores)


def changed_parameters(results: Results) -> list[tuple[str, str, object]]:
    """Stage, parameter and value, where the recipe differs from the stage pages."""
    stages: dict[str, dict[str, object]] = results.configuration.get("stages", {})
    return [(stage, name, value) for stage, values in stages.items() for name, value in values.items()]
