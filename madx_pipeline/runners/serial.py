"""One job after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from madx_pipeline.execute import execute
from madx_pipeline.graph import Graph, Ready
from madx_pipeline.jobs import Job
from madx_pipeline.machine import Machine, refuse_what_fits_nowhere, visible_gpus
from madx_pipeline.outcome import Outcome
from madx_pipeline.runner import Do


class SerialRunner:
    """Does each job at once."""

    farewell = "Run again to resume."

    def __init__(self, home: Path, do: Do = execute) -> None:
        self._home = home
        self._do = do

    def refuse(self, jobs: Collection[Job]) -> None:
        """Makes sure that this machine has the GPUs that these jobs ask for."""
        refuse_what_fits_nowhere(jobs, [Machine(gpus=len(visible_gpus()))], "this machine")

    def run(self, graph: Graph, started: Callable[[Job], None]) -> Iterator[Outcome]:
        """Does the jobs of a graph, the most urgent of those that can start first."""
        ready = Ready(graph)
        while ready:
            job = ready.take()
            started(job)
            outcome = self._do(job, self._home)
            if outcome.is_there:
                ready.made(job.fingerprint)
            yield outcome

    def close(self) -> None:
        """Nothing is held."""
