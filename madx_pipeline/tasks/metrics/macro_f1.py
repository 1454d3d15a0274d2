"""Macro F1: the mean of the F1 of every label that occurs, so that rare labels weigh as much as frequent ones.

As in scikit-learn, a label occurs if it is in the gold or in the predicted labels: one that is predicted
and never true has F1 0 and lowers the mean.
"""

from __future__ import annotations

import datasets
import evaluate
from sklearn.metrics import f1_score


class MacroF1(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """`macro_f1`, over labels by name."""

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("string")
        return evaluate.MetricInfo(
            description="Unweighted mean of the F1 of every label.",
            citation="Pedregosa et al. 2011, scikit-learn",
            features=datasets.Features({"predictions": label, "references": label}),
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        return {"macro_f1": f1_score(references, predictions, average="macro", zero_division=0)}
