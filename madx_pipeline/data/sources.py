"""What a corpus job and a task data job are told about outside material: exactly what decides its content.

These models are what enters a job's fingerprint (`Inputs.source`), and what the stage reads back.
No path is in them: a file is its sha256, and where it lies is in `Inputs.locations`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from madx_pipeline.data.formats import ReadOptions
from madx_pipeline.records import Json

TaskType = Literal["tagging", "classification", "multiple_choice", "question_answering", "dependency_parsing"]
MiniatureTaskName = Literal["ner", "pos", "topics", "pairs", "choice", "questions", "parsing"]
LabelScheme = Literal["iob2", "plain", "span"]
Metric = Literal["span_f1", "accuracy", "macro_f1", "answer_f1", "las", "uas"]
Split = Literal["train", "validation", "test"]

IN_WORDS: tuple[TaskType, ...] = ("tagging", "dependency_parsing")
"""Types of tasks whose examples are sentences cut into words."""


class Source(BaseModel):
    """Base of the sources: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> dict[str, Json]:
        """Plain data for the fingerprint; what is not used is left out."""
        return dict(self.model_dump(mode="json", exclude_none=True))


class HubTable(Source):
    """Files of one data set repository, for one language, pinned.

    Attributes:
        repository: Id on the Hugging Face Hub.
        revision: Full commit hash.
        files: Our name of a split to the pattern of its files; only splits that are read.
        columns: Our name of a column to theirs, for parquet files.
        ids: Beginning of the ids of the rows that are read, where a file holds several languages.
    """

    repository: str
    revision: str
    files: dict[str, str]
    columns: dict[str, str] | None = None
    ids: str | None = None


class GithubFiles(Source):
    """Files of a repository on GitHub, for one language, pinned.

    Attributes:
        repository: `owner/name`.
        commit: Full commit hash.
        files: Our name of a split to the path of its file; only splits that are read.
    """

    repository: str
    commit: str
    files: dict[str, str]


class CorpusSource(Source):
    """Where the text of one language comes from: exactly one of `text`, `hub`, `miniature`.

    Attributes:
        card: Name of the corpus card; None for a file of the user's own.
        text: sha256 (hex) of a file: text, plain or gzip, or a table.
        column: Column of the text, if that file is a table (parquet or JSON lines).
        hub: Data set on the hub.
        miniature: The built-in world's text.
        language: What the material calls the language (miniature).
        max_lines: Lines read at most, or None for the stage's own limit.
    """

    card: str | None = None
    text: str | None = None
    column: str | None = None
    hub: HubTable | None = None
    miniature: Literal["text"] | None = None
    language: str | None = None
    max_lines: int | None = None


class TaskSource(Source):
    """Where the labelled data of one task in one language comes from: one of `files`, `hub`, `github`, `miniature`.

    Attributes:
        card: Name of the task card.
        task_type: Whether words or texts are labelled.
        label_scheme: How labels are written.
        metric: What the task is primarily judged by.
        files: Split to sha256 (hex).
        read: How the files are laid out.
        hub: Data set on the hub.
        github: Files of a repository on GitHub.
        miniature: Task of the built-in world.
        splits: Splits of the built-in world that are made.
        language: What the material calls the language (miniature).
        labels: Their label to ours. For `iob2`, entity types.
        questions: What the data says for a kind of question to the question in words.
        answers_in: Language in which answers are compared; only for questions.
        held_out: Share of the groups of the training data that the validation split is, where both are the same files.
        test: Where the test split comes from, if from elsewhere than the others.
    """

    card: str
    task_type: TaskType
    label_scheme: LabelScheme
    metric: Metric
    files: dict[Split, str] | None = None
    read: ReadOptions | None = None
    hub: HubTable | None = None
    github: GithubFiles | None = None
    miniature: MiniatureTaskName | None = None
    splits: tuple[Split, ...] | None = None
    language: str | None = None
    labels: dict[str, str] | None = None
    questions: dict[str, str] | None = None
    answers_in: str | None = None
    held_out: float | None = None
    test: TaskSource | None = None

    def of(self, split: Split) -> TaskSource:
        """Where a split comes from."""
        return self.test if split == "test" and self.test is not None else self

    @property
    def is_cut(self) -> bool:
        """Whether training and validation data are read from the same files."""
        files = self.files or next((dict(part.files) for part in (self.hub, self.github) if part), {})
        return "train" in files and files["train"] == files.get("validation")

    @property
    def read_splits(self) -> list[Split]:
        """The splits that are read, in the order train, validation, test."""
        there = self.files or self.splits or next((part.files for part in (self.hub, self.github) if part), ())
        order: tuple[Split, ...] = ("train", "validation", "test")
        return [split for split in order if split in there or (split == "test" and self.test is not None)]
