"""What is asked of a model around task training and evaluation; each answer is recorded, a no fails the job.

All of these guard against results that look right: a task adapter trained without the language adapter, on
top of the wrong one, or together with it scores well on the source language and says nothing about transfer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from madx_pipeline.adapter_model import (
    AdapterModel,
    active_stack,
    set_stack,
    trainable_names,
    trainable_set,
    weights_hash,
)
from madx_pipeline.stage import Workspace
from madx_pipeline.tasks import Encoded, TaskType
from madx_pipeline.tasks.batches import NOTICEABLE, logits

_PROBE_ROWS = 8
"""Rows on which logits are compared: the shortest, which any adapter changes as it does others."""


def check_stack(model: AdapterModel, intended: Sequence[str], out: Workspace, name: str = "active_stack") -> None:
    """The active adapters are exactly these, in this order: the language adapter first, then the task adapter."""
    found = active_stack(model)
    shown = " then ".join(found) or "no adapter"
    detail = f"Active: {shown}; intended: {' then '.join(intended) or 'no adapter'}."
    out.check(name, found == tuple(intended), shown, detail)


def check_trainable(model: AdapterModel, adapter: str, out: Workspace) -> None:
    """The trainable parameters are those of one adapter and of its head, and all of them."""
    trains = trainable_set(model, adapter, head=adapter)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    wrong = ", ".join(trains.odd[:3]) or "none"
    detail = f"Trainable parameters, all of {adapter} and its head; wrong tensors: {wrong}."
    out.check("trainable_set", trains.exact, trained, detail)


def check_all_trainable(model: AdapterModel, out: Workspace) -> None:
    """Every parameter trains: base model and prediction head."""
    frozen = sorted({name for name, _ in model.named_parameters()} - trainable_names(model))
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    detail = f"Trainable parameters, all there are; frozen tensors: {', '.join(frozen[:3]) or 'none'}."
    out.check("trainable_set", not frozen, trained, detail)


def frozen_weights(model: AdapterModel, languages: Sequence[str]) -> dict[str | None, str]:
    """Hashes of what must not change: the base model (None) and the language adapters."""
    return {part: weights_hash(model, part) for part in (None, *languages)}


def check_unchanged(model: AdapterModel, before: Mapping[str | None, str], out: Workspace) -> None:
    """Base model and language adapter are bit for bit what they were before training."""
    for part, digest in before.items():
        name = "base_model_unchanged" if part is None else "language_adapter_unchanged"
        found = weights_hash(model, part)
        detail = f"sha256 of the weights of {part or 'the base model'} before ({digest[:12]}) and after training."
        out.check(name, found == digest, found[:12], detail)


def check_language_adapter_counts(
    model: AdapterModel, kind: TaskType, encoded: Encoded, stack: Sequence[str], out: Workspace
) -> None:
    """Without its language adapter the stack gives other logits, so the adapter really takes part.

    Args:
        model: The model; `stack` is active before and after.
        kind: Type of the task.
        encoded: Rows to compare on; a few are used.
        stack: Language adapter, then task adapter.
        out: Where the answer goes.
    """
    difference = _change(model, kind, encoded, (stack, stack[1:]))
    detail = f"Largest change of a logit when {stack[0]} is taken out of the stack."
    out.check("language_adapter_changes_logits", difference > NOTICEABLE, difference, detail)


def check_swapping_counts(
    model: AdapterModel, kind: TaskType, encoded: Encoded, stacks: tuple[Sequence[str], Sequence[str]], out: Workspace
) -> None:
    """With another language's adapter under the same task adapter the logits are others: the swap takes effect.

    Args:
        model: The model; the first stack is active before and after.
        kind: Type of the task.
        encoded: Rows to compare on; a few are used.
        stacks: The stack that is evaluated, and the one of the source language.
        out: Where the answer goes.
    """
    difference = _change(model, kind, encoded, stacks)
    detail = f"Largest change of a logit when {stacks[0][0]} takes the place of {stacks[1][0]}."
    out.check("swapping_language_adapter_changes_logits", difference > NOTICEABLE, difference, detail)


def _change(
    model: AdapterModel, kind: TaskType, encoded: Encoded, stacks: tuple[Sequence[str], Sequence[str]]
) -> float:
    """Largest difference of a logit between two stacks on the same rows; the first is active afterwards."""
    rows = sorted(encoded.rows, key=lambda row: len(row.input_ids))[:_PROBE_ROWS]
    active, other = stacks
    with torch.inference_mode():
        one = logits(model, kind, rows)
        set_stack(model, other)
        two = logits(model, kind, rows)
    set_stack(model, active)
    return float((one - two).abs().max())
