"""Rows of a corpus as a language model reads them, out of a memory-mapped file.

Line by line, each line is a row of its own; a longer one is split into windows of nearly equal length,
never cut. Otherwise lines run on: they are joined, each with its special tokens, and cut into full rows
(the default of the field's own scripts); the rest at the end is a shorter row.
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


@dataclass(frozen=True)
class RowShape:
    """What a row looks like.

    Attributes:
        start_id: Special token before a line.
        end_id: Special token after a line.
        max_length: Tokens of the longest row, special tokens included.
        line_by_line: Whether a row holds (a window of) one line, or as many as fit.
    """

    start_id: int
    end_id: int
    max_length: int
    line_by_line: bool


class CorpusRows:
    """The rows of `train.arrow` or `heldout.arrow`; only what is asked for is read from disk."""

    def __init__(self, file: Path, shape: RowShape) -> None:
        self._shape = shape
        chunks: list[Any] = Dataset.from_file(str(file)).data.column("input_ids").chunks
        self._chunks = [chunk for chunk in chunks if len(chunk)]
        self._first = np.cumsum([0, *(len(chunk) for chunk in self._chunks)])
        lengths = [np.diff(chunk.offsets.to_numpy()) for chunk in self._chunks]
        self._lengths: Ids = np.concatenate([np.zeros(0, dtype=np.int64), *lengths]).astype(np.int64)
        # Line by line: windows before a line. Else: tokens before it, special tokens included.
        sizes = self._windows(self._lengths) if shape.line_by_line else self._lengths + 2
        self._before: Ids = np.concatenate([[0], np.cumsum(sizes)])

    def __len__(self) -> int:
        total = int(self._before[-1])
        return total if self._shape.line_by_line else -(-total // self._shape.max_length)

    def row(self, index: int) -> Ids:
        """Token ids with special tokens, (length,), length at most `max_length`."""
        return self._window(index) if self._shape.line_by_line else self._stretch(index)

    def _windows(self, lengths: Ids) -> Ids:
        room = self._shape.max_length - 2
        return -(-lengths // room)

    def _window(self, index: int) -> Ids:
        line = int(np.searchsorted(self._before, index, side="right")) - 1
        ids = self._line(line)
        windows = int(self._before[line + 1] - self._before[line])
        part = np.array_split(ids, windows)[index - int(self._before[line])]
        return self._wrapped(part)

    def _stretch(self, index: int) -> Ids:
        begin = index * self._shape.max_length
        end = min(begin + self._shape.max_length, int(self._before[-1]))
        first = int(np.searchsorted(self._before, begin, side="right")) - 1
        last = int(np.searchsorted(self._before, end, side="left"))
        joined = np.concatenate([self._wrapped(self._line(line)) for line in range(first, last)])
        offset = begin - int(self._before[first])
        return joined[offset : offset + end - begin]

    def _wrapped(self, ids: Ids) -> Ids:
        return np.concatenate([[self._shape.start_id], ids, [self._shape.end_id]]).astype(np.int64)

    def _line(self, number: int) -> Ids:
        chunk = int(np.searchsorted(self._first, number, side="right")) - 1
        values: pa.Array = self._chunks[chunk][number - int(self._first[chunk])].values
        ids: Ids = values.to_numpy(zero_copy_only=False)
        return ids
