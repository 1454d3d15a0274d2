"""What tests let runners do with a job in place of a stage: quick, without torch, and noted down."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from madx_pipeline.errors import Problem
from madx_pipeline.jobs import Job
from madx_pipeline.outcome import Outcome
from madx_pipeline.place import here
from madx_pipeline.store import Store


def note(job: Job, home: Path) -> Outcome:
    """Makes a one-file artifact; by its params a job takes `seconds`, `fails`, or is `killed` (once, or always)."""
    store = Store(home)
    with store.lock(job):
        if store.find(job) is not None:
            return Outcome(job.fingerprint, "found")
        with (home / "done.txt").open("a", encoding="utf-8") as file:
            file.write(f"{job.name}\t{os.getpid()}\t{os.environ.get('CUDA_VISIBLE_DEVICES', '-')}\n")
        workspace = store.begin(job, here())
        once = workspace.checkpoints / "once"
        time.sleep(job.params.get("seconds", 0))
        if job.params.get("fails"):
            return Outcome(job.fingerprint, "failed", problem=Problem(f"{job.name} failed: it was to."))
        if job.params.get("killed") == "always" or (job.params.get("killed") and not once.exists()):
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (workspace.path / "out.txt").write_text("made", encoding="utf-8")
        store.finish(job, workspace, {})
    return Outcome(job.fingerprint, "ran")


def done(home: Path) -> list[tuple[str, int, str]]:
    """Name, process and visible GPUs of every job that was begun, in order."""
    if not (home / "done.txt").exists():
        return []
    lines = (home / "done.txt").read_text(encoding="utf-8").splitlines()
    return [(name, int(pid), gpus) for name, pid, gpus in (line.split("\t") for line in lines)]
