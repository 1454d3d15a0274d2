"""Spans of IOB2 labels, strictly read, and in which ways predicted spans are wrong.

As the metric reads them (`tasks/metrics/span_f1.py`): a span begins with `B-` and runs on through every `I-`
of its type; an `I-` that follows nothing or another type is no span. All sentences of a test set lie end to
end in one array, for a large report has tens of millions of words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

MISTAKES = {
    "missed": "a true span that no predicted span touches",
    "invented": "a predicted span that touches no true span",
    "wrong borders": "a predicted span that overlaps a true span and does not have its borders",
    "wrong type": "the borders of a true span, but another type",
}
"""Ways in which spans are wrong, and what each means."""


class Span(NamedTuple):
    """Words `start` to `end` (exclusive) as one entity."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Spans:
    """All spans of a test set, in order.

    Attributes:
        names: Types.
        start: First word; shape (spans,).
        end: Word after the last; shape (spans,).
        kind: Index into `names`; shape (spans,).
        words: Number of words of the test set.
    """

    names: tuple[str, ...]
    start: Integers
    end: Integers
    kind: Integers
    words: int

    def within(self, start: int, end: int) -> list[Span]:
        """The spans of a sentence, their words counted from `start`."""
        first, last = np.searchsorted(self.start, [start, end])
        places = range(int(first), int(last))
        return [Span(int(self.start[i]) - start, int(self.end[i]) - start, self.names[self.kind[i]]) for i in places]

    def counts(self, where: Booleans | None = None) -> dict[str, int]:
        """Type to the number of its spans, or of those that `where` selects."""
        kinds = self.kind if where is None else self.kind[where]
        found = np.bincount(kinds, minlength=len(self.names))
        return {name: int(count) for name, count in zip(self.names, found, strict=True) if count}

    def touch(self, others: Spans) -> Booleans:
        """Which spans have a word in common with any of the others; shape (spans,)."""
        covered = np.zeros(self.words + 1, dtype=np.int64)
        np.add.at(covered, others.start, 1)
        np.add.at(covered, others.end, -1)
        before = np.concatenate([[0], np.cumsum(np.cumsum(covered)[:-1] > 0)])
        return np.asarray(before[self.end] > before[self.start])

    def same_borders(self, others: Spans) -> tuple[Booleans, Booleans]:
        """Which spans have the borders of one of the others, and which its type as well; shape (spans,) each."""
        end, kind = np.full((2, self.words + 1), -1, dtype=np.int64)
        end[others.start], kind[others.start] = others.end, others.kind
        borders = end[self.start] == self.end
        return borders, borders & (kind[self.start] == self.kind)


def spans_of(labels: Integers, names: Sequence[str], starts: Integers) -> Spans:
    """The spans of all sentences.

    Args:
        labels: Indices into `names`, all sentences end to end; shape (words,).
        names: Labels.
        starts: Where sentences begin; shape (sentences,).
    """
    bare = tuple(dict.fromkeys(bare_label(name) for name in names))
    kind = np.array([bare.index(bare_label(name)) for name in names], dtype=np.int64)[labels]
    begins = np.array([name.startswith("B-") for name in names])[labels]
    inside = np.array([name.startswith("I-") for name in names])[labels]
    runs_on = inside & (np.roll(begins | inside, 1)) & (np.roll(kind, 1) == kind)
    runs_on[starts[starts < len(labels)]] = False
    breaks = np.flatnonzero(~runs_on)
    ends = np.append(breaks[1:], len(labels))
    first = begins[breaks]
    return Spans(bare, breaks[first], ends[first], kind[breaks[first]], len(labels))


def bare_label(label: str) -> str:
    """The type of an IOB2 label: `B-PER` gives `PER`."""
    return label[2:] if label[:2] in ("B-", "I-") else label


def mistakes(gold: Spans, predicted: Spans) -> dict[str, int]:
    """How often predicted spans are wrong in which way; in the order of `MISTAKES`."""
    borders, right = predicted.same_borders(gold)
    touching = predicted.touch(gold)
    return {
        "missed": int(np.count_nonzero(~gold.touch(predicted))),
        "invented": int(np.count_nonzero(~touching)),
        "wrong borders": int(np.count_nonzero(touching & ~borders)),
        "wrong type": int(np.count_nonzero(borders & ~right)),
    }
