"""What is wrong with what a recipe says of its outside material: languages, files, splits, labels, options."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from madx_pipeline.data.card_models import Card, CorpusCard, DataChoice, GithubSource, HubSource, TaskCard
from madx_pipeline.data.formats import ReadOptions
from madx_pipeline.data.sources import Split
from madx_pipeline.errors import InputError, Problem, nearest
from madx_pipeline.languages import language_name, near_codes
from madx_pipeline.recipe_errors import field_problems

_REMOTE = (HubSource, GithubSource)
_NEAREST = 3
"""Near languages that are named."""
_WITHOUT = {
    "train": "is the source language and has no train split: the task adapter learns from it.",
    "validation": "is the source language and has no validation split: the task adapter that is kept is chosen on it.",
    "test": "has no test split: there would be nothing to evaluate on.",
}


def absolute(written: str, folder: Path) -> Path:
    """Where a path of a recipe points: from the recipe's folder, unless it is absolute or starts with `~`."""
    return (folder / os.path.expanduser(written)).absolute()


def file_problem(written: str, folder: Path) -> Problem | None:
    """What is wrong with a file that a recipe names, or None."""
    path = absolute(written, folder)
    if path.is_file():
        return None
    if path.is_dir():
        return Problem(f"recipe says {written}, which is a folder, not a file.", f"Name a file in {path}.")
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, beside)
    hint = f'Nearest: "{close}".' if close is not None else "Paths start at the recipe's folder."
    return Problem(f"recipe says {written}, not found in {folder.absolute()}.", hint)


def split_problems(card: str, language: str, given: Collection[str], needs: Sequence[str]) -> list[Problem]:
    """What is missing among the files given for a language."""
    if not given:
        files = ", ".join(f"{split}: ..." for split in needs)
        message = f'{card} reads files, and files has none for "{language}" ({language_name(language)}).'
        return [Problem(message, f'Add files: {{"{language}": {{{files}}}}}.')]
    return [
        Problem(f'"{language}" {_WITHOUT[split]}', f'Add files: {{"{language}": {{{split}: ...}}}}.')
        for split in needs
        if split not in given
    ]


def missing_splits(card: TaskCard, language: str, called: str, needs: Sequence[Split]) -> list[Problem]:
    """What is missing where a data set, or a language in it, was made for evaluation alone."""
    there: Sequence[Split] = card.source.splits_of(called) if isinstance(card.source, _REMOTE) else needs
    whole = [*there, *(["test"] if card.test is not None else [])]
    return [
        Problem(
            f'"{language}" {_WITHOUT[split]} {card.name} is for evaluation.',
            f'Say which data set to learn it on (train_on: ...), or add files: {{"{language}": {{{split}: ...}}}}.',
        )
        for split in needs
        if split not in whole
    ]


def revision_problems(card: CorpusCard | TaskCard, given: str | None) -> list[Problem]:
    """What is wrong with giving a commit for a card's own source."""
    source = card.source
    if given is None or isinstance(source, HubSource) or (isinstance(source, GithubSource) and source.is_one):
        return []
    several = isinstance(source, GithubSource)
    why = "each of its languages has a repository of its own" if several else "it is taken from no repository"
    return [Problem(f"revision cannot be said of {card.name}: {why}.", "Leave it out.")]


def pinned_revision(card: Card, source: HubSource, given: str | None) -> str:
    """The commit to take a card's files from.

    Raises:
        InputError: If neither the card nor the recipe has one.
    """
    revision = given or source.revision
    if revision is None:
        raise InputError(
            f"{card.name}: no commit of {source.hub} is known here, and what is not pinned cannot be told apart later.",
            "Add revision: <the commit to use, 40 hex digits>, or bring files of your own.",
        )
    return revision


def language_problems(card: Card, language: str, say: Callable[[str], str], taken: str | None = None) -> list[Problem]:
    """What is wrong with asking a card for a language.

    Args:
        card: The card.
        language: Language of the recipe.
        say: How the recipe says that another language of the card, which is given, is taken for it.
        taken: The other language, if the recipe says so already.
    """
    if card.languages == "any":
        return [Problem(f"{card.name} has no languages of its own, so none is taken for another.", "Leave it out.")] * (
            taken is not None
        )
    if taken is not None and taken not in card.languages:
        message = f'"{taken}" is to be taken for "{language}", and {card.name} does not have it.'
        return [Problem(message, f"All: madx show {card.name}.")]
    if taken is not None or language in card.languages:
        return []
    near = near_codes(language, card.languages) or _spelt_alike(language, list(card.languages))
    names = ", ".join(f'"{code}" ({language_name(code)})' for code in near[:_NEAREST])
    found = f" Nearest: {names}." if near else ""
    message = f'{card.name} has no language "{language}".{found} All: madx show {card.name}.'
    taking = f"To take it for {language}, say so: {say(near[0])}. " if near else ""
    return [Problem(message, f"{taking}Or correct the code, leave the language out, bring files of your own.")]


def _spelt_alike(language: str, codes: Sequence[str]) -> list[str]:
    """A code that was perhaps meant, where none is near."""
    close = nearest(language, codes)
    return [close] if close is not None else []


def label_problems(card: TaskCard, choice: DataChoice) -> list[Problem]:
    """What is wrong with the map of labels.

    In IOB2 the map is one of entity types; a tag in it would never match anything.
    """
    if card.label_scheme != "iob2":
        return []
    wrong = [name for pair in choice.labels.items() for name in pair if name.startswith(("B-", "I-"))]
    wrong += ["O"] if "O" in choice.labels else []
    hint = "Give entity types, without B- and I-: labels: {DATE: O, OTH: LOC}."
    return [Problem(f"labels has {name}, which is not an entity type.", hint) for name in wrong]


def read_options(card: TaskCard, changes: dict[str, Any]) -> tuple[ReadOptions | None, list[Problem]]:
    """The card's format options with the recipe's changes, and what is wrong with these."""
    if card.read is None:
        message = f"{card.name} makes its own data: files cannot take its place."
        return None, [Problem(message, "Take a card that reads files: conllu, conll, table.")]
    model = type(card.read)
    try:
        return model.model_validate({**card.read.model_dump(), **changes}), []
    except ValidationError as error:
        return None, field_problems(error, "read", model, separator=".")
