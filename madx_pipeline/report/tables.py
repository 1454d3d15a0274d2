"""The results as files for programs (`results.json` and two CSV files) and as the tables of `report.md`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from madx_pipeline.methods import is_seeded
from madx_pipeline.report.adapters import has_one_score, has_ready_adapter
from madx_pipeline.report.costs import Efficiency
from madx_pipeline.report.evidence import pairs
from madx_pipeline.report.markdown import GAP, NOTHING, points, signed_points, table
from madx_pipeline.report.part import Part
from madx_pipeline.report.results import PairedComparison, Results, Score, Summary, Transfer
from madx_pipeline.report.wording import language_label, seen_label, shows_majority

_NOT_IN_CSV = ("job", "by_label", "warnings", "folder")

SCORE_COLUMNS = tuple(name for name in Score.model_fields if name not in _NOT_IN_CSV)
"""Columns of `scores.csv`: the keys of a score in `results.json` but for nested ones and where it lies."""

SUMMARY_COLUMNS = tuple(Summary.model_fields)
"""Columns of `summary.csv`: the keys of a summary in `results.json`."""


def results_json(results: Results) -> str:
    """The text of `results.json`."""
    return results.model_dump_json(indent=1) + "\n"  # json.dumps with an indent takes ten times as long


def scores_csv(results: Results) -> str:
    """The text of `scores.csv`: a line a score, fractions in full, an empty field for null."""
    return _csv(SCORE_COLUMNS, results.scores)


def summary_csv(results: Results) -> str:
    """The text of `summary.csv`: a line a metric of a method on a language, over seeds."""
    return _csv(SUMMARY_COLUMNS, results.summary)


def efficiency_csv(results: Results) -> str:
    """The text of `efficiency.csv`: a line a method on a task, with what it costs."""
    return _csv(tuple(Efficiency.model_fields), results.efficiency)


def _csv(columns: Sequence[str], rows: Iterable[Part]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = row.model_dump(mode="json", include=set(columns))
        writer.writerow([_field(values[name]) for name in columns])
    return text.getvalue()


def _field(value: object) -> object:
    """A value as other programs read it: `true`, not `True`; a list with spaces; None is left empty by the writer."""
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return json.dumps(value) if isinstance(value, bool) else value


class ScoreTables:
    """Tables of one run; looks summaries up by task, language and method.

    Args:
        results: The results.
        digits: Digits after the point of points.
    """

    def __init__(self, results: Results, digits: int) -> None:
        self._results = results
        self._digits = digits
        self._summaries = {(row.task, row.language, row.method): row for row in results.summary if row.primary}
        self._compared = {(row.task, row.language, row.method, row.baseline): row for row in results.comparisons}
        self._transfer = {(row.task, row.language, row.method): row for row in results.transfer}

    def scores(self, task: str) -> str:
        """Languages by methods: mean over seeds and spread in points, and the majority class beside them."""
        results = self._results
        beside = shows_majority(results)
        header = ["Language", "Base model", *results.methods, *(["majority class"] if beside else [])]
        rows = [
            [
                language_label(results, language),
                seen_label(results.languages[language].seen),
                *(self._cell(self._summaries.get((task, language, method))) for method in results.methods),
                *([self._majority(task, language)] if beside else []),
            ]
            for language in [results.source_language, *results.targets_of(task)]
        ]
        return table(header, rows, left=2)

    def differences(self, task: str) -> str:
        """Languages by pairs of methods: difference, interval, and a star for evidence; empty without any."""
        results = self._results
        there = {row[2:] for row in self._compared if row[0] == task}
        columns = [pair for pair in pairs(results.methods) if pair in there]
        rows = [
            [
                language_label(results, language),
                *(self._difference(self._compared.get((task, language, *pair))) for pair in columns),
            ]
            for language in [results.source_language, *results.targets_of(task)]
        ]
        return table(["Language", *(" minus ".join(pair) for pair in columns)], rows) if columns else ""

    def transfer(self, task: str) -> str:
        """Languages by methods: source score minus target score, in points."""
        results = self._results
        rows = [
            [
                language_label(results, language),
                *(self._gap(self._transfer.get((task, language, method))) for method in results.methods),
            ]
            for language in results.targets_of(task)
        ]
        return table(["Language", *results.methods], rows)

    def not_above_majority(self, task: str) -> list[str]:
        """`madx on Swahili (sw)`, for every mean that is not above the majority class."""
        return [
            f"{row.method} on {language_label(self._results, row.language)}"
            for row in self._summaries.values()
            if row.task == task and is_seeded(row.method) and row.majority is not None and row.mean <= row.majority
        ]

    def _cell(self, summary: Summary | None) -> str:
        """`74.9 ± 2.1 (71.0 to 78.4)`, and how many seeds are missing."""
        if summary is None:
            return GAP
        shown = points(summary.mean, self._digits)
        if summary.std is not None:
            shown += f" ± {points(summary.std, self._digits)}"
        if summary.low is not None and summary.high is not None:
            alone = " over seeds alone" if summary.interval == "seeds" else ""
            shown += f" ({points(summary.low, self._digits)} to {points(summary.high, self._digits)}{alone})"
        return shown + self._seeds(summary)

    def _difference(self, row: PairedComparison | None) -> str:
        """`+20.1 (+17.5 to +22.7) *`."""
        if row is None:
            return NOTHING
        shown = signed_points(row.difference, self._digits)
        if row.low is not None and row.high is not None:
            shown += f" ({signed_points(row.low, self._digits)} to {signed_points(row.high, self._digits)})"
        return shown + (" *" if row.answer in ("helps", "hurts") else "") + self._seeds(row)

    def _gap(self, transfer: Transfer | None) -> str:
        if transfer is None:
            return GAP
        shown = signed_points(transfer.gap, self._digits)
        if transfer.std is not None:
            shown += f" ± {points(transfer.std, self._digits)}"
        return shown + self._seeds(transfer)

    def _seeds(self, row: Summary | Transfer | PairedComparison) -> str:
        """How many seeds are missing; that there was none to vary is no such thing."""
        if has_one_score(self._results, row.task, row.method):
            return " (published)" if has_ready_adapter(self._results, row.task, row.method) else ""
        found, expected = len(row.seeds), len(self._results.seeds)
        return "" if found == expected else f" ({found} of {expected} seeds)"

    def _majority(self, task: str, language: str) -> str:
        """The majority class baseline: of the test set, so that any method's evaluation knows it."""
        for method in self._results.methods:
            summary = self._summaries.get((task, language, method))
            if summary is not None and summary.majority is not None:
                return points(summary.majority, self._digits)
        return NOTHING
