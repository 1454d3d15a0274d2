"""Runs what is missing of a plan, in the order of its dependencies, on whichever runner is asked for.

A failed job stops only what depends on it. What is found is believed only after its checksums were
compared: a damaged artifact is set aside and made again.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from madx_pipeline.errors import Problem
from madx_pipeline.execute import Outcome
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.store import Store

_WEIGHT = {
    "train_language_adapter": 20,
    "continue_pretraining": 20,
    "train_task_adapter": 10,
    "train_lora": 10,
    "finetune_base_model": 10,
}
"""How long jobs of a stage are, roughly, beside one that prepares or evaluates."""


class Runner(Protocol):
    """Does jobs somewhere. Ray and Slurm will be two more of these.

    Attributes:
        capacity: How many jobs it can have under way at once.
    """

    capacity: int

    def start(self, job: Job) -> None:
        """Takes a job whose inputs are all there."""

    def wait(self) -> list[Outcome]:
        """Waits until at least one job that was started has ended."""

    def close(self) -> None:
        """Stops everything under way and frees what it holds."""


class Observer(Protocol):
    """Whoever wants to see jobs start and end (the command line)."""

    def started(self, job: Job) -> None:
        """A job was handed to the runner."""

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
    """Does what is missing; gives the outcome of every job of the plan, by fingerprint."""
    run = _Run(plan, selection, store, runner, observer)
    run.look_for_finished()
    try:
        run.work()
    finally:
        runner.close()
    return run.outcomes


def work_behind(plan: Plan) -> dict[str, int]:
    """How much work waits for each job, itself included, along the longest chain: who has most goes first.

    Otherwise one long training that nobody started in time is what everybody waits for in the end.
    """
    behind: dict[str, int] = {}
    for job in reversed(plan.jobs.values()):
        own = behind.get(job.fingerprint, 0) + _WEIGHT.get(job.stage, 1)
        behind[job.fingerprint] = own
        for need in job.inputs.values():
            behind[need] = max(behind.get(need, 0), own)
    return behind


@dataclass
class _Run:
    """The state of one run: what has ended, what is under way, what waits for what."""

    plan: Plan
    selection: Selection
    store: Store
    runner: Runner
    observer: Observer
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    missing_inputs: dict[str, int] = field(default_factory=dict)
    needed_by: dict[str, list[str]] = field(default_factory=dict)

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

    def work(self) -> None:
        """Starts every job whose inputs are there, until nothing is left that can be started."""
        behind = work_behind(self.plan)
        ready = [(-behind[fingerprint], fingerprint) for fingerprint in self._index()]
        heapq.heapify(ready)
        under_way = 0
        while ready or under_way:
            while ready and under_way < self.runner.capacity:
                job = self.plan.jobs[heapq.heappop(ready)[1]]
                self.observer.started(job)
                self.runner.start(job)
                under_way += 1
            for outcome in self.runner.wait():
                under_way -= 1
                job = self.plan.jobs[outcome.fingerprint]
                self._end(job, outcome)
                for fingerprint in self._freed_by(job, outcome):
                    heapq.heappush(ready, (-behind[fingerprint], fingerprint))

    def _index(self) -> list[str]:
        """Counts what each job still waits for; gives those that wait for nothing."""
        ready: list[str] = []
        for job in self.plan.jobs.values():
            if job.fingerprint in self.outcomes:
                continue
            if job.fingerprint not in self.selection.wanted:
                self._end(job, Outcome(job.fingerprint, "not run"))
                continue
            needs = {need for need in job.inputs.values() if self._state(need) != "found"}
            blocked = next((need for need in needs if self._state(need) == "not run"), None)
            if blocked is not None:
                self._end(job, _not_run(job, f"{self.plan.jobs[blocked].name} is not there"))
                continue
            self.missing_inputs[job.fingerprint] = len(needs)
            for need in needs:
                self.needed_by.setdefault(need, []).append(job.fingerprint)
            if not needs:
                ready.append(job.fingerprint)
        return ready

    def _state(self, fingerprint: str) -> str | None:
        outcome = self.outcomes.get(fingerprint)
        return outcome.state if outcome is not None else None

    def _freed_by(self, job: Job, outcome: Outcome) -> list[str]:
        """Jobs that can start now that `job` is there; after a failure, none, and those that needed it are over."""
        if outcome.state in ("failed", "not run"):
            self._give_up_on(job)
            return []
        freed = []
        for fingerprint in self.needed_by.get(job.fingerprint, []):
            self.missing_inputs[fingerprint] -= 1
            if self.missing_inputs[fingerprint] == 0 and fingerprint not in self.outcomes:
                freed.append(fingerprint)
        return freed

    def _give_up_on(self, failed: Job) -> None:
        """Ends everything that needed a failed job, directly or not."""
        waiting = deque(self.needed_by.get(failed.fingerprint, []))
        while waiting:
            fingerprint = waiting.popleft()
            if fingerprint in self.outcomes:
                continue
            job = self.plan.jobs[fingerprint]
            self._end(job, _not_run(job, f"{failed.name} failed"))
            waiting.extend(self.needed_by.get(fingerprint, []))

    def _end(self, job: Job, outcome: Outcome) -> None:
        self.outcomes[job.fingerprint] = outcome
        self.observer.ended(job, outcome)


def _not_run(job: Job, why: str) -> Outcome:
    return Outcome(job.fingerprint, "not run", problem=Problem(f"{job.name} was not run: {why}."))


def _damaged(job: Job, damage: list[str], aside: str) -> Outcome:
    problem = Problem(f"{'; '.join(damage)}.", f"It is not used: moved to {aside}, to be made again.")
    return Outcome(job.fingerprint, "damaged", problem=problem)
