"""One job, from its lock to its finished folder: what every runner calls in the process that does the work.

Only plain data goes in (`Job`, the home folder) and out (`Outcome`), so a runner may call this in
another process or on another machine.
"""

from __future__ import annotations

import errno
import logging
import os
import time
import traceback
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from madx_pipeline import launch
from madx_pipeline.errors import CheckError, MadxError, Problem
from madx_pipeline.jobs import Job
from madx_pipeline.locks import held
from madx_pipeline.outcome import Outcome
from madx_pipeline.place import here
from madx_pipeline.records import Artifact
from madx_pipeline.run_stage import inputs_of, run_stage
from madx_pipeline.stage import processes_of
from madx_pipeline.store import Store

LIBRARIES = ("torch", "transformers", "adapters", "datasets", "tokenizers", "numpy", "madx-pipeline")

COUNTS_STEPS = (
    "prepare_base_model",
    "train_language_adapter",
    "continue_pretraining",
    "train_task_adapter",
    "train_lora",
    "finetune_base_model",
)
"""Stages whose progress counts training steps; that of others counts bytes or rows."""


def execute(job: Job, home: Path) -> Outcome:
    """Makes a job's artifact unless it is there; never raises for a failure of the job itself."""
    if job.obstacle:  # it will be another job once that is out of the way, so nothing is left in the store for this one
        message = f"{job.name} failed: {job.obstacle}"
        return Outcome(job.fingerprint, "failed", problem=Problem(message, job.obstacle_hint))
    store = Store(home)
    started = time.monotonic()
    told: list[str] = []
    try:
        with held(store.lock(job), store.root):
            if store.find(job) is not None:  # another run made it while this one waited for the lock
                return Outcome(job.fingerprint, "found")
            artifacts, missing = inputs_of(job, store)
            if missing:
                return _not_run(job, missing, store)
            artifact = _make(job, artifacts, store, told)
    except Exception as error:  # whatever a stage or the disk does, the other jobs go on
        return replace(_failed(job, store, error, time.monotonic() - started), warnings=tuple(told))
    doubts = [f"{check.name}: {check.detail}" for check in artifact.record.checks if not check.passed]
    return Outcome(job.fingerprint, "ran", time.monotonic() - started, warnings=(*told, *doubts))


def library_versions() -> dict[str, str]:
    """What decides a job's bytes beside its fingerprint, as recorded with every artifact."""
    return {name: _version(name) for name in LIBRARIES}


@cache
def _version(name: str) -> str:
    """Looked up once in a process: it takes longer than a small job."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def problem_of(error: Exception) -> Problem:
    """An error in one line, with what to do about it."""
    if isinstance(error, MadxError):
        first, *more = error.problems
        also = "".join(f" Also: {problem.message}" for problem in more)
        return Problem(first.message + also, first.hint)
    no_space = os.strerror(errno.ENOSPC)  # libraries in Rust raise errors of their own with the system's words
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or no_space in str(error):
        return Problem("the disk is full.", "Free space and run again: finished work is kept.")
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return Problem(
            "out of memory.", "Lower per_device_train_batch_size, raise gradient_accumulation_steps by the same factor."
        )
    text = " ".join(str(error).split()) or "no message"
    return Problem(f"{type(error).__name__}: {text}", "This may be a mistake of ours; the log has the traceback.")


def _make(job: Job, artifacts: dict[str, Artifact], store: Store, told: list[str]) -> Artifact:
    """Runs the stage's function in the job's workspace; what the job warns of goes to `told`, also if it fails."""
    if store.path(job).exists():  # its record is unreadable, or the twelve digits belong to another job
        store.set_aside(job, "damaged")
    launch.wait_for_stragglers(job, store)
    workspace = store.begin(job, here())
    workspace.warnings = told
    try:
        if processes_of(job.resources) > 1:
            launch.run_in_processes(job, store, workspace)
        else:
            run_stage(job, artifacts, workspace)
    except CheckError:
        store.keep_checks(workspace)
        raise
    return store.finish(job, workspace, library_versions())


def _not_run(job: Job, missing: list[str], store: Store) -> Outcome:
    """Nothing is noted beside the work: it was not this job that failed."""
    message = f"{job.name} was not run: its {missing[0]} is not in the store {store.root}."
    return Outcome(job.fingerprint, "not run", problem=Problem(message, "Run the recipe to make what is missing."))


def _failed(job: Job, store: Store, error: Exception, seconds: float) -> Outcome:
    """Notes a failure beside the unfinished work and describes it."""
    logger = logging.getLogger("madx_pipeline.job")
    logger.debug("failed", exc_info=error)
    try:
        store.partial(job).mkdir(parents=True, exist_ok=True)
        with (store.partial(job) / "log.txt").open("a", encoding="utf-8") as log:
            log.write("".join(traceback.format_exception(error)))
    except OSError:
        logger.debug("the log could not be written")
    problem = problem_of(error)
    steps = store.progress(job) if job.stage in COUNTS_STEPS else None
    after = f" after {steps['done']} of {steps['total']} steps" if steps else ""
    message = f"{job.name} failed{after}: {problem.message}"
    failure = store.fail(job, message, problem.hint)
    return Outcome(job.fingerprint, "failed", seconds, Problem(message, problem.hint), failure.log)
