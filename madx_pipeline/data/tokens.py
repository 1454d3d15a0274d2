"""Text to token ids, without special tokens, by the base model's own tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from madx_pipeline.tokenizer import load_tokenizer, without_special


class Tokens:
    """The base model's tokenizer, bare: no special tokens, no truncation, no padding.

    Whatever in a text spells a special token becomes the unknown token.

    Args:
        folder: Folder that `AutoTokenizer` loads.

    Raises:
        JobError: If there is no fast tokenizer with an unknown token in it.
    """

    def __init__(self, folder: Path) -> None:
        tokenizer: Any = load_tokenizer(folder)
        self.unknown: int = tokenizer.unk_token_id
        """Id of the unknown token."""
        self._special = frozenset(tokenizer.all_special_ids)
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()

    def of_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return self._plain(self._backend.encode_batch_fast(list(texts), add_special_tokens=False))

    def of_words(self, sentences: Iterable[Sequence[str]]) -> list[list[int]]:
        """Token ids of each sentence that is already cut into words."""
        batch = [list(words) for words in sentences]
        return self._plain(self._backend.encode_batch_fast(batch, is_pretokenized=True, add_special_tokens=False))

    def _plain(self, encodings: Iterable[Any]) -> list[list[int]]:
        """Ids without special ones; most rows have none and are handed on as they are."""
        rows: Iterable[list[int]] = (encoding.ids for encoding in encodings)
        return [
            row if self._special.isdisjoint(row) else without_special(row, self._special, self.unknown) for row in rows
        ]
