"""Slurm's signals to a job: back into the queue while there is progress, else a failure that says what to change.

Slurm's commands are stand-ins here that note what they are called with; tests/runners/test_slurm.py has the real ones.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.commands.planning import plan_recipe
from madx_pipeline.commands.run_job import run_job
from madx_pipeline.job_file import noted_outcome, write_job
from madx_pipeline.jobs import Job
from madx_pipeline.stage import Inputs, Workspace, stage_module
from madx_pipeline.store import Store


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = next(iter(plan_recipe("quickstart", tmp_path).jobs.values()))
    write_job(job, tmp_path)
    Store(tmp_path).open_for_writing()
    return job


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with a line for each call of scontrol; squeue says what MADX_TEST_STATE says."""
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    monkeypatch.setenv("MADX_TEST_STATE", "RUNNING")
    programs, noted = tmp_path / "bin", tmp_path / "calls.txt"
    programs.mkdir()
    for name, does in (("scontrol", f'echo "$@" >> {noted}'), ("squeue", 'echo "$MADX_TEST_STATE"')):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return noted


def interrupt(monkeypatch: pytest.MonkeyPatch, number: signal.Signals, checkpoint: bool) -> None:
    """Lets the stage be interrupted after 312 of 400 steps, with or without a new checkpoint."""

    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        out.progress(312, 400)
        if checkpoint:
            (out.checkpoints / "checkpoint-300").mkdir()
        os.kill(os.getpid(), number)
        raise AssertionError("it should not have come here")

    monkeypatch.setattr(stage_module("prepare_base_model"), "run", run)


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_job_with_a_new_checkpoint_goes_back_into_the_queue(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path, number: signal.Signals
) -> None:
    interrupt(monkeypatch, number, checkpoint=True)
    assert run_job(job.folder, None, tmp_path) == 130
    assert calls.read_text(encoding="utf-8") == "requeue 7_3\n"
    assert noted_outcome(job, tmp_path) is None
    assert (Store(tmp_path).partial(job) / "checkpoints/checkpoint-300").is_dir()


def test_a_time_limit_before_the_first_checkpoint_is_a_failure_that_says_what_to_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, job: Job, calls: Path
) -> None:
    interrupt(monkeypatch, signal.SIGUSR2, checkpoint=False)
    assert run_job(job.folder, None, tmp_path) == 1
    assert not calls.exists()
    said = capsys.readouterr().err
    assert "failed after 312 of 400 steps: Slurm's time limit came before its next checkpoint." in said
    assert "Raise `time` under `cluster:`" in said
    outcome = noted_outcome(job, tmp_path)
    assert outcome is not None
    assert outcome.state == "failed"


def test_a_job_that_was_taken_for_somebody_else_goes_back_also_without_a_checkpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path
) -> None:
    interrupt(monkeypatch, signal.SIGTERM, checkpoint=False)
    assert run_job(job.folder, None, tmp_path) == 130
    assert calls.read_text(encoding="utf-8") == "requeue 7_3\n"


def test_a_cancelled_job_does_not_go_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path
) -> None:
    monkeypatch.setenv("MADX_TEST_STATE", "COMPLETING")
    interrupt(monkeypatch, signal.SIGTERM, checkpoint=True)
    assert run_job(job.folder, None, tmp_path) == 1
    assert not calls.exists()
    failure = Store(tmp_path).failure(job)
    assert failure is not None
    assert "it was cancelled in Slurm (job 7_3)" in failure.message
