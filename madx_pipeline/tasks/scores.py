"""Scores and predictions of an evaluation, written: what every stage that evaluates ends with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from madx_pipeline.records import Artifact, Json
from madx_pipeline.stage import Workspace
from madx_pipeline.tasks import Example, Prediction, task_type
from madx_pipeline.tasks.examples import majority_score, primary

_FROM_THE_DATA = ("task", "language", "task_type", "metric", "label_scheme")


def write_scores(
    data: Artifact, examples: Sequence[Example], predicted: Sequence[Prediction], majority_label: str, out: Workspace
) -> None:
    """Writes `scores.json` (metric to fraction) and `examples.jsonl` (gold and predicted, in the order of the data).

    Args:
        data: The `task_data` artifact of the test set.
        examples: Its examples.
        predicted: A prediction for each.
        majority_label: The most frequent label of the source training set.
        out: Where they go.

    Raises:
        JobError: If the task's metric is not measured for tasks of this type.
    """
    kind = task_type(data.facts["task_type"])
    gold = [kind.gold(example) for example in examples]
    score = kind.score(gold, predicted, data.facts["label_scheme"])
    primary(score.values, data.facts["metric"])
    _write_lines(out.path / "scores.json", [score.values])
    _write_lines(
        out.path / "examples.jsonl",
        ({"gold": truth, "predicted": answer} for truth, answer in zip(gold, predicted, strict=True)),
    )
    out.describe(
        **{name: data.facts[name] for name in _FROM_THE_DATA},
        values=score.values,
        warnings=[*_not_scored(data), *score.warnings],
        examples=len(examples),
        majority=majority_score(kind, examples, majority_label, data),
        majority_label=majority_label,
    )


def _not_scored(data: Artifact) -> list[str]:
    """What a reader must know where the test set lost examples while it was read."""
    empty: int = data.facts.get("splits", {}).get("test", {}).get("empty", 0)
    if not empty:
        return []
    split = data.facts["splits"]["test"]
    whole = empty + split["examples"]
    return [f"{empty} of {whole} test examples have nothing in them to predict from, and are not scored."]


def _write_lines(path: Path, lines: Iterable[Json]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
