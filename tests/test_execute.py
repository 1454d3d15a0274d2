"""One job from its lock to its finished folder, and what is said when it fails."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.errors import JobError
from madx_pipeline.execute import execute
from madx_pipeline.jobs import Job
from madx_pipeline.runner import Selection, run_plan
from madx_pipeline.runners.serial import SerialRunner
from madx_pipeline.stage import Inputs, Workspace, stage_module, stage_page
from madx_pipeline.store import Store
from tests.builders import Silent, finish, make_job, make_plan_of

Run = Callable[[Inputs, Any, Workspace], None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.open_for_writing()
    return store


@pytest.fixture
def job() -> Job:
    return make_job("prepare_corpus/qaa", params=dict(stage_page("prepare_corpus").params))


@pytest.fixture
def stage_does(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Lets the stage of `job` do something else."""
    return lambda run: monkeypatch.setattr(stage_module("prepare_corpus"), "run", run)


def test_a_job_that_ends_well_leaves_an_artifact(
    store: Store, job: Job, stage_does: Callable[[Run], None], tmp_path: Path
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        (out.path / "text").write_text(str(inputs.key["language"]), encoding="utf-8")
        out.describe(lines=3)

    stage_does(run)
    assert execute(job, tmp_path).state == "ran"
    artifact = store.find(job)
    assert artifact is not None
    assert (artifact.path / "text").read_text(encoding="utf-8") == "qaa"
    assert artifact.facts == {"lines": 3}
    assert artifact.record.libraries["torch"].startswith("2.")


def test_a_job_that_is_there_is_found_and_not_done_again(
    store: Store, job: Job, stage_does: Callable[[Run], None], tmp_path: Path
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        raise AssertionError("must not run")

    stage_does(run)
    finish(store, job)
    assert execute(job, tmp_path).state == "found"


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            JobError("the text is empty.", "Give it text."),
            "prepare_corpus/qaa failed: the text is empty.",
            "Give it text.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "prepare_corpus/qaa failed: the disk is full.",
            "Free space",
        ),
        (ValueError("a\nb"), "prepare_corpus/qaa failed: ValueError: a b", "mistake of ours"),
        (MemoryError(), "prepare_corpus/qaa failed: out of memory.", "per_device_train_batch_size"),
    ],
)
def test_a_failure_is_one_line_and_a_hint_and_the_log_has_the_traceback(
    store: Store,
    job: Job,
    stage_does: Callable[[Run], None],
    tmp_path: Path,
    error: Exception,
    message: str,
    hint: str,
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        raise error

    stage_does(run)
    outcome = execute(job, tmp_path)
    assert outcome.state == "failed"
    assert outcome.problem is not None
    assert outcome.problem.message == message
    assert hint in outcome.problem.hint
    assert "Traceback" in Path(outcome.log).read_text(encoding="utf-8")
    failure = store.failure(job)
    assert failure is not None
    assert failure.message == message
    assert store.find(job) is None


def test_a_training_that_fails_says_after_how_many_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Store
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        out.progress(312, 400, loss=2.0)
        raise JobError("the loss is not a number.")

    monkeypatch.setattr(stage_module("train_language_adapter"), "run", run)
    params = dict(stage_page("train_language_adapter").params)
    job = make_job("train_language_adapter/sw", stage="train_language_adapter", params=params)
    problem = execute(job, tmp_path).problem
    assert problem is not None
    assert problem.message == "train_language_adapter/sw failed after 312 of 400 steps: the loss is not a number."


def test_a_failed_hard_check_fails_the_job_and_a_soft_one_warns(
    store: Store, job: Job, stage_does: Callable[[Run], None], tmp_path: Path
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        out.check("enough_text", False, 3, "three lines are few", hard=out.path.name.startswith("qad"))

    stage_does(run)
    soft = execute(job, tmp_path)
    assert soft.state == "ran"
    assert soft.warnings == ("enough_text: three lines are few",)
    hard = execute(make_job("prepare_corpus/qad", language="qad", params=job.params), tmp_path)
    assert hard.state == "failed"
    assert hard.problem is not None
    assert hard.problem.message == "prepare_corpus/qad failed: check enough_text failed (3): three lines are few"
    failure = store.failure(make_job("prepare_corpus/qad", language="qad", params=job.params))
    assert failure is not None
    assert [(check.name, check.passed) for check in failure.checks] == [("enough_text", False)]


def test_what_a_job_warned_of_is_told_also_when_it_fails(
    job: Job, stage_does: Callable[[Run], None], tmp_path: Path
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        out.warn("wandb was told nothing.")
        raise JobError("the text is empty.")

    stage_does(run)
    outcome = execute(job, tmp_path)
    assert (outcome.state, outcome.warnings) == ("failed", ("wandb was told nothing.",))


def test_a_second_sitting_starts_from_the_checkpoints_of_the_first(
    job: Job, stage_does: Callable[[Run], None], tmp_path: Path, store: Store
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        done = out.checkpoints / "done"
        if not done.exists():
            done.write_text("half", encoding="utf-8")
            raise JobError("interrupted.")
        (out.path / "text").write_text(done.read_text(encoding="utf-8") + " and half", encoding="utf-8")

    stage_does(run)
    assert execute(job, tmp_path).state == "failed"
    assert execute(job, tmp_path).state == "ran"
    artifact = store.find(job)
    assert artifact is not None
    assert (artifact.path / "text").read_text(encoding="utf-8") == "half and half"


def test_an_artifact_with_an_unreadable_record_is_set_aside_not_overwritten(
    store: Store, job: Job, stage_does: Callable[[Run], None], tmp_path: Path
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        (out.path / "text").write_text("new", encoding="utf-8")

    stage_does(run)
    folder = finish(store, job)
    (folder / "artifact.json").write_text("{", encoding="utf-8")
    assert execute(job, tmp_path).state == "ran"
    assert folder.with_name(f"{folder.name}.damaged-1").is_dir()


def test_a_job_that_is_known_to_be_impossible_fails_with_the_reason_and_is_not_started(
    store: Store, job: Job, stage_does: Callable[[Run], None], tmp_path: Path
) -> None:
    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        raise AssertionError("must not run")

    stage_does(run)
    impossible = replace(job, obstacle="x/sw is not in the cache.", obstacle_hint="Log in with `hf auth login`.")
    outcome = execute(impossible, tmp_path)
    assert outcome.state == "failed"
    assert outcome.problem is not None
    assert outcome.problem.message == "prepare_corpus/qaa failed: x/sw is not in the cache."
    assert outcome.problem.hint == "Log in with `hf auth login`."
    assert not store.partial(impossible).exists()


def test_a_stage_is_told_what_the_lock_file_expects(
    store: Store, job: Job, stage_does: Callable[[Run], None], tmp_path: Path
) -> None:
    stage_does(lambda inputs, params, out: out.describe(expected=dict(inputs.expected)))
    execute(replace(job, expected={"adapter_config.json": "00"}), tmp_path)
    artifact = store.find(job)
    assert artifact is not None
    assert artifact.facts == {"expected": {"adapter_config.json": "00"}}


def test_two_runs_at_the_same_time_on_one_store_do_each_job_once(
    store: Store, job: Job, stage_does: Callable[[Run], None], tmp_path: Path
) -> None:
    begun: list[str] = []

    def run(inputs: Inputs, params: Any, out: Workspace) -> None:
        begun.append(str(inputs.key["language"]))
        time.sleep(0.1)
        (out.path / "text").write_text("text", encoding="utf-8")

    stage_does(run)
    others = [make_job(f"prepare_corpus/l{number}", language=f"l{number}", params=job.params) for number in range(5)]
    plan = make_plan_of(job, *others)
    with ThreadPoolExecutor() as both:
        running = [
            both.submit(run_plan, plan, Selection(set(plan.jobs)), Store(tmp_path), SerialRunner(tmp_path), Silent())
            for _ in range(2)
        ]
    outcomes = [one.result() for one in running]
    assert sorted(begun) == ["l0", "l1", "l2", "l3", "l4", "qaa"]
    for fingerprint in plan.jobs:
        assert sorted(one[fingerprint].state for one in outcomes) == ["found", "ran"]
