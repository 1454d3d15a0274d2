"""What pages count and show of single predictions."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from madx_pipeline.report.pages.confusion import analyse
from madx_pipeline.report.pages.disagreements import disagreements
from madx_pipeline.report.pages.reading import TestSet
from madx_pipeline.report.pages.spans import Span, mistakes, spans_of

IOB_LABELS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


def _test_set(
    gold: list[list[str]], predicted: dict[str, list[list[str]]], words: list[list[str]] | None = None
) -> TestSet:
    """A test set from lists; without words they are called w0, w1, ..."""
    rows = words or [[f"w{place}" for place in range(len(labels))] for labels in gold]
    everything = [*gold, *(labels for answers in predicted.values() for labels in answers)]
    names = tuple(sorted({label for labels in everything for label in labels}))

    def flat(answers: list[list[str]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([names.index(label) for labels in answers for label in labels], dtype=np.int64)

    return TestSet(
        seed=1,
        spans=any(name.startswith("B-") for name in names),
        trees=False,
        in_words=True,
        names=names,
        starts=np.cumsum([0, *(len(labels) for labels in gold)]),
        gold=flat(gold),
        predicted={method: flat(answers) for method, answers in predicted.items()},
        lines=[json.dumps({"words": row}).encode() for row in rows],
    )


def _random_labels(seed: int) -> list[list[str]]:
    source = random.Random(seed)
    return [[source.choice(IOB_LABELS) for _ in range(source.randrange(0, 9))] for _ in range(200)]


def test_spans_count_as_the_metric_counts_them() -> None:
    gold = _random_labels(1)
    source = random.Random(2)
    predicted = [[label if source.random() < 0.6 else source.choice(IOB_LABELS) for label in row] for row in gold]

    rows = analyse(_test_set(gold, {"madx": predicted}), "madx").labels
    report = classification_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)

    assert {row.label for row in rows} == {"LOC", "PER"}
    for row in rows:
        expected = report[row.label]
        assert row.gold == expected["support"]
        assert row.precision == pytest.approx(expected["precision"])
        assert row.recall == pytest.approx(expected["recall"])
        assert row.f1 == pytest.approx(expected["f1-score"])


def test_spans_end_where_the_sentence_ends_and_orphans_are_none() -> None:
    names = ("B-PER", "I-LOC", "I-PER", "O")
    labels = np.array([3, 0, 2, 2, 1, 0, 2, 0])  # O B-PER I-PER I-PER | I-LOC B-PER I-PER B-PER
    spans = spans_of(labels, names, np.array([0, 4, 8]))

    assert spans.within(0, 4) == [Span(1, 4, "PER")]
    assert spans.within(4, 8) == [Span(1, 3, "PER"), Span(3, 4, "PER")]


def test_a_wrong_span_is_wrong_in_one_way() -> None:
    names = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
    index = {name: number for number, name in enumerate(names)}
    gold = ["B-PER", "I-PER", "O", "B-LOC", "O", "B-PER", "O", "O"]
    predicted = ["B-PER", "O", "O", "B-PER", "O", "O", "O", "B-LOC"]
    starts = np.array([0, 8])
    spans = [spans_of(np.array([index[name] for name in labels]), names, starts) for labels in (gold, predicted)]

    assert mistakes(*spans) == {"missed": 1, "invented": 1, "wrong borders": 1, "wrong type": 1}


def test_the_matrix_has_true_labels_in_rows_and_the_most_frequent_first() -> None:
    test = _test_set([["NOUN", "NOUN", "VERB"]], {"madx": [["NOUN", "VERB", "VERB"]]})

    matrix = analyse(test, "madx").matrix

    assert matrix.labels == ["NOUN", "VERB"]
    assert matrix.counts == [[1, 1], [0, 1]]


def test_a_matrix_of_many_labels_keeps_the_most_frequent() -> None:
    labels = [f"L{number:02}" for number in range(40)]
    test = _test_set([labels + labels[:3]], {"madx": [labels + labels[:3]]})

    matrix = analyse(test, "madx").matrix

    assert len(matrix.labels) == 24
    assert matrix.labels[:3] == ["L00", "L01", "L02"]
    assert matrix.left_out == 16


def test_the_most_frequent_errors_come_with_the_words_they_happen_to() -> None:
    gold = [["NOUN", "NOUN", "VERB"], ["NOUN", "ADP", "VERB"]]
    predicted = [["VERB", "VERB", "VERB"], ["VERB", "NOUN", "VERB"]]
    words = [["dog", "cat", "runs"], ["dog", "at", "runs"]]

    first, second = analyse(_test_set(gold, {"madx": predicted}, words), "madx").errors

    assert (first.gold, first.predicted, first.count, first.share) == ("NOUN", "VERB", 3, 0.75)
    assert first.words == ["dog", "cat"]
    assert (second.gold, second.predicted, second.words) == ("ADP", "NOUN", ["at"])


def test_examples_that_madx_gets_worse_are_shown_too() -> None:
    gold = [["A", "A", "A"]] * 40
    better, worse = [["A", "A", "A"]] * 20 + [["B", "B", "A"]] * 20, [["B", "A", "A"]] * 20 + [["A", "A", "A"]] * 20
    shown = disagreements(_test_set(gold, {"madx": better, "other": worse}), ["madx", "other"], "other")

    assert [example.number for example in shown] == [1, 2, 3, 4, 5, 21, 22, 23, 24, 25]


def test_there_is_nothing_to_show_where_methods_agree() -> None:
    same = [["A", "B"]]

    assert disagreements(_test_set([["A", "A"]], {"madx": same, "other": same}), ["madx", "other"], "other") == []
    assert disagreements(_test_set([["A", "A"]], {"madx": same}), ["madx"], "other") == []


def test_spans_are_marked_as_right_wrong_or_missed() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC", "B-LOC"]]
    test = _test_set(gold, {"madx": [["B-PER", "I-PER", "O", "B-PER", "O"]], "other": gold})

    (example,) = disagreements(test, ["madx", "other"], "other")
    truth, madx, other = example.rows

    assert [(piece.text, piece.tag, piece.state) for piece in madx.segments] == [
        ("w0 w1", "PER", "right"),
        ("w2", "", ""),
        ("w3", "PER", "wrong"),
        ("w4", "LOC", "missed"),
    ]
    assert (truth.name, madx.errors, other.errors) == ("truth", 2, 0)


def test_a_long_sentence_is_shown_around_its_first_difference() -> None:
    gold = [["A"] * 200]
    odd = ["A"] * 120 + ["B"] + ["A"] * 79
    (example,) = disagreements(_test_set(gold, {"madx": [odd], "other": gold}), ["madx", "other"], "other")

    shown = " ".join(piece.text for piece in example.rows[1].segments).split()
    assert example.cut
    assert (shown[0], len(shown)) == ("w108", 40)
    assert "w120" in shown


def test_reading_takes_the_seed_that_most_methods_have(tmp_path: Path) -> None:
    from madx_pipeline.report.pages.lookup import Lookup
    from madx_pipeline.report.pages.reading import read_test_set
    from tests.report.pages.made_up import World

    world = World(tmp_path, languages=("en", "ht"), tasks=("pos",), seeds=(4, 9), examples=3)
    results = world.results()
    kept = [score for score in results.scores if score.seed == 9 or score.method != "madx"]

    found = read_test_set(Lookup(results.model_copy(update={"scores": kept})), tmp_path, "pos", "ht")

    assert found is not None
    assert found.seed == 9
    assert set(found.predicted) == set(world.methods)
