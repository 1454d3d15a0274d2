"""Sets lines and examples aside by what they say, not by where they stand: the same ones in any order of the data.

A line or group of examples is held out when its hash is among the smallest. So the held-out part of a corpus that grows
stays nearly the same, and one pass over the data is enough. Lines must be different ones: repeats are dropped before.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from madx_pipeline.data.examples import Example

Tokens = NDArray[np.int32]
"""Token ids of a line. Shape (tokens,)."""


def part(examples: Iterable[Example], share: float, *, held_out: bool) -> Iterator[Example]:
    """The held-out part of labelled data, or the rest of it, in their order.

    Args:
        examples: All of them.
        share: Share of the groups of examples (the articles of questions) that is held out (0 to 1).
        held_out: Which of the two parts.
    """
    return (example for example in examples if (_hash(example.group) < share * 2**64) == held_out)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


class _Row(NamedTuple):
    """A line; the larger its hash, the smaller it sorts, so that a heap gives up the largest hash first."""

    order: int
    tokens: Tokens


class HeldOut:
    """The held-out part of a corpus, while it is being read.

    Args:
        share: Share of the lines that is held out (0 to 1).
        most: Lines held out at most, whatever the share.
    """

    def __init__(self, share: float, most: int) -> None:
        self._bound = int(share * 2**64)
        self._most = most
        self._rows: list[_Row] = []
        self._spare: _Row | None = None

    def offer(self, line_hash: int, tokens: Tokens) -> list[Tokens]:
        """Takes a line, or hands back lines that are to train on: this one, or others that had to make room."""
        row = _Row(-line_hash, tokens)
        if line_hash >= self._bound:
            return self._refuse(row)
        heapq.heappush(self._rows, row)
        return self._refuse(heapq.heappop(self._rows)) if len(self._rows) > self._most else []

    def finish(self, trained: int) -> tuple[list[Tokens], list[Tokens]]:
        """The held-out lines, and lines that are to train on after all.

        Whatever the share, a line is held out and another is left to train on, if there are two.

        Args:
            trained: Lines handed back so far.
        """
        spare = [self._spare] if self._spare is not None else []
        if not self._rows:
            return [row.tokens for row in spare], []
        if not trained and not spare and len(self._rows) > 1:
            spare = [heapq.heappop(self._rows)]
        kept = sorted(self._rows, key=lambda row: row.order, reverse=True)
        return [row.tokens for row in kept], [row.tokens for row in spare]

    def _refuse(self, row: _Row) -> list[Tokens]:
        """Hands a row back, but keeps the one with the smallest hash of all refused: the last resort."""
        if self._spare is None:
            self._spare = row
            return []
        back = row
        if row.order > self._spare.order:
            self._spare, back = row, self._spare
        return [back.tokens]
