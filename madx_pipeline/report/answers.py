"""Answers of an evaluation as arrays: `examples.jsonl` read at once, all labels end to end.

A large report has tens of millions of lines, which as Python lists would take minutes to read and as arrays
take seconds. So lines in the form in which `evaluate_zero_shot` writes them (no escaped character) are taken
apart by the positions of their quotation marks; any other goes through the JSON reader. Both give the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_GOLD, _PREDICTED = b"gold", b"predicted"
_QUOTE, _COLON = ord('"'), ord(":")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Spreads the parts of a long label over all bits (Knuth, The Art of Computer Programming, 6.4)."""


@dataclass(frozen=True)
class Answers:
    """What is true of and what was predicted for the examples of a test set.

    Attributes:
        names: Every label that occurs, in the order of code points.
        gold: What is true, as indices into `names`, all examples end to end; shape (labels,).
        predicted: What was predicted for each; shape (labels,).
        lengths: How many labels an example has: 1 for a text, its number of words for a sentence; shape (examples,).
    """

    names: tuple[str, ...]
    gold: Integers
    predicted: Integers
    lengths: Integers

    @property
    def examples(self) -> Integers:
        """Which example each label belongs to; shape (labels,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def answers_of(gold: Sequence[Any], predicted: Sequence[Any]) -> Answers:
    """Answers from lists.

    Args:
        gold: What is true, one entry per example: a label, a list of labels (one per word), or an object that holds
            right answers.
        predicted: What was predicted, of the same shape.

    Raises:
        ValueError: If the shapes differ.
    """
    truth, answer = (
        [entry if isinstance(entry, list) else [_label(entry)] for entry in entries] for entries in (gold, predicted)
    )
    lengths = [len(labels) for labels in truth]
    if lengths != [len(labels) for labels in answer]:
        raise ValueError("there are not as many predicted labels as true ones")
    flat = [list(chain.from_iterable(entries)) for entries in (truth, answer)]
    names = tuple(sorted({*flat[0], *flat[1]}))
    index = {name: number for number, name in enumerate(names)}
    ids = [np.array([index[label] for label in labels], dtype=np.int64) for labels in flat]
    return Answers(names, ids[0], ids[1], np.array(lengths, dtype=np.int64))


def _label(entry: Any) -> str:
    """A label as it is; the right answers of a question (an object) as one label, their JSON."""
    return entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False, sort_keys=True)


def read_answers(path: Path) -> Answers:
    """The answers in an `examples.jsonl`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not such a file.
    """
    raw = path.read_bytes()
    found = None if b"\\" in raw else _scanned(raw)
    return found if found is not None else _parsed(raw)


def _parsed(raw: bytes) -> Answers:
    """By the JSON reader."""
    try:
        rows = [json.loads(line) for line in raw.splitlines()]
        return answers_of([row["gold"] for row in rows], [row["predicted"] for row in rows])
    except (KeyError, TypeError) as error:
        raise ValueError(f"a line is not of the form {{gold, predicted}}: {error}") from error


def _scanned(raw: bytes) -> Answers | None:
    """By the positions of quotation marks, or None where the lines are not of the usual form."""
    letters = np.frombuffer(raw, dtype=np.uint8)
    quotes = np.flatnonzero(letters == _QUOTE)
    if len(quotes) % 2 or not len(quotes) or not raw.endswith(b"\n"):
        return None
    starts, ends = quotes[0::2] + 1, quotes[1::2]
    names, ids = _distinct(raw, starts, ends - starts)
    keys = np.flatnonzero(letters[ends + 1] == _COLON)
    lines = raw.count(b"\n")
    if len(keys) != 2 * lines or not _alternate(ids[keys], names):
        return None
    counts = np.diff(keys, append=len(ids)) - 1  # labels after each key
    if not np.array_equal(counts[0::2], counts[1::2]):
        raise ValueError("there are not as many predicted labels as true ones")
    is_label = np.ones(len(ids), dtype=bool)
    is_label[keys] = False
    predicted = np.repeat(np.arange(2 * lines) % 2 == 1, counts)
    labels = ids[is_label]
    return _in_order(names, labels[~predicted], labels[predicted], counts[0::2])


def _alternate(keys: Integers, names: Sequence[bytes]) -> bool:
    """Whether the keys are `gold`, `predicted`, `gold`, ..."""
    return all((keys[first::2] == keys[first]).all() and names[keys[first]] == key for first, key in enumerate(_KEYS))


_KEYS = (_GOLD, _PREDICTED)


def _distinct(raw: bytes, starts: Integers, lengths: Integers) -> tuple[list[bytes], Integers]:
    """The distinct strings among those given by where they start, and for each string which of them it is."""
    words = -(-max(int(lengths.max()), 1) // 8)
    # Eight bytes from every position on, as one number each: a view, in which neighbours overlap.
    eights = np.ndarray((len(raw),), dtype="<u8", buffer=raw + bytes(8), strides=(1,))
    code = eights[starts] & _MASKS[np.minimum(lengths, 8)]
    for word in range(1, words):
        rest = np.maximum(lengths - 8 * word, 0)
        eight = eights[np.where(rest > 0, starts + 8 * word, 0)]
        code = code * _MULTIPLIER + (eight & _MASKS[np.minimum(rest, 8)])
    known = np.unique(code[:_LOOK_AT])
    ids = np.minimum(np.searchsorted(known, code), len(known) - 1)
    if not np.array_equal(known[ids], code):  # a label that the first lines do not have
        known, ids = np.unique(code, return_inverse=True)
    one_of = np.zeros(len(known), dtype=np.int64)
    one_of[ids] = np.arange(len(ids))
    return [raw[starts[index] : starts[index] + lengths[index]] for index in one_of], ids


_MASKS = np.array([(1 << 8 * count) - 1 for count in range(9)], dtype=np.uint64)
"""For each number of bytes that belong to a string, the mask that keeps them of eight."""

_LOOK_AT = 1000
"""Strings among which all labels of most files are: to look them up is faster than to sort all strings."""


def _in_order(names: Sequence[bytes], gold: Integers, predicted: Integers, lengths: Integers) -> Answers:
    """Labels in the order of code points, which for UTF-8 is that of the bytes; names of keys go."""
    used = np.bincount(gold, minlength=len(names)) + np.bincount(predicted, minlength=len(names))
    order = sorted(np.flatnonzero(used).tolist(), key=lambda index: names[index])
    rank = np.zeros(len(names), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return Answers(tuple(names[index].decode("utf-8") for index in order), rank[gold], rank[predicted], lengths)
