"""The metrics: equal to seqeval and scikit-learn, strict about the scheme, without network or shared folders."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn_metrics

from madx_pipeline.tasks import Score, metrics


def spans(gold: str, predicted: str) -> Score:
    """Sentences separated by `|`, labels by spaces."""
    return metrics.spans([part.split() for part in gold.split("|")], [part.split() for part in predicted.split("|")])


def test_a_right_span_counts_and_a_wrong_border_does_not() -> None:
    values = spans("B-PER I-PER O B-LOC", "B-PER I-PER O O").values
    assert (values["span_precision"], values["span_recall"]) == (1.0, 0.5)
    assert spans("B-PER I-PER O", "B-PER O O").values["span_f1"] == 0.0


def test_an_orphan_inside_label_is_no_entity() -> None:
    values = spans("O B-PER I-PER", "O I-PER I-PER").values
    assert (values["span_precision"], values["span_recall"], values["span_f1"]) == (0.0, 0.0, 0.0)


def test_an_orphan_in_the_gold_labels_is_no_entity_either() -> None:
    values = spans("I-PER O B-LOC", "O O B-LOC").values
    assert (values["span_precision"], values["span_recall"]) == (1.0, 1.0)


def test_a_change_of_type_within_a_span_ends_it_and_begins_nothing() -> None:
    values = spans("B-PER O", "B-PER I-LOC").values
    assert values["span_f1"] == 1.0
    assert "span_f1.LOC" not in values


def test_a_span_does_not_reach_into_the_next_sentence() -> None:
    assert spans("B-PER | I-PER O", "B-PER | O O").values["span_f1"] == 1.0


def test_each_entity_type_has_its_own_values() -> None:
    values = spans("B-PER O B-LOC", "B-PER B-LOC O").values
    assert (values["span_f1.PER"], values["span_f1.LOC"]) == (1.0, 0.0)
    assert values["span_precision"] == 0.5


def test_gold_labels_without_an_entity_score_zero_and_say_so() -> None:
    score = spans("O O", "B-PER O")
    assert score.values["span_f1"] == 0.0
    assert score.warnings == ["the gold labels hold no entity: span F1 is 0 by definition"]


def test_predictions_without_an_entity_score_zero_and_say_so() -> None:
    score = spans("B-PER O", "O O")
    assert score.values["span_f1"] == 0.0
    assert score.warnings == ["the predicted labels hold no entity: span F1 is 0 by definition"]


def test_nothing_to_find_and_nothing_found_is_zero_as_in_seqeval() -> None:
    assert spans("O", "O").values == {"span_f1": 0.0, "span_precision": 0.0, "span_recall": 0.0}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_span_scores_equal_seqeval_in_strict_mode_on_random_labels() -> None:
    chance = random.Random(11)
    for _ in range(30):
        lengths = [chance.randint(1, 12) for _ in range(8)]
        gold, predicted = ([[random_label(chance) for _ in range(n)] for n in lengths] for _ in range(2))
        values = metrics.spans(gold, predicted).values
        for name, function in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
            assert values[f"span_{name}"] == function(gold, predicted, mode="strict", scheme=IOB2)


def random_label(chance: random.Random) -> str:
    return chance.choice(["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


def test_label_scores_equal_scikit_learn() -> None:
    chance = random.Random(5)
    gold, predicted = ([chance.choice("abcd") for _ in range(200)] for _ in range(2))
    values = metrics.labels(gold, predicted).values
    assert values["accuracy"] == sklearn_metrics.accuracy_score(gold, predicted)
    assert values["macro_f1"] == sklearn_metrics.f1_score(gold, predicted, average="macro")


def test_a_label_that_is_predicted_and_never_true_lowers_macro_f1() -> None:
    assert metrics.labels(["a", "a"], ["a", "b"]).values["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_numbers_of_predictions_and_truths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        metrics.spans([["O", "O"]], [["O"]])
    with pytest.raises(ValueError, match="Mismatch"):
        metrics.labels(["a", "b"], ["a"])


SCORING = """
import socket
def no_network(*arguments, **named):
    raise OSError("network")
socket.socket.connect = socket.create_connection = no_network
from madx_pipeline.tasks import metrics
for _ in range(20):
    print(metrics.spans([["B-PER", "O"]], [["B-PER", "B-PER"]]).values["span_f1"])
"""


@pytest.mark.slow
def test_processes_score_at_the_same_time_without_network_and_without_a_home_to_write_to() -> None:
    environment = {**os.environ, "HOME": "/nonexistent/home", "PYTHONPATH": str(Path(__file__).parents[2])}
    for name in ("HF_HOME", "HF_MODULES_CACHE", "HF_METRICS_CACHE", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    command = [sys.executable, "-W", "ignore", "-c", SCORING]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as other:
        while other.poll() is None:
            time.sleep(0.05)
            assert spans("B-PER O", "B-PER B-PER").values["span_f1"] == 2 / 3
        assert other.stdout is not None
        assert (other.returncode, other.stdout.read().split()) == (0, [str(2 / 3)] * 20)
