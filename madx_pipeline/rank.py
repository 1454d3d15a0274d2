"""One of several processes that share a job: `torchrun -m madx_pipeline.rank HOME FOLDER`, as `launch.py` starts it.

All do the same with a part of each step's examples; what the first one writes is the artifact.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from madx_pipeline.durable import write_whole
from madx_pipeline.environment import set_environment
from madx_pipeline.errors import CheckError
from madx_pipeline.execute import problem_of
from madx_pipeline.job_file import read_job
from madx_pipeline.jobs import Job
from madx_pipeline.launch import FINDINGS, NOTES
from madx_pipeline.run_stage import inputs_of, run_stage
from madx_pipeline.stage import Workspace
from madx_pipeline.store import PARTIAL, Store


def main(home: Path, folder: str) -> int:
    """Does this process's part; 1 if it failed, with a note of why for whoever started it."""
    from madx_pipeline.training import processes

    threading.Thread(target=_end_with_launcher, daemon=True).start()
    store, rank = Store(home), int(os.environ["RANK"])
    notes = store.root / f"{folder}{PARTIAL}" / NOTES
    try:
        _take_part(read_job(home, folder), store, rank, notes)
    except Exception as error:
        _note_error(error, processes.is_of_another(error), notes / f"error-{rank}.json")
        raise
    return 0


def _take_part(job: Job, store: Store, rank: int, notes: Path) -> None:
    from madx_pipeline.training import processes

    with _workspace(job, store, rank) as workspace:
        try:
            processes.join()
            run_stage(job, inputs_of(job, store)[0], workspace)
        finally:
            if rank == 0:
                _note_findings(workspace, notes / FINDINGS)


@contextmanager
def _workspace(job: Job, store: Store, rank: int) -> Iterator[Workspace]:
    """The job's own for the first process; for the others one that reads the same checkpoints and is thrown away."""
    own = store.workspace(job)
    if rank == 0:
        yield own
        return
    with tempfile.TemporaryDirectory(prefix="madx-rank-") as scratch:
        yield Workspace(Path(scratch), own.checkpoints, name=job.name)


def _note_error(error: Exception, is_of_another: bool, path: Path) -> None:
    problem = problem_of(error)
    note = {"message": problem.message, "hint": problem.hint, "is_check": isinstance(error, CheckError)}
    write_whole(path, json.dumps({**note, "is_of_another": is_of_another, "time": time.time()}))


def _note_findings(workspace: Workspace, path: Path) -> None:
    checks = [check.model_dump() for check in workspace.checks]
    findings = {"facts": workspace.facts, "measured": workspace.measured, "checks": checks}
    write_whole(path, json.dumps({**findings, "warnings": workspace.warnings}))


def _end_with_launcher() -> None:
    """Reads from a pipe that nobody writes to: it ends when the process that holds the job's lock is gone."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    set_environment()
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
