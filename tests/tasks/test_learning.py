"""What both task training stages share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from madx_pipeline import adapter_model
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.tasks import learning
from madx_pipeline.tasks.learning import SourceTask
from madx_pipeline.tasks.params import TaskTrainingParams
from madx_pipeline.training import TrainingResult
from tests.tasks.tiny_world import SOURCE, TinyWorld, task_training_values


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


def source_task(world: TinyWorld, out: Workspace) -> SourceTask:
    artifacts = {"base_model": world.base, "task_data": world.task_data("ner", SOURCE)}
    params = TaskTrainingParams.model_validate(task_training_values())
    return learning.open_source_task(Inputs({"seed": 1}, {}, {}, artifacts), params, out)


def test_a_head_is_initialised_from_the_seed_and_nothing_else(world: TinyWorld, tmp_path: Path) -> None:
    out = Workspace(tmp_path, tmp_path)
    task = source_task(world, out)
    heads = []
    for seed in (1, 1, 2):
        model = adapter_model.load_model(world.base.path / "model", "tiny")
        learning.add_head(model, task, "task_ner", seed, out)
        heads.append(torch.cat([tensor.flatten() for tensor in model.heads["task_ner"].parameters()]))
        torch.rand(5)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


@pytest.mark.parametrize(("reached", "enough"), [(0.01, False), (0.19, False), (0.2, True), (0.9, True)])
def test_hardly_any_entity_found_warns_although_it_beats_the_majority(
    world: TinyWorld, tmp_path: Path, reached: float, enough: bool
) -> None:
    out = Workspace(tmp_path, tmp_path)
    task = source_task(world, out)
    result = TrainingResult(steps=1, best_step=1, best={"span_f1": reached}, curve=[])
    learning.check_beats_majority(task, result, out)
    learning.check_finds_entities(task, result, out)
    majority, entities = out.checks[-2:]
    assert (majority.name, majority.passed) == ("beats_majority_on_source_validation", True)
    assert (entities.name, entities.passed, entities.hard) == ("finds_entities_on_source_validation", enough, False)


def test_measuring_leaves_the_model_in_the_mode_it_was_in(world: TinyWorld, tmp_path: Path) -> None:
    out = Workspace(tmp_path, tmp_path)
    task = source_task(world, out)
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    learning.add_head(model, task, "task_ner", 1, out)
    for training in (True, False):
        model.train(training)
        values = learning.measure(task, model)
        assert model.training is training
        assert set(values) == {"span_f1", "span_precision", "span_recall"}
