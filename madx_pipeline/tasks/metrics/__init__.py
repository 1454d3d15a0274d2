"""The metrics, as local modules of the `evaluate` library over seqeval and scikit-learn.

Why the classes are instantiated here and not loaded by `evaluate.load(path)`: loading by *name* fetches
code over the network, and loading by *path* copies the module into the user's HF_MODULES_CACHE and
imports the copy, a folder that all processes of a machine share and that need not be writable. A class
imported from this package needs neither. Predictions are kept in memory, and the folder that `evaluate`
insists on making is a temporary one, so any number of processes can score at the same time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

from madx_pipeline.tasks import Score


def spans(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Score:
    """Span precision, recall and F1, overall and by entity type, strict about IOB2.

    Args:
        gold: IOB2 labels; shape (sentences, words).
        predicted: The same shape.
    """
    from madx_pipeline.tasks.metrics.span_f1 import SpanF1

    values = _computed(SpanF1, gold, predicted)
    empty = {"gold": gold, "predicted": predicted}
    return Score(values, [_NO_SPAN.format(which) for which, labels in empty.items() if not _any_span(labels)])


def labels(gold: Sequence[str], predicted: Sequence[str]) -> Score:
    """Accuracy and macro F1; shape of both arguments (labels,)."""
    from madx_pipeline.tasks.metrics.accuracy import Accuracy
    from madx_pipeline.tasks.metrics.macro_f1 import MacroF1

    return Score({**_computed(Accuracy, gold, predicted), **_computed(MacroF1, gold, predicted)})


_NO_SPAN = "the {} labels hold no entity: span F1 is 0 by definition"


def _any_span(sentences: Sequence[Sequence[str]]) -> bool:
    return any(label.startswith("B-") for sentence in sentences for label in sentence)


def _computed(metric: type[Any], gold: Sequence[Any], predicted: Sequence[Any]) -> dict[str, float]:
    """Every value the metric has for these labels, as plain floats."""
    with tempfile.TemporaryDirectory(prefix="madx-metric-") as folder:
        module = metric(keep_in_memory=True, cache_dir=folder, seed=0)
        found = module.compute(references=list(gold), predictions=list(predicted))
    return {name: float(value) for name, value in found.items()}
