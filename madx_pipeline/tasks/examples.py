"""Reading the labelled examples of a `task_data` artifact, and what a trivial predictor makes of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from madx_pipeline.data.labels import is_kept
from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Workspace
from madx_pipeline.tasks import Example, TaskType


def read_examples(task_data: Artifact, split: str) -> list[Example]:
    """The examples of a split, in the order of its file.

    Raises:
        JobError: If there is no such split or nothing in it.
    """
    path = task_data.path / f"{split}.jsonl"
    name = f"{task_data.facts['task']} in {task_data.facts['language']}"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in task_data.path.glob("*.jsonl"))) or "none"
        raise JobError(f"{name} has no {split} split. There is: {there}.", f"Give {name} a {split} file.")
    with path.open(encoding="utf-8") as lines:
        examples = [json.loads(line) for line in lines]
    if not examples:
        raise JobError(f"the {split} split of {name} holds no examples.", f"Give {name} a {split} file with examples.")
    return examples


def check_labels(
    kind: TaskType, examples: Sequence[Example], names: Sequence[str], task_data: Artifact, split: str, out: Workspace
) -> None:
    """Fails the job if an example has a label that the prediction head does not know and the recipe does not keep.

    Args:
        kind: Type of the task.
        examples: The examples.
        names: Labels of the prediction head.
        task_data: The artifact that they are from.
        split: The split whose map of labels they came through.
        out: Where the answer goes.

    Raises:
        CheckError: If so; by name, whatever the ids are.
    """
    scheme, mapped = task_data.facts["label_scheme"], task_data.facts.get("label_map", {}).get(split, {})
    found = {label for example in examples for label in kind.labels(example)} - set(names)
    unknown = sorted(label for label in found if not is_kept(label, scheme, mapped))
    detail = f"Labels of the data that the prediction head does not have: {', '.join(unknown) or 'none'}."
    out.check("labels_known_to_the_head", not unknown, len(unknown), detail)


def majority_label(kind: TaskType, examples: Sequence[Example]) -> str:
    """What a constant prediction is most often right with; of equally good ones the first by name.

    The most frequent label, but for questions, of which the whole text is always right in part, and trees.

    Raises:
        JobError: If none is ever right: in no tree a word has a neighbour as its head.
    """
    counts = Counter(vote for example in examples for vote in kind.votes(example))
    if not counts:
        raise JobError("no word of the training set has a neighbour as its head: there is no baseline to beat.")
    return min(counts, key=lambda label: (-counts[label], label))


def majority_score(kind: TaskType, examples: Sequence[Example], label: str, task_data: Artifact) -> float:
    """What predicting `label` everywhere scores on `examples`, by the task's primary metric (0..1).

    For spans this is 0 whenever the label is `O`, which is the best a constant tagger usually does.
    """
    gold = [kind.gold(example) for example in examples]
    constant = [kind.constant(example, label) for example in examples]
    score = kind.score(gold, constant, task_data.facts["label_scheme"])
    return primary(score.values, task_data.facts["metric"])


def primary(values: dict[str, float], metric: str) -> float:
    """The value of the task's primary metric.

    Raises:
        JobError: If this type of task does not have it.
    """
    if metric not in values:
        raise JobError(f'the task\'s metric "{metric}" is not measured. Possible: {", ".join(sorted(values))}.')
    return values[metric]
