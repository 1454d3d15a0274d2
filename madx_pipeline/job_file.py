"""A job as a file: how it reaches a process that was not told of it otherwise, and how it ended as another.

`<home>/jobs/<stage>/<folder>.json` holds a job as plain data, beside the store and in the same order. A file may come
from anywhere, so what is read is validated like input: known stage, names that are no paths, a fingerprint that is
that of the content.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from madx_pipeline.durable import write_durably, write_whole
from madx_pipeline.errors import InputError
from madx_pipeline.jobs import Job, fingerprint_of
from madx_pipeline.outcome import Outcome
from madx_pipeline.stage import STAGES, Resources, stage_module

_FOLDER = re.compile(r"[a-z_]+/[A-Za-z0-9][A-Za-z0-9_.-]*-[0-9a-f]{12}")


def job_to_json(job: Job) -> str:
    """A job as plain data."""
    return str(_adapter().dump_json(job).decode("utf-8"))


def job_from_json(text: str | bytes) -> Job:
    """The job that `job_to_json` gave.

    Raises:
        ValueError: If it is something else.
    """
    job: Job = _adapter().validate_json(text)
    return job


def _checked(text: bytes, where: Path) -> Job:
    """A job of which nothing is believed.

    Raises:
        InputError: If it is no job, or not one that this version can do.
    """
    try:
        job = job_from_json(text)
        Resources.model_validate(job.resources)
    except ValueError as error:
        raise InputError(f"{where} is not a job: {_first_line(error)}.", "Let `madx run` write it again.") from error
    problem = _problem(job)
    if problem:
        raise InputError(f"{where}: {problem}.", "Let `madx run` write it again.")
    return job


def job_path(home: Path, folder: str) -> Path:
    """Where the file of a job is, by the folder of its artifact in the store."""
    return home / "jobs" / f"{folder}.json"


def write_job(job: Job, home: Path) -> Path:
    """Writes the file of a job; gives its path."""
    path = job_path(home, job.folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = job_to_json(job)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_whole(path, text)
    return path


def read_job(home: Path, folder: str) -> Job:
    """The job whose artifact has this folder in the store.

    Raises:
        InputError: If there is no such file, or it is not what it should be.
    """
    if not _FOLDER.fullmatch(folder):
        raise InputError(
            f"{folder!r} is not the name of a job's folder.", "Such a name is train_language_adapter/sw-0123456789ab."
        )
    path = job_path(home, folder)
    try:
        job = _checked(path.read_bytes(), path)
    except FileNotFoundError as error:
        raise InputError(f"there is no job {folder} in {home}.", "`madx run --runner slurm` writes them.") from error
    if job.folder != folder:
        raise InputError(f"{path} holds another job: {job.folder}.", "Let `madx run` write it again.")
    return job


def note_outcome(job: Job, home: Path, outcome: Outcome) -> None:
    """Leaves a note of how a job ended, for whoever has to wait for it from afar."""
    path = _outcome_path(home, job)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, outcome.to_json())


def noted_outcome(job: Job, home: Path) -> Outcome | None:
    """How a job ended that was run from its file, or None."""
    try:
        outcome = Outcome.from_json(_outcome_path(home, job).read_bytes())
    except (OSError, ValueError):
        return None
    return outcome if outcome.fingerprint == job.fingerprint else None


def forget_outcome(job: Job, home: Path) -> None:
    """Before a job is run again."""
    _outcome_path(home, job).unlink(missing_ok=True)


def _outcome_path(home: Path, job: Job) -> Path:
    return job_path(home, job.folder).with_suffix(".outcome")


def _problem(job: Job) -> str:
    """What is wrong with a job of the right shape, or nothing."""
    if job.stage not in STAGES:
        return f"there is no stage {job.stage!r}"
    if any(not _FOLDER.fullmatch(folder) for folder in (job.folder, *job.folders.values())):
        return "a name in it is no name of a folder"
    if job.folders.keys() != job.inputs.keys():
        return "its inputs and their folders do not match"
    if job.fingerprint != fingerprint_of(_content(job)):
        return "its fingerprint is not that of its content"
    if job.version != stage_module(job.stage).VERSION:
        return f"it is of version {job.version} of {job.stage}, this is version {stage_module(job.stage).VERSION}"
    return ""


def _content(job: Job) -> dict[str, Any]:
    """What decides the fingerprint, as `plan.py` has it."""
    names = ("stage", "version", "key", "params", "inputs", "source")
    return {name: getattr(job, name) for name in names}


def _first_line(error: ValueError) -> str:
    return " ".join(str(error).split())[:200]


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Job)
