"""Which artifact of the store is exported: found through the recipe's plan, or a clear no.

First in the walk. Of several seeds of a task adapter the one with the best score on the *source* language's
validation data is taken: a choice by test data or by a target language would make the scores beside it worthless.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from madx_pipeline.errors import InputError, JobError, suggestion
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.languages import language_name
from madx_pipeline.methods import METHOD_SPECS, METHODS
from madx_pipeline.records import Artifact
from madx_pipeline.report.markdown import listed
from madx_pipeline.store import Store

_DEFAULT_METHOD = "madx"

_NO_TASK_ADAPTER = {
    "base_model": "trains the whole base model: there is no adapter to export.",
    "lora": "trains LoRA, which is not exported: its folder in the store is what the adapters library loads.",
    "nothing": "trains nothing: there is no adapter to export.",
}
"""What a method tunes that is no task adapter, to why it cannot be exported."""


@dataclass(frozen=True)
class Asked:
    """What the user asked for: exactly one of `language` and `task`.

    Attributes:
        language: Language whose adapter is wanted.
        task: Task whose adapter is wanted.
        method: Method that the task adapter belongs to; None is `madx`.
        seed: Seed of the task adapter; None takes the best on the source language's validation data.
    """

    language: str | None = None
    task: str | None = None
    method: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Choice:
    """The adapter that is exported.

    Attributes:
        job: The job that made it.
        adapter: Its artifact, compared with its checksums.
        why: Why this one, in a sentence.
        by_tool: Whether it was found out here; a seed that somebody asked for may have been chosen by anything.
    """

    job: Job
    adapter: Artifact
    why: str
    by_tool: bool = True


@dataclass(frozen=True)
class Shelf:
    """A plan beside the store that holds what is finished of it.

    Attributes:
        plan: The plan.
        store: The store.
        recipe: The recipe as the user wrote it on the command line, for hints.
    """

    plan: Plan
    store: Store
    recipe: str

    def finished(self, job: Job) -> Artifact:
        """The artifact of a job.

        Raises:
            InputError: If it is not there.
            JobError: If its files are not what they were.
        """
        artifact = self.store.find(job)
        if artifact is None:
            raise InputError(self._missing(job), f"Make it: {self.command(job.stage)}.")
        damage = self.store.damage(artifact.path)
        if damage:
            raise JobError(f"{damage[0]}.", f"Make it again: {self.command(job.stage)}.")
        return artifact

    def command(self, stage: str) -> str:
        """The command that makes what a stage makes."""
        return f"madx run {self.recipe} --until {stage} --home {self.store.home}"

    def _missing(self, job: Job) -> str:
        failure = self.store.failure(job)
        why = f" Its last attempt failed: {failure.message}" if failure else ""
        return f"{job.name} is not in the store {self.store.root}.{why}"


def choose(shelf: Shelf, asked: Asked) -> Choice:
    """The adapter that was asked for.

    Raises:
        InputError: If it is not in the recipe, not finished, or not ours to publish.
        JobError: If its files are damaged.
    """
    if asked.language is not None and asked.task is None:
        if asked.method is not None or asked.seed is not None:
            raise InputError("--method and --seed go with --task.", "A language adapter knows no method and no seed.")
        return _language_adapter(shelf, asked.language)
    if asked.task is not None and asked.language is None:
        return _task_adapter(shelf, asked.task, asked)
    raise InputError("give exactly one of --language and --task.", "See the adapters of a recipe: madx plan.")


def _language_adapter(shelf: Shelf, language: str) -> Choice:
    recipe = shelf.plan.recipe
    if language not in recipe.languages:
        raise InputError(f'--language "{language}" is not in the recipe.', suggestion(language, recipe.languages))
    jobs = [job for job in _jobs(shelf.plan, "_language_adapter") if job.key["language"] == language]
    if not jobs:
        raise InputError(
            f'the recipe has no language adapter for "{language}" ({language_name(language)}).',
            f'Say language_adapters: {{"{language}": train}} in the recipe, and run it.',
        )
    _refuse_published(jobs[0], f'the language adapter of "{language}"')
    why = "The recipe has no other for this language."
    return Choice(jobs[0], shelf.finished(jobs[0]), why)


def _task_adapter(shelf: Shelf, task: str, asked: Asked) -> Choice:
    recipe = shelf.plan.recipe
    if task not in recipe.tasks:
        raise InputError(f'--task "{task}" is not in the recipe.', suggestion(task, recipe.tasks))
    stacked = _stacked(asked.method or _DEFAULT_METHOD)
    jobs = [
        job
        for job in _jobs(shelf.plan, "train_task_adapter")
        if job.key["task"] == task and ("language_adapter" in job.inputs) == stacked
    ]
    ready = [job for job in _jobs(shelf.plan, "fetch_task_adapter") if job.key["task"] == task]
    if stacked and ready:
        _refuse_published(ready[0], f'the task adapter of "{task}"')
    if not jobs:
        methods = [name for name in recipe.methods if METHOD_SPECS[name].tunes == "task_adapter"]
        raise InputError(
            f'no method of the recipe trains a task adapter as {asked.method or _DEFAULT_METHOD} does on "{task}".',
            f"Of the recipe's methods these train one: {listed(methods) or 'none'}. Choose with --method.",
        )
    return _one_of(shelf, jobs, asked)


def _stacked(method: str) -> bool:
    """Whether the method's task adapter is trained on the source language adapter."""
    name = next((known for known in METHODS if known == method), None)
    if name is None:
        raise InputError(f'--method "{method}" is no method.', suggestion(method, METHODS))
    spec = METHOD_SPECS[name]
    if spec.tunes != "task_adapter":
        raise InputError(f"{method} {_NO_TASK_ADAPTER[spec.tunes]}", "Choose another.")
    return spec.stacked


def _one_of(shelf: Shelf, jobs: list[Job], asked: Asked) -> Choice:
    """The job of the seed that was asked for, or the best of those that are finished."""
    by_seed = {int(job.key["seed"]): job for job in jobs}
    if asked.seed is not None:
        if asked.seed not in by_seed:
            seeds = ", ".join(str(seed) for seed in by_seed)
            raise InputError(f"--seed {asked.seed} is not in the recipe.", f"Possible: {seeds}.")
        job = by_seed[asked.seed]
        return Choice(job, shelf.finished(job), f"Seed {asked.seed} was asked for.", by_tool=False)
    there = {seed: job for seed, job in by_seed.items() if shelf.store.find(job) is not None}
    if len(by_seed) == 1 or not there:
        job = next(iter(by_seed.values()))
        return Choice(job, shelf.finished(job), "The recipe has one seed.")
    return _best(shelf, there, [seed for seed in by_seed if seed not in there])


def _best(shelf: Shelf, there: dict[int, Job], missing: list[int]) -> Choice:
    adapters = {seed: shelf.finished(job) for seed, job in there.items()}
    scores = {seed: _selection_score(adapter) for seed, adapter in adapters.items()}
    best = max(scores, key=lambda seed: scores[seed])  # of equally good ones the first
    metric, source = adapters[best].facts["metric"], shelf.plan.recipe.source_language
    shown = ", ".join(f"seed {seed}: {score:.4f}" for seed, score in scores.items())
    why = f'Seed {best} has the best {metric} on the validation data of the source language "{source}" ({shown}).'
    if missing:
        why += f" Not finished, so not compared: seed {', '.join(str(seed) for seed in missing)}."
    return Choice(there[best], adapters[best], why)


def _selection_score(adapter: Artifact) -> float:
    """The score on the source language's validation data by which the kept epoch was chosen, too."""
    return float(adapter.facts["dev"][adapter.facts["metric"]])


def _jobs(plan: Plan, stage: str) -> list[Job]:
    return [job for job in plan.jobs.values() if job.stage.endswith(stage)]


def _refuse_published(job: Job, what: str) -> None:
    """Whoever made an adapter publishes it: a copy would lose its card, its authors and its licence."""
    if not job.stage.startswith("fetch_"):
        return
    source = job.source or {}
    if "id" not in source:
        raise InputError(
            f"{what} was brought along as a folder ({PurePath(job.locations['path']).name}), not trained here.",
            "Publish it from where it was made: its training is not known here.",
        )
    commit = f" at {source['revision']}" if source.get("revision") else ""
    raise InputError(
        f"{what} is published already: {source['id']}{commit}.", "Point to that repository instead of copying it."
    )
