"""Windows of a corpus: lines as a language model reads them, out of a memory-mapped file.

A line that fits into a row is one window, between its special tokens. A longer one becomes several, and
nothing of it is cut: of nearly equal length, or full ones with the remainder as the last. An empty line is
none. How windows are put into rows is not said here (see packing.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from numpy.typing import NDArray

Ids = NDArray[np.int64]

_SPECIAL = 2
"""Special tokens of a window: one before, one after."""


@dataclass(frozen=True)
class WindowShape:
    """What a window looks like.

    Attributes:
        start_id: Special token before a window.
        end_id: Special token after a window.
        max_length: Tokens of the longest window, special tokens included.
        full: Whether a longer line becomes full windows and a remainder, or windows of nearly equal length.
    """

    start_id: int
    end_id: int
    max_length: int
    full: bool


class CorpusWindows:
    """The windows of `train.arrow` or `heldout.arrow`; only what is asked for is read from disk."""

    def __init__(self, file: Path, shape: WindowShape) -> None:
        self._shape = shape
        self._room = shape.max_length - _SPECIAL
        chunks: list[Any] = Dataset.from_file(str(file)).data.column("input_ids").chunks
        self._chunks = [chunk for chunk in chunks if len(chunk)]
        self._first = np.cumsum([0, *(len(chunk) for chunk in self._chunks)])
        lengths = [np.diff(chunk.offsets.to_numpy()) for chunk in self._chunks]
        self._tokens: Ids = np.concatenate([np.zeros(0, dtype=np.int64), *lengths]).astype(np.int64)
        self._before: Ids = np.concatenate([[0], np.cumsum(-(-self._tokens // self._room))])  # windows before a line

    def __len__(self) -> int:
        return int(self._before[-1])

    def window(self, number: int) -> Ids:
        """Token ids with special tokens, (length,), length at most `max_length`."""
        line = int(np.searchsorted(self._before, number, side="right")) - 1
        ids = self._line(line)
        if len(ids) > self._room:
            ends, place = np.cumsum(self._parts(len(ids))), number - int(self._before[line])
            ids = ids[ends[place - 1] if place else 0 : ends[place]]
        window = np.empty(len(ids) + _SPECIAL, dtype=np.int64)
        window[0], window[1:-1], window[-1] = self._shape.start_id, ids, self._shape.end_id
        return window

    def lengths(self) -> Ids:
        """Tokens of every window, special tokens included, (windows,)."""
        found = np.empty(len(self), dtype=np.int64)
        fits = self._tokens <= self._room
        found[self._before[:-1][fits & (self._tokens > 0)]] = self._tokens[fits & (self._tokens > 0)]
        for line in np.flatnonzero(~fits):
            found[self._before[line] : self._before[line + 1]] = self._parts(int(self._tokens[line]))
        return found + _SPECIAL

    def _parts(self, tokens: int) -> Ids:
        """Tokens of each window of a line, without special tokens."""
        windows = -(-tokens // self._room)
        if self._shape.full:
            return np.minimum(self._room, tokens - self._room * np.arange(windows))
        return tokens // windows + (np.arange(windows) < tokens % windows)

    def _line(self, number: int) -> Ids:
        chunk = int(np.searchsorted(self._first, number, side="right")) - 1
        values: pa.Array = self._chunks[chunk][number - int(self._first[chunk])].values
        ids: Ids = values.to_numpy(zero_copy_only=False)
        return ids
