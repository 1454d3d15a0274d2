"""What a data card and a recipe's choice of one may say, key by key.

`cards.py` reads the cards and turns choices into pinned material; here is only their shape. Cards have
no defaults: every key is written, so that a card can be read without knowing this file. Only what concerns few data
sets (names of labels, questions in words) may be left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from madx_pipeline.data.formats import ReadOptions
from madx_pipeline.data.sources import HubTable, LabelScheme, Metric, MiniatureTaskName, Split, TaskType
from madx_pipeline.published.choices import TaskAdapterChoice

ColumnName = Literal[
    "text", "text_pair", "words", "label", "labels", "premise", "question", "choice1", "choice2", "choice3",
    "id", "context", "answers",
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HubSource(_Part):
    """Files of a data set repository on the Hugging Face Hub, pinned to a commit."""

    hub: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    """Id of the repository."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """Full commit hash: the data never changes under a finished run."""
    files: str
    """Pattern of file names; `{language}` and `{split}` stand for what the data set calls them."""
    splits: dict[Split, str]
    """Our name of a split to theirs."""
    columns: dict[ColumnName, str] | None
    """What we need to the name of their column (parquet); null where `read` says how the files are laid out."""

    def table(self, language: str, splits: tuple[Split, ...]) -> HubTable:
        """What a job reads of it, for the data set's own name of a language."""
        files = {split: self.files.format(language=language, split=self.splits[split]) for split in splits}
        return HubTable(repository=self.hub, revision=self.revision, files=files, columns=self.columns)


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
    source: HubSource | MiniatureText


class TaskCard(Card):
    """A source of labelled data: one task, by language."""

    kind: Literal["task"]
    task_type: TaskType
    label_scheme: LabelScheme
    """`iob2`: O, B-X, I-X. `plain`: a label is a name and nothing more. `span`: an answer is a piece of text."""
    metric: Metric
    """What the task is primarily judged by."""
    source: HubSource | MiniatureTask | Literal["files"]
    """`files`: the recipe brings them."""
    read: ReadOptions | None
    """How text files are laid out; null where files cannot take the card's place."""
    labels: dict[str, str] = Field(default_factory=dict)
    """The data's label to the name it has here, where the data numbers its labels or spells them in several ways."""
    questions: dict[str, str] | None = None
    """The data's name of a kind of question to the question in words, where it is no text."""


class CorpusChoice(_Part):
    """What a recipe says about the text of a language: a card, or a file of one's own."""

    card: str | None = None
    path: str | None = None
    """Text file, plain or gzip, a sentence or document a line; relative to the recipe's folder."""
    language: str | None = None
    """Language of the card that is taken for this one, where the card has only a near one: `quy` for `qu`."""
    max_lines: int | None = Field(default=None, ge=2)
    """Lines read at most (default: the stage's own limit)."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.card is None) == (self.path is None):
            raise ValueError("give exactly one of card, path")
        if self.language is not None and self.card is None:
            raise ValueError("language goes with card")
        return self


class TaskChoice(_Part):
    """What a recipe says about a task: the card, and what it brings or changes."""

    card: str
    files: dict[str, dict[Split, str]] = Field(default_factory=dict)
    """Language to split to file; takes the place of the card's own source for that language."""
    languages: dict[str, str] = Field(default_factory=dict)
    """Language of the recipe to the language of the card that is taken for it, where the card has only a near one."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Their label to ours, by name. For a task in IOB2 these are entity types: `{DATE: O, OTH: LOC}`."""
    read: dict[str, Any] = Field(default_factory=dict)
    """Options of the file format that differ from the card's, such as `{label: topic, quoting: false}`."""
    adapter: TaskAdapterChoice | None = None
    """A ready task adapter, taken in the place of training one by the methods that stack on a language adapter."""
