"""What pages show of the store beyond `results.json`: single predictions and the texts that they are of.

Of several seeds the predictions of one are read, and the page says which: examples side by side are of
one training, and reading all seeds of 200 languages would be most of the time a report takes. What is
not there or not readable is left out with a line in the log: a report never fails for an example.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from madx_pipeline.data.sources import IN_WORDS
from madx_pipeline.report.answers import Answers, read_answers
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.spans import Integers, Spans, bare_label, spans_of
from madx_pipeline.report.provenance import TaskFacts
from madx_pipeline.report.results import Score
from madx_pipeline.tasks.metrics.attachment import head_of, relation_of, universal

_LOG = logging.getLogger(__name__)

_SHOWN = (*IN_WORDS, "classification")
"""Types of tasks whose examples a page can show: those with labels for words or for a text."""

_LONGEST_HEAD = 24
"""Characters of a head that stand in a tag."""


@dataclass(frozen=True)
class TestSet:
    """One test set and what each method predicted on it with one seed.

    Labels of all examples lie end to end; a classified text is an example with one.

    Attributes:
        seed: The seed.
        spans: Whether labels are IOB2.
        trees: Whether labels are heads and relations (`2 nsubj`), here without subtypes, as they are scored.
        in_words: Whether each word has a label; otherwise each text has one.
        names: Labels.
        starts: Where examples begin, and the end; shape (examples + 1,).
        gold: True labels as indices into `names`; shape (labels,).
        predicted: Method to its labels, likewise.
        lines: The lines of the test file.
    """

    __test__ = False  # no test, whatever its name begins with

    seed: int
    spans: bool
    trees: bool
    in_words: bool
    names: tuple[str, ...]
    starts: Integers
    gold: Integers
    predicted: dict[str, Integers]
    lines: list[bytes]

    def words(self, example: int) -> list[str]:
        """The words of a sentence; of a text, the text alone."""
        row = json.loads(self.lines[example])
        return list(row["words"]) if self.in_words else [str(row["text"])]

    def tags(self, example: int, labels: Integers) -> list[str]:
        """What is written beside the words of an example that have these labels: names, and heads as words."""
        names = [self.names[label] for label in labels]
        if not self.trees:
            return names
        words = self.words(example)
        return [_in_words(name, words) for name in names]

    @cached_property
    def shown(self) -> list[str]:
        """What pages count each of `names` under: an entity type, a relation, or the label itself."""
        if self.spans:
            return [bare_label(name) for name in self.names]
        return [relation_of(name) for name in self.names] if self.trees else list(self.names)

    @cached_property
    def all_words(self) -> list[str]:
        """The words (or texts) of all examples end to end; shape (labels,)."""
        return [word for example in range(len(self.lines)) for word in self.words(example)]

    @cached_property
    def gold_spans(self) -> Spans:
        """The true spans."""
        return spans_of(self.gold, self.names, self.starts)

    @cached_property
    def predicted_spans(self) -> dict[str, Spans]:
        """Method to its spans."""
        return {method: spans_of(labels, self.names, self.starts) for method, labels in self.predicted.items()}

    def per_example(self, marks: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Integers:
        """How many labels of each example are marked; shape (examples,)."""
        before = np.concatenate([[0], np.cumsum(marks)])
        return np.asarray(before[self.starts[1:]] - before[self.starts[:-1]])


def read_test_set(lookup: Lookup, home: Path, task: str, language: str) -> TestSet | None:
    """The test set of a task in a language with the predictions of the seed that most methods have."""
    facts = lookup.results.tasks[task]
    data = facts.data.get(language)
    scores = lookup.scores(task, language)
    folder = lookup.folder(data.fingerprint) if data else None
    if not scores or folder is None or facts.task_type not in _SHOWN:
        return None
    seed = _seed(scores)
    try:
        answers = _answers(home, [score for score in scores if score.seed == seed])
        lines = (home / folder / "test.jsonl").read_bytes().splitlines()
        found = _joined(answers, lines, seed, facts)
        if len(found.all_words) != len(found.gold):
            raise ValueError("words and labels are not the same number")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("no examples of %s in %s on its page: %s", task, language, error)
        return None
    return found


def _seed(scores: Sequence[Score]) -> int:
    """The seed that most methods have; of several the first."""
    methods = Counter(score.seed for score in scores)
    return max(methods, key=lambda seed: methods[seed])


def _answers(home: Path, scores: Sequence[Score]) -> dict[str, Answers]:
    """Method to its answers; two methods may share an evaluation."""
    by_folder = {folder: read_answers(home / folder / "examples.jsonl") for folder in {s.folder: None for s in scores}}
    return {score.method: by_folder[score.folder] for score in scores}


def _joined(answers: dict[str, Answers], lines: list[bytes], seed: int, facts: TaskFacts) -> TestSet:
    """The answers of all methods with the same numbers for the same labels."""
    trees, in_words = facts.task_type == "dependency_parsing", facts.task_type in IN_WORDS
    called = {name: universal(name) if trees else name for answer in answers.values() for name in answer.names}
    names = tuple(sorted(set(called.values())))
    numbers = {name: number for number, name in enumerate(names)}
    ids = {name: numbers[known] for name, known in called.items()}
    first = next(iter(answers.values()))
    predicted = {}
    for method, answer in answers.items():
        if not np.array_equal(answer.lengths, first.lengths) or len(answer.lengths) != len(lines):
            raise ValueError(f"the predictions of {method} do not fit the test set")
        predicted[method] = np.array([ids[name] for name in answer.names], dtype=np.int64)[answer.predicted]
    gold = np.array([ids[name] for name in first.names], dtype=np.int64)[first.gold]
    spans = in_words and any(name.startswith("B-") for name in names)
    starts = np.concatenate([[0], np.cumsum(first.lengths)]).astype(np.int64)
    return TestSet(seed, spans, trees, in_words, names, starts, gold, predicted, lines)


def _in_words(arc: str, words: Sequence[str]) -> str:
    """`nsubj → saw` for `2 nsubj`; a word that is there twice has its number beside it."""
    relation, head = relation_of(arc), int(head_of(arc))
    if not head:
        return relation
    word = words[head - 1]
    shown = word if len(word) <= _LONGEST_HEAD else f"{word[:_LONGEST_HEAD]}…"
    return f"{relation} → {shown}" if words.count(word) == 1 else f"{relation} → {shown} ({head})"
