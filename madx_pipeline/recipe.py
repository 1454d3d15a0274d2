"""The recipe: an experiment as data. What its keys mean is here; how it is read is in `recipe_file.py`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from madx_pipeline.data.card_models import CorpusChoice, TaskChoice
from madx_pipeline.language_names import language_problem
from madx_pipeline.methods import METHOD_SPECS, Method
from madx_pipeline.published.choices import COMMIT, AdapterChoice
from madx_pipeline.slurm.config import Cluster
from madx_pipeline.trackers import Tracker

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


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
        if self.revision is not None and not COMMIT.fullmatch(self.revision):
            raise ValueError(f"revision {self.revision!r} is not a commit (40 hex digits); a branch name pins nothing")
        if self.revision is not None and self.id is None:
            raise ValueError("revision goes with id")
        if "world_seed" in self.model_fields_set and self.builtin is None:
            raise ValueError("world_seed goes with builtin: miniature")
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
    cluster: Cluster | None = None
    """What Slurm is asked for beside resources; never part of a fingerprint."""
    report_to: list[Tracker] = ["tensorboard"]
    """Who is told of trainings while they run; never part of a fingerprint."""

    @property
    def languages(self) -> list[str]:
        """The source language, then the targets."""
        return [self.source_language, *self.target_languages]

    def languages_of(self, task: str) -> list[str]:
        """The source language, then the targets that a task is evaluated on, in the order of the recipe."""
        own = self.tasks[task].target_languages
        return [code for code in self.languages if own is None or code in own or code == self.source_language]

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

    @property
    def continues_pretraining(self) -> bool:
        """Whether any method of the recipe goes on pretraining the base model on text of each language."""
        return any(METHOD_SPECS[method].continues for method in self.methods)

    def adapter_choice(self, language: str) -> AdapterChoice:
        """Where the language adapter of `language` comes from."""
        default = self.language_adapters.get("default", AdapterChoice(train=True))
        return self.language_adapters.get(language, default)

    def takes_ready_adapter(self, task: str, method: Method) -> bool:
        """Whether the task adapter of a method is a ready one: where it stacks on the source language adapter."""
        return self.tasks[task].adapter is not None and METHOD_SPECS[method].stacked

    def seeds_of(self, task: str, method: Method) -> list[int]:
        """The seeds of a task's training under a method; what is not trained here has no seed, and one score."""
        seeds = list(dict.fromkeys(self.seeds))
        seedless = self.takes_ready_adapter(task, method) or not METHOD_SPECS[method].seeded
        return seeds[:1] if seedless else seeds

    def corpus_choice(self, language: str) -> CorpusChoice | None:
        """Where the unlabelled text of `language` comes from, if the recipe says."""
        return self.corpora.get(language, self.corpora.get("default"))
