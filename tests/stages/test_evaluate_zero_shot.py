"""evaluate_zero_shot: swaps the language adapter, predicts every word once, scores by label name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from madx_pipeline import adapter_model
from madx_pipeline.errors import CheckError, JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Workspace, stage_page
from madx_pipeline.tasks import batches, task_type
from tests.tasks.artifacts import artifact
from tests.tasks.tiny_world import QUICK, SOURCE, TARGET, TinyWorld, read_lines, run_stage, write_lines

STAGE = "evaluate_zero_shot"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def ner(world: TinyWorld) -> Artifact:
    return world.task_data("ner", TARGET)


@pytest.fixture(scope="module")
def tuned(world: TinyWorld) -> dict[str, Artifact]:
    """A task adapter on the source language adapter for each task, and a fully fine-tuned model."""
    made = {task: tune(world, task, "train_task_adapter") for task in ("ner", "pos", "topics")}
    return {**made, "full": tune(world, "ner", "finetune_base_model")}


def tune(world: TinyWorld, task: str, stage: str) -> Artifact:
    artifacts = {"base_model": world.base, "task_data": world.task_data(task, SOURCE)}
    changes = {"learning_rate": 0.005}
    if stage == "train_task_adapter":
        artifacts["language_adapter"] = world.adapters[SOURCE]
        changes = {"reduction_factor": 2}
    out = world.folder / f"{stage}_{task}"
    workspace = run_stage(stage, out, artifacts, {"seed": 1}, **{**QUICK, **changes})
    return artifact(out, workspace.facts, kind=stage_page(stage).output)


def evaluate(
    world: TinyWorld,
    data: Artifact,
    tuned: Artifact,
    out: Path,
    language: Artifact | None = None,
    source: Artifact | None = None,
    **changes: Any,
) -> Workspace:
    artifacts = {"base_model": world.base, "task_data": data, "tuned": tuned}
    if language is not None:
        artifacts["language_adapter"] = language
    if source is not None:
        artifacts["source_language_adapter"] = source
    return run_stage(STAGE, out, artifacts, {"seed": 1}, **changes)


def test_every_word_has_one_prediction_in_the_order_of_the_data_even_in_long_sentences(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    scored = evaluate(world, ner, tuned["ner"], tmp_path, world.adapters[TARGET])
    lines = read_lines(tmp_path / "examples.jsonl")
    examples = read_lines(ner.path / "test.jsonl")
    assert [line["gold"] for line in lines] == [example["labels"] for example in examples]
    assert [len(line["predicted"]) for line in lines] == [len(example["words"]) for example in examples]
    assert scored.facts["sentences_split"] == 1
    assert scored.facts["warnings"] == []  # in windows the model sees all of it
    assert scored.facts["words"] == sum(len(example["words"]) for example in examples)


def test_the_scores_are_those_of_the_predictions_on_file(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    scored = evaluate(world, ner, tuned["ner"], tmp_path, world.adapters[SOURCE])
    lines = read_lines(tmp_path / "examples.jsonl")
    gold, predicted = ([line[name] for line in lines] for name in ("gold", "predicted"))
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["span_f1"] == f1_score(gold, predicted, mode="strict", scheme=IOB2) > 0.5
    assert scored.facts["values"] == scores
    assert {"span_f1.PER", "span_f1.LOC", "span_precision", "span_recall"} <= set(scores)
    assert (scored.facts["metric"], scored.facts["examples"], scored.facts["majority"]) == ("span_f1", 31, 0.0)


def test_another_language_adapter_gives_other_predictions(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    found: list[bytes] = []
    for language in (world.adapters[SOURCE], world.adapters[TARGET], None):
        out = tmp_path / str(len(found))
        scored = evaluate(world, ner, tuned["ner"], out, language)
        found.append((out / "examples.jsonl").read_bytes())
        assert scored.facts["language_adapter"] == (language and language.facts["language"])
        assert scored.facts["trained_on"] == SOURCE
    assert len(set(found)) == 3


def test_the_checks_name_the_stack_and_how_much_the_language_adapter_matters(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    scored = evaluate(world, ner, tuned["ner"], tmp_path, world.adapters[TARGET])
    values = {check.name: check.value for check in scored.checks}
    assert all(check.passed and check.hard for check in scored.checks)
    assert values["active_stack"] == "language_qab then task_ner"
    assert float(values["language_adapter_changes_logits"] or 0) > 0.01
    assert values["everything_predicted_once"] == scored.facts["words"]
    assert values["labels_known_to_the_head"] == 0


def test_swapping_in_the_targets_adapter_is_shown_to_change_the_logits_and_leaves_no_trace(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    target, source = world.adapters[TARGET], world.adapters[SOURCE]
    plain = evaluate(world, ner, tuned["ner"], tmp_path / "plain", target)
    scored = evaluate(world, ner, tuned["ner"], tmp_path / "swapped", target, source)
    found = {check.name: check for check in scored.checks}
    assert found["swapping_language_adapter_changes_logits"].passed
    assert found["swapping_language_adapter_changes_logits"].hard
    assert float(found["swapping_language_adapter_changes_logits"].value or 0) > 0.01
    assert "language_qab takes the place of language_qaa" in found["swapping_language_adapter_changes_logits"].detail
    assert found["active_stack_after_swapping"].value == "language_qab then task_ner"
    assert "swapping_language_adapter_changes_logits" not in {check.name for check in plain.checks}
    for name in ("examples.jsonl", "scores.json"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "swapped" / name).read_bytes()


def test_a_target_adapter_that_is_the_sources_own_under_another_name_fails_the_job(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    same = world.language_adapter(TARGET, seed=0)
    shutil.rmtree(same.path / "adapter")
    shutil.copytree(world.adapters[SOURCE].path / "adapter", same.path / "adapter")
    with pytest.raises(CheckError, match=r"swapping_language_adapter_changes_logits failed \(0\.0\)"):
        evaluate(world, ner, tuned["ner"], tmp_path, same, world.adapters[SOURCE])


def test_the_source_adapter_of_another_base_model_is_refused(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    broken = artifact(tmp_path / "broken", world.adapters[SOURCE].facts)
    shutil.copytree(world.adapters[SOURCE].path / "adapter", broken.path / "adapter")
    (broken.path / "adapter" / "adapter.safetensors").unlink()
    with pytest.raises(JobError, match="no weights"):
        evaluate(world, ner, tuned["ner"], tmp_path / "out", world.adapters[TARGET], broken)


def test_words_that_were_shortened_are_told(world: TinyWorld, tuned: dict[str, Artifact], tmp_path: Path) -> None:
    data = world.task_data("ner", TARGET)
    long = {"words": ["pa", "q" * 60, "la"], "labels": ["B-PER", "O", "B-LOC"]}
    write_lines(data.path / "test.jsonl", [long, {"words": ["pb"], "labels": ["B-PER"]}])
    scored = evaluate(world, data, tuned["ner"], tmp_path, world.adapters[TARGET])
    assert (
        "1 of 4 words were longer than a row and kept only their first pieces (sentences split into windows: 1)."
        in scored.facts["warnings"]
    )


def test_a_task_adapter_is_evaluated_alone_where_there_is_no_language_adapter(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    scored = evaluate(world, ner, tuned["ner"], tmp_path)
    assert {check.name: check.value for check in scored.checks}["active_stack"] == "task_ner"


def test_a_fully_fine_tuned_model_is_evaluated_without_any_adapter(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    scored = evaluate(world, ner, tuned["full"], tmp_path)
    assert {check.name: check.value for check in scored.checks}["active_stack"] == "no adapter"
    assert scored.facts["values"]["span_f1"] > 0.5
    with pytest.raises(JobError, match="evaluated without a language adapter"):
        evaluate(world, ner, tuned["full"], tmp_path / "with", world.adapters[TARGET])


def test_topics_have_one_label_and_parts_of_speech_one_a_word(
    world: TinyWorld, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    topics = evaluate(world, world.task_data("topics", TARGET), tuned["topics"], tmp_path / "t", world.adapters[SOURCE])
    pos = evaluate(world, world.task_data("pos", TARGET), tuned["pos"], tmp_path / "p", world.adapters[SOURCE])
    assert {line["predicted"] for line in read_lines(tmp_path / "t" / "examples.jsonl")} <= {"health", "sports"}
    assert topics.facts["texts_truncated"] == 1
    assert topics.facts["warnings"] == ["1 of 31 texts (3.2%) were too long and cut at the end."]
    for scored in (topics, pos):
        assert set(scored.facts["values"]) == {"accuracy", "macro_f1"}
        assert scored.facts["values"]["accuracy"] > scored.facts["majority"] > 0


def test_the_majority_baseline_predicts_the_majority_label_of_the_source(
    world: TinyWorld, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    data = world.task_data("pos", TARGET)
    write_lines(data.path / "test.jsonl", [{"words": list("abcd"), "labels": ["VERB", "VERB", "VERB", "PROPN"]}])
    scored = evaluate(world, data, tuned["pos"], tmp_path, world.adapters[TARGET])
    assert scored.facts["majority_label"] == "PROPN"
    assert scored.facts["majority"] == 0.25


def test_the_size_of_the_batches_changes_nothing(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for tokens in (1, 100, 10_000):
        monkeypatch.setattr(batches, "batch_tokens", lambda device, tokens=tokens: tokens)
        evaluate(world, ner, tuned["ner"], tmp_path / str(tokens), world.adapters[TARGET])
        found.append((tmp_path / str(tokens) / "examples.jsonl").read_bytes())
    assert len(set(found)) == 1


def test_a_head_that_numbers_its_labels_differently_predicts_the_same_names(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    inverted = artifact(tmp_path / "inverted", tuned["ner"].facts, kind="task_adapter")
    shutil.copytree(tuned["ner"].path / "adapter", inverted.path / "adapter")
    invert_head(inverted.path / "adapter")
    for tuned_adapter, out in ((tuned["ner"], tmp_path / "a"), (inverted, tmp_path / "b")):
        evaluate(world, ner, tuned_adapter, out, world.adapters[SOURCE])
    assert (tmp_path / "a" / "examples.jsonl").read_bytes() == (tmp_path / "b" / "examples.jsonl").read_bytes()


def invert_head(folder: Path) -> None:
    """Rewrites a saved head so that its labels are numbered backwards, as another revision of it might."""
    config = json.loads((folder / "head_config.json").read_text(encoding="utf-8"))
    labels = config["config"]["label2id"]
    config["config"]["label2id"] = {label: len(labels) - 1 - index for label, index in labels.items()}
    (folder / "head_config.json").write_text(json.dumps(config), encoding="utf-8")
    (file,) = folder.glob("*head*.safetensors")
    save_file({name: tensor.flip(0).contiguous() for name, tensor in load_file(file).items()}, file)


def test_a_label_the_head_does_not_know_fails_the_job(
    world: TinyWorld, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    data = world.task_data("ner", TARGET)
    write_lines(data.path / "test.jsonl", [{"words": ["pa", "ta"], "labels": ["B-PER", "B-DATE"]}])
    with pytest.raises(CheckError, match=r"labels_known_to_the_head failed .*: B-DATE"):
        evaluate(world, data, tuned["ner"], tmp_path, world.adapters[TARGET])


def test_a_test_set_without_examples_is_an_error(world: TinyWorld, tuned: dict[str, Artifact], tmp_path: Path) -> None:
    data = world.task_data("ner", TARGET)
    (data.path / "test.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(JobError, match="the test split of ner in qab holds no examples"):
        evaluate(world, data, tuned["ner"], tmp_path, world.adapters[TARGET])


def test_a_language_adapter_that_does_nothing_fails_the_job(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    nothing = world.language_adapter(TARGET, seed=9, strength=0.0)
    with pytest.raises(CheckError, match=r"language_adapter_changes_logits failed \(0\.0\)"):
        evaluate(world, ner, tuned["ner"], tmp_path, nothing)


def test_a_stack_that_is_not_as_intended_fails_the_job(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = adapter_model.set_stack
    monkeypatch.setattr(adapter_model, "set_stack", lambda model, names: genuine(model, names[1:]))
    with pytest.raises(CheckError, match=r"active_stack failed \(task_ner\).*intended: language_qab then task_ner"):
        evaluate(world, ner, tuned["ner"], tmp_path, world.adapters[TARGET])


def test_a_word_that_is_predicted_twice_fails_the_job(
    world: TinyWorld, ner: Artifact, tuned: dict[str, Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(task_type("tagging"))
    genuine = kind.decode
    monkeypatch.setattr(kind, "decode", lambda *arguments: [answer + answer[:1] for answer in genuine(*arguments)])
    with pytest.raises(CheckError, match="everything_predicted_once failed"):
        evaluate(world, ner, tuned["ner"], tmp_path, world.adapters[TARGET])


def test_a_test_set_without_entities_scores_zero_and_the_facts_say_so(
    world: TinyWorld, tuned: dict[str, Artifact], tmp_path: Path
) -> None:
    data = world.task_data("ner", TARGET)
    write_lines(data.path / "test.jsonl", [{"words": ["va", "ta"], "labels": ["O", "O"]}])
    scored = evaluate(world, data, tuned["ner"], tmp_path, world.adapters[TARGET])
    assert scored.facts["values"]["span_f1"] == 0.0
    assert "the gold labels hold no entity: span F1 is 0 by definition" in scored.facts["warnings"]
