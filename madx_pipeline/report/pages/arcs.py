"""In which ways predicted dependency trees are wrong, word by word."""

from __future__ import annotations

import numpy as np

from madx_pipeline.report.pages.reading import TestSet
from madx_pipeline.tasks.metrics.attachment import head_of, relation_of

ARC_MISTAKES = {
    "wrong head": "the right relation, to another word",
    "wrong relation": "the right head, by another relation",
    "both wrong": "another head and another relation",
}
"""Ways in which the arc of a word is wrong, and what each means."""


def wrong_arcs(test: TestSet, method: str) -> dict[str, int]:
    """How often the arcs that `method` predicted are wrong in which way; in the order of `ARC_MISTAKES`."""
    right = []
    for part in (head_of, relation_of):
        parts = [part(name) for name in test.names]
        which = np.array([parts.index(value) for value in parts], dtype=np.int64)
        right.append(which[test.gold] == which[test.predicted[method]])
    head, relation = right
    return dict(
        zip(
            ARC_MISTAKES,
            (int(np.count_nonzero(wrong)) for wrong in (~head & relation, head & ~relation, ~head & ~relation)),
            strict=True,
        )
    )
