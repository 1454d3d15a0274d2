"""Per-example outcomes: an evaluation's answers as counts that add up to its score.

`examples.jsonl` holds what is true and what was predicted, example by example. A corpus metric such as span
F1 is no mean over examples, but it is a function of sums: of spans found, predicted and true. With those
counts kept per example, the score of any resample of the test set is a weighted sum away, and thousands of
resamples are one matrix product (`bootstrap.py`).

Surprising: the scores must equal those of `tasks/metrics` to the last digit, so the formulas here go through
the same floating point operations in the same order as seqeval and scikit-learn do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madx_pipeline.errors import JobError
from madx_pipeline.report.answers import Answers
from madx_pipeline.report.counting import Counting, Counts, Measure, Sums, Values, share
from madx_pipeline.tasks.metrics import attachment
from madx_pipeline.tasks.metrics.answers import MILLION, rightness


def measure_of(metric: str, labels: Iterable[str] = ()) -> Measure:
    """The measure behind the name of a metric in `scores.json`.

    Args:
        metric: One of `METRICS`.
        labels: Every label that occurs as true or predicted, needed by `macro_f1` alone. More do no harm.

    Raises:
        JobError: If the metric has no per-example counts.
    """
    if metric not in _MEASURES:
        raise JobError(f'the metric "{metric}" has no per-example outcomes. Possible: {", ".join(METRICS)}.')
    return _MEASURES[metric](labels)


@dataclass(frozen=True)
class Accuracy(Counting):
    """Share of labels that are right; statistics: right labels, labels.

    Attributes:
        compared: What of a label must be right, where not all of it must: of `2 nsubj` the head, for example.
    """

    compared: Callable[[str], str] | None = None

    def counts_of(self, answers: Answers) -> Counts:
        """Right labels and labels of every example."""
        right = answers.examples[self._ids(answers, answers.gold) == self._ids(answers, answers.predicted)]
        return np.stack([np.bincount(right, minlength=len(answers.lengths)), answers.lengths], axis=-1)

    def score(self, sums: Sums) -> Values:
        """Right labels over labels."""
        return share(sums[..., 0], sums[..., 1])

    def units(self, sums: Sums) -> int:
        """Labels."""
        return int(sums[1])

    def _ids(self, answers: Answers, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Equal numbers for labels that are equal in what is compared."""
        if self.compared is None:
            return labels
        parts: dict[str, int] = {}
        ids = [parts.setdefault(self.compared(name), len(parts)) for name in answers.names]
        return np.array(ids, dtype=np.int64)[labels]


@dataclass(frozen=True)
class MacroF1(Counting):
    """Mean F1 of the labels that occur; statistics: for every label found, predicted, true (in that order).

    Attributes:
        labels: In the order of scikit-learn, which is that of their code points.
    """

    labels: tuple[str, ...]

    def counts_of(self, answers: Answers) -> Counts:
        """Found, predicted and true labels of every example, by label; shape (examples, 3 * labels)."""
        ids = self._ids(answers.names)
        truth, answer = ids[answers.gold], ids[answers.predicted]
        size = len(self.labels)
        row = answers.examples * 3 * size  # where the counts of its example begin
        right = truth == answer
        cells = [(row + truth)[right], row + size + answer, row + 2 * size + truth]
        counted = np.bincount(np.concatenate(cells), minlength=len(answers.lengths) * 3 * size)
        return counted.reshape(len(answers.lengths), 3 * size)

    def score(self, sums: Sums) -> Values:
        """Mean over the labels that occur of 2 found / (true + predicted)."""
        found, predicted, true = np.split(np.asarray(sums, dtype=np.float64), 3, axis=-1)
        total = true + predicted
        anywhere = total.reshape(-1, len(self.labels)).any(axis=0)
        # Dropping labels that occur in no row keeps the sum of one evaluation in scikit-learn's order.
        f1 = np.ascontiguousarray(share(2.0 * found, total)[..., anywhere])
        return share(f1.sum(axis=-1), (total > 0).sum(axis=-1))

    def units(self, sums: Sums) -> int:
        """Labels."""
        return int(sums[2 * len(self.labels) :].sum())

    def _ids(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Where each of the names stands among the labels."""
        unknown = sorted(set(names) - set(self.labels))
        if unknown:
            raise JobError(f"labels that macro F1 was not told of: {', '.join(unknown)}.")
        ids = {label: index for index, label in enumerate(self.labels)}
        return np.array([ids[name] for name in names], dtype=np.int64)


@dataclass(frozen=True)
class TextAnswers(Counting):
    """Answers that are pieces of text; statistics: F1 in millionths (or exact matches), and questions.

    Attributes:
        exact: Whether it is the share of exact matches, not F1.
    """

    exact: bool

    def counts_of(self, answers: Answers) -> Counts:
        """How right every answer is, by the metric that scored it."""
        right = [
            rightness(json.loads(answers.names[gold]), answers.names[predicted])
            for gold, predicted in zip(answers.gold, answers.predicted, strict=True)
        ]
        found = [int(one.exact) if self.exact else one.f1 for one in right]
        return np.stack([np.array(found, dtype=np.int64), answers.lengths], axis=-1)

    def score(self, sums: Sums) -> Values:
        """Mean over questions."""
        return share(sums[..., 0], sums[..., 1] * (1 if self.exact else MILLION))

    def units(self, sums: Sums) -> int:
        """Questions."""
        return int(sums[1])


@dataclass(frozen=True)
class Spans(Counting):
    """A span metric, micro average, strict about IOB2; statistics: spans found, predicted, true.

    Attributes:
        part: `f1`, `precision` or `recall`.
    """

    part: str

    def counts_of(self, answers: Answers) -> Counts:
        """Spans found, predicted and true of every sentence.

        A span is found if its type, beginning and end are right.
        """
        kinds: dict[str, int] = {}
        table = np.array([_parsed(name, kinds) for name in answers.names], dtype=np.int64).reshape(-1, 2)
        true, answer = (_span_ids(table[ids], answers.lengths) for ids in (answers.gold, answers.predicted))
        found = (true == answer) & (true >= 0)
        columns = [answers.examples[mask] for mask in (found, answer >= 0, true >= 0)]
        return np.stack([np.bincount(column, minlength=len(answers.lengths)) for column in columns], axis=-1)

    def score(self, sums: Sums) -> Values:
        """Precision, recall, or their harmonic mean as seqeval computes it."""
        precision, recall = share(sums[..., 0], sums[..., 1]), share(sums[..., 0], sums[..., 2])
        if self.part != "f1":
            return precision if self.part == "precision" else recall
        return share(2.0 * precision * recall, precision + recall)

    def units(self, sums: Sums) -> int:
        """True spans, or predicted ones for the precision."""
        return int(sums[1 if self.part == "precision" else 2])


def _span_ids(labels: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each word a number that stands for the type and end of the span that begins there, or -1; shape (words,).

    As in seqeval's strict IOB2 (`seqeval.scheme.IOB2`): `B-` always begins a span; it runs on through every
    `I-` of its type; an `I-` that follows nothing or another type belongs to no span.

    Args:
        labels: Prefix and type of every word; shape (words, 2).
        lengths: Words of every sentence; shape (sentences,).
    """
    prefix, kind = labels.T
    inside = (prefix == _INSIDE) & (np.roll(prefix, 1) != _OUTSIDE) & (np.roll(kind, 1) == kind)
    inside[(np.cumsum(lengths) - lengths)[lengths > 0]] = False
    breaks = np.append(np.flatnonzero(~inside), len(labels))
    end = breaks[np.searchsorted(breaks, np.arange(len(labels)), side="right")]
    return np.where(prefix == _BEGIN, kind * (len(labels) + 1) + end, -1)


_OUTSIDE, _BEGIN, _INSIDE = range(3)


def _parsed(label: str, kinds: dict[str, int]) -> tuple[int, int]:
    """Prefix and number of the type of a label."""
    kind = label[1:].strip("-") or "_"
    return "OBI".index(label[0]), kinds.setdefault(kind, len(kinds))


_MEASURES: dict[str, Callable[[Iterable[str]], Measure]] = {
    "accuracy": lambda labels: Accuracy(),
    "macro_f1": lambda labels: MacroF1(tuple(sorted(labels))),
    "uas": lambda labels: Accuracy(attachment.head_of),
    "las": lambda labels: Accuracy(attachment.universal),
    "las_with_subtypes": lambda labels: Accuracy(),
    "answer_f1": lambda labels: TextAnswers(exact=False),
    "exact_match": lambda labels: TextAnswers(exact=True),
    "span_f1": lambda labels: Spans("f1"),
    "span_precision": lambda labels: Spans("precision"),
    "span_recall": lambda labels: Spans("recall"),
}

METRICS = tuple(_MEASURES)
"""The metrics that have per-example outcomes: all that a task can be judged by."""
