"""Tiny trainings that tests start, interrupt and resume; also a script that kills them for real.

`python -m tests.training_runs FOLDER KILLS` makes one training per name in KILLS, in child processes. Each
child is killed with SIGKILL at a moment of the name's list (`{"after": seconds}`, `{"at_sync": n}` or
`{"while_deleting": n}`), the next goes on, and the last one is left to finish.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from madx_pipeline.adapter_model import (
    AdapterModel,
    AdapterShape,
    add_adapter,
    load_language_model,
    load_model,
    save_adapter,
    seeded,
    train_everything,
    train_only,
)
from madx_pipeline.training import Example, FixedExamples, Training, TrainingResult, train
from madx_pipeline.training_params import TrainingParams
from tests.model_builders import random_ids, save_tiny_base, workspace

NAME = "language_xx"
PARAMS = TrainingParams(
    per_device_train_batch_size=4,
    gradient_accumulation_steps=1,
    precision="fp32",
    learning_rate=1e-2,
    lr_scheduler_type="linear",
    warmup_ratio=0.1,
    weight_decay=0.01,
    adam_beta1=0.9,
    adam_beta2=0.98,
    adam_epsilon=1e-8,
    max_grad_norm=1.0,
    logging_steps=3,
    early_stopping_patience=None,
)

Evaluate = Callable[[AdapterModel], dict[str, float]]


def language_items(rows: int = 10) -> list[Example]:
    """Rows in which every third token is to be predicted, a different number in each."""
    items = []
    for number, ids in enumerate(random_ids(rows, 12).tolist()):
        keep = ids[: 4 + number % 9]
        labels = [token if place % 3 == 0 else -100 for place, token in enumerate(keep)]
        items.append({"input_ids": keep, "labels": labels})
    return items


def collate(examples: Sequence[Example]) -> dict[str, Tensor]:
    """Pads to 12 tokens."""
    pads = {"input_ids": 1, "labels": -100}
    rows = {name: [[*one[name], *[pad] * (12 - len(one[name]))] for one in examples] for name, pad in pads.items()}
    batch = {name: torch.tensor(row) for name, row in rows.items()}
    return batch | {"attention_mask": (batch["input_ids"] != 1).long()}


def loss_on(items: Sequence[Example]) -> Evaluate:
    """Evaluation by the loss on these examples."""

    def evaluate(model: AdapterModel) -> dict[str, float]:
        batch = {name: tensor.to(model.device) for name, tensor in collate(items).items()}
        return {"loss": model(**batch, return_dict=True).loss.item()}

    return evaluate


def language_training(max_steps: int = 20, **changes: Any) -> Training:
    """The training of a language adapter on ten rows."""
    items = language_items()
    training = Training(FixedExamples(items), collate, loss_on(items[:4]), "loss", False, max_steps, eval_steps=4)
    return dataclasses.replace(training, **changes)


def new_language_model(base: Path) -> AdapterModel:
    """A model whose language adapter trains and nothing else."""
    if not base.exists():
        save_tiny_base(base)
    model = load_language_model(base, "tiny")
    add_adapter(model, NAME, AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2), seed=0)
    train_only(model, NAME, [NAME])
    return model


def new_task_model(base: Path) -> AdapterModel:
    """A model that is fine-tuned as a whole."""
    if not base.exists():
        save_tiny_base(base)
    model = load_model(base, "tiny")
    with seeded(0):
        model.add_tagging_head("task_pos", num_labels=100)
    train_everything(model, "task_pos")
    return model


def train_and_save(folder: Path) -> TrainingResult:
    """Trains the language adapter in `folder`, from its last checkpoint if there is one, and saves it."""
    model = new_language_model(folder.parent / "base")
    result = train(model, language_training(), PARAMS, 7, workspace(folder))
    save_adapter(model, NAME, folder / "adapter", with_head=False)
    (folder / "result.json").write_text(json.dumps(dataclasses.asdict(result)))
    return result


def main(folder: Path, kills: dict[str, list[dict[str, float]]]) -> None:
    """Makes all trainings, each as often as it is killed and once more."""
    new_language_model(folder / "base")
    for name, moments in kills.items():
        for moment in [*moments, {}]:
            _in_a_child(folder / name, moment)


def _in_a_child(folder: Path, moment: dict[str, float]) -> None:
    child = os.fork()
    if child == 0:
        _die_later(moment)
        train_and_save(folder)
        os._exit(0)
    if "after" in moment:
        time.sleep(moment["after"])
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not moment and status != 0:
        sys.exit("a child that was left alone failed")


def _die_later(kill: dict[str, float]) -> None:
    """Makes this process kill itself at the n-th fsync, or half-way through the n-th deletion of a folder."""
    fsync, rmtree = os.fsync, shutil.rmtree
    counts = {"at_sync": 0, "while_deleting": 0}

    def count(what: str) -> bool:
        counts[what] += 1
        return counts[what] == kill.get(what)

    def fsync_or_die(descriptor: int) -> None:
        if count("at_sync"):
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    def rmtree_or_die(path: Path, *arguments: Any, **named: Any) -> None:
        if count("while_deleting"):
            next(Path(path).iterdir()).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        rmtree(path, *arguments, **named)

    os.fsync, shutil.rmtree = fsync_or_die, rmtree_or_die  # type: ignore[assignment]  # stand-ins that may kill


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
