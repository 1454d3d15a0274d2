"""Jobs in Slurm's queue, as arrays with dependencies between them; Slurm orders the work and finds the place.

All jobs are handed over at once, so the run may be left: they go on, `madx status` shows them, and another `madx run`
waits for them instead of handing them over again. How a job ended is in the file that it leaves; of one that left none,
Slurm is asked. Every node must see the home folder, the recipe's files and this Python under the same paths.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from madx_pipeline.errors import InputError, JobError, Problem
from madx_pipeline.execute import COUNTS_STEPS
from madx_pipeline.graph import Graph
from madx_pipeline.job_file import noted_outcome
from madx_pipeline.jobs import Job
from madx_pipeline.outcome import Outcome
from madx_pipeline.runner import warn
from madx_pipeline.slurm.arrays import arrays_of
from madx_pipeline.slurm.config import Cluster
from madx_pipeline.slurm.queue import Place, Seen, cancel, in_queue, look
from madx_pipeline.slurm.submit import longest_array, submit
from madx_pipeline.store import Store
from madx_pipeline.unfinished import read_note
from madx_pipeline.watch import Watch

_SHORTEST_WAIT, _LONGEST_WAIT = 1.0, 15.0
"""Seconds between two looks at the queue: few at first, then more, for Slurm serves many."""

_SILENT_FOR = 600.0
"""Seconds for which Slurm may fail to answer before a run gives up waiting."""

_MISSING_FOR = 20.0
"""Seconds after which a job is lost that neither Slurm nor the store knows of; shared file systems are slow to tell."""


@dataclass(frozen=True)
class Slurm:
    """What a run on Slurm is told.

    Attributes:
        cluster: What is asked for.
        leave: Whether to leave when all jobs are handed over.
    """

    cluster: Cluster
    leave: bool = False


class SlurmRunner:
    """Hands all jobs over and waits for them."""

    farewell = "Its jobs go on in Slurm: madx status shows them, and madx run waits for them again."

    def __init__(self, home: Path, told: Slurm) -> None:
        self._home = home
        self._told = told
        self._store = Store(home)

    def refuse(self, jobs: Collection[Job]) -> None:
        """Makes sure that Slurm's commands are here; whether it has what the jobs ask for it says itself.

        Raises:
            InputError: If they are not.
        """
        if jobs and which("sbatch") is None:
            raise InputError("there is no Slurm here: sbatch is not found.", "Start from a login node of the cluster.")

    def run(self, graph: Graph, started: Callable[[Job], None]) -> Iterator[Outcome]:
        """Hands over what is not in the queue yet; gives outcomes as jobs leave it."""
        if not graph.jobs:
            return
        watch = Watch(graph, self._store)
        places = self._hand_over(graph)
        if self._told.leave:
            yield from (Outcome(fingerprint, "queued") for fingerprint in places)
            return
        waiting = _Waiting(graph, places, self._home)
        began = time.monotonic()
        while waiting.places:
            for job in watch.started():
                started(job)
            for outcome in waiting.ended(_look_patiently()):
                if outcome.state != "not run" and watch.ended(graph.jobs[outcome.fingerprint]):
                    started(graph.jobs[outcome.fingerprint])
                yield outcome
            if waiting.places:
                time.sleep(min(_LONGEST_WAIT, max(_SHORTEST_WAIT, (time.monotonic() - began) / 20)))

    def close(self) -> None:
        """Nothing is held: what is in the queue stays there."""

    def _hand_over(self, graph: Graph) -> dict[str, Place]:
        """The place in Slurm of every job of the graph."""
        known = in_queue(self._home)
        queued = {fingerprint: place for fingerprint, (place, seen) in known.items() if not seen.is_over}
        queued = {fingerprint: place for fingerprint, place in queued.items() if fingerprint in graph.jobs}
        new = Graph.of([job for job in graph.jobs.values() if job.fingerprint not in queued])
        return queued | submit(arrays_of(new, longest_array()), queued, self._home, self._told.cluster)


def _look_patiently() -> dict[str, Seen]:
    """What is in the queue; a controller that is restarted or busy does not answer for a while.

    Raises:
        JobError: If it has not answered for ten minutes.
    """
    since = time.monotonic()
    is_told = False
    while True:
        try:
            return look()
        except JobError as error:
            if time.monotonic() - since >= _SILENT_FOR:
                raise
            if not is_told:
                warn(f"{error} It is asked again for {_SILENT_FOR / 60:.0f} minutes; the jobs go on meanwhile.")
                is_told = True
        time.sleep(_LONGEST_WAIT)


class _Waiting:
    """The jobs whose end is not known yet."""

    def __init__(self, graph: Graph, places: dict[str, Place], home: Path) -> None:
        self.places = dict(places)
        self._graph = graph
        self._home = home
        self._store = Store(home)
        self._missed: dict[str, float] = {}

    def ended(self, queue: dict[str, Seen]) -> Iterator[Outcome]:
        """The outcomes of jobs that are over; those behind a failed one are taken out of the queue."""
        for fingerprint, place in list(self.places.items()):
            seen = queue.get(place.id)
            if fingerprint not in self.places or (seen is not None and seen.name == place.name and not seen.is_over):
                continue
            outcome = self._outcome(self._graph.jobs[fingerprint], place, seen)
            if outcome is None:
                continue
            del self.places[fingerprint]
            if not outcome.is_there:
                self._drop(self._graph.behind(fingerprint))
            yield outcome

    def _drop(self, jobs: Collection[Job]) -> None:
        dropped = [self.places.pop(job.fingerprint, None) for job in jobs]
        cancel(place.id for place in dropped if place is not None)

    def _outcome(self, job: Job, place: Place, seen: Seen | None) -> Outcome | None:
        """How a job ended that is no longer in the queue, or None while that cannot be said."""
        noted = noted_outcome(job, self._home)
        if noted is not None:
            return noted
        if self._store.find(job) is not None:
            return Outcome(job.fingerprint, "ran")
        missing_since = self._missed.setdefault(job.fingerprint, time.monotonic())
        if (seen is None or seen.state == "COMPLETED") and time.monotonic() - missing_since < _MISSING_FOR:
            return None
        return self._lost(job, place, seen)

    def _lost(self, job: Job, place: Place, seen: Seen | None) -> Outcome:
        """A job that could not say itself how it ended."""
        steps = self._store.progress(job) if job.stage in COUNTS_STEPS else None
        after = f" after {steps['done']} of {steps['total']} steps" if steps else ""
        why = self._why(job, seen.state if seen is not None else "")
        message = f"{job.name} failed{after}: {why} (job {place.id})."
        hint = f"Run again to resume. What it printed: {place.log}"
        failure = self._store.fail(job, message, hint)
        return Outcome(job.fingerprint, "failed", problem=Problem(message, hint), log=failure.log)

    def _why(self, job: Job, state: str) -> str:
        if state == "FAILED" and read_note(self._store.partial(job)) is None:
            return "it ended before it began its work"
        return _WHY.get(state, "it left Slurm's queue without a word")


_WHY = {
    "CANCELLED": "it was cancelled in Slurm",
    "TIMEOUT": "Slurm's time limit came before it could end",
    "OUT_OF_MEMORY": "it needed more memory than it had asked Slurm for (memory_gib)",
    "NODE_FAIL": "its node failed",
    "FAILED": "its process ended without a word (killed for its memory, perhaps)",
    "PREEMPTED": "Slurm gave its place to another job and did not put it back",
}
