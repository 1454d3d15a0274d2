"""The published adapters of each base model: the pages of `data_cards/adapters/`, checked and typed.

An adapter has up to three names, all of them other people's: a repository on the Hugging Face Hub, and the
file id and hub id of AdapterHub's archived index. Of these only the hub id (`en/wiki@ukp`) is not unique: it
means another adapter for another base model, and for one base model it may mean several.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from madx_pipeline.base_models import canonical_name
from madx_pipeline.errors import InputError
from madx_pipeline.recipe_errors import field_problems
from madx_pipeline.shipped import shipped_folder


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Published(_Part):
    """What language and task adapters have in common."""

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    """Id on the Hugging Face Hub."""
    file_id: str | None
    """Name of its page in the archived index, such as `@ukp/xlm-roberta-base-en-wiki_pfeiffer`."""
    hub_id: str | None
    """Its short name in that index, such as `en/wiki@ukp`; others may have the same."""
    architecture: Literal["pfeiffer", "houlsby"]
    """Layout: one bottleneck a layer (Pfeiffer et al. 2020) or two (Houlsby et al. 2019)."""
    non_linearity: str
    reduction_factor: int = Field(gt=0)
    """Hidden size of the base model divided by the width of the bottleneck."""
    revision: str | None = Field(pattern=r"^[0-9a-f]{40}$")
    """Commit it is taken from, where one is known."""
    sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the file of weights at that commit, where it is known."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Every way to write it."""
        return tuple(name for name in (self.hub_id, self.file_id, self.repository) if name is not None)

    @property
    def unique_id(self) -> str:
        """A way to write it that means nothing else, for any base model."""
        return self.file_id or self.repository


class LanguageAdapter(_Published):
    """A published language adapter."""

    language: str
    """BCP 47 code as recipes have it; the ids may have an older one."""
    variant: str
    """Which of the catalogue's variants it belongs to."""
    training_steps: int | None
    """Optimizer steps, where they are known."""
    invertible_adapter: bool | None
    """Whether it has an invertible adapter; None where that is not known before it is fetched."""
    masked_lm_head: bool
    """Whether a masked-LM head lies beside it (never fetched: it would overwrite the word embeddings)."""


class TaskAdapter(_Published):
    """A published task adapter."""

    task: str
    prediction_head: bool
    """Whether its prediction head is published with it; without one it cannot be evaluated."""
    stacked_on: list[str]
    """Ids of what was under it in training, the language adapter first; empty if nothing was."""
    leave_out: list[int]
    """Layers, from 0, that the language adapters under it must not have (MAD-X 2.0)."""
    labels: dict[str, str]
    """A label of its head to the usual name, where they differ."""
    summary: str


class Variant(_Part):
    """Language adapters of one base model that were made alike, so that languages can be compared."""

    name: str
    standalone: bool
    """Whether they need nothing but the base model and a task adapter; only then does `published` take them."""
    summary: str


class AdapterCatalogue(_Part):
    """What is published for one base model."""

    base_model: str
    """The name under which the hub lists it."""
    source: str
    """Where the facts are from."""
    licence: str
    """That under which the adapters are published."""
    without_licence: list[str] = Field(default_factory=list)
    """Repositories for which nobody states one."""
    citation: str
    variants: list[Variant]
    """Best first."""
    language_adapters: list[LanguageAdapter]
    task_adapters: list[TaskAdapter]

    @property
    def adapters(self) -> list[LanguageAdapter | TaskAdapter]:
        """All of them, language adapters first."""
        return [*self.language_adapters, *self.task_adapters]

    @property
    def languages(self) -> list[str]:
        """Languages that have an adapter in some variant, sorted."""
        return sorted({adapter.language for adapter in self.language_adapters})

    def of_variant(self, variant: str) -> dict[str, LanguageAdapter]:
        """The language adapters of a variant by language."""
        return {adapter.language: adapter for adapter in self.language_adapters if adapter.variant == variant}

    def shortest_id(self, adapter: LanguageAdapter | TaskAdapter) -> str:
        """The shortest way to write one of its adapters that means no other adapter of this base model."""
        alone = sum(other.hub_id == adapter.hub_id for other in self.adapters) == 1
        return adapter.hub_id if alone and adapter.hub_id is not None else adapter.unique_id


@cache
def catalogues() -> tuple[AdapterCatalogue, ...]:
    """All catalogues, in the order of the names of their pages."""
    return tuple(_page(path.stem) for path in sorted((shipped_folder("data_cards") / "adapters").glob("*.yaml")))


def catalogue_of(base_model: str) -> AdapterCatalogue | None:
    """What is published for a base model under any of its names; None if there is no page of it."""
    name = canonical_name(base_model)
    return next((catalogue for catalogue in catalogues() if catalogue.base_model == name), None)


def licence_in_catalogue(repository: str) -> str | None:
    """The licence under which an adapter is published by our catalogues; None if they do not say."""
    for catalogue in catalogues():
        if any(adapter.repository == repository for adapter in catalogue.adapters):
            return None if repository in catalogue.without_licence else catalogue.licence
    return None


def _page(name: str) -> AdapterCatalogue:
    path = shipped_folder("data_cards") / "adapters" / f"{name}.yaml"
    try:
        return AdapterCatalogue.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InputError(field_problems(error, str(path), AdapterCatalogue)) from error
