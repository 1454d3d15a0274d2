"""What a run looks like while it runs: a live table on a terminal, plain lines elsewhere.

Jobs that ended scroll above the table as plain lines. The table is drawn by a thread of rich's, twice a
second, and takes itself away at the end, on Ctrl-C and on errors.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from madx_pipeline.commands.live_table import clock, table
from madx_pipeline.commands.running import Running
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.outcome import Outcome
from madx_pipeline.store import Store

_LOOKS_PER_SECOND = 2
"""As often as a job writes its progress."""


class Display:
    """Shows jobs as they start and end; reads how far each is from its workspace.

    Args:
        plan: The jobs of the run.
        store: Where they work.
        console: Where to show them; by default the terminal or file behind stdout.
        seconds: A clock that never goes back.
    """

    def __init__(
        self, plan: Plan, store: Store, console: Console | None = None, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._seconds = seconds
        self._started = seconds()
        self._total = len(plan.jobs)
        self._ended = self._failed = 0
        self._running: dict[str, tuple[Job, Running]] = {}
        self._lock = threading.Lock()  # never held while something is printed: rich's thread draws under its own
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live = Live(
            get_renderable=self.look, console=self._console, refresh_per_second=_LOOKS_PER_SECOND, transient=True
        )

    def __enter__(self) -> Self:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def started(self, job: Job) -> None:
        """A job was handed to the runner."""
        with self._lock:
            self._running[job.fingerprint] = (job, Running(job, self._seconds(), self._store.progress(job)))
        if not self._is_live:
            self._console.print(f"start  {job.name}", markup=False)

    def ended(self, job: Job, outcome: Outcome) -> None:
        """A job ended, was found, or will not be run."""
        with self._lock:
            was_shown = self._running.pop(job.fingerprint, None) is not None
            if outcome.state == "not run" and outcome.problem is None:  # not asked for: no part of this run
                self._total -= 1
            else:
                self._ended += outcome.state != "damaged"
            self._failed += outcome.state == "failed"
        if was_shown and self._is_live:
            self._live.refresh()  # out of the table before its line stands above it
        for line in self._lines(job, outcome):
            self._console.print(line, markup=False)

    def look(self) -> RenderableType:
        """The table as it is now."""
        now = self._seconds()
        with self._lock:
            running = list(self._running.values())
            summary = self._summary(now)
        for job, seen in running:
            seen.saw(self._store.progress(job), now)
        return table([seen.row(now) for _, seen in running], summary, self._console.width, self._console.height)

    def _summary(self, now: float) -> str:
        waiting = self._total - self._ended - len(self._running)
        parts = [f"{self._ended} of {self._total} jobs ended", f"{self._failed} failed", f"{waiting} waiting"]
        return ", ".join([*parts, clock(now - self._started)])

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
