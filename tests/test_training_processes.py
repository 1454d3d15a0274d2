"""One training in several processes (DistributedDataParallel), the gradients averaged between them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.model_builders import save_tiny_base

REPOSITORY = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def trained(folder: Path, processes: int, batch: int) -> list[dict[str, Tensor]]:
    """The trained tensors that each of so many processes ends with."""
    together = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-m", "tests.training_processes", str(folder), str(batch)]
    running = []
    for rank in range(processes):
        place = {**together, "RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else {}
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **place}
        running.append(subprocess.Popen(command, cwd=REPOSITORY, env=environment))
    assert [one.wait(timeout=300) for one in running] == [0] * processes
    names = [f"rank-{rank}-of-{processes}-batch-{batch}" for rank in range(processes)]
    return [load_file(folder / name / "trained.safetensors") for name in names]


@pytest.mark.slow
def test_two_processes_train_what_one_process_trains_on_all_examples_at_once(tmp_path: Path) -> None:
    save_tiny_base(tmp_path / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    (alone,) = trained(tmp_path, processes=1, batch=4)
    for one in trained(tmp_path, processes=2, batch=1):  # and two forward passes a step
        for name, tensor in alone.items():
            torch.testing.assert_close(one[name], tensor, atol=1e-6, rtol=1e-4, msg=name)
