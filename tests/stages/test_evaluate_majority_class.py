"""evaluate_majority_class: one label everywhere, scored like any prediction."""

from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.records import Artifact
from madx_pipeline.report.answers import read_answers
from madx_pipeline.stage import Workspace
from tests.tasks.tiny_world import SOURCE, TARGET, TinyWorld, read_lines, run_stage, write_lines


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


def evaluate(data: Artifact, source: Artifact, out: Path) -> Workspace:
    inputs = {"task_data": data, "source_data": source}
    return run_stage("evaluate_majority_class", out, inputs, {"task": data.facts["task"], "language": TARGET})


@pytest.mark.parametrize("task", ["pos", "topics"])
def test_the_most_frequent_label_of_the_source_is_predicted_everywhere(
    world: TinyWorld, tmp_path: Path, task: str
) -> None:
    source, target = world.task_data(task, SOURCE), world.task_data(task, TARGET)
    facts = evaluate(target, source, tmp_path).facts
    answers = read_answers(tmp_path / "examples.jsonl")
    assert {answers.names[index] for index in answers.predicted} == {facts["majority_label"]}
    assert len(answers.lengths) == facts["examples"] == 31
    share = float((answers.gold == answers.predicted).mean())
    assert facts["values"]["accuracy"] == pytest.approx(share)
    assert facts["majority"] == facts["values"]["accuracy"] > 0


def test_it_scores_0_on_spans_where_most_words_are_outside(world: TinyWorld, tmp_path: Path) -> None:
    facts = evaluate(world.task_data("ner", TARGET), world.task_data("ner", SOURCE), tmp_path).facts
    assert (facts["majority_label"], facts["values"]["span_f1"], facts["majority"]) == ("O", 0.0, 0.0)
    assert (facts["language_adapter"], facts["trained_on"]) == (None, None)


def test_the_labels_of_the_target_are_not_looked_at(world: TinyWorld, tmp_path: Path) -> None:
    source, target = world.task_data("pos", SOURCE), world.task_data("pos", TARGET)
    write_lines(source.path / "train.jsonl", [{"words": ["va"], "labels": ["VERB"]}])
    assert evaluate(target, source, tmp_path).facts["majority_label"] == "VERB"


def test_examples_that_were_dropped_because_they_are_empty_are_told(world: TinyWorld, tmp_path: Path) -> None:
    lost = {"test": {"examples": 31, "empty": 3}}
    data = world.task_data("pos", TARGET, splits=lost)
    facts = evaluate(data, world.task_data("pos", SOURCE), tmp_path).facts
    assert facts["warnings"] == ["3 of 34 test examples have nothing in them to predict from, and are not scored."]


def test_a_tree_is_a_chain_with_the_relation_that_is_most_often_right_on_the_source(
    world: TinyWorld, tmp_path: Path
) -> None:
    source, target = world.task_data("parsing", SOURCE), world.task_data("parsing", TARGET)
    tree = {"words": ["pa", "va", "ta", "tb"], "heads": [2, 0, 2, 2], "labels": ["nsubj", "root", "obj", "obj"]}
    chain = {"words": ["ta", "va"], "heads": [2, 0], "labels": ["obj", "root"]}
    write_lines(source.path / "train.jsonl", [tree, chain, chain])
    write_lines(target.path / "test.jsonl", [tree])
    facts = evaluate(target, source, tmp_path).facts
    assert facts["majority_label"] == "next obj"
    assert read_lines(tmp_path / "examples.jsonl")[0]["predicted"] == ["2 obj", "3 obj", "4 obj", "0 root"]
    assert (facts["values"]["uas"], facts["values"]["las"], facts["majority"]) == (0.25, 0.0, 0.0)


def test_nothing_is_trained_and_so_nothing_is_measured(world: TinyWorld, tmp_path: Path) -> None:
    done = evaluate(world.task_data("pos", TARGET), world.task_data("pos", SOURCE), tmp_path)
    assert (done.measured, done.checks) == ({}, [])
