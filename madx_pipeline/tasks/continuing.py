"""Sequential transfer: a task that is learnt from where another task of the recipe ended (`continue_from`).

XCOPA is learnt so (Ponti et al. 2020, and MAD-X): Social IQa first, then COPA. Each method continues from its own
predecessor of the same seed, so that the comparison of methods stays fair.

What carries over is the adapter (the LoRA matrices, the whole model), and the prediction head where it means the same:
with the same labels by name, or for multiple choice, whose head gives each choice one score however many there are.
Otherwise the head starts anew, from the seed. Optimiser and learning rate always start anew: it is another training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from madx_pipeline import adapter_model
from madx_pipeline.adapter_model import AdapterModel, AdapterShape, LoraShape
from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.tasks import learning
from madx_pipeline.tasks.learning import SourceTask

ROLE = "continue_from"
"""The input that holds what the task before has learnt."""
_CHOICES = "multiple_choice"


def add_start(
    model: AdapterModel, task: SourceTask, name: str, shape: AdapterShape | LoraShape, inputs: Inputs, out: Workspace
) -> None:
    """Adds the adapter and head that training starts from: fresh ones, or those that the task before has learnt.

    Raises:
        JobError: If the adapter of the task before has another shape.
    """
    before, seed = inputs.get(ROLE), int(inputs.key["seed"])
    if before is None:
        adapter_model.add_adapter(model, name, shape, seed)
        learning.add_head(model, task, name, seed, out)
        return
    is_lora = before.record.kind == "lora"
    load = adapter_model.load_lora if is_lora else adapter_model.load_task_adapter
    found = load(model, before.path / "adapter", name, inputs["base_model"].facts)
    _check_same_shape(found.config, shape, before, task)
    _continue_head(model, task, (name, name), inputs, out)


def continued_model(task: SourceTask, name: str, inputs: Inputs, out: Workspace) -> AdapterModel:
    """The fully fine-tuned model of the task before, its head become that of this task."""
    before = inputs[ROLE]
    model = adapter_model.load_task_model(before.path / "model")
    _continue_head(model, task, (str(before.facts["name"]), name), inputs, out)
    return model


def _continue_head(
    model: AdapterModel, task: SourceTask, names: tuple[str, str], inputs: Inputs, out: Workspace
) -> None:
    """Puts a head of this task in the place of the one before, with its weights where they mean the same."""
    old, new = names
    labels = adapter_model.head_labels(model, old)
    weights = {key: tensor.detach().clone() for key, tensor in model.heads[old].state_dict().items()}
    model.delete_head(old)
    learning.add_head(model, task, new, int(inputs.key["seed"]), out)
    carried = task.kind.name == _CHOICES or labels == task.labels
    if carried:
        _load(model.heads[new], weights)
    before = inputs[ROLE].facts["task"]
    kept = "its head as well" if carried else "a new head, for the labels are others"
    out.log.info("continues from the task %s: %s", before, kept)
    out.describe(continued_from={"task": before, "head": carried, "fingerprint": inputs[ROLE].record.fingerprint})


def _load(head: Any, weights: Mapping[str, Tensor]) -> None:
    missing, odd = head.load_state_dict(weights, strict=False)
    if missing or odd:
        raise JobError(f"the prediction head of the task before has other weights: {[*missing, *odd][0]}.")


def _check_same_shape(
    found: Mapping[str, Any], shape: AdapterShape | LoraShape, before: Artifact, task: SourceTask
) -> None:
    wanted = shape.config().to_dict()
    odd = [key for key in sorted(wanted) if _plain(found.get(key)) != _plain(wanted[key])]
    if odd:
        names = ", ".join(f"{key}={found.get(key)} and not {wanted[key]}" for key in odd)
        raise JobError(
            f"{task.data.facts['task']} continues from {before.facts['task']}, whose adapter has {names}.",
            "Say the same shape in stages, or train the task before instead of taking a ready adapter for it.",
        )


def _plain(value: object) -> object:
    """Lists as tuples, so that a config from a file equals one made here."""
    return tuple(value) if isinstance(value, list) else value
