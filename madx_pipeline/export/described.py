"""Everything that was recorded about an adapter and its training: the one place the model card is made from.

Nothing is computed here and nothing is made up: what a stage did not find out is missing from the card.
"""

from __future__ import annotations

from dataclasses import dataclass

from madx_pipeline.errors import InputError
from madx_pipeline.export.choose import Choice, Shelf
from madx_pipeline.export.names import BaseName, base_name, folder_name
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.records import Artifact, Json
from madx_pipeline.report.results import Results


@dataclass(frozen=True)
class Described:
    """An adapter and what it was made from.

    Attributes:
        choice: The adapter, and why this one.
        plan: The plan it belongs to.
        results: Every score there is, as in the report.
        base_model: The base model.
        language_adapter: The language adapter that a task adapter was stacked on, if any.
        data: What the adapter has learnt from, by what it is: its own text or labelled data, then the text of
            the language adapter under it.
    """

    choice: Choice
    plan: Plan
    results: Results
    base_model: Artifact
    language_adapter: Artifact | None
    data: dict[str, Artifact]

    @property
    def adapter(self) -> Artifact:
        """The adapter."""
        return self.choice.adapter

    @property
    def facts(self) -> dict[str, Json]:
        """What its training found out."""
        return self.adapter.facts

    @property
    def base(self) -> BaseName:
        """What the adapter says it was trained for."""
        return base_name(self.base_model)

    @property
    def is_language_adapter(self) -> bool:
        """Whether it is a language adapter; otherwise a task adapter."""
        return self.choice.job.stage == "train_language_adapter"

    @property
    def language(self) -> str:
        """The language of a language adapter, or the source language of a task adapter."""
        return str(self.choice.job.key["language"])

    @property
    def default_name(self) -> str:
        """Name of the exported folder if nobody gives another."""
        key = self.choice.job.key
        if self.is_language_adapter:
            return language_adapter_folder(self.base, self.language)
        on = "alone" if self.language_adapter is None else self.language
        return folder_name(self.base, "task", str(key["task"]), on, "seed", str(key["seed"]))


def language_adapter_folder(base: BaseName, language: str) -> str:
    """Name of the folder that a language adapter is exported to if nobody gives another."""
    return folder_name(base, "language", language)


def describe(shelf: Shelf, choice: Choice) -> Described:
    """Collects what is known about an adapter.

    Raises:
        InputError: If something that it was made from is no longer in the store.
        JobError: If something of that is damaged.
    """
    from madx_pipeline.report.collect import collect

    inputs = {role: _input(shelf, choice.job, role) for role in choice.job.inputs}
    own = "corpus" if "corpus" in inputs else "task_data"
    data = {_called(inputs[own]): inputs[own], **_learnt_before(shelf, choice.job)}
    under = inputs.get("language_adapter")
    if under is not None:
        job = shelf.plan.jobs[choice.job.inputs["language_adapter"]]
        below = _input(shelf, job, "corpus") if "corpus" in job.inputs else under
        data[_called(below)] = below
    return Described(choice, shelf.plan, collect(shelf.plan, shelf.store), inputs["base_model"], under, data)


def _learnt_before(shelf: Shelf, job: Job) -> dict[str, Artifact]:
    """The labelled data of the tasks that this one went on from."""
    found: dict[str, Artifact] = {}
    while "continue_from" in job.inputs:
        job = shelf.plan.jobs[job.inputs["continue_from"]]
        if "task_data" in job.inputs:
            data = _input(shelf, job, "task_data")
            found[_called(data)] = data
    return found


def _input(shelf: Shelf, job: Job, role: str) -> Artifact:
    needed = shelf.plan.jobs[job.inputs[role]]
    artifact = shelf.store.find(needed)
    if artifact is None:
        raise InputError(
            f"{job.name} is there, but not what it was made from: {needed.name} is not in the store.",
            f"Make it again: {shelf.command(needed.stage)}.",
        )
    return artifact


def _called(artifact: Artifact) -> str:
    """What people call a piece of training data."""
    facts = artifact.facts
    if artifact.record.stage == "prepare_task_data":
        return f"labelled data, {facts['task']} in {facts['language']}"
    if artifact.record.stage == "prepare_corpus":
        return f"unlabelled text in {facts['language']}"
    return f"published language adapter of {facts['language']}"
