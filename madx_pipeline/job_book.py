"""The jobs of a plan as they are added: parameters validated, fingerprint computed, none of them twice."""

from __future__ import annotations

from typing import Any

from madx_pipeline.jobs import Job, Key, Plan, fingerprint_of
from madx_pipeline.material import Material
from madx_pipeline.records import Json
from madx_pipeline.stage import Resources, stage_module, stage_page


class Book:
    """Adds jobs to a plan; a job that is already there is not added again."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._params: dict[str, dict[str, Json]] = {}

    def add(
        self, stage: str, key: Key, inputs: dict[str, Job], material: Material | None = None, name: str | None = None
    ) -> Job:
        """The job of `stage` with this key, inputs and material."""
        content: dict[str, Any] = {
            "stage": stage,
            "version": stage_module(stage).VERSION,
            "key": key,
            "params": self.params(stage),
            "inputs": {role: job.fingerprint for role, job in inputs.items()},
            "source": material.source if material is not None else None,
        }
        fingerprint = fingerprint_of(content)
        known = self.plan.jobs.get(fingerprint)
        if known is not None:
            return known
        obstacle = material.obstacle if material is not None else None
        job = Job(
            name=name or "/".join([stage, *(str(value) for value in key.values())]),
            kind=stage_page(stage).output,
            locations=material.locations if material is not None else {},
            folders={role: job.folder for role, job in inputs.items()},
            resources=self._resources(stage),
            fingerprint=fingerprint,
            expected=dict(material.expected) if material is not None else {},
            obstacle=obstacle.message if obstacle is not None else "",
            obstacle_hint=obstacle.hint if obstacle is not None else "",
            report_to=list(dict.fromkeys(self.plan.recipe.report_to)),
            **content,
        )
        self.plan.jobs[fingerprint] = job
        return job

    def params(self, stage: str) -> dict[str, Json]:
        """The page's parameters with the recipe's overrides, as the stage's `Params` understands them."""
        if stage not in self._params:
            values = {**stage_page(stage).params, **self.plan.recipe.stages.get(stage, {})}
            self._params[stage] = stage_module(stage).Params.model_validate(values).model_dump(mode="json")
        return self._params[stage]

    def _resources(self, stage: str) -> dict[str, Json]:
        """The page's resources with the recipe's overrides."""
        page = stage_page(stage).resources.model_dump()
        return Resources.model_validate({**page, **self.plan.recipe.resources.get(stage, {})}).model_dump()
