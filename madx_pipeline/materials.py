"""Outside material of a recipe, looked up and pinned: what planning needs to know before anything runs.

All reading of the outside world while planning happens here (files are hashed, cards are read), so
that `plan.py` is a pure function of what this module found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import product
from pathlib import Path

import yaml

from madx_pipeline.cards import ContentHash, Material, corpus_material, task_material
from madx_pipeline.data.choice_checks import absolute
from madx_pipeline.data.sources import Split
from madx_pipeline.errors import InputError, Problem
from madx_pipeline.languages import language_name
from madx_pipeline.recipe import AdapterChoice, BaseModelChoice, Recipe
from madx_pipeline.recipe_file import RecipeFile
from madx_pipeline.shipped import shipped_folder

_SOURCE_SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_TARGET_SPLITS: tuple[Split, ...] = ("test",)


@dataclass
class Materials:
    """What the recipe points at, pinned by commit or content.

    Attributes:
        base_model: The base model.
        corpora: Unlabelled text by language, for languages whose adapter is trained here.
        adapters: Language adapters that are fetched, by language.
        task_data: Labelled data by (task, language).
    """

    base_model: Material | None = None
    corpora: dict[str, Material] = field(default_factory=dict)
    adapters: dict[str, Material] = field(default_factory=dict)
    task_data: dict[tuple[str, str], Material] = field(default_factory=dict)


def find_materials(read: RecipeFile, content_hash: ContentHash) -> tuple[Recipe, Materials]:
    """Looks up everything a recipe points at.

    Raises:
        InputError: With every problem of the recipe: those found while reading it and those found here.
    """
    problems = list(read.problems)
    materials = Materials()
    if read.recipe is not None:
        problems += _fill(materials, read.recipe, read.path, content_hash)
    if problems or read.recipe is None:
        raise InputError(dict.fromkeys(problems))  # a card that does not exist is missed once, not for each language
    return read.recipe, materials


def _fill(materials: Materials, recipe: Recipe, file: Path, content_hash: ContentHash) -> list[Problem]:
    """Fills `materials` and gives what could not be found; one thing missing does not hide the next."""
    finder = _Finder(recipe, file, content_hash, [])
    materials.base_model = finder.attempt(finder.base_model)
    for code in recipe.adapter_languages:
        found = finder.attempt(partial(finder.language, code))
        if found is not None:
            (materials.corpora if recipe.adapter_choice(code).train else materials.adapters)[code] = found
    for task, code in product(recipe.tasks, recipe.languages):
        found = finder.attempt(partial(finder.labelled, task, code), f"tasks.{task}: ")
        if found is not None:
            materials.task_data[task, code] = found
    return finder.problems


@dataclass(frozen=True)
class _Finder:
    """Looks up one thing at a time, relative to the recipe's folder."""

    recipe: Recipe
    file: Path
    content_hash: ContentHash
    problems: list[Problem]

    @property
    def folder(self) -> Path:
        return self.file.parent

    def attempt(self, look_up: Callable[[], Material], where: str = "") -> Material | None:
        """What `look_up` finds, or None and its problems noted."""
        try:
            return look_up()
        except InputError as error:
            self.problems.extend(Problem(f"{self.file.name}: {where}{one.message}", one.hint) for one in error.problems)
            return None

    def base_model(self) -> Material:
        return _base_model_material(self.recipe.base_model, self.folder, self.content_hash)

    def language(self, code: str) -> Material:
        choice = self.recipe.adapter_choice(code)
        if choice.train:
            return _corpus(self.recipe, code, self.folder, self.content_hash)
        return _adapter_material(choice, code, self.folder, self.content_hash)

    def labelled(self, task: str, code: str) -> Material:
        needs = _SOURCE_SPLITS if code == self.recipe.source_language else _TARGET_SPLITS
        return task_material(self.recipe.tasks[task], code, self.folder, self.content_hash, needs=needs)


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
        return _folder_material(folder, "base_model.path", choice.path, content_hash)
    name = str(choice.id)
    revision = choice.revision or _known_revisions().get(name)
    if revision is None:
        raise InputError(
            f"base_model.revision is missing, and no commit of {name} is known here.",
            "Add the commit to use (40 hex digits; the hub shows it in the list of commits of the model).",
        )
    return Material({"id": name, "revision": revision}, {})


def _adapter_material(choice: AdapterChoice, code: str, folder: Path, content_hash: ContentHash) -> Material:
    if choice.path is not None:
        where = f'language_adapters."{code}".path'
        return _folder_material(folder, where, choice.path, content_hash)
    return Material({"id": choice.id, "revision": choice.revision}, {})


def _folder_material(start: Path, where: str, written: str, content_hash: ContentHash) -> Material:
    """A local folder, pinned by the content of the files in it and by its name, under which others know it."""
    folder = absolute(written, start)
    if not folder.is_dir():
        raise InputError(f"{where} is {written}, which is not a folder ({folder}).", "Correct the path.")
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]  # not .git and the like
    hashes = {name.as_posix(): content_hash(folder / name) for name in shown}
    return Material({"name": folder.name, "path_sha256": hashes}, {"path": str(folder)})


@cache
def _known_revisions() -> dict[str, str]:
    """Hub id to commit, from `data_cards/base_models.yaml`."""
    text = (shipped_folder("data_cards") / "base_models.yaml").read_text(encoding="utf-8")
    return {str(name): str(commit) for name, commit in yaml.safe_load(text).items()}
