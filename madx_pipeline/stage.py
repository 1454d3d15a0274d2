"""What a stage is: a page with values, a module with meaning, and the folder it works in.

A stage is described twice on purpose. `stages/<name>.yaml` holds what one changes for an experiment
(values and where they come from); `madx_pipeline/stages/<name>.py` holds what one changes for a
feature (`VERSION`, `Params`, `run`). The names are a closed set, so no page can make us import
anything else.
"""

from __future__ import annotations

import importlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field

from madx_pipeline.errors import CheckError, JobError
from madx_pipeline.records import Artifact, Check, Json
from madx_pipeline.shipped import shipped_folder
from madx_pipeline.trackers import Tracker

STAGES = (
    "prepare_base_model",
    "prepare_corpus",
    "prepare_task_data",
    "train_language_adapter",
    "fetch_language_adapter",
    "train_task_adapter",
    "fetch_task_adapter",
    "train_lora",
    "continue_pretraining",
    "finetune_base_model",
    "evaluate_zero_shot",
    "evaluate_majority_class",
    "report",
)


class Params(BaseModel):
    """Base of every stage's parameters: immutable, no unknown keys, and no defaults.

    The values are in the stage's page, so that each has one home; a test compares both key by key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Resources(BaseModel):
    """What a job of this stage asks of a machine. Never part of a fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    threads: int = Field(ge=1)
    """CPU threads of each process; set before the job runs, whatever the runner, so that bits do not depend on it."""
    gpus: int = Field(ge=0)
    """Whole GPUs; 0 runs on the CPU where there is none, and uses one where there is. Several: a process on each."""
    memory_gib: float = Field(gt=0)
    """Main memory in GiB that the job may need."""
    processes: int = Field(ge=1)
    """Processes that share a training on the CPU (data parallel); 1 for all else. With GPUs there is one on each."""


def processes_of(resources: Mapping[str, Json]) -> int:
    """How many processes share a job: one for each of several GPUs, or as many as are asked for without any."""
    gpus = int(resources["gpus"])
    return gpus if gpus > 0 else int(resources["processes"])


@dataclass(frozen=True)
class Inputs:
    """What a stage's function may read.

    Attributes:
        key: What tells this job from others of its stage (`{"task": "ner", "seed": 1}`).
        source: Pinned description of outside material (part of the fingerprint).
        locations: Where that material lies on this machine (not part of it).
        artifacts: Role to finished artifact; an optional role that is not used is missing.
        expected: Name of a file to fetch to the sha256 (hex) that a lock file holds (not part of it).
    """

    key: Mapping[str, str | int]
    source: Mapping[str, Json]
    locations: Mapping[str, str]
    artifacts: Mapping[str, Artifact]
    expected: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, role: str) -> Artifact:
        return self.artifacts[role]

    def get(self, role: str) -> Artifact | None:
        """The artifact in an optional role, or None."""
        return self.artifacts.get(role)


PROGRESS_EVERY = 0.5
"""Seconds between two writes of `progress.json`."""


@dataclass
class Workspace:
    """The `.partial` folder of a running job: where its outputs, checkpoints and findings go.

    Attributes:
        path: Folder whose content becomes the artifact.
        checkpoints: Folder that survives a crash and is gone from the finished artifact.
        facts: What is written to `artifact.json` under `facts`.
        checks: What is written there under `checks`.
        measured: What is written there under `measured`.
        warnings: What whoever started the run is told when the job ends; not in the artifact.
        name: The job's name, for those who are told of its training.
        logs: Folder for TensorBoard, outside the artifact: event files hold times and the name of the machine.
        report_to: Who is told of its training.
    """

    path: Path
    checkpoints: Path
    facts: dict[str, Json] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    measured: dict[str, Json] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    name: str = ""
    logs: Path | None = None
    report_to: Sequence[Tracker] = ()
    _last_progress: float = 0.0

    @property
    def log(self) -> logging.Logger:
        """Logger whose lines end up in the artifact's `log.txt`."""
        return logging.getLogger("madx_pipeline.job")

    def describe(self, **facts: Json) -> None:
        """Adds findings to the artifact's `facts`."""
        self.facts.update(facts)

    def measure(self, **numbers: Json) -> None:
        """Adds what the work cost to the artifact's `measured`: never into a file, for it differs between runs."""
        self.measured.update(numbers)

    def warn(self, sentence: str) -> None:
        """Tells whoever started the run of something that does not touch what is made."""
        self.log.warning("%s", sentence)
        self.warnings.append(sentence)

    def check(
        self, name: str, passed: bool, value: float | int | str | bool | None, detail: str, *, hard: bool = True
    ) -> None:
        """Records a check; a hard one that does not pass fails the job at once.

        Raises:
            CheckError: If `hard` and not `passed`.
        """
        self.checks.append(Check(name=name, passed=passed, value=value, detail=detail, hard=hard))
        if passed:
            return
        self.log.warning("check %s: no (%s). %s", name, value, detail)
        if hard:
            raise CheckError(f"check {name} failed ({value}): {detail}")

    def progress(self, done: int, total: int, **numbers: float) -> None:
        """Tells whoever watches how far the job is (`progress.json`, written at most twice a second)."""
        now = time.monotonic()
        if now - self._last_progress < PROGRESS_EVERY and done < total:
            return
        self._last_progress = now
        text = json.dumps({"done": done, "total": total, "numbers": numbers})
        draft = self.path / "progress.json.tmp"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.path / "progress.json")


class StageModule(Protocol):
    """What a module in `madx_pipeline/stages/` offers."""

    VERSION: int
    Params: type[Params]

    def run(self, inputs: Inputs, params: Any, out: Workspace) -> None:
        """Does the work: reads `inputs`, writes into `out`."""


class StagePage(BaseModel):
    """`stages/<name>.yaml`: summary, contract, parameter values with their sources, resources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    summary: str
    inputs: dict[str, str]
    output: str
    params: dict[str, Json]
    resources: Resources


@cache
def stage_page(name: str) -> StagePage:
    """The page of a stage, from `stages/<name>.yaml`."""
    text = (shipped_folder("stages") / f"{name}.yaml").read_text(encoding="utf-8")
    return StagePage.model_validate(yaml.safe_load(text))


@cache
def stage_module(name: str) -> StageModule:
    """The module of a stage; cheap to import (torch and friends are imported inside `run`)."""
    if name not in STAGES:
        raise JobError(f"there is no stage {name!r}")
    return cast(StageModule, importlib.import_module(f"madx_pipeline.stages.{name}"))
