"""What is said of a job that could not say itself how it ended, by the state in which Slurm has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.errors import JobError
from madx_pipeline.graph import Graph
from madx_pipeline.outcome import Outcome
from madx_pipeline.place import here
from madx_pipeline.runners.slurm import _look_patiently, _Waiting
from madx_pipeline.slurm.queue import Place, Seen
from madx_pipeline.store import Store
from tests.builders import make_job

pytest.importorskip("submitit", reason="submitit is not installed: pip install madx-pipeline[slurm]")

JOB = make_job("train_language_adapter/sw", stage="train_language_adapter")
PLACE = Place("7_0", "madx", "7_0.out")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by which a run waits, in seconds; it sleeps for no time at all."""
    now = [0.0]
    monkeypatch.setattr("madx_pipeline.runners.slurm.time.monotonic", lambda: now[0])
    monkeypatch.setattr("madx_pipeline.runners.slurm.time.sleep", lambda seconds: now.append(now.pop() + seconds))
    return now


def test_a_controller_that_does_not_answer_for_a_while_is_waited_for_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    def look() -> dict[str, Seen]:
        if clock[0] < 100:
            raise JobError("squeue does not answer: busy.")
        return {}

    monkeypatch.setattr("madx_pipeline.runners.slurm.look", look)
    assert _look_patiently() == {}
    [said] = caplog.messages
    assert said.startswith("warning: squeue does not answer: busy. It is asked again for 10 minutes")


def test_a_controller_that_never_answers_is_given_up_after_ten_minutes(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    def look() -> dict[str, Seen]:
        clock[0] += 120.0  # as long as squeue itself is given
        raise JobError("squeue does not answer: busy.")

    monkeypatch.setattr("madx_pipeline.runners.slurm.look", look)
    with pytest.raises(JobError, match="squeue does not answer"):
        _look_patiently()
    assert 600 <= clock[0] <= 800


def ended(home: Path, state: str) -> list[Outcome]:
    waiting = _Waiting(Graph.of([JOB]), {JOB.fingerprint: PLACE}, home)
    return list(waiting.ended({PLACE.id: Seen(state, "None", "", "madx")}))


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"])
def test_a_job_with_which_slurm_is_not_done_is_waited_for(tmp_path: Path, state: str) -> None:
    assert ended(tmp_path, state) == []


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("PREEMPTED", "Slurm gave its place to another job and did not put it back"),
        ("FAILED", "it ended before it began its work"),
        ("NODE_FAIL", "its node failed"),
        ("TIMEOUT", "Slurm's time limit came before it could end"),
    ],
)
def test_a_job_that_never_began_is_reported_with_what_slurm_says(tmp_path: Path, state: str, why: str) -> None:
    [outcome] = ended(tmp_path, state)
    assert outcome.problem is not None
    assert outcome.problem.message == f"train_language_adapter/sw failed: {why} (job 7_0)."


def test_a_job_that_was_killed_at_work_is_not_said_to_have_never_begun(tmp_path: Path) -> None:
    Store(tmp_path).begin(JOB, here()).progress(312, 400)
    [outcome] = ended(tmp_path, "FAILED")
    assert outcome.problem is not None
    assert outcome.problem.message == (
        "train_language_adapter/sw failed after 312 of 400 steps: "
        "its process ended without a word (killed for its memory, perhaps) (job 7_0)."
    )
    assert outcome.problem.hint.endswith("What it printed: 7_0.out")
