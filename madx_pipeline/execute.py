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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from madx_pipeline.errors import CheckError, JobError, MadxError, Problem
from madx_pipeline.integrity import read_artifact
from madx_pipeline.jobs import Job
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace, stage_module
from madx_pipeline.store import Store

_LIBRARIES = ("torch", "transformers", "adapters", "datasets", "tokenizers", "numpy", "madx-pipeline")

COUNTS_STEPS = (
    "prepare_base_model",
    "train_language_adapter",
    "continue_pretraining",
    "train_task_adapter",
    "train_lora",
    "finetune_base_model",
)
"""Stages whose progress counts training steps; that of others counts bytes or rows."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        fingerprint: Of the job.
        state: `found`, `ran`, `failed` or `not run`.
        seconds: Wall time of this sitting.
        problem: Why it failed or was not run.
        log: Path of its log, if it failed.
        warnings: What the job warned of, soft checks that said no, and damage met.
    """

    fingerprint: str
    state: str
    seconds: float = 0.0
    problem: Problem | None = None
    log: str = ""
    warnings: tuple[str, ...] = ()


def execute(job: Job, home: Path) -> Outcome:
    """Makes a job's artifact unless it is there; never raises for a failure of the job itself."""
    if job.obstacle:  # it will be another job once that is out of the way, so nothing is left in the store for this one
        message = f"{job.name} failed: {job.obstacle}"
        return Outcome(job.fingerprint, "failed", problem=Problem(message, job.obstacle_hint))
    store = Store(home)
    started = time.monotonic()
    told: list[str] = []
    try:
        with store.lock(job):
            if store.find(job) is not None:  # another run made it while this one waited for the lock
                return Outcome(job.fingerprint, "found")
            artifact = _make(job, store, told)
    except Exception as error:  # whatever a stage or the disk does, the other jobs go on
        return replace(_failed(job, store, error, time.monotonic() - started), warnings=tuple(told))
    doubts = [f"{check.name}: {check.detail}" for check in artifact.record.checks if not check.passed]
    return Outcome(job.fingerprint, "ran", time.monotonic() - started, warnings=(*told, *doubts))


def _make(job: Job, store: Store, told: list[str]) -> Artifact:
    """Runs the stage's function in the job's workspace; what the job warns of goes to `told`, also if it fails."""
    if store.path(job).exists():  # its record is unreadable, or the twelve digits belong to another job
        store.set_aside(job, "damaged")
    artifacts = {role: _input(store, job, role) for role in job.inputs}
    inputs = Inputs(job.key, job.source or {}, job.locations, artifacts, job.expected)
    module = stage_module(job.stage)
    workspace = store.begin(job)
    workspace.warnings = told
    _set_threads(int(job.resources["threads"]))
    with _log_to(workspace):
        workspace.log.info("%s (%s)", job.name, job.fingerprint)
        try:
            module.run(inputs, module.Params.model_validate(job.params), workspace)
        except CheckError:
            store.keep_checks(workspace)
            raise
    return store.finish(job, workspace, _library_versions())


def _input(store: Store, job: Job, role: str) -> Artifact:
    """The finished artifact in a role."""
    artifact = read_artifact(store.root / job.folders[role])
    if artifact is None or artifact.record.fingerprint != job.inputs[role]:
        raise JobError(f"its {role} is not in the store {store.root}.", "Run the recipe again to make what is missing.")
    return artifact


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
    problem = _cause(error)
    steps = store.progress(job) if job.stage in COUNTS_STEPS else None
    after = f" after {steps['done']} of {steps['total']} steps" if steps else ""
    message = f"{job.name} failed{after}: {problem.message}"
    failure = store.fail(job, message, problem.hint)
    return Outcome(job.fingerprint, "failed", seconds, Problem(message, problem.hint), failure.log)


def _cause(error: Exception) -> Problem:
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


@contextmanager
def _log_to(workspace: Workspace) -> Iterator[None]:
    """Sends what our code and the libraries log to the job's `log.txt` while it runs."""
    handler = logging.FileHandler(workspace.path / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.INFO)
    loggers = [logging.getLogger(name) for name in ("madx_pipeline", "transformers", "adapters", "datasets")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if logger.name == "madx_pipeline" else logging.WARNING)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()


def _set_threads(threads: int) -> None:
    """Threads come from the stage's page, so that bits do not depend on the runner."""
    import torch

    torch.set_num_threads(threads)


def _library_versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
