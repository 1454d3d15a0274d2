"""Where a job is being done: what `madx status` shows beside its progress."""

from __future__ import annotations

import os
import socket

from madx_pipeline.records import Json

ENGINE = "MADX_ENGINE"
"""Environment variable with the engine a process works for and what it calls the job, where that must be said."""


def here() -> dict[str, Json]:
    """Host, process, and the engine with what it calls this job."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "engine": os.environ.get(ENGINE) or _slurm()}


def slurm_id() -> str:
    """What Slurm calls the job this process belongs to (`12_3`), or nothing."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


def _slurm() -> str:
    return f"slurm {slurm_id()}" if slurm_id() else ""
