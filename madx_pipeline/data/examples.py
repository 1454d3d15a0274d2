"""Labelled examples, one class a form: what is read from outside, and what is written to `<split>.jsonl`.

A form says which of its strings are text (to be normalised, counted, compared), what its labels are (to be
mapped by name and checked), and how it looks as a line of JSON. So reading, cleaning and checking are written
once for all forms (`task_split.py`), and a form is all that a new type of task adds here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from madx_pipeline.errors import JobError
from madx_pipeline.records import Json

Normal = Callable[[str], str]
"""Brings a string into the one Unicode form of all text (NFC)."""

HIDDEN = "Hidden answers of a test set cannot be scored: take a split that has them."
"""What to do where a label is none."""


class Example(ABC):
    """One labelled example."""

    @property
    @abstractmethod
    def strings(self) -> list[str]:
        """Its texts; examples with equal ones are the same but for their labels."""

    @property
    @abstractmethod
    def labels(self) -> list[str]:
        """Its labels; a form that is answered with text has none."""

    @abstractmethod
    def cleaned(self, normal: Normal, labels: Sequence[str]) -> Self:
        """The same with normal strings and other labels (as many as there are)."""

    @abstractmethod
    def row(self) -> dict[str, Json]:
        """What is written of it."""

    @property
    def group(self) -> str:
        """What it has in common with other examples: where some are held out, all of a group are."""
        return "\n".join(self.strings)

    @property
    def has_content(self) -> bool:
        """Whether there is anything to predict from: none of its texts is blank."""
        return all(text.strip() for text in self.strings)


@dataclass(frozen=True)
class Tagged(Example):
    """A sentence in words, with a label each."""

    words: list[str]
    tags: list[str]

    @property
    def strings(self) -> list[str]:
        """The words."""
        return self.words

    @property
    def labels(self) -> list[str]:
        """The label of each word."""
        return self.tags

    @property
    def has_content(self) -> bool:
        """Whether one of the words is not blank: invisible words do occur in real sentences."""
        return any(word.strip() for word in self.words)

    def cleaned(self, normal: Normal, labels: Sequence[str]) -> Self:
        """The sentence with normal words and other labels."""
        return type(self)([normal(word) for word in self.words], list(labels))

    def row(self) -> dict[str, Json]:
        """`words` and `labels`."""
        return {"words": self.words, "labels": self.tags}


@dataclass(frozen=True)
class Parsed(Tagged):
    """A sentence in words, with its dependency tree.

    Attributes:
        heads: The number of the word that each word depends on; words count from 1, 0 is the root.
        tags: The relation of each word to its head.
    """

    heads: list[int]

    def cleaned(self, normal: Normal, labels: Sequence[str]) -> Self:
        """The tree with normal words and other relations."""
        return replace(self, words=[normal(word) for word in self.words], tags=list(labels))

    def row(self) -> dict[str, Json]:
        """`words`, `heads` and `labels`."""
        return {"words": self.words, "heads": self.heads, "labels": self.labels}


@dataclass(frozen=True)
class Text(Example):
    """A text with one label."""

    text: str
    label: str

    @property
    def strings(self) -> list[str]:
        """The text."""
        return [self.text]

    @property
    def labels(self) -> list[str]:
        """Its label."""
        return [self.label]

    def cleaned(self, normal: Normal, labels: Sequence[str]) -> Self:
        """The text in its normal form, with another label."""
        return type(self)(normal(self.text), labels[0])

    def row(self) -> dict[str, Json]:
        """`text` and `label`."""
        return {"text": self.text, "label": self.label}


@dataclass(frozen=True)
class Pair(Example):
    """Two texts with one label that says how the second stands to the first (premise and hypothesis)."""

    text: str
    second: str
    label: str

    @property
    def strings(self) -> list[str]:
        """Both texts."""
        return [self.text, self.second]

    @property
    def labels(self) -> list[str]:
        """The label."""
        return [self.label]

    @property
    def has_content(self) -> bool:
        """Whether one of them is not blank: a data set may lack a text, and scores published on it count the pair."""
        return any(text.strip() for text in self.strings)

    def cleaned(self, normal: Normal, labels: Sequence[str]) -> Self:
        """The texts in their normal form, with another label."""
        return type(self)(normal(self.text), normal(self.second), labels[0])

    def row(self) -> dict[str, Json]:
        """`text`, `text_pair` and `label`."""
        return {"text": self.text, "text_pair": self.second, "label": self.label}


@dataclass(frozen=True)
class Choice(Example):
    """A premise, what is asked about it, and possible answers of which one is right.

    Attributes:
        premise: What is known.
        question: What is asked, in words.
        choices: The possible answers.
        label: Which is right: `choice1`, `choice2`, ... counted in their order.
    """

    premise: str
    question: str
    choices: list[str]
    label: str

    @property
    def strings(self) -> list[str]:
        """The premise, the question and the choices."""
        return [self.premise, self.question, *self.choices]

    @property
    def labels(self) -> list[str]:
        """Which choice is right."""
        return [self.label]

    def cleaned(self, normal: Normal, labels: Sequence[str]) -> Self:
        """The same with normal texts, and the right choice under another name.

        Raises:
            JobError: If that is none of the choices.
        """
        names = choice_names(len(self.choices))
        if labels[0] not in names:
            message = f'the right choice is "{labels[0]}"; possible: {", ".join(names)} ("{self.premise[:40]}").'
            raise JobError(message, HIDDEN)
        choices = [normal(choice) for choice in self.choices]
        return type(self)(normal(self.premise), normal(self.question), choices, labels[0])

    def row(self) -> dict[str, Json]:
        """`premise`, `question`, `choices` and `label`."""
        return {"premise": self.premise, "question": self.question, "choices": self.choices, "label": self.label}


def choice_names(count: int) -> list[str]:
    """What the choices of an example are called, in their order."""
    return [f"choice{number}" for number in range(1, count + 1)]
