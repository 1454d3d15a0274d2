"""What a machine has, and whether jobs fit on it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from madx_pipeline.errors import InputError, Problem
from madx_pipeline.jobs import Job
from madx_pipeline.stage import processes_of

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"

_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))
"""There where a driver for GPUs is (CUDA, ROCm, Windows' subsystem for Linux)."""


@dataclass(frozen=True)
class Machine:
    """What jobs can have of a machine; None where nobody counts."""

    gpus: int
    cores: int | None = None
    memory_gib: float | None = None


def visible_gpus() -> list[str]:
    """What the GPUs that this process may use are called in CUDA_VISIBLE_DEVICES."""
    said = os.environ.get(VISIBLE_GPUS)
    if said is not None:
        return [name.strip() for name in said.split(",") if name.strip() and name.strip() != "-1"]
    if not any(driver.exists() for driver in _DRIVERS):
        return []
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def memory_gib() -> float:
    """Main memory of this machine in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def threads_of(job: Job) -> int:
    """CPU threads of all processes of a job together."""
    return int(job.resources["threads"]) * processes_of(job.resources)


def refuse_what_fits_nowhere(jobs: Iterable[Job], machines: Sequence[Machine], where: str) -> None:
    """Makes sure that every job fits on some machine: an engine would wait for one for ever, without a word.

    Args:
        jobs: What is to be run.
        machines: What there is.
        where: The machines in a word, for the message.

    Raises:
        InputError: With one problem a stage.
    """
    by_stage = {job.stage: job for job in jobs}  # the resources of a stage are one thing
    problems = [_does_not_fit(job, machines, where) for job in by_stage.values()]
    found = [problem for problem in problems if problem is not None]
    if found:
        raise InputError(found)


def _does_not_fit(job: Job, machines: Sequence[Machine], where: str) -> Problem | None:
    asked: dict[str, float] = {"gpus": job.resources["gpus"], "cores": threads_of(job)}
    asked["memory_gib"] = job.resources["memory_gib"]
    if any(all(_has(machine, what, amount) for what, amount in asked.items()) for machine in machines):
        return None
    hint = f"Ask for less in the recipe (resources: {{{job.stage}: ...}}), or use a larger machine."
    for what, amount in asked.items():
        if not any(_has(machine, what, amount) for machine in machines):
            most = _number(max(getattr(machine, what) for machine in machines))
            one = len(machines) == 1 or most == "0"
            has = f"{where} has {most}" if one else f"no machine of {where} has more than {most}"
            return Problem(f"{job.stage} asks for {_amount(what, amount)}, {has}.", hint)
    wants = ", ".join(_amount(what, amount) for what, amount in asked.items())
    return Problem(f"{job.stage} asks for {wants}, which no machine of {where} has together.", hint)


def _has(machine: Machine, what: str, amount: float) -> bool:
    has = getattr(machine, what)
    return has is None or has >= amount


def _amount(what: str, amount: float) -> str:
    one, many = {"gpus": ("GPU", "GPUs"), "cores": ("core", "cores"), "memory_gib": ("GiB of memory",) * 2}[what]
    return f"{_number(amount)} {one if amount == 1 else many}"


def _number(value: float) -> str:
    return f"{value:g}" if value == int(value) else f"{value:.1f}"
