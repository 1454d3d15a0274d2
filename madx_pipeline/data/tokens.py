"""Text to token ids, without special tokens, by the base model's own tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from madx_pipeline.errors import JobError


class Tokens:
    """The base model's tokenizer, bare: no special tokens, no truncation, no padding.

    Args:
        folder: Folder that `AutoTokenizer` loads.

    Raises:
        JobError: If there is no fast tokenizer in it.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), use_fast=True, trust_remote_code=False)
        if not tokenizer.is_fast:
            raise JobError(
                f"the base model's tokenizer ({type(tokenizer).__name__}) has no fast version.",
                "Take a base model with a tokenizer.json.",
            )
        self.unknown: int | None = tokenizer.unk_token_id
        """Id of the unknown token, or None where there is none (byte-level vocabularies)."""
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()

    def of_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def of_words(self, sentences: Iterable[Sequence[str]]) -> list[list[int]]:
        """Token ids of each sentence that is already cut into words."""
        batch = [list(words) for words in sentences]
        encodings = self._backend.encode_batch_fast(batch, is_pretokenized=True, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]
