"""From the facts in artifacts to what `results.json` says of the base model, the languages and the tasks.

A fact of an unexpected type (a published adapter may state anything as its licence) becomes null and a
line in the log: it must not cost the whole report.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TypeVar

from pydantic import ValidationError

from madx_pipeline.data.card_models import TaskChoice
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.languages import language_name
from madx_pipeline.records import Json
from madx_pipeline.report.findings import Findings
from madx_pipeline.report.provenance import (
    BaseModelFacts,
    CorpusFacts,
    LanguageAdapterFacts,
    LanguageFacts,
    Part,
    TaskAdapterFacts,
    TaskData,
    TaskFacts,
)

_Facts = TypeVar("_Facts", bound=Part)
_LOG = logging.getLogger(__name__)


def base_model_facts(plan: Plan, findings: Findings) -> BaseModelFacts:
    """The base model; of one that could not be prepared, what the recipe calls it."""
    choice = plan.recipe.base_model
    called = choice.id or choice.builtin or (choice.path or "").rstrip("/").rpartition("/")[2]
    jobs = [job for job in plan.jobs.values() if job.stage == "prepare_base_model"]
    fallback = {"name": called, "revision": choice.revision}
    facts = _first(_facts_of(BaseModelFacts, jobs, findings, fallback))
    return facts or BaseModelFacts(fingerprint=jobs[0].fingerprint if jobs else "", **fallback)


def language_facts(plan: Plan, findings: Findings) -> dict[str, LanguageFacts]:
    """The source language, then the targets."""
    seen = base_model_facts(plan, findings).languages_seen
    jobs = _by_language(plan)
    return {
        language: _language(language, plan, findings, jobs.get(language, []), seen)
        for language in plan.recipe.languages
    }


def task_facts(plan: Plan, findings: Findings) -> dict[str, TaskFacts]:
    """The tasks in the recipe's order."""
    jobs: dict[str, list[Job]] = {task: [] for task in plan.recipe.tasks}
    for job in plan.jobs.values():
        if job.stage in ("prepare_task_data", "fetch_task_adapter"):
            jobs[str(job.key["task"])].append(job)
    return {task: _task(plan.recipe.tasks[task], task_jobs, findings) for task, task_jobs in jobs.items()}


def seen_by_base_model(language: str, languages_seen: list[str] | None) -> bool | None:
    """Whether a language was in the base model's pretraining text; None where that cannot be told.

    A variant of a language that was seen (`zh-Hant` where `zh` is listed) cannot be told.
    """
    if languages_seen is None:
        return None
    if language in languages_seen:
        return True
    return None if language.partition("-")[0] in languages_seen else False


def _by_language(plan: Plan) -> dict[str, list[Job]]:
    """Jobs that prepare something of a language: its text, its language adapter, its labelled data."""
    jobs: dict[str, list[Job]] = {}
    for job in plan.jobs.values():
        if job.stage.endswith("_language_adapter") or job.stage in ("prepare_corpus", "prepare_task_data"):
            jobs.setdefault(str(job.key["language"]), []).append(job)
    return jobs


def _language(
    language: str, plan: Plan, findings: Findings, jobs: list[Job], languages_seen: list[str] | None
) -> LanguageFacts:
    corpus = _first(_facts_of(CorpusFacts, _of(jobs, "prepare_corpus"), findings))
    adapter_jobs = _of(jobs, "train_language_adapter", "fetch_language_adapter")
    adapter = _first(_facts_of(LanguageAdapterFacts, adapter_jobs, findings))
    licences = {"corpus": corpus.licence} if corpus else {}
    if adapter is not None and adapter.origin == "published":
        licences["language_adapter"] = adapter.licence
    for job, data in _task_data(_of(jobs, "prepare_task_data"), findings):
        licences[f"task {job.key['task']}"] = data.licence
    return LanguageFacts(
        name=language_name(language),
        role="source" if language == plan.recipe.source_language else "target",
        seen=seen_by_base_model(language, languages_seen),
        corpus=corpus,
        language_adapter=adapter,
        licences=licences,
    )


def _task(choice: TaskChoice, jobs: list[Job], findings: Findings) -> TaskFacts:
    """One task; the source language comes first in a plan, and its labels are those of the task."""
    prepared = _of(jobs, "prepare_task_data")
    facts = next((findings.facts[job.fingerprint] for job in prepared if job.fingerprint in findings.facts), {})
    return TaskFacts(
        task_type=facts.get("task_type"),
        metric=facts.get("metric"),
        labels=facts.get("labels"),
        data={str(job.key["language"]): data for job, data in _task_data(prepared, findings)},
        adapter=_first(_facts_of(TaskAdapterFacts, _of(jobs, "fetch_task_adapter"), findings)),
        target_languages=choice.target_languages,
        continues_from=choice.continue_from,
    )


def _task_data(jobs: Iterable[Job], findings: Findings) -> list[tuple[Job, TaskData]]:
    there = [job for job in jobs if job.fingerprint in findings.facts]
    return [
        (job, facts.model_copy(update={"test_sha256": findings.test_sets.get(job.fingerprint)}))
        for job, facts in zip(there, _facts_of(TaskData, there, findings), strict=True)
    ]


def _of(jobs: Iterable[Job], *stages: str) -> list[Job]:
    return [job for job in jobs if job.stage in stages]


def _first(facts: list[_Facts]) -> _Facts | None:
    return facts[0] if facts else None


def _facts_of(
    model: type[_Facts], jobs: Iterable[Job], findings: Findings, fallback: Mapping[str, Json] | None = None
) -> list[_Facts]:
    """The facts of those of the jobs that are in the store, as a part of `results.json`."""
    return [
        _picked(model, {**(fallback or {}), **findings.facts[job.fingerprint]}, job)
        for job in jobs
        if job.fingerprint in findings.facts
    ]


def _picked(model: type[_Facts], facts: Mapping[str, Json], job: Job) -> _Facts:
    """The facts that the model knows; what is of another type is left out and logged."""
    known = {name: facts[name] for name in model.model_fields if name in facts}
    if isinstance(known.get("path"), str):  # where it lies is no fact about it, and would differ between machines
        known["path"] = PurePath(known["path"]).name
    known["fingerprint"] = job.fingerprint
    try:
        return model.model_validate(known)
    except ValidationError as error:
        wrong = {str(item["loc"][0]) for item in error.errors()}
        _LOG.warning("%s: not in the report, for they are not of the expected type: %s", job.name, sorted(wrong))
        return model.model_validate({name: value for name, value in known.items() if name not in wrong})
