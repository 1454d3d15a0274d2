"""train_lora: learns a task on the source language in low-rank updates of the attention (Hu et al. 2021).

Stands beside `train_task_adapter` without a language adapter: the same data, prediction head, model selection and
checks; only what is trained differs. Surprising: saved and loaded by the adapters library it is an adapter like any
other, and costs time at inference; merged into the weights, which this pipeline does not do, it would cost none.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.tasks.params import TaskTrainingParams

VERSION = 1


class Params(TaskTrainingParams):
    """Which matrices get a low-rank update, and how it is trained."""

    r: int = Field(ge=1, description="Rank of an update.")
    alpha: int = Field(ge=1, description="An update is scaled by alpha / r.")
    dropout: float = Field(ge=0, lt=1, description="Share of the inputs of an update that training sets to 0.")
    attn_matrices: tuple[Literal["q", "k", "v"], ...] = Field(
        strict=False, min_length=1, description="Matrices of the self-attention that get an update: query, key, value."
    )
    intermediate_lora: bool = Field(description="Whether the first matrix of the feed-forward layer gets an update.")
    output_lora: bool = Field(description="Whether the second matrix of the feed-forward layer gets an update.")
    leave_out: tuple[int, ...] = Field(strict=False, description="Layers, counted from 0, without updates.")


_SHAPE = ("r", "alpha", "dropout", "attn_matrices", "intermediate_lora", "output_lora", "leave_out")


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Trains the updates and a prediction head; writes both to `adapter/`."""
    from madx_pipeline import adapter_model
    from madx_pipeline.adapter_model.lend import lend_model
    from madx_pipeline.tasks import checks, continuing, learning

    seed, base = int(inputs.key["seed"]), inputs["base_model"]
    task = learning.open_source_task(inputs, params, out)
    model = lend_model(learning.model_folder(base), base.facts["name"])
    name = adapter_model.task_adapter_name(task.data.facts["task"])
    shape = {field: getattr(params, field) for field in _SHAPE}
    continuing.add_start(model, task, name, adapter_model.LoraShape(**shape), inputs, out)
    adapter_model.train_only(model, name, (name,), head=name)
    checks.check_stack(model, (name,), out)
    checks.check_trainable(model, name, out)
    frozen = checks.frozen_weights(model, ())
    result = learning.learn(model, task, params, seed, out)
    checks.check_stack(model, (name,), out, "active_stack_after_training")
    checks.check_unchanged(model, frozen, out)
    learning.check_beats_majority(task, result, out)
    learning.check_finds_entities(task, result, out)
    adapter_model.save_adapter(model, name, out.path / "adapter", with_head=True)
    learning.describe(task, result, out)
    out.describe(
        name=name,
        architecture="lora",
        **params.model_dump(mode="json", include=set(_SHAPE)),
        parameters=adapter_model.adapter_parameters(model, name),
        head_parameters=sum(parameter.numel() for parameter in model.heads[name].parameters()),
        trained_on=None,
    )
