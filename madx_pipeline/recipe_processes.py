"""Whether the stages of a recipe can be done in as many processes as they are asked to be.

Known before anything runs, though it lies across the sections `resources` and `stages` of a recipe.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from madx_pipeline.errors import Problem
from madx_pipeline.stage import STAGES, Params, Resources, processes_of, stage_module, stage_page
from madx_pipeline.training_params import TrainingParams, uneven


def process_problems(stages: Any, resources: Any, file: str) -> list[Problem]:
    """Problems of stages that several processes are to share; what is wrong by itself is said elsewhere.

    Args:
        stages: The recipe's section of that name, as read.
        resources: Likewise.
        file: Name of the recipe's file.
    """
    if not isinstance(resources, dict):
        return []
    found = []
    for stage in sorted(resources.keys() & set(STAGES)):
        processes = _processes(stage, resources[stage])
        params = _params(stage, stages) if processes > 1 else None
        problem = _problem(stage, processes, params) if params is not None else None
        if problem is not None:
            found.append(Problem(f"{file}: resources.{stage}: {problem.message}", problem.hint))
    return found


def _processes(stage: str, given: Any) -> int:
    """How many processes a stage is to be done in; 1 if what is given is not valid."""
    try:
        asked = Resources.model_validate({**stage_page(stage).resources.model_dump(), **given})
    except (ValidationError, TypeError):
        return 1
    return processes_of(asked.model_dump())


def _params(stage: str, stages: Any) -> Params | None:
    """The parameters of a stage with the recipe's own values; None if they are not valid."""
    given = stages.get(stage, {}) if isinstance(stages, dict) else {}
    try:
        return stage_module(stage).Params.model_validate({**stage_page(stage).params, **given})
    except (ValidationError, TypeError):
        return None


def _problem(stage: str, processes: int, params: Params) -> Problem | None:
    if not isinstance(params, TrainingParams):
        return Problem(f"{stage} cannot be shared by {processes} processes.", "Only trainings can: ask for one GPU.")
    examples = params.per_device_train_batch_size * params.gradient_accumulation_steps
    if examples % processes == 0:
        return None
    possible = [str(count) for count in range(2, 65) if examples % count == 0]
    return Problem(uneven(examples, processes), f"Possible: {', '.join(['1', *possible])}.")
