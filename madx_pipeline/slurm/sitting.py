"""One sitting of a job under Slurm: its signals, and going back into the queue to resume.

Slurm sends SIGUSR2 some time before the time limit and SIGTERM when it takes the machine for somebody else. Either ends
the sitting; what was done is in the checkpoints. A job that made none in a whole sitting would never end, so it fails.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from madx_pipeline.errors import Problem
from madx_pipeline.execute import COUNTS_STEPS
from madx_pipeline.jobs import Job
from madx_pipeline.outcome import Outcome
from madx_pipeline.place import slurm_id
from madx_pipeline.store import Store


class Interrupted(BaseException):
    """Slurm asks the job to end. No `Exception`: nothing in a stage may take it for a failure."""

    def __init__(self, out_of_time: bool) -> None:
        super().__init__()
        self.out_of_time = out_of_time


@contextmanager
def signals() -> Iterator[None]:
    """Lets Slurm's signals raise `Interrupted`; outside Slurm nothing changes."""
    if not slurm_id():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in (signal.SIGUSR2, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)  # a second one must not disturb the end of the sitting
        raise Interrupted(number == signal.SIGUSR2)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGUSR2, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def go_on_later(job: Job, store: Store, interruption: Interrupted, since: float) -> Outcome | None:
    """Puts the job back into the queue.

    Args:
        job: The job.
        store: Where it works.
        interruption: What Slurm asked for.
        since: When this sitting began, in seconds since 1970.

    Returns:
        None if it will go on later; else why it will not.
    """
    if interruption.out_of_time and not _made_checkpoint(store.partial(job) / "checkpoints", since):
        return _too_short(job, store)
    if _state() != "RUNNING":  # cancelled: nobody wants it to go on
        return _cancelled(job, store)
    subprocess.run(["scontrol", "requeue", slurm_id()], check=True, capture_output=True, timeout=60)
    return None


def _made_checkpoint(checkpoints: Path, since: float) -> bool:
    return any(path.stat().st_mtime >= since for path in checkpoints.rglob("*"))


def _state() -> str:
    """What Slurm calls the state of this job."""
    command = ["squeue", "--noheader", "--jobs", slurm_id(), "--format", "%T"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def _too_short(job: Job, store: Store) -> Outcome:
    hint = "Raise `time` under `cluster:`, or let it make checkpoints more often (eval_steps)."
    return _failed(job, store, "Slurm's time limit came before its next checkpoint.", hint)


def _cancelled(job: Job, store: Store) -> Outcome:
    return _failed(job, store, f"it was cancelled in Slurm (job {slurm_id()}).", "Run again to resume.")


def _failed(job: Job, store: Store, what: str, hint: str) -> Outcome:
    steps = store.progress(job) if job.stage in COUNTS_STEPS else None
    after = f" after {steps['done']} of {steps['total']} steps" if steps else ""
    failure = store.fail(job, f"{job.name} failed{after}: {what}", hint)
    return Outcome(job.fingerprint, "failed", problem=Problem(failure.message, hint), log=failure.log)
