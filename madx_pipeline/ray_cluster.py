"""A Ray cluster: reached or started, and looked at before anything is handed to it."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import warnings
from collections.abc import Collection
from typing import Any

from madx_pipeline.errors import InputError, Problem
from madx_pipeline.execute import LIBRARIES, library_versions
from madx_pipeline.jobs import Job
from madx_pipeline.machine import Machine, refuse_what_fits_nowhere
from madx_pipeline.runner import warn
from madx_pipeline.stage import stage_module
from madx_pipeline.training_params import TrainingParams

SAME_VERSIONS = "Install the same versions on every node (constraints.txt has those that were tested)."

_PATIENCE = 120.0
"""Seconds in which a node has to say which versions it has; its first worker may have to be started for that."""


def refuse(jobs: Collection[Job]) -> None:
    """Makes sure that the cluster that this process is connected to can do these jobs; warns of GPUs that they leave.

    Raises:
        InputError: If a job fits on no node, or a node has other versions of what we run.
    """
    import ray

    all_nodes: Any = ray.nodes  # carries no types
    nodes = [node for node in all_nodes() if node["Alive"]]
    machines = [_machine(node["Resources"]) for node in nodes]
    refuse_what_fits_nowhere(jobs, machines, "the cluster")
    _warn_of_idle_gpus(jobs, sum(machine.gpus for machine in machines))
    _refuse_other_versions(nodes)


def _warn_of_idle_gpus(jobs: Collection[Job], gpus: int) -> None:
    """Elsewhere a training takes the GPU it sees; Ray hides those that nobody asks for."""
    stages = {job.stage for job in jobs if not job.resources["gpus"]}
    trainings = sorted(stage for stage in stages if issubclass(stage_module(stage).Params, TrainingParams))
    if gpus and trainings:
        ask = ", ".join(f"{stage}: {{gpus: 1}}" for stage in trainings)
        warn(
            f"{', '.join(trainings)} asks for no GPU and will not see the {gpus} of the cluster. "
            f"If it is to have one, say so in the recipe: resources: {{{ask}}}."
        )


def difference_of(node: str, there: dict[str, str], here: dict[str, str]) -> str:
    """In which versions a node differs from what is wanted, in a sentence, or nothing.

    Args:
        node: The node in words.
        there: Versions on it, by library.
        here: Versions that are wanted.
    """
    found = [
        f"{name} {there[name]} (here: {here[name]})" for name in here if _release(there, name) != _release(here, name)
    ]
    return f"{node} has {', '.join(found)}." if found else ""


def _release(versions: dict[str, str], name: str) -> str:
    """Without the build: a node with GPUs has another one of torch than a node without."""
    return versions[name].partition("+")[0]


def _refuse_other_versions(nodes: list[dict[str, Any]]) -> None:
    """Asks every node; what asks must not need our package there."""
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    names, here = LIBRARIES, library_versions()

    def versions() -> dict[str, str]:
        from importlib.metadata import PackageNotFoundError, version

        def of(name: str) -> str:
            try:
                return version(name)
            except PackageNotFoundError:
                return "unknown"

        return {name: of(name) for name in names}

    task: Any = ray.remote(num_cpus=0)(versions)
    at = {node["NodeID"]: NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes}
    asked = [task.options(scheduling_strategy=strategy).remote() for strategy in at.values()]
    try:
        found = ray.get(asked, timeout=_PATIENCE)
    except RayError as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        hint = "ray status says which nodes are well; run again without the others."
        raise InputError(f"not every node of the cluster says which versions it has: {reason}.", hint) from error
    hosts = [f"the node {node['NodeManagerHostname']}" for node in nodes]
    differences = [difference_of(host, there, here) for host, there in zip(hosts, found, strict=True)]
    problems = [Problem(difference, SAME_VERSIONS) for difference in differences if difference]
    if problems:
        raise InputError(problems)


def _machine(resources: dict[str, float]) -> Machine:
    memory = resources.get("memory", 0.0) / 2**30
    return Machine(int(resources.get("GPU", 0)), int(resources.get("CPU", 0)), memory)


def connect(address: str | None, workers: int | None) -> None:
    """Connects this process to a cluster, or to one of its own.

    Args:
        address: Of a cluster; None to start one on this machine, which ends with the connection.
        workers: CPUs of that one; None for all.

    Raises:
        InputError: If there is no cluster at this address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:  # Ray's ports are open to the network: nobody gets in without this run's token
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    import ray  # reads the variables

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    warnings.filterwarnings("ignore", message="Tip: In future versions of Ray", category=FutureWarning)
    if address is None:
        ray.init(address="local", num_cpus=workers, dashboard_host="127.0.0.1", **quiet)
        return
    try:
        _knock(address)
        ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"no Ray cluster at {address}: {reason}.", "Start one: ray start --head") from error


def _knock(address: str) -> None:
    """Ray itself tries for many minutes where nobody answers."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()
