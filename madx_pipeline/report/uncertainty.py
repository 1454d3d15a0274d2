"""How far a mean over seeds and test examples may be from the truth: p values and intervals.

Every seed answers the same examples: seeds and examples are *crossed*. With a score of seed s on example e as
mean + seed effect + example effect + what is peculiar to the pair, the mean over S seeds and n examples has the
variance

    var(seed) / S  +  var(example) / n  +  var(pair) / (S n).

The variance of the seeds' own scores, over S, has the first and the last term in it, on S - 1 degrees of freedom;
a bootstrap over examples supplies the middle one (`bootstrap.py`). They are added up here. What is surprising is
the distribution to compare with. S is 3 to 5, so the first part is itself known badly, and:

- resampling the seeds as well (the pigeonhole bootstrap: Owen 2007, Annals of Applied Statistics 1; Owen and
  Eckles 2012, ibid. 6: "no exact bootstrap exists for this problem") knows nothing of three seeds being few:
  percentiles of it cover the truth far less often than they say;
- Student's t with the degrees of freedom of Satterthwaite (1946, Biometrics Bulletin 2) still does so: a 95%
  interval covers as little as 92% at three seeds, and its small p values are too small by a factor of ten or more;
- the distribution of Behrens and Fisher, which integrates over what the variance of seeds might be, errs to the
  safe side: up to 97.6% at three seeds.

So the p value is the mean of the last two where the safe one is above 5%, and below that the closer to the safe
one the smaller it is. Intervals of 95% then cover 94% to 97% from three seeds up, whatever the shares of the three
variances (with two seeds 92% to 98%), and small p values still are what they say, on which corrections for many
tests rely. Where the examples add nothing it is exactly the t test over seeds; with one seed, over examples.

Not counted: what is made once and not once per seed, such as the language adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
"""Share of true nulls that a test may reject; intervals have the level 1 - LEVEL."""


@dataclass(frozen=True)
class Estimate:
    """A score, or a difference of scores, and the parts of its variance.

    Attributes:
        value: Mean over seeds, as a fraction.
        from_examples: Variance of `value` from the choice of examples, as far as it is the same for all seeds.
        from_seeds: Variance of `value` from the choice of seeds and of what is peculiar to a seed on an example;
            0 with one seed.
        examples_df: Degrees of freedom of `from_examples`: examples - 1.
        seeds_df: Degrees of freedom of `from_seeds`: seeds - 1; 0 with one seed.
        complete: Whether seeds are counted wherever they matter: False for a mean over tasks some of which have one.
    """

    value: float
    from_examples: float
    from_seeds: float
    examples_df: float
    seeds_df: float
    complete: bool = True

    @property
    def variance(self) -> float:
        """Variance of `value`; above 0."""
        return self.from_examples + self.from_seeds

    @property
    def seeds_varied(self) -> bool:
        """Whether the interval counts seeds; otherwise it counts examples, and of the seeds what it can."""
        return self.seeds_df > 0 and self.complete

    def p_value(self, truth: float = 0.0) -> float:
        """Two-sided p value of the hypothesis that the true value is `truth`; 1 with a single example."""
        return self._tail(abs(self.value - truth))

    def half_width(self, level: float = LEVEL) -> float:
        """How far from the truth `value` is in a share `level` of all experiments; infinite with a single example.

        `p_value(truth) < level` if and only if `truth` is farther than this from `value`.
        """
        if self.examples_df == 0:
            return float("inf")
        high = 2 * self.variance**0.5
        while self._tail(high) > level:
            high *= 2
        return root_of(lambda error: self._tail(error) - level, high)

    def interval_of_score(self, level: float = LEVEL) -> tuple[float, float]:
        """Interval of a score between 0 and 1: that of Wilson (1927) with the effective number of examples.

        A score near 0 or 1 has a skewed error and a variance that is known badly. As survey statistics do for a
        proportion (Franco, Little, Louis and Slud 2019, Journal of Survey Statistics and Methodology 7), the score
        counts as the share of successes in as many independent trials as would have the variance at hand; if all
        answers are alike, in as many as there are examples.
        """
        score = min(max(self.value, 0.0), 1.0)
        if self.examples_df == 0:
            return 0.0, 1.0
        half, single = self.half_width(level), score * (1 - score)
        ratio = half**2 / single if single > 0 else half**2 / self.variance / (self.examples_df + 1)
        center = (score + ratio / 2) / (1 + ratio)
        reach = (ratio * single + ratio**2 / 4) ** 0.5 / (1 + ratio)
        return min(max(center - reach, 0.0), score), max(min(center + reach, 1.0), score)

    def interval_of_difference(self, level: float = LEVEL) -> tuple[float, float]:
        """Interval of a difference of scores, between -1 and 1; it has 0 in it unless the p value is below `level`."""
        half = self.half_width(level)
        return max(self.value - half, -1.0), min(self.value + half, 1.0)

    def _tail(self, error: float) -> float:
        """Probability that `value` is at least `error` from the truth."""
        student = special().stdtr
        if self.examples_df == 0 or error == 0:
            return 1.0
        known, unknown = self.from_examples, self.from_seeds
        spread = known**2 / self.examples_df + (unknown**2 / self.seeds_df if unknown else 0.0)
        satterthwaite = 2 * float(student(self.variance**2 / spread, -error / self.variance**0.5))
        if not unknown:
            return satterthwaite
        ratios, weights = _variance_ratios(self.seeds_df)
        tails = 2 * student(self.examples_df, -error / np.sqrt(known + unknown * ratios))
        fisher = float(weights @ tails)
        return fisher - (fisher - satterthwaite) / 2 * min(1.0, fisher / LEVEL)


def mean_estimate(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of independent estimates, such as those of one method on several tasks.

    Degrees of freedom are combined as by Satterthwaite, for examples and for seeds.

    Args:
        estimates: At least one.
    """
    count = len(estimates)
    examples = [(estimate.from_examples / count**2, estimate.examples_df) for estimate in estimates]
    seeds = [(estimate.from_seeds / count**2, estimate.seeds_df) for estimate in estimates if estimate.seeds_df]
    return Estimate(
        value=sum(estimate.value for estimate in estimates) / count,
        from_examples=sum(part for part, _ in examples),
        from_seeds=sum(part for part, _ in seeds),
        examples_df=_joint_df(examples),
        seeds_df=_joint_df(seeds) if seeds else 0.0,
        complete=all(estimate.seeds_varied for estimate in estimates),
    )


def _joint_df(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of variances that have some each; that of the worst where it is 0."""
    worst = min(df for _, df in parts)
    total = sum(part for part, _ in parts)
    if worst == 0 or total == 0:
        return worst
    return float(total**2 / sum(part**2 / df for part, df in parts))


@cache
def _variance_ratios(df: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Possible ratios of true to estimated variance, and their weights: df over chi-square(df), evenly in its log.

    The trapezoid rule over a smooth function that vanishes at both ends is exact to about 1e-10 here.
    """
    reach = 1e-15
    low = np.log(2.0) + (np.log(reach) + special().gammaln(df / 2 + 1)) * 2 / df
    log = np.linspace(low, np.log(special().chdtri(df, reach)), 256)
    density = log * df / 2 - np.exp(log) / 2
    weights = np.exp(density - density.max())
    return df / np.exp(log), weights / weights.sum()


def root_of(function: Callable[[float], float], high: float) -> float:
    """Where a monotone function crosses 0, between 0 and `high`, to 12 digits of `high`."""
    from scipy.optimize import brentq  # type: ignore[import-untyped]  # scipy ships no types

    return float(brentq(function, 0.0, high, xtol=high * 1e-12))


@cache
def special() -> Any:
    """`scipy.special`, imported when it is first needed: that takes a while."""
    from scipy import special as module  # type: ignore[import-untyped]

    return module
