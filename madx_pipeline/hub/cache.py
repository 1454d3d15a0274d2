"""What the Hugging Face cache holds of a repository, found out without a network.

`download.py` stands on it. A snapshot in the cache does not say whether it is whole: after an interrupted download it
looks like the snapshot of a smaller repository. So the list of a commit's files, which never changes, is kept
beside the cache, in the folder that the hub's client sets aside for libraries (`HF_HOME/assets`).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from madx_pipeline.durable import write_durably

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BRANCH = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")

logger = logging.getLogger(__name__)


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a full commit, which names the same files for ever."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def cached_commit(repository: str, revision: str | None) -> str | None:
    """The commit that a revision was when the cache last saw it, or None.

    Args:
        repository: `owner/name` on the hub.
        revision: Commit, tag or branch; None is the default branch.
    """
    if is_commit(revision):
        return revision
    ref = _ref(repository, revision)
    try:
        commit = ref.read_text(encoding="utf-8").strip() if ref is not None else None
    except (OSError, UnicodeDecodeError):
        return None
    return commit if is_commit(commit) else None


def snapshot_folder(repository: str, commit: str) -> Path:
    """Where the files of a commit lie, if they are in the cache."""
    return _folder(repository) / "snapshots" / commit


def cached_files(repository: str, commit: str) -> list[str]:
    """Names of the files of a commit that are in the cache, sorted."""
    folder = snapshot_folder(repository, commit)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def known_files(repository: str, commit: str) -> list[str] | None:
    """Names of all files that the repository has at a commit, or None if we have not been told."""
    try:
        names = json.loads(_record(repository, commit).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def remember(repository: str, revision: str | None, commit: str, files: Sequence[str]) -> None:
    """Keeps what the hub said of a revision; a cache that cannot be written is no error.

    Args:
        repository: `owner/name` on the hub.
        revision: What was asked for; None is the default branch.
        commit: The commit (40 hex digits) that it is.
        files: Names of all its files; none keeps the commit alone.
    """
    kept = [(_record(repository, commit), json.dumps(sorted(files)))] if files else []
    ref = None if is_commit(revision) else _ref(repository, revision)
    if ref is not None:
        kept.append((ref, commit))
    try:
        for path, text in kept:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, text)
    except OSError as error:
        logger.info("the answer of the hub could not be kept: %s", error)


def matching(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The names that match a pattern. `*` stays in its folder: a repository cannot slip in a path."""
    return sorted(
        name
        for name in names
        if any(fnmatchcase(name, pattern) and name.count("/") == pattern.count("/") for pattern in patterns)
    )


def partial_bytes(repository: str) -> int:
    """Bytes of this repository's files that have come, but not all of them."""
    total = 0
    for part in (_folder(repository) / "blobs").glob("*.incomplete"):
        with suppress(FileNotFoundError):  # another process has just finished it
            total += part.stat().st_size
    return total


def address(path: Path) -> str | None:
    """The sha256 (hex) under which the cache keeps a large file, or None for files kept otherwise."""
    name = path.resolve().name
    return name if path.is_symlink() and _SHA256.fullmatch(name) else None


def forget(path: Path) -> None:
    """Removes a file from the cache, so that it is fetched again."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _folder(repository: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def _ref(repository: str, revision: str | None) -> Path | None:
    name = revision or "main"
    return _folder(repository) / "refs" / name if _BRANCH.fullmatch(name) and ".." not in name else None


def _record(repository: str, commit: str) -> Path:
    from huggingface_hub import constants

    folder = Path(constants.HF_ASSETS_CACHE) / "madx_pipeline" / repository.replace("/", "--")
    return folder / "files" / f"{commit}.json"
