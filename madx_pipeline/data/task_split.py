"""One split of labelled data, cleaned and checked: text in NFC, labels mapped by name, everything counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from madx_pipeline.data.cleaning import BATCH_LINES, nfc
from madx_pipeline.data.examples import Example
from madx_pipeline.data.labels import check_begins, check_scheme, mapped, orphans
from madx_pipeline.data.questions import Question
from madx_pipeline.data.sources import IN_WORDS, TaskSource
from madx_pipeline.errors import JobError, Problem
from madx_pipeline.records import Json


@dataclass
class TaskSplit:
    """The examples of a split.

    Attributes:
        examples: The examples, labels under the recipe's names.
        labels: How often each label occurs.
        counts: `empty` (examples dropped because nothing is in them), `normalised` (strings changed to
            NFC), `orphans` (tags `I-X` that continue nothing; kept), `mapped` (labels the map changed), `moved`
            (answers that are not where the data says).
        tags: How often each label occurs as the data has it, before the map.
    """

    examples: list[Example] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, examples: Iterable[Example], source: TaskSource, where: str, most: int | None) -> TaskSplit:
        """Reads, cleans and maps.

        Args:
            examples: As the readers give them.
            source: What the job was told.
            where: Where they come from, for messages.
            most: Examples kept at most, evenly spaced; None keeps all.

        Raises:
            JobError: If there is no example, or the labels are not written in the task's scheme.
        """
        split = cls()
        for example in _evenly([example for example in examples if split._has_content(example)], most):
            split._add(example, source, where)
        if not split.examples:
            raise JobError(f"{where} has no examples.", "Is it the right file, and read the right way (read: ...)?")
        if source.label_scheme == "iob2":
            check_begins(split.tags, where)
        return split

    @property
    def orphan_share(self) -> float:
        """Share of the entities (0 to 1) that begin with a tag `I-X`; 0 where there are none."""
        begun = sum(count for label, count in self.labels.items() if label.startswith("B-"))
        return self.counts["orphans"] / max(begun + self.counts["orphans"], 1)

    def facts(self, source: TaskSource) -> dict[str, Json]:
        """What the artifact says of this split."""
        words = {"words": sum(len(example.strings) for example in self.examples)}
        return {
            "examples": len(self.examples),
            **(words if source.task_type in IN_WORDS else {}),
            "labels": dict(sorted(self.labels.items())),
            **{name: self.counts[name] for name in ("empty", "normalised", "orphans", "mapped")},
            **({"moved": self.counts["moved"]} if source.label_scheme == "span" else {}),
        }

    def write(self, path: Path) -> None:
        """Writes a JSON line for each example."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(example.row(), ensure_ascii=False) + "\n" for example in self.examples)

    def batches(self) -> Iterator[list[Example]]:
        """The examples, some at a time."""
        for start in range(0, len(self.examples), BATCH_LINES):
            yield self.examples[start : start + BATCH_LINES]

    def _has_content(self, example: Example) -> bool:
        self.counts["empty"] += not example.has_content
        return example.has_content

    def _add(self, example: Example, source: TaskSource, where: str) -> None:
        check_scheme(example.labels, source.label_scheme, where)
        labels = mapped(example.labels, source.label_scheme, source.labels or {})
        if source.label_scheme == "iob2":
            self.counts["orphans"] += orphans(labels)
        self.counts["mapped"] += sum(ours != theirs for ours, theirs in zip(labels, example.labels, strict=True))
        self.tags.update(example.labels)
        self.labels.update(labels)
        try:
            cleaned = example.cleaned(lambda string: nfc(string, self.counts), labels)
        except JobError as error:
            raise JobError(
                Problem(f"{where}: {problem.message}", problem.hint) for problem in error.problems
            ) from error
        self.counts["moved"] += cleaned.moved if isinstance(cleaned, Question) else 0
        self.examples.append(cleaned)


def _evenly(examples: list[Example], most: int | None) -> list[Example]:
    """At most `most` examples, evenly spaced, so that a file sorted by genre keeps all genres."""
    if most is None or len(examples) <= most:
        return examples
    return [examples[place * len(examples) // most] for place in range(most)]
