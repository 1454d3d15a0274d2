"""Jobs and plans as plain data: what crosses process borders, what decides a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import ConfigDict

from madx_pipeline.recipe import Recipe
from madx_pipeline.records import Json
from madx_pipeline.trackers import Tracker

Key = dict[str, str | int]


@dataclass(frozen=True)
class Job:
    """One stage for one language, task or seed, with its inputs resolved. Plain data: it crosses process borders.

    Attributes:
        name: What people call it (`train_language_adapter/sw`); not in the fingerprint.
        stage: Name of the stage.
        version: The stage's VERSION.
        kind: Kind of artifact it makes.
        key: What tells this job from others of its stage.
        params: Validated parameters.
        source: Pinned outside material, or None.
        locations: Where that material lies on this machine; not in the fingerprint.
        inputs: Role to fingerprint of the job that makes it.
        folders: Role to the folder of that job's artifact, relative to the store; not in the fingerprint.
        resources: What it asks of a machine; not in the fingerprint.
        fingerprint: sha256 (hex) over stage, version, key, params, inputs and source.
        expected: Name of a file it fetches to the sha256 (hex) that the recipe's lock file holds; not in the
            fingerprint.
        obstacle: Why it cannot be done here and now, if that is known before it runs; not in the fingerprint.
        obstacle_hint: What to do about that.
        report_to: Who is told of its training; not in the fingerprint.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for when it is read from a file

    name: str
    stage: str
    version: int
    kind: str
    key: Key
    params: dict[str, Json]
    source: dict[str, Json] | None
    locations: dict[str, str]
    inputs: dict[str, str]
    folders: dict[str, str]
    resources: dict[str, Json]
    fingerprint: str
    expected: dict[str, str] = field(default_factory=dict)
    obstacle: str = ""
    obstacle_hint: str = ""
    report_to: list[Tracker] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """The key as the first part of a folder name."""
        return "-".join(str(value) for value in self.key.values()) or self.kind

    @property
    def folder(self) -> str:
        """Folder of the artifact, relative to the store."""
        return f"{self.stage}/{self.slug}-{self.fingerprint[:12]}"


@dataclass(frozen=True)
class Cell:
    """One score of the report: which evaluation job answers for which method.

    Two methods may share a job: on the source language `madx` and `madx_source_kept` are the same.
    """

    task: str
    method: str
    language: str
    seed: int
    fingerprint: str


@dataclass
class Plan:
    """All jobs of a recipe, each after those it needs, and the scores they lead to.

    Attributes:
        recipe: The recipe planned.
        jobs: Fingerprint to job, in an order in which they can run.
        cells: The scores the report will have.
        warnings: What whoever runs it should know beforehand, in sentences.
    """

    recipe: Recipe
    jobs: dict[str, Job] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def fingerprint_of(content: Mapping[str, Any]) -> str:
    """sha256 (hex) of canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
