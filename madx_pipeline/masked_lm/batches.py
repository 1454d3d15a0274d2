"""Masked windows of a corpus as training examples and as held-out batches.

A training example is a list of masked windows: one of them, or all of a row that was filled beforehand.
Masks depend on a seed, the epoch and the window: not on rows, batches, the order of examples or processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from madx_pipeline.masked_lm.masking import Masking, mask_row
from madx_pipeline.masked_lm.packing import Batch, Window, best_fit, level_fit, members, pack, pad
from madx_pipeline.masked_lm.windows import CorpusWindows

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_TRAIN_MASKS = 2
_HELD_OUT_MASKS = 3
_ROWS = 4
"""Keep the random streams of one seed apart (1 is the order of the examples)."""


PASS_TOKENS = 1024
"""Tokens of a forward and backward pass on a CPU: more are no faster, and need the memory that they need. With XLM-R
base and no dropout four rows of 256 take 0.8 GiB, eight take 1.4."""


def pass_tokens(config: PretrainedConfig) -> int:
    """Tokens of a forward and backward pass of a model on a CPU.

    Half as many where attention has dropout: torch then keeps its matrices for the backward pass, and with XLM-R base
    two rows of 256 take 0.7 GiB, four take 1.4.
    """
    names = ("attention_probs_dropout_prob", "attention_dropout")  # the second is DistilBERT's
    return PASS_TOKENS // 2 if any(getattr(config, name, 0.0) for name in names) else PASS_TOKENS


@dataclass(frozen=True)
class MaskedWindows:
    """Windows of a corpus, one an example, masked anew each time they are shown."""

    windows: CorpusWindows
    masking: Masking
    seed: int

    def __len__(self) -> int:
        return len(self.windows)

    def example(self, index: int, position: int) -> list[Window]:
        """The window, masked as it is shown in the epoch of this position; alone in a list."""
        return [self.shown(index, position // len(self))]

    def shown(self, number: int, epoch: int) -> Window:
        """A window with the masks that it has in this epoch of a training."""
        return self._masked(number, (self.seed, _TRAIN_MASKS, epoch, number))

    def held_out(self, number: int) -> Window:
        """A window with masks that never change."""
        return self._masked(number, (self.seed, _HELD_OUT_MASKS, number))

    def _masked(self, number: int, seeds: tuple[int, ...]) -> Window:
        inputs, labels = mask_row(self.windows.window(number), self.masking, np.random.default_rng(seeds))
        return {"input_ids": inputs, "labels": labels}


class FilledRows:
    """Rows filled with windows from the whole corpus, a row an example; the same rows in every epoch."""

    def __init__(self, windows: MaskedWindows, room: int) -> None:
        self._windows = windows
        lengths = windows.windows.lengths()
        shuffled = np.random.default_rng((windows.seed, _ROWS)).permutation(len(lengths))
        rows = np.empty(len(lengths), dtype=np.int64)
        rows[shuffled] = best_fit(lengths[shuffled], room)
        self._order = np.argsort(rows, kind="stable")
        self._starts = np.searchsorted(rows[self._order], np.arange(int(rows.max(initial=-1)) + 2))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def example(self, index: int, position: int) -> list[Window]:
        """The windows of a row, masked as they are shown in the epoch of this position."""
        numbers = self._order[self._starts[index] : self._starts[index + 1]]
        return [self._windows.shown(int(number), position // len(self)) for number in numbers]


@dataclass(frozen=True)
class BatchShape:
    """How examples become a batch.

    Attributes:
        room: Tokens of a full row.
        pad_id: Padding token.
        first: Position of the first token of a window; None to give each window a row of its own, padded.
        repack: Whether the windows of a batch are put into rows here; false if an example is a row already.
    """

    room: int
    pad_id: int
    first: int | None
    repack: bool

    def batch(self, examples: Sequence[Sequence[Window]]) -> Batch:
        """What the model reads of these examples; its loss is the same whatever the shape."""
        windows = list(chain.from_iterable(examples))
        if self.first is None:
            return pad(windows, self.pad_id)
        return pack(self.rows(windows) if self.repack else examples, self.pad_id, self.first)

    def rows(self, windows: Sequence[Window]) -> list[list[Window]]:
        """The windows in as few rows as best fit needs."""
        lengths = np.array([len(window["input_ids"]) for window in windows])
        return [[windows[number] for number in row] for row in members(level_fit(lengths, self.room))]


def held_out_batches(held_out: MaskedWindows, most: int, batch_size: int, shape: BatchShape) -> list[Batch]:
    """Held-out windows in batches, with masks that never change.

    Args:
        held_out: The windows; masks depend on their seed and the window's number.
        most: At most so many windows are used, evenly spread.
        batch_size: Rows of a batch.
        shape: Whether rows are packed. If not, windows of similar length share a batch.
    """
    numbers = np.unique(np.linspace(0, len(held_out) - 1, min(most, len(held_out))).astype(int))
    windows = [held_out.held_out(int(number)) for number in numbers]
    if shape.first is None:
        windows.sort(key=lambda window: len(window["input_ids"]))
        return [pad(windows[start : start + batch_size], shape.pad_id) for start in range(0, len(windows), batch_size)]
    rows = shape.rows(windows)
    return [
        pack(rows[start : start + batch_size], shape.pad_id, shape.first) for start in range(0, len(rows), batch_size)
    ]
