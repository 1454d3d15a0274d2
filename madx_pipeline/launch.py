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
from madx_pipeline.machine import VISIBLE_GPUS
from madx_pipeline.records import Check
from madx_pipeline.stage import Workspace, processes_of
from madx_pipeline.store import Store

NOTES = "launch"
"""Folder in the job's folder through which the processes report; gone before the job is finished."""
FINDINGS = "findings.json"
SIGNALS = "signals.json"

_SECONDS_TO_END = 20
"""How long processes that are asked to end may take."""


def run_in_processes(job: Job, store: Store, workspace: Workspace) -> None:
    """Does a job in as many processes as it asks for; what the first one found out goes into the workspace.

    Raises:
        JobError: If one of them failed or was killed, the others are ended then; or if they did not find together.
        CheckError: If a hard check said no.
    """
    notes = workspace.path / NOTES
    notes.mkdir()
    write_job(job, store.home)
    processes = processes_of(job.resources)
    with (workspace.path / "log.txt").open("a", encoding="utf-8") as log, _kept_while_running(job, store) as lock:
        code = _wait_for(
            subprocess.Popen(
                _command(processes, store.home, job.folder, notes / SIGNALS),
                stdin=subprocess.PIPE,  # open while this process lives: see rank.py
                stdout=log,
                stderr=log,
                env=_environment(job),
                pass_fds=(lock,),
            )
        )
    _take_findings(notes, workspace)
    error = _why(notes, processes) if code != 0 else None
    shutil.rmtree(notes)
    if error is not None:
        raise error


def wait_for_stragglers(job: Job, store: Store) -> None:
    """Returns when no process of an earlier sitting is left. Called by whoever holds the job's lock."""
    if _lock_file(job, store).exists():
        with _kept_while_running(job, store):
            pass


def _command(processes: int, home: Path, folder: str, signals: Path) -> list[str]:
    launcher = [sys.executable, "-m", "madx_pipeline.launcher", str(signals)]
    launcher += ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(processes)]
    return [*launcher, "-m", "madx_pipeline.rank", str(home.resolve()), folder]


def _environment(job: Job) -> dict[str, str]:
    """Everything is on this machine, so the processes talk over its loopback. A job without GPUs is to see none."""
    network = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    gpus = {} if job.resources["gpus"] else {VISIBLE_GPUS: ""}
    return {**network, **os.environ, **gpus, "OMP_NUM_THREADS": str(int(job.resources["threads"]))}


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


def _why(notes: Path, processes: int) -> JobError:
    """Why it failed: what the process that failed first says, unless that is only that another one is gone."""
    errors = [json.loads(file.read_text(encoding="utf-8")) for file in notes.glob("error-*.json")]
    errors.sort(key=lambda error: (error["is_of_another"], error["time"]))
    if errors and not errors[0]["is_of_another"]:
        kind = CheckError if errors[0]["is_check"] else JobError
        return kind(Problem(errors[0]["message"], errors[0]["hint"]))
    signals = json.loads((notes / SIGNALS).read_text(encoding="utf-8")) if (notes / SIGNALS).exists() else []
    if signals:
        message = f"one of its {processes} processes was killed ({signals[0]}; out of memory, perhaps)."
        return JobError(message, "Run again to resume, with a smaller batch if memory was short.")
    hint = "Run again to resume; the log has what each of them said."
    if errors:
        return JobError(f"its {processes} processes lost each other: {errors[0]['message']}", hint)
    return JobError(f"its {processes} processes ended without a word.", hint)
