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
from madx_pipeline.job_file import note_outcome, noted_outcome, write_job
from madx_pipeline.jobs import Job
from madx_pipeline.outcome import Outcome
from madx_pipeline.stage import Inputs, Workspace, stage_module
from madx_pipeline.store import Store

STARTED = "2026-01-31T12:00:00"
"""When Slurm started the sitting."""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = next(iter(plan_recipe("quickstart", tmp_path).jobs.values()))
    write_job(job, tmp_path)
    Store(tmp_path).open_for_writing()
    return job


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with a line for each call of scontrol; squeue says what MADX_TEST_QUEUE says.

    With MADX_TEST_BUSY both fail once, with MADX_TEST_REFUSES scontrol always does.
    """
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    monkeypatch.setenv("MADX_TEST_QUEUE", f"RUNNING {STARTED} N/A 0")
    monkeypatch.setattr("madx_pipeline.slurm.sitting._WAIT", 0.0)
    programs, noted = tmp_path / "bin", tmp_path / "calls.txt"
    programs.mkdir()
    busy = f'if [ "$MADX_TEST_BUSY" ] && mkdir {programs}/asked-$(basename $0) 2> /dev/null; then exit 1; fi'
    refuses = 'if [ "$MADX_TEST_REFUSES" ]; then echo "$MADX_TEST_REFUSES" >&2; exit 1; fi'
    for name, does in (("scontrol", f'echo "$@" >> {noted}\n{refuses}'), ("squeue", 'echo "$MADX_TEST_QUEUE"')):
        (programs / name).write_text(f"#!/bin/sh\n{busy}\n{does}\n", encoding="utf-8")
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


# What squeue said when a real Slurm 22.05 had sent SIGTERM for each of these.
CANCELLED = f"COMPLETING {STARTED} N/A 0"
PREEMPTED = f"COMPLETING {STARTED} 2026-01-31T12:30:00 0"
PUT_BACK = f"COMPLETING {STARTED} N/A 1"


def test_a_cancelled_job_does_not_go_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path
) -> None:
    monkeypatch.setenv("MADX_TEST_QUEUE", CANCELLED)
    interrupt(monkeypatch, signal.SIGTERM, checkpoint=True)
    assert run_job(job.folder, None, tmp_path) == 1
    assert not calls.exists()
    failure = Store(tmp_path).failure(job)
    assert failure is not None
    assert "it was cancelled in Slurm (job 7_3)" in failure.message


def test_a_job_that_was_preempted_once_and_is_cancelled_later_does_not_go_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path
) -> None:
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    monkeypatch.setenv("MADX_TEST_QUEUE", f"COMPLETING {STARTED} 2026-01-31T11:59:59 1")
    interrupt(monkeypatch, signal.SIGTERM, checkpoint=True)
    assert run_job(job.folder, None, tmp_path) == 1
    assert not calls.exists()


@pytest.mark.parametrize("queue", [PREEMPTED, f"PREEMPTED {STARTED} 2026-01-31T12:30:00 0", "", "what is this"])
def test_a_preempted_job_goes_back_and_so_does_one_of_which_slurm_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path, queue: str
) -> None:
    monkeypatch.setenv("MADX_TEST_QUEUE", queue)
    interrupt(monkeypatch, signal.SIGTERM, checkpoint=True)
    assert run_job(job.folder, None, tmp_path) == 130
    assert calls.read_text(encoding="utf-8") == "requeue 7_3\n"
    assert noted_outcome(job, tmp_path) is None


def test_a_job_that_somebody_else_puts_back_is_not_put_back_twice_and_is_not_called_cancelled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path
) -> None:
    monkeypatch.setenv("MADX_TEST_QUEUE", PUT_BACK)
    interrupt(monkeypatch, signal.SIGTERM, checkpoint=True)
    assert run_job(job.folder, None, tmp_path) == 130
    assert not calls.exists()
    assert noted_outcome(job, tmp_path) is None


def test_a_controller_that_is_busy_for_a_moment_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path
) -> None:
    monkeypatch.setenv("MADX_TEST_BUSY", "1")
    interrupt(monkeypatch, signal.SIGTERM, checkpoint=True)
    assert run_job(job.folder, None, tmp_path) == 130
    assert calls.read_text(encoding="utf-8") == "requeue 7_3\n"


def test_a_job_that_slurm_does_not_put_back_is_a_failure_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, job: Job, calls: Path
) -> None:
    monkeypatch.setenv("MADX_TEST_REFUSES", "Requested operation is presently disabled for job 7_3")
    interrupt(monkeypatch, signal.SIGUSR2, checkpoint=True)
    assert run_job(job.folder, None, tmp_path) == 1
    assert "Slurm would not put it back into the queue: Requested operation is presently" in capsys.readouterr().err
    outcome = noted_outcome(job, tmp_path)
    assert outcome is not None
    assert outcome.state == "failed"


def test_a_second_signal_does_not_disturb_the_end_of_a_sitting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job, calls: Path
) -> None:
    program = calls.parent / "bin/scontrol"
    program.write_text(program.read_text(encoding="utf-8") + "kill -TERM $PPID\n", encoding="utf-8")
    interrupt(monkeypatch, signal.SIGUSR2, checkpoint=True)

    def disturb(number: int, frame: object) -> None:
        raise AssertionError("it was disturbed")

    before = signal.signal(signal.SIGTERM, disturb)
    try:
        assert run_job(job.folder, None, tmp_path) == 130
        assert signal.getsignal(signal.SIGTERM) is disturb
    finally:
        signal.signal(signal.SIGTERM, before)


def test_how_an_earlier_sitting_ended_is_forgotten_when_the_next_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, job: Job
) -> None:
    class Killed(BaseException):
        """In place of SIGKILL: nothing is noted."""

    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        raise Killed

    note_outcome(job, tmp_path, Outcome(job.fingerprint, "failed"))
    monkeypatch.setattr(stage_module("prepare_base_model"), "run", run)
    with pytest.raises(Killed):
        run_job(job.folder, None, tmp_path)
    assert noted_outcome(job, tmp_path) is None
