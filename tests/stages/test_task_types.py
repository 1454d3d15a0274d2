"""Every type of task is learnt, saved, loaded, evaluated in another language and read by the report's statistics."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from madx_pipeline.report.answers import read_answers
from madx_pipeline.report.outcomes import measure_of
from madx_pipeline.stage import Workspace
from tests.tasks.artifacts import artifact
from tests.tasks.tiny_world import QUICK, SOURCE, TARGET, TinyWorld, run_stage

PARTS = {
    "topics": set[str](),
    "pairs": {"text_reaches_the_model", "text_pair_reaches_the_model"},
    "choice": {"premise_reaches_the_model", "choices_reaches_the_model", "every_choice_reaches_the_model"},
    "questions": {"question_reaches_the_model"},
    "parsing": set[str](),
}
CUT = {
    "topics": ["1 of 31 texts (3.2%) were too long and cut at the end."],
    "pairs": ["1 of 31 pairs (3.2%) were too long; the longer text of each was cut at the end."],
    "choice": ["1 of 31 examples (3.2%) were too long; their premise or a choice was cut at the end."],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


@cache
def trained(world: TinyWorld, task: str, stage: str = "train_task_adapter") -> Workspace:
    artifacts = {"base_model": world.base, "task_data": world.task_data(task, SOURCE)}
    changes = {}
    if stage == "train_task_adapter":
        artifacts["language_adapter"] = world.adapters[SOURCE]
        changes = {"reduction_factor": 2, "num_train_epochs": 8}
    return run_stage(stage, world.folder / f"{stage}_{task}", artifacts, {"seed": 1}, **{**QUICK, **changes})


@pytest.mark.parametrize("task", list(PARTS))
def test_a_type_of_task_is_learnt_and_evaluated_in_another_language(
    world: TinyWorld, tmp_path: Path, task: str
) -> None:
    tuned = trained(world, task)
    metric = tuned.facts["metric"]
    assert tuned.facts["dev"][metric] >= tuned.facts["majority_dev"] + 0.2
    artifacts = {
        "base_model": world.base,
        "task_data": world.task_data(task, TARGET),
        "tuned": artifact(tuned.path, tuned.facts, "task_adapter"),
        "language_adapter": world.adapters[TARGET],
        "source_language_adapter": world.adapters[SOURCE],
    }
    out = run_stage("evaluate_zero_shot", tmp_path, artifacts, {"seed": 1})
    assert {check.name for check in out.checks if check.name.endswith("_reaches_the_model")} == PARTS[task]
    answers = read_answers(tmp_path / "examples.jsonl")
    measure = measure_of(metric, answers.names)
    assert float(measure.score(measure.counts_of(answers).sum(axis=0))) == out.facts["values"][metric]
    assert len(answers.lengths) == out.facts["examples"] == 31
    assert [note for note in out.facts["warnings"] if "cut at" in note] == CUT.get(task, [])


def test_low_rank_updates_learn_trees_too(world: TinyWorld, tmp_path: Path) -> None:
    tuned = trained(world, "parsing", "train_lora")
    assert tuned.facts["dev"]["las"] >= tuned.facts["majority_dev"] + 0.2
    artifacts = {
        "base_model": world.base,
        "task_data": world.task_data("parsing", TARGET),
        "tuned": artifact(tuned.path, tuned.facts, "lora"),
    }
    out = run_stage("evaluate_zero_shot", tmp_path, artifacts, {"seed": 1})
    assert out.facts["values"]["las"] >= out.facts["majority"] + 0.2


def test_a_sentence_longer_than_the_model_is_parsed_in_parts_and_the_report_says_so(
    world: TinyWorld, tmp_path: Path
) -> None:
    tuned = trained(world, "parsing")
    data = world.task_data("parsing", TARGET)
    artifacts = {
        "base_model": world.base,
        "task_data": data,
        "tuned": artifact(tuned.path, tuned.facts, "task_adapter"),
        "language_adapter": world.adapters[TARGET],
    }
    out = run_stage("evaluate_zero_shot", tmp_path, artifacts, {"seed": 1})
    assert out.facts["sentences_split"] == 1
    assert out.facts["heads_in_other_windows"] > 30
    notes = [note for note in out.facts["warnings"] if note.startswith("1 of 31 sentences were too long and parsed")]
    assert len(notes) == 1


def test_a_relation_that_the_recipe_keeps_counts_as_wrong(world: TinyWorld, tmp_path: Path) -> None:
    tuned = trained(world, "parsing")
    scores = {}
    for name, kept in (("obj", {}), ("clf", {"test": {"clf": "clf"}})):
        data = world.task_data("parsing", SOURCE, label_map=kept)
        text = (data.path / "test.jsonl").read_text(encoding="utf-8")
        (data.path / "test.jsonl").write_text(text.replace('"obj"', f'"{name}"'), encoding="utf-8")
        artifacts = {
            "base_model": world.base,
            "task_data": data,
            "tuned": artifact(tuned.path, tuned.facts, "task_adapter"),
            "language_adapter": world.adapters[SOURCE],
        }
        scores[name] = run_stage("evaluate_zero_shot", tmp_path / name, artifacts, {"seed": 1}).facts["values"]
    assert scores["obj"]["uas"] == scores["clf"]["uas"]
    assert scores["obj"]["las.obj"] > 0.5
    assert scores["clf"]["las.clf"] == 0.0
    assert scores["clf"]["las"] < scores["obj"]["las"]


@pytest.mark.parametrize("task", ["choice", "questions", "parsing"])
def test_a_fully_fine_tuned_model_is_loaded_with_its_head(world: TinyWorld, tmp_path: Path, task: str) -> None:
    tuned = trained(world, task, "finetune_base_model")
    artifacts = {
        "base_model": world.base,
        "task_data": world.task_data(task, SOURCE),
        "tuned": artifact(tuned.path, tuned.facts, "task_model"),
    }
    out = run_stage("evaluate_zero_shot", tmp_path, artifacts, {"seed": 1})
    metric = tuned.facts["metric"]
    assert out.facts["values"][metric] >= tuned.facts["majority_dev"] + 0.1
