"""Where the jobs of a plan stand: done, running, queued, failed, interrupted, waiting. What `madx status` shows.

Nothing but the store and Slurm's queue is asked, so it is the same whichever runner does the work. A job runs if
somebody holds its lock: the system frees that when a process dies.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

from filelock import Timeout

from madx_pipeline.jobs import Job, Plan
from madx_pipeline.locks import held
from madx_pipeline.records import Json
from madx_pipeline.slurm.queue import Place, Seen
from madx_pipeline.store import Store
from madx_pipeline.unfinished import read_note

Standing = Literal["done", "running", "queued", "failed", "interrupted", "waiting"]
STANDINGS: tuple[Standing, ...] = ("done", "running", "queued", "failed", "interrupted", "waiting")

InSlurm = tuple[Place, Seen]


@dataclass(frozen=True)
class Stands:
    """Where one job stands.

    Attributes:
        job: The job.
        state: In a word.
        seconds: What it took, or what has been spent on it so far; None if nothing.
        progress: How far it is (`done`, `total`, `numbers`), if it is unfinished and has said so.
        place: Who works on it (`host`, `pid`, `engine`), if it is running.
        slurm: Where it is in Slurm and what Slurm says of it, if it knows.
        why: Why it failed.
        log: Path of its log, if it is unfinished and there is one.
    """

    job: Job
    state: Standing
    seconds: float | None = None
    progress: dict[str, Json] | None = None
    place: dict[str, Json] | None = None
    slurm: InSlurm | None = None
    why: str = ""
    log: str = ""

    @property
    def fraction(self) -> float | None:
        """How much of it is done, from 0 to 1, as far as it has said."""
        if self.progress is None or not self.progress.get("total"):
            return None
        return min(1.0, float(self.progress["done"]) / float(self.progress["total"]))


def standing_of(plan: Plan, store: Store, slurm: dict[str, InSlurm]) -> list[Stands]:
    """Where every job of a plan stands, in the plan's order.

    Args:
        plan: The plan.
        store: Its store.
        slurm: What is in Slurm's queue, by fingerprint.
    """
    return [_stands(job, store, slurm.get(job.fingerprint)) for job in plan.jobs.values()]


def _stands(job: Job, store: Store, slurm: InSlurm | None) -> Stands:
    artifact = store.find(job)
    if artifact is not None:
        return Stands(job, "done", artifact.record.seconds)
    log = store.partial(job) / "log.txt"
    unfinished = Stands(
        job, "waiting", progress=store.progress(job), slurm=slurm, log=str(log) if log.is_file() else ""
    )
    note, failure = read_note(store.partial(job)), store.failure(job)
    if note is not None and _is_worked_on(job, store):
        seconds = float(note["seconds_before"]) + time.time() - float(note["started"])
        place = {name: note.get(name) for name in ("host", "pid", "engine")}
        return replace(unfinished, state="running", seconds=seconds, place=place)
    if slurm is not None and not slurm[1].is_over:
        return replace(unfinished, state="queued")
    if failure is not None:
        return replace(unfinished, state="failed", why=failure.message)
    return replace(unfinished, state="interrupted" if note is not None else "waiting")


def _is_worked_on(job: Job, store: Store) -> bool:
    try:
        with held(store.lock(job), store.root, blocking=False):
            return False
    except Timeout:
        return True
