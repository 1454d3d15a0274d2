"""fetch_task_adapter: a ready task adapter is checked, its labels are called what the data calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace, stage_module
from tests.hub_cache import COMMIT, put_in_cache
from tests.tasks.artifacts import artifact
from tests.tasks.tiny_world import QUICK, SOURCE, TARGET, TinyWorld, run_stage

LABELS = {"0": "O"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def data(world: TinyWorld) -> Artifact:
    return world.task_data("ner", SOURCE)


@pytest.fixture(scope="module")
def trained(world: TinyWorld, data: Artifact) -> Artifact:
    """A task adapter trained here."""
    inputs = {"base_model": world.base, "task_data": data, "language_adapter": world.adapters[SOURCE]}
    changes = {**QUICK, "learning_rate": 0.005, "reduction_factor": 2}
    out = run_stage("train_task_adapter", world.folder / "trained", inputs, {"seed": 1}, **changes)
    return artifact(out.path, out.facts, kind="task_adapter")


@pytest.fixture
def published(trained: Artifact, tmp_path: Path) -> Path:
    """The same as another lab publishes it: `O` is called 0, and the labels are numbered backwards."""
    folder = tmp_path / "published"
    shutil.copytree(trained.path / "adapter", folder)
    config = json.loads((folder / "head_config.json").read_text(encoding="utf-8"))
    labels = config["config"]["label2id"]
    config["config"]["label2id"] = {
        "0" if label == "O" else label: len(labels) - 1 - index for label, index in labels.items()
    }
    (folder / "head_config.json").write_text(json.dumps(config), encoding="utf-8")
    head = folder / "model_head.safetensors"
    save_file({name: tensor.flip(0).contiguous() for name, tensor in load_file(head).items()}, head)
    return folder


def fetched(
    world: TinyWorld, data: Artifact, folder: Path, out: Path, labels: dict[str, str] | None = None, **source: Any
) -> Workspace:
    """What the stage makes of a local folder."""
    hashes = {file.name: sha256_of(file) for file in folder.iterdir()}
    asked = {"name": folder.name, "path_sha256": hashes, "labels": LABELS if labels is None else labels, **source}
    return run_fetch(world, data, asked, out, {"path": str(folder)})


def run_fetch(
    world: TinyWorld, data: Artifact, source: dict[str, Any], out: Path, locations: dict[str, str] | None = None
) -> Workspace:
    module = stage_module("fetch_task_adapter")
    (out / "checkpoints").mkdir(parents=True)
    workspace = Workspace(out, out / "checkpoints")
    artifacts = {"base_model": world.base, "task_data": data}
    inputs = Inputs({"task": "ner", "language": SOURCE}, source, locations or {}, artifacts)
    module.run(inputs, module.Params.model_validate({}), workspace)
    return workspace


def evaluated(world: TinyWorld, tuned: Artifact, out: Path, language: Artifact | None = None) -> Workspace:
    inputs = {
        "base_model": world.base,
        "task_data": world.task_data("ner", TARGET),
        "tuned": tuned,
        "language_adapter": language or world.adapters[TARGET],
    }
    return run_stage("evaluate_zero_shot", out, inputs, {})


def as_tuned(made: Workspace) -> Artifact:
    return artifact(made.path, made.facts, kind="task_adapter")


def test_it_predicts_the_same_names_as_where_it_was_trained(
    world: TinyWorld, data: Artifact, trained: Artifact, published: Path, tmp_path: Path
) -> None:
    made = fetched(world, data, published, tmp_path / "made")
    evaluated(world, trained, tmp_path / "a")
    evaluated(world, as_tuned(made), tmp_path / "b")
    assert (tmp_path / "a" / "examples.jsonl").read_bytes() == (tmp_path / "b" / "examples.jsonl").read_bytes()


def test_the_saved_head_has_the_names_of_the_data_and_its_own_order(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path
) -> None:
    made = fetched(world, data, published, tmp_path / "made")
    head = json.loads((made.path / "adapter" / "head_config.json").read_text(encoding="utf-8"))
    assert head["config"]["label2id"] == {"O": 0, "I-PER": 1, "B-PER": 2, "B-LOC": 3}
    assert made.facts["labels"] == ["O", "I-PER", "B-PER", "B-LOC"]
    assert made.facts["head_labels"]["0"] == "O"


def test_it_says_where_it_is_from_and_what_evaluation_asks(
    world: TinyWorld, data: Artifact, trained: Artifact, published: Path, tmp_path: Path
) -> None:
    facts = fetched(world, data, published, tmp_path / "made").facts
    assert facts["majority_label"] == trained.facts["majority_label"]
    assert (facts["trained_on"], facts["origin"], facts["name"]) == (SOURCE, "published", "task_ner")
    assert facts["sha256"] == sha256_of(published / "adapter.safetensors")
    assert facts["files"] == {file.name: sha256_of(file) for file in published.iterdir()}
    assert facts["parameters"] == trained.facts["parameters"]
    assert facts["head_parameters"] == trained.facts["head_parameters"]
    json.dumps(facts)


def test_the_head_is_fetched_from_the_hub_and_pinned_with_the_adapter(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    put_in_cache(tmp_path / "hub", "AdapterHub/ner", published)
    source = {"id": "AdapterHub/ner", "revision": COMMIT, "labels": LABELS}
    facts = run_fetch(world, data, source, tmp_path / "made").facts
    assert (facts["repository"], facts["revision"]) == ("AdapterHub/ner", COMMIT)
    assert "model_head.safetensors" in facts["files"]


def test_labels_that_disagree_are_listed_side_by_side(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path
) -> None:
    with pytest.raises(JobError) as raised:
        fetched(world, data, published, tmp_path / "made", labels={})
    [problem] = raised.value.problems
    assert problem.message == (
        f"{published}: its prediction head has the labels 0, I-PER, B-PER, B-LOC; "
        "the data of ner in qaa has B-LOC, B-PER, I-PER, O."
    )
    assert problem.hint == 'Map them by name: tasks: {ner: {adapter: {labels: {"0": "O"}}}}.'
    assert not (tmp_path / "made" / "adapter").exists()


def fewer_labels(data: Artifact) -> Artifact:
    """The same data, in which nobody has found an organisation or place."""
    return artifact(data.path, {**data.facts, "labels": ["B-PER", "I-PER", "O"]}, kind="task_data")


def test_a_head_that_knows_more_labels_than_the_data_is_taken(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path
) -> None:
    made = fetched(world, fewer_labels(data), published, tmp_path / "made")
    assert made.facts["labels"] == ["O", "I-PER", "B-PER", "B-LOC"]
    assert made.facts["extra_labels"] == ["B-LOC"]


def test_the_hint_maps_to_a_label_that_is_missing_and_says_where_there_is_none_to_map(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path
) -> None:
    more = artifact(data.path, {**data.facts, "labels": [*data.facts["labels"], "B-ORG"]}, kind="task_data")
    with pytest.raises(JobError) as raised:
        fetched(world, more, published, tmp_path / "made")
    assert raised.value.problems[0].hint.startswith("It cannot predict B-ORG: choose another task adapter")


def test_two_labels_cannot_become_one(world: TinyWorld, data: Artifact, published: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"has the labels 0 \(as O\), I-PER \(as B-PER\), B-PER, B-LOC; the data"):
        fetched(world, data, published, tmp_path / "made", labels={**LABELS, "I-PER": "B-PER"})


def test_a_mapped_label_that_the_head_does_not_have_is_named_where_the_labels_disagree(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path
) -> None:
    with pytest.raises(JobError) as raised:
        fetched(world, data, published, tmp_path / "made", labels={"00": "O"})
    assert raised.value.problems[0].hint == "labels maps 00, which the head does not have."


def test_a_head_for_another_type_of_task_is_refused(world: TinyWorld, published: Path, tmp_path: Path) -> None:
    topics = world.task_data("topics", SOURCE)
    with pytest.raises(JobError, match="its prediction head is for tagging; the task topics is classification"):
        fetched(world, topics, published, tmp_path / "made")


@pytest.mark.parametrize("name", ["head_config.json", "model_head.safetensors"])
def test_without_its_head_it_is_refused(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path, name: str
) -> None:
    (published / name).unlink()
    with pytest.raises(JobError, match=r"no head_config\.json|no weights"):
        fetched(world, data, published, tmp_path / "made")


def test_being_trained_on_another_language_is_a_warning(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path
) -> None:
    made = fetched(world, data, published, tmp_path / "made", trained_on="ar")
    check = next(check for check in made.checks if check.name == "trained_on_the_source_language")
    assert (check.passed, check.hard, check.value) == (False, False, "ar")
    assert made.facts["trained_on"] == "ar"


def test_evaluation_warns_where_a_language_adapter_has_layers_that_were_left_out_in_training(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path
) -> None:
    made = as_tuned(fetched(world, data, published, tmp_path / "made", leave_out=[1]))
    name = "language_adapter_leaves_out_the_right_layers"
    whole = evaluated(world, made, tmp_path / "whole")
    check = next(check for check in whole.checks if check.name == name)
    assert (check.passed, check.hard) == (False, False)
    assert check.detail == (
        "The task adapter was trained over language adapters that leave out layers 1; that of qab leaves out no layers."
        " Say stages: {train_language_adapter: {leave_out: [1]}}."
    )
    target = world.adapters[TARGET]
    without = artifact(target.path, {**target.facts, "leave_out": [1]})
    right = evaluated(world, made, tmp_path / "right", without)
    assert next(check for check in right.checks if check.name == name).passed
    full = as_tuned(fetched(world, data, published, tmp_path / "full", leave_out=[]))
    found = evaluated(world, full, tmp_path / "too_few", without)
    detail = next(check.detail for check in found.checks if check.name == name and not check.passed)
    assert "that leave out no layers; that of qab leaves out layers 1." in detail


def test_where_nobody_knows_what_was_left_out_in_training_nothing_is_compared(
    world: TinyWorld, data: Artifact, published: Path, tmp_path: Path
) -> None:
    made = fetched(world, data, published, tmp_path / "made")
    assert made.facts["language_leave_out"] is None
    found = evaluated(world, as_tuned(made), tmp_path / "scores")
    assert "language_adapter_leaves_out_the_right_layers" not in {check.name for check in found.checks}
