"""The training schedule: which example comes when, as a pure function of a seed and the position.

A Trainer usually shuffles per epoch with a sampler whose state is not in the checkpoint. Here the whole
training is one virtual data set, read in sequence: position k shows example k mod n of the permutation
of its epoch. Resuming at position k therefore needs neither state nor replay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch.utils.data import Dataset

from madx_pipeline.training_params import TrainingParams

Example = Any
"""Whatever `collate` understands."""

_ORDER = 1
"""Keeps the random stream of the order apart from other streams of the same seed."""


class Examples(Protocol):
    """Training examples that can be asked for by number."""

    def __len__(self) -> int:
        """How many there are."""

    def example(self, index: int, position: int) -> Example:
        """One example.

        Args:
            index: Which one, from 0.
            position: Its place in the whole training schedule (0 for the first example of the first step).
                Whatever is random about the example (masks) must depend on this and a seed alone.
        """


@dataclass(frozen=True)
class FixedExamples:
    """Examples that look the same each time they are seen (task data)."""

    items: Sequence[Example]

    def __len__(self) -> int:
        return len(self.items)

    def example(self, index: int, position: int) -> Example:
        """The example with this number."""
        return self.items[index]


class Schedule(Dataset[Example]):
    """All examples of a training in the order in which they are shown, repetitions included."""

    def __init__(self, examples: Examples, length: int, seed: int) -> None:
        self._examples = examples
        self._length = length
        self._seed = seed
        self._epoch = -1
        self._permutation = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> Example:
        epoch, place = divmod(position, len(self._examples))
        if epoch != self._epoch:
            generator = np.random.default_rng((self._seed, _ORDER, epoch))
            self._permutation = generator.permutation(len(self._examples))
            self._epoch = epoch
        return self._examples.example(int(self._permutation[place]), position)


def examples_per_step(params: TrainingParams) -> int:
    """Examples that one optimizer step sees."""
    return params.per_device_train_batch_size * params.gradient_accumulation_steps


def steps_for_epochs(examples: int, epochs: float, params: TrainingParams) -> int:
    """Optimizer steps in which `examples` examples are seen `epochs` times, at least one."""
    return max(1, math.ceil(examples * epochs / examples_per_step(params)))
