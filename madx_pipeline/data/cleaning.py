"""What is kept of raw text: NFC, no empty, over-long or repeated lines; everything that goes is counted.

Memory does not grow with the corpus except for eight bytes a kept line, by which repeats are known: the
lines are compared by 64-bit hashes in sorted arrays. Among n different lines one is lost by chance with
probability n^2 / 2^65 (one in 90,000 for 20 million lines).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from madx_pipeline.data.text import Line

Hashes = NDArray[np.uint64]

BATCH_LINES = 1000
BATCH_CHARACTERS = 1 << 18
"""A batch ends at whichever comes first; together they bound what is in memory at a time."""


def cleaned(lines: Iterable[Line], max_characters: int, counts: Counter[str]) -> Iterator[str]:
    """Yields the lines that are worth keeping: stripped, in NFC, neither empty nor too long.

    Args:
        lines: Raw lines.
        max_characters: A line with more is dropped whole: a part of a document is no document.
        counts: Is added to: `read`, `empty`, `too_long` (dropped) and `normalised` (changed to NFC).
    """
    for line in lines:
        counts["read"] += 1
        text = line.text.strip()
        if not text:
            counts["empty"] += 1
        elif line.cut or len(text) > max_characters:
            counts["too_long"] += 1
        else:
            yield nfc(text, counts)


def nfc(text: str, counts: Counter[str]) -> str:
    """The text in Unicode normalisation form C; counts under `normalised` when that changed it."""
    if unicodedata.is_normalized("NFC", text):
        return text
    counts["normalised"] += 1
    return unicodedata.normalize("NFC", text)


def batched(lines: Iterable[str]) -> Iterator[list[str]]:
    """Cuts a stream of lines into batches of bounded size."""
    batch: list[str] = []
    characters = 0
    for line in lines:
        batch.append(line)
        characters += len(line)
        if len(batch) >= BATCH_LINES or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def line_hashes(lines: Sequence[str]) -> Hashes:
    """A 64-bit hash per line, the same on every machine. Shape (lines,)."""
    digests = b"".join(blake2b(line.encode("utf-8"), digest_size=8).digest() for line in lines)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64, copy=False)


class SeenLines:
    """Knows which lines were there before.

    The hashes lie in sorted arrays whose sizes at least double from one to the next, merged as they
    grow, so that there are few of them and each line is moved only a logarithmic number of times.
    """

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def first_times(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Whether each line of a batch is there for the first time; remembers them. Shape (lines,)."""
        new, first = np.unique(hashes, return_index=True)
        known = np.zeros(len(new), dtype=bool)
        for run in self._runs:
            places = np.searchsorted(run, new)
            known |= run[np.minimum(places, len(run) - 1)] == new
        fresh = np.zeros(len(hashes), dtype=bool)
        fresh[first[~known]] = True
        self._remember(new[~known])
        return fresh

    def _remember(self, sorted_hashes: Hashes) -> None:
        if not len(sorted_hashes):
            return
        self._runs.append(sorted_hashes)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            merged = np.concatenate([self._runs.pop(), self._runs.pop()])
            merged.sort()
            self._runs.append(merged)
