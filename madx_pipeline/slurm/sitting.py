"""One sitting of a job under Slurm: its signals, and going back into the queue to resume.

Slurm sends SIGUSR2 some time before the time limit and SIGTERM when it takes the machine for somebody else. Either ends
the sitting; what was done is in the checkpoints. A job that made none in a whole sitting would never end, so it fails.

What surprises: SIGTERM comes also when somebody cancels the job or puts it back, and for all of them Slurm calls its
state COMPLETING. Times and counts tell them apart. Slurm kills the job some seconds after SIGTERM (KillWait, 30 by
default), so it is not asked for long.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Literal

from madx_pipeline.errors import Problem
from madx_pipeline.execute import COUNTS_STEPS
from madx_pipeline.jobs import Job
from madx_pipeline.outcome import Outcome
from madx_pipeline.place import slurm_id
from madx_pipeline.store import Store

_TRIES = 3
"""How often Slurm is asked before that is given up; a controller that is busy does not answer for a while."""

_WAIT, _PATIENCE = 1.0, 5.0
"""Seconds between two tries, and seconds that an answer may take."""

_Fate = Literal["goes on", "goes back", "preempted", "cancelled", "unknown"]


class Interrupted(BaseException):
    """Slurm asks the job to end. No `Exception`: nothing in a stage may take it for a failure."""

    def __init__(self, out_of_time: bool) -> None:
        super().__init__()
        self.out_of_time = out_of_time


@contextmanager
def signals() -> Iterator[None]:
    """Lets Slurm's signals raise `Interrupted` once; outside Slurm nothing changes."""
    if not slurm_id():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop_listening()  # a second one must not disturb the end of the sitting
        raise Interrupted(number == signal.SIGUSR2)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGUSR2, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_listening() -> None:
    """Passes over Slurm's signals until the end of `signals`, so that the sitting can be brought to its end."""
    if slurm_id():
        for number in (signal.SIGUSR2, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


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
    fate = _fate()
    if fate == "goes back":
        return None
    return _cancelled(job, store) if fate == "cancelled" else _put_back(job, store)


def _made_checkpoint(checkpoints: Path, since: float) -> bool:
    return any(path.stat().st_mtime >= since for path in checkpoints.rglob("*"))


def _fate() -> _Fate:
    """What Slurm is about to do with this job."""
    fields = "State:40,StartTime:40,PreemptTime:40,RestartCnt:40"
    command = ["squeue", "--noheader", "--states=all", "--jobs", slurm_id(), "--Format", fields]
    try:
        state, started, preempted, restarts = _ask(command).split()
        if int(restarts) > int(os.environ.get("SLURM_RESTART_COUNT", "0")):
            return "goes back"
    except (OSError, ValueError, subprocess.SubprocessError):
        return "unknown"
    if state == "RUNNING":
        return "goes on"
    in_this_sitting = preempted[:1].isdigit() and preempted >= started  # "N/A" where it never was
    return "preempted" if state == "PREEMPTED" or in_this_sitting else "cancelled"


def _put_back(job: Job, store: Store) -> Outcome | None:
    """Puts the job back into the queue; also where Slurm does not say what it is about to do."""
    try:
        _ask(["scontrol", "requeue", slurm_id()])
    except (OSError, subprocess.SubprocessError) as error:
        if _fate() == "goes back":  # Slurm did it and could not say so
            return None
        said = " ".join(str(getattr(error, "stderr", None) or error).split()).rstrip(".")
        return _failed(job, store, f"Slurm would not put it back into the queue: {said}.", "Run again to resume.")
    return None


def _ask(command: list[str]) -> str:
    """What a command of Slurm's prints, after some tries if need be."""
    for _ in range(_TRIES - 1):
        try:
            return _answer(command)
        except subprocess.SubprocessError:
            time.sleep(_WAIT)
    return _answer(command)


def _answer(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE).stdout


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
