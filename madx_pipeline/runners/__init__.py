"""Where jobs run: in this process, in local worker processes, or on an engine that exists (Ray, Slurm)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from madx_pipeline.errors import InputError, suggestion
from madx_pipeline.jobs import Job
from madx_pipeline.machine import cores, memory_gib, threads_of, visible_gpus
from madx_pipeline.runner import Runner
from madx_pipeline.slurm.config import Cluster, cluster_of

RUNNERS = ("serial", "local", "ray", "slurm")


@dataclass(frozen=True)
class Choice:
    """Which runner, and what it is told.

    Attributes:
        name: Its name; None for `local` where there is room for two jobs, else `serial`.
        workers: Processes of `local`, CPUs of a Ray cluster of our own; None for as many as there is room for.
        address: Of a Ray cluster; None for one of our own.
        leave: Whether to leave when everything is in Slurm's queue.
    """

    name: str | None = None
    workers: int | None = None
    address: str | None = None
    leave: bool = False


def make_runner(choice: Choice, home: Path, jobs: Collection[Job], cluster: Cluster | None = None) -> Runner:
    """The runner asked for.

    Args:
        choice: Which.
        home: Folder of the store.
        jobs: What may be run.
        cluster: What the recipe says of a cluster.

    Raises:
        InputError: If there is no such runner, or a job that fits nowhere on it.
    """
    name = choice.name
    if name is not None and name not in RUNNERS:
        raise InputError(f"there is no runner {name!r}. Possible: {', '.join(RUNNERS)}.", suggestion(name, RUNNERS))
    for flag, given, belongs in (("--address", choice.address, "ray"), ("--leave", choice.leave, "slurm")):
        if given and name != belongs:
            raise InputError(f"{flag} is for --runner {belongs}.", f"Add --runner {belongs}, or leave it out.")
    runner = _runner(choice, home, jobs, cluster)
    try:
        runner.refuse(jobs)
    except BaseException:
        runner.close()
        raise
    return runner


def _runner(choice: Choice, home: Path, jobs: Collection[Job], cluster: Cluster | None) -> Runner:
    if choice.name == "slurm":
        _need("slurm", "submitit", "submitit")
        from madx_pipeline.runners.slurm import Slurm, SlurmRunner

        return SlurmRunner(home, Slurm(cluster_of(cluster), choice.leave))
    if choice.name == "ray":
        _need("ray", "Ray", "ray")
        from madx_pipeline.runners.ray import RayRunner

        return RayRunner(home, choice.address, choice.workers)
    return _on_this_machine(choice, home, jobs)


def _need(extra: str, what: str, module: str) -> None:
    if find_spec(module) is None:
        command = f'pip install "madx-pipeline[{extra}]"'
        raise InputError(f"--runner {extra} needs {what}, which is not installed.", f"Install it: {command}")


def _on_this_machine(choice: Choice, home: Path, jobs: Collection[Job]) -> Runner:
    from madx_pipeline.runners.local import LocalRunner
    from madx_pipeline.runners.serial import SerialRunner

    gpus = visible_gpus()
    workers = choice.workers or _room(jobs, len(gpus))
    name = choice.name or ("local" if workers > 1 else "serial")
    return SerialRunner(home) if name == "serial" else LocalRunner(home, workers, gpus)


def _room(jobs: Collection[Job], gpus: int) -> int:
    """How many of these jobs fit side by side on this machine, by cores, memory and GPUs, at least one."""
    threads = max(map(threads_of, jobs), default=1)
    needed_gib = max((job.resources["memory_gib"] for job in jobs), default=1)
    places = min(cores() // threads, int(memory_gib() // needed_gib))
    return max(1, min(places, gpus) if gpus else places)
