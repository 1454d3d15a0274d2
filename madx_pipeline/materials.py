"""Outside material of a recipe, looked up and pinned: what planning needs to know before anything runs.

All reading of the outside world while planning happens here (files are hashed, cards are read), so
that `plan.py` is a pure function of what this module found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import yaml

from madx_pipeline.cards import corpus_card, task_card
from madx_pipeline.data.sources import Split
from madx_pipeline.errors import InputError, Problem
from madx_pipeline.languages import language_name
from madx_pipeline.material import ContentHash, Material, folder_material
from madx_pipeline.published.catalogue import LanguageAdapter, TaskAdapter
from madx_pipeline.published.pin import Pinning
from madx_pipeline.published.ready import ReadyAdapters, Wanted
from madx_pipeline.recipe import BaseModelChoice, Recipe
from madx_pipeline.recipe_file import RecipeFile
from madx_pipeline.shipped import shipped_folder
from madx_pipeline.task_material import task_material
from madx_pipeline.text_material import corpus_material

_SOURCE_SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_TARGET_SPLITS: tuple[Split, ...] = ("test",)
_Found = TypeVar("_Found")


@dataclass
class Materials:
    """What the recipe points at, pinned by commit or content.

    Attributes:
        base_model: The base model.
        corpora: Unlabelled text by language, where something is trained on it; a language without any is not in it.
        adapters: Language adapters that are fetched, by language.
        task_data: Labelled data by (task, language).
        task_adapters: Task adapters that are fetched, by task.
        language_entries: What the catalogue says of fetched language adapters, by language; not all are in it.
        task_entries: The same of fetched task adapters, by task.
    """

    base_model: Material | None = None
    corpora: dict[str, Material] = field(default_factory=dict)
    adapters: dict[str, Material] = field(default_factory=dict)
    task_data: dict[tuple[str, str], Material] = field(default_factory=dict)
    task_adapters: dict[str, Material] = field(default_factory=dict)
    language_entries: dict[str, LanguageAdapter] = field(default_factory=dict)
    task_entries: dict[str, TaskAdapter] = field(default_factory=dict)


def find_materials(read: RecipeFile, content_hash: ContentHash, pinning: Pinning) -> tuple[Recipe, Materials]:
    """Looks up everything a recipe points at; no connection is made for a recipe that has problems.

    Args:
        read: The recipe as read.
        content_hash: sha256 (hex) of a file's content.
        pinning: How repositories of adapters are pinned.

    Raises:
        InputError: With every problem of the recipe: those found while reading it and those found here.
    """
    problems = list(read.problems)
    materials = Materials()
    if read.recipe is not None:
        ready = ReadyAdapters(read.recipe, read.path.parent, content_hash, pinning)
        problems = _fill(materials, _Finder(read.recipe, read.path, content_hash, ready, problems))
    if problems or read.recipe is None:
        raise InputError(dict.fromkeys(problems))  # a card that does not exist is missed once, not for each language
    return read.recipe, materials


def _fill(materials: Materials, finder: _Finder) -> list[Problem]:
    """Fills `materials` and gives all problems; one thing missing does not hide the next."""
    recipe = finder.recipe
    materials.base_model = finder.attempt(finder.base_model)
    for code in recipe.adapter_languages:
        if recipe.adapter_choice(code).train:
            corpus = finder.attempt(partial(_corpus, recipe, code, finder.folder, finder.content_hash))
            if corpus is not None:
                materials.corpora[code] = corpus
    _fill_more_text(materials, finder)
    _fill_task_data(materials, finder)
    languages, tasks = _language_adapters(finder), _task_adapters(finder)
    for ask in (False, True):  # what the lock file forbids is found without a network, and before one is used
        if not (ask and finder.problems):
            materials.adapters = finder.pinned(languages, 'language_adapters."{}": ', ask)
            materials.task_adapters = finder.pinned(tasks, "tasks.{}: ", ask)
    materials.language_entries, materials.task_entries = finder.ready.languages, finder.ready.tasks
    return finder.problems


def _fill_task_data(materials: Materials, finder: _Finder) -> None:
    """Labelled data of every task in the source language and in the targets that it is evaluated on."""
    recipe = finder.recipe
    for task in recipe.tasks:
        for code in recipe.languages_of(task):
            found = finder.attempt(partial(finder.labelled, task, code), f"tasks.{task}: ")
            if found is not None:
                materials.task_data[task, code] = found
        finder.attempt(partial(_check_continues, recipe, task), f"tasks.{task}.continue_from: ")


def _fill_more_text(materials: Materials, finder: _Finder) -> None:
    """Text of languages that need it for continued pretraining alone; where there is none, a score will be missing."""
    recipe = finder.recipe
    if not recipe.continues_pretraining:
        return
    for code in recipe.languages:
        choice = recipe.corpus_choice(code)
        if code in materials.corpora or choice is None:
            continue
        look_up = partial(_corpus, recipe, code, finder.folder, finder.content_hash)
        optional = code not in recipe.corpora and choice.card is not None
        corpus = finder.attempt(partial(_if_spoken, str(choice.card), code, look_up) if optional else look_up)
        if corpus is not None:
            materials.corpora[code] = corpus


def _if_spoken(card: str, code: str, look_up: Callable[[], Material]) -> Material | None:
    """What `look_up` finds; that the card of all languages has nothing for one of them is no mistake."""
    return look_up() if corpus_card(card).speaks(code) else None


def _language_adapters(finder: _Finder) -> dict[str, Material | Wanted]:
    """The adapters of languages that take a ready one."""
    found = {}
    for code in finder.recipe.adapter_languages:
        choice = finder.recipe.adapter_choice(code)
        if not choice.train:  # the word `published` is one choice for all languages that say it
            where = "language_adapters: " if choice.published else f'language_adapters."{code}": '
            found[code] = finder.attempt(partial(finder.ready.language, code), where)
    return {code: adapter for code, adapter in found.items() if adapter is not None}


def _task_adapters(finder: _Finder) -> dict[str, Material | Wanted]:
    found = {
        task: finder.attempt(partial(finder.ready.task, task, choice.adapter), f"tasks.{task}: ")
        for task, choice in finder.recipe.tasks.items()
        if choice.adapter is not None
    }
    return {task: adapter for task, adapter in found.items() if adapter is not None}


@dataclass(frozen=True)
class _Finder:
    """Looks up one thing at a time, relative to the recipe's folder."""

    recipe: Recipe
    file: Path
    content_hash: ContentHash
    ready: ReadyAdapters
    problems: list[Problem]

    @property
    def folder(self) -> Path:
        return self.file.parent

    def attempt(self, look_up: Callable[[], _Found], where: str = "") -> _Found | None:
        """What `look_up` finds, or None and its problems noted."""
        try:
            return look_up()
        except InputError as error:
            self.problems.extend(Problem(f"{self.file.name}: {where}{one.message}", one.hint) for one in error.problems)
            return None

    def base_model(self) -> Material:
        return _base_model_material(self.recipe.base_model, self.folder, self.content_hash)

    def pinned(self, adapters: Mapping[str, Material | Wanted], where: str, ask: bool) -> dict[str, Material]:
        """Ready adapters at their commits; `where` has a place for the language or task."""
        found = {
            key: self.attempt(partial(self.ready.pinned, adapter, ask=ask), where.format(key))
            if isinstance(adapter, Wanted)
            else adapter
            for key, adapter in adapters.items()
        }
        return {key: material for key, material in found.items() if material is not None}

    def labelled(self, task: str, code: str) -> Material:
        needs = _SOURCE_SPLITS if code == self.recipe.source_language else _TARGET_SPLITS
        return task_material(self.recipe.tasks[task], code, self.folder, self.content_hash, needs=needs)


def _check_continues(recipe: Recipe, task: str) -> None:
    """Whether a task and the one it goes on from are learnt in the same way."""
    before = recipe.tasks[task].continue_from
    if before not in recipe.tasks:
        return
    one, other = (task_card(recipe.tasks[name].card).task_type for name in (task, str(before)))
    if one != other:
        raise InputError(
            f"{before} is {other}, and {task} is {one}.",
            "A task can go on from one of its own type: what is learnt is read off in another way.",
        )


def _corpus(recipe: Recipe, code: str, folder: Path, content_hash: ContentHash) -> Material:
    choice = recipe.corpus_choice(code)
    if choice is None:
        raise InputError(
            f'corpora has nothing for "{code}" ({language_name(code)}), whose language adapter is to be trained.',
            f'Add corpora: {{"{code}": {{path: ...}}}}, or language_adapters: {{"{code}": none}} to leave it out.',
        )
    return corpus_material(choice, code, folder, content_hash)


def _base_model_material(choice: BaseModelChoice, folder: Path, content_hash: ContentHash) -> Material:
    if choice.builtin is not None:
        return Material({"builtin": choice.builtin, "world_seed": choice.world_seed}, {})
    if choice.path is not None:
        return folder_material(folder, "base_model.path", choice.path, content_hash)
    name = str(choice.id)
    revision = choice.revision or _known_revisions().get(name)
    if revision is None:
        raise InputError(
            f"base_model.revision is missing, and no commit of {name} is known here.",
            "Add the commit to use (40 hex digits; the hub shows it in the list of commits of the model).",
        )
    return Material({"id": name, "revision": revision}, {})


@cache
def _known_revisions() -> dict[str, str]:
    """Hub id to commit, from `data_cards/base_models.yaml`."""
    text = (shipped_folder("data_cards") / "base_models.yaml").read_text(encoding="utf-8")
    return {str(name): str(commit) for name, commit in yaml.safe_load(text).items()}
