"""Span F1 of seqeval in strict mode: a span counts only if its borders, its type and its scheme are right.

Strict about IOB2 means: an entity begins with `B-`. An `I-` that follows nothing, or another type, is no
entity and not the beginning of one, in the gold labels as in the predicted ones. seqeval's default mode
(that of conlleval) would count such orphans as entities; published scores are often of that kind, so
compare like with like. Where a denominator is 0 the value is 0.
"""

from __future__ import annotations

import warnings
from typing import Any

import datasets
import evaluate
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2


class SpanF1(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """`span_precision`, `span_recall`, `span_f1` (micro average), and each by entity type (`span_f1.PER`)."""

    def _info(self) -> evaluate.MetricInfo:
        words = datasets.Sequence(datasets.Value("string"))
        return evaluate.MetricInfo(
            description="Span precision, recall and F1 (seqeval, strict, IOB2).",
            citation="Nakayama 2018, seqeval; Tjong Kim Sang and De Meulder 2003",
            features=datasets.Features({"predictions": words, "references": words}),
        )

    def _compute(self, predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # its macro average over no type at all, not used here
            report = classification_report(
                references, predictions, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
            )
        values = _values(report.pop("micro avg"), "")
        for kind in sorted(set(report) - {"macro avg", "weighted avg"}):
            values |= _values(report[kind], f".{kind}")
        return values


def _values(row: dict[str, Any], suffix: str) -> dict[str, float]:
    names = {"span_f1": "f1-score", "span_precision": "precision", "span_recall": "recall"}
    return {f"{name}{suffix}": row[column] for name, column in names.items()}
