"""Puts a report in place under `<home>/reports/<recipe>/`, whole or not at all.

The files are made in a sibling folder (`<recipe>.partial`), and the folders are swapped by renaming
under a lock. `report.json` holds a fingerprint of everything the report was made from and a sha256 per
file: where it still holds, nothing is written. Files of the user's own in the folder stay there.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filelock import FileLock

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import InputError
from madx_pipeline.plan import Plan, fingerprint_of
from madx_pipeline.report.collect import collect, report_params
from madx_pipeline.report.results import Results
from madx_pipeline.stage import Inputs, Json, Workspace
from madx_pipeline.stages import report as report_stage
from madx_pipeline.store import Store

MARKER = "report.json"
"""What a report was made from, and the sha256 of its files; written last."""


@dataclass(frozen=True)
class ReportOutcome:
    """Where a report is and whether it had to be written.

    Attributes:
        folder: The report's folder.
        state: `found` when it was there, whole and made from the same results; `ran` when it was written.
        results: What is in it.
    """

    folder: Path
    state: Literal["found", "ran"]
    results: Results = field(repr=False)


def write_report(plan: Plan, store: Store) -> ReportOutcome:
    """Writes the report of a plan from what the store has, unless the same one is there.

    Raises:
        InputError: If the folder cannot be written.
    """
    folder = _report_folder(plan, store)
    params = report_params(plan.recipe)
    with _locked(folder):
        results = collect(plan, store)  # under the lock, so that no older results replace newer ones
        source, fingerprint = _fingerprint(plan, results)
        _recover(folder)
        if _holds(folder, fingerprint):
            return ReportOutcome(folder, "found", results)
        partial = _beside(folder, "partial")
        workspace = _workspace(partial)
        report_stage.run(Inputs({}, source, {}, {}), params, workspace)
        shutil.rmtree(workspace.checkpoints)
        _mark(partial, fingerprint)
        _swap(partial, folder)
    return ReportOutcome(folder, "ran", results)


def report_state(plan: Plan, store: Store) -> Literal["found", "to run"]:
    """Whether the report that would be written now is there; writes nothing."""
    _, fingerprint = _fingerprint(plan, collect(plan, store))
    return "found" if _holds(_report_folder(plan, store), fingerprint) else "to run"


def _report_folder(plan: Plan, store: Store) -> Path:
    return store.home / "reports" / plan.recipe.name


def _fingerprint(plan: Plan, results: Results) -> tuple[dict[str, Json], str]:
    """The results as data, and the sha256 (hex) over everything the report is made from."""
    source: dict[str, Json] = results.model_dump(mode="json")
    params = report_params(plan.recipe).model_dump(mode="json")
    return source, fingerprint_of({"version": report_stage.VERSION, "params": params, "results": source})


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a report's folder, and says in words why the folder cannot be written."""
    try:
        locks = folder.parent / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{folder.name}.lock"):
            yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(
                f"the disk of {folder} is full.", "Free space, and write it again: madx report."
            ) from error
        raise InputError(
            f"the report {folder} cannot be written: {error.strerror or error}.", "Give another --home."
        ) from error


def _beside(folder: Path, suffix: str) -> Path:
    """A sibling; a recipe's name has no dot, so it can be no other recipe's report."""
    return folder.with_name(f"{folder.name}.{suffix}")


def _recover(folder: Path) -> None:
    """Ends what a process killed in `_swap` began: there is always one whole report."""
    old = _beside(folder, "old")
    if not old.exists():
        return
    if folder.exists():
        shutil.rmtree(old)
    else:
        old.rename(folder)


def _workspace(partial: Path) -> Workspace:
    """An empty folder to work in, whatever a crash left there."""
    if partial.exists():
        shutil.rmtree(partial)
    checkpoints = partial / "checkpoints"
    checkpoints.mkdir(parents=True)
    return Workspace(partial, checkpoints)


def _files(folder: Path) -> Iterator[str]:
    """Files below a folder, relative to it, in order of name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _mark(partial: Path, fingerprint: str) -> None:
    """Writes the marker, last of all."""
    files = {name: sha256_of(partial / name) for name in _files(partial)}
    text = json.dumps({"fingerprint": fingerprint, "files": files}, indent=1) + "\n"
    (partial / MARKER).write_text(text, encoding="utf-8")


def _marker(folder: Path) -> dict[str, Json]:
    """The marker of a report, or an empty one where it is missing or unreadable."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return {"fingerprint": str(marker["fingerprint"]), "files": dict(marker["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"fingerprint": "", "files": {}}


def _holds(folder: Path, fingerprint: str) -> bool:
    """Whether the folder has this very report with every file as it was written."""
    marker = _marker(folder)
    if marker["fingerprint"] != fingerprint:
        return False
    files: dict[str, str] = marker["files"]
    return all((folder / name).is_file() and sha256_of(folder / name) == sha256 for name, sha256 in files.items())


def _swap(partial: Path, folder: Path) -> None:
    """Puts the new folder in the place of the old one, with what the user keeps in there."""
    if not folder.exists():
        partial.rename(folder)
        return
    _keep_own_files(folder, partial)
    old = _beside(folder, "old")
    folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old)


def _keep_own_files(folder: Path, partial: Path) -> None:
    """Copies the files that we did not write: someone's notes beside the report are not ours to delete."""
    ours = {MARKER, *_marker(folder)["files"]}
    for name in _files(folder):
        target = partial / name
        if name not in ours and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / name, target)
