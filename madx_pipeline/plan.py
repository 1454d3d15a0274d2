"""The plan: every job of a recipe with its fingerprint, known before anything runs.

`make_plan` reads top to bottom like the figure of the MAD-X paper (Pfeiffer et al. 2020, figure 1):
language adapters by masked language modelling, task adapters on the frozen source language adapter,
the target's language adapter swapped in for evaluation. It does no input or output.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from madx_pipeline.cards import Material
from madx_pipeline.materials import Materials
from madx_pipeline.methods import METHOD_SPECS, Method, MethodSpec
from madx_pipeline.recipe import Recipe
from madx_pipeline.stage import Json, Resources, stage_module, stage_page

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
    """

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
    """

    recipe: Recipe
    jobs: dict[str, Job] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)


def fingerprint_of(content: Mapping[str, Any]) -> str:
    """sha256 (hex) of canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def make_plan(recipe: Recipe, materials: Materials) -> Plan:
    """The jobs of a recipe: the figure of the MAD-X paper as code.

    L languages and T tasks with S seeds cost L + T*S trainings, never L*T*S: nothing about a task is in
    a language adapter's fingerprint.
    """
    book = _Book(Plan(recipe))
    base = book.add("prepare_base_model", {}, {}, materials.base_model)
    language_adapters = {
        language: _language_adapter(book, base, language, materials) for language in recipe.adapter_languages
    }
    for task in recipe.tasks:
        data = _task_data(book, base, task, materials)
        for seed in recipe.seeds:
            for method in recipe.methods:
                _method(book, _Setting(task, method, seed, base, data, language_adapters))
    return book.plan


def _language_adapter(book: _Book, base: Job, language: str, materials: Materials) -> Job:
    """The language adapter of one language: fetched, or trained on unlabelled text."""
    key: Key = {"language": language}
    if language in materials.adapters:
        return book.add("fetch_language_adapter", key, {"base_model": base}, materials.adapters[language])
    corpus = book.add("prepare_corpus", key, {"base_model": base}, materials.corpora[language])
    return book.add("train_language_adapter", key, {"base_model": base, "corpus": corpus})


def _task_data(book: _Book, base: Job, task: str, materials: Materials) -> dict[str, Job]:
    """Labelled data of one task by language; targets are read against the labels of the source."""
    recipe = book.plan.recipe
    data: dict[str, Job] = {}
    for language in recipe.languages:
        inputs = {"base_model": base}
        if language != recipe.source_language:
            inputs["source_data"] = data[recipe.source_language]
        key: Key = {"task": task, "language": language}
        data[language] = book.add("prepare_task_data", key, inputs, materials.task_data[task, language])
    return data


@dataclass(frozen=True)
class _Setting:
    """One method on one task with one seed, and the jobs it builds on."""

    task: str
    method: Method
    seed: int
    base: Job
    data: dict[str, Job]
    language_adapters: dict[str, Job]


def _method(book: _Book, setting: _Setting) -> None:
    """Trains what the method trains on the source, then evaluates it on every language."""
    recipe = book.plan.recipe
    spec = METHOD_SPECS[setting.method]
    if spec.stacked and recipe.source_language not in setting.language_adapters:
        return
    tuned = _tuned(book, setting, spec)
    for language in recipe.languages:
        with_language = {"target": language, "source": recipe.source_language}.get(spec.at_evaluation or "")
        if with_language is not None and with_language not in setting.language_adapters:
            continue
        job = _evaluation(book, setting, tuned, language, with_language)
        book.plan.cells.append(Cell(setting.task, setting.method, language, setting.seed, job.fingerprint))


def _tuned(book: _Book, setting: _Setting, spec: MethodSpec) -> Job:
    """The task adapter or the fully fine-tuned model of a method."""
    source = book.plan.recipe.source_language
    inputs = {"base_model": setting.base, "task_data": setting.data[source]}
    key: Key = {"task": setting.task, "language": source, "seed": setting.seed}
    if spec.tunes == "base_model":
        return book.add("finetune_base_model", key, inputs)
    if spec.stacked:
        inputs["language_adapter"] = setting.language_adapters[source]
    return book.add("train_task_adapter", {**key, "on": source if spec.stacked else "none"}, inputs)


def _evaluation(book: _Book, setting: _Setting, tuned: Job, language: str, with_language: str | None) -> Job:
    """One test set under one stack."""
    inputs = {"base_model": setting.base, "task_data": setting.data[language], "tuned": tuned}
    source = book.plan.recipe.source_language
    if with_language is not None:
        inputs["language_adapter"] = setting.language_adapters[with_language]
    if with_language not in (None, source):  # to see that swapping it in changes anything
        inputs["source_language_adapter"] = setting.language_adapters[source]
    key: Key = {
        "task": setting.task,
        "language": language,
        "seed": setting.seed,
        "on": tuned.key.get("on", "full"),
        "with": with_language or "none",
    }
    name = f"evaluate_zero_shot/{setting.task}/{language}/{setting.method}/{setting.seed}"
    return book.add("evaluate_zero_shot", key, inputs, name=name)


class _Book:
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
            "params": self._validated(stage),
            "inputs": {role: job.fingerprint for role, job in inputs.items()},
            "source": material.source if material is not None else None,
        }
        fingerprint = fingerprint_of(content)
        known = self.plan.jobs.get(fingerprint)
        if known is not None:
            return known
        job = Job(
            name=name or "/".join([stage, *(str(value) for value in key.values())]),
            kind=stage_page(stage).output,
            locations=material.locations if material is not None else {},
            folders={role: job.folder for role, job in inputs.items()},
            resources=self._resources(stage),
            fingerprint=fingerprint,
            **content,
        )
        self.plan.jobs[fingerprint] = job
        return job

    def _validated(self, stage: str) -> dict[str, Json]:
        """The page's parameters with the recipe's overrides, as the stage's `Params` understands them."""
        if stage not in self._params:
            values = {**stage_page(stage).params, **self.plan.recipe.stages.get(stage, {})}
            self._params[stage] = stage_module(stage).Params.model_validate(values).model_dump(mode="json")
        return self._params[stage]

    def _resources(self, stage: str) -> dict[str, Json]:
        """The page's resources with the recipe's overrides."""
        page = stage_page(stage).resources.model_dump()
        return Resources.model_validate({**page, **self.plan.recipe.resources.get(stage, {})}).model_dump()
