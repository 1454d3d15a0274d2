"""Jobs of one process share a base model; what they make is what each would have made in a process of its own."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from madx_pipeline.adapter_model import AdapterModel, lend
from madx_pipeline.adapter_model.base import read_base_model
from madx_pipeline.stage import Workspace
from madx_pipeline.training import cost
from tests.tasks.tiny_world import QUICK, SOURCE, TinyWorld, interrupt_at, run_stage


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    lend.let_go()
    yield
    lend.let_go()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []

    def counted(folder: Path) -> AdapterModel:
        read.append(folder)
        return read_base_model(folder)

    monkeypatch.setattr("madx_pipeline.adapter_model.lend.read_base_model", counted)
    return read


def trained(world: TinyWorld, out: Path, on_language: bool, seed: int) -> tuple[dict[str, bytes], object]:
    """What a task training makes: its files, and what it says of itself."""
    artifacts = {"base_model": world.base, "task_data": world.task_data("ner", SOURCE)}
    if on_language:
        artifacts["language_adapter"] = world.adapters[SOURCE]
    changes = {**QUICK, "learning_rate": 0.005, "reduction_factor": 2, "num_train_epochs": 2}
    done = run_stage("train_task_adapter", out, artifacts, {"seed": seed}, **changes)
    return {file.name: file.read_bytes() for file in (out / "adapter").iterdir()}, (done.facts, done.checks)


def test_two_jobs_make_the_same_bytes_in_one_process_as_in_two(
    world: TinyWorld, reads: list[Path], tmp_path: Path
) -> None:
    jobs = [(True, 1), (False, 2)]
    together = [trained(world, tmp_path / f"together{seed}", on, seed) for on, seed in jobs]
    assert len(reads) == 1
    apart = []
    for on, seed in jobs:
        lend.let_go()
        apart.append(trained(world, tmp_path / f"apart{seed}", on, seed))
    assert len(reads) == 3
    assert together == apart


def test_the_peak_of_a_fine_tuning_is_counted_without_what_was_lent_before(
    world: TinyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[int] = []
    forget = cost.forget_peak

    def forgets() -> bool:
        known = forget()
        alive.append(sum(one() is not None for one in lent))
        return known

    lent: list[weakref.ref[torch.nn.Parameter]] = []
    trained(world, tmp_path / "adapter", True, 1)
    lent += [weakref.ref(one) for one in lend._kept[0].model.parameters()]
    monkeypatch.setattr(cost, "forget_peak", forgets)
    artifacts = {"base_model": world.base, "task_data": world.task_data("ner", SOURCE)}
    changes = {**QUICK, "learning_rate": 0.005}
    run_stage("finetune_base_model", tmp_path / "tuned", artifacts, {"seed": 1}, **changes)
    assert (len(lent) > 10, alive) == (True, [0])


def test_a_job_that_failed_half_way_leaves_nothing_behind(
    world: TinyWorld, reads: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = trained(world, tmp_path / "clean", True, 1)
    with monkeypatch.context() as patched:
        patched.setattr(Workspace, "progress", interrupt_at(3))
        with pytest.raises(KeyboardInterrupt):
            trained(world, tmp_path / "failed", False, 2)
    assert trained(world, tmp_path / "after", True, 1) == clean
    assert len(reads) == 1
