"""One training from start or checkpoint to its best weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerState, TrainingArguments

from madx_pipeline.adapter_model import AdapterModel, active_stack
from madx_pipeline.errors import JobError
from madx_pipeline.records import Json
from madx_pipeline.stage import Workspace
from madx_pipeline.training import checkpoints, processes
from madx_pipeline.training.cost import Cost
from madx_pipeline.training.logs import logs_of
from madx_pipeline.training.precision import Loss, in_precision, loss_of_model
from madx_pipeline.training.randomness import own_randomness
from madx_pipeline.training.schedule import Example, Examples, Schedule, examples_per_step
from madx_pipeline.training.trainer import Flow, ResumableAdapterTrainer, ResumableTrainer
from madx_pipeline.training_params import TrainingParams


@dataclass(frozen=True)
class Training:
    """One training: what is shown, what is measured, how long.

    Attributes:
        examples: The training examples, at least one.
        collate: Makes the keyword arguments of the model's forward pass from a list of examples; with
            `labels`, in which -100 marks what does not count. The first axis is the batch; packed examples make
            fewer rows than there are examples.
        evaluate: Measures the model (in eval mode, without gradients) on held-out data; names to numbers.
            The model may be on a GPU: inputs go to `model.device`.
        metric: The name among them by which the best checkpoint is chosen.
        greater_is_better: Whether more of it is better.
        max_steps: Optimizer steps.
        eval_steps: Steps between two evaluations; each writes a checkpoint; the last is kept, and the
            weights of the best.
        loss: The mean loss over the labels of a batch from `collate`, which is on the model's device.
        pass_tokens: Tokens, padding included, of a forward and backward pass on the CPU. A batch with more takes
            several, whose gradients add up to its own, in the memory of one. None: always one pass.
    """

    examples: Examples
    collate: Callable[[Sequence[Example]], dict[str, Tensor]]
    evaluate: Callable[[AdapterModel], dict[str, float]]
    metric: str
    greater_is_better: bool
    max_steps: int
    eval_steps: int
    loss: Loss = loss_of_model
    pass_tokens: int | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training; the model holds the weights of `best_step`.

    Attributes:
        steps: Steps done, fewer than asked for after early stopping.
        best_step: Step whose weights were kept.
        best: All numbers of the evaluation at that step.
        curve: Points in order: `{"step": n, "train_loss": mean since the last point}` and `{"step": n, **evaluation}`.
    """

    steps: int
    best_step: int
    best: dict[str, float]
    curve: list[dict[str, Json]]


def train(model: AdapterModel, training: Training, params: TrainingParams, seed: int, out: Workspace) -> TrainingResult:
    """Trains what is set to train in `model`, resuming from `out.checkpoints` if a complete checkpoint is there.

    Uses `AdapterTrainer` while an adapter is active (`train_only`), else `Trainer` (`train_everything`). A
    run that was killed anywhere and resumed gives the same bytes as one that was not.

    Args:
        model: Ready for training: `train_only` or `train_everything` has been called. On return it holds the
            best checkpoint's weights and is in eval mode.
        training: Examples, evaluation and number of steps.
        params: Optimizer settings.
        seed: Determines the order of the examples and dropout.
        out: Where checkpoints and progress go.

    Raises:
        JobError: If there are no examples, or this machine does not compute in the precision asked for, or the loss
            or a weight is no longer a finite number.
    """
    if len(training.examples) == 0:
        raise JobError("there is nothing to train on: no examples.")
    if processes.is_first():
        checkpoints.tidy(out.checkpoints)
    processes.wait_for_all()
    done = checkpoints.steps_with_checkpoint(out.checkpoints)
    last = checkpoints.checkpoint_folder(out.checkpoints, done[-1]) if done else None
    if last is not None:
        out.log.info("goes on after step %d", done[-1])
    cost = Cost.of_earlier_sittings(out.checkpoints)
    if last is None or not _finished(checkpoints.state_of(last), training, params):
        with cost.sitting() as measuring, own_randomness(), logs_of(out) as logs:
            trainer = _trainer(model, training, params, seed, out, [logs, measuring])
            trainer.train(resume_from_checkpoint=str(last) if last else None)
        processes.wait_for_all()
        last = checkpoints.checkpoint_folder(out.checkpoints, checkpoints.steps_with_checkpoint(out.checkpoints)[-1])
    out.measure(**cost.numbers(model))
    result = _result(checkpoints.state_of(last))
    checkpoints.load_trainable(model, checkpoints.checkpoint_folder(out.checkpoints, result.best_step))
    model.eval()
    return result


def _trainer(
    model: AdapterModel, training: Training, params: TrainingParams, seed: int, out: Workspace, callbacks: list[Any]
) -> ResumableTrainer | ResumableAdapterTrainer:
    kind = ResumableAdapterTrainer if active_stack(model) else ResumableTrainer
    trainer = kind(
        model=model,
        args=_arguments(training, params, seed, out),
        train_dataset=Schedule(training.examples, training.max_steps * examples_per_step(params), seed),
        data_collator=training.collate,
        callbacks=callbacks,
    )
    flow = Flow(training.eval_steps, out, lambda state: _finished(state, training, params))
    trainer.follow(flow, training.evaluate, in_precision(params.precision, training.loss), training.pass_tokens)
    return trainer


def _arguments(training: Training, params: TrainingParams, seed: int, out: Workspace) -> TrainingArguments:
    batch, passes = processes.share_of(
        params.per_device_train_batch_size, params.gradient_accumulation_steps, processes.count()
    )
    arguments = TrainingArguments(
        output_dir=str(out.checkpoints),
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=passes,
        max_steps=training.max_steps,
        seed=seed % 2**32,
        metric_for_best_model=training.metric,
        greater_is_better=training.greater_is_better,
        save_strategy="steps",
        save_steps=training.eval_steps,
        optim="adamw_torch_fused",
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        use_cpu=not torch.cuda.is_available(),  # said aloud, or several processes on the CPU would each train alone
        dataloader_pin_memory=torch.cuda.is_available(),
        dataloader_num_workers=_READERS["cuda" if torch.cuda.is_available() else "cpu"],
        disable_tqdm=True,
        run_name=out.name or None,
        report_to="none",  # `logs.py` tells them
        ddp_broadcast_buffers=False,  # they are constants; processes may differ in how many passes they make of a batch
        **params.model_dump(include=_TRAINER_ARGUMENTS),
    )
    if arguments.world_size != processes.count():
        raise JobError(f"{processes.count()} processes share this training, the Trainer sees {arguments.world_size}.")
    arguments._n_gpu = min(arguments.n_gpu, 1)  # DataParallel fails inside adapters: one process, one GPU
    return arguments


_READERS = {"cpu": 0, "cuda": 2}
"""Processes that mask and pack the next batches. A GPU would wait for them; from a CPU they would take what the model
needs. Examples depend on their position alone, so the bytes of a training do not depend on this."""

_OURS = {"early_stopping_patience", "precision", "per_device_train_batch_size", "gradient_accumulation_steps"}
_TRAINER_ARGUMENTS = set(TrainingParams.model_fields) - _OURS


def _finished(state: TrainerState, training: Training, params: TrainingParams) -> bool:
    if state.global_step >= training.max_steps:
        return True
    since = [point for point in _evaluations(state) if point["step"] > state.best_global_step]
    return params.early_stopping_patience is not None and len(since) >= params.early_stopping_patience


def _evaluations(state: TrainerState) -> list[dict[str, Any]]:
    return [point for point in _curve(state) if "train_loss" not in point]


def _curve(state: TrainerState) -> list[dict[str, Any]]:
    points = []
    for entry in state.log_history:
        measured = {name.removeprefix("eval_"): value for name, value in entry.items() if name.startswith("eval_")}
        if measured:
            points.append({"step": entry["step"], **measured})
        elif "loss" in entry:
            points.append({"step": entry["step"], "train_loss": entry["loss"]})
    return points


def _result(state: TrainerState) -> TrainingResult:
    best = next(point for point in _evaluations(state) if point["step"] == state.best_global_step)
    return TrainingResult(
        steps=state.global_step,
        best_step=state.best_global_step,
        best={name: value for name, value in best.items() if name != "step"},
        curve=_curve(state),
    )
