"""Processes on this machine: what runs side by side, which GPU each sees, and what becomes of one that is killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.jobs import Job
from madx_pipeline.machine import VISIBLE_GPUS, visible_gpus
from madx_pipeline.outcome import Outcome
from madx_pipeline.runner import Selection, run_plan
from madx_pipeline.runners import Choice, make_runner
from madx_pipeline.runners.local import LocalRunner, _Worker
from madx_pipeline.store import Store
from tests.builders import Silent, make_job, make_plan_of
from tests.runners.deeds import done, note


def asking(name: str, seconds: float = 0.0, **resources: float) -> Job:
    job = make_job(name, language=name, params={"seconds": seconds})
    job.resources.update(resources)
    return job


def run(jobs: list[Job], home: Path, workers: int, gpus: list[str]) -> None:
    Store(home).open_for_writing()
    plan = make_plan_of(*jobs)
    outcomes = run_plan(plan, Selection(set(plan.jobs)), Store(home), LocalRunner(home, workers, gpus, note), Silent())
    assert {outcome.state for outcome in outcomes.values()} == {"ran"}


def test_each_process_sees_a_gpu_of_its_own(tmp_path: Path) -> None:
    run([asking(f"job{number}", 0.3) for number in range(6)], tmp_path, 3, ["0", "1", "GPU-abc"])
    places = {(pid, gpus) for _, pid, gpus in done(tmp_path)}
    assert sorted(gpus for _, gpus in places) == ["0", "1", "GPU-abc"]
    assert len({pid for pid, _ in places}) == 3


def test_a_job_that_asks_for_two_gpus_gets_two_that_nobody_else_uses(tmp_path: Path) -> None:
    jobs = [asking("one", 0.2), asking("both", gpus=2), asking("another")]
    run(jobs, tmp_path, 2, ["0", "1"])
    seen = {name: gpus for name, _, gpus in done(tmp_path)}
    assert sorted(seen["both"].split(",")) == ["0", "1"]
    assert {seen["one"], seen["another"]} <= {"0", "1"}
    assert [name for name, _, _ in done(tmp_path)] == ["one", "both", "another"]


def test_a_job_has_all_gpus_of_the_machine_to_choose_from_however_few_processes_there_are(tmp_path: Path) -> None:
    run([asking("all", gpus=4), asking("one", gpus=1), asking("any")], tmp_path, 2, ["0", "1", "2", "3"])
    seen = {name: gpus for name, _, gpus in done(tmp_path)}
    assert sorted(seen["all"].split(",")) == ["0", "1", "2", "3"]
    assert "," not in seen["one"] + seen["any"]


def test_more_processes_than_gpus_share_them_but_not_those_that_a_job_has_asked_for(tmp_path: Path) -> None:
    jobs = [asking("some", 0.3), asking("more", 0.3), asking("both", 0.3, gpus=2), asking("last")]
    run(jobs, tmp_path, 3, ["0", "1"])
    assert sorted(gpus for _, _, gpus in done(tmp_path)[:2]) == ["0", "1"]
    assert [name for name, _, _ in done(tmp_path)][2:] == ["both", "last"]


def test_a_process_that_has_seen_one_gpu_is_replaced_before_it_is_shown_another() -> None:
    worker = _Worker()
    first = worker.pool
    for gpus in ([], ["0"], ["0", "1"], ["0"]):
        worker.show(gpus)
        assert worker.pool is first
    worker.show(["1"])
    assert worker.pool is not first
    worker.end()


def test_without_gpus_nothing_is_hidden_or_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE_GPUS, raising=False)
    run([asking("job")], tmp_path, 1, [])
    assert [gpus for _, _, gpus in done(tmp_path)] == ["-"]


@pytest.mark.parametrize(
    ("said", "gpus"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-1, MIG-2", ["GPU-1", "MIG-2"])]
)
def test_the_gpus_are_those_that_the_user_lets_us_see(
    monkeypatch: pytest.MonkeyPatch, said: str, gpus: list[str]
) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, said)
    assert visible_gpus() == gpus


@pytest.mark.parametrize("name", ["serial", "local", None])
def test_gpus_that_this_machine_has_not_are_an_error_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, "0,1")
    with pytest.raises(InputError, match=r"prepare_corpus asks for 4 GPUs, this machine has 2\."):
        make_runner(Choice(name), tmp_path, [asking("job", gpus=4)])


def test_by_default_there_are_no_more_processes_than_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, "0")
    monkeypatch.setattr("madx_pipeline.runners.cores", lambda: 64)
    assert type(make_runner(Choice(), tmp_path, [asking("job")])).__name__ == "SerialRunner"
    monkeypatch.setenv(VISIBLE_GPUS, "")
    assert type(make_runner(Choice(), tmp_path, [asking("job")])).__name__ == "LocalRunner"


def test_a_process_that_is_killed_loses_its_job_alone_and_a_new_run_does_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open_for_writing()
    killed = make_job("killed", params={"killed": True})
    plan = make_plan_of(killed, make_job("after", inputs={"base_model": killed}), asking("other"))
    states = {}
    for _ in range(2):
        runner = LocalRunner(tmp_path, 1, [], note)
        outcomes = run_plan(plan, Selection(set(plan.jobs)), store, runner, Silent())
        states = {plan.jobs[fingerprint].name: outcome for fingerprint, outcome in outcomes.items()}
        if states["killed"].state == "failed":
            assert "its process was killed" in str(states["killed"].problem)
            assert (states["after"].state, states["other"].state) == ("not run", "ran")
    assert {outcome.state for outcome in states.values()} == {"ran", "found"}


def test_a_process_that_is_killed_while_it_is_idle_is_replaced_and_no_job_is_lost(tmp_path: Path) -> None:
    runner = LocalRunner(tmp_path, 1, ["0"], note)

    class Killing(Silent):
        def ended(self, job: Job, outcome: Outcome) -> None:
            super().ended(job, outcome)
            os.kill(done(tmp_path)[-1][1], signal.SIGKILL)
            while not runner._idle[0].pool._broken:
                time.sleep(0.01)

    Store(tmp_path).open_for_writing()
    plan = make_plan_of(asking("before"), asking("after"))
    outcomes = run_plan(plan, Selection(set(plan.jobs)), Store(tmp_path), runner, Killing())
    assert [outcome.state for outcome in outcomes.values()] == ["ran", "ran"]
    assert [gpus for _, _, gpus in done(tmp_path)] == ["0", "0"]
