"""The state of a pretraining on disk: one safetensors file that is there completely or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from madx_pipeline.durable import sync

FILE = "pretraining.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Checkpoints:
    """Saves and restores weights, moments of AdamW, and how far the training was.

    Args:
        folder: Where the one file lies.
        model: Whose weights.
        optimizer: An AdamW over `model.parameters()`, in that order.
        run: What the training is a function of; a file of another run is not restored.
    """

    def __init__(self, folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, run: str) -> None:
        self._path = folder / FILE
        self._model = model
        self._optimizer = optimizer
        self._run = run

    def save(self, done: int, loss: float) -> None:
        """Replaces the file: written beside, synced, renamed, so that a crash leaves the old or the new one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        save_file(self._tensors(), draft, {"progress": json.dumps({"run": self._run, "done": done, "loss": loss})})
        sync(draft)
        draft.replace(self._path)
        sync(self._path.parent)

    def restore(self) -> tuple[int, float]:
        """Puts the saved state back; steps done and running loss, (0, 0.0) when there is none of this run."""
        if not self._path.is_file():
            return 0, 0.0
        with safe_open(self._path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
            if progress["run"] != self._run:
                return 0, 0.0
        self._put_back(load_file(self._path))
        return int(progress["done"]), float(progress["loss"])

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {}
        for name, parameter in self._model.named_parameters():
            tensors[f"weight/{name}"] = parameter.detach()
            for moment in _MOMENTS:
                tensors[f"{moment}/{name}"] = self._optimizer.state[parameter][moment]
        return tensors

    def _put_back(self, tensors: dict[str, Tensor]) -> None:
        for name, parameter in self._model.named_parameters():
            parameter.data.copy_(tensors[f"weight/{name}"])
            self._optimizer.state[parameter] = {moment: tensors[f"{moment}/{name}"] for moment in _MOMENTS}
