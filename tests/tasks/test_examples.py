"""Reading examples, and the majority baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact
from madx_pipeline.tasks import TASK_TYPES, task_type
from madx_pipeline.tasks.examples import majority_label, majority_score, primary, read_examples
from tests.tasks.artifacts import artifact


def task_data(folder: Path, scheme: str = "plain", metric: str = "accuracy", **splits: list[Any]) -> Artifact:
    for split, examples in splits.items():
        text = "".join(json.dumps(example, ensure_ascii=False) + "\n" for example in examples)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    facts = {"task": "pos", "language": "qab", "label_scheme": scheme, "metric": metric}
    return artifact(folder, facts)


def test_examples_come_in_the_order_of_the_file_with_line_separators_inside_words(tmp_path: Path) -> None:
    examples = [{"words": ["a\u2028b", "c\nd"], "labels": ["X", "Y"]}, {"words": ["e"], "labels": ["X"]}]
    assert read_examples(task_data(tmp_path, test=examples), "test") == examples


def test_a_missing_split_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"pos in qab has no validation split\. There is: test\."):
        read_examples(task_data(tmp_path, test=[{}]), "validation")


def test_a_split_with_zero_examples_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="the test split of pos in qab holds no examples"):
        read_examples(task_data(tmp_path, test=[]), "test")


def test_the_majority_label_is_the_most_frequent_and_the_first_by_name_among_equals() -> None:
    kind = task_type("tagging")
    assert majority_label(kind, [{"words": list("abc"), "labels": ["N", "V", "V"]}]) == "V"
    assert majority_label(kind, [{"words": list("ab"), "labels": ["V", "N"]}]) == "N"


def test_the_majority_baseline_of_parts_of_speech_is_the_share_of_the_label(tmp_path: Path) -> None:
    examples = [{"words": list("abcd"), "labels": ["N", "V", "V", "D"]}]
    assert majority_score(task_type("tagging"), examples, "V", task_data(tmp_path)) == 0.5


def test_the_majority_baseline_of_named_entities_is_zero(tmp_path: Path) -> None:
    examples = [{"words": list("ab"), "labels": ["O", "B-PER"]}]
    assert majority_score(task_type("tagging"), examples, "O", task_data(tmp_path, "iob2", "span_f1")) == 0.0


def test_a_metric_that_is_not_measured_is_named_with_those_that_are() -> None:
    with pytest.raises(JobError, match=r'metric "bleu" is not measured\. Possible: accuracy, macro_f1\.'):
        primary({"accuracy": 1.0, "macro_f1": 1.0}, "bleu")


def test_an_unknown_task_type_is_named_with_the_nearest() -> None:
    with pytest.raises(JobError, match=r'no task type "taging"\. Nearest: "tagging"\.'):
        task_type("taging")


def test_every_task_type_answers_to_its_name() -> None:
    assert [task_type(name).name for name in TASK_TYPES] == list(TASK_TYPES)
