"""A real Slurm on this machine: a run to the end, left and taken up again, put back, preempted, out of time,
cancelled."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.end_to_end.story import artifact_bytes, environment, madx, madx_command, results_of
from tests.runners.slurm_cluster import cluster, why_not
from tests.runners.tiny import TRAINING, write_tiny

pytest.importorskip("submitit", reason="submitit is not installed: pip install madx-pipeline[slurm]")
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.xdist_group("tiny"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

CLUSTER = {"partition": "main", "time": "01:00:00"}
ENDLESS = {**TRAINING, "max_steps": 10**6, "eval_steps": 20, "max_length": 32}
"""A training that no test waits for."""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("slurm")
    with cluster(folder) as variables:
        yield variables


def folder_with_data(tiny_serial: Path, tmp_path: Path, **changes: Any) -> Path:
    """A folder with the recipe and what it needs before the trainings: starting Python ten times takes long."""
    write_tiny(tmp_path, **{"cluster": CLUSTER, **changes})
    for stage in ("prepare_base_model", "prepare_corpus", "prepare_task_data"):
        shutil.copytree(tiny_serial / "madx_runs/store" / stage, tmp_path / "madx_runs/store" / stage)
    return tmp_path


def madx_with(
    slurm: dict[str, str], *arguments: str, folder: Path, expect: int = 0
) -> subprocess.CompletedProcess[str]:
    """Runs `madx` where Slurm's commands find this Slurm."""
    return madx(*arguments, folder=folder, expect=expect, PATH=slurm["PATH"], SLURM_CONF=slurm["SLURM_CONF"])


def status(folder: Path, slurm: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What `madx status` says of each job."""
    rows = json.loads(madx_with(slurm, "status", "tiny.yaml", "--json", folder=folder).stdout)["jobs"]
    return {row["name"]: row for row in rows}


def call(slurm: dict[str, str], *command: str) -> str:
    done = subprocess.run(command, env={**os.environ, **slurm}, capture_output=True, text=True, check=True)
    return done.stdout


def wait_for(look: Callable[[], Any], seconds: float = 900.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


def checkpoints(folder: Path, name: str) -> list[Path]:
    return list(folder.glob(f"madx_runs/store/{name}*.partial/checkpoints/*/complete.json"))


def test_a_run_that_was_left_and_put_back_ends_where_a_serial_one_does(
    slurm: dict[str, str], tiny_serial: Path, tmp_path: Path
) -> None:
    folder = folder_with_data(tiny_serial, tmp_path)
    left = madx_with(slurm, "run", "tiny.yaml", "--runner", "slurm", "--leave", folder=folder)
    assert "10 jobs: 5 found, 5 queued." in left.stdout
    handed_over = len(list((folder / "madx_runs/slurm").glob("*.array.json")))
    rows = status(folder, slurm)
    trainings = [rows[f"train_language_adapter/{language}"]["slurm"] for language in ("en", "sw")]
    assert [one["id"].partition("_")[2] for one in trainings] == ["0", "1"]
    assert rows["train_task_adapter/topic/en/1/en"]["slurm"]["reason"] == "Dependency"
    wait_for(lambda: checkpoints(folder, "train_language_adapter/en"))
    assert Path(trainings[0]["log"]).is_file()
    running = status(folder, slurm)["train_language_adapter/en"]
    assert (running["state"], running["place"]["engine"]) == ("running", f"slurm {trainings[0]['id']}")
    call(slurm, "scontrol", "requeue", trainings[0]["id"])
    done = madx_with(slurm, "run", "tiny.yaml", "--runner", "slurm", folder=folder)
    assert "report (ran)" in done.stdout
    assert len(list((folder / "madx_runs/slurm").glob("*.array.json"))) == handed_over
    log = next(folder.glob("madx_runs/store/train_language_adapter/en-*/log.txt")).read_text(encoding="utf-8")
    assert re.search(r"goes on after step \d+", log)
    assert artifact_bytes(folder / "madx_runs") == artifact_bytes(tiny_serial / "madx_runs")
    assert results_of(folder, "tiny")["scores"] == results_of(tiny_serial, "tiny")["scores"]
    again = madx("run", "tiny.yaml", "--runner", "serial", folder=folder)
    assert "10 jobs: 10 found." in again.stdout


def test_a_time_limit_that_is_too_short_puts_it_back_and_a_cancelled_job_is_reported_with_what_needs_it(
    slurm: dict[str, str], tiny_serial: Path, tmp_path: Path
) -> None:
    short = {**CLUSTER, "stages": {"train_language_adapter": {"time": "00:02:00"}}, "warn_seconds": 45}
    folder = folder_with_data(
        tiny_serial, tmp_path, stages={"train_language_adapter": ENDLESS}, cluster=short, target_languages=["sw"]
    )
    process = subprocess.Popen(
        madx_command("run", "tiny.yaml", "--runner", "slurm", "--language", "en"),
        cwd=folder,
        env=environment() | slurm,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(lambda: checkpoints(folder, "train_language_adapter/en"))
    log = next(folder.glob("madx_runs/store/train_language_adapter/en-*/log.txt"))
    wait_for(lambda: "goes on after step" in log.read_text(encoding="utf-8"))
    row = status(folder, slurm)["train_language_adapter/en"]
    printed = Path(row["slurm"]["log"]).read_text(encoding="utf-8")
    assert "interrupted: train_language_adapter/en goes on later." in printed
    call(slurm, "scancel", row["slurm"]["id"])
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 1, output
    assert re.search(r"train_language_adapter/en failed after \d+ of 1000000 steps: it was cancelled in Slurm", output)
    assert "not run: train_task_adapter/topic/en/1/en was not run: train_language_adapter/en failed." in output
    wait_for(lambda: call(slurm, "squeue", "--noheader") == "")
    assert status(folder, slurm)["train_language_adapter/en"]["state"] == "failed"


def test_a_preempted_job_puts_itself_back_and_one_that_is_cancelled_after_that_does_not(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    printed = tmp_path / "printed.txt"
    program = shlex.join([sys.executable, "-m", "tests.runners.sitting", str(tmp_path)])
    asks = ["--parsable", "--requeue", "--array=0-0", "--cpus-per-task=2", f"--chdir={REPOSITORY}"]
    asks += [f"--output={printed}", "--open-mode=append", f"--wrap=srun --unbuffered {program}"]
    job = call(slurm, "sbatch", *asks).strip()

    def lines(what: str) -> int:
        return printed.read_text(encoding="utf-8").count(what) if printed.exists() else 0

    wait_for(lambda: lines("begun") == 1)
    call(slurm, "sbatch", "--partition=urgent", "--cpus-per-task=2", "--output=/dev/null", "--wrap=true")
    wait_for(lambda: lines("goes on later") == 1)
    wait_for(lambda: lines("begun") == 2)
    call(slurm, "scancel", job)
    wait_for(lambda: lines(f"it was cancelled in Slurm (job {job}_0)") == 1)
    wait_for(lambda: call(slurm, "squeue", "--noheader") == "")


def test_what_slurm_refuses_is_bad_input_and_nothing_is_left_in_the_queue(
    slurm: dict[str, str], tiny_serial: Path, tmp_path: Path
) -> None:
    folder = folder_with_data(tiny_serial, tmp_path, resources={"train_language_adapter": {"memory_gib": 9000}})
    refused = madx_with(slurm, "run", "tiny.yaml", "--runner", "slurm", folder=folder, expect=2)
    assert "error: Slurm refuses train_language_adapter: " in refused.stderr
    assert "Requested node configuration is not available" in refused.stderr
    wait_for(lambda: call(slurm, "squeue", "--noheader") == "")


def test_ctrl_c_leaves_the_jobs_in_the_queue(slurm: dict[str, str], tiny_serial: Path, tmp_path: Path) -> None:
    call(slurm, "scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        folder = folder_with_data(tiny_serial, tmp_path)
        process = subprocess.Popen(
            madx_command("run", "tiny.yaml", "--runner", "slurm"),
            cwd=folder,
            env=environment() | slurm,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: len(call(slurm, "squeue", "--noheader", "--array").splitlines()) == 5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 130
        assert "Its jobs go on in Slurm" in said
        assert len(call(slurm, "squeue", "--noheader", "--array").splitlines()) == 5
    finally:
        call(slurm, "scancel", "--me")
        call(slurm, "scontrol", "update", "PartitionName=main", "State=UP")
