"""One step after another of a language adapter's training, in this process or as one of several (data parallel).

`python -m tests.training_processes FOLDER` reads RANK and WORLD_SIZE as torch's launcher sets them, trains in each of
the `WAYS`, and writes losses and trained tensors to FOLDER.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from madx_pipeline.tasks import padding
from madx_pipeline.training import Example, FixedExamples, Training, processes
from madx_pipeline.training.precision import Loss, loss_of_model
from madx_pipeline.training.run import _arguments
from madx_pipeline.training.schedule import Schedule
from madx_pipeline.training.trainer import Flow, ResumableAdapterTrainer
from tests.model_builders import workspace
from tests.training_runs import PARAMS, collate, language_items, new_language_model

STEPS = 3
EXAMPLES_PER_STEP = 4


@dataclass(frozen=True)
class Way:
    """How examples are read: in batches of so many at most, of which one example in so many has no label."""

    batch: int
    loss: Loss
    unlabelled: int = 10**6

    def batches(self) -> dict[str, int]:
        """Examples of a pass and passes of a step, as a stage page says them."""
        return {
            "per_device_train_batch_size": self.batch,
            "gradient_accumulation_steps": EXAMPLES_PER_STEP // self.batch,
        }

    def items(self) -> list[Example]:
        items = language_items()
        for item in items[:: self.unlabelled] if self.unlabelled < len(items) else []:
            item["labels"] = [-100] * len(item["labels"])
        return items


PLAIN = {"learning_rate": 0.1, "max_grad_norm": 0.0, "weight_decay": 0.0, "lr_scheduler_type": "constant"}
"""So that trained tensors are sums of gradients."""

WAYS = {
    "whole": Way(1, loss_of_model),
    "in passes": Way(2, padding.loss_in_passes),
    "some without labels": Way(1, loss_of_model, unlabelled=3),
}


class Recording(ResumableAdapterTrainer):
    """Keeps the loss of every step, not rounded as in the Trainer's own log."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.losses = [0.0] * STEPS

    def compute_loss(self, *arguments: Any, **named: Any) -> Tensor:
        """Adds up the parts of a step."""
        loss: Tensor = super().compute_loss(*arguments, **named)
        self.losses[self.state.global_step] += float(loss.detach())
        return loss


def main(folder: Path) -> None:
    """Trains on four examples a step, shared by the processes there are."""
    if "RANK" in os.environ:
        processes.join()
    padding._PASS_COST = {"cpu": 2}  # so that batches of few tokens are read in several passes
    for name, way in WAYS.items():
        train(way, folder / "base", folder / f"{name}-{processes.count()}-{os.environ.get('RANK', '0')}")


def train(way: Way, base: Path, folder: Path) -> None:
    """Writes what came of one way."""
    out = workspace(folder)
    model = new_language_model(base)
    items = FixedExamples(way.items())
    params = PARAMS.model_copy(update={**PLAIN, **way.batches()})
    training = Training(items, collate, lambda current: {"loss": 0.0}, "loss", False, STEPS, eval_steps=STEPS)
    arguments = _arguments(training, params, 1, out)
    arguments.optim = "sgd"  # Adam would hide a gradient of another size
    trainer = Recording(
        model=model,
        args=arguments,
        train_dataset=Schedule(items, STEPS * EXAMPLES_PER_STEP, seed=1),
        data_collator=collate,
    )
    trainer.follow(Flow(STEPS, out, lambda state: False), training.evaluate, way.loss)
    trainer.train()
    trained = {name: one.detach().clone() for name, one in model.named_parameters() if one.requires_grad}
    losses = torch.tensor(trainer.losses, dtype=torch.float64)
    save_file({**trained, "losses": losses}, out.path / "trained.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
