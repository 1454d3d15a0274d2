"""Does the language adapter help in this language: one answer per language, from numbers.

MAD-X is compared with the better of the two methods that lack the right language adapter, `task_adapter_only` and
`madx_source_kept`, on each task; the margins are averaged over tasks, which count alike, as independent estimates
(`uncertainty.mean_estimate`). What has to be known to believe the answer:

- The better of two by the same scores is strict on MAD-X: a gain is a gain over both. A loss is another matter,
  since two rivals have two chances to look better than they are, so the p value of a loss is counted twice where
  there were two (Bonferroni).
- P values are corrected over the target languages (Holm 1979).
- A gain can be certain and still leave a user without a usable model. So besides the answer there is `falls_short`:
  the gain is small, or closes little of the transfer gap that the rival leaves, or ends at or below the majority class.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from madx_pipeline.report.comparisons import with_holm
from madx_pipeline.report.evidence import BASELINES, Evidence, counted_by
from madx_pipeline.report.results import Comparison, Outcome, Verdict
from madx_pipeline.report.significance import comparison_of, effect_of
from madx_pipeline.report.statistics import PrimaryScores
from madx_pipeline.report.uncertainty import Estimate, mean_estimate

RIVALS = BASELINES


@dataclass(frozen=True)
class Question:
    """What the verdicts are about.

    Attributes:
        scores: Scores on primary metrics.
        evidence: What the single predictions tell.
        metrics: Task to its primary metric, for every task of the recipe; None where no score says.
        methods: Methods of the recipe.
        source: Code of the source language.
        level: P values below this are evidence.
        smallest_gain: A gain below this (fraction) falls short.
        smallest_gap_closed: A gain that closes a smaller share of the rival's transfer gap falls short.
        majority: Task and language to the score of the majority class, where it is known.
    """

    scores: PrimaryScores
    evidence: Evidence
    metrics: dict[str, str | None]
    methods: Sequence[str]
    source: str
    level: float
    smallest_gain: float
    smallest_gap_closed: float
    majority: Mapping[tuple[str, str], float]

    def rivals(self, language: str) -> tuple[str, ...]:
        """What MAD-X is compared with: on the source language, its adapter kept is MAD-X itself."""
        return tuple(
            rival
            for rival in RIVALS
            if rival in self.methods and not (language == self.source and rival == "madx_source_kept")
        )


def verdicts_of(question: Question, targets: Sequence[str]) -> list[Verdict]:
    """One verdict per target language, then one on the source; none without the method `madx`."""
    if "madx" not in question.methods:
        return []
    measured = with_holm([_measured(question, language) for language in targets], ["targets"] * len(targets))
    return [
        *(verdict.model_copy(update=_answer(verdict, question)) for verdict in measured),
        _measured(question, question.source).model_copy(update={"outcome": "source"}),
    ]


def outcome_of(verdict: Verdict, level: float) -> Outcome:
    """The answer from the numbers: `helps` or `hurts` where the corrected p value is below the level, by the sign."""
    if verdict.margin is None or verdict.p_holm is None:
        return "unknown"
    return effect_of(verdict.margin, verdict.p_holm, level)


def _answer(verdict: Verdict, question: Question) -> dict[str, object]:
    outcome = outcome_of(verdict, question.level)
    small = (verdict.margin or 0.0) < question.smallest_gain
    little = verdict.gap_closed is not None and verdict.gap_closed < question.smallest_gap_closed
    chance = all(
        comparison.madx <= question.majority.get((comparison.task, verdict.language), -1.0)
        for comparison in verdict.comparisons
    )
    return {"outcome": outcome, "falls_short": outcome == "helps" and (small or little or chance)}


def _measured(question: Question, language: str) -> Verdict:
    """The numbers of a verdict, before p values are corrected over languages."""
    comparisons = [
        comparison for task in question.metrics if (comparison := _comparison(question, task, language)) is not None
    ]
    compared = {comparison.task for comparison in comparisons}
    estimate = _estimate(question, language, comparisons)
    tested = comparison_of(estimate, question.level) if estimate else None
    chances = max((len(comparison.rivals) for comparison in comparisons), default=1)
    return Verdict(
        language=language,
        outcome="unknown",
        falls_short=False,
        margin=statistics.fmean(comparison.margin for comparison in comparisons) if comparisons else None,
        low=tested.low if tested else None,
        high=tested.high if tested else None,
        interval=counted_by(estimate) if estimate else None,
        p=min(1.0, tested.p_value * (chances if tested.difference < 0 else 1)) if tested else None,
        p_holm=None,
        detectable=tested.smallest_detectable if tested else None,
        gap_closed=_gap_closed(comparisons),
        seeds=min((len(comparison.seeds) for comparison in comparisons), default=0),
        comparisons=comparisons,
        missing_tasks=[task for task in question.metrics if task not in compared],
    )


def _estimate(question: Question, language: str, comparisons: Sequence[Comparison]) -> Estimate | None:
    """The estimate of the mean margin, if there is one of every margin."""
    found = [
        question.evidence.of_difference(item.task, language, ("madx", item.rival), item.seeds) for item in comparisons
    ]
    estimates = [measured.estimate for measured in found if measured is not None]
    return mean_estimate(estimates) if estimates and len(estimates) == len(found) else None


def _comparison(question: Question, task: str, language: str) -> Comparison | None:
    """MAD-X against the rival that leaves it the smaller margin, each on the seeds that both have."""
    madx = question.scores.get((task, "madx", language), {})
    found = {
        rival: seeds
        for rival in question.rivals(language)
        if (seeds := sorted(madx.keys() & question.scores.get((task, rival, language), {}).keys()))
    }
    if not found:
        return None

    def mean(method: str, seeds: Sequence[int], on: str = language) -> float:
        return statistics.fmean(question.scores[task, method, on][seed] for seed in seeds)

    margins = {rival: mean("madx", seeds) - mean(rival, seeds) for rival, seeds in found.items()}
    rival = min(margins, key=lambda name: margins[name])
    seeds = found[rival]
    on_source = question.scores.get((task, "madx", question.source), {})
    has_gap = language != question.source and set(seeds) <= on_source.keys()
    return Comparison(
        task=task,
        metric=question.metrics[task] or "",
        madx=mean("madx", seeds),
        rival=rival,
        rival_mean=mean(rival, seeds),
        rivals=list(found),
        margin=margins[rival],
        rival_gap=mean("madx", seeds, question.source) - mean(rival, seeds) if has_gap else None,
        seeds=seeds,
    )


def _gap_closed(comparisons: list[Comparison]) -> float | None:
    """Sum of margins over sum of the rivals' transfer gaps; None without a gap."""
    with_gap = [comparison for comparison in comparisons if comparison.rival_gap is not None]
    total = sum(comparison.rival_gap or 0.0 for comparison in with_gap)
    if total <= 0:
        return None
    return sum(comparison.margin for comparison in with_gap) / total
