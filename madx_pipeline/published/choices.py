"""What a recipe may say of where an adapter comes from, key by key; `published/ready.py` looks it up."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

COMMIT = re.compile(r"[0-9a-f]{40}")
"""A full commit: what a branch or tag names may change, this never does."""

_FORMS = "train, published, none, an id (en/wiki@ukp), {path: ...}, {id: ..., revision: ...}"


class PublishedChoice(BaseModel):
    """A ready adapter: an id of the Hub, at a commit or pinned by the lock file, or a local folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    id: str | None = None
    """`en/wiki@ukp`, `@ukp/xlm-roberta-base-en-wiki_pfeiffer` or `AdapterHub/xlm-roberta-base-en-wiki_pfeiffer`."""
    revision: str | None = None
    """Commit to take it from; without it, that of the lock file, or the one that the default branch is at."""
    path: str | None = None
    """Folder, relative to the recipe's."""

    @model_validator(mode="after")
    def _pins(self) -> Self:
        if self.revision is not None and not COMMIT.fullmatch(self.revision):
            raise ValueError(f"revision {self.revision!r} is not a commit (40 hex digits); a branch name pins nothing")
        if self.revision is not None and self.id is None:
            raise ValueError("revision goes with id")
        return self


class AdapterChoice(PublishedChoice):
    """Where a language adapter comes from: trained here, the catalogue, the Hub, or a local folder."""

    train: Literal[True] | None = None
    published: Literal[True] | None = None
    """The one of the catalogue, in the variant that all languages of the recipe can have."""
    none: Literal[True] | None = None
    """No language adapter: the method `madx` leaves a gap for this language."""
    language: str | None = None
    """Language that the adapter of that id is for, where it is a near one that is taken on purpose: `qu` for `quy`."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value in ("train", "published", "none"):
            return {value: True}
        if "/" not in value:
            raise ValueError(f"possible: {_FORMS}")
        return {"id": value}

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(part is not None for part in (self.train, self.published, self.none, self.id, self.path)) != 1:
            raise ValueError(f"give exactly one of: {_FORMS}")
        if self.language is not None and self.id is None:
            raise ValueError("language goes with id")
        return self


class TaskAdapterChoice(PublishedChoice):
    """A ready task adapter with its prediction head, in the place of training one."""

    labels: dict[str, str] = Field(default_factory=dict)
    """A label of its prediction head to what the data calls it, whole and by name: `{"0": "O", "PERS": "PER"}`."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: object) -> object:
        return {"id": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.id is None) == (self.path is None):
            raise ValueError("give exactly one of: an id, {path: ...}, {id: ..., revision: ...}")
        return self
