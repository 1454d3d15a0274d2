"""Examples on which methods disagree, ready to be shown side by side with their spans marked.

Half of them, where there are enough, are examples that MAD-X gets worse than its rival: a page that
showed only its successes would be an advertisement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from madx_pipeline.report.pages.reading import TestSet
from madx_pipeline.report.pages.spans import Span

SHOWN = 10
"""Examples of a task in a language."""
_WORDS_AT_MOST = 40
"""Longer sentences are shown in part, around the first difference."""
_BEFORE = 12
"""Words shown before the first difference of a sentence that is shown in part."""
_CHARACTERS_AT_MOST = 400
"""Of a text."""

State = Literal["", "gold", "right", "wrong", "missed"]


@dataclass(frozen=True)
class Segment:
    """A piece of a sentence.

    Attributes:
        text: Its words.
        tag: The label it carries, or empty.
        state: What to think of the label: `gold` is the truth, `missed` a true span that was not found.
    """

    text: str
    tag: str = ""
    state: State = ""


@dataclass(frozen=True)
class Row:
    """What one method (or the truth) says of an example.

    Attributes:
        name: The method, or `truth`.
        errors: Words (or texts) labelled wrong.
        segments: The sentence; of a text only its label.
    """

    name: str
    errors: int
    segments: list[Segment]


@dataclass(frozen=True)
class Shown:
    """An example to show.

    Attributes:
        number: Its line in the test file, counted from 1.
        text: The text that is classified; empty for a sentence, which stands in its rows.
        rows: The truth, then the methods.
        cut: Whether only a part of it is shown.
    """

    number: int
    text: str
    rows: list[Row]
    cut: bool


def disagreements(test: TestSet, methods: Sequence[str], rival: str) -> list[Shown]:
    """At most ten examples whose predictions differ between methods.

    Args:
        test: The test set with its predictions; `madx` or the first of `methods` is the one in question.
        methods: Methods to show, in order.
        rival: The method that it is compared with.
    """
    there = [method for method in methods if method in test.predicted]
    if len(there) < 2:
        return []
    focus = "madx" if "madx" in there else there[0]
    against = rival if rival in there and rival != focus else next(method for method in there if method != focus)
    first = test.predicted[there[0]]
    odd = np.any([test.predicted[method] != first for method in there[1:]], axis=0)
    wrong = {method: test.per_example(test.predicted[method] != test.gold) for method in there}
    differ = np.flatnonzero(test.per_example(odd)).tolist()
    margins = {index: int(wrong[against][index] - wrong[focus][index]) for index in differ}
    return [_shown(test, there, index) for index in _chosen(test, margins)]


def _chosen(test: TestSet, margins: dict[int, int]) -> list[int]:
    """Half with the largest gain, half with the largest loss, of what fits on the page first."""
    long = np.diff(test.starts) > _WORDS_AT_MOST
    ranked = sorted(margins, key=lambda index: (bool(long[index]), -abs(margins[index]), index))
    gains = [index for index in ranked if margins[index] > 0]
    losses = [index for index in ranked if margins[index] < 0]
    half = SHOWN // 2
    first = gains[: max(half, SHOWN - len(losses))] + losses[: max(half, SHOWN - len(gains))]
    rest = [index for index in ranked if margins[index] == 0]
    return (first + rest)[:SHOWN]


def _shown(test: TestSet, methods: Sequence[str], index: int) -> Shown:
    """One example, as its type of task is shown."""
    start, end = int(test.starts[index]), int(test.starts[index + 1])
    errors = {
        method: int(np.count_nonzero(test.predicted[method][start:end] != test.gold[start:end])) for method in methods
    }
    words = test.words(index)
    if not test.in_words:
        return _shown_text(test, index, words[0], errors)
    first, last = _part(test, methods, start, end)
    words = words[first - start : last - start]
    if test.spans:
        marked = _span_rows(test, methods, (first, last), words)
    else:
        marked = _word_rows(test, methods, (index, first), words)
    rows = [Row(name, errors.get(name, 0), segments) for name, segments in marked.items()]
    return Shown(index + 1, "", rows, last - first < end - start)


def _shown_text(test: TestSet, index: int, text: str, errors: dict[str, int]) -> Shown:
    """A text, and its label by each method."""
    rows = [Row("truth", 0, [Segment("", test.names[test.gold[index]], "gold")])]
    for method, wrong in errors.items():
        label = test.names[test.predicted[method][index]]
        rows.append(Row(method, wrong, [Segment("", label, "wrong" if wrong else "right")]))
    return Shown(index + 1, text[:_CHARACTERS_AT_MOST], rows, len(text) > _CHARACTERS_AT_MOST)


def _part(test: TestSet, methods: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """The words of a sentence to show: all, or those around the first one that anyone gets wrong."""
    if end - start <= _WORDS_AT_MOST:
        return start, end
    wrong = np.any([test.predicted[method][start:end] != test.gold[start:end] for method in methods], axis=0)
    first = max(start, min(start + int(wrong.argmax()) - _BEFORE, end - _WORDS_AT_MOST))
    return first, first + _WORDS_AT_MOST


def _word_rows(
    test: TestSet, methods: Sequence[str], where: tuple[int, int], words: list[str]
) -> dict[str, list[Segment]]:
    """One label a word: only the words that anyone gets wrong carry theirs, or nothing would stand out.

    Args:
        test: The test set.
        methods: Methods to show.
        where: The example, and the first of its words that is shown.
        words: The words that are shown.
    """
    index, first = where
    part = slice(first, first + len(words))
    truth = test.tags(index, test.gold[part])
    answers = {method: test.tags(index, test.predicted[method][part]) for method in methods}
    odd = {i for i, label in enumerate(truth) if any(answer[i] != label for answer in answers.values())}

    def row(labels: list[str], state: State | None) -> list[Segment]:
        marked = [
            Segment(word, labels[i], state or ("right" if labels[i] == truth[i] else "wrong"))
            if i in odd
            else Segment(word)
            for i, word in enumerate(words)
        ]
        return _joined(marked)

    return {"truth": row(truth, "gold"), **{method: row(answer, None) for method, answer in answers.items()}}


def _joined(segments: list[Segment]) -> list[Segment]:
    """Neighbours without a label as one segment: most of a sentence has none."""
    found: list[Segment] = []
    for segment in segments:
        if found and not segment.tag and not found[-1].tag:
            found[-1] = Segment(f"{found[-1].text} {segment.text}")
        else:
            found.append(segment)
    return found


def _span_rows(
    test: TestSet, methods: Sequence[str], part: tuple[int, int], words: list[str]
) -> dict[str, list[Segment]]:
    """Spans: the true ones, and for each method the predicted ones and those it missed."""
    gold = test.gold_spans.within(*part)
    rows = {"truth": _segments(words, [(span, "gold") for span in gold])}
    for method in methods:
        predicted = test.predicted_spans[method].within(*part)
        marks: list[tuple[Span, State]] = [(span, "right" if span in gold else "wrong") for span in predicted]
        marks += [(span, "missed") for span in gold if not _touches(span, predicted)]
        rows[method] = _segments(words, sorted(marks))
    return rows


def _touches(span: Span, others: Sequence[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)


def _segments(words: list[str], marks: Sequence[tuple[Span, State]]) -> list[Segment]:
    """The sentence cut at its spans, which follow each other and do not overlap."""
    found: list[Segment] = []
    end = 0
    for span, state in marks:
        if span.start > end:
            found.append(Segment(" ".join(words[end : span.start])))
        found.append(Segment(" ".join(words[span.start : span.end]), span.kind, state))
        end = span.end
    if end < len(words):
        found.append(Segment(" ".join(words[end:])))
    return found
