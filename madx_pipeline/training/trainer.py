"""The Trainers with our schedule, checkpoints, evaluation and progress in place of their own.

Surprising: with an adapter model the stock Trainer does not divide the loss by the number of
accumulation steps (it believes that the model does), filters NaN losses out of its logs, prints to
stdout when progress bars are off, and spreads over all GPUs with DataParallel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sized
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME

from madx_pipeline.adapter_model import AdapterModel, AdapterTrainer, own_random_state
from madx_pipeline.errors import JobError
from madx_pipeline.stage import Workspace
from madx_pipeline.training import checkpoints, processes
from madx_pipeline.training.precision import Loss

IGNORED = -100
"""The label of what does not count."""

Measure = Callable[[AdapterModel], dict[str, float]]
"""Evaluates a model in eval mode, without gradients."""


class Flow(TrainerCallback):  # type: ignore[misc]  # transformers carries no types
    """Says when to log, evaluate, save and stop, and how far the training is."""

    def __init__(self, eval_steps: int, out: Workspace, stop: Callable[[TrainerState], bool]) -> None:
        self._eval_steps = eval_steps
        self._out = out
        self._stop = stop
        self.loss = math.nan

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any
    ) -> TrainerControl:
        """Evaluates and saves together, after logging: a resumed run then logs what an unbroken one does."""
        if state.global_step % self._eval_steps == 0 or state.global_step >= state.max_steps:
            control.should_log = control.should_evaluate = control.should_save = True
        self._out.progress(state.global_step, state.max_steps, loss=self.loss)
        return control

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any
    ) -> TrainerControl:
        """Stops early once the best step, known since the evaluation, is too long ago."""
        if self._stop(state):
            control.should_training_stop = True
        return control


class _Resumable:
    """Overrides for a Trainer; `follow` says the rest after it has been constructed."""

    @property
    def _train_batch_size(self: Any) -> int:
        """The Trainer would go on with that of the checkpoint, which another number of processes may have made."""
        return int(self.args.train_batch_size)

    @_train_batch_size.setter
    def _train_batch_size(self, value: int) -> None:
        """Set by the Trainer."""

    def follow(self: Any, flow: Flow, measure: Measure, loss: Loss, pass_tokens: int | None = None) -> None:
        """Takes the place of the Trainer's own flow, printing, evaluation, loss and size of a pass."""
        self.model_accepts_loss_kwargs = True  # makes the Trainer count the labels of an accumulated batch
        self.remove_callback(PrinterCallback)
        self.add_callback(flow)
        self._flow = flow
        self._measure = measure
        self._loss = loss
        self._pass_tokens = pass_tokens

    def _get_train_sampler(self: Any, train_dataset: Sized | None = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def floating_point_ops(self: Any, inputs: dict[str, Tensor]) -> int:
        """The Trainer's guess, told to trackers alone, for which it walks through all weights at every step."""
        return 0

    def training_step(
        self: Any, model: AdapterModel, inputs: dict[str, Tensor], num_items_in_batch: Tensor | None = None
    ) -> Tensor:
        """In several passes where the batch is large, each with a backward pass of its own: in the memory of one."""
        step = super().training_step  # type: ignore[misc]  # of the Trainer that this is mixed into
        parts = self._in_passes(inputs)
        if len(parts) == 1 or num_items_in_batch is None:
            return cast(Tensor, step(model, inputs, num_items_in_batch))
        loss, labels, summed = torch.zeros(()), 0, 0.0
        for part in parts:
            own = int((part["labels"] != IGNORED).sum())
            loss = loss + step(model, part, num_items_in_batch).cpu()
            labels, summed = labels + own, summed + (own * self._flow.loss if own else 0.0)
        self._flow.loss = summed / max(1, labels)
        return loss

    def _in_passes(self: Any, inputs: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        """The rows of a batch in passes. Processes that share a training must make equally many: they make one."""
        if self._pass_tokens is None or self.args.device.type != "cpu" or self.accelerator.num_processes > 1:
            return [inputs]
        rows, width = inputs["input_ids"].shape
        at_once = max(1, self._pass_tokens // width)
        return [
            {name: tensor[start : start + at_once] for name, tensor in inputs.items()}
            for start in range(0, rows, at_once)
        ]

    def compute_loss(
        self: Any,
        model: AdapterModel,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Tensor:
        """Mean over the labels of the whole accumulated batch, however it is split into forward passes and processes.

        Several processes average their gradients, so each adds its share of the labels times their number.
        """
        items = int((inputs["labels"] != IGNORED).sum()) * self.accelerator.num_processes
        if items == 0 and num_items_in_batch:  # there are labels elsewhere in the step
            return cast(Tensor, self._no_loss(model, inputs))
        loss: Tensor = self._loss(model, inputs)
        value = self._flow.loss = float(loss.detach())
        if num_items_in_batch is not None and items != int(num_items_in_batch):
            loss = loss * (items / int(num_items_in_batch))
        if not math.isfinite(value):
            raise JobError(
                f"the training loss is {value} at step {self.state.global_step + 1} of {self.state.max_steps}.",
                f"Lower learning_rate (now {self.args.learning_rate:g}), "
                f"or raise warmup_ratio (now {self.args.warmup_ratio:g}).",
            )
        return loss

    def _no_loss(self: Any, model: AdapterModel, inputs: dict[str, Tensor]) -> Tensor:
        """Zero, with zero for every gradient: the mean over no label is NaN, and other processes wait for this part."""
        labels = inputs["labels"].clone()
        labels.view(-1)[0] = 0
        loss: Tensor = self._loss(model, {**inputs, "labels": labels}) * 0.0
        return loss

    def evaluate(self: Any, *unused: Any, **unused_too: Any) -> dict[str, float]:
        """Numbers of our own measurement; draws nothing from the random streams of the training."""
        self.model.eval()
        with torch.no_grad(), own_random_state():
            numbers = processes.as_the_first(self._measure(self.model))
        broken = {name: value for name, value in numbers.items() if not math.isfinite(value)}
        if broken:
            raise JobError(
                f"the evaluation after step {self.state.global_step} gave {broken}.",
                f"Lower learning_rate (now {self.args.learning_rate:g}).",
            )
        metrics = {f"eval_{name}": value for name, value in numbers.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save_rng_state(self: Any, output_dir: str) -> None:
        """The last that every process writes of a checkpoint: the first marks it as complete after this."""
        super()._save_rng_state(output_dir)  # type: ignore[misc]  # of the Trainer that this is mixed into
        processes.wait_for_all()

    def _save(self: Any, output_dir: str | None = None, state_dict: Any = None) -> None:
        checkpoints.save_trainable(self.model, Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: AdapterModel | None = None) -> None:
        checkpoints.load_trainable(self.model, Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self: Any, checkpoint: str | None) -> None:
        """As the Trainer's own, which in several processes on the CPU would restore to `cpu:0`: torch knows no such."""
        if checkpoint is None:
            return
        for part, name in ((self.optimizer, OPTIMIZER_NAME), (self.lr_scheduler, SCHEDULER_NAME)):
            part.load_state_dict(torch.load(Path(checkpoint) / name, map_location="cpu", weights_only=True))

    def _rotate_checkpoints(self: Any, use_mtime: bool = False, output_dir: str | None = None) -> None:
        """Called by the Trainer when everything of a checkpoint is written: marks it, then deletes what it replaces."""
        folder = Path(self.args.output_dir)
        checkpoints.mark_complete(checkpoints.checkpoint_folder(folder, self.state.global_step))
        checkpoints.tidy(folder)


class ResumableTrainer(_Resumable, Trainer):  # type: ignore[misc]  # transformers carries no types
    """For full fine-tuning."""


class ResumableAdapterTrainer(_Resumable, AdapterTrainer):  # type: ignore[misc]  # adapters carries no types
    """For adapters; refuses a model whose base is not frozen."""
