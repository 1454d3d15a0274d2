"""What a method confuses: by label, as a matrix, and its most frequent errors, from single predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from madx_pipeline.report.pages.arcs import ARC_MISTAKES, wrong_arcs
from madx_pipeline.report.pages.reading import TestSet
from madx_pipeline.report.pages.spans import MISTAKES, Booleans, Integers, mistakes

SHOWN_ERRORS = 10
"""Confusions that are listed."""
SHOWN_LABELS = 24
"""Labels that a matrix has at most: the most frequent ones; a wider one nobody reads."""
_OTHER_HEAD = ", another head"
"""What stands beside a relation that is right."""
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
        unit: What the rows of `labels` are: `label`, `entity type` or `relation`.
        labels: By label, or by entity type where labels are spans; of a relation the right head counts as well.
        matrix: By word (or text); without the B- and I- of spans, and without heads.
        errors: The most frequent confusions.
        mistakes: In which way spans or trees are wrong: name, what it means, count; empty for labels.
    """

    unit: str
    labels: list[LabelRow]
    matrix: Matrix
    errors: list[Confused]
    mistakes: list[tuple[str, str, int]]


def by_method(test: TestSet, methods: Sequence[str]) -> dict[str, Analysis]:
    """The analysis of every method that there are predictions of."""
    return {method: analyse(test, method) for method in methods if method in test.predicted}


def analyse(test: TestSet, method: str) -> Analysis:
    """Counts what `method` predicted against the truth."""
    words = _Words.of(test, method)
    matrix, errors = _matrix(words.labels, words.counts()), _errors(test, words)
    if not test.spans:
        unit, ways = ("relation", wrong_arcs(test, method)) if test.trees else ("label", {})
        found = [(name, ARC_MISTAKES[name], count) for name, count in ways.items()]
        return Analysis(unit, _by_label(words), matrix, errors, found)
    gold, predicted = test.gold_spans, test.predicted_spans[method]
    rows = _rows(predicted.counts(predicted.same_borders(gold)[1]), gold.counts(), predicted.counts())
    wrong = mistakes(gold, predicted)
    return Analysis("entity type", rows, matrix, errors, [(name, what, wrong[name]) for name, what in MISTAKES.items()])


@dataclass(frozen=True)
class _Words:
    """Every word (or text) with its labels as pages count them.

    Attributes:
        labels: Names.
        gold: True labels as indices into `labels`; shape (words,).
        predicted: Predicted ones, likewise.
        wrong: Which words are wrong: those with the wrong label, or in a tree the wrong head; shape (words,).
    """

    labels: list[str]
    gold: Integers
    predicted: Integers
    wrong: Booleans

    @classmethod
    def of(cls, test: TestSet, method: str) -> _Words:
        labels = list(dict.fromkeys(test.shown))
        which = np.array([labels.index(label) for label in test.shown], dtype=np.int64)
        gold, predicted = which[test.gold], which[test.predicted[method]]
        return cls(labels, gold, predicted, test.gold != test.predicted[method] if test.trees else gold != predicted)

    def counts(self, of: Booleans | None = None) -> Integers:
        """How often each label is true (rows) and predicted (columns), of all words or some; shape (labels, labels)."""
        size = len(self.labels)
        pairs = self.gold * size + self.predicted
        return np.bincount(pairs if of is None else pairs[of], minlength=size * size).reshape(size, size)


def _by_label(words: _Words) -> list[LabelRow]:
    counts, right = words.counts(), words.counts(~words.wrong)
    return _rows(
        *(
            dict(zip(words.labels, values.tolist(), strict=True))
            for values in (right.diagonal(), counts.sum(axis=1), counts.sum(axis=0))
        )
    )


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


def _errors(test: TestSet, words: _Words) -> list[Confused]:
    wrong, labels = words.counts(words.wrong), words.labels
    total = int(wrong.sum())
    pairs = sorted(np.argwhere(wrong).tolist(), key=lambda pair: (-wrong[pair[0], pair[1]], [labels[i] for i in pair]))
    found = []
    for truth, answer in pairs[:SHOWN_ERRORS]:
        places = np.flatnonzero(words.wrong & (words.gold == truth) & (words.predicted == answer)).tolist()
        those = Counter(test.all_words[place] for place in places)
        count = int(wrong[truth, answer])
        predicted = f"{labels[answer]}{_OTHER_HEAD if truth == answer else ''}"
        found.append(Confused(labels[truth], predicted, count, count / total, _frequent(those)))
    return found


def _frequent(words: Counter[str]) -> list[str]:
    top = sorted(words, key=lambda word: (-words[word], word))[:_WORDS]
    return [word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…" for word in top]
