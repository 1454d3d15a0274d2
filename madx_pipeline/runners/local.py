"""N processes on this machine, kept alive so that the libraries are loaded once in each.

Each process has its own one-worker pool: when the system kills one (out of memory), only its job is
lost, and the next job gets a new process. A worker ends itself when the run that started it is gone,
so that a killed run leaves nothing behind. Where there are GPUs each process sees one of them and no other; a job
that asks for several gets those of as many processes, which wait meanwhile.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from madx_pipeline.errors import Problem
from madx_pipeline.execute import execute
from madx_pipeline.graph import Graph, Ready
from madx_pipeline.jobs import Job
from madx_pipeline.machine import VISIBLE_GPUS
from madx_pipeline.outcome import Outcome
from madx_pipeline.runner import Do
from madx_pipeline.store import Store

_LOOK_FOR_PARENT_EVERY = 0.5
"""Seconds between two looks of a worker at whether its parent lives."""


@dataclass
class _Worker:
    """One process, and the GPU that it sees (None where there is none)."""

    gpu: str | None
    pool: ProcessPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """A process that starts afresh (`spawn`): forking a process that has used torch is unsafe."""
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, mp_context=context, initializer=_start_worker, initargs=(os.getpid(),))

    def end(self) -> None:
        """Ends the process, whatever it does."""
        for process in list((self.pool._processes or {}).values()):
            process.terminate()
        self.pool.shutdown(wait=False, cancel_futures=True)


class LocalRunner:
    """Does up to `workers` jobs side by side.

    Args:
        home: Folder of the store.
        workers: How many processes.
        gpus: What this machine's GPUs are called; the processes take turns at them.
        do: What is done with a job.
    """

    farewell = "Run again to resume."

    def __init__(self, home: Path, workers: int, gpus: Sequence[str] = (), do: Do = execute) -> None:
        self._home = home
        self._do = do
        self._idle = [_Worker(gpus[number % len(gpus)] if gpus else None) for number in range(workers)]
        self._busy: dict[Future[Outcome], tuple[Job, list[_Worker]]] = {}

    def run(self, graph: Graph, started: Callable[[Job], None]) -> Iterator[Outcome]:
        """Does the jobs of a graph; the most urgent that can start waits until there is room for it."""
        ready = Ready(graph)
        while ready or self._busy:
            while ready and (workers := self._room_for(ready.first())):
                job = ready.take()
                started(job)
                self._start(job, workers)
            done, _ = wait(self._busy, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = self._collect(future)
                if outcome.is_there:
                    ready.made(outcome.fingerprint)
                yield outcome

    def close(self) -> None:
        """Ends all processes; what was under way can be resumed."""
        for worker in [*self._idle, *(worker for _, workers in self._busy.values() for worker in workers)]:
            worker.end()

    def _room_for(self, job: Job) -> list[_Worker]:
        """Idle workers with as many GPUs as the job asks for, the first to do it; none if there are too few."""
        if not self._idle or self._idle[0].gpu is None:
            return self._idle[:1]
        wanted = max(1, int(job.resources["gpus"]))
        by_gpu = {worker.gpu: worker for worker in reversed(self._idle)}
        chosen = list(by_gpu.values())[-wanted:]
        return chosen[::-1] if len(chosen) == wanted else []

    def _start(self, job: Job, workers: list[_Worker]) -> None:
        gpus = ",".join(worker.gpu for worker in workers if worker.gpu is not None)
        self._idle = [worker for worker in self._idle if worker not in workers]
        future = workers[0].pool.submit(_do_on, gpus, self._do, job, self._home)
        self._busy[future] = (job, workers)

    def _collect(self, future: Future[Outcome]) -> Outcome:
        job, workers = self._busy.pop(future)
        try:
            return future.result()
        except BrokenProcessPool:
            workers[0].renew()
            return self._died(job)
        finally:
            self._idle += workers

    def _died(self, job: Job) -> Outcome:
        """A process that the system killed could not say why; this says it, for the report as well."""
        message = f"{job.name} failed: its process was killed (out of memory, perhaps)."
        hint = "Run again to resume, with fewer --workers or a smaller batch."
        failure = Store(self._home).fail(job, message, hint)
        return Outcome(job.fingerprint, "failed", problem=Problem(message, hint), log=failure.log)


def _do_on(gpus: str, do: Do, job: Job, home: Path) -> Outcome:
    """Shows torch these GPUs alone; it looks when it first needs one, and never again."""
    if gpus:
        os.environ[VISIBLE_GPUS] = gpus
    return do(job, home)


def _start_worker(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_FOR_PARENT_EVERY)
    os._exit(1)
