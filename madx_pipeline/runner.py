"""Runs what is missing of a plan, in the order of its dependencies, on whichever runner is asked for.

A failed job stops only what depends on it. What is found is believed only after its checksums were
compared: a damaged artifact is set aside and made again. All of that is decided here, so that it is the
same on every runner.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from madx_pipeline.errors import Problem
from madx_pipeline.graph import Graph
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.outcome import Outcome
from madx_pipeline.store import Store

Do = Callable[[Job, Path], Outcome]
"""What is done with a job where it runs: `execute`, or what a test or a benchmark has in its place."""


def warn(message: str) -> None:
    """Tells whoever started the run something that is no outcome of a job, on a line of stderr."""
    logging.getLogger("madx_pipeline.runner").warning("warning: %s", message)


class Runner(Protocol):
    """Does jobs somewhere, each after those it needs.

    Attributes:
        farewell: What whoever leaves the run before its end is told.
    """

    farewell: str

    def refuse(self, jobs: Collection[Job]) -> None:
        """Makes sure that these jobs can be done here: an engine would wait for what is not there, without a word.

        Raises:
            InputError: If one of them cannot.
        """

    def run(self, graph: Graph, started: Callable[[Job], None]) -> Iterator[Outcome]:
        """Does the jobs of a graph.

        Args:
            graph: The jobs, none of whose artifacts is there.
            started: To be called when a job has started.

        Yields:
            How each job ended, as it ends. Jobs behind one that failed are left out.
        """

    def close(self) -> None:
        """Frees what it holds; called at the end of the run, and when it is left."""


class Observer(Protocol):
    """Whoever wants to see jobs start and end (the command line)."""

    def started(self, job: Job) -> None:
        """A job was started."""

    def ended(self, job: Job, outcome: Outcome) -> None:
        """A job ended, or will not be run."""


@dataclass
class Selection:
    """Which jobs of a plan a run may do.

    Attributes:
        wanted: Fingerprints of jobs that may be run.
        force: Stages whose finished artifacts are set aside and made again.
    """

    wanted: set[str]
    force: frozenset[str] = frozenset()


def select(plan: Plan, *, only: str | None = None, until: str | None = None, language: str | None = None) -> set[str]:
    """Fingerprints of the jobs that `--only`, `--until` and `--language` leave."""
    wanted = set(plan.jobs)
    if language is not None:
        goals = [cell.fingerprint for cell in plan.cells if cell.language == language]
        wanted &= _with_ancestors(plan, goals)
    if until is not None:
        goals = [job.fingerprint for job in plan.jobs.values() if job.stage == until]
        wanted &= _with_ancestors(plan, goals)
    if only is not None:
        wanted &= {job.fingerprint for job in plan.jobs.values() if job.stage == only}
    return wanted


def _with_ancestors(plan: Plan, goals: Iterable[str]) -> set[str]:
    """Goals and everything they need."""
    found: set[str] = set()
    waiting = deque(goals)
    while waiting:
        fingerprint = waiting.popleft()
        if fingerprint not in found:
            found.add(fingerprint)
            waiting.extend(plan.jobs[fingerprint].inputs.values())
    return found


def run_plan(plan: Plan, selection: Selection, store: Store, runner: Runner, observer: Observer) -> dict[str, Outcome]:
    """Does what is missing; gives the outcome of every job of the plan, by fingerprint.

    Raises:
        InputError: If a job cannot be done on this runner; none was begun then.
    """
    run = _Run(plan, selection, store, observer)
    try:
        run.look_for_finished()
        graph = Graph.of(run.what_is_left())
        runner.refuse(graph.jobs.values())  # more than was asked about while planning, if something is damaged
        for outcome in runner.run(graph, observer.started):
            run.take(outcome, graph)
    finally:
        runner.close()
    return run.outcomes


@dataclass
class _Run:
    """The state of one run: what has ended, and how."""

    plan: Plan
    selection: Selection
    store: Store
    observer: Observer
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def look_for_finished(self) -> None:
        """Believes what is in the store, after comparing checksums; sets aside what is damaged or forced."""
        for job in self.plan.jobs.values():
            if not self.store.path(job).exists():
                continue
            with self.store.lock(job):
                outcome = self._examine(job)
            if outcome is not None:
                self._end(job, outcome)

    def _examine(self, job: Job) -> Outcome | None:
        """The outcome of a job whose folder is there, or None when it has to be made (again)."""
        if not self.store.path(job).exists():  # another run set it aside while this one waited for the lock
            return None
        if job.stage in self.selection.force and job.fingerprint in self.selection.wanted:
            self.store.set_aside(job, "replaced")
            return None
        damage = self.store.damage(self.store.path(job))
        if damage:
            aside = self.store.set_aside(job, "damaged")
            self.observer.ended(job, _damaged(job, [str(one) for one in damage], aside.name))
            return None
        if self.store.find(job) is None:
            return None
        return Outcome(job.fingerprint, "found")

    def what_is_left(self) -> list[Job]:
        """The jobs to do; those that are not wanted, or need something that is not, end here."""
        left = []
        for job in self.plan.jobs.values():
            if job.fingerprint in self.outcomes:
                continue
            if job.fingerprint not in self.selection.wanted:
                self._end(job, Outcome(job.fingerprint, "not run"))
                continue
            blocked = next((need for need in job.inputs.values() if self._is_not_run(need)), None)
            if blocked is not None:
                self._end(job, _not_run(job, f"{self.plan.jobs[blocked].name} is not there"))
                continue
            left.append(job)
        return left

    def _is_not_run(self, fingerprint: str) -> bool:
        outcome = self.outcomes.get(fingerprint)
        return outcome is not None and outcome.state == "not run"

    def take(self, outcome: Outcome, graph: Graph) -> None:
        """Notes how a job ended; after a failure everything that needed it is over as well."""
        job = graph.jobs[outcome.fingerprint]
        if job.fingerprint in self.outcomes:
            return
        self._end(job, outcome)
        if outcome.state not in ("failed", "not run"):
            return
        what = "failed" if outcome.state == "failed" else "was not run"
        for waiting in graph.behind(job.fingerprint):
            if waiting.fingerprint not in self.outcomes:
                self._end(waiting, _not_run(waiting, f"{job.name} {what}"))

    def _end(self, job: Job, outcome: Outcome) -> None:
        self.outcomes[job.fingerprint] = outcome
        self.observer.ended(job, outcome)


def _not_run(job: Job, why: str) -> Outcome:
    return Outcome(job.fingerprint, "not run", problem=Problem(f"{job.name} was not run: {why}."))


def _damaged(job: Job, damage: list[str], aside: str) -> Outcome:
    problem = Problem(f"{'; '.join(damage)}.", f"It is not used: moved to {aside}, to be made again.")
    return Outcome(job.fingerprint, "damaged", problem=problem)
