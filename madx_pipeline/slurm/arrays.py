"""How the jobs of a graph become arrays of Slurm: one for the jobs of a stage that wait for the same arrays.

Slurm lets a whole array wait, not its parts, so jobs of a stage are kept apart where they wait for different things:
a task adapter without a language adapter does not wait for all of those. What surprises: an array waits until another
is over, not until all of it went well, or one failed job would stop what does not depend on it. A job whose own inputs
are not there then says so and is over at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from madx_pipeline.graph import Graph
from madx_pipeline.jobs import Job


@dataclass(frozen=True)
class Array:
    """Jobs of one stage that are handed over together.

    Attributes:
        jobs: At most as many as an array may have, the most urgent first.
        after: Which arrays, counted from 0, have to be over before.
    """

    jobs: list[Job]
    after: list[int]


def arrays_of(graph: Graph, most: int) -> list[Array]:
    """The arrays, each after those it waits for.

    Args:
        graph: The jobs.
        most: Jobs that an array may have.
    """
    groups: dict[tuple[str, frozenset[int]], int] = {}
    members: list[list[Job]] = []
    group_of: dict[str, int] = {}
    for job in graph.jobs.values():
        kind = (job.stage, frozenset(group_of[need] for need in graph.needs[job.fingerprint]))
        group = groups.setdefault(kind, len(groups))
        if group == len(members):
            members.append([])
        members[group].append(job)
        group_of[job.fingerprint] = group
    chunks = [jobs[start : start + most] for jobs in members for start in range(0, len(jobs), most)]
    place = {job.fingerprint: number for number, chunk in enumerate(chunks) for job in chunk}
    return [Array(chunk, _after(chunk, graph, place)) for chunk in chunks]


def _after(jobs: list[Job], graph: Graph, place: dict[str, int]) -> list[int]:
    return sorted({place[need] for job in jobs for need in graph.needs[job.fingerprint]})
