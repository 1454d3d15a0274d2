"""The ready adapters of a recipe, looked up in the catalogue and pinned to a commit before anything runs.

Looking up needs no network. Pinning may: without a commit in the recipe or in its lock file, and with nothing
in the cache, the hub is asked; so it comes second, once everything else in the recipe is known to be right. Where
no commit can be found out the adapter's job is planned all the same and fails when it is run, so that the rest of
the recipe goes on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from madx_pipeline.errors import InputError
from madx_pipeline.material import ContentHash, Material, files_material
from madx_pipeline.published.catalogue import LanguageAdapter, TaskAdapter, catalogue_of, catalogues
from madx_pipeline.published.choices import COMMIT, AdapterChoice, PublishedChoice, TaskAdapterChoice
from madx_pipeline.published.files import ADAPTER_FILES, HEAD_FILES
from madx_pipeline.published.pin import Pinning, pin
from madx_pipeline.published.resolve import (
    published_variant,
    resolve_language_adapter,
    resolve_task_adapter,
    written_revision,
)
from madx_pipeline.recipe import Recipe
from madx_pipeline.records import Json

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Wanted:
    """An adapter of the hub that is not pinned yet.

    Attributes:
        repository: `owner/name`.
        revision: The commit that the recipe says, if it says one.
        catalogued: The commit that the catalogue has, if it has one.
        more: What decides what the adapter means here, beside its bytes.
    """

    repository: str
    revision: str | None
    catalogued: str | None
    more: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadyAdapters:
    """Looks up the adapters that a recipe takes ready-made.

    Attributes:
        recipe: The recipe.
        folder: Folder that relative paths start from (the recipe's).
        content_hash: sha256 (hex) of a file's content.
        pinning: How repositories are pinned.
        languages: Language to the catalogue's entry of its adapter, for those looked up so far that have one.
        tasks: The same by task.
    """

    recipe: Recipe
    folder: Path
    content_hash: ContentHash
    pinning: Pinning
    languages: dict[str, LanguageAdapter] = field(default_factory=dict)
    tasks: dict[str, TaskAdapter] = field(default_factory=dict)

    def language(self, code: str) -> Material | Wanted:
        """The language adapter of a language whose choice is neither to train one nor to have none.

        Raises:
            InputError: If it is not known, is ambiguous, or is for another base model or language.
        """
        choice = self.recipe.adapter_choice(code)
        if choice.path is not None:
            return files_material(self.folder, "path", choice.path, self.content_hash, ADAPTER_FILES)
        return self._published(code) if choice.published else self._by_id(choice, code)

    def task(self, task: str, choice: TaskAdapterChoice) -> Material | Wanted:
        """A task adapter, with what its head's labels are called here and what it was trained on.

        Raises:
            InputError: If it is not known, is for another base model, or nothing in the recipe would use it.
        """
        if not self.recipe.adapter_languages:
            raise InputError(
                "adapter has no effect: no method of the recipe stacks on a language adapter of the source.",
                "Leave it out, or add the method madx and a language adapter of the source language.",
            )
        if choice.path is not None:
            names = (*ADAPTER_FILES, *HEAD_FILES)
            found = files_material(self.folder, "adapter.path", choice.path, self.content_hash, names)
            return Material({**found.source, **self._around(choice, None)}, found.locations)
        resolved = resolve_task_adapter(_written(choice), self._base_model)
        revision = _revision(choice)
        entry = resolved.entry if isinstance(resolved.entry, TaskAdapter) else None
        if entry is not None:
            _check_evaluable(entry)
            self.tasks[task] = entry
        catalogued = entry.revision if entry is not None else None
        return Wanted(resolved.repository, revision, catalogued, self._around(choice, entry))

    def pinned(self, wanted: Wanted, *, ask: bool) -> Material:
        """What is wanted at a commit, or with what kept it from being found out.

        Args:
            wanted: What is to be pinned.
            ask: Whether the hub may be asked.

        Raises:
            InputError: If the lock file says otherwise than the recipe, or must have it and does not.
        """
        found = pin(wanted.repository, wanted.revision, self.pinning, wanted.catalogued, ask=ask)
        source = {"id": wanted.repository, "revision": found.revision, **wanted.more}
        return Material(source, {}, dict(found.files), found.obstacle)

    def _by_id(self, choice: AdapterChoice, code: str) -> Wanted:
        resolved = resolve_language_adapter(_written(choice), self._base_model, choice.language or code)
        revision, entry = _revision(choice), resolved.entry
        if isinstance(entry, LanguageAdapter):
            self.languages[code] = entry
        return Wanted(resolved.repository, revision, entry.revision if entry is not None else None)

    def _published(self, code: str) -> Wanted:
        entry = self._one_variant[code]
        self.languages[code] = entry
        return Wanted(entry.repository, None, entry.revision)

    @cached_property
    def _one_variant(self) -> dict[str, LanguageAdapter]:
        """The catalogue's adapters of all languages that say `published`, in one variant."""
        recipe = self.recipe
        languages = [code for code in recipe.adapter_languages if recipe.adapter_choice(code).published]
        if recipe.base_model.id is None:
            raise _no_base_model_id(self._base_model, languages)
        return published_variant(languages, recipe.base_model.id)

    @property
    def _base_model(self) -> str:
        """What the base model is called: the name that its artifact will have."""
        choice = self.recipe.base_model
        return choice.id or choice.builtin or Path(str(choice.path)).name

    def _around(self, choice: TaskAdapterChoice, entry: TaskAdapter | None) -> dict[str, Json]:
        """What decides what a task adapter means here, beside its bytes."""
        return {
            "labels": {**(entry.labels if entry else {}), **choice.labels},
            "trained_on": language_of(entry.stacked_on[0], self._base_model) if entry and entry.stacked_on else None,
            "leave_out": list(entry.leave_out) if entry else None,
        }


def catalogue_entry(repository: str, base_model: str) -> LanguageAdapter | TaskAdapter | None:
    """What the catalogue of a base model says of a repository, if it has it."""
    catalogue = catalogue_of(base_model)
    if catalogue is None:
        return None
    entries: list[LanguageAdapter | TaskAdapter] = [*catalogue.language_adapters, *catalogue.task_adapters]
    return next((entry for entry in entries if entry.repository == repository), None)


def language_of(written: str, base_model: str) -> str | None:
    """The language of the adapter, or adapters, that an id in the catalogue means; None if that is not known."""
    catalogue = catalogue_of(base_model)
    entries = catalogue.language_adapters if catalogue is not None else []
    languages = {entry.language for entry in entries if written in entry.ids}
    return languages.pop() if len(languages) == 1 else None


def _check_evaluable(entry: TaskAdapter) -> None:
    """Refuses what can be evaluated by nobody, or not over a language adapter alone."""
    hint = "Choose another task adapter, or leave adapter out to train one."
    if not entry.prediction_head:
        raise InputError(f"{entry.repository} is published without a prediction head, so it predicts nothing.", hint)
    if len(entry.stacked_on) > 1:
        needs = " and ".join(entry.stacked_on)
        raise InputError(f"{entry.repository} works only over {needs} together; a recipe stacks it on one.", hint)


def _written(choice: PublishedChoice) -> str:
    """The id as one text; a repository carries its commit, without which an unknown one is not taken."""
    written = str(choice.id)
    return f"{written}@{choice.revision}" if choice.revision and _REPOSITORY.fullmatch(written) else written


def _revision(choice: PublishedChoice) -> str | None:
    """The commit that the recipe says, in the id or beside it.

    Raises:
        InputError: If it says two, or something else than a commit.
    """
    inside = written_revision(str(choice.id))
    if inside is None:
        return choice.revision
    if choice.revision is not None:
        raise InputError(
            f"{choice.id} has a revision after the @, and revision says {choice.revision}.", "Say it in one place."
        )
    if not COMMIT.fullmatch(inside):
        raise InputError(
            f"{choice.id}: {inside!r} is not a commit (40 hex digits); a branch name pins nothing.",
            "Write the commit after the @, or leave it out: the lock file then pins what the first run got.",
        )
    return inside


def _no_base_model_id(base_model: str, languages: Sequence[str]) -> InputError:
    known = ", ".join(catalogue.base_model for catalogue in catalogues())
    shown = ", ".join(f'"{code}"' for code in languages)
    return InputError(
        f"those of {shown} say published, and the base model is {base_model}, which is not from the Hub."
        f" There are catalogues for: {known}.",
        "Take one of these by its id, name adapters by {id: ..., revision: ...} or {path: ...}, or train them.",
    )
