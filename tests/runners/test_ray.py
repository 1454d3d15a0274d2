"""Ray: clusters of several nodes on this machine, workers and nodes that are lost, and what no node has."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest

from madx_pipeline.errors import InputError
from madx_pipeline.execute import library_versions
from madx_pipeline.jobs import Job, Plan
from madx_pipeline.outcome import Outcome
from madx_pipeline.ray_cluster import connect
from madx_pipeline.runner import Selection, run_plan
from madx_pipeline.runners import Choice, make_runner
from madx_pipeline.runners.local import LocalRunner
from madx_pipeline.runners.ray import RayRunner
from madx_pipeline.store import Store
from madx_pipeline.unfinished import read_note
from tests.builders import Silent, finish, make_job, make_plan_of
from tests.end_to_end.story import artifact_bytes, environment, madx, madx_command, results_of
from tests.runners.deeds import done, note
from tests.runners.tiny import JOBS, write_tiny

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install madx-pipeline[ray]")
pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("tiny")]

FAST = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}
"""So that a node that is gone is missed soon."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes: one that leads and does no work, as people have it, and two of a CPU each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "memory": 4 * 2**30, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster: Any = Cluster(initialize_head=True, head_node_args={**node, "num_cpus": 0, "_system_config": FAST})
    for _ in range(2):
        cluster.add_node(**node)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def run(plan: Plan, home: Path, address: str) -> tuple[dict[str, Outcome], Silent]:
    """Runs deeds of tests on the cluster; gives outcomes by name of the job."""
    Store(home).open_for_writing()
    seen = Silent()
    outcomes = run_plan(plan, Selection(set(plan.jobs)), Store(home), RayRunner(home, address, None, note), seen)
    return {plan.jobs[fingerprint].name: outcome for fingerprint, outcome in outcomes.items()}, seen


def test_a_failed_job_stops_what_depends_on_it_and_a_killed_worker_is_replaced(cluster: Any, tmp_path: Path) -> None:
    base = make_job("base")
    fails = make_job("fails", language="a", inputs={"base_model": base}, params={"fails": True})
    killed = make_job("killed", language="b", inputs={"base_model": base}, params={"killed": True})
    behind = make_job("behind", language="c", inputs={"base_model": fails})
    far_behind = make_job("far behind", language="d", inputs={"base_model": behind, "corpus": killed})
    after = make_job("after", language="e", inputs={"base_model": killed})
    outcomes, seen = run(make_plan_of(base, fails, killed, behind, far_behind, after), tmp_path, cluster.address)
    states = {name: outcome.state for name, outcome in outcomes.items()}
    assert states == {
        **{"base": "ran", "fails": "failed", "killed": "ran", "after": "ran"},
        **{"behind": "not run", "far behind": "not run"},
    }
    assert str(outcomes["far behind"].problem).count("far behind was not run: fails failed.") == 1
    assert [name for name, _, _ in done(tmp_path)].count("killed") == 2
    assert {name for name, _, _ in done(tmp_path)} == {"base", "fails", "killed", "after"}
    assert sorted(seen.begun) == ["after", "base", "fails", "killed"]


def test_a_worker_that_dies_every_time_is_a_failed_job(cluster: Any, tmp_path: Path) -> None:
    job = make_job("hopeless", params={"killed": "always"})
    outcomes, _ = run(make_plan_of(job, make_job("behind", inputs={"base_model": job})), tmp_path, cluster.address)
    assert outcomes["hopeless"].state == "failed"
    assert "hopeless failed: its worker died 4 times" in str(outcomes["hopeless"].problem)
    assert outcomes["behind"].state == "not run"
    failure = Store(tmp_path).failure(job)
    assert failure is not None


def test_two_runners_of_different_kinds_at_the_same_time_do_each_job_once(cluster: Any, tmp_path: Path) -> None:
    base = make_job("base", params={"seconds": 0.5})
    jobs = [base]
    for number in range(12):
        job = make_job(f"job{number}", language=f"l{number}", inputs={"base_model": base}, params={"seconds": 0.2})
        jobs.append(job)
    plan = make_plan_of(*jobs)
    Store(tmp_path).open_for_writing()
    with ThreadPoolExecutor() as beside:
        runner = LocalRunner(tmp_path, 2, do=note)
        local = beside.submit(run_plan, plan, Selection(set(plan.jobs)), Store(tmp_path), runner, Silent())
        on_ray, _ = run(plan, tmp_path, cluster.address)
    both = [(local.result()[job.fingerprint].state, on_ray[job.name].state) for job in jobs]
    assert set(both) <= {("ran", "found"), ("found", "ran")}
    assert sorted(name for name, _, _ in done(tmp_path)) == sorted(job.name for job in jobs)


def test_what_is_under_way_ends_when_the_run_is_left_and_the_cluster_stays(cluster: Any, tmp_path: Path) -> None:
    class Leaving(Silent):
        def started(self, job: Job) -> None:
            raise KeyboardInterrupt

    Store(tmp_path).open_for_writing()
    plan = make_plan_of(make_job("long", params={"seconds": 600}))
    runner = RayRunner(tmp_path, cluster.address, None, note)
    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, Selection(set(plan.jobs)), Store(tmp_path), runner, Leaving())
    [(_, worker, _)] = done(tmp_path)
    wait_for(lambda: None if psutil.pid_exists(worker) and psutil.Process(worker).status() != "zombie" else True, 30)
    outcomes, _ = run(make_plan_of(make_job("next")), tmp_path, cluster.address)
    assert outcomes["next"].state == "ran"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"gpus": 1}, "prepare_corpus asks for 1 GPU, the cluster has 0."),
        ({"threads": 3}, "prepare_corpus asks for 3 cores, no machine of the cluster has more than 1."),
        ({"memory_gib": 9.5}, "prepare_corpus asks for 9.5 GiB of memory, no machine of the cluster has more than 4."),
    ],
)
def test_what_no_node_has_is_an_error_and_not_a_silent_wait(
    cluster: Any, tmp_path: Path, asked: dict[str, float], message: str
) -> None:
    job = make_job("job")
    job.resources.update(asked)
    with pytest.raises(InputError) as refused:
        make_runner(Choice("ray", address=cluster.address), tmp_path, [job])
    assert [problem.message for problem in refused.value.problems] == [message]
    assert not ray.is_initialized()


def test_a_damaged_artifact_that_no_node_could_make_again_is_an_error_too(cluster: Any, tmp_path: Path) -> None:
    job = make_job("job")
    job.resources["gpus"] = 1
    store = Store(tmp_path)
    store.open_for_writing()
    (finish(store, job) / "out.txt").write_text("mad3", encoding="utf-8")
    runner = make_runner(Choice("ray", address=cluster.address), tmp_path, [])
    with pytest.raises(InputError, match=r"prepare_corpus asks for 1 GPU, the cluster has 0\."):
        run_plan(make_plan_of(job), Selection({job.fingerprint}), store, runner, Silent())
    assert not ray.is_initialized()


def test_a_node_with_other_versions_is_refused_before_anything_runs(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {**library_versions(), "torch": "1.0"}
    monkeypatch.setattr("madx_pipeline.ray_cluster.library_versions", lambda: ours)
    with pytest.raises(InputError, match=r"the node \S+ has torch 2\.\S+ \(here: 1\.0\)\."):
        make_runner(Choice("ray", address=cluster.address), tmp_path, [make_job("job")])


def test_a_training_that_leaves_the_clusters_gpus_alone_is_warned_of(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = cluster.add_node(num_cpus=1, num_gpus=2, memory=4 * 2**30, object_store_memory=100 * 2**20)
    try:
        training = make_job("training", stage="train_language_adapter")
        make_runner(Choice("ray", address=cluster.address), tmp_path, [training, make_job("corpus")]).close()
        [said] = caplog.messages
        assert "train_language_adapter asks for no GPU and will not see the 2 of the cluster." in said
        assert "resources: {train_language_adapter: {gpus: 1}}" in said
        caplog.clear()
        training.resources["gpus"] = 1
        make_runner(Choice("ray", address=cluster.address), tmp_path, [training, make_job("corpus")]).close()
        assert caplog.messages == []
    finally:
        cluster.remove_node(node)


@pytest.mark.parametrize("error", [ray.exceptions.GetTimeoutError("no answer"), ray.exceptions.NodeDiedError("gone")])
def test_a_node_that_does_not_say_which_versions_it_has_is_an_error_in_words(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def get(asked: list[Any], timeout: float) -> list[Any]:
        assert 0 < timeout <= 120
        raise error

    monkeypatch.setattr(ray, "get", get)
    with pytest.raises(InputError, match="not every node of the cluster says which versions it has: ") as refused:
        make_runner(Choice("ray", address=cluster.address), tmp_path, [make_job("job")])
    assert "ray status" in refused.value.problems[0].hint


def test_the_dashboard_of_a_cluster_of_our_own_is_for_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(ray, "init", lambda **options: asked.update(options))
    with patch.dict(os.environ):
        connect(None, 1)
        assert (asked["address"], asked["dashboard_host"]) == ("local", "127.0.0.1")
        assert os.environ["RAY_AUTH_MODE"] == "token"


def test_a_cluster_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no Ray cluster at 127\.0\.0\.1:9: .*refused"):
        make_runner(Choice("ray", address="127.0.0.1:9"), tmp_path, [make_job("job")])


@pytest.mark.slow
def test_a_run_survives_the_loss_of_a_worker_and_of_a_node_to_the_byte(
    cluster: Any, tiny_serial: Path, tmp_path: Path
) -> None:
    home = tmp_path / "madx_runs"
    write_tiny(tmp_path)
    process = subprocess.Popen(
        madx_command("run", "tiny.yaml", "--runner", "ray", "--address", cluster.address),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    worker = training_with_checkpoint(home, "train_language_adapter/en-")
    os.kill(worker, signal.SIGKILL)
    lost = psutil.Process(training_with_checkpoint(home, "train_task_adapter/")).ppid()
    cluster.remove_node(
        next(node for node in cluster.list_all_nodes() if raylet_of(node) == lost), allow_graceful=False
    )
    output, _ = process.communicate(timeout=1200)
    assert process.returncode == 0, output
    assert artifact_bytes(home) == artifact_bytes(tiny_serial / "madx_runs")
    assert results_of(tmp_path, "tiny")["scores"] == results_of(tiny_serial, "tiny")["scores"]
    logs = {path.parent.name: path.read_text(encoding="utf-8") for path in home.glob("store/*/*/log.txt")}
    assert len(logs) == JOBS
    resumed = {name.split("-")[0] for name, log in logs.items() if "goes on after step" in log}
    assert resumed == {"en", "topic"}
    assert all(log.count(f"{name[-12:]}") == 1 for name, log in logs.items() if "goes on" not in log)


@pytest.mark.slow
def test_ctrl_c_ends_a_cluster_of_our_own_and_another_runner_goes_on(tiny_serial: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path)
    process = subprocess.Popen(
        madx_command("run", "tiny.yaml", "--runner", "ray", "--workers", "1"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    worker = training_with_checkpoint(tmp_path / "madx_runs", "train_language_adapter/")
    children = psutil.Process(process.pid).children(recursive=True)
    assert asks_for_a_token(children)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 130, output
    assert output.endswith("Interrupted. What was under way was stopped. Run again to resume.\n")
    wait_for(lambda: None if psutil.pid_exists(worker) else True)
    assert not any(child.is_running() and child.status() != "zombie" for child in children)
    madx("run", "tiny.yaml", "--runner", "serial", folder=tmp_path)
    assert artifact_bytes(tmp_path / "madx_runs") == artifact_bytes(tiny_serial / "madx_runs")


def asks_for_a_token(processes: list[psutil.Process]) -> bool:
    """Whether each process of Ray's that listens asks whoever comes for a token."""
    asked = [one.environ().get("RAY_AUTH_MODE") for one in processes if one.name() in ("gcs_server", "raylet")]
    return len(asked) == 2 and set(asked) == {"token"}


def training_with_checkpoint(home: Path, name: str) -> int:
    """The process of a training, once it has a checkpoint to lose."""
    partial = wait_for(lambda: next((one for one in home.glob(f"store/{name}*.partial")), None))
    wait_for(lambda: next(partial.glob("checkpoints/*/complete.json"), None))
    found = read_note(partial)
    assert found is not None
    return int(found["pid"])


def raylet_of(node: Any) -> int:
    """The process of Ray whose children do the work of a node."""
    return int(node.all_processes["raylet"][0].process.pid)


def wait_for(look: Callable[[], Any], seconds: float = 900.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")
