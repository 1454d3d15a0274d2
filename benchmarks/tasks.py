"""What a step of task-adapter training costs: every row padded to a fixed length, and ours.

    python -m benchmarks.tasks tagging           32 sentences of about 25 tokens, a label for every second
    python -m benchmarks.tasks classification    32 texts of the same lengths, a label each
    ... --size small                             a quick look; the default is the shape of XLM-R base

The usual way is that of the libraries' examples, written here from their own calls: `AdapterTrainer` with its
defaults, `padding="max_length"`, 128 tokens. Ours is `madx_pipeline.training.train` with the loss that task stages
use. Both train a new task adapter with its prediction head on the same frozen language adapter, on the same rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from adapters import AutoAdapterModel, SeqBnConfig, SeqBnInvConfig
from adapters.composition import Stack

from benchmarks import steps
from benchmarks.masked_lm import SHAPE as LANGUAGE_SHAPE
from benchmarks.masked_lm import params
from benchmarks.random_model import FIRST_WORD, PAD, Size, lengths_of_sentences
from benchmarks.steps import Case
from benchmarks.watch import STEPS, StepWatch, Train, watched_workspace
from benchmarks.with_library import training_of
from madx_pipeline import adapter_model
from madx_pipeline.adapter_model import AdapterShape, seeded
from madx_pipeline.tasks import Row, task_type
from madx_pipeline.tasks.padding import loss_in_passes
from madx_pipeline.training import FixedExamples, Training, train

MAX_LENGTH, ROWS = 128, 32
LABELS = [f"label{number}" for number in range(7)]
LANGUAGE, TASK = "language_xx", "task_xx"
LENGTHS = lengths_of_sentences(ROWS, 25, MAX_LENGTH)


def rows_of(kind: str, words: int) -> list[Row]:
    """Rows of random tokens with random labels."""
    chance = np.random.default_rng(0)
    found = []
    for index, length in enumerate(LENGTHS):
        positions = tuple(range(1, length - 1, 2)) if kind == "tagging" else (0,)
        targets = tuple(int(label) for label in chance.integers(len(LABELS), size=len(positions)))
        ids = tuple(int(token) for token in chance.integers(FIRST_WORD, words, length))
        found.append(Row(index, ids, positions, targets))
    return found


def usual(kind: str, folder: Path, size: Size) -> Train:
    """The library alone."""
    model = AutoAdapterModel.from_pretrained(folder)
    model.delete_head("default")
    with seeded(0):
        model.add_adapter(LANGUAGE, config=SeqBnInvConfig(reduction_factor=2))
        model.add_adapter(TASK, config=SeqBnConfig(reduction_factor=16))
        add_head = model.add_tagging_head if kind == "tagging" else model.add_classification_head
        add_head(TASK, num_labels=len(LABELS))
    stack = Stack(LANGUAGE, TASK)
    model.train_adapter(TASK)
    model.set_active_adapters(stack)
    batch = task_type(kind).collate(_and_filler(rows_of(kind, size.words)), PAD)
    padded = [{name: values[row].tolist() for name, values in batch.items()} for row in range(ROWS)]
    return training_of(model, stack, padded, _as_tensors, ROWS)


def _and_filler(rows: list[Row]) -> list[Row]:
    """The rows and one as long as rows may be, so that a batch of them is padded to that."""
    return [*rows, Row(-1, (PAD,) * MAX_LENGTH, (0,), (0,))]


def _as_tensors(examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([example[name] for example in examples]) for name in examples[0]}


def ours(kind: str, folder: Path, size: Size) -> Train:
    """As the stage `train_task_adapter` trains."""
    model = adapter_model.load_model(folder, "random")
    stack = (LANGUAGE, TASK)
    adapter_model.add_adapter(model, LANGUAGE, LANGUAGE_SHAPE, seed=0)
    adapter_model.add_adapter(model, TASK, AdapterShape("seq_bn", 16), seed=0)
    task_type(kind).add_head(model, TASK, LABELS)
    adapter_model.train_only(model, TASK, stack, head=TASK)
    collate = partial(task_type(kind).collate, pad_id=PAD)
    examples = FixedExamples(rows_of(kind, size.words))

    def run(watch: StepWatch) -> None:
        training = Training(
            examples, watch.collating(collate), lambda _: {"loss": 0.0}, "loss", False, STEPS, STEPS, loss_in_passes
        )
        with tempfile.TemporaryDirectory() as name:
            train(model, training, params(ROWS, ROWS), 0, watched_workspace(Path(name), watch))

    return run


def case_of(kind: str) -> Case:
    """Both ways to train a task of this type."""
    ways = {"every row padded to 128": partial(usual, kind), "ours": partial(ours, kind)}
    return Case(ways, sum(LENGTHS), batches=dict.fromkeys(ways, 1))


CASES = {kind: case_of(kind) for kind in ("tagging", "classification")}

if __name__ == "__main__":
    steps.command("benchmarks.tasks", __doc__, CASES)
