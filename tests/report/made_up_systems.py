"""Made-up systems with a known true score: what seeds, examples and chance add to their answers is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit  # type: ignore[import-untyped]  # scipy ships no types

from madx_pipeline.report.counting import Counts

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class World:
    """How answers come about: the logit of being right is `ease` plus three normal effects.

    Attributes:
        ease: Mean logit.
        seeds: Standard deviation of the effect of a seed.
        examples: That of the effect of an example on all systems.
        own: That of the effect of an example on one system.
    """

    ease: float = 0.5
    seeds: float = 0.0
    examples: float = 1.0
    own: float = 0.0

    def accuracy(self, gain: float = 0.0) -> float:
        """True accuracy of a system whose logits are `gain` higher: over all seeds and examples."""
        spread = (self.seeds**2 + self.examples**2 + self.own**2) ** 0.5
        return float(_WEIGHTS @ expit(self.ease + gain + spread * _NODES))

    def gain_of(self, difference: float) -> float | None:
        """The gain in logits that makes a difference of accuracies; None where there is no room for it."""
        from scipy.optimize import brentq  # type: ignore[import-untyped]

        target = self.accuracy() + difference
        return None if target > 0.995 else float(brentq(lambda gain: self.accuracy(gain) - target, 0, 30))

    def span_f1(self) -> float:
        """True span F1 of `span_outcomes`: the mean over seeds of the F1 on all examples."""
        spread = (self.examples**2 + self.own**2) ** 0.5
        seeds = self.ease + self.seeds * _NODES
        found = expit(seeds[:, None] + spread * _NODES) @ _WEIGHTS
        return float(_WEIGHTS @ (2 * found / (found + 0.5 * (1 - found) + 1)))


def chances(
    world: World, chance: np.random.Generator, seeds: int, examples: int, gains: Sequence[float] = (0.0,)
) -> list[NDArray[np.float64]]:
    """For each system its chances of being right; shape (seeds, examples)."""
    shared = chance.normal(0, world.examples, examples)
    found = []
    for gain in gains:
        own = shared + chance.normal(0, world.own, examples)
        found.append(expit(world.ease + gain + chance.normal(0, world.seeds, seeds)[:, None] + own))
    return found


def text_outcomes(chance: np.random.Generator, right: NDArray[np.float64]) -> dict[int, Counts]:
    """Right or wrong labels of texts, for `accuracy`."""
    answers = chance.random(right.shape) < right
    return {seed: np.stack([row, np.ones(len(row))], axis=1).astype(np.int64) for seed, row in enumerate(answers)}


def span_outcomes(chance: np.random.Generator, right: NDArray[np.float64]) -> dict[int, Counts]:
    """Spans found, predicted and true of sentences with one span and more; wrong ones come with missed ones."""
    true = 1 + chance.poisson(1.0, right.shape[1])
    outcomes = {}
    for seed, row in enumerate(right):
        found = chance.binomial(true, row)
        predicted = found + chance.binomial(true, 0.5 * (1 - row))
        outcomes[seed] = np.stack([found, predicted, true], axis=1)
    return outcomes
