"""N processes on this machine, kept alive so that the libraries are loaded once in each.

Each process has its own one-worker pool: when the system kills one (out of memory), only its job is
lost, and the next job gets a new process. A worker ends itself when the run that started it is gone,
so that a killed run leaves nothing behind.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from madx_pipeline.errors import Problem
from madx_pipeline.execute import Outcome, execute
from madx_pipeline.jobs import Job
from madx_pipeline.store import Store

_LOOK_FOR_PARENT_EVERY = 0.5
"""Seconds between two looks of a worker at whether its parent lives."""


class LocalRunner:
    """Does up to `workers` jobs side by side."""

    def __init__(self, home: Path, workers: int) -> None:
        self.capacity = workers
        self._home = home
        self._idle = [_new_pool() for _ in range(workers)]
        self._busy: dict[Future[Outcome], tuple[Job, ProcessPoolExecutor]] = {}

    def start(self, job: Job) -> None:
        """Hands the job to an idle process."""
        pool = self._idle.pop()
        future = pool.submit(execute, job, self._home)
        self._busy[future] = (job, pool)

    def wait(self) -> list[Outcome]:
        """Waits until at least one process has ended its job, or has died."""
        done, _ = wait(self._busy, return_when=FIRST_COMPLETED)
        return [self._collect(future) for future in done]

    def close(self) -> None:
        """Ends all processes; what was under way can be resumed."""
        for pool in [*self._idle, *(pool for _, pool in self._busy.values())]:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)

    def _collect(self, future: Future[Outcome]) -> Outcome:
        job, pool = self._busy.pop(future)
        try:
            outcome = future.result()
        except BrokenProcessPool:
            self._idle.append(_new_pool())
            return self._died(job)
        self._idle.append(pool)
        return outcome

    def _died(self, job: Job) -> Outcome:
        """A process that the system killed could not say why; this says it, for the report as well."""
        message = f"{job.name} failed: its process was killed (out of memory, perhaps)."
        hint = "Run again to resume, with fewer --workers or a smaller batch."
        failure = Store(self._home).fail(job, message, hint)
        return Outcome(job.fingerprint, "failed", problem=Problem(message, hint), log=failure.log)


def _new_pool() -> ProcessPoolExecutor:
    """A pool of one process that starts afresh (`spawn`): forking a process that has used torch is unsafe."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_start_worker, initargs=(os.getpid(),))


def _start_worker(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_FOR_PARENT_EVERY)
    os._exit(1)
