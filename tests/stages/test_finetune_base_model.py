"""finetune_base_model: the baseline that trains everything, on the same data and with the same selection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from madx_pipeline import adapter_model
from madx_pipeline.errors import CheckError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Workspace
from madx_pipeline.tasks import learning
from tests.tasks.tiny_world import QUICK, SOURCE, TinyWorld, interrupt_at, run_stage, tokenizer

STAGE = "finetune_base_model"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def ner(world: TinyWorld) -> Artifact:
    return world.task_data("ner", SOURCE)


@pytest.fixture(scope="module")
def tuned(world: TinyWorld, ner: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A finished model; tests read it and change nothing."""
    return finetune(world, ner, tmp_path_factory.mktemp("tuned"))


def finetune(world: TinyWorld, data: Artifact, out: Path, **changes: Any) -> Workspace:
    key = {"task": data.facts["task"], "language": SOURCE, "seed": 1}
    changes = {**QUICK, "learning_rate": 0.005, **changes}
    return run_stage(STAGE, out, {"base_model": world.base, "task_data": data}, key, **changes)


def test_the_task_is_learnt_and_every_parameter_trained(tuned: Workspace) -> None:
    values = {check.name: check.value for check in tuned.checks}
    assert all(check.passed for check in tuned.checks)
    assert tuned.facts["dev"]["span_f1"] > 0.8
    assert values["trainable_set"] == tuned.facts["parameters"]
    assert values["active_stack"] == "no adapter"
    assert tuned.facts["trained_on"] is None


def test_the_base_model_itself_was_changed(world: TinyWorld, tuned: Workspace) -> None:
    before = load_file(world.base.path / "model" / "model.safetensors")
    after = load_file(tuned.path / "model" / "model.safetensors")
    name = "roberta.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(before[name], after[name])


def test_the_saved_model_predicts_by_label_name_in_a_fresh_model(tuned: Workspace) -> None:
    model = adapter_model.load_task_model(tuned.path / "model")
    ids = tokenizer()("pa sb va la", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        best = model(ids).logits.argmax(-1)[0, 1:-1].tolist()
    labels = adapter_model.head_labels(model, "task_ner")
    assert [labels[label] for label in best] == ["B-PER", "I-PER", "O", "B-LOC"]


def test_an_interrupted_training_resumes_to_the_same_bytes(
    world: TinyWorld, ner: Artifact, tuned: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "progress", interrupt_at(21))
        with pytest.raises(KeyboardInterrupt):
            finetune(world, ner, tmp_path)
    resumed = finetune(world, ner, tmp_path)
    assert resumed.facts == tuned.facts
    for path in sorted((tuned.path / "model").iterdir()):
        assert (resumed.path / "model" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_frozen_tensor_fails_the_job(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = adapter_model.train_everything

    def forgets_the_embeddings(model: Any, head: str) -> None:
        genuine(model, head)
        model.get_input_embeddings().requires_grad_(False)

    monkeypatch.setattr(adapter_model, "train_everything", forgets_the_embeddings)
    with pytest.raises(CheckError, match=r"trainable_set failed .*frozen tensors: .*word_embeddings"):
        finetune(world, ner, tmp_path)


def test_a_model_no_better_than_the_majority_fails_the_job(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "majority_score", lambda *arguments: 1.0)
    with pytest.raises(CheckError, match="beats_majority_on_source_validation failed"):
        finetune(world, ner, tmp_path, num_train_epochs=1)
