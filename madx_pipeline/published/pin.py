"""From a repository to the commit that a run takes it from, found out before anything is planned.

A commit written in the recipe counts first, then the recipe's lock file, then the catalogue's commit, then what the
cache last knew, and only then is the hub asked. Where that fails, the adapter has no commit and the reason why: the
plan is made all the same, and the adapter's job fails alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from madx_pipeline.errors import InputError, JobError, Problem
from madx_pipeline.hub.cache import cached_commit, is_commit
from madx_pipeline.published.files import ADAPTER_FILES
from madx_pipeline.published.lock import Lock

_ANSWER_SECONDS = 5.0
"""How long the hub has for an answer while a plan waits for it."""


@dataclass(frozen=True)
class Pinned:
    """Which bytes of a repository are to be taken.

    Attributes:
        revision: Commit (40 hex digits), or None if it could not be found out.
        obstacle: What kept it from being found out, if anything did.
        files: Name of a file to the sha256 (hex) that the lock file has; may be empty.
    """

    revision: str | None
    obstacle: Problem | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pinning:
    """What decides which bytes of a repository are taken.

    Attributes:
        lock: What earlier runs of the recipe got.
        locked_only: Whether nothing else may be taken (`madx run --locked`).
    """

    lock: Lock
    locked_only: bool = False


def pin(
    repository: str, revision: str | None, pinning: Pinning, catalogued: str | None = None, *, ask: bool = True
) -> Pinned:
    """Finds the commit of a repository.

    Args:
        repository: `owner/name` on the hub.
        revision: Commit, tag or branch that was asked for; None is the default branch.
        pinning: The recipe's lock file, and whether nothing may be taken that is not in it.
        catalogued: Commit that the catalogue has, for where neither recipe nor lock file says one.
        ask: Whether the hub may be asked; without it nothing is said about why there is no commit.

    Raises:
        InputError: If the lock file has another commit than the one asked for, has several where none was asked
            for, or has none and `locked_only` is set.
    """
    lock = pinning.lock
    commit = revision if is_commit(revision) else None
    row = lock.find(repository, commit)
    if row is not None:
        return Pinned(row.revision, files=row.files)
    if lock.rows(repository):
        raise _disagreement(repository, commit, lock)
    if pinning.locked_only:
        raise InputError(
            f"{repository} is not in {lock.path.name}, and --locked takes nothing that is not.",
            "Run once without --locked: the lock file is then written.",
        )
    commit = commit or catalogued or cached_commit(repository, revision)
    return Pinned(commit) if commit is not None or not ask else _ask_hub(repository, revision)[0]


def newest(repository: str, revision: str | None) -> Pinned:
    """The commit that a revision is at the hub; that of the cache, with the reason, only while the hub is silent.

    Args:
        repository: `owner/name` on the hub.
        revision: Commit, tag or branch; None is the default branch.
    """
    from huggingface_hub import constants

    cached = cached_commit(repository, revision)
    if cached is not None and (is_commit(revision) or constants.HF_HUB_OFFLINE):
        return Pinned(cached)
    found, silent = _ask_hub(repository, revision)
    if found.revision is not None or cached is None or not silent:
        return found
    message = f"{repository}: no answer from the hub; taking the commit {cached} from the cache."
    return Pinned(cached, Problem(message, "Fetch again where there is a network to get the newest."))


def _disagreement(repository: str, commit: str | None, lock: Lock) -> InputError:
    locked = ", ".join(row.revision for row in lock.rows(repository))
    if commit is None:
        return InputError(
            f"{lock.path.name} has several commits of {repository}: {locked}.",
            "Write in the recipe which one is meant, or delete the other rows.",
        )
    return InputError(
        f"{repository} is wanted at {commit}, and {lock.path.name} has it at {locked}.",
        "Take the locked commit, or delete its row from the lock file to take the other one from now on.",
    )


def _ask_hub(repository: str, revision: str | None) -> tuple[Pinned, bool]:
    """What the hub says, and whether it said nothing at all."""
    from madx_pipeline.hub.download import latest_commit
    from madx_pipeline.hub.errors import HubUnreachableError

    try:
        return Pinned(latest_commit(repository, revision, ADAPTER_FILES, _ANSWER_SECONDS)), False
    except JobError as error:
        return Pinned(None, error.problems[0]), isinstance(error, HubUnreachableError)
