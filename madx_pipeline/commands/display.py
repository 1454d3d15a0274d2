"""What a run looks like while it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from madx_pipeline.execute import Outcome
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.store import Store

_LOOK_EVERY = 0.5
"""Seconds between two looks at the progress of running jobs."""


class Display:
    """Shows jobs as they start and end; reads how far each is from its workspace."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self._store = store
        self._console = Console(highlight=False, soft_wrap=True)
        self._total = len(plan.jobs)
        self._ended = 0
        self._running: dict[str, tuple[Job, TaskID]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[numbers]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._progress.start()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._watcher.join()
        self._progress.stop()

    def started(self, job: Job) -> None:
        """A job was handed to the runner."""
        with self._lock:
            task = self._progress.add_task(job.name, total=1, numbers="")
            self._running[job.fingerprint] = (job, task)
        if not self._console.is_terminal:
            self._console.print(f"start  {job.name}", markup=False)

    def ended(self, job: Job, outcome: Outcome) -> None:
        """A job ended, was found, or will not be run."""
        with self._lock:
            if job.fingerprint in self._running:
                self._progress.remove_task(self._running.pop(job.fingerprint)[1])
        if outcome.state != "damaged":
            self._ended += 1
        for line in self._lines(job, outcome):
            self._console.print(line, markup=False)

    def _lines(self, job: Job, outcome: Outcome) -> list[str]:
        count = f"[{self._ended}/{self._total}]"
        lines = [f"  warning: {warning}" for warning in outcome.warnings]
        if outcome.state == "ran":
            return [f"{count} ran {job.name} ({outcome.seconds:.0f} s)", *lines]
        if outcome.state == "found" or outcome.problem is None:
            return lines
        head = f"{outcome.state}: {outcome.problem.message}"
        if outcome.log:
            head += f" Log: {outcome.log}"
        return [head, *([f"  hint: {outcome.problem.hint}"] if outcome.problem.hint else []), *lines]

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            with self._lock:
                running = list(self._running.values())
            for job, task in running:
                self._show_progress(job, task)

    def _show_progress(self, job: Job, task: TaskID) -> None:
        note = self._store.progress(job)
        if note is None:
            return
        numbers = " ".join(f"{name} {value:.3g}" for name, value in note["numbers"].items())
        with self._lock:
            if job.fingerprint in self._running:
                self._progress.update(task, completed=note["done"], total=note["total"], numbers=numbers)
