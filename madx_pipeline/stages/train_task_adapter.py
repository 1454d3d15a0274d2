"""train_task_adapter: learns a task on the source language in a small adapter, everything else frozen.

Stands between the source language adapter and zero-shot evaluation: the task adapter is trained stacked on
the frozen source language adapter, so that another language's adapter can take its place later (Pfeiffer et
al. 2020, section 4.2). Without a language adapter as input it is trained alone (`task_adapter_only`). With the task
adapter of another task as input it goes on from there (`tasks/continuing.py`).

Surprising: the library's `train_adapter(Stack(language, task))` would train the language adapter as well,
and a stack in the wrong order or a language adapter that is not applied still gives plausible numbers.
Hence the checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.tasks.params import TaskTrainingParams

if TYPE_CHECKING:
    from madx_pipeline.adapter_model import AdapterModel, AdapterShape

VERSION = 1


class Params(TaskTrainingParams):
    """What the task adapter looks like and how it is trained."""

    architecture: Literal["seq_bn", "double_seq_bn", "par_bn"] = Field(
        description="Kind of bottleneck adapter: after the feed-forward layer, after both sublayers, or in parallel."
    )
    reduction_factor: float = Field(gt=0, description="Hidden size divided by bottleneck size.")
    leave_out: tuple[int, ...] = Field(strict=False, description="Layers, counted from 0, without a task adapter.")
    non_linearity: Literal["relu", "gelu", "swish", "tanh", "leakyrelu"] = Field(
        description="Activation function in the bottleneck."
    )


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Trains the task adapter and its prediction head; writes both to `adapter/`."""
    from madx_pipeline import adapter_model
    from madx_pipeline.tasks import checks, continuing, learning

    seed = int(inputs.key["seed"])
    task = learning.open_source_task(inputs, params, out)
    model, languages = _base_with_language(inputs)
    name = adapter_model.task_adapter_name(task.data.facts["task"])
    stack = (*languages, name)
    continuing.add_start(model, task, name, _shape(params), inputs, out)
    adapter_model.train_only(model, name, stack, head=name)
    checks.check_stack(model, stack, out)
    checks.check_trainable(model, name, out)
    frozen = checks.frozen_weights(model, languages)
    result = learning.learn(model, task, params, seed, out)
    checks.check_stack(model, stack, out, "active_stack_after_training")
    checks.check_unchanged(model, frozen, out)
    learning.check_beats_majority(task, result, out)
    learning.check_finds_entities(task, result, out)
    if languages:
        checks.check_language_adapter_counts(model, task.kind, task.validation, stack, out)
    adapter_model.save_adapter(model, name, out.path / "adapter", with_head=True)
    learning.describe(task, result, out)
    _describe_adapter(inputs, params, model, name, out)


def _base_with_language(inputs: Inputs) -> tuple[AdapterModel, tuple[str, ...]]:
    """The base model with the source language adapter in it, and that adapter's name if there is one."""
    from madx_pipeline.adapter_model import language_adapter_name, load_language_adapter
    from madx_pipeline.adapter_model.lend import lend_model
    from madx_pipeline.tasks.learning import model_folder

    base, language = inputs["base_model"], inputs.get("language_adapter")
    model = lend_model(model_folder(base), base.facts["name"])
    if language is None:
        return model, ()
    name = language_adapter_name(language.facts["language"])
    load_language_adapter(model, language.path / "adapter", name, base.facts)
    return model, (name,)


def _shape(params: Params) -> AdapterShape:
    from madx_pipeline.adapter_model import AdapterShape

    return AdapterShape(
        architecture=params.architecture,
        reduction_factor=params.reduction_factor,
        leave_out=params.leave_out,
        non_linearity=params.non_linearity,
    )


def _describe_adapter(inputs: Inputs, params: Params, model: AdapterModel, name: str, out: Workspace) -> None:
    """The facts that only a task adapter has."""
    from madx_pipeline.adapter_model import adapter_parameters

    language = inputs.get("language_adapter")
    out.describe(
        name=name,
        architecture=params.architecture,
        reduction_factor=params.reduction_factor,
        leave_out=list(params.leave_out),
        parameters=adapter_parameters(model, name),
        head_parameters=sum(parameter.numel() for parameter in model.heads[name].parameters()),
        trained_on=None if language is None else language.facts["language"],
    )
