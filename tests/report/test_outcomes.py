"""Per-example outcomes add up to the scores of the metrics themselves, to the last digit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from madx_pipeline.errors import JobError
from madx_pipeline.report.outcomes import METRICS, measure_of
from madx_pipeline.tasks import metrics
from madx_pipeline.tasks.examples import majority_label
from madx_pipeline.tasks.metrics.answers import answer_scores
from madx_pipeline.tasks.tagging import Tagging

Sentences = list[list[str]]

TAGS = ["O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG", "B-ORG", "B", "I", "B-X-Y"]
"""Labels from which random taggings break the scheme in every way."""


def score(metric: str, gold: Sequence[Any], predicted: Sequence[Any], labels: Sequence[str] = ()) -> float:
    measure = measure_of(metric, labels)
    return float(measure.score(measure.counts(gold, predicted).sum(axis=0)))


def sentences(text: str) -> Sentences:
    """Sentences separated by `|`, labels by spaces."""
    return [part.split() for part in text.split("|")]


def random_tagging(chance: random.Random, labels: list[str]) -> tuple[Sentences, Sentences]:
    gold = [[chance.choice(labels) for _ in range(chance.randint(0, 9))] for _ in range(chance.randint(1, 6))]
    noisy = [[chance.choice(labels) if chance.random() < 0.4 else label for label in labels_] for labels_ in gold]
    return gold, noisy


def test_span_scores_equal_those_of_seqeval_for_legal_and_illegal_taggings() -> None:
    chance = random.Random(1)
    for _ in range(60):
        gold, predicted = random_tagging(chance, TAGS)
        values = metrics.spans(gold, predicted).values
        for metric in ("span_f1", "span_precision", "span_recall"):
            assert score(metric, gold, predicted) == values[metric], (gold, predicted)


@pytest.mark.parametrize("names", [1, 2, 7, 17, 40])
def test_accuracy_and_macro_f1_equal_those_of_scikit_learn(names: int) -> None:
    chance = random.Random(names)
    labels = [f"Label {number}" for number in range(names)]
    for _ in range(10):
        gold = chance.choices(labels, k=chance.randint(1, 80))
        predicted = [chance.choice(labels) if chance.random() < 0.5 else label for label in gold]
        values = metrics.labels(gold, predicted).values
        assert score("accuracy", gold, predicted) == values["accuracy"]
        assert score("macro_f1", gold, predicted, labels) == values["macro_f1"]


def test_plain_taggings_are_counted_sentence_by_sentence_and_scored_word_by_word() -> None:
    chance = random.Random(3)
    labels = ["NOUN", "VERB", "ADP", "X"]
    for _ in range(10):
        gold, predicted = random_tagging(chance, labels)
        values = Tagging().score([*gold, ["X"]], [*predicted, ["X"]], "plain").values
        assert score("accuracy", [*gold, ["X"]], [*predicted, ["X"]]) == values["accuracy"]
        assert score("macro_f1", [*gold, ["X"]], [*predicted, ["X"]], labels) == values["macro_f1"]
    counts = measure_of("accuracy").counts([["X", "X"], ["ADP"], []], [["X", "ADP"], ["ADP"], []])
    assert counts.tolist() == [[1, 2], [1, 1], [0, 0]]


def test_spans_are_counted_by_sentence_as_found_predicted_and_true() -> None:
    gold = sentences("B-PER I-PER O B-LOC | B-PER | O O | B-LOC I-PER")
    predicted = sentences("B-PER I-PER O B-PER | B-PER B-PER | I-LOC O | B-LOC O")
    predicted[1] = predicted[1][:1]
    assert measure_of("span_f1").counts(gold, predicted).tolist() == [[1, 2, 2], [1, 1, 1], [0, 0, 0], [1, 1, 1]]


def test_a_span_does_not_run_on_into_the_next_sentence() -> None:
    gold, predicted = sentences("B-PER | I-PER O"), sentences("B-PER | O O")
    assert measure_of("span_f1").counts(gold, predicted).tolist() == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("predicted", [[["O", "O"], []], [["B-PER", "O"], []]])
def test_without_true_spans_span_scores_are_zero(predicted: Sentences) -> None:
    gold: Sentences = [["O", "O"], []]
    assert [score(metric, gold, predicted) for metric in METRICS if metric.startswith("span")] == [0.0, 0.0, 0.0]


def test_labels_that_do_not_occur_leave_macro_f1_as_it_is() -> None:
    gold, predicted = ["b", "c", "b"], ["b", "b", "c"]
    assert score("macro_f1", gold, predicted, ["a", "b", "c", "d"]) == score("macro_f1", gold, predicted, ["c", "b"])


def test_in_a_resample_without_a_label_macro_f1_is_the_mean_of_the_others() -> None:
    measure = measure_of("macro_f1", ["a", "b"])
    counts = measure.counts(["a", "b", "a"], ["a", "b", "b"])
    resamples = np.array([[1, 1, 1], [3, 0, 0], [0, 0, 3]])
    expected = [
        metrics.labels(*zip(*pairs, strict=True)).values["macro_f1"]
        for pairs in ([("a", "a"), ("b", "b"), ("a", "b")], [("a", "a")] * 3, [("a", "b")] * 3)
    ]
    assert measure.score(resamples @ counts).tolist() == expected


def test_the_majority_class_has_outcomes_like_any_system() -> None:
    kind = Tagging()
    examples = [{"words": ["a", "b"], "labels": ["NOUN", "VERB"]}, {"words": ["c"], "labels": ["NOUN"]}]
    gold = [kind.gold(example) for example in examples]
    label = majority_label(kind, examples)
    constant = [kind.constant(example, label) for example in examples]

    assert score("accuracy", gold, constant) == kind.score(gold, constant, "plain").values["accuracy"] == 2 / 3


def test_a_metric_without_outcomes_is_named_with_what_there_is() -> None:
    with pytest.raises(JobError, match='the metric "bleu" has no per-example outcomes'):
        measure_of("bleu")


def test_a_label_that_macro_f1_was_not_told_of_is_an_error() -> None:
    with pytest.raises(JobError, match="labels that macro F1 was not told of: c"):
        measure_of("macro_f1", ["a", "b"]).counts(["a"], ["c"])


def test_scores_of_answers_equal_those_of_the_metric_to_the_last_digit() -> None:
    chance = random.Random(4)
    words = ["New", "York", "the", "Boston,", "北京", "x"]
    for _ in range(40):
        asked = range(chance.randint(1, 30))
        gold = [{"answers": [" ".join(chance.choices(words, k=3)) for _ in range(2)], "language": "en"} for _ in asked]
        predicted = [" ".join(chance.choices(words, k=chance.randint(0, 4))) for _ in asked]
        values = answer_scores(gold, predicted)
        for metric in ("answer_f1", "exact_match"):
            assert score(metric, gold, predicted) == values[metric]
