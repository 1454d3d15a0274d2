"""What a method confuses: by label, as a matrix, and its most frequent errors, from single predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from madx_pipeline.report.pages.reading import TestSet
from madx_pipeline.report.pages.spans import MISTAKES, Integers, bare_label, mistakes

SHOWN_ERRORS = 10
"""Confusions that are listed."""
SHOWN_LABELS = 24
"""Labels that a matrix has at most: the most frequent ones; a wider one nobody reads."""
_WORDS = 4
"""Words that stand beside a confusion."""
_LONGEST = 60
"""Characters of a text that stands beside a confusion."""


@dataclass(frozen=True)
class LabelRow:
    """Precision, recall and F1 of a label or an entity type, as fractions, and how often it is there."""

    label: str
    gold: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Matrix:
    """True labels (rows) by predicted labels (columns).

    Attributes:
        labels: Of rows and columns, the most frequent first.
        counts: Shape (labels, labels).
        left_out: Labels that are too rare for the matrix.
    """

    labels: list[str]
    counts: list[list[int]]
    left_out: int


@dataclass(frozen=True)
class Confused:
    """A confusion and how frequent it is.

    Attributes:
        gold: The true label.
        predicted: The predicted label.
        count: How often.
        share: Of all errors, as a fraction.
        words: Words (or texts) that it happens to most.
    """

    gold: str
    predicted: str
    count: int
    share: float
    words: list[str]


@dataclass(frozen=True)
class Analysis:
    """What one method gets right and wrong on one test set.

    Attributes:
        labels: By label, or by entity type where labels are spans.
        matrix: By word (or text); without the B- and I- of spans.
        errors: The most frequent confusions.
        mistakes: In which way spans are wrong: name, what it means, count; empty where labels are no spans.
    """

    labels: list[LabelRow]
    matrix: Matrix
    errors: list[Confused]
    mistakes: list[tuple[str, str, int]]


def by_method(test: TestSet, methods: Sequence[str]) -> dict[str, Analysis]:
    """The analysis of every method that there are predictions of."""
    return {method: analyse(test, method) for method in methods if method in test.predicted}


def analyse(test: TestSet, method: str) -> Analysis:
    """Counts what `method` predicted against the truth."""
    labels, counts = _counts(test, method)
    errors = _errors(test, method, labels, counts)
    if not test.spans:
        return Analysis(_by_label(labels, counts), _matrix(labels, counts), errors, [])
    gold, predicted = test.gold_spans, test.predicted_spans[method]
    found = predicted.counts(predicted.same_borders(gold)[1])
    rows = _rows(found, gold.counts(), predicted.counts())
    wrong = mistakes(gold, predicted)
    return Analysis(
        rows, _matrix(labels, counts), errors, [(name, what, wrong[name]) for name, what in MISTAKES.items()]
    )


def _shown_labels(test: TestSet) -> tuple[list[str], Integers]:
    """Labels as pages show them (an entity type without B- and I-), and for each of `test.names` which it is."""
    shown = [bare_label(name) if test.spans else name for name in test.names]
    labels = list(dict.fromkeys(shown))
    return labels, np.array([labels.index(label) for label in shown], dtype=np.int64)


def _counts(test: TestSet, method: str) -> tuple[list[str], Integers]:
    """Labels, and how often each is true (rows) and predicted (columns); shape (labels, labels)."""
    labels, which = _shown_labels(test)
    size = len(labels)
    pairs = which[test.gold] * size + which[test.predicted[method]]
    return labels, np.bincount(pairs, minlength=size * size).reshape(size, size)


def _by_label(labels: Sequence[str], counts: Integers) -> list[LabelRow]:
    right, gold, predicted = (
        dict(zip(labels, values.tolist(), strict=True))
        for values in (counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0))
    )
    return _rows(right, gold, predicted)


def _rows(right: Mapping[str, int], gold: Mapping[str, int], predicted: Mapping[str, int]) -> list[LabelRow]:
    """A row for every label that occurs, the most frequent first; a value whose denominator is 0 is 0."""
    rows = []
    for label in gold.keys() | predicted.keys():
        found, true, answered = right.get(label, 0), gold.get(label, 0), predicted.get(label, 0)
        if true + answered:
            f1 = 2 * found / (true + answered)
            rows.append(LabelRow(label, true, found / (answered or 1), found / (true or 1), f1))
    return sorted(rows, key=lambda row: (-row.gold, row.label))


def _matrix(labels: Sequence[str], counts: Integers) -> Matrix:
    gold, predicted = counts.sum(axis=1), counts.sum(axis=0)
    order = sorted(range(len(labels)), key=lambda index: (-gold[index], labels[index]))
    order = [index for index in order if gold[index] + predicted[index]]
    shown = order[:SHOWN_LABELS]
    table: list[list[int]] = counts[np.ix_(shown, shown)].tolist()
    return Matrix([labels[index] for index in shown], table, len(order) - len(shown))


def _errors(test: TestSet, method: str, labels: Sequence[str], counts: Integers) -> list[Confused]:
    wrong = counts - np.diag(counts.diagonal())
    total = int(wrong.sum())
    pairs = sorted(np.argwhere(wrong).tolist(), key=lambda pair: (-wrong[pair[0], pair[1]], [labels[i] for i in pair]))
    _, which = _shown_labels(test)
    gold, predicted = which[test.gold], which[test.predicted[method]]
    found = []
    for truth, answer in pairs[:SHOWN_ERRORS]:
        places = np.flatnonzero((gold == truth) & (predicted == answer)).tolist()
        words = Counter(test.all_words[place] for place in places)
        count = int(wrong[truth, answer])
        found.append(Confused(labels[truth], labels[answer], count, count / total, _frequent(words)))
    return found


def _frequent(words: Counter[str]) -> list[str]:
    top = sorted(words, key=lambda word: (-words[word], word))[:_WORDS]
    return [word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…" for word in top]
