"""Reading a recipe from its file. This is the first step of every command.

Every error is reported at once, one line each. That takes a trick: pydantic stops looking at what
lies across fields as soon as one field is wrong, so after a failed validation the wrong places are cut
out and the rest is validated again, to be looked at by the checks that come later (`materials.py`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from madx_pipeline.errors import InputError, Problem, nearest, suggestion
from madx_pipeline.recipe import Recipe
from madx_pipeline.recipe_errors import field_problems, without
from madx_pipeline.recipe_processes import process_problems
from madx_pipeline.shipped import recipes_folder
from madx_pipeline.stage import STAGES, Resources, stage_module, stage_page


@dataclass(frozen=True)
class RecipeFile:
    """A recipe as read from disk.

    Attributes:
        recipe: The recipe, or what is left of it after the wrong places were cut out.
        path: The file; relative paths in the recipe start at its folder.
        problems: What is wrong so far; empty for a recipe that can be planned.
    """

    recipe: Recipe | None
    path: Path
    problems: tuple[Problem, ...]


class _StrictLoader(yaml.SafeLoader):
    """Safe loader that refuses a key written twice, where YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{key}" is there twice', key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def recipe_names() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in recipes_folder().glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """The file behind a path or the name of a shipped recipe.

    Raises:
        InputError: If there is neither such a file nor such a recipe.
    """
    path = Path(name)
    if path.is_file():
        return path
    if name in recipe_names():
        return recipes_folder() / f"{name}.yaml"
    what = "is a folder, not a recipe" if path.is_dir() else "is neither a file nor a shipped recipe"
    raise InputError(f"{name} {what}.", suggestion(name, recipe_names()))


def read_recipe(path: Path) -> RecipeFile:
    """Reads and validates a recipe, collecting every problem instead of stopping at the first.

    Raises:
        InputError: If the file is no YAML mapping, so that nothing can be said about its content.
    """
    raw = _read_yaml(path)
    problems: list[Problem] = []
    try:
        recipe: Recipe | None = Recipe.model_validate(raw)
    except ValidationError as error:
        problems += field_problems(error, path.name, Recipe)
        recipe = _what_is_left(raw, error)
    problems += _stage_problems(raw, path.name)
    problems += process_problems(raw.get("stages"), raw.get("resources"), path.name)
    if recipe is not None:
        problems += _across_fields(recipe, path.name)
    return RecipeFile(recipe, path, tuple(problems))


def _read_yaml(path: Path) -> dict[Any, Any]:
    try:
        raw = _StrictLoader(path.read_text(encoding="utf-8")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read as YAML: {reason}.", "See the recipes in the README for the format."
        ) from error
    if not isinstance(raw, dict):
        raise InputError(f"{path} is not a recipe: it holds no keys.", "Start from one: madx init quickstart.")
    return raw


_STAND_INS = {"name": "unnamed", "base_model": {"builtin": "miniature"}}


def _what_is_left(raw: dict[Any, Any], error: ValidationError) -> Recipe | None:
    """The recipe without its wrong places, or None when too little is left.

    A list may be too short once its wrong items are gone; then it goes as well, hence the rounds. What a
    recipe cannot do without, and what no later check looks at, is filled in.
    """
    for _ in range(3):
        raw = {**_STAND_INS, **without(raw, [item["loc"] for item in error.errors()])}
        try:
            return Recipe.model_validate(raw)
        except ValidationError as again:
            error = again
    return None


def _across_fields(recipe: Recipe, file: str) -> list[Problem]:
    """Problems that no single field shows."""
    problems = []
    targets = recipe.target_languages
    for index, language in enumerate(targets):
        if language == recipe.source_language:
            problems.append(
                Problem(
                    f'{file}: target_languages[{index}] is "{language}", the source language.',
                    "Leave it out: the source is always evaluated.",
                )
            )
        if language in targets[:index]:
            problems.append(
                Problem(f'{file}: target_languages[{index}] is "{language}" for the second time.', "Leave it out.")
            )
    return problems + _strangers(recipe, file) + _sequence_problems(recipe, file)


def _strangers(recipe: Recipe, file: str) -> list[Problem]:
    """Languages that a part of the recipe speaks of, and that are neither source nor target."""
    parts: dict[str, Iterable[str]] = {"corpora": recipe.corpora, "language_adapters": recipe.language_adapters}
    for name, choice in recipe.tasks.items():
        parts |= {f"tasks.{name}.files": choice.files, f"tasks.{name}.languages": choice.languages}
        parts |= {f"tasks.{name}.target_languages": choice.target_languages or []}
    problems = []
    for part, languages in parts.items():
        for language in languages:
            if language != "default" and language not in recipe.languages:
                close = nearest(language, recipe.languages)
                hint = f'Nearest: "{close}".' if close else "Leave it out, or add the language to target_languages."
                problems.append(Problem(f'{file}: {part} has "{language}", which is neither source nor target.', hint))
    return problems


def _sequence_problems(recipe: Recipe, file: str) -> list[Problem]:
    """Tasks that go on from one that is not there, or from themselves by way of others."""
    problems = []
    for name, choice in recipe.tasks.items():
        where, before = f"{file}: tasks.{name}.continue_from", choice.continue_from
        if before is not None and before not in recipe.tasks:
            message = f'{where} is "{before}", which is no task of the recipe.'
            problems.append(Problem(message, suggestion(before, [other for other in recipe.tasks if other != name])))
        elif name in _before(recipe, name):
            message = f"{where} goes in a circle: {' from '.join([name, *_before(recipe, name)])}."
            problems.append(Problem(message, "Leave it out of the task that is learnt first."))
        elif before is not None and choice.adapter is not None:
            message = f"{where} and adapter exclude each other: a ready adapter is not trained."
            problems.append(Problem(message, "Leave one of them out."))
    return problems


def _before(recipe: Recipe, task: str) -> list[str]:
    """The tasks that one goes on from, the nearest first; up to itself where they go in a circle."""
    found: list[str] = []
    name = recipe.tasks[task].continue_from
    while name in recipe.tasks and name not in found:
        found.append(name)
        name = recipe.tasks[name].continue_from
    return found


def _stage_problems(raw: dict[Any, Any], file: str) -> list[Problem]:
    """Problems of the sections `stages` and `resources`, by the models that own their keys."""
    problems: list[Problem] = []
    for section in ("stages", "resources"):
        given = raw.get(section)
        for name, values in given.items() if isinstance(given, dict) else ():
            where = f"{file}: {section}.{name}"
            if name not in STAGES:
                problems.append(Problem(f"{where}: there is no such stage.", suggestion(name, STAGES)))
                continue
            model, page = _model_and_page(section, name)
            if not isinstance(values, dict):  # said already, by the recipe's own model
                continue
            try:
                model.model_validate({**page, **values})
            except ValidationError as error:
                problems += field_problems(error, where, model, separator=".")
    return problems


def _model_and_page(section: str, stage: str) -> tuple[type[BaseModel], dict[str, Any]]:
    page = stage_page(stage)
    if section == "resources":
        return Resources, page.resources.model_dump()
    return stage_module(stage).Params, page.params
