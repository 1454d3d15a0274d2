"""What an id of a published adapter means, from our own catalogue: no network, no guess.

The adapters library resolves ids over the network against an archived index, where `en/wiki@ukp` may be another
variant than `ja/wiki@ukp` and a mistyped path goes online. Here an id means one adapter, or it is an error
that names the candidates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from madx_pipeline.base_models import canonical_name, is_known
from madx_pipeline.errors import InputError
from madx_pipeline.published import refusals
from madx_pipeline.published.catalogue import LanguageAdapter, TaskAdapter, catalogue_of, catalogues
from madx_pipeline.published.refusals import Entry, Found

_REPOSITORY = re.compile(r"(?P<name>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>.*))?", re.A)
_REVISION = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.A)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Resolved:
    """One repository on the hub.

    Attributes:
        repository: `owner/name`.
        revision: What was asked for, or the catalogue's commit; None if neither says one.
        entry: What the catalogue knows of it; None for a repository that it does not have.
    """

    repository: str
    revision: str | None
    entry: Entry | None


class OtherBaseModelError(InputError):
    """The adapter exists, and was trained for another base model."""


def resolve_language_adapter(
    written: str, base_model: str, language: str | None, asked: str = "the recipe uses"
) -> Resolved:
    """The language adapter that an id means.

    Args:
        written: `en/wiki@ukp`, `@ukp/xlm-roberta-base-en-wiki_pfeiffer`, or a repository with or without
            `@revision`; a repository that is not in the catalogue needs a full commit.
        base_model: Any of its names. A name that we do not know (that of a folder) is not held against an adapter.
        language: BCP 47 code of the language it is for; None takes any.
        asked: How messages introduce the base model's name.

    Raises:
        OtherBaseModelError: For another base model.
        InputError: Unknown (with the nearest id), ambiguous (with the candidates), for another language, or a task
            adapter.
    """
    resolved = _resolve(written, base_model, LanguageAdapter, asked)
    entry = resolved.entry
    if isinstance(entry, LanguageAdapter) and language is not None and entry.language != language:
        raise InputError(refusals.other_language(written, entry, language, base_model))
    return resolved


def resolve_task_adapter(written: str, base_model: str, asked: str = "the recipe uses") -> Resolved:
    """The task adapter that an id means; forms as for language adapters.

    Raises:
        OtherBaseModelError: For another base model.
        InputError: Unknown, ambiguous, or a language adapter.
    """
    return _resolve(written, base_model, TaskAdapter, asked)


def written_revision(written: str) -> str | None:
    """The revision in an id of the form `owner/name@revision`; None in any other."""
    return _name_and_revision(written)[1]


def published_variant(languages: Sequence[str], base_model: str) -> dict[str, LanguageAdapter]:
    """What the word `published` means: for all languages adapters of one variant, the best that has them all.

    Raises:
        InputError: If there is no catalogue for the base model, if a language has no adapter at all, or if no
            variant has all of them; with what each variant lacks.
    """
    catalogue = catalogue_of(base_model)
    if catalogue is None:
        raise InputError(refusals.no_catalogue(base_model))
    variants = {choice.name: catalogue.of_variant(choice.name) for choice in catalogue.variants if choice.standalone}
    for adapters in variants.values():
        if adapters.keys() >= set(languages):
            return {language: adapters[language] for language in languages}
    raise InputError(refusals.not_covered(languages, catalogue.base_model, variants))


def mixed_variants(variants: Mapping[str, str | None]) -> str | None:
    """A warning if the published language adapters of a run are not all of one variant; None if they are.

    Args:
        variants: Language to the variant of its published adapter; None where that is not known.
    """
    groups: dict[str, list[str]] = {}
    for language, variant in variants.items():
        if variant is not None:
            groups.setdefault(variant, []).append(language)
    if len(groups) < 2:
        return None
    said = "; ".join(f"{variant} for {', '.join(languages)}" for variant, languages in groups.items())
    return (
        f"The published language adapters are of {len(groups)} variants ({said}): "
        "a difference between languages may be one between variants."
    )


def _resolve(written: str, base_model: str, kind: type[Entry], asked: str) -> Resolved:
    name, revision = _name_and_revision(written)
    named = _named(name)
    if not named:
        if revision is None or not _COMMIT.fullmatch(revision) or ".." in name or "--" in name:
            raise InputError(refusals.unknown(written, name, base_model, kind))
        return Resolved(name, revision, None)
    if revision is not None and (".." in revision or not _REVISION.fullmatch(revision)):
        raise InputError(refusals.no_revision(written))
    right = [found for found in named if isinstance(found.entry, kind)]
    if not right:
        raise InputError(refusals.other_kind(written, kind))
    entry = _the_one(written, right, base_model, asked)
    return Resolved(entry.repository, revision or entry.revision, entry)


def _the_one(written: str, named: Sequence[Found], base_model: str, asked: str) -> Entry:
    """The only one of those with this name that is for this base model."""
    here = [found for found in named if not is_known(base_model) or found.base_model == canonical_name(base_model)]
    if not here:
        raise OtherBaseModelError(refusals.other_base_model(written, named, base_model, asked))
    if len(here) > 1:
        raise InputError(refusals.ambiguous(written, here))
    return here[0].entry


def _name_and_revision(written: str) -> tuple[str, str | None]:
    """Takes a repository and its revision apart; a hub id has an @ too, and is left whole."""
    match = _REPOSITORY.fullmatch(written)
    if match is None or _named(written):
        return written, None
    return match["name"], match["revision"]


def _named(name: str) -> list[Found]:
    """Every adapter of every catalogue that may be written like this."""
    return [
        Found(catalogue.base_model, entry)
        for catalogue in catalogues()
        for entry in catalogue.adapters
        if name in entry.ids
    ]
