"""A task that goes on from another: what carries over, for every way to learn a task, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Workspace, stage_page
from madx_pipeline.tasks import learning
from tests.tasks.artifacts import artifact
from tests.tasks.tiny_world import QUICK, SOURCE, TinyWorld, interrupt_at, read_lines, run_stage, write_lines

STAGES = {"train_task_adapter": "task_adapter", "train_lora": "lora", "finetune_base_model": "task_model"}
STILL: dict[str, Any] = {"learning_rate": 1e-12, "num_train_epochs": 1}
"""A learning rate so small that what is saved is what training started from."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def three(world: TinyWorld) -> Artifact:
    """The task of the two choices with a third one that is always wrong."""
    data = world.task_data("choice", SOURCE)
    for split in ("train", "validation", "test"):
        rows = read_lines(data.path / f"{split}.jsonl")
        for row in rows:
            row["choices"].append("t1 v2")
        write_lines(data.path / f"{split}.jsonl", rows)
    return artifact(data.path, {**data.facts, "task": "before", "labels": ["choice1", "choice2", "choice3"]})


@pytest.fixture(scope="module")
def two(world: TinyWorld) -> Artifact:
    return world.task_data("choice", SOURCE, {"train": 16, "validation": 24, "test": 4})


def train(
    world: TinyWorld, stage: str, data: Artifact, out: Path, before: Artifact | None = None, **changes: Any
) -> Artifact:
    artifacts = {"base_model": world.base, "task_data": data}
    if stage == "train_task_adapter":
        artifacts["language_adapter"] = world.adapters[SOURCE]
        changes = {"reduction_factor": 2, **changes}
    if before is not None:
        artifacts["continue_from"] = before
    made = run_stage(stage, out, artifacts, {"seed": 1}, **{**QUICK, "num_train_epochs": 6, **changes})
    return artifact(out, made.facts, STAGES[stage])


@pytest.fixture(scope="module")
def learnt(world: TinyWorld, three: Artifact, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The task with three choices, learnt in every way."""
    return {stage: train(world, stage, three, tmp_path_factory.mktemp(stage)) for stage in STAGES}


def weights(made: Artifact) -> dict[str, Tensor]:
    """Every tensor that was saved, without the name of the task."""
    folder = made.path / ("model" if made.record.kind == "task_model" else "adapter")
    tensors = [item for path in folder.glob("*.safetensors") for item in load_file(path).items()]
    return {key.replace(made.facts["name"], "TASK"): tensor for key, tensor in tensors}


def same(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("stage", STAGES)
def test_training_starts_from_the_weights_and_the_head_of_the_task_before(
    world: TinyWorld, two: Artifact, learnt: dict[str, Artifact], tmp_path: Path, stage: str
) -> None:
    made = train(world, stage, two, tmp_path, learnt[stage], **STILL)
    before, after = weights(learnt[stage]), weights(made)
    assert set(before) == set(after)
    assert len(after) > 4
    assert [key for key in after if not same(before[key], after[key])] == []
    assert made.facts["continued_from"]["task"] == "before"
    assert made.facts["continued_from"]["head"] is True
    assert made.facts["labels"] == ["choice1", "choice2"]
    assert made.facts["dev"]["accuracy"] >= made.facts["majority_dev"] + 0.2


@pytest.mark.parametrize("stage", STAGES)
def test_what_goes_on_from_a_task_is_evaluated_like_any_other(
    world: TinyWorld, two: Artifact, learnt: dict[str, Artifact], tmp_path: Path, stage: str
) -> None:
    made = train(world, stage, two, tmp_path / "made", learnt[stage], num_train_epochs=1)
    artifacts = {"base_model": world.base, "task_data": two, "tuned": made}
    if stage == "train_task_adapter":
        artifacts["language_adapter"] = world.adapters[SOURCE]
    out = run_stage("evaluate_zero_shot", tmp_path / "out", artifacts, {"seed": 1})
    assert out.facts["examples"] == 5
    assert out.facts["values"]["accuracy"] >= 0.6


def test_a_head_of_other_labels_starts_anew_and_the_adapter_does_not(
    world: TinyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for check in ("check_beats_majority", "check_finds_entities"):
        monkeypatch.setattr(learning, check, lambda *arguments: None)
    stage = "train_task_adapter"
    before = train(world, stage, world.task_data("pos", SOURCE), tmp_path / "pos", num_train_epochs=1)
    ner = world.task_data("ner", SOURCE)
    made = weights(train(world, stage, ner, tmp_path / "ner", before, **STILL))
    fresh = weights(train(world, stage, ner, tmp_path / "fresh", **STILL))
    old = weights(before)
    head = [key for key in made if key.startswith("heads.")]
    body = [key for key in made if not key.startswith("heads.")]
    assert head
    assert body
    assert all(same(made[key], fresh[key]) for key in head)
    assert all(same(made[key], old[key]) for key in body)
    assert not all(same(made[key], fresh[key]) for key in body)


def test_an_adapter_of_another_shape_is_refused_with_what_differs(
    world: TinyWorld, two: Artifact, learnt: dict[str, Artifact], tmp_path: Path
) -> None:
    before = learnt["train_task_adapter"]
    with pytest.raises(JobError, match=r"choice continues from before, whose adapter has reduction_factor=2.* not 4"):
        train(world, "train_task_adapter", two, tmp_path / "other", before, reduction_factor=4)
    with pytest.raises(JobError, match=r"whose adapter has r=8 and not 4"):
        train(world, "train_lora", two, tmp_path / "lora", learnt["train_lora"], r=4)


def test_an_interrupted_training_that_goes_on_from_another_task_ends_with_the_same_bytes(
    world: TinyWorld, two: Artifact, learnt: dict[str, Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, before = "train_task_adapter", learnt["train_task_adapter"]
    whole = train(world, stage, two, tmp_path / "whole", before, num_train_epochs=3)
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "progress", interrupt_at(3))
        with pytest.raises(KeyboardInterrupt):
            train(world, stage, two, tmp_path / "broken", before, num_train_epochs=3)
    resumed = train(world, stage, two, tmp_path / "broken", before, num_train_epochs=3)
    for path in sorted((whole.path / "adapter").iterdir()):
        assert path.read_bytes() == (resumed.path / "adapter" / path.name).read_bytes(), path.name


def test_the_pages_say_what_kind_of_thing_a_training_goes_on_from() -> None:
    for stage, kind in STAGES.items():
        assert stage_page(stage).inputs["continue_from?"] == kind == stage_page(stage).output
