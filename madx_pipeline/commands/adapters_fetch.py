"""`madx adapters fetch`: brings published adapters into the cache, for machines that will have no network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import InputError, JobError, MadxError, Problem, nearest
from madx_pipeline.published.catalogue import TaskAdapter, catalogue_of, catalogues
from madx_pipeline.published.files import (
    ADAPTER_FILES,
    CONFIG_FILE,
    HEAD_CONFIG_FILE,
    HEAD_FILES,
    MODEL_CARD,
    WEIGHTS_FILES,
)
from madx_pipeline.published.pin import newest
from madx_pipeline.published.refusals import no_catalogue
from madx_pipeline.published.resolve import Resolved, resolve_language_adapter, resolve_task_adapter

_LANGUAGE_MODEL_HEADS = ("masked_lm", "causal_lm")
_ASKED = "--base is"
"""How messages introduce the base model's name."""


def fetch_adapters(ids: Sequence[str], base: str | None, revision: str | None) -> int:
    """Fetches adapters and prints what was got; one that cannot be had does not stop the others.

    Args:
        ids: Adapters, in any of the forms that a recipe may use.
        base: The base model they are for; None if the ids alone say which adapters are meant.
        revision: Commit, tag or branch to take them from; None is what the id or the catalogue says.

    Returns:
        0, or 1 if one could not be had.

    Raises:
        InputError: If an id means nothing or several things, or the base model is not known; nothing is fetched.
    """
    resolved = _resolve_all(ids, base, revision)
    _show_progress()
    failed = 0
    for adapter in resolved:
        try:
            _print_fetched(adapter, *_fetch(adapter))
        except JobError as error:
            failed = 1
            _print_problems(error)
    return failed


def _resolve_all(ids: Sequence[str], base: str | None, revision: str | None) -> list[Resolved]:
    """What the ids mean, each once; every id that means nothing is said at once."""
    if revision is not None and len(ids) != 1:
        raise InputError(f"--revision goes with one adapter, not with {len(ids)}.", "Write each as owner/name@COMMIT.")
    if base is not None and catalogue_of(base) is None:
        raise InputError(no_catalogue(base))
    found: list[Resolved] = []
    problems: list[Problem] = []
    for written in dict.fromkeys(ids):
        try:
            found.append(_resolve(written, base, revision))
        except MadxError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return list({(adapter.repository, adapter.revision): adapter for adapter in found}.values())


def _resolve(written: str, base: str | None, revision: str | None) -> Resolved:
    if Path(os.path.expanduser(written)).is_dir():
        raise InputError(f"{written} is a folder: there is nothing to fetch.", "Look at it with madx adapters check.")
    resolve = _resolve_task if _is_task(written) else _resolve_language
    try:
        resolved = resolve(written, base or "")
    except InputError:
        if revision is None or "@" in written:
            raise
        return resolve(f"{written}@{revision}", base or "")  # a repository that only a commit makes acceptable
    return Resolved(resolved.repository, revision or resolved.revision, resolved.entry)


def _resolve_language(written: str, base: str) -> Resolved:
    return resolve_language_adapter(written, base, None, _ASKED)


def _resolve_task(written: str, base: str) -> Resolved:
    return resolve_task_adapter(written, base, _ASKED)


def _is_task(written: str) -> bool:
    """Whether an id, or the nearest one that there is, is a task adapter's."""
    tasks = {name for page in catalogues() for adapter in page.task_adapters for name in adapter.ids}
    languages = {name for page in catalogues() for adapter in page.language_adapters for name in adapter.ids}
    known = next((name for name in (written, written.rpartition("@")[0]) if name in tasks | languages), None)
    return (known or nearest(written, sorted(tasks | languages))) in tasks


def _show_progress() -> None:
    """Asks the hub's client for its progress bar, which a run of many jobs does without; before it is imported."""
    if sys.stderr.isatty():
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "0"


def _fetch(adapter: Resolved) -> tuple[Path, str, list[Path]]:
    """The folder, the commit, and the files that were asked for and are there."""
    pinned = newest(adapter.repository, adapter.revision)
    if pinned.revision is None:
        raise JobError(pinned.obstacle or ())
    if pinned.obstacle is not None:
        typer.echo(f"warning: {pinned.obstacle.message}", err=True)
    return _bring(adapter, pinned.revision)


def _bring(adapter: Resolved, revision: str) -> tuple[Path, str, list[Path]]:
    from madx_pipeline.hub.download import download

    names = [*ADAPTER_FILES, MODEL_CARD]
    if isinstance(adapter.entry, TaskAdapter):
        names += HEAD_FILES
    elif adapter.entry is None:
        names.append(HEAD_CONFIG_FILE)
    folder, commit = download(adapter.repository, revision, names)
    if adapter.entry is None and _has_task_head(folder / HEAD_CONFIG_FILE):
        names += HEAD_FILES
        download(adapter.repository, commit, names)
    there = [folder / name for name in dict.fromkeys(names) if (folder / name).is_file()]
    _check_adapter(adapter, there)
    return folder, commit, there


def _has_task_head(head_config: Path) -> bool:
    """Whether a head of an adapter that the catalogue does not have is worth fetching."""
    try:
        kind = json.loads(head_config.read_text(encoding="utf-8"))["config"]["head_type"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return kind not in _LANGUAGE_MODEL_HEADS


def _check_adapter(adapter: Resolved, files: Sequence[Path]) -> None:
    """Whether there is an adapter at all, and the one that the catalogue knows at this commit."""
    names = [file.name for file in files]
    found = {file.name: sha256_of(file) for file in files if file.name in WEIGHTS_FILES}
    if CONFIG_FILE not in names or not found:
        missing = " and no ".join(WEIGHTS_FILES) if CONFIG_FILE in names else CONFIG_FILE
        raise JobError(f"{adapter.repository} is no adapter: it has no {missing}.", "Check the id and the revision.")
    entry = adapter.entry
    if entry is None or entry.sha256 is None or entry.revision != files[0].parent.name:
        return
    if entry.sha256 not in found.values():
        said = ", ".join(f"{name} {digest}" for name, digest in found.items())
        raise JobError(
            f"{adapter.repository} has other weights than the catalogue: {said}; the catalogue has {entry.sha256}.",
            "Do not use them. If they are meant, the catalogue must be corrected.",
        )


def _print_fetched(adapter: Resolved, folder: Path, commit: str, files: Sequence[Path]) -> None:
    typer.echo(f"{adapter.repository} at {commit}")
    width = max((len(file.name) for file in files), default=0)
    for file in files:
        typer.echo(f"  {file.name:{width}}  sha256 {sha256_of(file)}")
    typer.echo(f"  in {folder}")


def _print_problems(error: MadxError) -> None:
    for problem in error.problems:
        typer.echo(f"error: {problem.message}", err=True)
        if problem.hint:
            typer.echo(f"  hint: {problem.hint}", err=True)
