"""`madx run-job`: one job in a process of its own, from the file that describes it. What Slurm is told to run.

Exit codes: 0 if the artifact is there, 1 if the job failed or needs something that is not there, 2 for bad input, 130
if it was interrupted and will go on later.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import typer

from madx_pipeline.errors import InputError
from madx_pipeline.execute import execute
from madx_pipeline.job_file import forget_outcome, note_outcome, read_job
from madx_pipeline.jobs import Job
from madx_pipeline.outcome import Outcome
from madx_pipeline.slurm.sitting import Interrupted, go_on_later, signals, stop_listening
from madx_pipeline.store import Store

INTERRUPTED = 130


def run_job(folder: str | None, listed: Path | None, home: Path) -> int:
    """Does one job of those that a run has written down, and notes beside its file how it ended.

    Args:
        folder: The folder of its artifact in the store.
        listed: Instead, a file with such a folder a line, of which Slurm's task number counts off one.
        home: Folder of the store.

    Raises:
        InputError: If there is no such job, or its file is not what it should be.
    """
    if listed is not None and folder is None:
        folder = _of_this_task(listed)
    elif listed is not None or folder is None:
        raise InputError("run-job takes the folder of a job, or --from-list.", "See madx run-job --help.")
    job = read_job(home, folder)
    store = Store(home)
    store.check_format()
    forget_outcome(job, home)  # that of an earlier sitting says nothing of this one
    outcome = _sit(job, store)
    if outcome is None:
        typer.echo(f"interrupted: {job.name} goes on later.")
        return INTERRUPTED
    _say(job, outcome)
    return 0 if outcome.is_there else 1


def _sit(job: Job, store: Store) -> Outcome | None:
    """Does the job until Slurm's signals end the sitting; None if it goes on in another."""
    began = time.time()
    with signals():
        try:
            outcome: Outcome | None = execute(job, store.home)
            stop_listening()
        except Interrupted as interruption:
            outcome = go_on_later(job, store, interruption, began)
        if outcome is not None:
            note_outcome(job, store.home, outcome)
    return outcome


def _of_this_task(listed: Path) -> str:
    """The line of the list that is this task's, counted from 0."""
    number = os.environ.get("SLURM_ARRAY_TASK_ID", "0")
    try:
        return listed.read_text(encoding="utf-8").splitlines()[int(number)]
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{listed} has no line {number}.", "Let `madx run` write it again.") from error


def _say(job: Job, outcome: Outcome) -> None:
    for warning in outcome.warnings:
        typer.echo(f"warning: {warning}")
    if outcome.problem is None:
        typer.echo(f"{outcome.state}: {job.name} ({outcome.seconds:.0f} s)")
        return
    typer.echo(f"{outcome.state}: {outcome.problem.message}", err=True)
    if outcome.problem.hint:
        typer.echo(f"  hint: {outcome.problem.hint}", err=True)
