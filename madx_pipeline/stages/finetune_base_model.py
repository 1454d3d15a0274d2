"""finetune_base_model: the full fine-tuning baseline, every weight of the base model trained on the task.

Stands beside `train_task_adapter` and takes the same data, prediction head and model selection, so that the
two can be compared. Only the learning rate and the trained weights differ. Its result is a model of its own
for each task and seed, which is what adapters avoid.
"""

from __future__ import annotations

from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.tasks.params import TaskTrainingParams

VERSION = 1


class Params(TaskTrainingParams):
    """How the base model is fine-tuned."""


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Fine-tunes base model and prediction head; writes both to `model/`."""
    from madx_pipeline import adapter_model
    from madx_pipeline.adapter_model.lend import let_go
    from madx_pipeline.tasks import checks, continuing, learning

    seed = int(inputs.key["seed"])
    base = inputs["base_model"]
    task = learning.open_source_task(inputs, params, out)
    let_go()  # weights that train are a copy of their own
    name = adapter_model.task_adapter_name(task.data.facts["task"])
    if inputs.get(continuing.ROLE) is not None:
        model = continuing.continued_model(task, name, inputs, out)
    else:
        model = adapter_model.load_model(learning.model_folder(base), base.facts["name"])
        learning.add_head(model, task, name, seed, out)
    adapter_model.train_everything(model, name)
    checks.check_stack(model, (), out)
    checks.check_all_trainable(model, out)
    result = learning.learn(model, task, params, seed, out)
    learning.check_beats_majority(task, result, out)
    learning.check_finds_entities(task, result, out)
    adapter_model.save_task_model(model, out.path / "model")
    learning.describe(task, result, out)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    out.describe(name=name, architecture="full fine-tuning", parameters=parameters, trained_on=None)
