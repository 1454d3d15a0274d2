"""What a recipe's choice of labelled data means for one language: the plain data that enters a job's fingerprint.

A choice picks a card or brings files, and may take the training data from another card. Nothing here reads data, so
planning stays quick; files are only hashed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from madx_pipeline.cards import task_card
from madx_pipeline.data.card_models import (
    GithubSource,
    HubSource,
    MiniatureTask,
    TaskCard,
    TaskChoice,
)
from madx_pipeline.data.choice_checks import (
    absolute,
    file_problem,
    label_problems,
    language_problems,
    missing_splits,
    pinned_revision,
    read_options,
    revision_problems,
    split_problems,
)
from madx_pipeline.data.formats import for_language
from madx_pipeline.data.sources import Split, TaskSource
from madx_pipeline.errors import InputError, Problem
from madx_pipeline.material import ContentHash, Material


def task_material(
    choice: TaskChoice, language: str, folder: Path, content_hash: ContentHash, *, needs: tuple[Split, ...]
) -> Material:
    """What a recipe's choice of labelled data means for one language.

    Args:
        choice: What the recipe says.
        language: BCP 47 code.
        folder: Folder that relative paths start from (the recipe's).
        content_hash: sha256 (hex) of a file's content.
        needs: Splits the job needs: all three for the source language, `("test",)` for a target.

    Returns:
        `source` as `data.sources.TaskSource`; `locations` has split to path where there are files.

    Raises:
        InputError: With everything that is wrong: unknown card, a language or split it does not have,
            files that are not there, unknown format options.
    """
    look = partial(_Lookup, language=language, folder=folder, content_hash=content_hash)
    if choice.train_on is None or "train" not in needs:
        source, locations = look(choice).find(needs)
        return Material(source.as_json(), locations)
    unread = [split for split in choice.files.get(language, {}) if split != "test"]
    if unread:
        message = f'train_on says what is learnt on, and files has {" and ".join(unread)} of "{language}" as well.'
        raise InputError(message, "Move these into train_on: {card: ..., files: {...}}, or leave them out.")
    trained_on = choice.of_training(language)
    _check_same_task(task_card(choice.card), task_card(trained_on.card))
    source, locations = look(trained_on).find(("train", "validation"))
    test, where = look(choice if _has_test(choice, language) else trained_on).find(("test",))
    return Material(source.model_copy(update={"test": test}).as_json(), {**locations, **where})


def _has_test(choice: TaskChoice, language: str) -> bool:
    """Whether the card that a task is evaluated on has the source language, or the recipe has a file of it."""
    card = task_card(choice.card)
    there = card.languages != "any" and card.speaks(choice.languages.get(language, language))
    return language in choice.files or (there and card.source != "files")


def _check_same_task(card: TaskCard, trained_on: TaskCard) -> None:
    for name in ("task_type", "label_scheme"):
        one, other = getattr(card, name), getattr(trained_on, name)
        if one != other:
            raise InputError(
                f"train_on: {trained_on.name} has the {name} {other}, {card.name} has {one}.",
                "What is learnt on one data set can be evaluated on another only if both are the same kind of task.",
            )


@dataclass(frozen=True)
class _Lookup:
    """One choice of labelled data, looked up for one language."""

    choice: TaskChoice
    language: str
    folder: Path
    content_hash: ContentHash

    @property
    def card(self) -> TaskCard:
        return task_card(self.choice.card)

    @property
    def taken(self) -> str:
        """The language of the card."""
        return self.choice.languages.get(self.language, self.language)

    def find(self, needs: tuple[Split, ...]) -> tuple[TaskSource, dict[str, str]]:
        """What a job is told, and where files are."""
        problems = label_problems(self.card, self.choice)
        problems += revision_problems(self.card, self.choice.revision)
        if problems:
            raise InputError(problems)
        if self.language in self.choice.files or self.card.source == "files":
            return self._from_files(needs)
        return self._from_card(needs), {}

    def _from_card(self, needs: tuple[Split, ...]) -> TaskSource:
        """From the card's own source."""
        card, language = self.card, self.language
        problems = language_problems(card, language, partial(_take_data, language), self.choice.languages.get(language))
        problems = problems or missing_splits(card, language, card.call(self.taken), needs)
        if self.choice.read and not self.choice.files:
            message = f"read has no effect: no files are given, and {card.name} reads none."
            problems.append(Problem(message, "Leave it out."))
        if problems:
            raise InputError(problems)
        if card.test is not None and "test" in needs:
            test = self._remote(card.test, ("test",), revision=None)
            rest = tuple(split for split in needs if split != "test")
            return self._own(rest).model_copy(update={"test": test}) if rest else test
        return self._own(needs)

    def _own(self, needs: tuple[Split, ...]) -> TaskSource:
        source = self.card.source
        if isinstance(source, HubSource):
            return self._remote(source, needs, self.choice.revision)
        called = self.card.call(self.taken)
        if isinstance(source, GithubSource):
            read = for_language(self.card.read, called) if self.card.read is not None else None
            return self._told(github=source.table(called, needs, self.choice.revision), read=read)
        made = source.miniature if isinstance(source, MiniatureTask) else None
        return self._told(miniature=made, splits=needs, language=called)

    def _remote(self, source: HubSource, needs: tuple[Split, ...], revision: str | None) -> TaskSource:
        """From a repository on the Hub, in parquet or laid out as the card says."""
        called = self.card.call(self.taken)
        read = (source.read or self.card.read) if source.columns is None else None
        read = for_language(read, called) if read is not None else None
        return self._told(hub=source.table(called, needs, pinned_revision(self.card, source, revision)), read=read)

    def _from_files(self, needs: tuple[Split, ...]) -> tuple[TaskSource, dict[str, str]]:
        """From files of the recipe, in the place of the card's own source."""
        card, given = self.card, self.choice.files.get(self.language, {})
        problems = split_problems(card.name, self.language, given, needs)
        used = [split for split in needs if split in given]
        problems += [problem for split in used if (problem := file_problem(given[split], self.folder)) is not None]
        read, wrong = read_options(card, self.choice.read)
        problems += wrong
        if problems:
            raise InputError(problems)
        if read is not None:
            read = for_language(read, card.call(self.taken) if card.speaks(self.taken) else self.taken)
        paths = {split: absolute(given[split], self.folder) for split in used}
        source = self._told(files={split: self.content_hash(path) for split, path in paths.items()}, read=read)
        return source, {split: str(path) for split, path in paths.items()}

    def _told(self, **material: Any) -> TaskSource:
        """What a job is told; the recipe's names of labels come after those of the card."""
        card, labels = self.card, self.choice.labels
        named = {theirs: labels.get(ours, ours) for theirs, ours in card.labels.items()}
        told = TaskSource(
            card=card.name,
            task_type=card.task_type,
            label_scheme=card.label_scheme,
            metric=card.metric,
            labels={**named, **labels} or None,
            questions=card.questions,
            answers_in=self.taken if card.task_type == "question_answering" else None,
            **material,
        )
        return told.model_copy(update={"held_out": card.held_out}) if told.is_cut else told


def _take_data(language: str, taken: str) -> str:
    """How a recipe says that labelled data in another language is taken for that of one."""
    return f'languages: {{"{language}": "{taken}"}}'
