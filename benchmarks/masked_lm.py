"""What a step of language-adapter training costs: the field's script, MAD-X with the library alone, and ours.

    python -m benchmarks.masked_lm grouped     8 full rows of 256 tokens
    python -m benchmarks.masked_lm dropout     the same with the dropout that XLM-R is trained with, 0.1
    python -m benchmarks.masked_lm lines       64 lines of about 30 tokens, some much longer
    python -m benchmarks.masked_lm padded      the same lines, all padded to 256 by the field's script (slow)
    ... --size small                           a quick look; the default is the shape of XLM-R base

15% of the tokens are masked, and all ways see the same tokens and masks; but for `dropout`, dropout is off. The
field's script and the library are written here from their own calls: `AdapterTrainer` with its defaults and
`DataCollatorForLanguageModeling` (which is told the masks). Ours is `madx_pipeline.training.train`, once with all lines
in one batch and once as the stage page has it, 16 at a time. Nobody can hold the logits of 64 lines on a usual machine:
like their users, the field's script and the library take 8 lines at a time and accumulate.

The field's script leaves out the inverse of the invertible adapter, so its loss is not that of the others. The
library's with its head on every position is MAD-X: where it takes all rows at a time and dropout is off, its loss has
to be ours. Accumulating, it takes the mean of means, and with dropout each way draws other numbers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import adapters
import numpy as np
import torch
from adapters import AutoAdapterModel, SeqBnInvConfig
from adapters.composition import Stack
from transformers import AutoModelForMaskedLM, DataCollatorForLanguageModeling

from benchmarks import steps
from benchmarks.machine import has_gpu
from benchmarks.operations import least_operations
from benchmarks.random_model import END, FIRST_WORD, MASK, PAD, START, Size, lengths_of_sentences, tokenizer_of
from benchmarks.steps import Build, Case
from benchmarks.watch import STEPS, StepWatch, Train, watched_workspace
from benchmarks.with_library import training_of
from madx_pipeline.adapter_model import AdapterShape, active_stack, add_adapter, load_language_model, seeded, train_only
from madx_pipeline.masked_lm.batches import BatchShape, pass_tokens
from madx_pipeline.masked_lm.packing import Window
from madx_pipeline.training import FixedExamples, Training, train
from madx_pipeline.training_params import TrainingParams

LENGTH, MASKED = 256, 0.15
AT_ONCE = 8
"""Rows in a forward pass of the field's script."""
AS_SHIPPED = 16
"""Lines in a forward pass of ours, by the page of `train_language_adapter`."""
NAME = "language_xx"
REDUCTION, INVERSE_REDUCTION = 2, 2
SHAPE = AdapterShape("seq_bn", REDUCTION, inv_adapter="nice", inv_adapter_reduction_factor=INVERSE_REDUCTION)

GROUPED = [LENGTH] * AT_ONCE
LINES = lengths_of_sentences(64, 31, LENGTH)

# What is read


def windows_of(lengths: Sequence[int], words: int) -> list[Window]:
    """Random tokens between special ones, some of them masked."""
    draw = np.random.default_rng(0)
    found: list[Window] = []
    for length in lengths:
        ids = draw.integers(FIRST_WORD, words, length)
        ids[0], ids[-1] = START, END
        masked = draw.random(length) < MASKED
        masked[[0, -1]] = False
        found.append({"input_ids": np.where(masked, MASK, ids), "labels": np.where(masked, ids, -100)})
    return found


class GivenMasks(DataCollatorForLanguageModeling):  # type: ignore[misc]  # transformers carries no types
    """The library's collator, which masks what it is told to instead of drawing it."""

    def __init__(self, windows: Sequence[Window], words: int) -> None:
        super().__init__(tokenizer_of(words), mlm_probability=MASKED)
        self._masked = {text(window): window for window in windows}

    def torch_mask_tokens(self, inputs: torch.Tensor, *unused: Any, **unused_too: Any) -> tuple[Any, Any]:
        """Inputs and labels, both (batch, length)."""
        labels = torch.full_like(inputs, -100)
        for row, ids in enumerate(inputs.tolist()):
            window = self._masked[tuple(token for token in ids if token != PAD)]
            inputs[row, : len(window["input_ids"])] = torch.from_numpy(window["input_ids"])
            labels[row, : len(window["labels"])] = torch.from_numpy(window["labels"])
        return inputs, labels


def text(window: Window) -> tuple[int, ...]:
    """The tokens of a window before they were masked."""
    return tuple(np.where(window["labels"] == -100, window["input_ids"], window["labels"]).tolist())


# The ways to train


def fields_script(lengths: Sequence[int], padded_to: int | None, folder: Path, size: Size) -> Train:
    """As the adapters library's own run_mlm.py does it: the plain model with `adapters.init`; its head trains too."""
    model: Any = AutoModelForMaskedLM.from_pretrained(folder)
    adapters.init(model)
    return with_the_library(model, windows_of(lengths, size.words), padded_to)


def librarys_head(lengths: Sequence[int], folder: Path, size: Size) -> Train:
    """MAD-X with the library alone, done right: the inverse and the decoder on every position; the head is frozen."""
    model = AutoAdapterModel.from_pretrained(folder)
    return with_the_library(model, windows_of(lengths, size.words), None, frozen_head=True)


def with_the_library(model: Any, windows: Sequence[Window], length: int | None, frozen_head: bool = False) -> Train:
    """Rows padded to the longest of a batch or to a fixed length."""
    config = SeqBnInvConfig(reduction_factor=REDUCTION, inv_adapter_reduction_factor=INVERSE_REDUCTION)
    with seeded(0):
        model.add_adapter(NAME, config=config)
    model.train_adapter(NAME)
    if frozen_head:
        model.heads.requires_grad_(False)
    rows = []
    for window in windows:
        ids = list(text(window))
        padding = (length or len(ids)) - len(ids)
        rows.append({"input_ids": ids + [PAD] * padding, "attention_mask": [1] * len(ids) + [0] * padding})
    return training_of(model, Stack(NAME), rows, GivenMasks(windows, model.config.vocab_size), AT_ONCE)


def ours(lengths: Sequence[int], at_once: int, folder: Path, size: Size) -> Train:
    """MAD-X as this package trains it: the windows share rows, the loss is computed at masked positions alone."""
    model = load_language_model(folder, "random")
    add_adapter(model, NAME, SHAPE, seed=0)
    train_only(model, NAME, [NAME])
    collate = BatchShape(LENGTH, PAD, PAD + 1, repack=True).batch
    examples = FixedExamples([[window] for window in windows_of(lengths, size.words)])

    def run(watch: StepWatch) -> None:
        if active_stack(model) != (NAME,):
            raise RuntimeError(f"the adapter is not active: {active_stack(model)}")
        training = Training(
            examples=examples,
            collate=watch.collating(collate),
            evaluate=lambda _: {"loss": 0.0},
            metric="loss",
            greater_is_better=False,
            max_steps=STEPS,
            eval_steps=STEPS,
            pass_tokens=pass_tokens(model.config),
        )
        with tempfile.TemporaryDirectory() as name:
            train(model, training, params(at_once, len(lengths)), 0, watched_workspace(Path(name), watch))

    return run


def params(at_once: int, examples: int) -> TrainingParams:
    """So many examples a step, otherwise the defaults of transformers' Trainer."""
    return TrainingParams(
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=examples // at_once,
        precision="bf16" if has_gpu() else "fp32",
        learning_rate=5e-5,
        lr_scheduler_type="linear",
        warmup_ratio=0.0,
        weight_decay=0.0,
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        max_grad_norm=1.0,
        logging_steps=1,
        early_stopping_patience=None,
    )


# What a step cannot do without


def least(lengths: Sequence[int], size: Size) -> int:
    """The operations of a step on these windows that have to be."""
    masked = sum(int((window["labels"] != -100).sum()) for window in windows_of(lengths, size.words))
    bottlenecks = (size.hidden // REDUCTION, size.hidden // 2 // INVERSE_REDUCTION)
    return least_operations(lengths, masked, size, bottlenecks)


# What is compared first of all stands next to ours: so little time passes between the two.
GROUPED_WAYS: dict[str, Build] = {
    "the library's head on every position": partial(librarys_head, GROUPED),
    "the field's script": partial(fields_script, GROUPED, None),
    "ours": partial(ours, GROUPED, AT_ONCE),
}
LINES_WAYS: dict[str, Build] = {
    "the field's script, padded to the longest": partial(fields_script, LINES, None),
    "the library's head, padded to the longest": partial(librarys_head, LINES),
    "ours as shipped, 16 lines at a time": partial(ours, LINES, AS_SHIPPED),
    "ours": partial(ours, LINES, len(LINES)),
}
PADDED_WAYS: dict[str, Build] = {
    "the field's script, padded to 256": partial(fields_script, LINES, LENGTH),
    "ours": partial(ours, LINES, len(LINES)),
}
CASES = {
    "grouped": Case(
        GROUPED_WAYS,
        sum(GROUPED),
        batches=dict.fromkeys(GROUPED_WAYS, 1),
        equal="the library's head on every position",
        least=partial(least, GROUPED),
    ),
    "dropout": Case(GROUPED_WAYS, sum(GROUPED), batches=dict.fromkeys(GROUPED_WAYS, 1), dropout=0.1),
    "lines": Case(
        LINES_WAYS,
        sum(LINES),
        batches={
            **dict.fromkeys(LINES_WAYS, len(LINES) // AT_ONCE),
            "ours": 1,
            "ours as shipped, 16 lines at a time": 4,
        },
        least=partial(least, LINES),
    ),
    "padded": Case(
        PADDED_WAYS, sum(LINES), batches={"the field's script, padded to 256": len(LINES) // AT_ONCE, "ours": 1}
    ),
}


if __name__ == "__main__":
    steps.command("benchmarks.masked_lm", __doc__, CASES)
