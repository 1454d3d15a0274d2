"""The recipe: an experiment as one YAML file. Reading it is the first step of every command.

Every error is reported at once, one line each. That takes a trick: pydantic stops looking at what
lies across fields as soon as one field is wrong, so after a failed validation the wrong places are cut
out and the rest is validated again, to be looked at by the checks that come later (`materials.py`).
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from madx_pipeline.cards import CorpusChoice, TaskChoice
from madx_pipeline.errors import InputError, Problem, nearest, suggestion
from madx_pipeline.languages import language_problem
from madx_pipeline.methods import METHOD_SPECS, Method
from madx_pipeline.recipe_errors import field_problems, without
from madx_pipeline.shipped import recipes_folder
from madx_pipeline.stage import STAGES, Resources, stage_module, stage_page

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def _path_safe(value: str) -> str:
    """Names become folders: letters, digits, `_` and `-` only."""
    if not _NAME.fullmatch(value):
        raise ValueError(
            "a name has letters, digits, _ and - only, begins with a letter or digit, and is at most 64 long"
        )
    return value


def _language(value: object) -> object:
    problem = language_problem(value, "")
    if problem is not None:
        raise PydanticCustomError("language", "no language", {"message": problem.message, "hint": problem.hint})
    return value


def _language_or_default(value: object) -> object:
    return value if value == "default" else _language(value)


Name = Annotated[str, AfterValidator(_path_safe)]
Language = Annotated[str, BeforeValidator(_language)]
LanguageOrDefault = Annotated[str, BeforeValidator(_language_or_default)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class BaseModelChoice(_Part):
    """Which base model: a hub id at a revision, a local folder, or the built-in miniature."""

    id: str | None = None
    revision: str | None = None
    path: str | None = None
    builtin: Literal["miniature"] | None = None
    world_seed: int = Field(default=0, ge=0)
    """Seed of the miniature world: its languages, texts and base model all follow from it."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(part is not None for part in (self.id, self.path, self.builtin)) != 1:
            raise ValueError("give exactly one of id, path, builtin")
        if self.revision is not None and not _COMMIT.fullmatch(self.revision):
            raise ValueError(f"revision {self.revision!r} is not a commit (40 hex digits); a branch name pins nothing")
        if self.revision is not None and self.id is None:
            raise ValueError("revision goes with id")
        if "world_seed" in self.model_fields_set and self.builtin is None:
            raise ValueError("world_seed goes with builtin: miniature")
        return self


class AdapterChoice(_Part):
    """Where a language adapter comes from: trained here, a local folder, or the Hub at a revision."""

    train: Literal[True] | None = None
    none: Literal[True] | None = None
    """No language adapter: the method `madx` leaves a gap for this language."""
    id: str | None = None
    revision: str | None = None
    path: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: object) -> object:
        if isinstance(value, str):
            if value not in ("train", "none"):
                raise ValueError("possible: train, none, {path: ...}, {id: ..., revision: ...}")
            return {value: True}
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(part is not None for part in (self.train, self.none, self.id, self.path)) != 1:
            raise ValueError("give exactly one of: train, none, {path: ...}, {id: ..., revision: ...}")
        if self.id is not None and not _COMMIT.fullmatch(self.revision or ""):
            raise ValueError(f"{self.id} needs a revision: the commit (40 hex digits) to take it from")
        return self


class Recipe(_Part):
    """An experiment. The format is described in the README; unknown keys are errors."""

    name: Name
    summary: str = ""
    base_model: BaseModelChoice
    source_language: Language
    target_languages: list[Language] = Field(min_length=1)
    corpora: dict[LanguageOrDefault, CorpusChoice] = Field(default_factory=dict)
    language_adapters: dict[LanguageOrDefault, AdapterChoice] = Field(
        default_factory=lambda: {"default": AdapterChoice(train=True)}
    )
    tasks: dict[Name, TaskChoice] = Field(min_length=1)
    methods: list[Method] = Field(default=["madx", "madx_source_kept", "task_adapter_only"], min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[1], min_length=1)
    stages: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Parameters that differ from the stage pages."""
    resources: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Resources that differ from the stage pages; never part of a fingerprint."""

    @property
    def languages(self) -> list[str]:
        """The source language, then the targets."""
        return [self.source_language, *self.target_languages]

    @property
    def uses_language_adapters(self) -> bool:
        """Whether any method of the recipe stacks on a language adapter."""
        return any(METHOD_SPECS[method].stacked for method in self.methods)

    @property
    def adapter_languages(self) -> list[str]:
        """Languages whose adapter some method uses: none without that of the source, on which the task is learnt."""
        if not self.uses_language_adapters or self.adapter_choice(self.source_language).none:
            return []
        swaps = any(METHOD_SPECS[method].at_evaluation == "target" for method in self.methods)
        languages = self.languages if swaps else [self.source_language]
        return [language for language in languages if not self.adapter_choice(language).none]

    def adapter_choice(self, language: str) -> AdapterChoice:
        """Where the language adapter of `language` comes from."""
        default = self.language_adapters.get("default", AdapterChoice(train=True))
        return self.language_adapters.get(language, default)

    def corpus_choice(self, language: str) -> CorpusChoice | None:
        """Where the unlabelled text of `language` comes from, if the recipe says."""
        return self.corpora.get(language, self.corpora.get("default"))


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
    raise InputError(f"{name} {what}. Shipped: {', '.join(recipe_names())}.", suggestion(name, recipe_names()))


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
    for part in ("corpora", "language_adapters"):
        for language in getattr(recipe, part):
            if language != "default" and language not in recipe.languages:
                close = nearest(language, recipe.languages)
                hint = f'Nearest: "{close}".' if close else "Leave it out, or add the language to target_languages."
                problems.append(Problem(f'{file}: {part} has "{language}", which is neither source nor target.', hint))
    return problems


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
