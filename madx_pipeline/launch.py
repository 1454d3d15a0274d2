"""A job that several processes share: started by torchrun, watched from the process that holds the job's lock.

Each of them runs the whole function of the stage (`rank.py`). The first writes into the job's folder and leaves there
what it found out; the others have a folder of their own that is thrown away. What surprises: they may outlive this
process if it is killed, for as long as it takes them to notice, so whoever takes up the job next waits for that.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from madx_pipeline.errors import CheckError, JobError, Problem
from madx_pipeline.job_file import write_job
from madx_pipeline.jobs import Job
from madx_pipeline.records import Check
from madx_pipeline.stage import Workspace, processes_of
from madx_pipeline.store import Store

NOTES = "launch"
"""Folder in the job's folder through which the processes report; gone before the job is finished."""
FINDINGS = "findings.json"

_SECONDS_TO_END = 20
"""How long processes that are asked to end may take."""


def run_in_processes(job: Job, store: Store, workspace: Workspace) -> None:
    """Does a job in as many processes as it asks for; what the first one found out goes into the workspace.

    Raises:
        JobError: If one of them failed or was killed; the others are ended then.
        CheckError: If a hard check said no.
    """
    notes = workspace.path / NOTES
    notes.mkdir()
    write_job(job, store.home)
    processes = processes_of(job.resources)
    with (workspace.path / "log.txt").open("a", encoding="utf-8") as log, _kept_while_running(job, store) as lock:
        code = _wait_for(
            subprocess.Popen(
                _command(processes, store.home, job.folder),
                stdin=subprocess.PIPE,  # open while this process lives: see rank.py
                stdout=log,
                stderr=log,
                env=_environment(int(job.resources["threads"])),
                pass_fds=(lock,),
            )
        )
    _take_findings(notes, workspace)
    error = _first_error(notes)
    shutil.rmtree(notes)
    if error is not None:
        raise error
    if code != 0:
        message = f"one of its {processes} processes was killed (out of memory, perhaps)."
        raise JobError(message, "Run again to resume, with a smaller batch if memory was short.")


def wait_for_stragglers(job: Job, store: Store) -> None:
    """Returns when no process of an earlier sitting is left. Called by whoever holds the job's lock."""
    if _lock_file(job, store).exists():
        with _kept_while_running(job, store):
            pass


def _command(processes: int, home: Path, folder: str) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    return [*launcher, "--nproc-per-node", str(processes), "-m", "madx_pipeline.rank", str(home.resolve()), folder]


def _environment(threads: int) -> dict[str, str]:
    """Everything is on this machine, so the processes talk over its loopback."""
    network = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    return {**network, **os.environ, "OMP_NUM_THREADS": str(threads)}


def _wait_for(launcher: subprocess.Popen[bytes]) -> int:
    """Its exit code; whatever interrupts the waiting ends the launcher and its processes first."""
    try:
        return launcher.wait()
    finally:
        if launcher.poll() is None:
            launcher.send_signal(signal.SIGTERM)
            try:
                launcher.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                launcher.kill()
                launcher.wait()
        assert launcher.stdin is not None
        launcher.stdin.close()


@contextmanager
def _kept_while_running(job: Job, store: Store) -> Iterator[int]:
    """A lock that the launcher inherits: the system frees it when this process and the launcher are both gone."""
    import fcntl

    descriptor = os.open(_lock_file(job, store), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_file(job: Job, store: Store) -> Path:
    return store.path(job).parent / ".locks" / f"{store.path(job).name}.launch"


def _take_findings(notes: Path, workspace: Workspace) -> None:
    try:
        found = json.loads((notes / FINDINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it was killed before it could write them
        return
    workspace.describe(**found["facts"])
    workspace.measure(**found["measured"])
    workspace.checks.extend(Check.model_validate(check) for check in found["checks"])
    workspace.warnings.extend(found["warnings"])


def _first_error(notes: Path) -> JobError | None:
    """What the process that failed first says; the others often fail because of it."""
    errors = [json.loads(file.read_text(encoding="utf-8")) for file in notes.glob("error-*.json")]
    if not errors:
        return None
    first = min(errors, key=lambda error: error["time"])
    kind = CheckError if first["is_check"] else JobError
    return kind(Problem(first["message"], first["hint"]))
