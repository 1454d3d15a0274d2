"""How long what is left of a plan will take, from what was recorded. No promise: another machine takes another time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from madx_pipeline.graph import weight
from madx_pipeline.jobs import Job
from madx_pipeline.standing import Stands


@dataclass(frozen=True)
class Forecast:
    """What is left.

    Attributes:
        path: Names of the jobs on the longest chain of those that are not done, first to last.
        path_seconds: How long that chain takes; None where nothing was recorded.
        work_seconds: How long all that is left takes, one after the other; None as above.
        side_by_side: How many jobs run at the same time now, at least 1.
    """

    path: list[str]
    path_seconds: float | None
    work_seconds: float | None
    side_by_side: int

    @property
    def seconds(self) -> float | None:
        """How long it takes with as many side by side as now; no number of workers is faster than the chain."""
        if self.path_seconds is None or self.work_seconds is None:
            return None
        return max(self.path_seconds, self.work_seconds / self.side_by_side)


def forecast(standing: Sequence[Stands]) -> Forecast:
    """What is left of the jobs of a plan.

    Args:
        standing: Where each stands, each after those it needs.
    """
    left = [stands for stands in standing if stands.state != "done"]
    pace = _Pace.of(standing)
    seconds = {stands.job.fingerprint: pace.left(stands) for stands in left}
    path = _longest_chain([stands.job for stands in left], seconds)
    known = pace.is_known or not left
    return Forecast(
        path=[job.name for job in path],
        path_seconds=sum(seconds[job.fingerprint] for job in path) if known else None,
        work_seconds=sum(seconds.values()) if known else None,
        side_by_side=max(1, sum(stands.state == "running" for stands in standing)),
    )


@dataclass(frozen=True)
class _Pace:
    """How long jobs take: by stage where one is recorded, else by the weight of the stage beside those that are."""

    by_stage: dict[str, float]
    per_weight: float
    is_known: bool

    @classmethod
    def of(cls, standing: Iterable[Stands]) -> _Pace:
        recorded: dict[str, list[float]] = {}
        for stands in standing:
            whole = _whole(stands)
            if whole is not None:
                recorded.setdefault(stands.job.stage, []).append(whole)
        by_stage = {stage: mean(seconds) for stage, seconds in recorded.items()}
        weights = sum(weight(stage) for stage in by_stage)
        return cls(by_stage, sum(by_stage.values()) / weights if weights else 1.0, bool(by_stage))

    def left(self, stands: Stands) -> float:
        """Seconds that are left of a job."""
        whole = _whole(stands)
        if whole is None:
            whole = self.by_stage.get(stands.job.stage, self.per_weight * weight(stands.job.stage))
        return whole * (1 - (stands.fraction or 0.0))


def _whole(stands: Stands) -> float | None:
    """How long a job took, or will have taken at its pace so far."""
    if stands.state == "done":
        return stands.seconds
    if stands.state == "running" and stands.seconds is not None and stands.fraction:
        return stands.seconds / stands.fraction
    return None


def _longest_chain(jobs: Sequence[Job], seconds: dict[str, float]) -> list[Job]:
    """The chain of jobs that takes longest, first to last."""
    by_fingerprint = {job.fingerprint: job for job in jobs}
    behind: dict[str, float] = {}
    following: dict[str, str | None] = dict.fromkeys(by_fingerprint)
    for job in reversed(jobs):
        own = behind.get(job.fingerprint, 0.0) + seconds[job.fingerprint]
        behind[job.fingerprint] = own
        for need in set(job.inputs.values()) & by_fingerprint.keys():
            if own > behind.get(need, -1.0):
                behind[need], following[need] = own, job.fingerprint
    first = max(reversed(behind), key=behind.__getitem__, default=None)  # of equals the one that comes earlier
    chain = []
    while first is not None:
        chain.append(by_fingerprint[first])
        first = following[first]
    return chain
