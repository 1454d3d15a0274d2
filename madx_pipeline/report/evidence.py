"""What the single predictions of a run tell of its scores, and which methods are compared with which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from madx_pipeline.report.results import Counted
from madx_pipeline.report.uncertainty import Estimate

BASELINES = ("task_adapter_only", "madx_source_kept")
"""What every method is compared with: no language adapter, and the wrong one."""


@dataclass(frozen=True)
class Measured:
    """An estimate and what it is of.

    Attributes:
        estimate: Of a score, or of a difference of two.
        seeds: The seeds whose predictions are in it.
        examples: Number of test examples.
    """

    estimate: Estimate
    seeds: tuple[int, ...]
    examples: int

    @property
    def counted(self) -> Counted:
        """What its interval counts."""
        return counted_by(self.estimate)


@dataclass(frozen=True)
class Evidence:
    """What there is, on the primary metrics.

    Attributes:
        scores: (task, language, method) to the estimate of its score.
        differences: (task, language, method, baseline) to the estimate of the method minus the baseline.
    """

    scores: dict[tuple[str, str, str], Measured] = field(default_factory=dict)
    differences: dict[tuple[str, str, str, str], Measured] = field(default_factory=dict)

    def of_score(self, task: str, language: str, method: str, seeds: Sequence[int]) -> Measured | None:
        """The estimate of a mean over just these seeds."""
        return _of_seeds(self.scores.get((task, language, method)), seeds)

    def of_difference(self, task: str, language: str, pair: tuple[str, str], seeds: Sequence[int]) -> Measured | None:
        """The estimate of a difference over just these seeds.

        Args:
            task: Name of the task.
            language: Code of the language.
            pair: Method and baseline.
            seeds: Seeds that both have scores of.
        """
        return _of_seeds(self.differences.get((task, language, *pair)), seeds)


def pairs(methods: Sequence[str]) -> list[tuple[str, str]]:
    """(method, baseline) for everything that is compared; of the two baselines, the second with the first."""
    return [
        (method, baseline)
        for method, baseline in product(methods, BASELINES)
        if baseline in methods and method != baseline and (method, baseline) != BASELINES
    ]


def counted_by(estimate: Estimate) -> Counted:
    """What the interval of an estimate counts."""
    return "examples and seeds" if estimate.seeds_varied else "examples"


def _of_seeds(found: Measured | None, seeds: Sequence[int]) -> Measured | None:
    """An estimate, if no seed is missing from it: one whose predictions cannot be read is."""
    return found if found is not None and set(found.seeds) == set(seeds) else None
