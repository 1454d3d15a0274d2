"""From scores to conclusions: summary, transfer gaps, comparisons and verdicts, put into the results."""

from __future__ import annotations

from pathlib import Path

from madx_pipeline.report.comparisons import comparisons_of
from madx_pipeline.report.intervals import evidence_of
from madx_pipeline.report.results import Results
from madx_pipeline.report.statistics import primary_scores, summarise, transfer_gaps
from madx_pipeline.report.verdicts import Question, verdicts_of
from madx_pipeline.stages.report import Params


def conclude(results: Results, home: Path) -> Results:
    """The results with their statistics.

    Args:
        results: Results without them.
        home: Folder of the store, in which the evaluations' single predictions are read.
    """
    params = Params.model_validate(results.parameters["report"])
    evidence, primary = evidence_of(results.scores, home), primary_scores(results.scores)
    summary = summarise(results.scores, params.confidence, evidence)
    question = Question(
        scores=primary,
        evidence=evidence,
        metrics=_metrics(results),
        methods=results.methods,
        source=results.source_language,
        level=1 - params.confidence,
        smallest_gain=params.smallest_gain_points / 100,
        smallest_gap_closed=params.smallest_gap_closed,
        majority={
            (row.task, row.language): row.majority
            for row in summary
            if row.primary and row.method == "madx" and row.majority is not None
        },
    )
    return results.model_copy(
        update={
            "summary": summary,
            "comparisons": comparisons_of(results.scores, results.methods, evidence, params.confidence),
            "transfer": transfer_gaps(summary, primary, results.source_language, params.confidence),
            "verdicts": verdicts_of(question, results.target_languages),
        }
    )


def _metrics(results: Results) -> dict[str, str | None]:
    """Task to its primary metric; None where no score says."""
    metrics: dict[str, str | None] = dict.fromkeys(results.tasks)
    return metrics | {score.task: score.metric for score in results.scores if score.primary}
