"""Does the language adapter help in this language: one answer per language, from numbers, in plain words.

MAD-X is compared with the better of the two methods that lack the right language adapter:
`task_adapter_only` and `madx_source_kept`. Two questions are asked, because a gain can be clear and
still leave a user without a usable model: is there a gain, and how much of the transfer gap that the
rival leaves does it close.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from madx_pipeline.report.results import Comparison, Outcome, Verdict
from madx_pipeline.report.statistics import PrimaryScores, Spread, spread_of

RIVALS = ("task_adapter_only", "madx_source_kept")


@dataclass(frozen=True)
class Question:
    """What the verdicts are about.

    Attributes:
        scores: Scores on primary metrics.
        metrics: Task to its primary metric, for every task of the recipe; None where no score says.
        methods: Methods of the recipe.
        source: Code of the source language.
        confidence: Level of intervals, as a fraction.
        smallest_gain: A margin below this (fraction) is no help.
        smallest_gap_closed: A gain that closes a smaller share of the rival's transfer gap falls short.
    """

    scores: PrimaryScores
    metrics: dict[str, str | None]
    methods: Sequence[str]
    source: str
    confidence: float
    smallest_gain: float
    smallest_gap_closed: float

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
    return [_verdict(question, language) for language in [*targets, question.source]]


def outcome_of(margin: Spread, gap_closed: float | None, question: Question) -> Outcome:
    """The answer in a word or two.

    - `hurts` / `does not help`: the margin is at most minus `smallest_gain` / smaller than it;
    - `unclear`: it is larger either way, but its interval over seeds has zero in it;
    - `falls short`: a gain that closes less than `smallest_gap_closed` of the rival's transfer gap;
    - `helps`: the rest.
    """
    if abs(margin.mean) < question.smallest_gain:
        return "does not help"
    if margin.low is not None and margin.high is not None and margin.low <= 0 <= margin.high:
        return "unclear"
    if margin.mean < 0:
        return "hurts"
    if gap_closed is not None and gap_closed < question.smallest_gap_closed:
        return "falls short"
    return "helps"


def _verdict(question: Question, language: str) -> Verdict:
    comparisons = [
        comparison for task in question.metrics if (comparison := _comparison(question, task, language)) is not None
    ]
    compared = {comparison.task for comparison in comparisons}
    margin = _margin(question, language, comparisons)
    gap_closed = _gap_closed(comparisons)
    if margin is None:
        outcome: Outcome = "unknown"
    elif language == question.source:
        outcome = "source"
    else:
        outcome = outcome_of(margin, gap_closed, question)
    return Verdict(
        language=language,
        outcome=outcome,
        margin=margin.mean if margin else None,
        low=margin.low if margin else None,
        high=margin.high if margin else None,
        gap_closed=gap_closed,
        seeds=min((len(comparison.seeds) for comparison in comparisons), default=0),
        comparisons=comparisons,
        missing_tasks=[task for task in question.metrics if task not in compared],
    )


def _comparison(question: Question, task: str, language: str) -> Comparison | None:
    """MAD-X against the better rival on the seeds that all of them have, or None where there is nothing to compare."""
    madx = question.scores.get((task, "madx", language), {})
    rivals = {
        rival: scores for rival in question.rivals(language) if (scores := question.scores.get((task, rival, language)))
    }
    seeds = sorted(seed for seed in madx if all(seed in scores for scores in rivals.values()))
    if not rivals or not seeds:
        return None
    means = {rival: statistics.fmean(scores[seed] for seed in seeds) for rival, scores in rivals.items()}
    better = max(means, key=lambda rival: means[rival])
    mean = statistics.fmean(madx[seed] for seed in seeds)
    on_source = question.scores.get((task, "madx", question.source), {})
    has_gap = language != question.source and all(seed in on_source for seed in seeds)
    return Comparison(
        task=task,
        metric=question.metrics[task] or "",
        madx=mean,
        rival=better,
        rival_mean=means[better],
        rivals=list(rivals),
        margin=mean - means[better],
        rival_gap=statistics.fmean(on_source[seed] for seed in seeds) - means[better] if has_gap else None,
        seeds=seeds,
    )


def _margin(question: Question, language: str, comparisons: list[Comparison]) -> Spread | None:
    """The margin averaged over tasks, with its interval over seeds where all tasks have the same seeds."""
    if not comparisons:
        return None
    seeds = comparisons[0].seeds
    if any(comparison.seeds != seeds for comparison in comparisons):
        return Spread(statistics.fmean(comparison.margin for comparison in comparisons), None, None, None)
    by_seed = [
        statistics.fmean(_seed_margin(question, language, comparison, seed) for comparison in comparisons)
        for seed in seeds
    ]
    return spread_of(by_seed, question.confidence)


def _seed_margin(question: Question, language: str, comparison: Comparison, seed: int) -> float:
    madx = question.scores[comparison.task, "madx", language][seed]
    return madx - question.scores[comparison.task, comparison.rival, language][seed]


def _gap_closed(comparisons: list[Comparison]) -> float | None:
    """Sum of margins over sum of the rivals' transfer gaps; None without a gap."""
    with_gap = [comparison for comparison in comparisons if comparison.rival_gap is not None]
    total = sum(comparison.rival_gap or 0.0 for comparison in with_gap)
    if total <= 0:
        return None
    return sum(comparison.margin for comparison in with_gap) / total
