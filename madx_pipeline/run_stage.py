"""The function of a stage in its workspace: the middle of `execute.py`, and all that one of several processes does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from madx_pipeline.integrity import read_artifact
from madx_pipeline.jobs import Job
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace, stage_module
from madx_pipeline.store import Store


def run_stage(job: Job, artifacts: dict[str, Artifact], workspace: Workspace) -> None:
    """Runs it with the threads that its page says, its log in the workspace."""
    inputs = Inputs(job.key, job.source or {}, job.locations, artifacts, job.expected)
    module = stage_module(job.stage)
    _set_threads(int(job.resources["threads"]))
    with log_to(workspace):
        workspace.log.info("%s (%s)", job.name, job.fingerprint)
        module.run(inputs, module.Params.model_validate(job.params), workspace)


def inputs_of(job: Job, store: Store) -> tuple[dict[str, Artifact], list[str]]:
    """The finished artifacts by role, and the roles in which there is none."""
    found, missing = {}, []
    for role, fingerprint in job.inputs.items():
        artifact = read_artifact(store.root / job.folders[role])
        if artifact is None or artifact.record.fingerprint != fingerprint:
            missing.append(role)
        else:
            found[role] = artifact
    return found, missing


@contextmanager
def log_to(workspace: Workspace) -> Iterator[None]:
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
