"""From per-example outcomes to estimates: a bootstrap over test examples, and the variance between seeds.

A resample draws as many examples as there are, with replacement, and the same ones for all seeds and all
systems: they have all answered the same test set. For tagging the examples are sentences, since words of a
sentence are right or wrong together. What the scores on the resamples vary by is what the score varies by
from test set to test set (Efron 1979, Annals of Statistics 7).

Seeds are not resampled: three to five are too few for that (`uncertainty.py`). The resamples also tell how
much of the difference between seeds comes from the test set alone.

All resamples are one matrix of weights, the same for every test set of a size, so the scores of a system on
all of them are one matrix product. Its entries are sums of small integers, exact in floating point in any
order, so results do not depend on the number of threads. The generator is seeded by the size alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madx_pipeline.errors import JobError
from madx_pipeline.report.counting import Counts, Measure, Values
from madx_pipeline.report.uncertainty import Estimate

RESAMPLES = 1000
"""Resamples of the test set: the standard error is then itself known to 2%."""

_BLOCK = 2**23
"""Weights made at a time: 32 MiB."""


@dataclass(frozen=True)
class Sample:
    """The scores of one system on one test set, or the differences of two systems.

    Attributes:
        seeds: Seeds that there are outcomes of, ascending.
        scores: Score on the test set; shape (seeds,).
        resampled: Score on resamples of the test set; shape (resamples, seeds).
        examples: Number of examples in the test set.
        step: About the least by which one more right answer changes the score.
    """

    seeds: tuple[int, ...]
    scores: Values
    resampled: Values
    examples: int
    step: float


def sample_of(measure: Measure, outcomes: Mapping[int, Counts], resamples: int = RESAMPLES) -> Sample:
    """Scores a system on the test set and on resamples of it.

    Args:
        measure: The metric.
        outcomes: Seed to counts of shape (examples, statistics), of at least one seed and example. A system
            without seeds, such as the majority class, has the same counts for every seed that it is compared on.
        resamples: Number of resamples; at least 2.
    """
    seeds = tuple(sorted(outcomes))
    counts = np.stack([outcomes[seed] for seed in seeds], axis=1)  # (examples, seeds, statistics)
    examples = len(counts)
    largest = examples * max(int(counts.max(initial=0)), 1)
    exact: np.dtype[np.floating[Any]] = np.dtype(np.float32 if largest < 2**24 else np.float64)
    addends = counts.reshape(examples, -1).astype(exact)
    sums = np.concatenate([weights.astype(exact, copy=False) @ addends for weights in _weights(examples, resamples)])
    total = counts.sum(axis=0)
    return Sample(
        seeds=seeds,
        scores=measure.score(total),
        resampled=measure.score(sums.astype(np.float64).reshape(resamples, len(seeds), -1)),
        examples=examples,
        step=1 / max(measure.units(total[0]), 1),
    )


def repeated(sample: Sample, seeds: Sequence[int]) -> Sample:
    """A system of one score as if it had these seeds, all alike: it is what it is whatever the other's seed."""
    columns = [0] * len(seeds)
    return replace(sample, seeds=tuple(seeds), scores=sample.scores[columns], resampled=sample.resampled[:, columns])


def difference(system: Sample, other: Sample) -> Sample | None:
    """`system` minus `other`, example by example and seed by seed, on the seeds that both have; None without any.

    Raises:
        JobError: If the two were not sampled from test sets of one size, in as many resamples.
    """
    if system.examples != other.examples or len(system.resampled) != len(other.resampled):
        sizes = f"{system.examples} and {other.examples} examples"
        raise JobError(f"systems are compared on the same examples and resamples; these have {sizes}.")
    seeds = tuple(seed for seed in system.seeds if seed in other.seeds)
    if not seeds:
        return None
    ours, theirs = ([sample.seeds.index(seed) for seed in seeds] for sample in (system, other))
    return Sample(
        seeds=seeds,
        scores=system.scores[ours] - other.scores[theirs],
        resampled=system.resampled[:, ours] - other.resampled[:, theirs],
        examples=system.examples,
        step=max(system.step, other.step),
    )


def estimate_of(sample: Sample) -> Estimate:
    """Mean over seeds and the parts of its variance.

    Where all examples are answered alike there is no variance to see; the estimate then has that of one answer
    being otherwise (as Agresti and Min 2005, Statistics in Medicine 24, do for paired proportions). So systems
    that agree everywhere have a difference of 0 that is not known for certain.
    """
    seeds = len(sample.seeds)
    value = float(sample.scores.mean())
    unbiased = sample.examples / max(sample.examples - 1, 1)
    of_mean = float(sample.resampled.mean(axis=1).var(ddof=1)) * unbiased
    if seeds == 1:
        return Estimate(value, max(of_mean, sample.step**2), 0.0, sample.examples - 1, 0.0)
    own = sample.resampled - sample.resampled.mean(axis=1, keepdims=True)
    peculiar = float(own.var(axis=0, ddof=1).sum()) * unbiased / (seeds - 1)
    from_seeds = float(sample.scores.var(ddof=1)) / seeds
    from_examples = max(of_mean - peculiar / seeds, sample.step**2 - from_seeds, 0.0)
    return Estimate(value, from_examples, from_seeds, sample.examples - 1, seeds - 1)


def _weights(examples: int, resamples: int) -> Iterator[NDArray[np.float32]]:
    """How often each example is in each resample, a block of resamples at a time; shape (block, examples)."""
    rows = min(resamples, max(1, _BLOCK // examples))
    for first in range(0, resamples, rows):
        yield _weight_block(examples, first, min(rows, resamples - first))


@lru_cache(maxsize=4)
def _weight_block(examples: int, first: int, rows: int) -> NDArray[np.float32]:
    generator = np.random.default_rng((examples, first))
    drawn = generator.integers(examples, size=(rows, examples))
    drawn += np.arange(rows)[:, None] * examples
    counted = np.bincount(drawn.ravel(), minlength=rows * examples)
    return counted.reshape(rows, examples).astype(np.float32)
