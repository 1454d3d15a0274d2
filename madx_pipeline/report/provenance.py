"""The part of `results.json` that says where things come from: base model, languages, tasks, jobs, checks.

Most values were found out by a stage and stand in its artifact's `facts`; they are null where the
stage did not run, did not get there, or does not say.
"""

from __future__ import annotations

from typing import Literal

from madx_pipeline.records import Json
from madx_pipeline.report.adapter_facts import LanguageAdapterFacts, TaskAdapterFacts
from madx_pipeline.report.part import Part

__all__ = [
    "BaseModelFacts",
    "CheckResult",
    "CorpusFacts",
    "JobResult",
    "LanguageAdapterFacts",
    "LanguageFacts",
    "Part",
    "TaskAdapterFacts",
    "TaskData",
    "TaskFacts",
]

JobState = Literal["found", "failed", "not run"]


class BaseModelFacts(Part):
    """The base model."""

    name: str
    """Hub id, name of the folder, or `miniature`."""
    fingerprint: str
    """Fingerprint (sha256, hex) of the job that prepared it."""
    revision: str | None = None
    """Commit on the hub; null for a folder or the miniature."""
    world_seed: int | None = None
    """Seed of the miniature world; null for any other model."""
    model_type: str | None = None
    """Architecture as transformers calls it (`xlm-roberta`)."""
    hidden_size: int | None = None
    """Width of a layer."""
    layers: int | None = None
    """Number of layers."""
    vocab_size: int | None = None
    """Number of word pieces."""
    max_length: int | None = None
    """Longest input in word pieces, special tokens included."""
    parameters: int | None = None
    """Number of parameters."""
    tokenizer: str | None = None
    """Class of the tokenizer."""
    languages_seen: list[str] | None = None
    """Codes of the languages in its pretraining text; null where that is not known."""
    licence: str | None = None
    """Licence, where it is stated."""


class CorpusFacts(Part):
    """The unlabelled text of a language."""

    fingerprint: str
    """Fingerprint (sha256, hex) of the job that prepared it."""
    lines_read: int | None = None
    """Lines read."""
    lines_kept: int | None = None
    """Lines kept."""
    dropped: dict[str, int] | None = None
    """Why lines were dropped, to how many."""
    lines_train: int | None = None
    """Lines to train on."""
    lines_heldout: int | None = None
    """Lines held out to measure the loss on."""
    tokens: int | None = None
    """Word pieces in the lines kept."""
    words: int | None = None
    """Words in the lines kept."""
    word_unit: str | None = None
    """What counts as a word: `whitespace`, or `character` in scripts without spaces."""
    tokens_per_word: float | None = None
    """Word pieces per word: how badly the tokenizer cuts the language up."""
    unknown_share: float | None = None
    """Share of word pieces that are the unknown token (fraction)."""
    scripts: dict[str, float] | None = None
    """Name of a script to its share of the letters (fraction)."""
    licence: str | None = None
    """Licence of the text, where it is stated."""
    origin: Json = None
    """Where the text comes from, as the stage describes it."""


class LanguageFacts(Part):
    """What is known of a language."""

    name: str
    """English name, or the code where it has none."""
    role: Literal["source", "target"]
    """Whether the task is trained on it or transferred to it."""
    seen: bool | None
    """Whether the base model was pretrained on it; null where that is not known."""
    corpus: CorpusFacts | None
    """Its unlabelled text; null where none was prepared."""
    language_adapter: LanguageAdapterFacts | None
    """Its language adapter; null where there is none."""
    licences: dict[str, str | None]
    """Material (`corpus`, `language_adapter`, `task <name>`) to its licence; null where it is not stated."""


class TaskData(Part):
    """The labelled data of one task in one language."""

    fingerprint: str
    """Fingerprint (sha256, hex) of the job that prepared it."""
    splits: dict[str, dict[str, Json]] | None = None
    """Split to `examples`, `words` and `labels` (label to count)."""
    tokens_per_word: float | None = None
    """Word pieces per word."""
    unknown_share: float | None = None
    """Share of word pieces that are the unknown token (fraction)."""
    repeated: dict[str, int] | None = None
    """`<split>_in_train` to how many examples of a split are in the training data as well."""
    test_sha256: str | None = None
    """sha256 (hex) of the test examples: equal for equal examples, whatever the base model; null without a test set."""
    licence: str | None = None
    """Licence, where it is stated."""
    origin: Json = None
    """Where the data come from, as the stage describes it."""


class TaskFacts(Part):
    """A task of the recipe."""

    task_type: str | None
    """`tagging`, `classification`, ..."""
    metric: str | None
    """The metric that the task is judged by."""
    labels: list[str] | None
    """Label names, those of the source language."""
    data: dict[str, TaskData]
    """Code of a language to its labelled data; a language whose data is not there is missing."""
    adapter: TaskAdapterFacts | None = None
    """The published task adapter; null where one was trained. It has no seed: its methods have one score each."""
    target_languages: list[str] | None = None
    """Codes of the targets that the task is evaluated on; null for all of the recipe."""
    continues_from: str | None = None
    """The task from whose training this one went on; null where it was learnt from nothing."""


class CheckResult(Part):
    """A question that a job asked itself before its result was believed."""

    name: str
    """What was asked."""
    job: str
    """Name of the job."""
    passed: bool
    """Whether the answer was yes."""
    value: float | int | str | bool | None
    """The measured value behind the answer."""
    detail: str
    """One sentence that explains it."""
    hard: bool
    """Whether a no fails the job; otherwise it warns."""


class JobResult(Part):
    """One job of the plan."""

    name: str
    """What people call it."""
    stage: str
    """Name of its stage."""
    fingerprint: str
    """sha256 (hex) over everything that decides its result."""
    state: JobState
    """`found`: its artifact is in the store. `failed`: its last attempt failed. `not run`: neither."""
    seconds: float | None
    """Wall time in seconds that its artifact took; null where there is none."""
    folder: str
    """Folder of its artifact, relative to home, whether it is there or not."""
    reason: str
    """Why it failed or was not run, in one line; empty when found."""
    hint: str
    """What to do about it, in one line; may be empty."""
    log: str | None
    """Log of a failed job, relative to home; null otherwise."""
