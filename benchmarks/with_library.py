"""How users train an adapter today: the adapters library's `AdapterTrainer` with its defaults, on padded rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

from adapters import AdapterTrainer
from adapters.composition import Stack
from datasets import Dataset
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, TrainingArguments

from benchmarks.machine import has_gpu
from benchmarks.watch import STEPS, StepWatch, Train, Watched


class _InOrder(AdapterTrainer):  # type: ignore[misc]  # adapters carries no types
    """Shows the rows in the order they are in, so that all ways see the same batches."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)


def training_of(
    model: Any, stack: Stack, rows: list[dict[str, list[int]]], collate: Callable[[Any], Any], at_once: int
) -> Train:
    """A training whose steps all see these rows.

    Args:
        model: With what is to be trained set to train.
        stack: The adapters that have to be active.
        rows: A step's examples.
        collate: Makes a batch of some of them.
        at_once: Rows of a forward pass; the others accumulate.
    """
    data = Dataset.from_list(rows * STEPS)

    def train(watch: StepWatch) -> None:
        if model.active_adapters != stack:
            raise RuntimeError(f"active is {model.active_adapters} and should be {stack}")
        with tempfile.TemporaryDirectory() as output:
            arguments = TrainingArguments(
                output,
                per_device_train_batch_size=at_once,
                gradient_accumulation_steps=len(rows) // at_once,
                max_steps=STEPS,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                bf16=has_gpu(),
            )
            trainer = _InOrder(model=model, args=arguments, train_dataset=data, data_collator=watch.collating(collate))
            trainer.add_callback(Watched(watch))
            trainer.remove_callback(PrinterCallback)
            trainer.train()

    return train
