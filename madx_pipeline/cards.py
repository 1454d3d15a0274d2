"""Data cards: where outside material comes from, under which licence, and what a recipe makes of it.

A card (`data_cards/corpora/*.yaml`, `data_cards/tasks/*.yaml`) names a source and pins it; a choice in a
recipe picks a card or brings files; `corpus_material` and `task_material` turn both into the plain data
that enters a job's fingerprint. Names of cards are a closed set: the files that are there. Nothing here
reads data, so planning stays quick; files are only hashed.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import ValidationError

from madx_pipeline.data.card_models import (
    Card,
    CorpusCard,
    CorpusChoice,
    HubSource,
    MiniatureTask,
    MiniatureText,
    TaskCard,
    TaskChoice,
)
from madx_pipeline.data.choice_checks import (
    absolute,
    file_problem,
    label_problems,
    language_problems,
    missing_splits,
    read_options,
    split_problems,
)
from madx_pipeline.data.formats import for_language
from madx_pipeline.data.sources import CorpusSource, Split, TaskSource
from madx_pipeline.errors import InputError, Problem, suggestion
from madx_pipeline.material import ContentHash, Material
from madx_pipeline.recipe_errors import field_problems
from madx_pipeline.shipped import shipped_folder

CardKind = Literal["corpora", "tasks"]
_Card = TypeVar("_Card", bound=Card)


@cache
def card_names(kind: CardKind) -> tuple[str, ...]:
    """Names of the shipped cards of a kind, sorted."""
    return tuple(sorted(path.stem for path in (shipped_folder("data_cards") / kind).glob("*.yaml")))


@cache
def corpus_card(name: str) -> CorpusCard:
    """The corpus card of that name.

    Raises:
        InputError: If there is none, or it is not a valid card.
    """
    return _read_card("corpora", name, CorpusCard)


@cache
def task_card(name: str) -> TaskCard:
    """The task card of that name.

    Raises:
        InputError: If there is none, or it is not a valid card.
    """
    return _read_card("tasks", name, TaskCard)


def corpus_material(choice: CorpusChoice, language: str, folder: Path, content_hash: ContentHash) -> Material:
    """What a recipe's choice of text means for one language.

    Args:
        choice: What the recipe says.
        language: BCP 47 code.
        folder: Folder that relative paths start from (the recipe's).
        content_hash: sha256 (hex) of a file's content.

    Returns:
        `source` as `data.sources.CorpusSource`; `locations` has `path` where there is a file.

    Raises:
        InputError: Unknown card, a language it does not have, a file that is not there.
    """
    if choice.path is not None:
        problem = file_problem(choice.path, folder)
        if problem is not None:
            raise InputError(problem)
        path = absolute(choice.path, folder)
        source = CorpusSource(text=content_hash(path), max_lines=choice.max_lines)
        return Material(source.as_json(), {"path": str(path)})
    card = corpus_card(str(choice.card))
    problems = language_problems(card, language, partial(_take_text, card.name, language), choice.language)
    if problems:
        raise InputError(problems)
    called = card.call(choice.language or language)
    source = CorpusSource(
        card=card.name,
        hub=card.source.table(called, ("train",)) if isinstance(card.source, HubSource) else None,
        miniature=card.source.miniature if isinstance(card.source, MiniatureText) else None,
        language=called if isinstance(card.source, MiniatureText) else None,
        max_lines=choice.max_lines,
    )
    return Material(source.as_json(), {})


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
    card = task_card(choice.card)
    problems = label_problems(card, choice)
    if problems:
        raise InputError(problems)
    if language in choice.files or card.source == "files":
        return _from_files(card, choice, language, folder, content_hash, needs)
    taken = choice.languages.get(language)
    problems = language_problems(card, language, partial(_take_data, language), taken)
    problems = problems or missing_splits(card, language, needs)
    if choice.read and not choice.files:
        problems.append(
            Problem(f"read has no effect: no files are given, and {card.name} reads none.", "Leave it out.")
        )
    if problems:
        raise InputError(problems)
    called = card.call(taken or language)
    if isinstance(card.source, HubSource):
        read = card.read if card.source.columns is None else None
        source = _task_source(card, choice, language, hub=card.source.table(called, needs), read=read)
    else:
        made = card.source.miniature if isinstance(card.source, MiniatureTask) else None
        source = _task_source(card, choice, language, miniature=made, splits=needs, language=called)
    return Material(source.as_json(), {})


def _from_files(
    card: TaskCard, choice: TaskChoice, language: str, folder: Path, content_hash: ContentHash, needs: tuple[Split, ...]
) -> Material:
    """Labelled data from files of the recipe, in the place of the card's own source."""
    given = choice.files.get(language, {})
    problems = split_problems(card.name, language, given, needs)
    used = [split for split in needs if split in given]
    problems += [problem for split in used if (problem := file_problem(given[split], folder)) is not None]
    read, wrong = read_options(card, choice.read)
    problems += wrong
    if problems:
        raise InputError(problems)
    if read is not None:
        taken = choice.languages.get(language, language)
        read = for_language(read, card.call(taken) if card.speaks(taken) else taken)
    paths = {split: absolute(given[split], folder) for split in used}
    source = _task_source(
        card, choice, language, files={split: content_hash(path) for split, path in paths.items()}, read=read
    )
    return Material(source.as_json(), {split: str(path) for split, path in paths.items()})


def _task_source(card: TaskCard, choice: TaskChoice, spoken: str, **material: Any) -> TaskSource:
    """What a job is told; the recipe's names of labels come after those of the card."""
    named = {theirs: choice.labels.get(ours, ours) for theirs, ours in card.labels.items()}
    return TaskSource(
        card=card.name,
        task_type=card.task_type,
        label_scheme=card.label_scheme,
        metric=card.metric,
        labels={**named, **choice.labels} or None,
        questions=card.questions,
        answers_in=spoken if card.task_type == "question_answering" else None,
        **material,
    )


def _take_text(card: str, language: str, taken: str) -> str:
    """How a recipe says that text in another language is taken for that of one."""
    return f'corpora: {{"{language}": {{card: {card}, language: "{taken}"}}}}'


def _take_data(language: str, taken: str) -> str:
    """How a recipe says that labelled data in another language is taken for that of one."""
    return f'languages: {{"{language}": "{taken}"}}'


def _read_card(kind: CardKind, name: str, model: type[_Card]) -> _Card:
    names = card_names(kind)
    if name not in names:
        what = "corpus" if kind == "corpora" else "task"
        raise InputError(f'there is no {what} card "{name}". {suggestion(name, names)}', "All cards: madx list cards.")
    path = shipped_folder("data_cards") / kind / f"{name}.yaml"
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InputError(field_problems(error, str(path), model)) from error
