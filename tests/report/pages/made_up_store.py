"""The files of a made-up run's store that pages read: test sets and predictions."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LABELS = {
    "ner": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"],
    "pos": ["NOUN", "VERB", "ADP", "PROPN", "PUNCT"],
    "topics": ["health", "sports", "travel"],
    "parsing": ["nsubj", "obj", "obl", "punct", "case"],
}
"""Kind of task to its labels; a task is of the kind that its name begins with."""

_WORDS = {
    "ar": "ذهب محمد إلى القاهرة في الصباح مع شركة النيل .",
    "zh": "王芳 在 北京 的 清华 大学 学习 。",
    "am": "አበበ ወደ አዲስ አበባ ሄደ ።",
    "yo": "Adé lọ sí Ìbàdàn pẹ̀lú ẹgbẹ́ rẹ̀ .",
}
_USUAL = "Marie went to Paris with the people of Acme yesterday ."


class MadeUpStore:
    """Writes test sets and predictions that are as good as asked for.

    Args:
        home: Folder above the store.
        examples: Test examples; 0 writes nothing.
        first_line: What the first example begins with.
    """

    def __init__(self, home: Path, examples: int, first_line: Sequence[str]) -> None:
        self._home = home
        self._examples = examples
        self._first_line = first_line
        self._random = random.Random(0)

    def test_set(self, folder: str, task: str, language: str) -> None:
        """A test set in the words of the language, with labels by chance."""
        rows: list[dict[str, Any]] = []
        for number in range(self._examples):
            words = [*([] if number else self._first_line), *_WORDS.get(language, _USUAL).split()]
            labels = self._labels(task, len(words))
            row: dict[str, Any] = {"words": words, "labels": labels}
            if kind_of(task) == "topics":
                row = {"text": " ".join(words), "label": labels[0]}
            elif kind_of(task) == "parsing":
                arcs = [label.split() for label in labels]
                row |= {"heads": [int(head) for head, _ in arcs], "labels": [relation for _, relation in arcs]}
            rows.append(row)
        self._write(folder, "test.jsonl", rows)

    def predictions(self, folder: str, test_set: str, task: str, score: float) -> None:
        """Predictions of which about `score` are right: of whole sentences where labels are spans."""
        if not self._examples:
            return
        rows = []
        for line in (self._home / test_set / "test.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            gold = row.get("labels", [row.get("label")])
            if "heads" in row:
                gold = [f"{head} {relation}" for head, relation in zip(row["heads"], gold, strict=True)]
            whole = self._random.random() < score
            answer = [
                truth if (whole if kind_of(task) == "ner" else self._random.random() < score) else other
                for truth, other in zip(gold, self._labels(task, len(gold)), strict=True)
            ]
            words = "labels" in row
            rows.append({"gold": gold if words else gold[0], "predicted": answer if words else answer[0]})
        self._write(folder, "examples.jsonl", rows)

    def _labels(self, task: str, count: int) -> list[str]:
        kind = kind_of(task)
        if kind == "parsing":
            relations = [self._random.choice(LABELS[kind]) for _ in range(count - 1)]
            return ["0 root", *(f"{self._random.randint(1, place)} {name}" for place, name in enumerate(relations, 1))]
        if kind != "ner":
            return [self._random.choice(LABELS[kind]) for _ in range(count)]
        found: list[str] = []
        while len(found) < count:
            entity = self._random.choice(["PER", "LOC", "ORG"])
            found += self._random.choice([["O"], ["O"], ["O"], [f"B-{entity}"], [f"B-{entity}", f"I-{entity}"]])
        return found[:count]

    def _write(self, folder: str, name: str, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        path = self._home / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def kind_of(task: str) -> str:
    """What a task is called before any dash: a kind of `LABELS`."""
    return task.partition("-")[0]
