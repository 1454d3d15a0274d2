"""Attachment scores as the script of the CoNLL 2018 shared task counts them (Zeman et al. 2018, `conll18_ud_eval.py`).

Of all words, punctuation included, the share whose head is right (UAS), and whose head and relation are right (LAS).
Of a relation only the universal part counts: `nsubj:pass` is `nsubj`. Where relations have subtypes, the share with
the right subtype as well is a metric of its own.

The script counts syntactic words, which are given here, so that its F1 is this share. It refuses what is no tree with
one root; such files are refused when they are read (`data/conllu_reader.py`).

Heads and relations are written as `2 nsubj`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

SUBTYPE = ":"
"""What is between a universal relation and its subtype."""


def head_of(arc: str) -> str:
    """`2` of `2 nsubj:pass`."""
    return arc.partition(" ")[0]


def relation_of(arc: str) -> str:
    """`nsubj:pass` of `2 nsubj:pass`."""
    return arc.partition(" ")[2]


def universal(arc: str) -> str:
    """`2 nsubj` of `2 nsubj:pass`; also `nsubj` of `nsubj:pass`."""
    return arc.partition(SUBTYPE)[0]


def attachment_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, float]:
    """`uas`, `las`, `las_with_subtypes` where there are any, and LAS by true relation (`las.nsubj`).

    Args:
        gold: Head and relation of each word; shape (sentences, words).
        predicted: The same shape.
    """
    truth, answers = list(chain.from_iterable(gold)), list(chain.from_iterable(predicted))
    total = max(len(truth), 1)
    pairs = list(zip(truth, answers, strict=True))
    right = [universal(one) for one, other in pairs if universal(one) == universal(other)]
    values = {"uas": sum(head_of(one) == head_of(other) for one, other in pairs) / total, "las": len(right) / total}
    if any(SUBTYPE in one for one in truth):
        values["las_with_subtypes"] = sum(one == other for one, other in pairs) / total
    found = Counter(map(relation_of, right))
    there = Counter(relation_of(universal(one)) for one in truth)
    return values | {f"las.{relation}": found[relation] / there[relation] for relation in sorted(there)}
