"""N processes on this machine, kept alive so that the libraries are loaded once in each.

Each process has its own one-worker pool: when the system kills one (out of memory), only its job is
lost, and the next job gets a new process. A worker ends itself when the run that started it is gone,
so that a killed run leaves nothing behind. GPUs are not those of a process but are given to each job: one that asks for
some has them to itself, one that asks for none shares the least used with its like.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from madx_pipeline.errors import Problem
from madx_pipeline.execute import execute
from madx_pipeline.graph import Graph, Ready
from madx_pipeline.jobs import Job
from madx_pipeline.machine import VISIBLE_GPUS, Machine, refuse_what_fits_nowhere
from madx_pipeline.outcome import Outcome
from madx_pipeline.runner import Do
from madx_pipeline.store import Store

_LOOK_FOR_PARENT_EVERY = 0.5
"""Seconds between two looks of a worker at whether its parent lives."""


@dataclass
class _Worker:
    """One process, and the GPU that it has seen (None while it has seen none): torch looks once and never again."""

    gpu: str | None = None
    pool: ProcessPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """A process that starts afresh (`spawn`): forking a process that has used torch is unsafe."""
        self.gpu = None
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, mp_context=context, initializer=_start_worker, initargs=(os.getpid(),))

    def show(self, gpus: list[str]) -> None:
        """Makes ready for a job on these GPUs; several are for processes of the job's own, which look themselves."""
        if len(gpus) != 1 or self.gpu == gpus[0]:
            return
        if self.gpu is not None:
            self.end()
            self.renew()
        self.gpu = gpus[0]

    def end(self) -> None:
        """Ends the process, whatever it does."""
        for process in list((self.pool._processes or {}).values()):
            process.terminate()
        self.pool.shutdown(wait=False, cancel_futures=True)


class _Gpus:
    """The GPUs of this machine, and how many jobs are on each."""

    def __init__(self, names: Sequence[str]) -> None:
        self._users: Counter[str] = Counter(dict.fromkeys(names, 0))
        self._taken: set[str] = set()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._users)

    def room_for(self, job: Job, seen: Collection[str | None]) -> list[str] | None:
        """Those that a job can have now, first what idle processes have seen; None if it has to wait."""
        if not self._users:
            return []
        wanted = int(job.resources["gpus"])
        free = [name for name in self._users if name not in self._taken and not (wanted and self._users[name])]
        free.sort(key=lambda name: (self._users[name], name not in seen))
        chosen = free[: max(1, wanted)]
        return chosen if len(chosen) == max(1, wanted) else None

    def take(self, job: Job, gpus: list[str]) -> None:
        """A job starts on these."""
        self._users.update(gpus)
        if job.resources["gpus"]:
            self._taken.update(gpus)

    def give_back(self, gpus: list[str]) -> None:
        """A job on these has ended."""
        self._users.subtract(gpus)
        self._taken.difference_update(gpus)


@dataclass(frozen=True)
class _Doing:
    """A job that is being done: by whom and on which GPUs."""

    job: Job
    worker: _Worker
    gpus: list[str]


class LocalRunner:
    """Does up to `workers` jobs side by side.

    Args:
        home: Folder of the store.
        workers: How many processes.
        gpus: What this machine's GPUs are called.
        do: What is done with a job.
    """

    farewell = "Run again to resume."

    def __init__(self, home: Path, workers: int, gpus: Sequence[str] = (), do: Do = execute) -> None:
        self._home = home
        self._do = do
        self._gpus = _Gpus(gpus)
        self._idle = [_Worker() for _ in range(workers)]
        self._busy: dict[Future[Outcome], _Doing] = {}

    def refuse(self, jobs: Collection[Job]) -> None:
        """Makes sure that this machine has the GPUs that these jobs ask for."""
        refuse_what_fits_nowhere(jobs, [Machine(gpus=self._gpus.count)], "this machine")

    def run(self, graph: Graph, started: Callable[[Job], None]) -> Iterator[Outcome]:
        """Does the jobs of a graph; the most urgent that can start waits until there is room for it."""
        ready = Ready(graph)
        while ready or self._busy:
            while ready and (doing := self._room_for(ready.first())):
                started(ready.take())
                self._start(doing)
            if not self._busy:
                raise RuntimeError(f"there is no room for {ready.first().name}, though nothing is being done")
            done, _ = wait(self._busy, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = self._collect(future)
                if outcome.is_there:
                    ready.made(outcome.fingerprint)
                yield outcome

    def close(self) -> None:
        """Ends all processes; what was under way can be resumed."""
        for worker in [*self._idle, *(doing.worker for doing in self._busy.values())]:
            worker.end()

    def _room_for(self, job: Job) -> _Doing | None:
        """Who can do a job now, and on which GPUs; None if it has to wait."""
        gpus = self._gpus.room_for(job, [worker.gpu for worker in self._idle])
        if not self._idle or gpus is None:
            return None
        best = min(self._idle, key=lambda worker: (worker.gpu not in gpus, worker.gpu is not None))
        return _Doing(job, best, gpus)

    def _start(self, doing: _Doing) -> None:
        self._gpus.take(doing.job, doing.gpus)
        self._idle.remove(doing.worker)
        doing.worker.show(doing.gpus)
        try:
            future = self._submit(doing)
        except BrokenProcessPool:  # the system ended it while it was idle; the job has lost nothing
            doing.worker.renew()
            doing.worker.show(doing.gpus)
            future = self._submit(doing)
        self._busy[future] = doing

    def _submit(self, doing: _Doing) -> Future[Outcome]:
        return doing.worker.pool.submit(_do_on, ",".join(doing.gpus), self._do, doing.job, self._home)

    def _collect(self, future: Future[Outcome]) -> Outcome:
        doing = self._busy.pop(future)
        try:
            return future.result()
        except BrokenProcessPool:
            doing.worker.renew()
            return self._died(doing.job)
        finally:
            self._idle.append(doing.worker)
            self._gpus.give_back(doing.gpus)

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
