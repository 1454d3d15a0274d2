"""train_lora: low-rank updates on the data and under the checks of a task adapter, saved for anyone to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from madx_pipeline import adapter_model
from madx_pipeline.adapter_model import stack
from madx_pipeline.errors import CheckError, JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Workspace
from madx_pipeline.tasks import learning
from tests.tasks.artifacts import artifact
from tests.tasks.tiny_world import QUICK, SOURCE, TARGET, TinyWorld, interrupt_at, run_stage, tokenizer

STAGE = "train_lora"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def ner(world: TinyWorld) -> Artifact:
    return world.task_data("ner", SOURCE)


@pytest.fixture(scope="module")
def trained(world: TinyWorld, ner: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Finished updates; tests read them and change nothing."""
    return train(world, ner, tmp_path_factory.mktemp("trained"))


def train(world: TinyWorld, data: Artifact, out: Path, **changes: Any) -> Workspace:
    key = {"task": data.facts["task"], "language": SOURCE, "seed": changes.pop("seed", 1)}
    return run_stage(STAGE, out, {"base_model": world.base, "task_data": data}, key, **{**QUICK, **changes})


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "adapter").iterdir())}


def test_the_task_is_learnt_and_every_check_passed(trained: Workspace) -> None:
    assert trained.facts["dev"]["span_f1"] > 0.8
    values = {check.name: check.value for check in trained.checks}
    assert all(check.passed for check in trained.checks)
    assert values["active_stack"] == values["active_stack_after_training"] == "task_ner"
    assert values["trainable_set"] == trained.facts["parameters"] + trained.facts["head_parameters"]
    assert {"base_model_unchanged", "head_labels_by_name", "beats_majority_on_source_validation"} <= set(values)


def test_the_rank_and_the_matrices_decide_what_trains(world: TinyWorld, ner: Artifact, tmp_path: Path) -> None:
    layers, hidden = 2, 32
    for r, matrices in ((8, ["q", "v"]), (2, ["q", "k", "v"])):
        made = train(world, ner, tmp_path / str(r), r=r, attn_matrices=matrices, num_train_epochs=1)
        assert made.facts["parameters"] == layers * len(matrices) * 2 * r * hidden
        assert (made.facts["r"], made.facts["attn_matrices"]) == (r, matrices)


def test_the_facts_are_those_of_a_task_adapter_trained_on_nothing(trained: Workspace) -> None:
    assert (trained.facts["architecture"], trained.facts["trained_on"]) == ("lora", None)
    assert trained.facts["label2id"] == {"B-LOC": 0, "B-PER": 1, "I-PER": 2, "O": 3}
    assert json.loads(json.dumps(trained.facts)) == trained.facts


def test_the_saved_updates_predict_the_same_with_the_plain_library(world: TinyWorld, trained: Workspace) -> None:
    import adapters

    model = adapters.AutoAdapterModel.from_pretrained(str(world.base.path / "model"))
    task = model.load_adapter(str(trained.path / "adapter"), use_safetensors=True)
    model.set_active_adapters(task)
    ids = tokenizer()("pa sb va la", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        best = model.eval()(ids).logits.argmax(-1)[0, 1:-1].tolist()
    assert [model.get_labels(task)[label] for label in best] == ["B-PER", "I-PER", "O", "B-LOC"]


def test_they_are_evaluated_without_a_language_adapter(world: TinyWorld, trained: Workspace, tmp_path: Path) -> None:
    tuned = artifact(trained.path, trained.facts, kind="lora")
    inputs = {"base_model": world.base, "task_data": world.task_data("ner", TARGET), "tuned": tuned}
    scored = run_stage("evaluate_zero_shot", tmp_path, inputs, {"seed": 1})
    assert scored.facts["values"]["span_f1"] > 0.8
    assert {check.name: check.value for check in scored.checks}["active_stack"] == "task_ner"
    assert scored.facts["language_adapter"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_dora": True}, "has use_dora=True; possible: False"),
        ({"surprise": 1}, "has surprise=1; possible: None"),
        (
            {"r": 4},
            r"8 tensors have the wrong shape: .*lora_A is \(8, 32\) and should be \(4, 32\)",
        ),
    ],
)
def test_updates_that_are_not_what_was_trained_are_refused(
    world: TinyWorld, trained: Workspace, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    for name, content in weights(trained.path).items():
        (tmp_path / name).write_bytes(content)
    record = json.loads((tmp_path / "adapter_config.json").read_text(encoding="utf-8"))
    record["config"] |= change
    (tmp_path / "adapter_config.json").write_text(json.dumps(record), encoding="utf-8")
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    with pytest.raises(JobError, match=message):
        adapter_model.load_lora(model, tmp_path, "task_ner", world.base.facts)
    assert "task_ner" not in model.adapters_config
    assert "task_ner" not in model.heads


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    world: TinyWorld, ner: Artifact, trained: Workspace, tmp_path: Path
) -> None:
    torch.rand(17)  # whatever happened before in this process must not matter
    again, other = train(world, ner, tmp_path / "again"), train(world, ner, tmp_path / "other", seed=2)
    assert weights(again.path) == weights(trained.path) != weights(other.path)
    assert again.facts == trained.facts


def test_an_interrupted_training_resumes_to_the_same_bytes(
    world: TinyWorld, ner: Artifact, trained: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "progress", interrupt_at(21))
        with pytest.raises(KeyboardInterrupt):
            train(world, ner, tmp_path)
    resumed = train(world, ner, tmp_path)
    assert weights(resumed.path) == weights(trained.path)
    assert resumed.facts == trained.facts


def test_a_parameter_too_many_that_trains_fails_the_job(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = stack.set_stack

    def activates_and_unfreezes(model: Any, names: Any) -> None:
        genuine(model, names)
        model.get_input_embeddings().weight.requires_grad_(True)

    monkeypatch.setattr(stack, "set_stack", activates_and_unfreezes)
    with pytest.raises(CheckError, match=r"trainable_set failed .*wrong tensors: .*word_embeddings"):
        train(world, ner, tmp_path)


def test_frozen_weights_that_change_fail_the_job(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = learning.learn

    def changes_a_weight(model: Any, *arguments: Any) -> Any:
        result = genuine(model, *arguments)
        next(tensor for name, tensor in model.named_parameters() if "word_embeddings" in name).data[0] += 1
        return result

    monkeypatch.setattr(learning, "learn", changes_a_weight)
    with pytest.raises(CheckError, match="base_model_unchanged failed"):
        train(world, ner, tmp_path, num_train_epochs=1)
