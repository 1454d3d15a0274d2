"""One training in several processes (DistributedDataParallel): what one process does, whoever shares it, and the end
of one of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from madx_pipeline.errors import JobError
from madx_pipeline.integrity import read_artifact
from madx_pipeline.training.processes import share_of
from tests.end_to_end.story import environment, madx, madx_command
from tests.model_builders import save_tiny_base
from tests.runners.tiny import write_tiny
from tests.training_processes import WAYS

REPOSITORY = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def train_in(folder: Path, processes: int) -> None:
    """Trains in every way, in so many processes."""
    together = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-m", "tests.training_processes", str(folder)]
    running = []
    for rank in range(processes):
        place = {**together, "RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else {}
        variables = {**os.environ, "OMP_NUM_THREADS": "1", **place}
        running.append(subprocess.Popen(command, cwd=REPOSITORY, env=variables))
    assert [one.wait(timeout=1800) for one in running] == [0] * processes


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what one process trained and what two did."""
    folder = tmp_path_factory.mktemp("processes")
    save_tiny_base(folder / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    for processes in (1, 2):
        train_in(folder, processes)
    return folder


def result(folder: Path, way: str, processes: int, rank: int) -> dict[str, Tensor]:
    return load_file(folder / f"{way}-{processes}-{rank}" / "trained.safetensors")


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
@pytest.mark.parametrize("way", list(WAYS))
def test_two_processes_train_what_one_process_trains(trained: Path, way: str) -> None:
    alone = result(trained, way, 1, 0)
    ranks = [result(trained, way, 2, rank) for rank in (0, 1)]
    losses = torch.stack([one.pop("losses") for one in ranks]).mean(dim=0)
    torch.testing.assert_close(losses, alone.pop("losses"), atol=1e-5, rtol=0)
    for one in ranks:
        for name, tensor in alone.items():
            torch.testing.assert_close(one[name], tensor, atol=1e-6, rtol=1e-4, msg=name)


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_the_first_process_alone_writes_but_for_the_random_state_of_each(trained: Path) -> None:
    """Into the checkpoint, that is: whatever else the others write goes where it is thrown away (see rank.py)."""
    first, second = (names_in(trained / f"whole-2-{rank}" / "checkpoints") for rank in (0, 1))
    checkpoint = {"complete.json", "optimizer.pt", "scheduler.pt", "trainable.safetensors", "trainer_state.json"}
    assert first == {*checkpoint, "rng_state_0.pth"}
    assert second == {"rng_state_1.pth"}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("batch", "passes", "processes", "share"),
    [(16, 4, 1, (16, 4)), (16, 4, 2, (16, 2)), (16, 4, 8, (8, 1)), (6, 2, 4, (3, 1)), (5, 3, 3, (5, 1))],
)
def test_a_step_sees_as_many_examples_however_many_share_it(
    batch: int, passes: int, processes: int, share: tuple[int, int]
) -> None:
    assert share_of(batch, passes, processes) == share
    assert share[0] * share[1] * processes == batch * passes


def test_a_step_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(JobError, match=r"3 processes cannot share the 64 examples of a step evenly\."):
        share_of(16, 4, 3)


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_the_kill_of_one_process_ends_the_job_and_a_new_run_resumes_it_to_what_one_process_trains(
    tiny_serial: Path, tmp_path: Path
) -> None:
    write_tiny(tmp_path, resources={"train_language_adapter": {"processes": 2, "memory_gib": 1}})
    for stage in ("prepare_base_model", "prepare_corpus"):
        shutil.copytree(tiny_serial / "madx_runs/store" / stage, tmp_path / "madx_runs/store" / stage)
    what = ["run", "tiny.yaml", "--runner", "serial", "--only", "train_language_adapter", "--language", "en"]
    run = subprocess.Popen(madx_command(*what), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True)
    kill_second_process_after_a_checkpoint(run.pid, tmp_path)
    output, _ = run.communicate(timeout=900)
    assert run.returncode == 1
    assert re.search(r"failed after \d+ of 40 steps: one of its 2 processes was killed", output), output
    madx(*what, folder=tmp_path)
    [shared] = tmp_path.glob("madx_runs/store/train_language_adapter/en-*")
    alone = tiny_serial / shared.relative_to(tmp_path)
    assert "goes on after step" in (shared / "log.txt").read_text(encoding="utf-8")
    for name, tensor in load_file(alone / "adapter/adapter.safetensors").items():
        found = load_file(shared / "adapter/adapter.safetensors")[name]
        torch.testing.assert_close(found, tensor, atol=1e-4, rtol=0, msg=name)
    assert held_out_losses(shared) == pytest.approx(held_out_losses(alone), abs=1e-5)
    assert sorted(path.name for path in shared.iterdir()) == sorted(path.name for path in alone.iterdir())


def held_out_losses(folder: Path) -> list[float]:
    artifact = read_artifact(folder)
    assert artifact is not None
    return [point["loss"] for point in artifact.facts["curve"]]


def kill_second_process_after_a_checkpoint(run: int, folder: Path) -> None:
    end = time.monotonic() + 900
    while time.monotonic() < end:
        if list(folder.glob("madx_runs/store/train_language_adapter/en-*.partial/checkpoints/*/complete.json")):
            ranks = [one for one in psutil.Process(run).children(recursive=True) if "RANK" in one.environ()]
            next(one for one in ranks if one.environ()["RANK"] == "1").send_signal(signal.SIGKILL)
            return
        time.sleep(0.02)
    raise AssertionError("there was no checkpoint")
