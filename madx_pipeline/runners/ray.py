"""Jobs as tasks of a Ray cluster: one that is there (`--address`), or one on this machine for the time of the run.

Jobs are handed over long before they can start, with those they need as object references, so Ray orders the work,
finds the place and tries again when a worker or a node is lost; what was done by then is in the job's checkpoints. What
goes to a worker and comes back is JSON. All nodes must see the home folder and the recipe's files under the same paths.

What surprises: a job that asks for no GPU sees none here, and Ray waits without a word for what no node has, so that
is an error before anything runs.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from madx_pipeline.environment import set_environment
from madx_pipeline.errors import Problem
from madx_pipeline.execute import execute, library_versions
from madx_pipeline.graph import Graph
from madx_pipeline.job_file import job_from_json, job_to_json
from madx_pipeline.jobs import Job
from madx_pipeline.machine import threads_of
from madx_pipeline.outcome import Outcome
from madx_pipeline.place import ENGINE
from madx_pipeline.ray_cluster import SAME_VERSIONS, connect, difference_of, refuse
from madx_pipeline.runner import Do
from madx_pipeline.store import Store
from madx_pipeline.watch import Watch

RETRIES = 3
"""How often a job is tried again whose worker or node was lost."""

_LOOK_EVERY = 1.0
"""Seconds between two looks for jobs that have started."""

_MOST = 4000
"""Jobs that Ray has at a time; of a plan that is larger the rest, which is less urgent, follows as these end."""


class RayRunner:
    """Hands all jobs to Ray.

    Args:
        home: Folder of the store.
        address: Of a cluster; None to have one on this machine until `close`.
        workers: CPUs of that one; None for all.
        do: What is done with a job.
    """

    _is_connected = False
    farewell = "What was under way was stopped. Run again to resume."

    def __init__(self, home: Path, address: str | None, workers: int | None, do: Do = execute) -> None:
        self._home = home.resolve()
        self._cluster = (address, workers)
        self._do = do
        self._fitting: set[str] = set()

    def refuse(self, jobs: Collection[Job]) -> None:
        """Makes sure that the cluster can do these jobs; starts it or connects to it, unless there are none.

        What was asked about before is not asked about again: to ask every node takes a while.

        Raises:
            InputError: If there is no such cluster, a job fits on no node, or a node has other versions of what we run.
        """
        new = [job for job in jobs if job.fingerprint not in self._fitting]
        if not new:
            return
        self._connect()
        refuse(new)
        self._fitting.update(job.fingerprint for job in new)

    def run(self, graph: Graph, started: Callable[[Job], None]) -> Iterator[Outcome]:
        """Hands the jobs over, the most urgent first, and tells how each ended as Ray says."""
        if not graph.jobs:
            return
        self._connect()
        store = Store(self._home)
        watch = Watch(graph, store)
        endings = _Endings(graph, store)
        tasks = _Tasks(graph, endings, self._home, self._do)
        while len(endings.over) < len(graph.jobs):
            tasks.fill()
            ended = tasks.wait()
            for job in watch.started() if ended is None else ():
                started(job)
            for outcome in endings.take(*ended) if ended is not None else ():
                job = graph.jobs[outcome.fingerprint]
                if watch.ended(job):
                    started(job)
                yield outcome

    def close(self) -> None:
        """Leaves the cluster, which ends every task of this run; one that was started for it ends with it."""
        if self._is_connected:
            import ray

            ray.shutdown()
            self._is_connected = False

    def _connect(self) -> None:
        if not self._is_connected:
            connect(*self._cluster)
            self._is_connected = True


class _Tasks:
    """The jobs that Ray has: in order of urgency, and not more than so many, or memory would grow with the plan."""

    def __init__(self, graph: Graph, endings: _Endings, home: Path, do: Do) -> None:
        import ray

        self._graph = graph
        self._endings = endings
        self._task: Any = ray.remote(_do)
        self._same = (str(home), library_versions(), None if do is execute else do)
        self._coming = iter(graph.jobs.values())
        self._references: dict[str, Any] = {}
        self._ended: SimpleQueue[tuple[Job, Any]] = SimpleQueue()

    def fill(self) -> None:
        """Hands over more jobs; what they need was handed over before them."""
        while len(self._references) < _MOST:
            job = next(self._coming, None)
            if job is None:
                return
            if not self._endings.gave_up(job):
                self._hand_over(job)

    def wait(self) -> tuple[Job, Any] | None:
        """A job that has ended, with its future; None if there is none for a while."""
        try:
            job, future = self._ended.get(timeout=_LOOK_EVERY)
        except Empty:
            return None
        del self._references[job.fingerprint]
        return job, future

    def _hand_over(self, job: Job) -> None:
        options = {"num_cpus": threads_of(job), "num_gpus": job.resources["gpus"], "name": job.name}
        options |= {"memory": int(job.resources["memory_gib"] * 2**30), "max_retries": RETRIES}
        needs = [self._references[need] for need in self._graph.needs[job.fingerprint] if need in self._references]
        reference = self._task.options(**options).remote(job_to_json(job), *self._same, *needs)
        self._references[job.fingerprint] = reference
        reference.future().add_done_callback(lambda future: self._ended.put((job, future)))


class _Endings:
    """Makes outcomes of what Ray says. One task's error is everything's that needs it, in no certain order."""

    def __init__(self, graph: Graph, store: Store) -> None:
        self.over: set[str] = set()
        self._there: set[str] = set()
        self._graph = graph
        self._store = store
        self._unclear: list[tuple[Job, Any]] = []

    def gave_up(self, job: Job) -> bool:
        """Whether something that a job needs is known to have failed; then it is over as well."""
        gone = any(need in self.over and need not in self._there for need in self._graph.needs[job.fingerprint])
        if gone:
            self.over.add(job.fingerprint)
        return gone

    def take(self, job: Job, future: Any) -> Iterator[Outcome]:
        """The outcomes that are known now that this task has ended."""
        self._unclear.append((job, future))
        waiting, self._unclear = self._unclear, []
        for one, its_future in waiting:
            if its_future.exception() is None and (text := its_future.result()) is not None:
                yield self._end(one, Outcome.from_json(text))
            elif all(need in self._there for need in self._graph.needs[one.fingerprint]):
                yield self._end(one, self._lost(one, its_future.exception()))
            elif all(need in self.over for need in self._graph.needs[one.fingerprint]):
                self.over.add(one.fingerprint)  # something that it needs failed
            else:
                self._unclear.append((one, its_future))

    def _end(self, job: Job, outcome: Outcome) -> Outcome:
        self.over.add(job.fingerprint)
        if outcome.is_there:
            self._there.add(job.fingerprint)
        return outcome

    def _lost(self, job: Job, error: BaseException | None) -> Outcome:
        """A job whose worker never came to an end; said for the report as well."""
        logging.getLogger("madx_pipeline.job").debug("lost", exc_info=error)
        message = f"{job.name} failed: {_why(error)}"
        hint = "Run again to resume, with more memory_gib or a smaller batch if memory was short."
        failure = self._store.fail(job, message, hint)
        return Outcome(job.fingerprint, "failed", problem=Problem(message, hint), log=failure.log)


def _why(error: BaseException | None) -> str:
    from ray.exceptions import OutOfMemoryError, WorkerCrashedError

    if isinstance(error, OutOfMemoryError):
        return "Ray ended its worker because the node was out of memory."
    if isinstance(error, WorkerCrashedError):
        return f"its worker died {RETRIES + 1} times (out of memory, perhaps)."
    return f"Ray lost it ({type(error).__name__}: {' '.join(str(error).split())[:200]})."


def _do(text: str, home: str, versions: dict[str, str], do: Do | None, *needs: str | None) -> str | None:
    """On a worker: one job, unless something that it needs is not there."""
    import ray

    set_environment()
    if any(need is None or not Outcome.from_json(need).is_there for need in needs):
        return None
    job = job_from_json(text)
    os.environ[ENGINE] = f"ray {ray.get_runtime_context().get_task_id()}"
    difference = difference_of(f"the node {socket.gethostname()}", library_versions(), versions)
    if difference:
        problem = Problem(f"{job.name} failed: {difference}", SAME_VERSIONS)
        return Outcome(job.fingerprint, "failed", problem=problem).to_json()
    return (do or execute)(job, Path(home)).to_json()
