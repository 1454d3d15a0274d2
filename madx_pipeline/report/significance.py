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

from madx_pipeline.report.counting import Values
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


def effect_of(difference: float, p_value: float, level: float = LEVEL) -> Effect:
    """`helps` or `hurts` if the p value is below the level, by the sign of the difference; else `no evidence`.

    No evidence is not evidence of no effect: the smallest detectable difference says what may have been missed.
    """
    if p_value >= level or difference == 0:
        return "no evidence"
    return "helps" if difference > 0 else "hurts"
