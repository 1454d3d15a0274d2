"""Masked language modelling on a corpus: training examples, and the loss on a held-out part with fixed masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from madx_pipeline.adapter_model import AdapterModel
from madx_pipeline.errors import JobError
from madx_pipeline.masked_lm.masking import IGNORED, Masking, mask_row
from madx_pipeline.masked_lm.rows import CorpusRows
from madx_pipeline.training import Example

Batch = dict[str, Tensor]

_TRAIN_MASKS = 2
_HELD_OUT_MASKS = 3
"""Keep the random streams of one seed apart (1 is the order of the examples)."""


@dataclass(frozen=True)
class MaskedRows:
    """Rows of a corpus, masked anew each time they are shown: masks depend on seed and position alone."""

    rows: CorpusRows
    masking: Masking
    seed: int

    def __len__(self) -> int:
        return len(self.rows)

    def example(self, index: int, position: int) -> Example:
        """The masked row that is shown at this position of the training."""
        generator = np.random.default_rng((self.seed, _TRAIN_MASKS, position))
        inputs, labels = mask_row(self.rows.row(index), self.masking, generator)
        return {"input_ids": inputs, "labels": labels}


def held_out_batches(held_out: MaskedRows, most: int, batch_size: int, pad_id: int) -> list[Batch]:
    """Held-out rows in batches of similar length, with masks that never change.

    Args:
        held_out: The rows; masks depend on their seed and the row's number.
        most: At most so many rows are used, evenly spread.
        batch_size: Rows of a batch.
        pad_id: Padding token.
    """
    numbers = np.unique(np.linspace(0, len(held_out) - 1, min(most, len(held_out))).astype(int))
    examples = []
    for number in numbers:
        generator = np.random.default_rng((held_out.seed, _HELD_OUT_MASKS, int(number)))
        inputs, labels = mask_row(held_out.rows.row(int(number)), held_out.masking, generator)
        examples.append({"input_ids": inputs, "labels": labels})
    examples.sort(key=lambda example: len(example["input_ids"]))
    return [pad(examples[start : start + batch_size], pad_id) for start in range(0, len(examples), batch_size)]


def pad(examples: Sequence[Example], pad_id: int) -> Batch:
    """Stacks masked rows: `input_ids`, `attention_mask` and `labels`, all (batch, longest length)."""
    longest = max(len(example["input_ids"]) for example in examples)
    shape = (len(examples), longest)
    input_ids, labels = np.full(shape, pad_id), np.full(shape, IGNORED)
    attention_mask = np.zeros(shape, dtype=np.int64)
    for place, example in enumerate(examples):
        length = len(example["input_ids"])
        input_ids[place, :length] = example["input_ids"]
        labels[place, :length] = example["labels"]
        attention_mask[place, :length] = 1
    arrays = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def masked_lm_loss(model: AdapterModel, batches: Iterable[Batch]) -> float:
    """Mean cross-entropy in nats over all masked tokens of the batches, the model in eval mode.

    Raises:
        JobError: If nothing is masked in any of them.
    """
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in batches:
            tokens = int((batch["labels"] != IGNORED).sum())
            if tokens == 0:  # the model's mean over no token is NaN
                continue
            on_device = {name: tensor.to(model.device) for name, tensor in batch.items()}
            total += float(model(**on_device, return_dict=True).loss) * tokens
            count += tokens
    if count == 0:
        raise JobError("no token of the held-out text is masked: there is no loss to measure.", "Bring more text.")
    return total / count
