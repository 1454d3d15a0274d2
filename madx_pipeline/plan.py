"""The plan: every job of a recipe with its fingerprint, known before anything runs.

`make_plan` reads top to bottom like the figure of the MAD-X paper (Pfeiffer et al. 2020, figure 1):
language adapters by masked language modelling, task adapters on the frozen source language adapter,
the target's language adapter swapped in for evaluation. It does no input or output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from madx_pipeline.job_book import Book
from madx_pipeline.jobs import Cell, Job, Key, Plan
from madx_pipeline.material import Material
from madx_pipeline.materials import Materials
from madx_pipeline.methods import METHOD_SPECS, Method, MethodSpec
from madx_pipeline.published.warnings import adapter_warnings
from madx_pipeline.recipe import Recipe


def make_plan(recipe: Recipe, materials: Materials) -> Plan:
    """The jobs of a recipe: the figure of the MAD-X paper as code.

    L languages and T tasks with S seeds cost L + T*S trainings, never L*T*S: nothing about a task is in
    a language adapter's fingerprint.
    """
    book = Book(Plan(recipe))
    base = book.add("prepare_base_model", {}, {}, materials.base_model)
    language_adapters = {
        language: _language_adapter(book, base, language, materials) for language in recipe.adapter_languages
    }
    continued = _continued(book, base, materials)
    shared = _Shared({}, language_adapters, continued, materials.task_adapters)
    for task in recipe.tasks:
        shared.data[task] = _task_data(book, base, task, materials)
    for task in recipe.tasks:
        for seed in recipe.seeds:
            for method in recipe.methods:
                if seed in recipe.seeds_of(task, method):
                    _method(book, _Setting(task, method, seed, base, shared))
    book.plan.warnings += adapter_warnings(recipe, materials, book.params)
    return book.plan


def _language_adapter(book: Book, base: Job, language: str, materials: Materials) -> Job:
    """The language adapter of one language: fetched, or trained on unlabelled text."""
    key: Key = {"language": language}
    if language in materials.adapters:
        return book.add("fetch_language_adapter", key, {"base_model": base}, materials.adapters[language])
    corpus = book.add("prepare_corpus", key, {"base_model": base}, materials.corpora[language])
    return book.add("train_language_adapter", key, {"base_model": base, "corpus": corpus})


def _continued(book: Book, base: Job, materials: Materials) -> dict[str, Job]:
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


def _task_data(book: Book, base: Job, task: str, materials: Materials) -> dict[str, Job]:
    """Labelled data of one task by language; targets are read against the labels of the source."""
    recipe = book.plan.recipe
    data: dict[str, Job] = {}
    for language in recipe.languages_of(task):
        inputs = {"base_model": base}
        if language != recipe.source_language:
            inputs["source_data"] = data[recipe.source_language]
        key: Key = {"task": task, "language": language}
        data[language] = book.add("prepare_task_data", key, inputs, materials.task_data[task, language])
    return data


@dataclass(frozen=True)
class _Shared:
    """What all methods on all tasks build on.

    Attributes:
        data: Labelled data, by task and language.
        language_adapters: By language.
        continued: The base model pretrained further, by language.
        ready: Task adapters that take the place of training one on the source language adapter, by task.
    """

    data: dict[str, dict[str, Job]]
    language_adapters: dict[str, Job]
    continued: dict[str, Job]
    ready: Mapping[str, Material]


@dataclass(frozen=True)
class _Setting:
    """One method on one task with one seed, the base model it starts from, and the jobs it builds on."""

    task: str
    method: Method
    seed: int
    base: Job
    shared: _Shared

    @property
    def data(self) -> dict[str, Job]:
        """The task's labelled data, by language."""
        return self.shared.data[self.task]


def _method(book: Book, setting: _Setting) -> None:
    """Trains what the method trains on the source, then evaluates it on every language."""
    recipe = book.plan.recipe
    spec = METHOD_SPECS[setting.method]
    language_adapters = setting.shared.language_adapters
    if spec.stacked and recipe.source_language not in language_adapters:
        return
    if spec.tunes == "nothing" or spec.continues:
        _method_by_language(book, setting, spec)
        return
    tuned = _tuned(book, setting, spec)
    for language in recipe.languages_of(setting.task):
        with_language = {"target": language, "source": recipe.source_language}.get(spec.at_evaluation or "")
        if with_language is not None and with_language not in language_adapters:
            continue
        _cell(book, setting, language, _evaluation(book, setting, tuned, language, with_language))


def _method_by_language(book: Book, setting: _Setting, spec: MethodSpec) -> None:
    """A method that has no model at all, or one of its own for every language of a test set."""
    for language in book.plan.recipe.languages_of(setting.task):
        if not spec.continues:
            _cell(book, setting, language, _majority(book, setting, language))
        elif language in setting.shared.continued:
            own = replace(setting, base=setting.shared.continued[language])
            tuned = _tuned(book, own, spec, {"after": language})
            _cell(book, setting, language, _evaluation(book, own, tuned, language, None))


def _cell(book: Book, setting: _Setting, language: str, job: Job) -> None:
    """Notes that a job answers for a score."""
    book.plan.cells.append(Cell(setting.task, setting.method, language, setting.seed, job.fingerprint))


def _tuned(book: Book, setting: _Setting, spec: MethodSpec, more: Key | None = None) -> Job:
    """The task adapter or the fully fine-tuned model of a method; `more` tells models on different bases apart.

    A task that goes on from another starts from what the same method with the same seed has learnt there.
    """
    source = book.plan.recipe.source_language
    inputs = {"base_model": setting.base, "task_data": setting.data[source]}
    ready = setting.shared.ready.get(setting.task)
    if spec.stacked and ready is not None:
        return book.add("fetch_task_adapter", {"task": setting.task, "language": source}, inputs, ready)
    before = book.plan.recipe.tasks[setting.task].continue_from
    if before is not None:
        inputs["continue_from"] = _tuned(book, replace(setting, task=before), spec, more)
    key: Key = {"task": setting.task, "language": source, "seed": setting.seed}
    if spec.tunes == "base_model":
        return book.add("finetune_base_model", {**key, **(more or {})}, inputs)
    if spec.tunes == "lora":
        return book.add("train_lora", key, inputs)
    if spec.stacked:
        inputs["language_adapter"] = setting.shared.language_adapters[source]
    return book.add("train_task_adapter", {**key, "on": source if spec.stacked else "none"}, inputs)


def _evaluation(book: Book, setting: _Setting, tuned: Job, language: str, with_language: str | None) -> Job:
    """One test set under one stack."""
    inputs = {"base_model": setting.base, "task_data": setting.data[language], "tuned": tuned}
    source = book.plan.recipe.source_language
    if with_language is not None:
        inputs["language_adapter"] = setting.shared.language_adapters[with_language]
    if with_language not in (None, source):  # to see that swapping it in changes anything
        inputs["source_language_adapter"] = setting.shared.language_adapters[source]
    seed: Key = {"seed": setting.seed} if "seed" in tuned.key else {}
    key: Key = {
        **{"task": setting.task, "language": language},
        **seed,
        **{"on": _trained_on(tuned), "with": with_language or "none"},
    }
    name = "/".join(["evaluate_zero_shot", setting.task, language, setting.method, *map(str, seed.values())])
    return book.add("evaluate_zero_shot", key, inputs, name=name)


def _majority(book: Book, setting: _Setting, language: str) -> Job:
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
