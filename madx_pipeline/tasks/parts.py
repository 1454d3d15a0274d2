"""Whether all parts of an input reach the model: a premise that never arrives still leaves a plausible score.

A classifier of hypotheses alone is well above chance on XNLI, so a pair that lost its premise on the way looks
like a weak model. Hence evaluation exchanges one part among the examples and looks at the logits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import torch

from madx_pipeline.stage import Workspace
from madx_pipeline.tasks import Encoded, Example, TaskType
from madx_pipeline.tasks.batches import NOTICEABLE, logits

if TYPE_CHECKING:
    from madx_pipeline.adapter_model import AdapterModel

_PROBES = 8
"""Examples whose parts are exchanged."""

Encode = Callable[[Sequence[Example]], Encoded]


def exchange(examples: Sequence[Example], part: str) -> list[Example]:
    """The examples, each with another one's `part` (the next different one)."""
    values = [example[part] for example in examples]
    return [{**example, part: _other(values, index)} for index, example in enumerate(examples)]


def check_every_part_counts(
    model: AdapterModel, kind: TaskType, encode: Encode, examples: Sequence[Example], out: Workspace
) -> None:
    """Another second text (question, premise) gives other logits, and so does each choice; types with one part pass.

    Args:
        model: With its prediction head active.
        kind: Type of the task.
        encode: Makes rows of examples.
        examples: What is evaluated; the first few are used.
        out: Where the answer goes.
    """
    probes = list(examples[:_PROBES])
    for part in kind.parts(probes[0]):
        others = exchange(probes, part)
        if others == probes:
            continue
        one, other = encode(probes), encode(others)
        difference = max(map(_change, _logits(model, kind, one), _logits(model, kind, other)))
        detail = f"Largest change of a logit when {part} is exchanged among examples."
        if _ids(one) == _ids(other):
            detail += " All give the same tokens: it is lost on the way, or the tokenizer does not know its script."
        out.check(f"{part}_reaches_the_model", difference > NOTICEABLE, difference, detail)
    if "choices" in probes[0]:
        _check_choices_differ(_logits(model, kind, encode(probes)), probes, out)


def _check_choices_differ(scores: Sequence[torch.Tensor], probes: Sequence[Example], out: Workspace) -> None:
    """Choices in two places get different scores: a choice that stands in for another one would not.

    Args:
        scores: Of the choices of each example; shape (choices,).
        probes: The examples.
        out: Where the answer goes.
    """
    differences = []
    for one, other in combinations(range(len(scores[0])), 2):
        both = zip(scores, (probe["choices"] for probe in probes), strict=True)
        gaps = [abs(float(score[one] - score[other])) for score, choices in both if choices[one] != choices[other]]
        differences += [max(gaps)] if gaps else []
    if not differences:
        return
    smallest = min(differences)
    detail = "Largest difference between the scores of two choices of an example, for the two places where it is least."
    out.check("every_choice_reaches_the_model", smallest > NOTICEABLE, smallest, detail)


def _other(values: Sequence[object], index: int) -> object:
    """The next value that differs, or the same one if there is none."""
    around = [*values[index + 1 :], *values[:index]]
    return next((value for value in around if value != values[index]), values[index])


def _logits(model: AdapterModel, kind: TaskType, encoded: Encoded) -> list[torch.Tensor]:
    """Flat logits of the first row of each example."""
    firsts = {row.example: row for row in reversed(encoded.rows)}
    with torch.inference_mode():
        return [logits(model, kind, [firsts[example]]).flatten() for example in sorted(firsts)]


def _ids(encoded: Encoded) -> list[tuple[int, ...]]:
    return [row.input_ids for row in encoded.rows]


def _change(one: torch.Tensor, other: torch.Tensor) -> float:
    length = min(len(one), len(other))
    return float((one[:length] - other[:length]).abs().max())
