"""Writes rows of token ids as an arrow stream, a bounded number at a time.

The file is what `datasets.Dataset.from_file` maps into memory: one column, `input_ids`, a list of 32-bit
integers a row.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_ROWS_A_BATCH = 10_000
_TOKENS_A_BATCH = 1 << 20
SCHEMA: Any = pa.schema([("input_ids", pa.list_(pa.int32()))])


class TokenRows:
    """An arrow file that is being written.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.rows = 0
        """Rows added so far."""
        self._pending: list[NDArray[np.int32]] = []
        self._pending_tokens = 0
        self._sink: Any = pa.OSFile(str(path), "wb")
        self._writer: Any = pa.ipc.new_stream(self._sink, SCHEMA)

    def add(self, ids: NDArray[np.int32]) -> None:
        """Adds a row. Shape (tokens,)."""
        self.rows += 1
        self._pending.append(ids)
        self._pending_tokens += len(ids)
        if len(self._pending) >= _ROWS_A_BATCH or self._pending_tokens >= _TOKENS_A_BATCH:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
        self._sink.close()

    def _flush(self) -> None:
        if not self._pending:
            return
        offsets = np.zeros(len(self._pending) + 1, dtype=np.int32)
        np.cumsum([len(ids) for ids in self._pending], out=offsets[1:])
        column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(self._pending)))
        self._writer.write_batch(pa.record_batch([column], schema=SCHEMA))
        self._pending, self._pending_tokens = [], 0
