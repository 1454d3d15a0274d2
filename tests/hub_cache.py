"""A Hugging Face cache filled by hand, as a download would leave it: how hub ids are tested without a hub."""

from __future__ import annotations

import shutil
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def put_in_cache(cache: Path, repository: str, files: Path, branch: str | None = "main", commit: str = COMMIT) -> None:
    """Puts the files of a folder into the cache as a commit of a model repository.

    Args:
        cache: `HF_HUB_CACHE`, that is `HF_HOME/hub`.
        repository: `owner/name`.
        files: Folder whose files the repository has.
        branch: A branch that points at the commit, if any.
        commit: 40 hex digits.
    """
    folder = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(files, folder / "snapshots" / commit)
    if branch:
        (folder / "refs").mkdir()
        (folder / "refs" / branch).write_text(commit)
