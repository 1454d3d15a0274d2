"""Does one system score higher than another: paired tests, many of them, and what they could have shown.

Both systems answer the same examples with the same seeds, so their difference is an estimate like any score
(`bootstrap.difference`), in which what is easy or hard for both cancels. Three questions are asked of it: is it
there (p value, in accord with the interval), could it have been seen (smallest detectable difference), and does
it stand after asking as much of many languages (Holm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np

from madx_pipeline.report.bootstrap import Sample, difference, estimate_of
from madx_pipeline.report.outcomes import Values
from madx_pipeline.report.uncertainty import LEVEL, Estimate, root_of, special

POWER = 0.9
"""Share of repetitions that would find a difference of the smallest detectable size."""

Effect = Literal["helps", "no evidence", "hurts"]
"""What a comparison says of the system that is compared."""


@dataclass(frozen=True)
class PairedComparison:
    """One system against another on the same test set.

    Attributes:
        difference: Mean over seeds of the system's score minus the other's, as a fraction.
        low: Lower end of its interval.
        high: Upper end of its interval.
        p_value: Two-sided; below the level of the test exactly where the interval leaves out 0.
        smallest_detectable: The smallest true difference that would have been found; see `smallest_detectable`.
        seeds_varied: Whether interval and p value count seeds; with one seed they count examples only.
    """

    difference: float
    low: float
    high: float
    p_value: float
    smallest_detectable: float | None
    seeds_varied: bool


@dataclass(frozen=True)
class Finding:
    """What a comparison says once the others of its family are known.

    Attributes:
        effect: `helps` or `hurts` if the corrected p value is below the level, else `no evidence`.
        difference: By how much, as a fraction.
        corrected_p_value: The p value after Holm's correction.
    """

    effect: Effect
    difference: float
    corrected_p_value: float


def compare(system: Sample, other: Sample, level: float = LEVEL) -> PairedComparison | None:
    """Compares two systems on the examples and the seeds that both have.

    Args:
        system: The one that may be better.
        other: What it is compared with. Without seeds of its own, such as the majority class, it is sampled with
            the same outcomes for every seed of `system`.
        level: Share of true nulls that may be rejected; the interval has the level 1 - `level`.

    Returns:
        The comparison, or None if the two have no seed in common.

    Raises:
        JobError: If the two were not sampled from test sets of one size.
    """
    sample = difference(system, other)
    return None if sample is None else comparison_of(estimate_of(sample), level)


def comparison_of(estimate: Estimate, level: float = LEVEL) -> PairedComparison:
    """The comparison that an estimated difference amounts to, such as a mean over tasks (`mean_estimate`)."""
    low, high = estimate.interval_of_difference(level)
    return PairedComparison(
        difference=estimate.value,
        low=low,
        high=high,
        p_value=estimate.p_value(),
        smallest_detectable=smallest_detectable(estimate, level),
        seeds_varied=estimate.seeds_varied,
    )


def smallest_detectable(estimate: Estimate, level: float = LEVEL, power: float = POWER) -> float | None:
    """The smallest true difference that this test set and these seeds would have shown.

    It is the difference that a repetition with as many other examples and seeds finds, in a two-sided test at
    `level`, with probability `power`. How variable seeds are is itself known from these few seeds alone: what
    may be true of them, and what a repetition may then see of them, is averaged over. With many seeds, or one
    (which does not count them), that leaves (z[1 - level / 2] + z[power]) standard errors: 3.24 of them.

    It is for one test: after a correction for many, a difference must be larger to be found.

    Returns:
        The difference as a fraction; None where even a difference of 1 would be missed too often.
    """
    errors, widths = _repetitions(estimate, level)

    def missing(truth: float) -> float:
        """How far the probability of finding a true difference falls short of `power`."""
        return power - float(special().ndtr((truth - widths) / errors).mean())

    return root_of(missing, 1.0) if missing(1.0) < 0 else None


def _repetitions(estimate: Estimate, level: float) -> tuple[Values, Values]:
    """Standard errors and half widths of intervals that repetitions of an experiment may have; shapes alike.

    Rows are what may be true of the variance of seeds, columns what may be seen of it; all are equally likely.
    """
    if not estimate.from_seeds:
        return np.array([estimate.variance**0.5]), np.array([estimate.half_width(level)])
    ratios = _variance_ratios(estimate.seeds_df)  # of the seen to the true variance
    true = estimate.from_seeds / ratios[:, None]
    seen = true * ratios
    variance = estimate.from_examples + seen
    critical = _critical_values(estimate.examples_df, estimate.seeds_df, level)
    widths = np.interp(seen / variance, np.linspace(0, 1, len(critical)), critical) * variance**0.5
    return np.broadcast_to((estimate.from_examples + true) ** 0.5, widths.shape), widths


@cache
def _variance_ratios(df: float) -> Values:
    """What chi-square(df) / df may be: the middle of each of equally likely parts; shape (parts,)."""
    return np.asarray(special().chdtri(df, (np.arange(_PARTS) + 0.5) / _PARTS) / df)


@lru_cache(maxsize=1024)
def _critical_values(examples_df: float, seeds_df: float, level: float) -> Values:
    """Half widths of intervals at a variance of 1, where seeds make up 0 to 1 of it in even steps."""
    shares = np.linspace(0, 1, _PARTS)
    return np.array([Estimate(0.0, 1 - share, share, examples_df, seeds_df).half_width(level) for share in shares])


_PARTS = 32


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for being many, in the order given (Holm 1979, Scandinavian Journal of Statistics 6).

    Rejecting where the corrected value is below a level keeps the chance of even one false rejection in the
    family below that level, however the tests depend on each other.
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def findings(comparisons: Sequence[PairedComparison], level: float = LEVEL) -> list[Finding]:
    """What the comparisons of one family say, such as those of one method on every language, in the order given."""
    corrected = holm([comparison.p_value for comparison in comparisons])
    return [
        Finding(effect_of(comparison.difference, p_value, level), comparison.difference, p_value)
        for comparison, p_value in zip(comparisons, corrected, strict=True)
    ]


def effect_of(difference: float, p_value: float, level: float = LEVEL) -> Effect:
    """`helps` or `hurts` if the p value is below the level, by the sign of the difference; else `no evidence`.

    No evidence is not evidence of no effect: the smallest detectable difference says what may have been missed.
    """
    if p_value >= level or difference == 0:
        return "no evidence"
    return "helps" if difference > 0 else "hurts"
