"""The jobs that a run has to do and what each waits for: what every runner is given.

Plain data and no engine: a runner that takes one job after another asks `Ready` what can start; one whose engine
orders the work itself hands `Graph` over as it is. The most urgent jobs come first in both.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from madx_pipeline.jobs import Job

_WEIGHT = {
    "train_language_adapter": 20,
    "continue_pretraining": 20,
    "train_task_adapter": 10,
    "train_lora": 10,
    "finetune_base_model": 10,
}


def weight(stage: str) -> int:
    """How long a job of a stage is, roughly, beside one that prepares or evaluates."""
    return _WEIGHT.get(stage, 1)


def work_behind(jobs: Mapping[str, Job]) -> dict[str, int]:
    """How much work waits for each job, itself included, along the longest chain: who has most goes first.

    Otherwise one long training that nobody started in time is what everybody waits for in the end.

    Args:
        jobs: By fingerprint, each after those it needs.
    """
    behind: dict[str, int] = {}
    for job in reversed(list(jobs.values())):
        own = behind.get(job.fingerprint, 0) + weight(job.stage)
        behind[job.fingerprint] = own
        for need in job.inputs.values():
            behind[need] = max(behind.get(need, 0), own)
    return behind


@dataclass(frozen=True)
class Graph:
    """Jobs that are to be done.

    Attributes:
        jobs: By fingerprint, the most urgent first, each after those it needs.
        needs: For each job those among them that have to be there before it.
        needed_by: The same edges the other way round; jobs that nothing waits for are missing.
    """

    jobs: dict[str, Job]
    needs: dict[str, list[str]]
    needed_by: dict[str, list[str]]

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> Graph:
        """The graph of these jobs; whatever else they need is there already.

        Args:
            jobs: Each after those it needs.
        """
        given = {job.fingerprint: job for job in jobs}
        behind = work_behind(given)
        order = sorted(given.values(), key=lambda job: -behind[job.fingerprint])  # a job has less behind than its needs
        needs = {job.fingerprint: sorted({need for need in job.inputs.values() if need in given}) for job in order}
        needed_by: dict[str, list[str]] = {}
        for job in order:
            for need in needs[job.fingerprint]:
                needed_by.setdefault(need, []).append(job.fingerprint)
        return cls({job.fingerprint: job for job in order}, needs, needed_by)

    def behind(self, fingerprint: str) -> list[Job]:
        """Every job that needs this one, directly or not; those that need it directly come first."""
        found: dict[str, Job] = {}
        waiting = deque(self.needed_by.get(fingerprint, []))
        while waiting:
            one = waiting.popleft()
            if one not in found:
                found[one] = self.jobs[one]
                waiting.extend(self.needed_by.get(one, []))
        return list(found.values())


class Ready:
    """The jobs of a graph that can start now, the most urgent first."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._order = list(graph.jobs)
        self._place = {fingerprint: place for place, fingerprint in enumerate(self._order)}
        self._missing = {fingerprint: len(needs) for fingerprint, needs in graph.needs.items()}
        self._ready = [self._place[fingerprint] for fingerprint, count in self._missing.items() if count == 0]

    def __bool__(self) -> bool:
        return bool(self._ready)

    def first(self) -> Job:
        """The job that is to start next; it stays here."""
        return self._graph.jobs[self._order[self._ready[0]]]

    def take(self) -> Job:
        """The job that is to start next; it is no longer here."""
        return self._graph.jobs[self._order[heapq.heappop(self._ready)]]

    def made(self, fingerprint: str) -> None:
        """The artifact of a job is there: what waited for nothing else can start."""
        for waiting in self._graph.needed_by.get(fingerprint, []):
            self._missing[waiting] -= 1
            if self._missing[waiting] == 0:
                heapq.heappush(self._ready, self._place[waiting])
