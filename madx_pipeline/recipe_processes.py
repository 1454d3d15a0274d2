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
    for stage in STAGES:
        asked, params = _merged(stage, resources, stages)
        processes = processes_of(asked.model_dump()) if asked is not None else 1
        problem = _problem(stage, processes, params) if processes > 1 else None
        if problem is not None:
            found.append(Problem(f"{file}: resources.{stage}: {problem.message}", problem.hint))
    return found


def _merged(stage: str, resources: dict[str, Any], stages: Any) -> tuple[Resources | None, Params | None]:
    """Resources and parameters of a stage with the recipe's own values; None for what is not valid."""
    page = stage_page(stage)
    given = stages.get(stage, {}) if isinstance(stages, dict) else {}
    try:
        asked = Resources.model_validate({**page.resources.model_dump(), **resources.get(stage, {})})
    except (ValidationError, TypeError):
        return None, None
    try:
        return asked, stage_module(stage).Params.model_validate({**page.params, **given})
    except (ValidationError, TypeError):
        return asked, None


def _problem(stage: str, processes: int, params: Params | None) -> Problem | None:
    if params is None:
        return None
    if not isinstance(params, TrainingParams):
        return Problem(f"{stage} cannot be shared by {processes} processes.", "Only trainings can: ask for one GPU.")
    examples = params.per_device_train_batch_size * params.gradient_accumulation_steps
    if examples % processes == 0:
        return None
    possible = [str(count) for count in range(2, 65) if examples % count == 0]
    return Problem(uneven(examples, processes), f"Possible: {', '.join(['1', *possible])}.")
