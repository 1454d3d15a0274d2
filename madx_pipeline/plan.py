"""The plan: every job of a recipe with its fingerprint, known before anything runs.

`make_plan` reads top to bottom like the figure of the MAD-X paper (Pfeiffer et al. 2020, figure 1):
language adapters by masked language modelling, task adapters on the frozen source language adapter,
the target's language adapter swapped in for evaluation. It does no input or output.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from madx_pipeline.jobs import Cell, Job, Key, Plan, fingerprint_of
from madx_pipeline.material import Material
from madx_pipeline.materials import Materials
from madx_pipeline.methods import METHOD_SPECS, Method, MethodSpec
from madx_pipeline.published.warnings import adapter_warnings
from madx_pipeline.recipe import Recipe
from madx_pipeline.records import Json
from madx_pipeline.stage import Resources, stage_module, stage_page


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
    continued = _continued(book, base, materials)
    for task in recipe.tasks:
        data = _task_data(book, base, task, materials)
        for seed in recipe.seeds:
            for method in recipe.methods:
                if seed in recipe.seeds_of(task, method):
                    ready = materials.task_adapters.get(task)
                    _method(book, _Setting(task, method, seed, base, data, language_adapters, continued, ready))
    book.plan.warnings += adapter_warnings(recipe, materials, book.params)
    return book.plan


def _language_adapter(book: _Book, base: Job, language: str, materials: Materials) -> Job:
    """The language adapter of one language: fetched, or trained on unlabelled text."""
    key: Key = {"language": language}
    if language in materials.adapters:
        return book.add("fetch_language_adapter", key, {"base_model": base}, materials.adapters[language])
    corpus = book.add("prepare_corpus", key, {"base_model": base}, materials.corpora[language])
    return book.add("train_language_adapter", key, {"base_model": base, "corpus": corpus})


def _continued(book: _Book, base: Job, materials: Materials) -> dict[str, Job]:
    """The base model pretrained further on the text of each language that has any, where a method asks for it."""
    if not book.plan.recipe.continues_pretraining:
        return {}
    found = {}
    for language in book.plan.recipe.languages:
        if language in materials.corpora:
            key: Key = {"language": language}
            corpus = book.add("prepare_corpus", key, {"base_model": base}, materials.corpora[language])
            found[language] = book.add("continue_pretraining", key, {"base_model": base, "corpus": corpus})
    return found


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
    continued: dict[str, Job]
    ready: Material | None = None
    """A task adapter that takes the place of training one on the source language adapter."""


def _method(book: _Book, setting: _Setting) -> None:
    """Trains what the method trains on the source, then evaluates it on every language."""
    recipe = book.plan.recipe
    spec = METHOD_SPECS[setting.method]
    if spec.stacked and recipe.source_language not in setting.language_adapters:
        return
    if spec.tunes == "nothing" or spec.continues:
        _method_by_language(book, setting, spec)
        return
    tuned = _tuned(book, setting, spec)
    for language in recipe.languages:
        with_language = {"target": language, "source": recipe.source_language}.get(spec.at_evaluation or "")
        if with_language is not None and with_language not in setting.language_adapters:
            continue
        _cell(book, setting, language, _evaluation(book, setting, tuned, language, with_language))


def _method_by_language(book: _Book, setting: _Setting, spec: MethodSpec) -> None:
    """A method that has no model at all, or one of its own for every language of a test set."""
    for language in book.plan.recipe.languages:
        if not spec.continues:
            _cell(book, setting, language, _majority(book, setting, language))
        elif language in setting.continued:
            own = replace(setting, base=setting.continued[language])
            tuned = _tuned(book, own, spec, {"after": language})
            _cell(book, setting, language, _evaluation(book, own, tuned, language, None))


def _cell(book: _Book, setting: _Setting, language: str, job: Job) -> None:
    """Notes that a job answers for a score."""
    book.plan.cells.append(Cell(setting.task, setting.method, language, setting.seed, job.fingerprint))


def _tuned(book: _Book, setting: _Setting, spec: MethodSpec, more: Key | None = None) -> Job:
    """The task adapter or the fully fine-tuned model of a method; `more` tells models on different bases apart."""
    source = book.plan.recipe.source_language
    inputs = {"base_model": setting.base, "task_data": setting.data[source]}
    if spec.stacked and setting.ready is not None:
        return book.add("fetch_task_adapter", {"task": setting.task, "language": source}, inputs, setting.ready)
    key: Key = {"task": setting.task, "language": source, "seed": setting.seed}
    if spec.tunes == "base_model":
        return book.add("finetune_base_model", {**key, **(more or {})}, inputs)
    if spec.tunes == "lora":
        return book.add("train_lora", key, inputs)
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
    seed: Key = {"seed": setting.seed} if "seed" in tuned.key else {}
    key: Key = {
        **{"task": setting.task, "language": language},
        **seed,
        **{"on": _trained_on(tuned), "with": with_language or "none"},
    }
    name = "/".join(["evaluate_zero_shot", setting.task, language, setting.method, *map(str, seed.values())])
    return book.add("evaluate_zero_shot", key, inputs, name=name)


def _majority(book: _Book, setting: _Setting, language: str) -> Job:
    """One test set answered with the most frequent label of the source language."""
    source = setting.data[book.plan.recipe.source_language]
    inputs = {"task_data": setting.data[language], "source_data": source}
    return book.add("evaluate_majority_class", {"task": setting.task, "language": language}, inputs)


def _trained_on(tuned: Job) -> str | int:
    """Which language adapter a tuned model was trained on, or what it is instead."""
    if "after" in tuned.key:
        return "continued"
    return tuned.key.get("on", _ON[tuned.stage])


_ON = {
    "finetune_base_model": "full",
    "fetch_task_adapter": "published",
    "train_task_adapter": "none",
    "train_lora": "lora",
}
"""What is said of a tuned model whose key does not say which language adapter it was trained on."""


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
