"""What a metric is made of: counts per example that add up, and a score from their sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from madx_pipeline.report.answers import Answers, answers_of

Counts = NDArray[np.int64]
"""What one system did: shape (examples, statistics). Sums over examples are all that its score depends on."""

Sums = NDArray[Any]
"""Counts summed over (resampled) examples, integral numbers of any type: shape (..., statistics)."""

Values = NDArray[np.float64]
"""Scores as fractions."""


class Measure(Protocol):
    """A metric as a function of additive counts."""

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> Counts:
        """The counts of every example; shape (examples, statistics).

        Args:
            gold: What is true, one entry per example: a label, or a list of labels (one per word).
            predicted: What was predicted, of the same shape.
        """

    def counts_of(self, answers: Answers) -> Counts:
        """The same from answers as arrays."""

    def score(self, sums: Sums) -> Values:
        """Scores (...) of summed counts (..., statistics); 0 where the metric divides by 0, never NaN."""

    def units(self, sums: Sums) -> int:
        """How many things were asked for (texts, words, true spans), from the summed counts of one system."""


class Counting(ABC):
    """What all measures have in common: that lists are counted as arrays are."""

    @abstractmethod
    def counts_of(self, answers: Answers) -> Counts:
        """The counts of every example; shape (examples, statistics)."""

    def counts(self, gold: Sequence[Any], predicted: Sequence[Any]) -> Counts:
        """The counts of every example, from lists."""
        return self.counts_of(answers_of(gold, predicted))


def share(part: Sums, whole: Sums) -> Values:
    """`part` over `whole`, 0 where that is 0."""
    whole = np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole != 0)
