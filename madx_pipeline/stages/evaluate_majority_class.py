"""evaluate_majority_class: answers a test set with the most frequent label of the source training set everywhere.

The floor under every other score, as a method of its own: with predictions by example, so that it is compared with
the others as they are among each other. Nothing is trained and no model is loaded; for spans it scores 0 wherever
that label is `O`. Questions are answered with the whole text, and trees are chains of neighbours.
"""

from __future__ import annotations

from madx_pipeline import stage
from madx_pipeline.stage import Inputs, Workspace

VERSION = 2


class Params(stage.Params):
    """None: the label follows from the source training set."""


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Writes `scores.json` and `examples.jsonl`, as `evaluate_zero_shot` does."""
    from madx_pipeline.tasks import task_type
    from madx_pipeline.tasks.examples import majority_label, read_examples
    from madx_pipeline.tasks.scores import write_scores

    data = inputs["task_data"]
    kind = task_type(data.facts["task_type"])
    examples = read_examples(data, "test")
    label = majority_label(kind, read_examples(inputs["source_data"], "train"))
    predicted = [kind.constant(example, label) for example in examples]
    write_scores(data, examples, predicted, label, out)
    out.describe(language_adapter=None, trained_on=None)
