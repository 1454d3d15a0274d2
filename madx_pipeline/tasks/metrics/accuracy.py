"""Accuracy: the share of labels that are right (of words in tagging, of texts in classification)."""

from __future__ import annotations

import datasets
import evaluate
from sklearn.metrics import accuracy_score


class Accuracy(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """`accuracy`, over labels by name."""

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("string")
        return evaluate.MetricInfo(
            description="Share of labels that are right.",
            citation="Pedregosa et al. 2011, scikit-learn",
            features=datasets.Features({"predictions": label, "references": label}),
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        return {"accuracy": accuracy_score(references, predictions)}
