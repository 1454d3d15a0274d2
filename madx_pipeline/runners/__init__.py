"""Where jobs run: in this process, in local worker processes, later on existing engines."""

from __future__ import annotations

import os
from pathlib import Path

from madx_pipeline.errors import InputError, suggestion
from madx_pipeline.jobs import Plan
from madx_pipeline.runner import Runner

RUNNERS = ("serial", "local")


def make_runner(name: str | None, workers: int | None, home: Path, plan: Plan) -> Runner:
    """The runner asked for; without a name, `local` where there is room for two jobs, else `serial`.

    Raises:
        InputError: If there is no such runner.
    """
    from madx_pipeline.runners.local import LocalRunner
    from madx_pipeline.runners.serial import SerialRunner

    count = workers or _room(plan)
    if name is None:
        name = "local" if count > 1 else "serial"
    if name == "serial":
        return SerialRunner(home)
    if name == "local":
        return LocalRunner(home, count)
    raise InputError(f"there is no runner {name!r}. Possible: {', '.join(RUNNERS)}.", suggestion(name, RUNNERS))


def _room(plan: Plan) -> int:
    """How many of the plan's jobs fit side by side on this machine, by cores, memory and GPUs, at least one."""
    asked = [job.resources for job in plan.jobs.values()]
    if any(resources["gpus"] for resources in asked):
        return 1  # two processes on one GPU would fight for its memory
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    threads = max((resources["threads"] for resources in asked), default=1)
    needed_gib = max((resources["memory_gib"] for resources in asked), default=1)
    return int(max(1, min(cores // threads, memory_gib // needed_gib)))
