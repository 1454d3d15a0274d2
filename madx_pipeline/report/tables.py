"""The results as files for programs (`results.json`, `scores.csv`) and as the tables of `report.md`."""

from __future__ import annotations

import csv
import io
import json

from madx_pipeline.report.markdown import GAP, NOTHING, points, signed_points, table
from madx_pipeline.report.results import Results, Score, Summary, Transfer
from madx_pipeline.report.wording import language_label, seen_label

_NOT_IN_CSV = ("job", "by_label", "warnings", "folder")

SCORE_COLUMNS = tuple(name for name in Score.model_fields if name not in _NOT_IN_CSV)
"""Columns of `scores.csv`: the keys of a score in `results.json` but for nested ones and where it lies."""


def results_json(results: Results) -> str:
    """The text of `results.json`."""
    return json.dumps(results.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def scores_csv(results: Results) -> str:
    """The text of `scores.csv`: a line a score, fractions in full, an empty field for null."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SCORE_COLUMNS)
    for score in results.scores:
        row = score.model_dump(mode="json", include=set(SCORE_COLUMNS))
        writer.writerow([_field(row[name]) for name in SCORE_COLUMNS])
    return text.getvalue()


def _field(value: object) -> object:
    """A value as other programs read it: `true`, not `True`; None is left empty by the writer."""
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
        self._transfer = {(row.task, row.language, row.method): row for row in results.transfer}

    def scores(self, task: str) -> str:
        """Languages by methods: mean over seeds and spread in points, and the majority class beside them."""
        results = self._results
        header = ["Language", "Base model", *results.methods, "majority class"]
        rows = [
            [
                language_label(results, language),
                seen_label(results.languages[language].seen),
                *(self._cell(self._summaries.get((task, language, method))) for method in results.methods),
                self._majority(task, language),
            ]
            for language in [results.source_language, *results.target_languages]
        ]
        return table(header, rows, left=2)

    def transfer(self, task: str) -> str:
        """Languages by methods: source score minus target score, in points."""
        results = self._results
        rows = [
            [
                language_label(results, language),
                *(self._gap(self._transfer.get((task, language, method))) for method in results.methods),
            ]
            for language in results.target_languages
        ]
        return table(["Language", *results.methods], rows)

    def not_above_majority(self, task: str) -> list[str]:
        """`madx on Swahili (sw)`, for every mean that is not above the majority class."""
        return [
            f"{row.method} on {language_label(self._results, row.language)}"
            for row in self._summaries.values()
            if row.task == task and row.majority is not None and row.mean <= row.majority
        ]

    def _cell(self, summary: Summary | None) -> str:
        """`74.9 ± 2.1`, and how many seeds are missing."""
        if summary is None:
            return GAP
        shown = points(summary.mean, self._digits)
        if summary.std is not None:
            shown += f" ± {points(summary.std, self._digits)}"
        return shown + self._seeds(summary.seeds)

    def _gap(self, transfer: Transfer | None) -> str:
        if transfer is None:
            return GAP
        shown = signed_points(transfer.gap, self._digits)
        if transfer.std is not None:
            shown += f" ± {points(transfer.std, self._digits)}"
        return shown + self._seeds(transfer.seeds)

    def _seeds(self, seeds: list[int]) -> str:
        expected = len(self._results.seeds)
        return "" if len(seeds) == expected else f" ({len(seeds)} of {expected} seeds)"

    def _majority(self, task: str, language: str) -> str:
        """The majority class baseline: of the test set, so that any method's evaluation knows it."""
        for method in self._results.methods:
            summary = self._summaries.get((task, language, method))
            if summary is not None and summary.majority is not None:
                return points(summary.majority, self._digits)
        return NOTHING
