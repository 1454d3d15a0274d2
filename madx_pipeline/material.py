"""Outside material of one job: what decides its content, and where it lies on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from madx_pipeline.data.choice_checks import absolute
from madx_pipeline.errors import InputError, Problem
from madx_pipeline.records import Json

ContentHash = Callable[[Path], str]
"""sha256 (hex) of a file's content."""


@dataclass(frozen=True)
class Material:
    """Outside material of one job.

    Attributes:
        source: Everything that decides the content, and no path (part of the job's fingerprint).
        locations: Where it lies on this machine: absolute paths.
        expected: Name of a file to fetch to the sha256 (hex) that the recipe's lock file holds.
        obstacle: Why it cannot be had here and now, and what to do, if that is known already.
    """

    source: dict[str, Json]
    locations: dict[str, str]
    expected: Mapping[str, str] = field(default_factory=dict)
    obstacle: Problem | None = None


def folder_material(start: Path, where: str, written: str, content_hash: ContentHash) -> Material:
    """A local folder, pinned by the content of the files in it and by its name, under which others know it.

    Args:
        start: Folder that a relative path starts from (the recipe's).
        where: Key path in the recipe, for messages.
        written: The path as the recipe has it.
        content_hash: sha256 (hex) of a file's content.

    Raises:
        InputError: If there is no such folder.
    """
    folder = _folder(start, where, written)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]  # not .git and the like
    hashes = {name.as_posix(): content_hash(folder / name) for name in shown}
    return Material({"name": folder.name, "path_sha256": hashes}, {"path": str(folder)})


def files_material(start: Path, where: str, written: str, content_hash: ContentHash, names: Sequence[str]) -> Material:
    """Some files of a local folder, pinned by their content alone: what else lies there, and its name, is nothing.

    Args:
        start: Folder that a relative path starts from (the recipe's).
        where: Key path in the recipe, for messages.
        written: The path as the recipe has it.
        content_hash: sha256 (hex) of a file's content.
        names: Of the files that are read; those that are not there are left out.

    Raises:
        InputError: If there is no such folder, or none of the files in it.
    """
    folder = _folder(start, where, written)
    hashes = {name: content_hash(folder / name) for name in sorted(names) if (folder / name).is_file()}
    if not hashes:
        raise InputError(f"{where} is {written}, which has none of {', '.join(names)}.", "Correct the path.")
    return Material({"path_sha256": hashes}, {"path": str(folder)})


def _folder(start: Path, where: str, written: str) -> Path:
    folder = absolute(written, start)
    if not folder.is_dir():
        raise InputError(f"{where} is {written}, which is not a folder ({folder}).", "Correct the path.")
    return folder
