"""One pass over the text of a language: clean, drop repeats, tokenise, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from madx_pipeline.data.cleaning import SeenLines, batched, cleaned, line_hashes
from madx_pipeline.data.measure import Measure
from madx_pipeline.data.raw_text import RawText
from madx_pipeline.data.tokens import Tokens

DROPPED = ("empty", "too_long", "duplicate", "no_tokens")
"""Why a line is not kept; `no_tokens` are lines of characters that the tokenizer ignores."""


class CorpusPass:
    """The kept lines of a text as token ids, and what was found on the way.

    Args:
        text: The raw text.
        tokens: The base model's tokenizer.
        max_characters: Characters of a line at most.
        max_lines: Lines read at most, or None.
    """

    def __init__(self, text: RawText, tokens: Tokens, *, max_characters: int, max_lines: int | None) -> None:
        self.counts: Counter[str] = Counter()
        """`read`, `normalised`, and the reasons in `DROPPED`."""
        self.measure = Measure(tokens.unknown)
        self._tokens = tokens
        self._seen = SeenLines()
        self._lines = cleaned(islice(text.lines, max_lines), max_characters, self.counts)

    def batches(self) -> Iterator[list[tuple[int, NDArray[np.int32]]]]:
        """Yields the kept lines in batches: 64-bit hash and token ids of each."""
        for lines in batched(self._lines):
            hashes = line_hashes(lines)
            fresh = self._seen.first_times(hashes)
            self.counts["duplicate"] += int((~fresh).sum())
            kept = [line for line, keep in zip(lines, fresh, strict=True) if keep]
            yield self._tokenised(kept, hashes[fresh].tolist())

    def _tokenised(self, lines: list[str], hashes: list[int]) -> list[tuple[int, NDArray[np.int32]]]:
        ids = self._tokens.of_texts(lines)
        self.measure.add(lines, ids)
        kept = [(line_hash, np.array(row, dtype=np.int32)) for line_hash, row in zip(hashes, ids, strict=True) if row]
        self.counts["no_tokens"] += len(lines) - len(kept)
        return kept
