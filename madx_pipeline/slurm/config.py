"""What a cluster is asked for beside the resources of a stage: the section `cluster` of a recipe, or the user's file.

`~/.config/madx/cluster.yaml` holds what is the same for all recipes of a person (partition, account); what a recipe
says counts more. Everything ends up in a batch script, so only words that can do nothing there are let through.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from madx_pipeline.errors import InputError, suggestion
from madx_pipeline.recipe_errors import field_problems
from madx_pipeline.stage import STAGES

_TIME = r"(\d+-)?\d{1,3}(:\d{2}){0,2}"


def _not_a_number(value: object) -> object:
    if isinstance(value, int):
        raise ValueError('without quotes YAML reads a time as a number; write "12:00:00"')
    return value


def _known_time(value: str) -> str:
    if value.count(":") == 0 and "-" not in value:
        raise ValueError('a time is hours:minutes:seconds or days-hours:minutes:seconds, such as "12:00:00"')
    return value


Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.,:&|@+-]*$")]
Time = Annotated[str, Field(pattern=f"^{_TIME}$"), AfterValidator(_known_time), BeforeValidator(_not_a_number)]


class Limits(BaseModel):
    """What jobs of a stage are run with."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    constraint: Word | None = None
    """Features that a node must have."""
    time: Time | None = None
    """Time limit of a sitting (`"12:00:00"`); a training that needs longer goes on in the next."""
    at_once: int | None = Field(default=None, ge=1)
    """Jobs of an array that may run at the same time."""


class Cluster(Limits):
    """The section `cluster`: the same for all stages, unless a stage has its own."""

    warn_seconds: int | None = Field(default=None, ge=1)
    """How long before the time limit a job is told to end and go back into the queue."""
    stages: dict[str, Limits] = Field(default_factory=dict)

    @field_validator("stages")
    @classmethod
    def _known(cls, stages: dict[str, Limits]) -> dict[str, Limits]:
        for name in stages:
            if name not in STAGES:
                raise ValueError(f"there is no stage {name}. {suggestion(name, STAGES)}")
        return stages

    def limits(self, stage: str) -> Limits:
        """What holds for a stage."""
        own = self.stages.get(stage, Limits()).model_dump(exclude_none=True)
        common = self.model_dump(exclude_none=True, exclude={"stages", "warn_seconds"})
        return Limits.model_validate({**common, **own})

    def over(self, other: Cluster) -> Cluster:
        """This one, with what only the other says."""
        merged: dict[str, Any] = {**_said(other), **_said(self)}
        names = {**other.stages, **self.stages}
        merged["stages"] = {stage: {**_said(other, stage), **_said(self, stage)} for stage in names}
        return Cluster.model_validate(merged)


def own_cluster_file() -> Path:
    """The user's own file, which need not exist."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "madx" / "cluster.yaml"


def cluster_of(recipes: Cluster | None) -> Cluster:
    """What holds for a recipe whose section this is.

    Raises:
        InputError: If the user's own file is not what it should be.
    """
    file = own_cluster_file()
    if not file.is_file():
        return recipes or Cluster()
    try:
        own = Cluster.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    except ValidationError as error:
        raise InputError(field_problems(error, str(file), Cluster)) from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{file} cannot be read as YAML: {' '.join(str(error).split())}.", "Correct it.") from error
    return (recipes or Cluster()).over(own)


def _said(cluster: Cluster, stage: str | None = None) -> dict[str, Any]:
    """What it says itself, or of a stage alone."""
    limits = cluster if stage is None else cluster.stages.get(stage, Limits())
    return limits.model_dump(exclude_none=True, exclude={"stages"})
