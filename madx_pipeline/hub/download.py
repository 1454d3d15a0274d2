"""Models and adapters on the Hugging Face Hub, by repository and commit, through its cache.

Only files that are asked for by name are fetched, into the usual cache (`HF_HOME`). What is there is not fetched
again: for a full commit no connection is made if its list of files is known from an earlier answer, or all that a
lock file expects is there; with `HF_HUB_OFFLINE=1` none is tried. A cache that others filled has no such list: the
hub is then asked for it, and a silent hub costs one time-out. What was interrupted goes on where it stopped, and a
file is used only whole, with the content it is kept under. Nothing that a repository brings is executed. The
client's own way to fetch a snapshot is not used: it waits for the hub for ever, and takes a part of a snapshot for
the whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import JobError, Problem
from madx_pipeline.hub.cache import (
    address,
    cached_commit,
    cached_files,
    forget,
    is_commit,
    known_files,
    matching,
    partial_bytes,
    snapshot_folder,
)
from madx_pipeline.hub.client import Question, check_id, list_files, patience, set_up_client
from madx_pipeline.hub.errors import Asked, HubUnreachableError, explain, is_cut, is_wrong_size
from madx_pipeline.published.files import MODEL_CARD

_ATTEMPTS = 4
"""How often a file is asked for without getting any further."""
_QUESTIONS = 2
"""How often the list of files is asked for, in case that the hub gives no answer."""
_WAIT = 0.5
"""Seconds that are added to each wait before another attempt."""

logger = logging.getLogger(__name__)


def download(
    repository: str, revision: str | None, files: Sequence[str], expected: Mapping[str, str] = MappingProxyType({})
) -> tuple[Path, str]:
    """Brings files of a repository into the cache, if they are not there.

    Args:
        repository: `owner/name` on the hub.
        revision: Commit, tag or branch; None is the default branch.
        files: Names or patterns of files; those that the repository does not have are left out.
        expected: Name of a file to the sha256 (hex) that it must have. If it names any, no other is taken but the
            model card.

    Returns:
        The folder that holds them (others may lie there too), and the commit (40 hex digits) they are from.

    Raises:
        JobError: If the repository or revision does not exist, cannot be reached and is not in the cache, or has
            other content than expected (with both hashes) or other files.
    """
    check_id(repository)
    set_up_client()
    commit, names = _find(repository, revision, files, expected)
    _refuse_unlisted(f"{repository} at {commit}", names, expected)
    folder = snapshot_folder(repository, commit)
    for name in names:
        if not (folder / name).is_file():
            _fetch(repository, commit, name)
    wanted = {name: digest for name, digest in expected.items() if matching([name], files)}
    _check_content(folder, {name: wanted.get(name) for name in [*names, *wanted]}, repository)
    return folder, commit


def latest_commit(repository: str, revision: str | None, files: Sequence[str], seconds: float) -> str:
    """Asks the hub which commit a revision is.

    Args:
        repository: `owner/name` on the hub.
        revision: Tag or branch; None is the default branch.
        files: Names or patterns of files that will be wanted of it.
        seconds: How long the answer may take.

    Raises:
        HubUnreachableError: If there is no answer, or was none a moment ago.
        JobError: If there is no such repository or revision.
    """
    check_id(repository)
    set_up_client()
    return list_files(repository, revision, Question(files, seconds))[0]


def _find(
    repository: str, revision: str | None, files: Sequence[str], expected: Mapping[str, str]
) -> tuple[str, list[str]]:
    """The commit, and the names of the files that are wanted of it; asks the hub only if it must."""
    commit = cached_commit(repository, revision)
    if commit is not None and is_commit(revision):
        known = known_files(repository, commit)
        cached = cached_files(repository, commit)
        if known is not None and matching(known, files):
            return commit, matching(known, files)
        if expected and expected.keys() <= set(cached):
            return commit, matching(cached, files)
    must = commit is None or not matching(cached_files(repository, commit), files)
    try:
        commit_there, listed = list_files(repository, revision, Question(files, patience(), _QUESTIONS, must))
    except JobError as error:
        names = _despite(error, repository, revision, files)
        if commit is None or not names:
            raise
        level = logging.INFO if is_commit(revision) else logging.WARNING  # a branch may have moved on
        logger.log(level, "%s: no answer from the hub; taking the commit %s from the cache.", repository, commit)
        return commit, names
    return commit_there, matching(listed, files)


def _despite(error: JobError, repository: str, revision: str | None, files: Sequence[str]) -> list[str]:
    """Names of files to use from the cache although the hub gave no list of them; empty if there are none.

    A commit is what it is, whatever the hub says; a branch is believed only while the hub is silent.
    """
    commit = cached_commit(repository, revision)
    if commit is None or not (is_commit(revision) or isinstance(error, HubUnreachableError)):
        return []
    cached = matching(cached_files(repository, commit), files)
    known = known_files(repository, commit)
    return matching(known, files) if cached and known is not None else cached


def _refuse_unlisted(where: str, names: Sequence[str], expected: Mapping[str, str]) -> None:
    """A lock file that holds an adapter holds all of it: another file of it could be anything."""
    unlisted = [name for name in names if expected and name not in expected and name != MODEL_CARD]
    if unlisted:
        raise JobError(
            f"{where} has {', '.join(unlisted)}, which the lock file does not have among the files of this adapter.",
            "If they are meant, delete the adapter's row in the lock file.",
        )


def _fetch(repository: str, commit: str, name: str) -> None:
    """Brings one file; goes on after an interruption as long as that brings more of it."""
    from huggingface_hub import hf_hub_download

    asked = Asked(repository, commit, name, patience())
    anew, attempt, so_far = False, 1, -1
    while True:
        try:
            path = hf_hub_download(repository, name, revision=commit, etag_timeout=asked.seconds, force_download=anew)
            return _refuse_damaged(Path(path), asked)
        except (OSError, ValueError, RuntimeError) as error:
            anew = is_wrong_size(error)
            if attempt >= _ATTEMPTS or not (anew or is_cut(error)):
                raise explain(error, asked) from error
        there = partial_bytes(repository)
        attempt = 1 if there > so_far >= 0 and not anew else attempt + 1
        so_far = there
        time.sleep(_WAIT * attempt)


def _refuse_damaged(path: Path, asked: Asked) -> None:
    """Makes sure that what has just come is what the hub says it is; anything else leaves the cache again."""
    promised = address(path)
    found = sha256_of(path) if promised is not None else None
    if found != promised:
        forget(path)
        raise JobError(
            f"{asked} came damaged: its sha256 is {found}, the hub says {promised}.",
            "It was not kept. Run again; if that does not help, the hub holds a damaged file.",
        )


def _check_content(folder: Path, files: Mapping[str, str | None], repository: str) -> None:
    """Compares files with the sha256 that they must have, if any, and with the one they are kept under."""
    problems = []
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            hint = "If it was withdrawn on purpose, delete the adapter's row in the lock file."
            problems.append(Problem(f"{repository} at {folder.name} has no {name}, which the lock file expects.", hint))
            continue
        kept_under = address(path)
        wanted = expected or kept_under
        found = sha256_of(path) if wanted is not None else None
        if found != wanted:
            problems.append(_changed(path, repository, str(wanted), str(found)))
    if problems:
        raise JobError(problems)


def _changed(path: Path, repository: str, wanted: str, found: str) -> Problem:
    hint = f"If the copy in the cache was damaged, delete {path.resolve()} and run again."
    if address(path) in (None, found):
        hint += " If the other bytes are meant, delete the adapter's row in the lock file."
    where = f"{path.name} of {repository} at {path.parent.name}"
    return Problem(f"{where} has changed: its sha256 is {found}, it should be {wanted}.", hint)
