"""Means over seeds, their spread, and transfer gaps: pure functions from scores to summaries.

Where the single predictions gave an estimate (`intervals.py`), the interval is its own, which counts test examples
and seeds. Elsewhere it is Student's t over seeds: with few seeds the spread is itself known badly, so an interval
over two seeds is wide, and that is the truth about two seeds.
"""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from madx_pipeline.report.evidence import Evidence, Measured
from madx_pipeline.report.results import Counted, Score, Summary, Transfer

_Key = TypeVar("_Key", bound=Hashable)
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Spread:
    """A mean over seeds and how far to trust it.

    Attributes:
        mean: Arithmetic mean.
        std: Sample standard deviation (n - 1); None with one value.
        low: Lower end of the Student t interval of the mean; None with one value.
        high: Upper end.
    """

    mean: float
    std: float | None
    low: float | None
    high: float | None


def spread_of(values: Sequence[float], confidence: float) -> Spread:
    """Mean, sample standard deviation and two-sided Student t interval of at least one value.

    Args:
        values: One value per seed.
        confidence: Level of the interval as a fraction, such as 0.95.
    """
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Spread(mean, None, None, None)
    std = statistics.stdev(values)
    half = float(_t_quantile(len(values) - 1, (1 + confidence) / 2) * std / len(values) ** 0.5)
    return Spread(mean, std, mean - half, mean + half)


@cache
def _t_quantile(degrees: int, probability: float) -> float:
    """Quantile of the Student t distribution."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # scipy ships no types

    return float(stdtrit(degrees, probability))


def summarise(scores: Iterable[Score], confidence: float, evidence: Evidence) -> list[Summary]:
    """Every metric of every task, method and language over seeds, in the order of the scores.

    Args:
        scores: The scores.
        confidence: Level of the intervals, as a fraction.
        evidence: What the single predictions tell of them.
    """
    groups = grouped(((score.task, score.method, score.language, score.metric), score) for score in scores)
    return [_summary(group, confidence, evidence) for group in groups.values()]


def grouped(pairs: Iterable[tuple[_Key, _Item]]) -> dict[_Key, list[_Item]]:
    """Items by key, both in the order met."""
    groups: dict[_Key, list[_Item]] = {}
    for key, item in pairs:
        groups.setdefault(key, []).append(item)
    return groups


def _summary(scores: list[Score], confidence: float, evidence: Evidence) -> Summary:
    first, seeds = scores[0], [score.seed for score in scores]
    spread = spread_of([score.value for score in scores], confidence)
    measured = evidence.of_score(first.task, first.language, first.method, seeds) if first.primary else None
    low, high, counted = _interval(spread, confidence, measured)
    majorities = [score.majority for score in scores if score.majority is not None]
    return Summary(
        task=first.task,
        method=first.method,
        language=first.language,
        metric=first.metric,
        primary=first.primary,
        mean=spread.mean,
        std=spread.std,
        low=low,
        high=high,
        interval=counted,
        seeds=seeds,
        majority=statistics.fmean(majorities) if majorities else None,
        examples=first.examples,
    )


def _interval(
    spread: Spread, confidence: float, measured: Measured | None
) -> tuple[float | None, float | None, Counted | None]:
    """Ends of the interval of a score, and what it counts."""
    if measured is not None:
        low, high = measured.estimate.interval_of_score(1 - confidence)
        return low, high, measured.counted
    if spread.low is None or spread.high is None:
        return None, None, None
    return max(0.0, spread.low), min(1.0, spread.high), "seeds"


PrimaryScores = Mapping[tuple[str, str, str], Mapping[int, float]]
"""(task, method, language) to seed to the value of the task's primary metric."""


def primary_scores(scores: Iterable[Score]) -> PrimaryScores:
    """The scores on primary metrics, to be looked up."""
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    for score in scores:
        if score.primary:
            found.setdefault((score.task, score.method, score.language), {})[score.seed] = score.value
    return found


def transfer_gaps(
    summaries: Iterable[Summary], scores: PrimaryScores, source: str, confidence: float
) -> list[Transfer]:
    """Source score minus target score, paired by seed, for every target that has both."""
    found = []
    for summary in summaries:
        if not summary.primary or summary.language == source:
            continue
        on_source = scores.get((summary.task, summary.method, source), {})
        on_target = scores[summary.task, summary.method, summary.language]
        seeds = [seed for seed in summary.seeds if seed in on_source]
        if not seeds:
            continue
        gap = spread_of([on_source[seed] - on_target[seed] for seed in seeds], confidence)
        found.append(
            Transfer(
                task=summary.task,
                method=summary.method,
                language=summary.language,
                metric=summary.metric,
                gap=gap.mean,
                std=gap.std,
                seeds=seeds,
            )
        )
    return found
