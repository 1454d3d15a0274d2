"""What a data card and a recipe's choice of one may say, key by key.

`cards.py` reads the cards and turns choices into pinned material; here is only their shape. Cards have
no defaults: every key is written, so that a card can be read without knowing this file. Only what concerns few data
sets (names of labels, questions in words) may be left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from madx_pipeline.data.formats import ReadOptions
from madx_pipeline.data.sources import GithubFiles, HubTable, LabelScheme, Metric, MiniatureTaskName, Split, TaskType
from madx_pipeline.published.choices import TaskAdapterChoice

ColumnName = Literal[
    "text", "text_pair", "words", "label", "labels", "premise", "question", "choice1", "choice2", "choice3",
    "id", "context", "answers", "title",
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""Full commit hash: the data never changes under a finished run."""


class _Remote(_Part):
    """What files in a repository on the Hub and on GitHub have in common."""

    files: str
    """Pattern of file names; `{language}` and `{split}` stand for what the data set calls them."""
    splits: dict[Split, str]
    """Our name of a split to theirs."""
    test_only: tuple[str, ...] = Field(default=(), strict=False)
    """The data set's names of languages that have a test split and no other."""

    def splits_of(self, called: str) -> list[Split]:
        """The splits of a language, by the data set's own name of it."""
        return [split for split in self.splits if split == "test" or called not in self.test_only]

    def names(self, called: str, splits: Iterable[Split]) -> dict[str, str]:
        """Split to the pattern of its files."""
        return {split: self.files.format(language=called, split=self.splits[split]) for split in splits}


class HubSource(_Remote):
    """Files of a data set repository on the Hugging Face Hub, pinned to a commit."""

    hub: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    """Id of the repository."""
    revision: Commit | None
    """The commit; null where none is known, so that the recipe has to give one."""
    columns: dict[ColumnName, str] | None
    """What we need to the name of their column (parquet); null where `read` says how the files are laid out."""
    read: ReadOptions | None = None
    """How the files there are laid out, where that is another way than that of the original release."""
    ids: str | None = None
    """Beginning of the ids that are read of a file with several languages; `{language}` is its name of one."""

    def table(self, called: str, splits: tuple[Split, ...], revision: str) -> HubTable:
        """What a job reads of it at a commit, for the data set's own name of a language."""
        ids = self.ids.replace("{language}", called) if self.ids is not None else None
        files, columns = self.names(called, splits), self.columns
        return HubTable(repository=self.hub, revision=revision, files=files, columns=columns, ids=ids)


class GithubSource(_Remote):
    """Files of a repository on GitHub, or of one repository a language, each at a commit."""

    github: str | dict[str, str]
    """`owner/name`, or the data set's own name of a language to it."""
    commit: Commit | dict[str, Commit]
    """The commit, or that of each."""

    @property
    def is_one(self) -> bool:
        """Whether all languages are in one repository."""
        return isinstance(self.github, str)

    def table(self, called: str, splits: tuple[Split, ...], commit: str | None = None) -> GithubFiles:
        """What a job reads of it, for the data set's own name of a language; at another commit if one is given."""
        return GithubFiles(
            repository=self.github if isinstance(self.github, str) else self.github[called],
            commit=commit or (self.commit if isinstance(self.commit, str) else self.commit[called]),
            files=self.names(called, splits),
        )


class MiniatureText(_Part):
    """Unlabelled text of the built-in world."""

    miniature: Literal["text"]


class MiniatureTask(_Part):
    """Labelled data of the built-in world."""

    miniature: MiniatureTaskName


class Card(_Part):
    """What every card says about the material it stands for."""

    name: str
    kind: str
    summary: str
    """One sentence on what it is and what it is good for."""
    licence: str
    """Licence as stated by the publisher, and what that leaves open."""
    citation: str
    """Whom to cite."""
    homepage: str
    """Where to read more."""
    languages: dict[str, str] | Literal["any"]
    """Our code of a language (BCP 47) to what the data set calls it; `any` where the user brings files."""

    def speaks(self, language: str) -> bool:
        """Whether the card has this language."""
        return self.languages == "any" or language in self.languages

    def call(self, language: str) -> str:
        """What the data set calls a language that it has."""
        return language if self.languages == "any" else self.languages[language]


class CorpusCard(Card):
    """A source of unlabelled text, by language."""

    kind: Literal["corpus"]
    source: HubSource | MiniatureText | Literal["files"]
    """`files`: the recipe brings them."""


class TaskCard(Card):
    """A source of labelled data: one task, by language."""

    kind: Literal["task"]
    task_type: TaskType
    label_scheme: LabelScheme
    """`iob2`: O, B-X, I-X. `plain`: a label is a name and nothing more. `span`: an answer is a piece of text."""
    metric: Metric
    """What the task is primarily judged by."""
    source: HubSource | GithubSource | MiniatureTask | Literal["files"]
    """`files`: the recipe brings them."""
    test: HubSource | None = None
    """Where the test split comes from, if from elsewhere than the others."""
    read: ReadOptions | None
    """How text files are laid out; null where files cannot take the card's place."""
    labels: dict[str, str] = Field(default_factory=dict)
    """The data's label to the name it has here, where the data numbers its labels or spells them in several ways."""
    questions: dict[str, str] | None = None
    """The data's name of a kind of question to the question in words, where it is no text."""
    held_out: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the articles of the training file that is the validation split, where the same file stands for both."""


class CorpusChoice(_Part):
    """What a recipe says about the text of a language: a card, a file of one's own, or a file in the card's place."""

    card: str | None = None
    path: str | None = None
    """Text file, plain or gzip, a sentence or document a line; relative to the recipe's folder. With a card also a file
    of its release (parquet or JSON lines)."""
    language: str | None = None
    """Language of the card that is taken for this one, where the card has only a near one: `quy` for `qu`."""
    revision: Commit | None = None
    """Commit of the card's repository, where the card knows none or another is wanted."""
    max_lines: int | None = Field(default=None, ge=2)
    """Lines read at most (default: the stage's own limit)."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.card is None and self.path is None:
            raise ValueError("give card, path, or both")
        if self.card is None and (self.language or self.revision):
            raise ValueError("language and revision go with card")
        if self.path is not None and self.revision is not None:
            raise ValueError("give path or revision: a file takes the place of the repository")
        return self


class DataChoice(_Part):
    """Labelled data: a card, and what the recipe brings or changes."""

    card: str
    labels: dict[str, str] = Field(default_factory=dict)
    """Their label to ours, by name. For a task in IOB2 these are entity types: `{DATE: O, OTH: LOC}`."""
    read: dict[str, Any] = Field(default_factory=dict)
    """Options of the file format that differ from the card's, such as `{label: topic, quoting: false}`."""
    revision: Commit | None = None
    """Commit of the card's repository, where the card knows none or another is wanted. A test split that comes from
    another repository stays at the commit of the card."""


class TrainChoice(DataChoice):
    """What a task is learnt on, where that is another data set than it is evaluated on."""

    files: dict[Split, str] = Field(default_factory=dict)
    """Split to file of the source language; takes the place of the card's own source."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: object) -> object:
        return {"card": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.files and self.revision is not None:
            raise ValueError("give files or revision: files take the place of the repository")
        return self


class TaskChoice(DataChoice):
    """What a recipe says about a task: the card, and what it brings or changes."""

    files: dict[str, dict[Split, str]] = Field(default_factory=dict)
    """Language to split to file; takes the place of the card's own source for that language."""
    languages: dict[str, str] = Field(default_factory=dict)
    """Language of the recipe to the language of the card that is taken for it, where the card has only a near one."""
    train_on: TrainChoice | None = None
    """Data set for training and model selection, where the card's has none (XCOPA, AmericasNLI, XQuAD)."""
    target_languages: list[str] | None = None
    """Targets of the recipe that this task is evaluated on; all of them if left out, and `[]` for a task that is only
    learnt."""
    continue_from: str | None = None
    """Task of the recipe from whose training this one goes on."""
    adapter: TaskAdapterChoice | None = None
    """A ready task adapter, taken in the place of training one by the methods that stack on a language adapter."""

    def of_training(self, language: str) -> TaskChoice:
        """The choice that the training data of the source language is looked up by."""
        if self.train_on is None:
            return self
        given = self.train_on.model_dump(exclude={"files"})
        return TaskChoice(**given, files={language: self.train_on.files} if self.train_on.files else {})
