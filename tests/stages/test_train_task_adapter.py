"""train_task_adapter: learns on the frozen source language adapter, and says no to whatever would not be MAD-X."""

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
from madx_pipeline.tasks import learning, task_type
from tests.tasks.tiny_world import QUICK, SOURCE, TinyWorld, interrupt_at, read_lines, run_stage, tokenizer, write_lines

STAGE = "train_task_adapter"
ADAPTER = {"architecture": "seq_bn", "reduction_factor": 2}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def ner(world: TinyWorld) -> Artifact:
    return world.task_data("ner", SOURCE)


@pytest.fixture(scope="module")
def trained(world: TinyWorld, ner: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A finished task adapter; tests read it and change nothing."""
    return train(world, ner, tmp_path_factory.mktemp("trained"))


def train(world: TinyWorld, data: Artifact, out: Path, language: Artifact | None = None, **changes: Any) -> Workspace:
    """Trains on the source language adapter, or on `language`; `alone=True` trains without any."""
    alone, seed = changes.pop("alone", False), changes.pop("seed", 1)
    artifacts = {"base_model": world.base, "task_data": data}
    if not alone:
        artifacts["language_adapter"] = language or world.adapters[SOURCE]
    key = {"task": data.facts["task"], "language": SOURCE, "seed": seed, "on": "none" if alone else SOURCE}
    return run_stage(STAGE, out, artifacts, key, **{**QUICK, **ADAPTER, **changes})


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "adapter").iterdir())}


def test_the_task_is_learnt(trained: Workspace) -> None:
    assert trained.facts["dev"]["span_f1"] > 0.8
    assert trained.facts["majority_dev"] == 0.0
    assert trained.facts["majority_label"] == "O"


def test_every_check_is_recorded_with_its_value_and_passed(trained: Workspace) -> None:
    values = {check.name: check.value for check in trained.checks}
    assert all(check.passed for check in trained.checks)
    assert [check.name for check in trained.checks if not check.hard] == ["finds_entities_on_source_validation"]
    assert values["finds_entities_on_source_validation"] == trained.facts["dev"]["span_f1"]
    assert values["active_stack"] == values["active_stack_after_training"] == "language_qaa then task_ner"
    assert values["trainable_set"] == trained.facts["parameters"] + trained.facts["head_parameters"]
    assert values["beats_majority_on_source_validation"] == trained.facts["dev"]["span_f1"]
    assert float(values["language_adapter_changes_logits"] or 0) > 0.01
    assert {"base_model_unchanged", "language_adapter_unchanged", "head_labels_by_name"} <= set(values)


def test_the_facts_name_labels_architecture_and_language(trained: Workspace) -> None:
    facts = trained.facts
    assert facts["label2id"] == {"B-LOC": 0, "B-PER": 1, "I-PER": 2, "O": 3}
    assert (facts["architecture"], facts["reduction_factor"], facts["trained_on"]) == ("seq_bn", 2, SOURCE)
    assert (facts["task"], facts["task_type"], facts["metric"]) == ("ner", "tagging", "span_f1")
    assert json.loads(json.dumps(facts)) == facts


def test_there_is_one_evaluation_per_epoch_and_the_first_of_the_best_is_kept(trained: Workspace) -> None:
    points = [(point["step"], point["span_f1"]) for point in trained.facts["curve"] if "span_f1" in point]
    assert [step for step, _ in points] == [8, 16, 24, 32]
    best = max(value for _, value in points)
    assert trained.facts["best_step"] == next(step for step, value in points if value == best)
    assert trained.facts["dev"]["span_f1"] == best


def test_the_saved_adapter_predicts_the_same_with_the_plain_library(world: TinyWorld, trained: Workspace) -> None:
    import adapters
    from adapters.composition import Stack

    model = adapters.AutoAdapterModel.from_pretrained(str(world.base.path / "model"))
    language = model.load_adapter(str(world.adapters[SOURCE].path / "adapter"), with_head=False, use_safetensors=True)
    task = model.load_adapter(str(trained.path / "adapter"), use_safetensors=True)
    model.set_active_adapters(Stack(language, task))
    sentence = {"words": ["pa", "sb", "va", "la"], "labels": ["B-PER", "I-PER", "O", "B-LOC"]}
    ids = tokenizer()(" ".join(sentence["words"]), return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        best = model.eval()(ids).logits.argmax(-1)[0, 1:-1].tolist()
    assert [model.get_labels(task)[label] for label in best] == sentence["labels"]


def test_parts_of_speech_and_topics_are_learnt_too(world: TinyWorld, tmp_path: Path) -> None:
    pos = train(world, world.task_data("pos", SOURCE), tmp_path / "pos", num_train_epochs=2)
    topics = train(world, world.task_data("topics", SOURCE), tmp_path / "topics", num_train_epochs=2)
    assert pos.facts["dev"]["accuracy"] > 0.8
    assert topics.facts["dev"]["accuracy"] > topics.facts["majority_dev"]


def test_without_a_language_adapter_the_task_adapter_stands_alone(
    world: TinyWorld, ner: Artifact, tmp_path: Path
) -> None:
    alone = train(world, ner, tmp_path, alone=True, num_train_epochs=1)
    values = {check.name: check.value for check in alone.checks}
    assert values["active_stack"] == "task_ner"
    assert "language_adapter_changes_logits" not in values
    assert alone.facts["trained_on"] is None


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    world: TinyWorld, ner: Artifact, trained: Workspace, tmp_path: Path
) -> None:
    torch.rand(17)  # whatever happened before in this process must not matter
    again = train(world, ner, tmp_path / "again")
    other = train(world, ner, tmp_path / "other", seed=2)
    assert weights(again.path) == weights(trained.path)
    assert again.facts == trained.facts
    assert weights(other.path) != weights(trained.path)


@pytest.mark.parametrize("step", [1, 12, 31])
def test_an_interrupted_training_resumes_to_the_same_bytes(
    world: TinyWorld, ner: Artifact, trained: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "progress", interrupt_at(step))
        with pytest.raises(KeyboardInterrupt):
            train(world, ner, tmp_path)
    resumed = train(world, ner, tmp_path)
    assert weights(resumed.path) == weights(trained.path)
    assert resumed.facts == trained.facts


def test_the_last_layer_can_be_left_out(world: TinyWorld, ner: Artifact, trained: Workspace, tmp_path: Path) -> None:
    fewer = train(world, ner, tmp_path, leave_out=[1], num_train_epochs=1)
    assert fewer.facts["parameters"] == trained.facts["parameters"] / 2
    assert fewer.facts["leave_out"] == [1]


def test_a_stack_without_the_language_adapter_fails_the_job(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = adapter_model.train_only

    def forgets_the_language(model: Any, adapter: str, stack: Any, head: str | None = None) -> None:
        genuine(model, adapter, [adapter], head)

    monkeypatch.setattr(adapter_model, "train_only", forgets_the_language)
    with pytest.raises(CheckError, match=r"active_stack failed .*intended: language_qaa then task_ner"):
        train(world, ner, tmp_path)


def test_a_language_adapter_that_would_train_fails_the_job(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = adapter_model.train_only

    def as_the_library_does(model: Any, adapter: str, stack: Any, head: str | None = None) -> None:
        genuine(model, adapter, stack, head)
        for name, parameter in model.named_parameters():
            if ".language_qaa." in name:
                parameter.requires_grad_(True)

    monkeypatch.setattr(adapter_model, "train_only", as_the_library_does)
    with pytest.raises(CheckError, match=r"trainable_set failed .*wrong tensors: .*language_qaa"):
        train(world, ner, tmp_path)


def test_a_parameter_too_many_that_trains_is_recorded_before_the_job_fails(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, check = stack.set_stack, Workspace.check
    recorded: list[Workspace] = []

    def activates_and_unfreezes(model: Any, names: Any) -> None:
        genuine(model, names)
        model.get_input_embeddings().weight.requires_grad_(True)

    def remembers(self: Workspace, *arguments: Any, **named: Any) -> None:
        recorded.append(self)
        check(self, *arguments, **named)

    monkeypatch.setattr(stack, "set_stack", activates_and_unfreezes)
    monkeypatch.setattr(Workspace, "check", remembers)
    with pytest.raises(CheckError, match=r"trainable_set failed .*wrong tensors: .*word_embeddings"):
        train(world, ner, tmp_path)
    assert [(one.name, one.passed) for one in recorded[-1].checks][-1] == ("trainable_set", False)


@pytest.mark.parametrize(
    ("part", "check"),
    [("word_embeddings", "base_model_unchanged"), (".language_qaa.", "language_adapter_unchanged")],
)
def test_frozen_weights_that_change_fail_the_job(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, check: str
) -> None:
    genuine = learning.learn

    def changes_a_weight(model: Any, *arguments: Any) -> Any:
        result = genuine(model, *arguments)
        next(tensor for name, tensor in model.named_parameters() if part in name).data[0] += 1
        return result

    monkeypatch.setattr(learning, "learn", changes_a_weight)
    with pytest.raises(CheckError, match=f"{check} failed"):
        train(world, ner, tmp_path, num_train_epochs=1)


def test_a_language_adapter_that_does_nothing_fails_the_job(world: TinyWorld, ner: Artifact, tmp_path: Path) -> None:
    nothing = world.language_adapter(SOURCE, seed=9, strength=0.0)
    with pytest.raises(CheckError, match=r"language_adapter_changes_logits failed \(0\.0\).*language_qaa is taken out"):
        train(world, ner, tmp_path, nothing, num_train_epochs=1)


def test_a_task_that_is_not_learnt_fails_the_job(world: TinyWorld, tmp_path: Path) -> None:
    data = world.task_data("pos", SOURCE)
    with pytest.raises(CheckError, match=r'beats_majority_on_source_validation failed .*for always "PROPN"'):
        train(world, data, tmp_path, learning_rate=1e-9, num_train_epochs=1)


def test_being_as_good_as_the_majority_is_not_enough(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "majority_score", lambda *arguments: 1.0)
    with pytest.raises(CheckError, match=r"beats_majority_on_source_validation failed .*against 1\.0000"):
        train(world, ner, tmp_path, num_train_epochs=1)


def test_parts_of_speech_have_no_floor_of_entities(world: TinyWorld, tmp_path: Path) -> None:
    pos = train(world, world.task_data("pos", SOURCE), tmp_path, num_train_epochs=1)
    assert "finds_entities_on_source_validation" not in {check.name for check in pos.checks}


def test_a_head_with_inverted_labels_fails_the_job(
    world: TinyWorld, ner: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(task_type("tagging"))
    genuine = kind.add_head
    monkeypatch.setattr(kind, "add_head", lambda self, model, name, labels: genuine(self, model, name, labels[::-1]))
    with pytest.raises(CheckError, match="head_labels_by_name failed"):
        train(world, ner, tmp_path)


def test_a_label_outside_the_task_fails_the_job(world: TinyWorld, tmp_path: Path) -> None:
    data = world.task_data("ner", SOURCE)
    write_lines(data.path / "validation.jsonl", [{"words": ["ta"], "labels": ["B-DATE"]}])
    with pytest.raises(CheckError, match=r"labels_known_to_the_head failed .*: B-DATE"):
        train(world, data, tmp_path)


def test_a_source_without_validation_data_is_an_error(world: TinyWorld, tmp_path: Path) -> None:
    data = world.task_data("ner", SOURCE, {"train": 4, "test": 4})
    with pytest.raises(JobError, match=r"ner in qaa has no validation split\. There is: test, train\."):
        train(world, data, tmp_path)


def test_the_majority_label_comes_from_the_training_set(world: TinyWorld, tmp_path: Path) -> None:
    data = world.task_data("pos", SOURCE)
    lines = read_lines(data.path / "validation.jsonl")
    write_lines(data.path / "validation.jsonl", [{"words": ["va"] * 9, "labels": ["VERB"] * 9}, *lines[:2]])
    assert train(world, data, tmp_path, num_train_epochs=1).facts["majority_label"] == "PROPN"
